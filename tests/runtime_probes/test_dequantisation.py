"""The share of dequantisation: measured, checked, or refused."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import pytest
from wide_run import wide_run

torch = pytest.importorskip("torch")
bitsandbytes = pytest.importorskip("bitsandbytes")
pytest.importorskip("peft")

PROBE = "qlint.runtime_probes.dequantisation"


def unseen(run: Any) -> str | None:
    modules = importlib.import_module(f"{PROBE}.modules").linear4bit_modules(run.model)
    reason: str | None = importlib.import_module(f"{PROBE}.unseen").reason(run.model, modules)
    return reason


def measure(run: Any, steps: int = 4) -> dict[str, Any]:
    result: dict[str, Any] = importlib.import_module(f"{PROBE}.probe").measure(run, steps).as_json()
    return result


@pytest.mark.slow
@pytest.mark.parametrize("checkpointing", [None, True, False])
def test_direct_sum_and_dense_weights_agree(checkpointing: bool | None) -> None:
    found = measure(wide_run(layers=1, rows=128, checkpointing=checkpointing), steps=6)

    check = found["cross_check"]
    assert check["direct"] == pytest.approx(check["share"], abs=0.04 + check["noise"])
    assert check == found["leave_one_out"]
    assert found["unquantised"]["layers"] == found["unquantised"]["of"] == 7


@pytest.mark.slow
def test_hooks_cost_less_than_a_fiftieth_of_a_step() -> None:
    found = measure(wide_run(rows=256), steps=6)

    assert found["overhead"] < 0.02 + found["overhead_noise"]


@pytest.mark.slow
def test_parts_and_phases_of_a_checkpointed_step() -> None:
    run = wide_run(hidden=256, rows=64, micro_batches=2, checkpointing=True)

    found = measure(run)

    share, parts = found["share"], found["parts"]
    assert share["total"] == pytest.approx(sum(share[name] for name in found["calls"]))
    assert sum(parts.values()) == pytest.approx(1)
    assert parts["dequantisation"] == share["total"]
    assert set(found["parts_noise"]) == set(parts) - {"other"}
    assert set(found["parts_skipped"]) == {"idle"}
    assert set(found["share_noise"]) == set(share)
    assert set(parts) == {"dequantisation", "adapters", "attention", "recompute", "other"}
    assert all(value > 0 for value in parts.values())
    # Fourteen layers, two micro-batches, four rounds.
    assert found["calls"] == {"forward": 112, "backward": 112, "recompute": 112}
    assert sum(found["by_module"].values()) == pytest.approx(share["total"])
    assert "model.layers.*.mlp.down_proj" in found["by_module"]


@pytest.mark.slow
def test_a_checkpointing_function_may_ask_for_the_module_that_it_runs() -> None:
    """As LLaMA-Factory's does, which looks there for trained parameters."""
    run = wide_run(hidden=256, rows=64, checkpointing=True)
    asked = set()

    def asking(original: Any) -> Any:
        def checkpoint(function: Any, *arguments: Any, **named: Any) -> Any:
            assert isinstance(function, partial)
            module = getattr(function.func, "__self__", None) or function.args[0]
            asked.add(type(module).__name__)
            return original(function, *arguments, **named)

        return checkpoint

    for module in run.model.modules():
        if "_gradient_checkpointing_func" in vars(module):
            function = module._gradient_checkpointing_func
            module._gradient_checkpointing_func = asking(function)

    assert measure(run)["parts"]["recompute"] > 0
    assert asked == {"LlamaDecoderLayer"}


@pytest.mark.slow
def test_targets_and_ranks_are_compared_with_the_run() -> None:
    found = measure(wide_run(hidden=256, rows=64))

    assert {one["module"].rpartition(".")[2] for one in found["targets"]} == {"q_proj", "v_proj"}
    # Two layers of A and B with 16 x 256 numbers each: 4 bytes for weight, gradient and two states.
    assert all(
        one["state_bytes"] == pytest.approx(4 * 16 * 256 * 16, rel=1e-3) for one in found["targets"]
    )
    assert [(one["rank"], one["instead_of"]) for one in found["ranks"]] == [(8, 16), (64, 16)]
    assert found["ranks"][0]["state_bytes"] < 0 < found["ranks"][1]["state_bytes"]


@pytest.mark.slow
def test_the_only_target_is_not_left_out() -> None:
    found = measure(wide_run(hidden=256, rows=64, targets=("q_proj",)))

    assert found["targets_skipped"] == "without its only target module the run trains nothing"
    assert "targets" not in found


@pytest.mark.slow
def test_nothing_is_left_behind() -> None:
    from bitsandbytes.autograd import _functions
    from bitsandbytes.cextension import lib
    from transformers.modeling_utils import AttentionInterface

    run = wide_run(hidden=256, rows=64, checkpointing=False)
    owners: list[Any] = [bitsandbytes, lib, _functions.MatMul4Bit, AttentionInterface, torch.Tensor]
    modules = list(run.model.modules())
    before = [dict(vars(owner)) for owner in (*owners, *modules)]
    weights = [parameter.detach().clone() for parameter in run.model.parameters()]
    threads = torch.get_num_threads()

    measure(run)

    after = [dict(vars(owner)) for owner in (*owners, *modules)]
    assert [set(one) for one in after] == [set(one) for one in before]
    for was, now in zip(before[: len(owners)], after, strict=False):
        assert all(now[name] is value for name, value in was.items())
    assert list(run.model.modules()) == modules
    assert not any(module._forward_pre_hooks for module in modules if hasattr(module, "weight"))
    assert all(torch.equal(a, b) for a, b in zip(weights, run.model.parameters(), strict=True))
    assert torch.get_num_threads() == threads


@pytest.mark.slow
def test_dequantisation_outside_of_the_layers_is_refused() -> None:
    """As Unsloth does, whose own kernels' callers call the native functions themselves."""
    run = wide_run(hidden=256, rows=64)
    layer = run.model.get_submodule("base_model.model.model.layers.0.mlp.up_proj")

    def dequantise(_module: Any, _arguments: Any, _output: Any) -> None:
        bitsandbytes.functional.dequantize_4bit(layer.weight, layer.weight.quant_state)

    layer.register_forward_hook(dequantise)

    found = measure(run)

    assert "share" not in found
    assert found["skipped"].startswith("60 dequantisations were seen in the forward of 56 calls")


@pytest.mark.slow
def test_a_compiled_model_is_refused() -> None:
    run = wide_run(hidden=64, rows=16)
    run.model.compile()

    assert measure(run) == {
        "skipped": "the model is compiled (torch.compile): Python does not see its calls"
    }


@pytest.mark.slow
def test_a_compiled_layer_is_refused() -> None:
    """However it was compiled; what holds no 4-bit layer may be."""
    run = wide_run(hidden=64, rows=16)
    head = run.model.get_output_embeddings()
    head.forward = torch.compile(head.forward, backend="eager")
    assert unseen(run) is None

    layer = run.model.get_submodule("base_model.model.model.layers.1")
    layer.forward = torch.compile(layer.forward, backend="eager")

    assert measure(run)["skipped"] == (
        "base_model.model.model.layers.1 is compiled (torch.compile): Python does not see its calls"
    )


@pytest.mark.slow
def test_a_layer_captured_in_a_graph_is_refused() -> None:
    """As ``make_graphed_callables`` leaves it, whose function is one of ``torch.cuda.graphs``."""
    run = wide_run(hidden=64, rows=16)
    layer = run.model.get_submodule("base_model.model.model.layers.1")

    def new_fwd(*arguments: Any, **named: Any) -> Any:
        raise NotImplementedError

    new_fwd.__module__ = torch.cuda.make_graphed_callables.__module__
    layer.forward = new_fwd

    assert "captured in a CUDA graph" in measure(run)["skipped"]


@pytest.mark.slow
def test_layers_that_run_in_a_graph_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its replay runs what Python never calls."""
    run = wide_run(hidden=64, rows=16)
    layer = run.model.get_submodule("base_model.model.model.layers.1.mlp.up_proj")
    dense = torch.nn.Linear(64, 128, bias=False).requires_grad_(False)
    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", lambda graph: None)

    def replaying(inputs: Any) -> Any:
        torch.cuda.CUDAGraph.replay(None)
        return dense(inputs)

    owner = run.model.get_submodule("base_model.model.model.layers.1.mlp")
    del owner.up_proj
    owner.up_proj = torch.nn.Module()
    owner.up_proj.forward = replaying
    owner.up_proj.hidden = layer

    assert measure(run)["skipped"].startswith(
        "1 of the 4-bit layers never ran in Python, but CUDA graphs were replayed"
    )


@pytest.mark.slow
def test_fused_multiplications_are_told_apart() -> None:
    """On a processor with AVX512-BF16 bitsandbytes fuses layers at rest that need no gradient."""
    run = wide_run(hidden=256, rows=64)
    layer = run.model.get_submodule("base_model.model.model.layers.0.self_attn.k_proj")
    layer.support_avx512bf16_for_cpu = bitsandbytes.functional.has_avx512bf16()
    if not layer.support_avx512bf16_for_cpu:
        pytest.skip("this processor has no AVX512-BF16")
    layer.eval()

    found = measure(run)

    assert found["fused"]["calls"] == {"forward": 4, "backward": 0, "recompute": 0}
    assert 0 < found["fused"]["share"] < 1
    assert found["calls"] == {"forward": 52, "backward": 44, "recompute": 0}
    assert "share" not in found
    assert found["skipped"].startswith(
        "4 of 100 multiplications were fused with dequantisation, in the forward: "
    )


@pytest.mark.slow
def test_what_larger_and_fuller_batches_buy() -> None:
    run = wide_run(hidden=256, rows=64, batch=2)
    for window in run.windows:
        for inputs in window.inputs:
            inputs["attention_mask"][0, 32:] = 0

    found = measure(run)

    assert [one["rows"] for one in found["micro_batches"]] == [2, 4, 8]
    for one in found["micro_batches"]:
        assert one["tokens_per_second"] * one["seconds"] == pytest.approx(48 * one["rows"])
    assert found["packing"]["padding"] == 0.25
    assert (
        found["packing"]["packed"]["tokens_per_second"]
        > (found["packing"]["as_it_is"]["tokens_per_second"])
    )


@pytest.mark.slow
def test_a_model_without_4_bit_layers_is_refused() -> None:
    run = wide_run(hidden=64, rows=16)
    run.model = torch.nn.Linear(2, 2)

    assert measure(run) == {"skipped": "no layer of the model is stored in 4 bits by bitsandbytes"}


def test_overlapping_kernels_count_once_as_busy() -> None:
    kernel_time = importlib.import_module(f"{PROBE}.profiled").kernel_time

    found = kernel_time(
        [
            ("gemm", 0.0, 10.0),
            ("void kDequantizeBlockwise<float, 512>", 5.0, 12.0),
            ("void kDequantizeBlockwise<float, 512>", 20.0, 21.0),
        ]
    )

    assert found.dequantisation == pytest.approx(8e-6)
    assert found.busy == pytest.approx(13e-6)


def test_nodes_end_at_the_inputs() -> None:
    nodes_between = importlib.import_module(f"{PROBE}.nodes").nodes_between
    before = torch.ones(2, requires_grad=True) * 2
    after = (before * 3).exp()

    names = [node.name() for node in nodes_between(before, after)]

    assert names == ["ExpBackward0", "MulBackward0"]
