"""Whatever is asked of ``qlint plan``, the answer is a plan or one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qlint.__main__ import main
from qlint.recipe import FIELD_NAMES

MODELS = ["llama-2-7b", "smollm2-135m", "mixtral-8x7b", "gemma-2-9b", "phi-2"]
NUMBERS = ["0", "-1", "1", "7", "1e400", "99999999999999999999", "100000000", "0.5", "nan"]
WORDS = ["", "true", "null", "[]", '["q_proj"]', "{", "[" * 5000, "a,b", "(a+)+$", "fsdp", "\x00"]
quick = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The error of a call; empty where it made a plan."""
    status = main(["plan", "--isolated", *argv])
    captured = capsys.readouterr()
    assert "internal error" not in captured.err
    assert status in (0, 1, 2)
    assert (status == 2) == bool(captured.err)
    assert captured.err.count("\n") == (1 if captured.err else 0), captured.err
    assert bool(captured.out) != bool(captured.err)
    return captured.err


@quick
@given(
    st.sampled_from(MODELS),
    st.lists(
        st.tuples(
            st.sampled_from(FIELD_NAMES),
            st.sampled_from(NUMBERS + WORDS) | st.text(max_size=8),
        ),
        max_size=3,
    ),
    st.sampled_from([[], ["--gpu", "24GB"], ["--gpus", "2x24GB"], ["--gpu", "T4"]]),
)
def test_any_setting(
    capsys: pytest.CaptureFixture[str],
    model: str,
    changes: list[tuple[str, str]],
    cards: list[str],
) -> None:
    argv = [f"--set={name}={value}" for name, value in changes]
    told(capsys, f"--model={model}", *cards, *argv)


@quick
@given(st.text(max_size=20) | st.from_regex(r"\d{0,9}x?-?\d{0,9}(gb|GB|)", fullmatch=True))
def test_any_card(capsys: pytest.CaptureFixture[str], text: str) -> None:
    told(capsys, "--model=smollm2-135m", f"--gpu={text}")
    told(capsys, "--model=smollm2-135m", f"--gpus={text}")


@quick
@given(st.text(max_size=30))
def test_any_model(capsys: pytest.CaptureFixture[str], text: str) -> None:
    told(capsys, f"--model={text}", "--gpu=24GB")


SIZES: st.SearchStrategy[object] = st.one_of(
    st.integers(-2, 10**12), st.sampled_from([0, None, "4096", 4096.5, [], True, 10**30])
)


@quick
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "hidden_size",
                "num_hidden_layers",
                "num_attention_heads",
                "num_key_value_heads",
                "intermediate_size",
                "vocab_size",
                "head_dim",
                "sliding_window",
                "layer_types",
                "num_local_experts",
                "max_position_embeddings",
                "tie_word_embeddings",
                "partial_rotary_factor",
            ]
        ),
        SIZES,
    ),
    st.sampled_from(["llama", "mixtral", "gemma3_text", "gpt2", "deepseek_v3", "x", None, 3]),
)
def test_any_configuration(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    sizes: dict[str, object],
    model_type: object,
) -> None:
    usual = {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 128,
        "vocab_size": 100,
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**usual, "model_type": model_type, **sizes}))
    told(capsys, f"--model={path}", "--gpu=24GB")
