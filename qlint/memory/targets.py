"""Which modules of a model a ``target_modules`` setting selects, as PEFT selects them.

PEFT matches a list by the end of a module's path, a string by ``re.fullmatch`` on the whole path,
and takes ``"all-linear"`` for every linear layer but the output projection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from qlint.knowledge.models import Linear, Model

ALL_LINEAR = frozenset({"all-linear", "all"})
"""PEFT's name for every linear layer, and LLaMA-Factory's."""


def adapted_linears(
    model: Model, target_modules: str | Sequence[str]
) -> tuple[tuple[Linear, int], ...] | None:
    """The linears that get an adapter, each with the number of places in the whole model.

    None where that cannot be told: nothing matches, a pattern treats layers differently, or it is
    one that could take too long to match.
    """
    if isinstance(target_modules, str) and target_modules in ALL_LINEAR:
        return model.linears
    matches = path_matcher(target_modules)
    if matches is None:
        return None
    # Three layers stand for all: matching a strange pattern on every one could take minutes.
    probes = [model.layer_path.format(at) for at in {0, model.layers // 2, model.layers - 1}]
    adapted: list[tuple[Linear, int]] = []
    for linear, places in model.linears:
        answers = {matches(f"{probe}{linear.name.replace('*', '0')}") for probe in probes}
        if len(answers) > 1:
            return None
        if answers.pop():
            adapted.append((linear, places))
    if matches("model.embed_tokens"):
        adapted.append((model.embedding, 1))
    if matches("lm_head"):
        adapted.append((model.output, 1))
    return tuple(adapted) or None


def path_matcher(target_modules: str | Sequence[str]) -> Callable[[str], bool] | None:
    """A predicate on module paths, or None for a pattern that is broken or unsafe to try."""
    if isinstance(target_modules, str):
        pattern = safe_pattern(target_modules)
        return None if pattern is None else lambda path: pattern.fullmatch(path) is not None
    ends = tuple(f".{target}" for target in target_modules)
    return lambda path: f".{path}".endswith(ends)


def safe_pattern(text: str) -> re.Pattern[str] | None:
    """Compile a pattern read from an input, unless matching it could run away.

    Repeated groups backtrack exponentially, and each further quantifier multiplies the work by the
    path's length, so both are bounded; the patterns in real recipes stay well within.
    """
    quantifiers = len(re.findall(r"(?<![\\(*+?}])[*+?{]", text))
    if len(text) > 2000 or quantifiers > 5 or re.search(r"\)[*+{]", text):
        return None
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return None
