"""Configuration files that a program writes for what it starts then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from qlint.readers import read
from qlint.readers.python.containers import from_python
from qlint.readers.python.libraries.written_files import written_lines
from qlint.readers.request import Request
from qlint.recipe import Reading, State

ARGUMENTS = """\
import json, subprocess, sys
from pathlib import Path
import torch, yaml
from omegaconf import OmegaConf
arguments = dict(
    model_name_or_path="Qwen/Qwen3-4B",
    stage="sft", do_train=True, finetuning_type="lora", dataset="identity", template="qwen3",
    lora_rank=8, lora_target="all", quantization_bit=4,
    per_device_train_batch_size=2, gradient_accumulation_steps=4,
    learning_rate=5e-5,
    bf16=torch.cuda.is_bf16_supported(),
)
"""
START = 'subprocess.run(["llamafactory-cli", "train", "{name}"])\n'
WAYS = {
    "json.dump into open": ("a.json", 'json.dump(arguments, open("a.json", "w"), indent=2)'),
    "json.dump under with": (
        "a.json",
        'with open("a.json", "w") as f:\n    json.dump(arguments, f)',
    ),
    "yaml.dump": ("a.yaml", 'with open("a.yaml", "w") as f:\n    yaml.dump(arguments, f)'),
    "yaml.safe_dump": ("a.yml", 'yaml.safe_dump(arguments, stream=open("a.yml", "w"))'),
    "text of json": (
        "a.json",
        'with open("a.json", "w") as f:\n    f.write(json.dumps(arguments))',
    ),
    "a path": ("a.json", 'Path("a.json").write_text(json.dumps(arguments))'),
    "text of yaml": ("a.yaml", 'Path("a.yaml").write_text(yaml.dump(arguments))'),
    "OmegaConf": ("a.yaml", 'OmegaConf.save(OmegaConf.create(arguments), "a.yaml")'),
}


def read_program(folder: Path, text: str) -> Reading:
    path = folder / "launch.py"
    path.write_text(text)
    return read(str(path), text.encode(), Request(root=str(folder), display_path="launch.py"))


@pytest.mark.parametrize("way", WAYS)
def test_what_is_written_is_read_where_it_is_started(tmp_path: Path, way: str) -> None:
    name, line = WAYS[way]
    reading = read_program(tmp_path, f"{ARGUMENTS}{line}\n{START.format(name=name)}")
    assert len(reading.recipes) == 1, reading
    recipe = reading.recipes[0]
    assert recipe.framework == "llamafactory"
    assert recipe.value("learning_rate") == 5e-5
    assert recipe.value("target_modules") == "all-linear"
    assert recipe.value("effective_batch_size") == 8
    said = recipe["learning_rate"].origin[0]
    start = "    learning_rate="
    assert (said.path, said.line, said.column) == ("launch.py", 10, len(start) + 1)
    assert (said.end_line, said.end_column) == (10, len(start) + len("5e-5") + 1)
    assert recipe["bf16"].state is State.UNKNOWN
    assert "hardware-dependent" in (recipe["bf16"].reason or "")
    assert not reading.notes


def test_a_file_holds_what_was_known_when_it_was_written(tmp_path: Path) -> None:
    steps = "".join(
        f"arguments['learning_rate'] = {rate}\njson.dump(arguments, open('{name}.json', 'w'))\n"
        for name, rate in (("a", 1e-4), ("b", 2e-4))
    )
    text = f"{ARGUMENTS}{steps}{START.format(name='a.json')}{START.format(name='b.json')}"
    rates = [recipe.value("learning_rate") for recipe in read_program(tmp_path, text).recipes]
    assert rates == [1e-4, 2e-4]


def test_text_has_its_own_lines(tmp_path: Path) -> None:
    text = (
        'import subprocess\nwith open("a.yaml", "w") as f:\n    f.write("""\\\n'
        "model_name_or_path: Qwen/Qwen3-4B\nstage: sft\ndo_train: true\nfinetuning_type: lora\n"
        'dataset: identity\ntemplate: qwen3\nlora_target: all\nlearning_rate: 1.0e-4\n""")\n'
        + START.format(name="a.yaml")
    )
    recipe = read_program(tmp_path, text).recipes[0]
    assert recipe.value("learning_rate") == 1e-4
    assert (recipe["learning_rate"].origin[0].path, recipe["learning_rate"].origin[0].line) == (
        "launch.py",
        text.split("\n").index("learning_rate: 1.0e-4") + 1,
    )


def test_a_file_that_is_written_in_some_cases_only_is_not_there(tmp_path: Path) -> None:
    line = "if sys.stdin.read():\n    json.dump(arguments, open('a.json', 'w'))\n"
    reading = read_program(tmp_path, f"{ARGUMENTS}{line}{START.format(name='a.json')}")
    assert all(one["learning_rate"].state is State.UNKNOWN for one in reading.recipes)


def test_a_program_reads_back_what_it_wrote(tmp_path: Path) -> None:
    text = (
        ARGUMENTS + "json.dump(arguments, open('a.json', 'w'))\narguments['learning_rate'] = 1.0\n"
        "from transformers import Trainer, TrainingArguments\n"
        "cfg = json.load(open('a.json'))\n"
        "args = TrainingArguments('o', learning_rate=cfg['learning_rate'])\n"
        "Trainer(model=None, args=args).train()\n"
    )
    assert read_program(tmp_path, text).recipes[0].value("learning_rate") == 5e-5


def test_values_within_values_without_end_are_no_file(tmp_path: Path) -> None:
    bomb = "a = [1]\nfor _ in range(30):\n    a = [a] * 10\narguments['x'] = a\n"
    own = "arguments['self'] = arguments\n"
    for extra in (bomb, own):
        dumped = f"{extra}json.dump(arguments, open('a.json', 'w'))\n"
        reading = read_program(tmp_path, f"{ARGUMENTS}{dumped}{START.format(name='a.json')}")
        assert all(one["learning_rate"].state is State.UNKNOWN for one in reading.recipes)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("abc {}$:#'\"-_\\", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab_", max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abcd_", min_size=1, max_size=4), PLAIN, min_size=1, max_size=4))
def test_yaml_and_json_read_the_same_from_what_is_written(content: dict[str, object]) -> None:
    lines = written_lines(from_python(content, None))
    assert lines is not None
    text = "\n".join(line for line, _ in lines)
    assert json.loads(text) == content
    assert yaml.safe_load(text) == content
