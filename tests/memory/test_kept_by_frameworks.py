"""What frameworks and older versions of libraries keep in memory, each counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from memory_jobs import known_model, qlora

from qlint.memory.job import Job, Loss
from qlint.memory.optimizer import optimizer_kind
from qlint.memory.optimizer_step import optimizer_memory
from qlint.memory.predict import predict
from qlint.memory.step.walk import walk
from qlint.memory.trained import Trained
from qlint.memory.weights import quantised_tensors, total_bytes

TOKENS = 1024
HIDDEN, INTERMEDIATE, VOCABULARY, LAYERS = 4096, 11008, 32000, 32


def kept_by_a_layer(job: Job) -> int:
    """Bytes that the forward of a layer in the middle leaves for the backward."""
    return sum(walk(job).layers[1].kept.values())


def dense(**changes: Any) -> Job:
    """16 bits throughout, as LitGPT and torchtune train."""
    fields: dict[str, Any] = {
        "quant_method": "none",
        "load_in_4bit": False,
        "double_quant": False,
        "kbit_prepare": False,
        "autocast": None,
        "adapter_dtype": "bfloat16",
        **changes,
    }
    return qlora(**fields)


def test_older_bitsandbytes_keeps_the_inputs_of_quantised_layers() -> None:
    job = dense(quant_method="bitsandbytes", load_in_4bit=True, compute_dtype="bfloat16")
    more = kept_by_a_layer(replace(job, keeps_quantised_inputs=True)) - kept_by_a_layer(job)
    # The input of q, k and v, that of gate and up, and that of down; attention's result is kept
    # anyway.
    assert more == 2 * TOKENS * (HIDDEN + HIDDEN + INTERMEDIATE)


def test_padded_adapters_keep_what_they_add() -> None:
    job = dense(target_modules=("q_proj", "v_proj"))
    more = kept_by_a_layer(replace(job, pads_adapters=True)) - kept_by_a_layer(job)
    assert more == 2 * 2 * TOKENS * HIDDEN


def test_shifted_logits_are_copied_unless_a_batch_is_one_sequence() -> None:
    for batch, copies in ((1, 0), (2, 1)):
        job = dense(per_device_train_batch_size=batch)
        shifted = sum(walk(replace(job, loss=Loss.SHIFTED)).head.forward_peak.values())
        whole = sum(walk(job).head.forward_peak.values())
        assert shifted - whole == copies * 4 * batch * TOKENS * VOCABULARY


def test_litgpt_makes_logits_and_their_logarithms_in_16_bits() -> None:
    walked = walk(dense(loss=Loss.NARROW))
    the_loss_itself = 512
    logits = walked.head.forward_peak["logits and loss"] - the_loss_itself
    assert logits == 2 * 2 * TOKENS * VOCABULARY


def test_names_of_a_hand_written_loop_keep_logits() -> None:
    job = dense()
    peaks = [
        predict(replace(job, outputs_live=live)).peak_allocated_bytes
        for live in ("to the loss", "through the backward")
    ]
    assert peaks[1] - peaks[0] == 2 * TOKENS * VOCABULARY


def test_names_of_a_hand_written_loop_keep_the_last_graph() -> None:
    job = dense(
        quant_method="bitsandbytes",
        load_in_4bit=True,
        compute_dtype="bfloat16",
        keeps_quantised_inputs=True,
        loss=Loss.NARROW,
    )
    once = predict(job).peak_allocated_bytes
    twice = predict(replace(job, outputs_live="to the next loss")).peak_allocated_bytes
    kept = 2 * TOKENS * (HIDDEN + HIDDEN + HIDDEN + INTERMEDIATE)
    assert twice - once == pytest.approx(LAYERS * kept + 2 * TOKENS * VOCABULARY, rel=0.1)


def test_pytorch_keeps_moments_in_the_dtype_of_the_parameters() -> None:
    state = {
        name: kind.state_of(1024, 1024, size=2)
        for name in (
            "adamw_torch",
            "adamw_bnb_8bit",
            "paged_adamw_32bit",
            "bitsandbytes.optim.AdamW",
        )
        if (kind := optimizer_kind(name))
    }
    assert state["adamw_torch"] == 2 * 2 * 1024**2
    assert state["paged_adamw_32bit"] == state["bitsandbytes.optim.AdamW"] == 2 * 4 * 1024**2
    assert state["adamw_bnb_8bit"] < state["adamw_torch"]


def test_an_output_layer_that_is_not_skipped_is_quantised_unless_it_is_the_embedding() -> None:
    skipped = qlora()
    everything = replace(skipped, skip_modules=())
    packed = VOCABULARY * HIDDEN // 2
    more = total_bytes(quantised_tensors(everything)) - total_bytes(quantised_tensors(skipped))
    assert packed < more < 1.1 * packed
    tied = replace(known_model(), tied_embeddings=True)
    assert list(quantised_tensors(replace(everything, model=tied))) == list(
        quantised_tensors(replace(skipped, model=tied))
    )


def test_dora_over_a_dense_base_leaves_the_stream_in_16_bits() -> None:
    job = dense(adapter_dtype="float32", use_dora=True, target_modules=("q_proj",))
    assert {layer.stream for layer in walk(job).layers} == {2}
    without = replace(job, use_dora=False)
    linears = 2 * TOKENS * (4 * HIDDEN + 3 * INTERMEDIATE)
    assert 0 < kept_by_a_layer(job) - kept_by_a_layer(without) < linears


def test_a_weight_quantised_from_another_dtype_is_there_twice() -> None:
    job = dense(
        quant_method="bitsandbytes",
        load_in_4bit=True,
        compute_dtype="bfloat16",
        skip_modules=(),
        loss=Loss.NARROW,
    )
    peaks = [
        predict(replace(job, quantised_from=dtype, dequantises_twice=True)).peak_allocated_bytes
        for dtype in (None, "float16")
    ]
    # The largest is the output layer's.
    assert peaks[1] - peaks[0] == 2 * VOCABULARY * HIDDEN
    assert predict(job).peak_allocated_bytes == peaks[0]


@pytest.mark.parametrize(("prepared", "size"), [(False, 2), (True, 4)])
def test_what_is_saved_beside_adapters_keeps_its_dtype(prepared: bool, size: int) -> None:
    job = qlora(modules_to_save=("lm_head",), kbit_prepare=prepared, optim="paged_adamw_32bit")
    amounts = [
        {part.name: part.bytes for part in predict(each).components}["adapters"]
        for each in (job, replace(job, modules_to_save=()))
    ]
    assert amounts[0] - amounts[1] == pytest.approx(size * VOCABULARY * HIDDEN, rel=0.01)


def test_adafactor_widens_what_is_in_16_bits() -> None:
    scratch = [
        optimizer_memory(
            qlora(optim="adafactor"), [Trained(VOCABULARY, HIDDEN, 1, size)]
        ).scratch_bytes
        for size in (2, 4)
    ]
    assert scratch == [4 * 4 * VOCABULARY * HIDDEN, 2 * 4 * VOCABULARY * HIDDEN]


def test_experts_of_transformers_4_go_backwards_one_at_a_time() -> None:
    job = qlora(
        "mixtral-8x7b-v0.1",
        target_modules=("q_proj",),
        gradient_checkpointing=True,
        max_seq_length=4096,
        quantised_experts=True,
    )
    layer = walk(job).layers[1]
    one_expert = 4096 * 2 // 8 * 14336
    on_the_way = layer.backward_peak["gradients on the way"]
    assert on_the_way < 4 * 4 * one_expert + 8 * 4096 * 4096 * 4


def test_falcon_is_not_quantised_by_transformers_from_5_5_on() -> None:
    older = qlora("falcon-7b", target_modules=("query_key_value",), quantises_subclasses=True)
    packed, left = (
        {part.name: part.bytes for part in predict(job).components}
        for job in (older, replace(older, quantises_subclasses=False))
    )
    assert packed["quantised weights"] > 3e9
    assert "quantised weights" not in left
    assert left["unquantised weights"] > 4 * packed["unquantised weights"]
