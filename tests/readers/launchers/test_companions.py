"""DeepSpeed, accelerate and FSDP configurations that a run names or is started with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from launching import command, request, write
from test_following import SCRIPT

from qlint.readers.launchers import follow
from qlint.recipe import Reading, Recipe, State

ACCELERATE = """\
compute_environment: LOCAL_MACHINE
distributed_type: {kind}
mixed_precision: {precision}
num_machines: 1
num_processes: {processes}
{more}
"""
ZERO: dict[str, Any] = {
    "zero_optimization": {"stage": 2},
    "train_micro_batch_size_per_gpu": "auto",
    "gradient_accumulation_steps": "auto",
}


def accelerate(
    kind: str = "MULTI_GPU", precision: str = "no", processes: object = 2, more: str = ""
) -> str:
    return ACCELERATE.format(kind=kind, precision=precision, processes=processes, more=more)


def start(folder: Path, line: str, **files: str) -> Reading:
    """Start the script of a project in which ``name_suffix`` is the file ``name.suffix``."""
    named = {name.replace("_", "."): text for name, text in files.items()}
    write(folder, {"train.py": SCRIPT, **named})
    return follow([command(line, str(folder))], request(folder), str(folder / "run.sh"))


def only(reading: Reading) -> Recipe:
    assert len(reading.recipes) == 1, reading
    return reading.recipes[0]


def conflicts(reading: Reading) -> list[tuple[str, str | None, str | None]]:
    """Field, place and other place of every conflict."""
    return [
        (note.key, note.origin.path, note.other.path if note.other else None)
        for note in reading.notes
        if note.kind == "conflict"
    ]


def zero(**more: Any) -> str:
    return json.dumps({**ZERO, **more}, indent=1)


DEEPSPEED = "python train.py --lr 1e-4 --deepspeed ds.json"


def test_deepspeed_auto_takes_the_runs_values(tmp_path: Path) -> None:
    reading = start(tmp_path, DEEPSPEED, ds_json=zero())
    recipe = only(reading)
    field = recipe["distributed"]
    assert field.value == "deepspeed"
    assert (field.origin[0].path, field.origin[0].via) == ("ds.json", "ZeRO stage 2")
    assert "run.sh" in [one.path for one in field.origin]
    assert recipe.value("per_device_train_batch_size") == 4
    assert recipe.value("gradient_accumulation_steps") == 2
    assert recipe.inputs == ("train.py", "ds.json")
    assert not conflicts(reading)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("gradient_accumulation_steps", {"gradient_accumulation_steps": 8}),
        ("per_device_train_batch_size", {"train_micro_batch_size_per_gpu": 1}),
        ("max_grad_norm", {"gradient_clipping": 0.3}),
        ("bf16", {"bf16": {"enabled": True}}),
        ("effective_batch_size", {"train_batch_size": 64}),
        ("learning_rate", {"optimizer": {"type": "AdamW", "params": {"lr": 3e-5}}}),
    ],
)
def test_values_that_differ_are_conflicts(tmp_path: Path, name: str, more: dict[str, Any]) -> None:
    reading = start(tmp_path, DEEPSPEED, ds_json=zero(**more))
    ((key, path, _),) = conflicts(reading)
    assert (key, path) == (name, "ds.json")
    assert "refuses to start" in reading.notes[0].message
    assert only(reading)[name].origin[0].path != "ds.json", "the run's own value stays"


OVER_TRAINER = {
    "accelerate launch --num_processes 2 -m axolotl.cli.train a.yaml": (
        "base_model: meta-llama/Llama-3.1-8B\nadapter: qlora\nload_in_4bit: true\nlora_r: 8\n"
        "lora_target_linear: true\nmicro_batch_size: 2\ndatasets:\n  - path: a\n    type: alpaca\n"
        "learning_rate: 1e-4\nbf16: true\ndeepspeed: ds.json\n"
    ),
    "llamafactory-cli train a.yaml": (
        "model_name_or_path: meta-llama/Llama-3.1-8B\nstage: sft\ndo_train: true\n"
        "finetuning_type: lora\nquantization_bit: 4\nlora_target: all\ndataset: a\n"
        "template: llama3\noutput_dir: out\nper_device_train_batch_size: 2\nbf16: true\n"
        "learning_rate: 1.0e-4\ndeepspeed: ds.json\n"
    ),
    "swift sft --config a.yaml": (
        "model: Qwen/Qwen2.5-7B-Instruct\ntrain_type: lora\nquant_method: bnb\nquant_bits: 4\n"
        "dataset: [a]\nper_device_train_batch_size: 2\nlearning_rate: 1e-4\n"
        "bf16: true\nfp16: false\n"
        "deepspeed: ds.json\n"
    ),
}


@pytest.mark.parametrize("line", OVER_TRAINER)
def test_a_framework_over_the_trainer_is_compared_like_it(tmp_path: Path, line: str) -> None:
    more: dict[str, Any] = {"fp16": {"enabled": True}, "train_micro_batch_size_per_gpu": 4}
    write(tmp_path, {"a.yaml": OVER_TRAINER[line], "ds.json": zero(**more)})
    reading = follow([command(line, str(tmp_path))], request(tmp_path), str(tmp_path / "run.sh"))
    assert {key for key, *_ in conflicts(reading)} == {"per_device_train_batch_size", "fp16"}
    messages = [note.message for note in reading.notes if note.kind == "conflict"]
    assert all("refuses to start" in message for message in messages)
    assert only(reading).value("fp16") is False


def test_a_conflict_names_both_places(tmp_path: Path) -> None:
    reading = start(tmp_path, DEEPSPEED, ds_json=zero(gradient_accumulation_steps=8))
    (note,) = reading.notes
    assert note.message.startswith(
        "gradient_accumulation_steps is 8 in ds.json, but 2 in train.py:6:"
    )
    assert (note.origin.line, note.other and note.other.line) == (6, 6)


def test_equal_values_are_no_conflict(tmp_path: Path) -> None:
    more = {"gradient_accumulation_steps": 2, "train_batch_size": 8, "gradient_clipping": 1}
    assert not conflicts(start(tmp_path, DEEPSPEED, ds_json=zero(**more)))


def test_deepspeeds_optimizer_is_the_runs(tmp_path: Path) -> None:
    more = {"optimizer": {"type": "Lamb", "params": {}}, "scheduler": {"type": "WarmupLR"}}
    reading = start(tmp_path, DEEPSPEED, ds_json=zero(**more))
    assert only(reading).value("optim") == "Lamb"
    assert only(reading).value("lr_scheduler_type") == "WarmupLR"
    assert not conflicts(reading), "the run leaves both at their defaults"


def test_an_optimizer_in_both_is_a_conflict(tmp_path: Path) -> None:
    script = SCRIPT.replace('"out",', '"out", optim="paged_adamw_8bit",')
    files = {"ds.json": zero(optimizer={"type": "AdamW"}), "train.py": script}
    write(tmp_path, files)
    commands = [command(DEEPSPEED, str(tmp_path))]
    reading = follow(commands, request(tmp_path), str(tmp_path / "run.sh"))
    assert conflicts(reading) == [("optim", "ds.json", "train.py")]
    assert only(reading).value("optim") == "AdamW"


def test_a_deepspeed_file_that_is_not_there(tmp_path: Path) -> None:
    recipe = only(start(tmp_path, "python train.py --deepspeed gone.json"))
    assert recipe.value("distributed") == "deepspeed"
    assert "gone.json is not there" in (recipe["distributed"].reason or "")
    assert any("gone.json is not there" in premise for premise in recipe.assumptions)


@pytest.mark.parametrize("text", ["{", "[]", "", "[" * 100_000, "\0"])
def test_a_deepspeed_file_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    recipe = only(start(tmp_path, DEEPSPEED, ds_json=text))
    assert recipe.value("distributed") == "deepspeed"
    assert "ds.json" in (recipe["distributed"].reason or "")


LAUNCH = "accelerate launch --config_file acc.yaml train.py"


def test_accelerate_says_how_many_processes(tmp_path: Path) -> None:
    recipe = only(start(tmp_path, LAUNCH, acc_yaml=accelerate(processes=4)))
    assert recipe.value("world_size") == 4
    assert recipe["world_size"].origin[0].path == "acc.yaml"
    assert recipe.value("distributed") == "ddp"
    assert recipe.value("effective_batch_size") == 32
    assert "acc.yaml" in recipe.inputs
    assert recipe.names["accelerate"].value == "acc.yaml"


def test_the_command_wins_over_the_file(tmp_path: Path) -> None:
    line = "accelerate launch --config_file acc.yaml --num_processes 1 train.py"
    recipe = only(start(tmp_path, line, acc_yaml=accelerate(processes=4)))
    assert recipe.value("world_size") == 1
    assert recipe["world_size"].origin[0].path == "run.sh"


def test_mixed_precision_of_accelerate_is_the_runs(tmp_path: Path) -> None:
    recipe = only(start(tmp_path, LAUNCH, acc_yaml=accelerate(precision="bf16")))
    assert recipe.value("bf16") is True
    assert recipe["bf16"].origin[0].path == "acc.yaml"
    line = "accelerate launch --num_processes 1 --mixed_precision fp16 train.py"
    recipe = only(start(tmp_path, line))
    assert recipe.value("fp16") is True
    assert recipe["fp16"].origin[0].path == "run.sh"


def test_the_runs_own_precision_wins(tmp_path: Path) -> None:
    write(tmp_path, {"acc.yaml": accelerate(precision="bf16")})
    write(tmp_path, {"train.py": SCRIPT.replace('"out",', '"out", fp16=True,')})
    reading = follow([command(LAUNCH, str(tmp_path))], request(tmp_path), str(tmp_path / "run.sh"))
    assert conflicts(reading) == [("bf16", "acc.yaml", None)]
    assert only(reading).value("fp16") is True
    assert only(reading).value("bf16") is False


def test_deepspeed_through_accelerate(tmp_path: Path) -> None:
    more = "deepspeed_config:\n  zero_stage: 3\n  gradient_accumulation_steps: 4"
    reading = start(tmp_path, LAUNCH, acc_yaml=accelerate("DEEPSPEED", more=more))
    assert only(reading).value("distributed") == "deepspeed"
    assert only(reading)["distributed"].origin[0].via == "ZeRO stage 3"
    assert conflicts(reading) == [("gradient_accumulation_steps", "acc.yaml", "train.py")]


def test_a_chain_of_files(tmp_path: Path) -> None:
    more = "deepspeed_config:\n  deepspeed_config_file: ds.json"
    reading = start(
        tmp_path, LAUNCH, acc_yaml=accelerate("DEEPSPEED", more=more),
        ds_json=zero(gradient_accumulation_steps=16),
    )  # fmt: skip
    assert conflicts(reading) == [("gradient_accumulation_steps", "ds.json", "train.py")]
    assert only(reading).inputs == ("train.py", "acc.yaml", "ds.json")


def test_a_file_that_names_itself(tmp_path: Path) -> None:
    more = "deepspeed_config:\n  deepspeed_config_file: acc.yaml"
    recipe = only(start(tmp_path, LAUNCH, acc_yaml=accelerate("DEEPSPEED", more=more)))
    assert "not of deepspeed" in (recipe["distributed"].reason or "")


def test_an_accelerate_file_that_is_not_there(tmp_path: Path) -> None:
    recipe = only(start(tmp_path, "accelerate launch --config_file gone.yaml train.py"))
    for name in ("world_size", "bf16", "distributed"):
        assert recipe[name].state is State.UNKNOWN, name
        assert "gone.yaml is not there" in (recipe[name].reason or "")


def test_fsdp_through_accelerate(tmp_path: Path) -> None:
    more = "fsdp_config:\n  fsdp_activation_checkpointing: true"
    recipe = only(start(tmp_path, LAUNCH, acc_yaml=accelerate("FSDP", more=more)))
    assert recipe.value("distributed") == "fsdp"
    assert recipe.value("gradient_checkpointing") is True
    line = "accelerate launch --use_fsdp --num_processes 2 train.py"
    assert only(start(tmp_path, line)).value("distributed") == "fsdp"


def test_what_processes_share_is_known_of_the_run(tmp_path: Path) -> None:
    more = "deepspeed_config:\n  zero_stage: 3\n  offload_param_device: cpu"
    recipe = only(start(tmp_path, LAUNCH, acc_yaml=accelerate("DEEPSPEED", more=more)))
    assert (recipe.fact("zero_stage"), recipe.fact("offload_param")) == (3, "cpu")
    more = "deepspeed_config:\n  deepspeed_config_file: ds.json"
    recipe = only(
        start(
            tmp_path, LAUNCH, acc_yaml=accelerate("DEEPSPEED", more=more),
            ds_json=zero(zero_optimization={"stage": 1}),
        )
    )  # fmt: skip
    assert recipe.fact("zero_stage") == 1
    more = "fsdp_config:\n  fsdp_version: 2\n  fsdp_offload_params: true"
    recipe = only(start(tmp_path, LAUNCH, acc_yaml=accelerate("FSDP", more=more)))
    assert (recipe.fact("fsdp_version"), recipe.fact("fsdp_offload_params")) == (2, True)
