"""Models of a known shape, models that are handed over, and runs that go on while measured."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("trl")

import tiny_runs

import qlint
from qlint.__main__ import main
from qlint.errors import UsageError
from qlint.schema import schema_text

pytestmark = pytest.mark.slow

SHAPE = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
}


def validate(report: Any) -> None:
    jsonschema.Draft202012Validator(json.loads(schema_text())).validate(report)


def random_model(layers: int = 2) -> Any:
    import torch

    module = importlib.import_module("qlint.runtime_probes.shaped_model")
    model = module.build_model(SHAPE, layers, torch.device("cpu"), torch.float32)
    return module.adapted(model, 4, ["q_proj", "v_proj"], 0.0)


def batches(count: int, generator: Any = None) -> list[dict[str, Any]]:
    import torch

    ids = [torch.randint(0, 100, (1, 16), generator=generator) for _ in range(count)]
    return [{"input_ids": one, "labels": one.clone()} for one in ids]


def test_random_weights_keep_activations_finite_however_deep() -> None:
    import torch

    outputs = random_model(24)(**batches(1)[0], output_hidden_states=True)
    sizes = [float(state.std()) for state in outputs.hidden_states]
    assert torch.isfinite(outputs.loss)
    assert max(sizes) < 100
    assert min(sizes) > 0.01


def test_without_a_script_a_random_model_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text(json.dumps({**SHAPE, "num_hidden_layers": 2}))
    options = ("--steps", "2", "--only", "dequant,lr", "--output-format", "json")
    status = main(["probe", "--model", "config.json", *options])
    report = json.loads(capsys.readouterr().out)
    assert status == 0
    validate(report)
    assert report["measured"]["name"].startswith("config.json, random weights")
    assert report["probes"]["dequant"]["step_seconds"] > 0
    expected = {"skipped": "a learning rate means nothing on random weights"}
    assert report["probes"]["learning_rate"] == expected
    assert report["verdicts"] == []


def test_a_model_is_measured_where_it_is_and_left_as_it_was() -> None:
    import torch

    model = random_model()
    trained = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3)
    before = [one.detach().clone() for one in trained]
    gradients = [torch.randn_like(one) for one in trained]
    for one, gradient in zip(trained, gradients, strict=True):
        one.grad = gradient
    random = torch.get_rng_state()
    taken = (batch for batch in batches(8, torch.Generator().manual_seed(1)))
    with qlint.probe(
        model, taken, optimizer=optimizer, steps=4, only=("dequant",), quiet=True
    ) as probe:
        report = probe.report()
        assert "PeftModelForCausalLM, 6 steps recorded" in probe.text()
        assert probe.html().startswith("<!DOCTYPE html>")
    validate(report)
    assert report["measured"]["steps"] == 6
    assert report["probes"]["adapters"]["optimizer"] == "torch.AdamW"
    assert all(torch.equal(one, other) for one, other in zip(trained, before, strict=True))
    assert not optimizer.state
    assert all(one.grad is it for one, it in zip(trained, gradients, strict=True))
    assert torch.equal(torch.get_rng_state(), random)


def test_a_quiet_measurement_prints_nothing_not_even_from_native_code(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with qlint.probe(random_model(), batches(6), steps=2, only=("activations",), quiet=True) as one:
        assert one.report()["probes"]["activations"]["peak_bytes"] > 0
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_measured_is_one_sentence() -> None:
    model = random_model()
    with pytest.raises(UsageError, match="fewer than one step"):
        qlint.probe(model, batches(1), gradient_accumulation_steps=4)
    with pytest.raises(UsageError, match="inside of the block"):
        qlint.probe(model, batches(4), quiet=True).report()
    model.requires_grad_(False)
    with pytest.raises(UsageError, match="no parameter"):
        qlint.probe(model, batches(4))


def test_unsloth_is_refused_wherever_it_is_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "unsloth", ModuleType("unsloth"))
    with pytest.raises(UsageError, match="Unsloth are not supported"):
        qlint.probe(random_model(), batches(4))
    tiny_runs.prepare(tmp_path)
    trainer = tiny_runs.plain_trainer(tmp_path)
    trainer.add_callback(qlint.probe_callback())
    with pytest.raises(UsageError, match="Unsloth are not supported"):
        trainer.train()


def test_a_measured_model_can_still_be_trained_after_its_evaluation() -> None:
    model = random_model()
    optimizer = __import__("torch").optim.SGD([p for p in model.parameters() if p.requires_grad])
    with qlint.probe(model, batches(8), optimizer=optimizer, steps=2, quiet=True) as probe:
        probed = probe.report()["probes"]
    assert probed["learning_rate"]["skipped"] is None
    assert probed["activations"]["evaluation"]["peak_bytes"] > 0
    first = next(
        one for name, one in model.named_parameters() if "layers.0" in name and "lora_B" in name
    )
    model(**batches(1)[0]).loss.backward()
    assert first.grad is not None
    assert first.grad.abs().sum() > 0


def test_a_callback_measures_a_run_that_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_runs.prepare(tmp_path)
    plain = tiny_runs.plain_trainer(tmp_path)
    expected = plain.train().training_loss

    trainer = tiny_runs.plain_trainer(tmp_path)
    callback = qlint.probe_callback(steps=4)
    trainer.add_callback(callback)
    found = trainer.train()

    assert found.training_loss == expected
    assert found.global_step == tiny_runs.STEPS
    validate(callback.report)
    share = callback.report["probes"]["dequant"]["share"]
    assert 0 < share["total"] < 1
    assert callback.report["measured"]["steps"] == 8
    memory = callback.report["probes"]["activations"]
    assert memory["peak_bytes"] > memory["resident_bytes"] > 0
    adapters = callback.report["probes"]["adapters"]
    assert adapters["gradient_bytes"] == adapters["parameter_bytes"] > 0
    assert "while it trained" in capsys.readouterr().err


def test_the_largest_model_that_fits_is_chosen() -> None:
    largest = importlib.import_module("qlint.runtime_probes.shaped_probe").largest_that_fits
    assert largest(2_000_000_000) is None
    roomy = largest(80_000_000_000)
    tight = largest(7_000_000_000)
    assert roomy.published_parameters >= (tight or roomy).published_parameters
