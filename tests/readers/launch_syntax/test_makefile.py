from pathlib import Path

from launcher_reading import lines, pointed_at, read

TEXT = """\
PYTHON ?= python3
LR := 2e-4
ARGS = --lr $(LR) \\
   --r 8
NUM := $(shell nvidia-smi -L | wc -l)

train: data  # the run
\t@$(PYTHON) train.py $(ARGS) \\
\t\t--out out/$@ --n $(NUM) --q '$(EXTRA)'
big: LR = 1e-5
big:
\tcd sub && python train.py --lr=$(LR) $$1
"""


def test_recipes_are_read_with_the_variables_filled_in() -> None:
    script = read(TEXT, name="Makefile")
    assert lines(script) == [
        "python3|train.py|--lr|2e-4|--r|8|--out|out/train|--n|?$(shell nvidia-smi -L | wc -l)"
        "|--q|?$(EXTRA)",
        "python|train.py|--lr=1e-5|?$$1",
    ]
    first, second = script.commands
    assert (first.condition, second.condition) == ("make train", "make big")
    assert (first.source.line, first.source.column) == (8, 3)
    assert second.folder == "/nowhere/sub"
    assert first.words[-1].unknown == "the variable EXTRA is not given to make here"


def test_a_value_leads_from_its_definition_to_its_use() -> None:
    (first, _) = read(TEXT, name="Makefile").commands
    rate = first.words[3]
    assert [(pointed_at(TEXT, one), one.via) for one in rate.origin] == [
        ("2e-4", "variable LR"),
        ("$(LR)", "variable ARGS"),
        ("$(ARGS)", "written in the command"),
    ]


def test_conditionals_that_are_known_are_decided() -> None:
    text = (
        "A = 1\nifeq ($(A),1)\nX = one\nelse\nX = two\nendif\nifdef CONFIG\nX += $(CONFIG)\nendif\n"
        "ifeq ($(shell uname),Linux)\nY = 1\nendif\nt:\n\tpython $(X) $(Y)\n"
    )
    script = read(text, name="Makefile")
    assert lines(script) == ["python|one|?$(Y)"]
    assert "make is given no CONFIG" in script.assumptions


def test_each_line_is_a_shell_of_its_own_unless_one_is_asked_for() -> None:
    text = "t:\n\tcd sub\n\tX=1\n\tpython $$X\n"
    (apart,) = read(text, name="Makefile").commands
    assert (apart.folder, apart.words[1].unknown is None) == ("/nowhere", False)
    (together,) = read(".ONESHELL:\n" + text, name="Makefile").commands
    assert (together.folder, together.words[1].text) == ("/nowhere/sub", "1")


def test_functions_and_included_files(tmp_path: Path) -> None:
    (tmp_path / "common.mk").write_text("M = meta/llama\ninclude Makefile\n")
    text = "include common.mk\nt:\n\tpython $(notdir $(M)) $(subst a,o,$(M)) $(wildcard *)\n"
    (tmp_path / "Makefile").write_text(text)
    found = lines(read(text, tmp_path, name="Makefile"))
    assert found[-1] == "python|llama|meto/llomo|?$(wildcard *)"


def test_exported_variables_reach_the_command() -> None:
    text = "export CUDA_VISIBLE_DEVICES = 0,1\nt:\n\tfor i in 1 2; do python $$i; done\n"
    script = read(text, name="Makefile")
    assert lines(script) == ["python|1", "python|2"]
    assert script.commands[0].environment["CUDA_VISIBLE_DEVICES"].text == "0,1"
