"""What quantisation does to weights, told from the checkpoint and from the codes alone."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("peft")

import tiny_runs
import torch

pytestmark = pytest.mark.slow


class _Evaluated:
    """As much of a run as the measurement asks for."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.held_out = [torch.arange(40)[None]]

    def evaluate(self, window: Any) -> float:
        with torch.no_grad():
            return float(self.model(input_ids=window, labels=window).loss)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_runs.prepare(tmp_path)
    return tmp_path


def measured(model: Any) -> dict[str, Any]:
    module = importlib.import_module("qlint.runtime_probes.quantisation_noise.noise")
    result: dict[str, Any] = module.measure_noise(_Evaluated(model))["by_module"]
    return result


def adapted(folder: Path) -> Any:
    from peft import get_peft_model

    return get_peft_model(tiny_runs.quantised_model(folder).train(), tiny_runs.adapter())


def test_the_codes_tell_the_error_that_the_checkpoint_shows(folder: Path) -> None:
    result = measured(adapted(folder))

    assert len(result) == 7
    for kind in result.values():
        assert kind["expected"] == pytest.approx(kind["weights"], rel=0.08)
        assert kind["weights"] < kind["bound"] < 3 * kind["weights"]
        assert kind["outputs"] == pytest.approx(kind["weights"], rel=0.5)


def test_without_a_checkpoint_only_the_codes_speak(folder: Path) -> None:
    model = adapted(folder)
    model.config._name_or_path = str(folder / "gone")

    for kind in measured(model).values():
        assert kind["weights"] is None
        assert kind["outputs"] is None
        assert 0.05 < kind["expected"] < 0.15


def test_the_update_is_scaled_by_alpha_over_r(folder: Path) -> None:
    module = importlib.import_module("qlint.runtime_probes.quantisation_noise.update")
    model = adapted(folder)
    layer = model.base_model.model.model.layers[0].self_attn.q_proj
    for each in model.base_model.model.model.layers:
        torch.nn.init.eye_(each.self_attn.q_proj.lora_A["default"].weight)
        torch.nn.init.eye_(each.self_attn.q_proj.lora_B["default"].weight)
    result = module.update_sizes(model)

    queries = result["model.layers.*.self_attn.q_proj"]
    assert queries["scaling"] == 2.0
    # The product of the two has a 1 in as many places as the rank.
    rank, weight = layer.r["default"], 0.02 * 64
    assert queries["relative_to_weight"] == pytest.approx(2 * rank**0.5 / weight, rel=0.1)
    assert queries["relative_to_quantisation_error"] > 5 * queries["relative_to_weight"]
    assert result["model.layers.*.self_attn.v_proj"]["relative_to_weight"] == 0
