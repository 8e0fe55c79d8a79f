"""`qlint probe` on scripts as users write them: what it reports, and what it leaves behind."""

from __future__ import annotations

import atexit
import builtins
import importlib
import io
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("trl")

from tiny_scripts import HEAD, tree

from qlint.__main__ import main
from qlint.schema import schema_text

pytestmark = pytest.mark.slow

TRAINS = """
try:
    trainer.train()
except Exception:
    print("swallowed")
finally:
    trainer.save_model("final")
    trainer.model.save_pretrained("adapter")
    trainer.push_to_hub()
    torch.save({}, "weights.pt")
print("went on after training")
"""

PLAIN_TORCH = """
import torch
layer = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
while True:
    layer(torch.ones(2, 4)).sum().backward()
    optimizer.step()
"""
LOOP = """
from peft import get_peft_model
from transformers import AutoTokenizer
model = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM"))
tokenizer = AutoTokenizer.from_pretrained("model")
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
model.train()
for step in range(100):
    batch = tokenizer([f"w{step} w2 w3 w4"], return_tensors="pt")
    model(**batch, labels=batch["input_ids"]).loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    torch.save(model.state_dict(), "checkpoint.pt")
"""


WATCHED = ("torch", "transformers", "bitsandbytes", "peft", "trl", "accelerate", "safetensors",
           "huggingface_hub")  # fmt: skip


def probe(*arguments: str) -> int:
    return main(["probe", "train.py", "--steps", "3", "--output-format", "json", *arguments])


def names(module: Any) -> Iterator[tuple[str, Any]]:
    """Everything callable in a module, and in the classes that it defines."""
    for name, value in list(vars(module).items()):
        if callable(value):
            yield name, value
        if isinstance(value, type) and value.__module__ == module.__name__:
            # Numbers among them are counters.
            yield from (
                (f"{name}.{key}", item)
                for key, item in vars(value).items()
                if not isinstance(item, int)
            )


def surroundings() -> dict[str, Any]:
    """What a capture could leave changed."""
    found: dict[str, Any] = {
        f"{name}:{key}": value
        for name, module in sys.modules.copy().items()
        if name.partition(".")[0] in WATCHED
        and not name.startswith(("torch.ops", "torch._inductor", "torch.classes"))
        for key, value in names(module)
        if not key.endswith(("__doc__", "_abc_impl", "__annotations__", "__slotnames__"))
    }
    for module in (atexit, builtins, io, os, shutil, subprocess.Popen, threading):
        found.update((f"{module.__name__}:{key}", value) for key, value in vars(module).items())
    library = sys.modules["bitsandbytes.cextension"].lib
    found["native"] = sorted(map(str, vars(library)))
    optimizers, modules = (
        sys.modules["torch.optim.optimizer"],
        sys.modules["torch.nn.modules.module"],
    )
    found["hooks"] = (
        len(optimizers._global_optimizer_pre_hooks),
        len(optimizers._global_optimizer_post_hooks),
        len(modules._global_forward_pre_hooks),
    )
    found["environment"] = dict(os.environ)
    found["folder"] = os.getcwd()
    found["interpreter"] = (list(sys.argv), list(sys.path), list(sys.meta_path), sys.stdout)
    found["main"] = sys.modules["__main__"]
    found["interrupt"] = signal.getsignal(signal.SIGINT)
    return found


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is another, or gone; or new and not the library's own, which import lazily."""
    modules = {name.partition(":")[0] for name in before}
    return [
        *(key for key, value in before.items() if value is not after.get(key) != value),
        *(
            key
            for key in after.keys() - before.keys()
            if key.partition(":")[0] in modules
            and not isinstance(after[key], ModuleType)
            and str(getattr(after[key], "__module__", "")).partition(".")[0] not in WATCHED
        ),
    ]


@pytest.mark.parametrize(
    ("module", "name"),
    [("torch", "save"), ("transformers", "Trainer"), ("peft.peft_model", "new"), ("os", "mkdir")],
)
def test_what_stays_patched_is_noticed(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    importlib.import_module("bitsandbytes")
    importlib.import_module("peft")
    importlib.import_module("transformers.trainer")
    before = surroundings()
    monkeypatch.setattr(f"{module}.{name}", lambda: None, raising=False)
    assert changed(before, surroundings()) == [f"{module}:{name}"]


def test_a_run_is_measured_and_nothing_is_left_behind(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a run itself imports and sets up is no trace of the probe.
    plain = HEAD.replace("push_to_hub=True", "push_to_hub=False").replace('"tensorboard"', '"none"')
    (project / "plain.py").write_text(plain.replace("max_steps=20", "max_steps=1"))
    monkeypatch.setattr(sys, "argv", ["plain.py"])
    runpy.run_path("plain.py")["trainer"].train()
    (project / "train.py").write_text(HEAD + TRAINS)
    capsys.readouterr()
    files, before = tree(project), surroundings()

    status = probe("--only", "dequant", "--", "--lr", "1e-3")

    after = surroundings()
    captured = capsys.readouterr()
    assert changed(before, after) == []
    assert tree(project) == files
    assert "went on after training" not in captured.err
    assert "swallowed" not in captured.err
    assert status == 1
    report = json.loads(captured.out)
    jsonschema.Draft202012Validator(json.loads(schema_text())).validate(report)
    assert report["measured"]["name"] == "SFTTrainer"
    assert report["measured"]["steps"] == 6
    assert report["probes"]["dequant"]["step_seconds"] > 0
    assert report["probes"]["activations"] == {"skipped": "not asked for"}
    assert report["recipes"][0]["fields"]["learning_rate"]["value"] == 1e-3
    verdicts = {one["code"]: one["verdict"] for one in report["verdicts"]}
    assert verdicts["QL105"] == "refuted"
    assert verdicts["QL101"] == "undecided"
    severities = {one["code"]: one["severity"] for one in report["findings"]}
    assert severities["QL105"] == "info"
    assert severities["QL101"] != "info"


def test_a_launcher_is_measured_as_it_starts_its_script(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "train.py").write_text(HEAD + "assert os.environ['SEED'] == '7'\n" + TRAINS)
    (project / "run.sh").write_text(
        "export SEED=7\naccelerate launch --num_processes 1 train.py --lr 1e-3\n"
    )
    files, folder, environment = tree(project), os.getcwd(), dict(os.environ)
    options = ("--steps", "2", "--only", "dequant", "--output-format", "json")
    assert main(["probe", "run.sh", *options]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["measured"]["name"] == "SFTTrainer"
    assert report["recipes"][0]["source"]["path"] == "run.sh"
    assert report["recipes"][0]["fields"]["learning_rate"]["value"] == 1e-3
    assert report["verdicts"]
    assert (tree(project), os.getcwd(), dict(os.environ)) == (files, folder, environment)


def test_trls_command_line_is_run_as_its_installed_program(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", os.environ["DATA_CACHE"])
    (project / "data").mkdir()
    shutil.copy("train.jsonl", "data/train.jsonl")
    options = (
        "--dtype float32 --use_peft --lora_target_modules q_proj v_proj --max_steps 9 --use_cpu"
    )
    (project / "run.sh").write_text(
        "trl sft --model_name_or_path model --dataset_name data --output_dir out --load_in_4bit "
        f"--bf16 false --gradient_checkpointing false {options}\n"
    )
    files = tree(project)
    assert main(["probe", "run.sh", "--steps", "2", "--only", "lr", "--output-format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["measured"]["name"] == "SFTTrainer"
    assert report["recipes"][0]["fields"]["max_steps"]["value"] == 9
    assert tree(project) == files


def test_what_was_saved_is_picked_up_by_check(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "qlint.toml").write_text("")
    (project / "train.py").write_text(HEAD + TRAINS)
    probe("--only", "lr", "--save-evidence", ".qlint/evidence.json")
    capsys.readouterr()
    main(["train.py", "--select", "QL105", "--output-format", "json"])
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["severity"] == "info"
    assert finding["evidence"]["measured"].startswith("refuted: ")


def test_an_exception_of_the_script_is_shown_as_its_own(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "train.py").write_text("def build():\n    return {}['rate']\nbuild()\n")
    assert probe() == 2
    error = capsys.readouterr().err
    assert 'File "train.py", line 3, in <module>' in error
    assert "KeyError: 'rate'" in error
    assert "runpy" not in error
    assert error.rstrip().endswith("qlint: train.py raised KeyError before it could be measured.")


def test_an_exception_while_training_begins_is_the_scripts_as_well(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    breaks = "def collate(rows): raise RuntimeError('bad row')\ntrainer.data_collator = collate\n"
    (project / "train.py").write_text(HEAD + breaks + TRAINS)
    assert probe() == 2
    error = capsys.readouterr().err
    assert "RuntimeError: bad row" in error
    assert "train.py raised RuntimeError" in error


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("print('hello')\n", "ended without a training step"),
        ("raise SystemExit(3)\n", "ended with status 3"),
        (PLAIN_TORCH, "qlint.probe(model, batches"),
    ],
)
def test_a_script_that_never_trains_is_one_sentence(
    project: Path, capsys: pytest.CaptureFixture[str], script: str, expected: str
) -> None:
    (project / "train.py").write_text(script)
    assert probe() == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert captured.out == ""


def test_a_loop_written_by_hand_is_measured_and_saves_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "train.py").write_text(HEAD.partition("trainer = ")[0] + LOOP)
    files = tree(project)
    assert probe("--only", "dequant") in (0, 1)
    report = json.loads(capsys.readouterr().out)
    assert report["probes"]["dequant"]["step_seconds"] > 0
    assert tree(project) == files


def test_the_last_checkpoint_is_not_looked_for(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "train.py").write_text(HEAD + "trainer.train(resume_from_checkpoint=True)\n")
    assert probe("--only", "lr") in (0, 1)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("of ours")])
def test_one_probe_takes_nothing_else_with_it(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Any,
) -> None:
    """A failure is that probe's alone, and an interrupt leaves what was measured before."""
    probes = importlib.import_module("qlint.runtime_probes.probes")

    def fail(*_: Any) -> Any:
        raise error

    second = probes.PROBES[1]._replace(measure=fail)
    first = probes.PROBES[0]._replace(measure=lambda *_: {"skipped": "stands in"})
    monkeypatch.setattr(probes, "PROBES", (first, second, probes.PROBES[2]))
    (project / "train.py").write_text(HEAD + TRAINS)
    interrupted = not isinstance(error, RuntimeError)
    status = probe("--only", "dequant,activations")
    assert status == (130 if interrupted else 1)
    report = json.loads(capsys.readouterr().out)
    assert report["measured"]["interrupted"] is interrupted
    assert report["probes"]["dequant"]["skipped"] == "stands in"
    assert report["probes"]["adapters"]["skipped"] is None
    reason = "interrupted" if interrupted else "RuntimeError: of ours"
    assert report["probes"]["activations"]["skipped"] == reason
