"""Recipes built by hand, so that rules are tested without any reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from qlint.findings import Finding
from qlint.recipe import Alternative, Field, Origin, Recipe, Source, State, Variant
from qlint.rulebook.registry import find_rule
from qlint.rulebook.rule import Rule

QKV = ["q_proj", "k_proj", "v_proj"]
FFN = ["gate_proj", "up_proj", "down_proj"]

GOOD: dict[str, Any] = {
    "quant_method": "bitsandbytes",
    "load_in_4bit": True,
    "load_in_8bit": False,
    "quant_type": "nf4",
    "double_quant": True,
    "compute_dtype": "bfloat16",
    "lora_r": 8,
    "lora_alpha": 16,
    "target_modules": QKV,
    "learning_rate": 1e-4,
    "optim": "adamw_8bit",
    "per_device_train_batch_size": 1,
    "max_seq_length": 1024,
    "gradient_checkpointing": True,
    "trainer": "SFTTrainer",
    "model_name": "meta-llama/Llama-2-7b-hf",
}
"""A recipe that no rule reports."""

SIXTEEN_BIT: dict[str, Any] = {"quant_method": "none", "load_in_4bit": False}


def recipe(variants: Mapping[str, Mapping[str, Any]] | None = None, /, **changes: Any) -> Recipe:
    """The good recipe with these changes; a value may be a whole Field."""
    return Recipe(
        id="train.py:1",
        source=Source("train.py", 40),
        kind="python",
        framework="transformers",
        fields=_fields({**GOOD, **changes}),
        variants=[
            Variant(condition, _fields(changed)) for condition, changed in (variants or {}).items()
        ],
    )


def written(value: Any, line: int = 10) -> Field:
    """A value that stands at this line of train.py."""
    return Field(State.SET, value, (Origin("train.py", line, 5),))


def by_default(value: Any) -> Field:
    """A library's default."""
    return Field(State.DEFAULT, value, (Origin(via="transformers 4.56.2's default"),))


def one_of(*values: Any, conditions: tuple[str | None, ...] | None = None) -> Field:
    """One of several values, each under a condition."""
    names = conditions or tuple(f"case {index}" for index in range(len(values)))
    alternatives = tuple(
        Alternative(value, name, (Origin("train.py", 20 + index, 1),))
        for index, (value, name) in enumerate(zip(values, names, strict=True))
    )
    return Field(State.UNKNOWN, alternatives=alternatives)


UNKNOWN = Field(State.UNKNOWN, origin=(Origin(via="read from a file that is not there"),))
ABSENT = Field(State.ABSENT)


def rule(code: str) -> Rule:
    """The rule with this code."""
    found = find_rule(code)
    assert found is not None
    return found


def findings(
    code: str,
    subject: Recipe,
    *,
    gpu: str | None = None,
    model: str | None = None,
    **options: object,
) -> list[Finding]:
    """What the rule reports on this recipe under these settings."""
    found = rule(code)
    return list(found.check(subject, found.context(options, gpu=gpu, model=model)))


def severity(code: str, subject: Recipe, **settings: Any) -> str | None:
    """The severity of the one finding, or None where the rule is silent."""
    found = findings(code, subject, **settings)
    assert len(found) <= 1
    return found[0].severity.value if found else None


def without(subject: Recipe, *names: str) -> Recipe:
    """The recipe with these fields absent."""
    return replace(subject, fields={k: v for k, v in subject.fields.items() if k not in names})


def _fields(values: Mapping[str, Any]) -> dict[str, Field]:
    return {
        name: value if isinstance(value, Field) else written(value)
        for name, value in values.items()
    }
