"""Alternatives and variants are treated alike by every rule."""

from __future__ import annotations

from recipe_building import QKV, SIXTEEN_BIT, UNKNOWN, findings, one_of, recipe, severity

from qlint.recipe import Field, Origin, State


def test_every_alternative_crosses() -> None:
    assert severity("QL101", recipe(learning_rate=one_of(2e-4, 3e-4))) == "warning"


def test_the_mildest_of_the_severities_is_certain() -> None:
    assert severity("QL101", recipe(learning_rate=one_of(2e-4, 1e-3))) == "warning"


def test_some_alternatives_cross() -> None:
    rates = one_of(1e-4, 2e-4, conditions=("args.slow", "not args.slow"))
    (finding,) = findings("QL101", recipe(learning_rate=rates))
    assert finding.severity.value == "info"
    assert finding.message.endswith("Only when not args.slow.")
    assert finding.location.line == 21


def test_no_alternative_crosses() -> None:
    assert severity("QL101", recipe(learning_rate=one_of(5e-5, 1e-4))) is None


def test_unknown_without_alternatives_is_quiet() -> None:
    assert severity("QL101", recipe(learning_rate=UNKNOWN)) is None


def test_an_unconditioned_alternative_says_so() -> None:
    rates = one_of(1e-4, 2e-4, conditions=(None, None))
    (finding,) = findings("QL101", recipe(learning_rate=rates))
    assert finding.message.endswith("Only in one of the possible cases.")


def test_fields_under_the_same_conditions_move_together() -> None:
    """A high rate goes with 16 bits, a low one with 4 bits: no run has both."""
    names = ("args.lora", "not args.lora")
    apart = recipe(
        learning_rate=one_of(2e-4, 1e-4, conditions=names),
        load_in_4bit=one_of(False, True, conditions=names),
        quant_method=one_of("none", "bitsandbytes", conditions=names),
    )
    assert severity("QL101", apart) is None


def test_a_feature_that_is_off_is_info_and_named() -> None:
    switched = recipe(
        {"--q_lora": {"load_in_4bit": True, "quant_method": "bitsandbytes"}},
        learning_rate=2e-4,
        **SIXTEEN_BIT,
    )
    (finding,) = findings("QL101", switched)
    assert finding.severity.value == "info"
    assert finding.message.endswith("Only when --q_lora.")


def test_a_variant_is_silent_where_the_recipe_itself_crosses() -> None:
    both = recipe({"--fast": {"learning_rate": 1e-3}}, learning_rate=2e-4)
    (finding,) = findings("QL101", both)
    assert finding.severity.value == "warning"


def test_a_variant_of_other_fields_is_not_examined() -> None:
    other = recipe({"--wide": {"target_modules": [*QKV, "o_proj"]}})
    assert severity("QL101", other) is None


def test_like_variants_are_one_finding() -> None:
    switched = recipe({"--a": {"learning_rate": 2e-4}, "--b": {"learning_rate": 2e-4}})
    (finding,) = findings("QL101", switched)
    assert finding.message.endswith("Only when --a or --b.")


def test_a_switch_that_makes_no_difference_beside_another_is_not_named() -> None:
    switched = recipe(
        {"--a": {"learning_rate": 2e-4}, "--a --b": {"learning_rate": 2e-4, "lora_r": 8}}
    )
    (finding,) = findings("QL101", switched)
    assert finding.message.endswith("Only when --a.")


def test_the_chain_of_a_value_is_one_phrase() -> None:
    rate = Field(
        State.SET,
        2e-4,
        (
            Origin("src/train.py", 31, 5, via="default of --learning_rate"),
            Origin("src/train.py", 80, 9, via="argument learning_rate of TrainingArguments"),
        ),
    )
    (finding,) = findings("QL101", recipe(learning_rate=rate))
    assert "2e-4 (train.py:31, default of --learning_rate)" in finding.message
    assert (finding.location.path, finding.location.line) == ("src/train.py", 31)


def test_a_notebook_keeps_cell_and_physical_line() -> None:
    rate = Field(State.SET, 2e-4, (Origin("a.ipynb", 2, 1, cell=3, physical_line=57),))
    (finding,) = findings("QL101", recipe(learning_rate=rate))
    assert "a.ipynb: cell 3, line 2" in finding.message
    assert finding.location.physical_line == 57


def test_conditions_that_make_no_difference_are_not_named() -> None:
    uncertain = recipe(
        learning_rate=one_of(1e-4, 2e-4, 3e-4, conditions=("slow", "usual", "fast")),
        lora_r=one_of(8, 16, conditions=("small", "large")),
    )
    (finding,) = findings("QL101", uncertain)
    assert finding.message.endswith("Only when usual or fast.")


def test_more_alternatives_than_can_be_tried_are_not_certain() -> None:
    many = recipe(
        learning_rate=one_of(*[2e-4] * 9, conditions=tuple(f"a{n}" for n in range(9))),
        lora_r=one_of(*[8] * 9, conditions=tuple(f"b{n}" for n in range(9))),
    )
    assert severity("QL101", many) == "info"
