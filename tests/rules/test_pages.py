"""Every rule has a page, and what the page says is what the rule does."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qlint.findings import Finding
from qlint.rulebook.page import SECTIONS, Sample, read_page
from qlint.rulebook.registry import all_rules
from qlint.rulebook.rule import Rule
from qlint.rulebook.wording import scientific
from qlint.settings.file import load_settings

try:
    read: Any = importlib.import_module("qlint.readers").read
    Request: Any = importlib.import_module("qlint.readers.request").Request
except (ImportError, AttributeError):
    read = None

needs_reader = pytest.mark.skipif(read is None, reason="there is no Python reader yet")

RULES = all_rules()
EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.code}-{number}")
    for rule in RULES
    if rule.scope != "linter"
    for number, example in enumerate(read_page(rule.page).examples, start=1)
]
REMEDIES = [
    pytest.param(rule, remedy, id=f"{rule.code}-{number}")
    for rule in RULES
    if rule.scope != "linter"
    for number, remedy in enumerate(read_page(rule.page).remedies, start=1)
]

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)


def findings_in(rule: Rule, sample: Sample, folder: Path) -> Iterator[Finding]:
    for name, text in sample.beside:
        (folder / name).write_text(text)
    request = Request(root=str(folder), display_path=sample.name)
    reading = read(str(folder / sample.name), sample.text.encode(), request)
    subjects = reading.recipes if rule.scope == "recipe" else [reading]
    # The page may show the settings that the rule needs, a card above all.
    settings = load_settings(str(folder / sample.name))
    for subject in subjects:
        yield from rule.check(subject, rule.context(gpu=settings.gpu))


def without_origins(message: str) -> str:
    """A message without the parentheses that say where a value stands."""
    return re.sub(r" \([^()]*\)", "", " ".join(message.split()))


def test_codes_and_names_are_unique() -> None:
    codes = [rule.code for rule in RULES]
    names = [rule.name for rule in RULES]
    assert len(set(codes)) == len(codes)
    assert len(set(names)) == len(names)


def test_every_module_has_a_page_and_every_check_a_module() -> None:
    folder = Path(importlib.import_module("qlint.rules").__path__[0])
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert modules == {rule.page.stem for rule in RULES if rule.scope != "linter"}


@each_rule
def test_code_name_and_file_agree(rule: Rule) -> None:
    assert re.fullmatch(r"QL\d{3}", rule.code)
    assert rule.name == rule.page.stem.replace("_", "-")
    assert rule.summary.endswith(".")


@each_rule
def test_sections_stand_in_their_order(rule: Rule) -> None:
    page = read_page(rule.page)
    assert page.headings == SECTIONS
    for heading in SECTIONS:
        assert page.section(heading).strip(), heading
    evidence = page.section("Evidence for and against")
    assert "For: " in evidence
    assert "Against: " in evidence
    assert "qlint " in page.section("Settle it by measuring")


@each_rule
def test_options_are_documented_with_their_defaults(rule: Rule) -> None:
    def shown(default: object) -> str:
        small = isinstance(default, float) and default < 1e-2
        return scientific(default) if small else str(default)  # type: ignore[arg-type]

    declared = {name: shown(option.default) for name, option in rule.options.items()}
    assert read_page(rule.page).documented_options == declared


@each_rule
def test_there_is_a_script_to_avoid_and_one_to_use(rule: Rule) -> None:
    page = read_page(rule.page)
    assert page.examples
    assert page.remedies
    if rule.scope == "recipe":
        for sample in (*(example.sample for example in page.examples), *page.remedies):
            assert sample.name == "train.py"
            compile(sample.text, rule.page.name, "exec")
            assert "trainer.train()" in sample.text


@needs_reader
@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_an_example_is_reported_with_the_message_on_the_page(
    rule: Rule, example: Any, tmp_path: Path
) -> None:
    found = findings_in(rule, example.sample, tmp_path)
    messages = [without_origins(finding.message) for finding in found]
    assert messages == [without_origins(example.message)]


@needs_reader
@pytest.mark.parametrize(("rule", "remedy"), REMEDIES)
def test_a_remedy_is_silent(rule: Rule, remedy: Sample, tmp_path: Path) -> None:
    assert list(findings_in(rule, remedy, tmp_path)) == []
