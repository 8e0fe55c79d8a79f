"""Shell lines and magics: files written, scripts started, versions installed."""

from __future__ import annotations

from pathlib import Path

from notebook_building import MODEL, TRAIN, only_field, read_cells

SCRIPT = f"""\
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
given = parser.parse_args()
{MODEL}args = TrainingArguments("o", learning_rate=given.lr)
{TRAIN}
"""


def test_a_script_beside_the_notebook_is_read_with_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    reading = read_cells(tmp_path, "x = 1", "!pip install x\n!python train.py --lr 2e-4")
    field = only_field(reading, "learning_rate")
    assert field.value == 2e-4
    said, used = field.origin[0], field.origin[-1]
    assert (said.path, said.cell, said.line) == ("nb.ipynb", 2, 2)
    assert said.column == len("!python train.py --lr ") + 1
    assert (used.path, used.cell) == ("train.py", None)
    source = reading.recipes[0].source
    assert (source.path, source.cell, source.line) == ("nb.ipynb", 2, 2)


def test_default_of_the_script(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    field = only_field(read_cells(tmp_path, "!accelerate launch train.py"), "learning_rate")
    assert field.value == 1e-3
    assert field.origin[0].path == "train.py"


def test_variables_of_the_notebook_are_filled_in(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    reading = read_cells(tmp_path, "cfg = {'lr': 3e-4}\nname = 'train'",
                         "!python {name}.py --lr {cfg['lr']}")  # fmt: skip
    assert only_field(reading, "learning_rate").value == 3e-4
    line = "!python {name}.py --lr {lr}"
    reading = read_cells(tmp_path, f"lr = 4e-4; name = 'train'\n{line}")
    field = only_field(reading, "learning_rate")
    assert field.value == 4e-4
    assert (field.origin[0].line, field.origin[0].column) == (1, 6), "where lr is assigned"
    used = next(one for one in field.origin if one.line == 2)
    assert used.column == line.index("{lr}") + 1
    reading = read_cells(tmp_path, "lr = 4e-4\n!python train.py --lr $lr")
    assert only_field(reading, "learning_rate").value == 4e-4
    several = "rest = '--lr 5e-4 && ls'\n!python train.py {rest}"
    assert only_field(read_cells(tmp_path, several), "learning_rate").value == 5e-4
    quoted = "lr = 6e-4\n!python train.py --lr '{lr}'"
    assert only_field(read_cells(tmp_path, quoted), "learning_rate").value == 6e-4


def test_a_value_that_is_not_known_stays_unknown(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    reading = read_cells(tmp_path, "lr = input()", "!python train.py --lr {lr}")
    field = only_field(reading, "learning_rate")
    assert field.state.value == "unknown"
    assert "only when the notebook runs" in (field.reason or "")


def test_a_written_script_is_read_where_it_stands(tmp_path: Path) -> None:
    reading = read_cells(tmp_path, "%%writefile train.py\n" + SCRIPT, "!python train.py")
    field = only_field(reading, "learning_rate")
    assert field.value == 1e-3
    origin = field.origin[0]
    assert (origin.path, origin.cell, origin.line) == ("nb.ipynb", 1, 4)
    lines = (tmp_path / "nb.ipynb").read_text().split("\n")
    assert "--lr" in lines[(origin.physical_line or 0) - 1]


def test_each_start_sees_the_file_as_it_is_then(tmp_path: Path) -> None:
    reading = read_cells(
        tmp_path,
        "%%writefile /content/train.py\n" + SCRIPT,
        "!python /content/train.py",
        "%%writefile train.py\n" + SCRIPT.replace("1e-3", "5e-3"),
        "!python train.py",
    )
    assert [recipe.value("learning_rate") for recipe in reading.recipes] == [1e-3, 5e-3]


def test_a_written_configuration(tmp_path: Path) -> None:
    reading = read_cells(
        tmp_path,
        "%%writefile cfg.yaml\ntrain:\n  lr: 0.0002\n",
        "import yaml\ncfg = yaml.safe_load(open('cfg.yaml'))",
        MODEL,
        f"args = TrainingArguments('o', learning_rate=cfg['train']['lr'])\n{TRAIN}",
    )
    field = only_field(reading, "learning_rate")
    assert field.value == 0.0002
    assert (field.origin[0].cell, field.origin[0].line, field.origin[0].column) == (1, 3, 7)


def test_a_written_module_is_imported(tmp_path: Path) -> None:
    reading = read_cells(
        tmp_path,
        "%%file settings.py\nlr = 6e-4",
        MODEL,
        f"from settings import lr\nargs = TrainingArguments('o', learning_rate=lr)\n{TRAIN}",
    )
    field = only_field(reading, "learning_rate")
    assert field.value == 6e-4
    assert (field.origin[0].path, field.origin[0].cell, field.origin[0].line) == ("nb.ipynb", 1, 2)


def test_run_shares_names(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("import sys\nlr = float(sys.argv[1])\n")
    (tmp_path / "common.ipynb").write_bytes(
        (tmp_path / "settings.py").read_bytes() and _common_notebook()
    )
    reading = read_cells(
        tmp_path,
        "%run settings.py 2e-5\n%run ./common.ipynb",
        MODEL,
        f"args = TrainingArguments('o', learning_rate=lr, num_train_epochs=epochs)\n{TRAIN}",
    )
    assert only_field(reading, "learning_rate").value == 2e-5
    epochs = only_field(reading, "num_train_epochs")
    assert epochs.value == 7
    assert (epochs.origin[0].path, epochs.origin[0].cell) == (
        str(tmp_path / "common.ipynb"),
        2,
    ) or (
        epochs.origin[0].path,
        epochs.origin[0].cell,
    ) == ("common.ipynb", 2)


def _common_notebook() -> bytes:
    from notebook_building import notebook, text

    return notebook(text("x"), "epochs = 7")


def test_a_notebook_that_runs_itself_ends(tmp_path: Path) -> None:
    reading = read_cells(
        tmp_path, "%run nb.ipynb", MODEL, f"args = TrainingArguments('o')\n{TRAIN}"
    )
    assert len(reading.recipes) == 1


def test_folder_and_environment(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "train.py").write_text(SCRIPT)
    reading = read_cells(tmp_path, "%cd sub\n%env LR=7e-4", "!python train.py --lr $LR")
    assert only_field(reading, "learning_rate").value == 7e-4


def test_versions_that_the_notebook_installs(tmp_path: Path) -> None:
    reading = read_cells(
        tmp_path,
        '%%capture\n!pip install -q "transformers==4.44.2" trl[all]==0.9.6\n',
        "pip install peft==0.11.1\n!pip install accelerate",
        MODEL,
        f"args = TrainingArguments('o')\n{TRAIN}",
    )
    versions = reading.recipes[0].versions
    assert versions["transformers"] == {
        "version": "4.44.2",
        "source": "installed in cell 1, line 2",
    }
    assert versions["trl"]["version"] == "0.9.6"
    assert versions["peft"]["source"] == "installed in cell 2, line 1"
    assert "transformers 4.44.2" in (only_field(reading, "optim").origin[-1].via or "")


def test_processes_of_a_launcher(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    reading = read_cells(tmp_path, "!torchrun --nproc_per_node=4 train.py --lr 1e-4")
    assert only_field(reading, "world_size").value == 4
    assert only_field(reading, "effective_batch_size").value == 32
    assert only_field(reading, "distributed").value == "ddp"


def test_a_script_that_is_not_there_is_said(tmp_path: Path) -> None:
    reading = read_cells(tmp_path, "!python train.py --lr 1e-4\n!python evaluate.py")
    assert reading.recipes == ()
    (problem,) = reading.problems
    assert not problem.fatal
    assert problem.message.startswith("train.py, started here, is not there")
    assert (problem.cell, problem.line) == (1, 1)


def test_nothing_outside_the_root_is_read(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    inner = tmp_path / "inner"
    inner.mkdir()
    reading = read_cells(inner, "!python ../train.py\n%run ../train.py\n%cd ..\n!python train.py")
    assert reading.recipes == ()
