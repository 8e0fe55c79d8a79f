"""What comes after a trial whose memory cannot be given back is measured in another process."""

from __future__ import annotations

import importlib
import itertools
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("trl")

from tiny_scripts import HEAD, probe_json

pytestmark = pytest.mark.slow

RUNS_OUT_ONCE = """
import pathlib
mark = pathlib.Path(os.environ["DATA_CACHE"], "ran out")
class Large(SFTTrainer):
    losses = 0
    def compute_loss(self, *arguments, **named):
        Large.losses += 1
        if Large.losses > 6 and not mark.exists():
            mark.touch()
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return super().compute_loss(*arguments, **named)
trainer.__class__ = Large
trainer.train()
"""


def test_out_of_memory_that_is_given_back_is_the_trials_result(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "train.py").write_text(HEAD + RUNS_OUT_ONCE)
    report = probe_json(capsys, "--only", "dequant,lr")
    assert report["probes"]["dequant"] == {"skipped": "out of memory"}
    assert report["probes"]["learning_rate"]["trials"]


def test_memory_that_is_held_sends_the_rest_to_a_fresh_process(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory: Any = importlib.import_module("qlint.runtime_probes.out_of_memory")
    grows = itertools.count(0, 2**30)
    monkeypatch.setattr(memory, "_allocated", lambda: next(grows))
    (project / "train.py").write_text(HEAD + RUNS_OUT_ONCE)

    report = probe_json(capsys, "--only", "dequant,activations")

    assert report["probes"]["dequant"]["step_seconds"] > 0
    assert report["probes"]["activations"]["peak_bytes"] > 0
    assert report["probes"]["learning_rate"] == {"skipped": "not asked for"}
