"""Rules are found by their pages, quickly, and settings are checked against their options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from recipe_building import rule

from qlint.findings import Location
from qlint.linting.linter_findings import finding_for_problem, finding_for_unused_suppression
from qlint.recipe import DeadConfiguration, Origin, Problem, Reading
from qlint.rulebook.options import Option
from qlint.rulebook.registry import all_rules, find_rule, read_rule, validate_options


def test_rules_are_sorted_and_complete() -> None:
    codes = [found.code for found in all_rules()]
    assert codes == sorted(codes)
    assert {f"QL10{pitfall}" for pitfall in range(1, 6)} <= set(codes)
    assert [found.pitfall for found in all_rules() if found.pitfall] == [1, 2, 3, 4, 5]


def test_a_rule_is_found_by_code_or_name() -> None:
    assert find_rule("ql101") is rule("QL101")
    assert find_rule(" learning-rate-from-lora ") is rule("QL101")
    assert find_rule("learning_rate_from_lora") is rule("QL101")
    assert find_rule("QL999") is None


def test_listing_imports_no_check() -> None:
    script = (
        "import sys; from qlint.rulebook.registry import all_rules; all_rules();"
        "heavy = {'yaml', 'libcst', 'torch', 'json', 'qlint.rules.rank_too_large'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"maximun": 1e-4}, "QL101 has no option 'maximun'; did you mean maximum?"),
        ({"xyz": 1}, "QL101 has no option 'xyz'; it has error, "),
        ({"maximum": "high"}, "Option 'maximum' of QL101 must be a number, not 'high'."),
        ({"maximum": True}, "Option 'maximum' of QL101 must be a number, not True."),
        ({"large_rank": 1.5}, "Option 'large_rank' of QL101 must be a whole number, not 1.5."),
    ],
)
def test_wrong_options_are_one_clear_sentence(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        validate_options(rule("QL101"), given)
    assert str(caught.value).startswith(sentence)


def test_options_are_merged_with_their_defaults() -> None:
    merged = validate_options(rule("QL101"), {"maximum": 1})
    assert merged["maximum"] == 1.0
    assert merged["large_rank"] == 128


def test_a_rule_without_options_says_so() -> None:
    with pytest.raises(ValueError, match="QL001 has no options, so 'maximum' cannot be set"):
        validate_options(rule("QL001"), {"maximum": 1})


@pytest.mark.parametrize(
    ("default", "value", "kind"),
    [
        (True, 1, "true or false"),
        (3, "3", "a whole number"),
        ("a", 3, "a string"),
        (("a",), "a", "a list of strings"),
    ],
)
def test_an_option_keeps_its_type(default: bool, value: object, kind: str) -> None:
    with pytest.raises(TypeError, match=kind):
        Option(default, "").accept(value)
    assert Option(default, "").accept(default) == default


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("no front matter", "starts with a line"),
        ("---\ncode: QL900\n", "is not closed"),
        ("---\ncode QL900\n---\n", "not 'key: value'"),
        ("---\ncode: QL900\n---\n", "lacks 'name'"),
    ],
)
def test_a_broken_page_is_named(text: str, complaint: str, tmp_path: Path) -> None:
    page = tmp_path / "broken.md"
    page.write_text(text)
    with pytest.raises(ValueError, match=complaint) as caught:
        read_rule(page)
    assert "broken.md" in str(caught.value)


def test_a_problem_becomes_a_finding() -> None:
    fatal = finding_for_problem(Problem("a.py", "invalid syntax", line=3, column=7))
    assert (fatal.code, fatal.severity.value, fatal.location.line) == ("QL001", "error", 3)
    part = finding_for_problem(Problem("a.ipynb", "invalid syntax", cell=2, fatal=False))
    assert (part.severity.value, part.location.cell) == ("warning", 2)


def test_an_unused_suppression_becomes_a_finding() -> None:
    finding = finding_for_unused_suppression(Location("a.py", 4), "QL101")
    assert finding.message == "The suppression of QL101 suppresses nothing."
    assert finding.fixes[0].applicability == "safe"
    bare = finding_for_unused_suppression(Location("a.py", 4), None)
    assert bare.message == "The suppression suppresses nothing."


def test_dead_configurations_are_reported_where_they_stand() -> None:
    found = rule("QL003")
    reading = Reading("a.py", dead=(DeadConfiguration("LoraConfig", Origin("a.py", 12, 3)),))
    (finding,) = found.check(reading, found.context())
    assert (finding.code, finding.location.line) == ("QL003", 12)
    assert finding.message == "LoraConfig is built here and never reaches a run."


def test_a_rule_of_the_linter_has_no_check() -> None:
    with pytest.raises(TypeError, match="reported by the linter itself"):
        _ = rule("QL001").check
