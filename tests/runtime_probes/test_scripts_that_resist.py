"""Scripts that swallow being stopped, leave by another door, or change files on their way out."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("trl")

from tiny_scripts import HEAD, LOOP, probe_json, refusal, tree

from qlint.__main__ import main

pytestmark = pytest.mark.slow

SWALLOWS = """
for _ in range(2):
    try:
        trainer.train()
    except:
        print("went on")
"""
LEAVES = """
import os
try:
    trainer.train()
finally:
    os._exit(0)
"""
IN_A_THREAD = """
import threading
thread = threading.Thread(target=trainer.train)
thread.start()
thread.join()
"""
FAILS_AFTERWARDS = """
try:
    result = trainer.train()
finally:
    print(result.metrics)
"""
ENDINGS = {
    "swallows": SWALLOWS,
    "leaves": LEAVES,
    "thread": IN_A_THREAD,
    "fails afterwards": FAILS_AFTERWARDS,
}

UNWINDS = """
import atexit, json, shutil
from pathlib import Path

@atexit.register
def at_the_end():
    Path("atexit.txt").write_text("done")

os.makedirs("empty/inner", exist_ok=True)
shutil.rmtree("precious")
os.makedirs("precious")
trainer.processing_class.save_pretrained("tokenizer")
try:
    trainer.train()
finally:
    trainer.processing_class.save_pretrained("tokenizer")
    trainer.model.config.save_pretrained("configuration")
    trainer.save_state()
    Path("made").mkdir()
    Path("made/note.txt").write_text("done")
    json.dump({}, open("metrics.json", "w"))
    shutil.copy("train.jsonl", "copy.jsonl")
    os.remove("train.jsonl")
    os.rename("train.py", "renamed.py")
    trainer.train_dataset.to_json("data.json")
"""

TRAINS_ON = """
for number in range(2):
    try:
        for batch in batches():
            model(**batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    except BaseException as error:
        print(number, type(error).__name__)
print("the end")
"""

WRITER = """
import os
class SummaryWriter:
    def __init__(self, logdir=None, comment=""):
        os.makedirs(logdir or "runs", exist_ok=True)
        open(os.path.join(logdir or "runs", "events"), "w").close()
"""
WANDB = """
def login(key=None):
    raise AssertionError("the network was asked")
def init(project=None, mode=None):
    open(f"{mode}.wandb", "w").close()
"""
TRACKERS = """
import tensorboardX.writer, wandb
tensorboardX.writer.SummaryWriter("runs")
tensorboardX.writer.SummaryWriter(logdir="others", comment="x")
wandb.login(key="0" * 40)
wandb.init(project="run", mode="online")
trainer.train()
"""


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_measured_is_reported_however_the_script_ends(
    project: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    (project / "train.py").write_text(HEAD + ENDINGS[ending])
    report = probe_json(capsys, "--only", "dequant")
    assert report["probes"]["dequant"]["step_seconds"] > 0


def test_files_stay_as_they_were_while_the_script_unwinds(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "precious").mkdir()
    (project / "precious" / "checkpoint").write_text("weeks of work")
    (project / "train.py").write_text(HEAD + UNWINDS)
    before = tree(project)
    probe_json(capsys, "--only", "lr")
    assert tree(project) == before


def test_a_loop_that_swallows_its_stop_trains_no_further(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "train.py").write_text(LOOP + TRAINS_ON)
    assert main(["probe", "train.py", "--steps", "2", "--only", "dequant"]) in (0, 1)
    captured = capsys.readouterr()
    assert "0 StopScript\n1 StopScript\nthe end" in captured.err
    assert "hand-written loop, 5 steps recorded" in captured.out


def test_trackers_that_the_script_calls_write_and_send_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "tensorboardX").mkdir()
    (project / "tensorboardX" / "__init__.py").write_text("")
    (project / "tensorboardX" / "writer.py").write_text(WRITER)
    (project / "wandb.py").write_text(WANDB)
    (project / "train.py").write_text(HEAD + TRACKERS)
    before = tree(project)
    probe_json(capsys, "--only", "lr")
    after = tree(project)
    assert after.pop("disabled.wandb") == ""
    assert after == before


def test_the_report_is_all_that_is_on_standard_output(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    prints = "print('of the script')\nos.system('echo of a command')\n"
    (project / "train.py").write_text(HEAD + prints + "trainer.train()\n")
    probe_json(capfd, "--only", "lr")  # What is no JSON would fail here.
    os.system("echo afterwards")
    assert capfd.readouterr().out == "afterwards\n"


def test_a_script_in_a_package_may_import_relatively(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project / "recipes" / "tuning"
    folder.mkdir(parents=True)
    (project / "recipes" / "__init__.py").write_text("NAME = 'SFTTrainer'\n")
    (folder / "__init__.py").write_text("")
    (folder / "parts.py").write_text(HEAD)
    script = folder / "train.py"
    script.write_text("from .. import NAME\nfrom .parts import trainer\ntrainer.train()\n")
    before = set(sys.modules)

    status = main(["probe", str(script), "--steps", "2", "--only", "lr", "--output-format", "json"])

    assert status in (0, 1)
    assert json.loads(capsys.readouterr().out)["measured"]["name"] == "SFTTrainer"
    assert not [name for name in set(sys.modules) - before if name.startswith("recipes")]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("import unsloth\n", "runs with Unsloth are not supported"),
        ("import subprocess\nsubprocess.run(['torchrun', 'x.py'])\n", "other processes (torchrun)"),
        ("import os\nos.system('python other.py')\n", "other processes (other.py)"),
        ("import torch\ntorch.multiprocessing.spawn(print, nprocs=2)\n", "other processes"),
        ("raise SystemExit('no data')\n", "ended before it trained, saying: no data"),
        ("import os\nos._exit(3)\n", "ended with status 3"),
        ("import torch\ntorch.zeros(1).cuda()\n", "asks for a CUDA card, and there is none"),
    ],
)
def test_what_is_not_supported_is_one_sentence(
    project: Path, capsys: pytest.CaptureFixture[str], script: str, expected: str
) -> None:
    import torch

    if "cuda" in script and torch.cuda.is_available():
        pytest.skip("there is a card here")
    (project / "unsloth.py").write_text("open('imported', 'w')\n")
    (project / "other.py").write_text("open('imported', 'w')\n")
    (project / "train.py").write_text(script)
    error = refusal(capsys)
    assert expected in error
    assert error.startswith("qlint: ")
    assert "\n" not in error
    assert not (project / "imported").exists()


def test_several_processes_are_not_measured(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    (project / "train.py").write_text("open('started', 'w')\n")
    assert "WORLD_SIZE is 2" in refusal(capsys)
    assert not (project / "started").exists()


def test_a_replay_prints_nothing_of_the_scripts(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noisy = """
class Noisy(SFTTrainer):
    def compute_loss(self, *arguments, **named):
        print("computing")
        return super().compute_loss(*arguments, **named)
trainer.__class__ = Noisy
print("once")
trainer.train()
"""
    (project / "train.py").write_text(HEAD + noisy)
    assert main(["probe", "train.py", "--steps", "2", "--only", "dequant"]) in (0, 1)
    error = capsys.readouterr().err
    assert error.count("once") == 1
    assert "computing" not in error
