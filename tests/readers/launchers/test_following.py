"""A command joined to the script or the configuration that it starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from launching import command, request, write

from qlint.readers import read
from qlint.readers.commands import Command
from qlint.readers.launchers import follow
from qlint.readers.places import LineMap, Place, WrittenFile
from qlint.recipe import Reading, Recipe, State

SCRIPT = """\
import argparse
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments
from peft import LoraConfig, get_peft_model
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--accumulation", type=int, default=2)
parser.add_argument("--deepspeed", default=None)
given = parser.parse_args()
model = AutoModelForCausalLM.from_pretrained("gpt2")
model = get_peft_model(model, LoraConfig(r=8))
args = TrainingArguments(
    "out", learning_rate=given.lr, per_device_train_batch_size=4, deepspeed=given.deepspeed,
    gradient_accumulation_steps=given.accumulation,
)
Trainer(model=model, args=args).train()
"""
AXOLOTL = """\
base_model: meta-llama/Llama-2-7b-hf
load_in_4bit: true
adapter: qlora
lora_r: 16
lora_alpha: 32
micro_batch_size: 2
gradient_accumulation_steps: 4
learning_rate: 0.0002
datasets: [{path: x, type: alpaca}]
"""


def follow_in(folder: Path, *lines: str, files: dict[str, str] | None = None) -> Reading:
    """Follow commands that stand in ``run.sh`` of a project."""
    write(folder, {"train.py": SCRIPT, **(files or {})})
    commands = [command(line, str(folder)) for line in lines]
    return follow(commands, request(folder), str(folder / "run.sh"))


def only(reading: Reading) -> Recipe:
    assert len(reading.recipes) == 1, reading
    return reading.recipes[0]


def test_a_value_shows_both_ends(tmp_path: Path) -> None:
    recipe = only(follow_in(tmp_path, "python train.py --lr 2e-4"))
    field = recipe["learning_rate"]
    assert (field.state, field.value) == (State.SET, 2e-4)
    assert (field.origin[0].path, field.origin[0].line, field.origin[0].column) == ("run.sh", 3, 22)
    assert ("train.py", 5) in [(one.path, one.line) for one in field.origin]
    assert recipe.kind == "shell"
    assert (recipe.source.path, recipe.source.line) == ("run.sh", 3)
    assert recipe.id == "run.sh:3"
    assert recipe.inputs == ("train.py",)
    assert any(
        "train.py is started by run.sh:3 with --lr 2e-4" in one for one in recipe.assumptions
    )
    assert not any(one.startswith("argv is") for one in recipe.assumptions)


def test_what_the_command_leaves_out_is_the_scripts_default(tmp_path: Path) -> None:
    recipe = only(follow_in(tmp_path, "python train.py --accumulation 8"))
    assert recipe["learning_rate"].origin[0].path == "train.py"
    assert recipe.value("learning_rate") == 1e-3


def test_a_word_that_is_not_known_loses_its_option_only(tmp_path: Path) -> None:
    recipe = only(follow_in(tmp_path, "python train.py --lr $LR --accumulation 8"))
    assert recipe["learning_rate"].state is State.UNKNOWN
    assert "$LR is not set here" in (recipe["learning_rate"].reason or "")
    assert recipe.value("gradient_accumulation_steps") == 8


def test_processes_make_the_batch(tmp_path: Path) -> None:
    recipe = only(follow_in(tmp_path, "torchrun --nproc_per_node 2 --nnodes 3 train.py"))
    assert recipe.value("world_size") == 6
    assert recipe["world_size"].origin[0].path == "run.sh"
    assert recipe.value("distributed") == "ddp"
    assert recipe.value("effective_batch_size") == 4 * 2 * 6
    assert "one process" not in recipe.assumptions


def test_processes_that_are_not_known_leave_the_batch_open(tmp_path: Path) -> None:
    recipe = only(follow_in(tmp_path, "torchrun --nproc_per_node gpu train.py"))
    assert recipe["world_size"].state is State.UNKNOWN
    assert recipe["effective_batch_size"].state is State.UNKNOWN
    assert "depends on the machine" in (recipe["world_size"].reason or "")


@pytest.mark.parametrize(
    ("line", "script"),
    [
        ("python scripts/train.py", "scripts/train.py"),
        ("python -m package.train", "src/package/train.py"),
        ("python -m package", "package/__main__.py"),
        ("python /workspace/deep/train.py", "deep/train.py"),
        ("python $ROOT/deep/train.py", "deep/train.py"),
        ("python ../train.py", "train.py"),
        ("uv run deep/train.py", "deep/train.py"),
    ],
)
def test_where_a_script_is_found(tmp_path: Path, line: str, script: str) -> None:
    write(tmp_path, {script: SCRIPT})
    reading = follow([command(line, str(tmp_path))], request(tmp_path), str(tmp_path / "run.sh"))
    assert only(reading).inputs == (script,)


def test_the_folder_of_the_command_comes_first(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": "", "sub/train.py": SCRIPT, "bin/run.sh": ""})
    commands = [command("python train.py", str(tmp_path / "sub"))]
    reading = follow(commands, request(tmp_path), str(tmp_path / "bin" / "run.sh"))
    assert only(reading).inputs == ("sub/train.py",)


def test_a_presumed_place_is_said(tmp_path: Path) -> None:
    write(tmp_path, {"deep/train.py": SCRIPT})
    line = "python /data/me/deep/train.py"
    reading = follow([command(line, str(tmp_path))], request(tmp_path), str(tmp_path / "run.sh"))
    assert "/data/me/deep/train.py is deep/train.py" in only(reading).assumptions


def test_nothing_outside_the_root_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": SCRIPT, "inner/run.sh": ""})
    inner = tmp_path / "inner"
    lines = ["python ../train.py", f"python {tmp_path}/train.py", "python ~/train.py"]
    commands = [command(line, str(inner)) for line in lines]
    reading = follow(commands, request(inner), str(inner / "run.sh"))
    assert reading.recipes == ()


def test_a_script_that_is_not_there_is_said_once(tmp_path: Path) -> None:
    reading = follow_in(tmp_path, "python finetune.py", "python finetune.py", "python evaluate.py")
    (problem,) = reading.problems
    assert not problem.fatal
    assert problem.message == "finetune.py, started here, is not there: pass its folder too"
    assert (problem.path, problem.line) == ("run.sh", 3)


def test_what_trains_nothing_is_silent(tmp_path: Path) -> None:
    reading = follow_in(
        tmp_path, "python -m pytest", "python serve.py", "ls", "bash", "python train_test.py",
        files={"serve.py": "print(1)"},
    )  # fmt: skip
    assert (reading.recipes, reading.problems) == ((), ())


def test_a_condition_is_a_premise(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": SCRIPT})
    commands = [command("python train.py", str(tmp_path), conditions=("$MODE = full",))]
    reading = follow(commands, request(tmp_path), str(tmp_path / "run.sh"))
    assert "it runs if $MODE = full" in only(reading).assumptions


def test_equal_commands_are_one_and_others_are_several(tmp_path: Path) -> None:
    reading = follow_in(tmp_path, *["python train.py --lr 1e-4"] * 3, "python train.py --lr 2e-4")
    assert [one.value("learning_rate") for one in reading.recipes] == [1e-4, 2e-4]
    assert [one.id for one in reading.recipes] == ["run.sh:3", "run.sh:3#2"]


def test_a_framework_reads_its_configuration(tmp_path: Path) -> None:
    files = {"config.yml": AXOLOTL}
    recipe = only(
        follow_in(tmp_path, "accelerate launch --num_processes 2 -m axolotl.cli.train config.yml",
                  files=files)
    )  # fmt: skip
    assert recipe.framework == "axolotl"
    assert recipe.value("lora_r") == 16
    assert recipe["lora_r"].origin[0].path == "config.yml"
    assert recipe.value("world_size") == 2
    assert recipe.value("effective_batch_size") == 16
    assert recipe.inputs == ("config.yml",)


def test_a_command_overrides_a_configuration(tmp_path: Path) -> None:
    recipe = only(
        follow_in(tmp_path, "axolotl train config.yml --lora-r 8", files={"config.yml": AXOLOTL})
    )
    field = recipe["lora_r"]
    assert field.value == 8
    assert [one.path for one in field.origin] == ["run.sh", "config.yml"]


def test_a_file_that_the_launcher_writes(tmp_path: Path) -> None:
    places = LineMap("run.sh")
    for number in range(1, AXOLOTL.count("\n") + 1):
        places.add(Place(number + 10))
    path = str(tmp_path / "made.yml")
    written = {path: WrittenFile(AXOLOTL.encode(), places)}
    commands = [command("axolotl train made.yml", str(tmp_path), written=written)]
    recipe = only(follow(commands, request(tmp_path), str(tmp_path / "run.sh")))
    assert (recipe["lora_r"].origin[0].path, recipe["lora_r"].origin[0].line) == ("run.sh", 14)
    assert recipe.inputs == ()


def test_a_script_that_is_fed_in_place(tmp_path: Path) -> None:
    places = LineMap("run.sh")
    for number in range(1, SCRIPT.count("\n") + 1):
        places.add(Place(number + 3))
    plain = command("python -", str(tmp_path))
    fed = Command(
        plain.words, plain.source, plain.folder, stdin=WrittenFile(SCRIPT.encode(), places)
    )
    recipe = only(follow([fed], request(tmp_path), str(tmp_path / "run.sh")))
    assert (recipe["lora_r"].origin[0].path, recipe["lora_r"].origin[0].line) == ("run.sh", 13)


def test_the_words_behind_dashes_are_tried(tmp_path: Path) -> None:
    recipe = only(
        follow_in(tmp_path, "python submit.py --gpus 4 -- python train.py --lr 2e-4",
                  files={"submit.py": "print('queued')"})
    )  # fmt: skip
    assert recipe.value("learning_rate") == 2e-4


RESUMING = """\
#!/bin/bash
LAST=$(ls -d out/checkpoint-* 2>/dev/null | tail -1 || true)
if [ -n "$LAST" ]; then
    python train.py --lr 2e-4 --accumulation 4
else
    python train.py --accumulation 4 --lr 2e-4
fi
"""


def test_either_way_to_the_same_run_is_one_run(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": SCRIPT})
    recipe = only(read(str(tmp_path / "run.sh"), RESUMING.encode(), request(tmp_path)))
    assert recipe.source.line == 4
    assert 'run.sh:6 starts it as well, if not (-n "$LAST")' in recipe.assumptions
    assert not any(one.startswith("it runs if") for one in recipe.assumptions)


def test_ways_to_other_runs_are_several(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": SCRIPT})
    text = RESUMING.replace("--accumulation 4 --lr 2e-4", "--accumulation 4 --lr 1e-4")
    reading = read(str(tmp_path / "run.sh"), text.encode(), request(tmp_path))
    assert [one.value("learning_rate") for one in reading.recipes] == [2e-4, 1e-4]


def test_the_same_run_after_another_is_a_second_one(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": SCRIPT})
    text = "python train.py --lr 2e-4\npython train.py  --lr 2e-4\n"
    reading = read(str(tmp_path / "run.sh"), text.encode(), request(tmp_path))
    assert [one.source.line for one in reading.recipes] == [1, 2]


def test_another_try_is_the_same_run(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": SCRIPT})
    text = "python train.py --lr 2e-4 || { sleep 9; python train.py --lr 2e-4; }\n"
    recipe = only(read(str(tmp_path / "run.sh"), text.encode(), request(tmp_path)))
    assert any("starts it as well, if" in one for one in recipe.assumptions)


@pytest.mark.parametrize(
    "line",
    [
        "axolotl merge-lora config.yml",
        "axolotl preprocess config.yml",
        "python -m axolotl.cli.merge_lora config.yml",
        "accelerate launch -m axolotl.cli.inference config.yml",
        "python scripts/export_model.py config.yml",
        "python evaluate.py --config config.yml",
    ],
)
def test_a_program_that_does_not_train_starts_no_run(tmp_path: Path, line: str) -> None:
    assert not follow_in(tmp_path, line, files={"config.yml": AXOLOTL}).recipes


def test_a_text_for_another_shell_with_a_part_that_is_not_known(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": SCRIPT})
    text = (
        'LR=2e-4\ntmux new-session -d -s "x_$(date +%s)" "\n  # the environment\n'
        "  export KEY='$KEY'\n  python train.py --lr $LR --accumulation $STEPS\n\"\n"
    )
    recipe = only(read(str(tmp_path / "run.sh"), text.encode(), request(tmp_path)))
    assert recipe.value("learning_rate") == 2e-4
    assert recipe["gradient_accumulation_steps"].state is State.UNKNOWN
    assert all("\n" not in one for one in recipe.assumptions)


@pytest.mark.parametrize(
    "line",
    [
        'tmux send-keys -t s "python train.py --lr 2e-4" C-m',
        "kubectl exec -it pod -c main -- bash -c 'python train.py --lr 2e-4'",
        "uvx --from x python train.py --lr 2e-4",
    ],
)
def test_programs_that_start_another_elsewhere(tmp_path: Path, line: str) -> None:
    write(tmp_path, {"train.py": SCRIPT})
    recipe = only(read(str(tmp_path / "run.sh"), f"{line}\n".encode(), request(tmp_path)))
    assert recipe.value("learning_rate") == 2e-4
