"""The three reports of a measurement."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest
from probe_results import ENVIRONMENT, NOTHING, PROBES, probed

from qlint.reporters.probe_html import page
from qlint.reporters.probe_text import probe
from qlint.reporters.probe_value import Probed, probe_report
from qlint.reporters.sinks import render
from qlint.reporters.structured import plain
from qlint.schema import schema_text

ON_PROCESSOR = {
    **ENVIRONMENT,
    "device": "cpu",
    "gpu": None,
    "watched": {"skipped": "no CUDA card"},
}
CASES = [
    probed(),
    probed(probes=NOTHING, verdicts=[], environment=ON_PROCESSOR),
    probed(interrupted=True, predicted_peak_bytes=None),
    *(probed(probes={**PROBES, key: NOTHING[key]}) for key in PROBES),
]


def text(case: Probed) -> str:
    return render(probe(case), color=False)


@pytest.mark.parametrize("case", CASES)
def test_the_json_report_validates(case: Probed) -> None:
    import json

    schema = json.loads(schema_text())
    document = json.loads(json.dumps(probe_report(case)))
    jsonschema.Draft202012Validator(schema).validate(document)


@pytest.mark.parametrize("key", sorted(PROBES))
def test_a_probe_that_was_measured_must_have_its_figures(key: str) -> None:
    import json

    schema = json.loads(schema_text())
    document = probe_report(probed(probes={**PROBES, key: {"skipped": None}}))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(document)


def test_infinite_figures_are_text_in_json() -> None:
    assert plain({"loss": float("inf")}) == {"loss": "inf"}


def test_the_summary_fits_one_screen() -> None:
    assert len(text(probed()).splitlines()) <= 50
    assert len(text(probed(probes=NOTHING, verdicts=[])).splitlines()) <= 15


def test_the_summary_names_what_speaks_against_the_figures() -> None:
    shown = text(probed())
    for words in ("power cap", "2 other processes", "launch-bound", "2 warm-up steps discarded"):
        assert words in shown
    assert "doubtful" not in text(probed(environment=ON_PROCESSOR))


def test_every_figure_has_its_method_noise_and_check() -> None:
    shown = text(probed())
    assert "CUDA events; noise 1.2%; overhead 0.8%" in shown
    assert "checked: 31.0% by one profiled step" in shown
    assert "qlint plan predicts 9.0 GB" in shown


def test_what_was_skipped_is_never_a_zero() -> None:
    shown = text(probed(probes=NOTHING, verdicts=[]))
    assert shown.count("skipped: there was <nothing> to measure") == 4
    assert "0.0%" not in shown


def test_an_interrupted_measurement_says_so() -> None:
    assert "interrupted" in text(probed(interrupted=True))
    assert "Interrupted" in page(probed(interrupted=True))


class Balance(HTMLParser):
    """Fails on a tag that is closed out of turn."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("case", CASES)
def test_the_page_is_well_formed_and_stands_alone(case: Probed) -> None:
    shown = page(case)
    parser = Balance()
    parser.feed(shown)
    assert parser.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(parser.seen)
    assert not re.search(r"(?:src|href)\s*=|url\(|@import", shown)
    assert "<Trainer>" not in shown
    assert "<nothing>" not in shown
    assert "nan" not in re.sub(r"[a-z]nan|nan[a-z]", "", shown)


def test_the_page_draws_what_was_measured() -> None:
    shown = page(probed())
    assert shown.count("<svg") == 8
    assert "diverged" in shown
    assert "2100 to 2520 MHz" in shown
    assert page(probed(probes=NOTHING)).count("<svg") == 0
