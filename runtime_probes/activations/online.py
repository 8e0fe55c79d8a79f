"""The longest batch of a trainer that generates: as long as its limits let it become.

What was recorded is as long as the model happened to write at the start. A model that learns to
write more ends at ``max_completion_length``, below the longest prompt of the dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .dataset import rows_to_look_at
from .shapes import COMPLETION, PROMPT, positions_of, shape_of, with_lengths

_TOKENIZED = 16
"""Of the rows of a dataset, so many with the most characters are tokenized."""


def as_long_as_allowed(trainer: Any, recorded: Sequence[Any]) -> tuple[Any, str] | None:
    """A recorded micro-batch at its full length, and in words what made it so long.

    None where the trainer does not generate, or sets no limit that could be reached.
    """
    arguments = getattr(trainer, "args", None)
    completion = getattr(arguments, "max_completion_length", None)
    parts = [one for one in recorded if isinstance(one, Mapping) and PROMPT in one]
    if not completion or not parts or any(COMPLETION not in one for one in parts):
        return None
    inputs = max(parts, key=lambda one: shape_of(one).rows)
    prompt, source = _longest_prompt(trainer, [one[PROMPT].shape[1] for one in parts])
    multiple = getattr(trainer, "pad_to_multiple_of", None)
    completion = max(completion, *(one[COMPLETION].shape[1] for one in parts))
    prompt, completion = _padded(prompt, multiple), _padded(completion, multiple)
    source = f"a recorded batch with {source} and completions of max_completion_length"
    known = positions_of(getattr(trainer, "model", None))
    if known is not None and prompt + completion > known:
        if prompt >= known:
            return None
        completion = known - prompt
        source += f", cut to the {known} positions that the model knows"
    return with_lengths(inputs, prompt, completion), source


def _longest_prompt(trainer: Any, recorded: list[int]) -> tuple[int, str]:
    """Tokens of the longest prompt, and in words which it is."""
    limit = getattr(trainer.args, "max_prompt_length", None)  # Newer releases have none.
    try:
        found, rows = _in_dataset(trainer)
    except Exception:  # The user's dataset and tokenizer, and a method that is not for others.
        if limit is not None:
            return max(limit, *recorded), "prompts of max_prompt_length"
        return max(recorded), f"the longest of {len(recorded)} recorded prompts"
    found = found if limit is None else min(found, limit)
    return max(found, *recorded), f"the longest prompt of {rows} rows of the dataset"


def _in_dataset(trainer: Any) -> tuple[int, int]:
    """Tokens of the longest prompt in the dataset, and how many rows were looked at."""
    dataset = trainer.train_dataset
    numbers = rows_to_look_at(len(dataset))
    prompts = sorted((dataset[number]["prompt"] for number in numbers), key=_characters)
    tokenized, *_ = trainer._tokenize_prompts(prompts[-_TOKENIZED:])
    return max(map(len, tokenized)), len(numbers)


def _characters(prompt: Any) -> int:
    """Of a text, or of all messages of a conversation."""
    if isinstance(prompt, str):
        return len(prompt)
    if isinstance(prompt, Mapping):
        return sum(map(_characters, prompt.values()))
    return sum(map(_characters, prompt)) if isinstance(prompt, list | tuple) else 0


def _padded(length: int, multiple: int | None) -> int:
    return -(-length // multiple) * multiple if isinstance(multiple, int) and multiple else length
