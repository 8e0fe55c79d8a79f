"""A micro-batch in another shape is still one that its loss takes."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("bitsandbytes")

PROBE = "qlint.runtime_probes.activations"
shapes: Any = importlib.import_module(f"{PROBE}.shapes")
longest: Any = importlib.import_module(f"{PROBE}.longest")
Window: Any = importlib.import_module("qlint.runtime_probes.replay.window").Window


def ids(*shape: int) -> Any:
    return torch.ones(*shape, dtype=torch.long)


def sizes(inputs: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in inputs.items()}


@given(
    rows=st.integers(1, 4),
    prompt=st.integers(1, 9),
    completion=st.integers(1, 9),
    new_rows=st.integers(1, 6),
    length=st.integers(2, 40),
)
def test_prompts_and_completions_make_up_the_whole_length(
    rows: int, prompt: int, completion: int, new_rows: int, length: int
) -> None:
    """Also where they are as long as each other, and everything kept by token goes with them."""
    inputs = {
        "prompt_ids": ids(rows, prompt),
        "prompt_mask": ids(rows, prompt),
        "completion_ids": ids(rows, completion),
        "completion_mask": ids(rows, completion),
        "ref_per_token_logps": torch.zeros(rows, completion),
        "advantages": torch.zeros(rows),
        "num_items_in_batch": torch.tensor(3),
    }

    found = sizes(shapes.reshaped(inputs, 1, new_rows, length))

    assert found["prompt_ids"][1] + found["completion_ids"][1] == length
    assert found["prompt_mask"] == found["prompt_ids"]
    assert found["completion_mask"] == found["completion_ids"] == found["ref_per_token_logps"]
    assert {shape[0] for name, shape in found.items() if shape} == {new_rows}
    assert shapes.shape_of(shapes.reshaped(inputs, 1, new_rows, length)) == (new_rows, length)
    assert min(found["prompt_ids"][1], found["completion_ids"][1]) >= 1


def test_all_lengths_of_a_batch_shrink_together() -> None:
    """The rejected answer, the prompt beside them, and what an encoder's decoder is to write."""
    apart = {
        "chosen_input_ids": ids(2, 40),
        "chosen_labels": ids(2, 40),
        "rejected_input_ids": ids(2, 30),
        "rejected_attention_mask": ids(2, 30),
        "prompt_input_ids": ids(2, 20),
    }
    translation = {"input_ids": ids(2, 40), "labels": ids(2, 12)}

    assert sizes(shapes.reshaped(apart, 1, 2, 20)) == {
        "chosen_input_ids": (2, 20),
        "chosen_labels": (2, 20),
        "rejected_input_ids": (2, 15),
        "rejected_attention_mask": (2, 15),
        "prompt_input_ids": (2, 10),
    }
    assert sizes(shapes.reshaped(translation, 1, 4, 80)) == {
        "input_ids": (4, 80),
        "labels": (4, 24),
    }


def test_pairs_stay_pairs() -> None:
    inputs = {"input_ids": ids(4, 8), "ref_chosen_logps": torch.zeros(2), "margin": torch.zeros(2)}

    assert sizes(shapes.reshaped(inputs, 2, 6, 8)) == {
        "input_ids": (6, 8),
        "ref_chosen_logps": (3,),
        "margin": (3,),
    }


def test_nothing_says_any_more_where_packed_sequences_began() -> None:
    """A kernel would believe it, and read beyond the tokens that there are."""
    inputs = {
        "input_ids": ids(1, 8),
        "position_ids": torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3]]),
        "cu_seq_lens_q": torch.tensor([0, 4, 8]),
        "cu_seq_lens_k": torch.tensor([0, 4, 8]),
        "max_length_q": 4,
        "max_length_k": 4,
    }

    shorter = shapes.reshaped(inputs, 1, 1, 4)
    longer = shapes.reshaped(inputs, 1, 1, 16)

    assert sizes(shorter) == {"input_ids": (1, 4), "position_ids": (1, 4)}
    assert longer["position_ids"].tolist() == [list(range(16))]
    assert "cu_seq_lens_q" in inputs


def test_images_keep_their_size() -> None:
    inputs = {"input_ids": ids(2, 8), "pixel_values": torch.zeros(2, 3, 8, 8)}

    assert sizes(shapes.reshaped(inputs, 1, 1, 4)) == {
        "input_ids": (1, 4),
        "pixel_values": (1, 3, 8, 8),
    }


class DPOTrainer:
    """By its name."""

    args = SimpleNamespace()


def test_rows_of_a_pair_are_one_example() -> None:
    together = Window(({"input_ids": ids(4, 8)},), None)
    apart = Window(({"chosen_input_ids": ids(2, 8), "rejected_input_ids": ids(2, 8)},), None)

    def unit(window: Any, trainer: Any) -> int:
        found = longest.longest(SimpleNamespace(windows=[window], trainer=trainer))
        return int(found.unit)

    assert unit(together, DPOTrainer()) == 2
    assert unit(apart, DPOTrainer()) == 1
    assert unit(together, SimpleNamespace()) == 1


def online(**more: Any) -> tuple[Any, Any]:
    """A recorded window of a trainer that generates, and the trainer."""
    window = Window(
        tuple({"prompt_ids": ids(2, size), "completion_ids": ids(2, 4)} for size in (3, 5)), None
    )
    arguments = SimpleNamespace(max_completion_length=16, **more.pop("args", {}))
    return window, SimpleNamespace(args=arguments, **more)


def full_length(window: Any, trainer: Any) -> Any:
    return longest.longest(SimpleNamespace(windows=[window], trainer=trainer))


def test_what_a_model_may_write_and_be_asked_makes_the_longest_batch() -> None:
    rows = [{"prompt": "w" * size} for size in (7, 11, 2)]
    window, trainer = online(
        train_dataset=rows,
        _tokenize_prompts=lambda prompts: ([list(one) for one in prompts], None, {}),
        pad_to_multiple_of=8,
    )

    found = full_length(window, trainer)

    assert sizes(found.inputs) == {"prompt_ids": (2, 16), "completion_ids": (2, 16)}
    assert (found.rows, found.length) == (2, 32)
    assert found.source == (
        "a recorded batch with the longest prompt of 3 rows of the dataset and completions of "
        "max_completion_length"
    )


def test_a_limit_on_prompts_holds_for_the_datasets() -> None:
    window, trainer = online(
        train_dataset=[{"prompt": [{"role": "user", "content": "w" * 30}]}],
        _tokenize_prompts=lambda prompts: ([[1] * 30 for _ in prompts], None, {}),
        args={"max_prompt_length": 9},
    )

    assert full_length(window, trainer).length == 9 + 16


def test_no_batch_has_more_positions_than_the_model() -> None:
    """An embedding of positions would be read out of bounds."""
    small = SimpleNamespace(config=SimpleNamespace(max_position_embeddings=20))
    window, trainer = online(model=small)
    found = full_length(window, trainer)

    assert sizes(found.inputs) == {"prompt_ids": (2, 5), "completion_ids": (2, 15)}
    assert found.source.endswith("cut to the 20 positions that the model knows")

    window, trainer = online(model=small, args={"max_prompt_length": 30})
    assert full_length(window, trainer).length == 5 + 4, "as it was recorded"


def test_without_a_dataset_that_can_be_tokenized_what_was_recorded_counts() -> None:
    """A stream, another release, or prompts of another kind."""
    window, trainer = online(train_dataset=iter(()))

    found = full_length(window, trainer)

    assert found.length == 5 + 16
    assert found.source.startswith("a recorded batch with the longest of 2 recorded prompts")
    window, trainer = online(args={"max_prompt_length": 64})
    assert full_length(window, trainer).length == 64 + 16
