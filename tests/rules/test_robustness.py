"""No value that an input can hold makes a rule raise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from recipe_building import findings, recipe

from qlint.recipe import FIELD_NAMES, Alternative, Field, State
from qlint.rulebook.registry import all_rules

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
FIELDS = st.builds(
    Field,
    st.sampled_from(State),
    VALUES,
    alternatives=st.lists(st.builds(Alternative, VALUES), max_size=3).map(tuple),
)

FACT_NAMES = (
    "compute_metrics",
    "eval_accumulation_steps",
    "eval_strategy",
    "load_dtype",
    "loss_type",
    "method",
    "model_class",
    "per_device_eval_batch_size",
    "use_liger_kernel",
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(FIELD_NAMES), FIELDS),
    st.dictionaries(st.sampled_from(FACT_NAMES), FIELDS),
)
def test_rules_never_raise(changes: dict[str, Field], facts: dict[str, Field]) -> None:
    subject = replace(recipe(**changes), facts=facts)
    for rule in all_rules():
        if rule.scope == "recipe":
            findings(rule.code, subject, gpu="24GB")
