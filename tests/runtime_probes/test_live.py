"""Runs whose steps are measured as they go by: loops that cannot be replayed, and callbacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("trl")

from tiny_scripts import LOOP, probe_json, refusal, tree

pytestmark = pytest.mark.slow

OWN_LOSS = """
for batch in batches():
    labels = batch.pop("labels")
    logits = model(**batch).logits
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten()).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        model(**batch)
    model.train()
    torch.save(model.state_dict(), "checkpoint.pt")
model.save_pretrained("adapter")
"""
TWO_STEPS = OWN_LOSS.replace("batches():", "list(batches())[:2]:")
WITHOUT_4_BIT = """
import torch
layer = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
while True:
    layer(torch.ones(2, 4)).sum().backward()
    optimizer.step()
"""


def test_a_loop_that_cannot_be_replayed_is_measured_while_it_trains(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "train.py").write_text(LOOP + OWN_LOSS)
    before = tree(project)

    report = probe_json(capsys)

    assert tree(project) == before
    assert "while it trained" in report["measured"]["name"]
    assert report["measured"]["steps"] == 6
    probes = report["probes"]
    assert 0 < probes["dequant"]["share"]["total"] < 1
    assert probes["activations"]["peak_bytes"] > probes["activations"]["resident_bytes"] > 0
    assert probes["adapters"]["gradient_bytes"] == probes["adapters"]["parameter_bytes"] > 0
    reason = "computes the loss from the model's output itself"
    assert reason in probes["learning_rate"]["skipped"]


def test_a_loop_that_ends_too_early_says_so(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "train.py").write_text(LOOP + TWO_STEPS)
    report = probe_json(capsys, "--only", "dequant,lr")
    reason = "the run ended before enough steps were taken"
    assert report["probes"]["dequant"] == {"skipped": reason}
    assert report["probes"]["activations"] == {"skipped": "not asked for"}


def test_other_rates_are_no_reason_to_train(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "train.py").write_text(LOOP + OWN_LOSS)
    error = refusal(capsys, "--only", "lr")
    assert "cannot be replayed, because it computes the loss" in error
    assert "run again" not in error


def test_a_loop_without_4_bit_layers_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "train.py").write_text(WITHOUT_4_BIT)
    assert "qlint.probe(model, batches" in refusal(capsys)


def test_nothing_stays_hooked_after_a_live_run(project: Path) -> None:
    import importlib

    import torch
    from bitsandbytes.cextension import lib

    module: Any = importlib.import_module("torch.nn.modules.module")
    optimizers: Any = importlib.import_module("torch.optim.optimizer")
    hooks = (
        module._global_forward_pre_hooks,
        optimizers._global_optimizer_pre_hooks,
        optimizers._global_optimizer_post_hooks,
    )
    before = ([dict(one) for one in hooks], sorted(vars(lib)), torch.Tensor.backward)
    live: Any = importlib.import_module("qlint.runtime_probes.live_script").measure_live
    probes: Any = importlib.import_module("qlint.runtime_probes.probes")
    progress: Any = importlib.import_module("qlint.runtime_probes.progress").Progress(quiet=True)
    (project / "train.py").write_text(LOOP + OWN_LOSS)

    result = live("train.py", [], probes.Wanted(2), progress, "why", "instead")

    assert result.probes["dequant"]["step_seconds"] > 0
    assert ([dict(one) for one in hooks], sorted(vars(lib)), torch.Tensor.backward) == before
