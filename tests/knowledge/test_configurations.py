"""Shapes from configurations, in files and in the local cache."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlint.errors import UsageError
from qlint.knowledge.architectures import ARCHITECTURES
from qlint.knowledge.configurations import from_config
from qlint.knowledge.local_models import model_named
from qlint.knowledge.models import find_model

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "tie_word_embeddings": False,
}


def test_a_configuration_gives_the_shape_that_the_table_has() -> None:
    known = find_model("llama-3.1-8b")
    assert known is not None
    assert from_config(LLAMA).parameters == known.parameters


def test_the_text_half_of_a_model_that_reads_images() -> None:
    config = {"model_type": "mistral3", "text_config": {**LLAMA, "model_type": "mistral"}}
    assert from_config(config).architecture == "mistral"


def test_a_mixture_knows_its_experts() -> None:
    model = find_model("qwen3-30b-a3b")
    assert model is not None
    block = model.blocks[0]
    assert block.mixture is not None
    assert (block.mixture.experts, block.mixture.experts_per_token) == (128, 8)
    assert model.quantised_parameters < model.parameters / 20, "experts stay in 16 bits"


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("no model_type", {"model_type": None}),
        ("did you mean llama", {"model_type": "llamb"}),
        ("has no hidden_size", {"hidden_size": None}),
        ("hidden_size is -1", {"hidden_size": -1}),
        ("hidden_size is 4096.5", {"hidden_size": 4096.5}),
        ("num_hidden_layers is 10001", {"num_hidden_layers": 10001}),
        ("vocab_size is True", {"vocab_size": True}),
        ("do not fit", {"num_attention_heads": 8192}),
    ],
)
def test_what_is_wrong_is_one_sentence(words: str, changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as raised:
        from_config({**LLAMA, **changes}, "my/config.json")
    assert words in str(raised.value)
    assert "my/config.json" in str(raised.value)


@given(
    st.sampled_from(sorted(ARCHITECTURES)),
    st.dictionaries(
        st.sampled_from([*LLAMA, "head_dim", "num_experts", "sliding_window", "kv_lora_rank"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    ),
)
def test_any_configuration_is_a_shape_or_a_sentence(
    model_type: str, changes: dict[str, Any]
) -> None:
    with contextlib.suppress(UsageError):
        model = from_config({**LLAMA, **changes, "model_type": model_type})
        assert model.parameters > 0
        assert model.layers == sum(block.layers for block in model.blocks)


def test_a_path_to_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(LLAMA), encoding="utf-8")
    assert model_named(str(file)).hidden_size == 4096
    assert model_named(str(tmp_path)).hidden_size == 4096


def test_the_newest_snapshot_in_the_local_cache(tmp_path: Path) -> None:
    folder = tmp_path / "hub" / "models--someone--strange-8b" / "snapshots" / "abc"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    assert model_named("someone/strange-8b", {"HF_HOME": str(tmp_path)}).layers == 32
    with pytest.raises(UsageError):
        model_named("someone/other-8b", {"HF_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "cannot be read as JSON"),
        (b"\xff\xfe\xff", "cannot be read as JSON"),
        (b"[" * 200_000, "cannot be read as JSON"),
        (b"[]", "holds no JSON object"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=words):
        model_named(str(file))


def test_near_names_are_suggested() -> None:
    with pytest.raises(UsageError, match=r"did you mean llama-2-7b\?"):
        model_named("llama-2-7bb", {})
    with pytest.raises(UsageError, match="no configuration"):
        model_named("./nowhere/config.json", {})
