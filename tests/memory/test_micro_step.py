"""Where only the number of tokens matters, however they are divided into sequences."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from memory_jobs import qlora

from qlint.memory.job import Loss
from qlint.memory.predict import predict
from qlint.memory.step.micro_step import hangs_on_tokens_alone
from qlint.records import replace

MODELS = ("llama-2-7b", "mistral-7b-v0.1", "gemma-2-9b", "phi-2", "qwen3-8b")
CHANGES = {
    "gradient_checkpointing": st.booleans(),
    "kbit_prepare": st.booleans(),
    "lora_dropout": st.sampled_from([0.0, 0.1]),
    "attn_implementation": st.sampled_from(["sdpa", "flash_attention_2", "eager"]),
    "loss": st.sampled_from(list(Loss)),
    "packing": st.booleans(),
    "padding": st.booleans(),
}


@given(
    st.sampled_from(MODELS),
    st.fixed_dictionaries(CHANGES),
    st.sampled_from([2, 4, 8]),
    st.integers(1, 40),
)
def test_the_same_tokens_take_the_same_memory(
    name: str, changes: dict[str, Any], batch: int, grains: int
) -> None:
    length = 128 * grains
    many = qlora(name, per_device_train_batch_size=batch, max_seq_length=length, **changes)
    assume(hangs_on_tokens_alone(many))
    one = replace(many, per_device_train_batch_size=1, max_seq_length=batch * length)
    assert predict(many) == predict(one)


@pytest.mark.parametrize(
    "changes",
    [
        {"attn_implementation": "eager"},
        {"padding": True},
        {"packing": True},
        {"loss": Loss.SHIFTED},
        {"loss": Loss.NARROW},
    ],
)
def test_where_sequences_matter_it_says_so(changes: dict[str, Any]) -> None:
    many = qlora(per_device_train_batch_size=4, max_seq_length=512, **changes)
    assert not hangs_on_tokens_alone(many)
    one = replace(many, per_device_train_batch_size=1, max_seq_length=2048)
    assert predict(many) != predict(one)


def test_it_is_said_of_the_recommended_recipe() -> None:
    assert hangs_on_tokens_alone(qlora())
