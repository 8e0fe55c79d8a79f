"""Adapter memory against published and simulated figures."""

from __future__ import annotations

import pytest

from qlint.knowledge.models import Model, find_model
from qlint.memory.adapters import adapter_memory, adapter_parameters
from qlint.memory.optimizer import optimizer_kind
from qlint.memory.quantisation import bits_per_parameter, double_quant_saving
from qlint.memory.targets import adapted_linears, safe_pattern

QKV = ["q_proj", "k_proj", "v_proj"]


def model(name: str = "meta-llama/Llama-2-7b-hf") -> Model:
    found = find_model(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("rank", "targets", "published"),
    [(8, QKV, 0.04), (16, "all-linear", 0.24), (64, "all-linear", 0.96), (256, "all-linear", 3.8)],
)
def test_the_published_savings_of_8_bit_adam(
    rank: int, targets: str | list[str], published: float
) -> None:
    full = adapter_memory(model(), rank, targets, optimizer_kind("adamw_torch"))
    small = adapter_memory(model(), rank, targets, optimizer_kind("adamw_8bit"))
    assert full is not None
    assert small is not None
    saved = (full.state_bytes - small.state_bytes) / 1e9
    assert saved == pytest.approx(published, abs=0.005, rel=0.01)


def test_the_trainable_parameters_that_peft_prints() -> None:
    """``print_trainable_parameters`` for these well-known settings."""
    assert adapter_parameters(model(), 8, ["q_proj", "v_proj"]) == 4_194_304
    assert adapter_parameters(model(), 64, "all-linear") == 159_907_840
    eight = model("meta-llama/Meta-Llama-3-8B")
    assert adapter_parameters(eight, 16, "all-linear") == 41_943_040


def test_dora_adds_one_magnitude_for_each_output() -> None:
    plain = adapter_parameters(model(), 8, ["q_proj"])
    dora = adapter_parameters(model(), 8, ["q_proj"], dora=True)
    assert plain is not None
    assert dora == plain + 32 * 4096


def test_targets_are_matched_as_peft_does() -> None:
    def names(targets: str | list[str]) -> list[str] | None:
        adapted = adapted_linears(model(), targets)
        return None if adapted is None else [linear.name for linear, _ in adapted]

    assert names(["self_attn.q_proj"]) == ["self_attn.q_proj"]
    assert names(["proj"]) is None
    assert names(r".*\.(q_proj|lm_head)") == ["self_attn.q_proj"]
    assert names(["lm_head"]) == ["lm_head"]
    assert names(r"model\.layers\.0\..*") is None, "one layer is not all layers"
    assert names(r"(a+)+b") is None


def test_the_experts_of_a_mixture_count_each() -> None:
    mixtral = model("mistralai/Mixtral-8x7B-v0.1")
    adapted = adapted_linears(mixtral, ["w1"])
    assert adapted is not None
    assert [places for _, places in adapted] == [8 * 32]


@pytest.mark.parametrize("text", ["(a+)+b", "(a|b)*c", ".*" * 9, "x" * 3000, "(", "a{1}" * 6])
def test_a_pattern_that_could_run_away_is_not_tried(text: str) -> None:
    assert safe_pattern(text) is None


@pytest.mark.parametrize(
    ("name", "bits", "paged", "size"),
    [
        ("adamw_torch", 32, False, 8.0),
        ("adamw_torch_fused", 32, False, 8.0),
        ("adamw_anyprecision", 32, False, 8.0),
        ("paged_adamw_32bit", 32, True, 8.0),
        ("paged_adamw", 32, True, 8.0),
        ("adamw_bnb_8bit", 8, False, 2.03125),
        ("paged_adamw_8bit", 8, True, 2.03125),
        ("adamw_torch_4bit", 4, False, 1.0625),
        ("lion_32bit", 32, False, 4.0),
        ("ademamix", 32, False, 12.0),
        ("sgd", 0, False, 0.0),
        ("schedule_free_adamw", 32, False, 8.0),
        ("torch.optim.AdamW", 32, False, 8.0),
        ("bitsandbytes.optim.AdamW8bit", 8, False, 2.03125),
        ("bitsandbytes.optim.PagedAdamW32bit", 32, True, 8.0),
    ],
)
def test_optimizers(name: str, bits: int, paged: bool, size: float) -> None:
    kind = optimizer_kind(name)
    assert kind is not None
    assert (kind.bits, kind.paged, kind.bytes_per_parameter()) == (bits, paged, size)


def test_adafactor_keeps_rows_and_columns() -> None:
    kind = optimizer_kind("adafactor")
    assert kind is not None
    assert kind.state_bytes([(8, 4096)]) == 4 * (8 + 4096)


def test_an_unknown_optimizer_is_none() -> None:
    assert optimizer_kind("muon") is None
    assert optimizer_kind("") is None


def test_bits_of_a_quantised_weight() -> None:
    assert bits_per_parameter(False) == 4.5
    assert bits_per_parameter(True) == pytest.approx(4.127, abs=5e-4)
    share = 1 - bits_per_parameter(True) / bits_per_parameter(False)
    assert share == pytest.approx(0.083, abs=5e-4)
    assert double_quant_saving(model().quantised_parameters) == pytest.approx(0.302e9, rel=5e-3)
