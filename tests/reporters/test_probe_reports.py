"""The three reports of a measurement."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from probe_results import ENVIRONMENT, NOTHING, PROBES, SPARSE, probed

from qlint.linting.linter import lint
from qlint.linting.session import Session
from qlint.reporters.probe_html import page
from qlint.reporters.probe_text import probe
from qlint.reporters.probe_value import Probed, probe_report
from qlint.reporters.sinks import render
from qlint.reporters.structured import plain
from qlint.schema import schema_text
from qlint.settings.in_force import Settings

PITFALLS = Path(__file__).parents[2] / "fixtures" / "pitfalls" / "train.py"

TRIED_IN_VAIN = {
    **PROBES["activations"],
    "largest": {
        "capacity_bytes": 24_900_000_000,
        "by_length": {"skipped": "ValueError: image tokens do not match"},
        "by_rows": {"rows": 5, "length": 2048, "peak_bytes": 23_700_000_000, "stopped": "spent"},
    },
    "scaling": {
        "points": [
            {"rows": 1, "length": 2048, "peak_bytes": 9_100_000_000},
            {"rows": 1, "length": 1024, "peak_bytes": None, "skipped": "the time budget was spent"},
            {"rows": 4, "length": 2048, "peak_bytes": None, "skipped": "out of memory"},
        ],
        "bytes_per_token": 1e6,
    },
    "smaller_cards": [],
    "smaller_cards_skipped": "the time budget was spent",
}
"""Searches that ended early, or could not begin."""
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
    probed(probes=SPARSE, environment=ON_PROCESSOR),
    probed(probes={**PROBES, "activations": TRIED_IN_VAIN}),
    probed(name="meta-llama/Llama-2-7b-hf, random weights, r 8 on q_proj/v_proj, 1 x 512 tokens"),
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


@pytest.mark.parametrize("case", CASES)
def test_the_summary_fits_one_screen_of_eighty_columns(case: Probed) -> None:
    lines = text(case).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80


def test_what_was_not_measured_takes_little_room() -> None:
    assert len(text(probed(probes=NOTHING, verdicts=[])).splitlines()) <= 16


def test_the_summary_names_what_speaks_against_the_figures() -> None:
    shown = " ".join(text(probed()).split())
    for words in ("power cap", "2 other processes", "launch-bound", "2 warm-up steps discarded"):
        assert words in shown
    assert "doubtful" not in text(probed(environment=ON_PROCESSOR))


def test_a_model_on_several_devices_is_a_doubt() -> None:
    for devices, doubtful in ((["cuda:0"], False), (["cpu", "cuda:0"], True)):
        shown = text(probed(environment={**ENVIRONMENT, "devices": devices}))
        assert ("the model lies on cpu, cuda:0" in shown) is doubtful


def test_figures_have_their_noise_and_check() -> None:
    shown = text(probed())
    assert "0.61 s ± 1.2 %" in shown
    assert "checked: 31.0 %, 30.0 % directly (one profiled step)" in shown
    assert "predicted by qlint plan: 9.0 GB (-1 %)" in shown
    assert "under 0.02 is noise (A/A)" in shown
    assert "error of weights 9.1 %" in shown
    assert "dearest adapters: q_proj 3.3 % ± 0.2 %, up_proj 8.2 % ± 0.7 %" in shown


def test_adapters_that_do_not_stand_out_of_their_noise_are_not_called_dear() -> None:
    costs = [{**one, "noise": 2 * one["seconds"]} for one in PROBES["dequant"]["targets"]]
    shown = text(probed(probes={**PROBES, "dequant": {**PROBES["dequant"], "targets": costs}}))
    assert "dearest adapters: none stands out of its noise" in shown
    assert "q_proj" not in shown


@pytest.mark.parametrize(
    ("prediction", "environment", "expected"),
    [
        ({"bytes": 9_555_000_000}, ON_PROCESSOR, "predicted by qlint plan: 9.6 GB (+5 %)"),
        ({}, ENVIRONMENT, "predicted by qlint plan: 9.0 GB (-1 %)"),
        ({}, ON_PROCESSOR, "predicted by qlint plan: 9.0 GB, on a card"),
        ({"skipped": "an odd loss"}, ON_PROCESSOR, "predicted by qlint plan: 9.0 GB, on a card"),
    ],
)
def test_the_planner_is_compared_with_the_same_step_alone(
    prediction: dict[str, Any], environment: dict[str, Any], expected: str
) -> None:
    activations = {**PROBES["activations"], "prediction": prediction}
    case = probed(environment=environment, probes={**PROBES, "activations": activations})
    assert expected in text(case)


def test_what_the_planner_cannot_predict_has_its_reason() -> None:
    activations = {**PROBES["activations"], "prediction": {"skipped": "an odd loss"}}
    case = probed(predicted_peak_bytes=None, probes={**PROBES, "activations": activations})
    assert "not predicted by qlint plan: an odd loss" in text(case)


def test_a_mode_that_was_not_measured_says_why() -> None:
    case = probed(probes=SPARSE)
    assert "checkpointing off: skipped, the model has no switch" in text(case)
    assert "Checkpointing off: skipped, the model has no switch" in page(case)


def test_bars_stand_on_their_whole() -> None:
    """A share of 30 % is drawn as 30 % of a track that is the whole step."""
    (line,) = [one for one in text(probed()).splitlines() if one.startswith("  dequantisation ")]
    filled, track = line.count("█"), line.count("·")
    assert abs(filled / (filled + track) - 0.3) < 0.02


def test_rates_that_broke_and_that_were_lost_are_told_apart() -> None:
    shown = text(probed())
    rates, losses = (
        line.split()[1:] for line in shown.splitlines() if line.startswith(("  rate", "  loss"))
    )
    assert dict(zip(rates, losses, strict=True)) == {
        "5e-5": "0",
        "2e-4": "-0.05",
        "4e-4": "+0.03",
        "8e-4": "broke",
        "3.2e-3": "broke",
        "6.4e-3": "lost",
    }
    assert "nothing is known of 6.4e-3: out of memory" in shown
    assert "breaks between 4e-4 and 8e-4" in shown


def test_steps_that_the_scaler_skipped_are_counted() -> None:
    rates = PROBES["learning_rate"]
    trials = [{**one, "skipped_steps": 2} for one in rates["trials"]]
    case = probed(probes={**PROBES, "learning_rate": {**rates, "trials": trials}})
    for shown in (" ".join(text(case).split()), page(case)):
        assert "he gradient scaler skipped 12 steps" in shown
    assert "scaler" not in text(probed())


def judged(codes: Sequence[str]) -> Probed:
    """A measured script with findings; these codes are confirmed, one more is refuted."""
    report = lint(Session((str(PITFALLS),), Settings()))
    verdicts = [{"code": code, "verdict": "confirmed", "why": "it was seen"} for code in codes]
    verdicts.insert(0, {"code": "QL105", "verdict": "refuted", "why": "it was not seen"})
    return probed(report=report, recipe=report.recipes[0], verdicts=verdicts)


def test_what_is_confirmed_comes_first_with_its_fix() -> None:
    case = judged(["QL102"])
    shown = text(case)
    assert shown.index("QL102 confirmed") < shown.index("QL105 refuted") < shown.index("Step time")
    assert "fix: Set gradient_checkpointing=True" in shown
    assert "adamw_8bit" not in shown
    assert "4 more findings that no probe decides" in shown
    page_text = page(case)
    assert "Fix: Set gradient_checkpointing=True" in page_text
    assert "adamw_8bit" not in page_text


def test_all_five_pitfalls_confirmed_still_fit_one_screen() -> None:
    case = judged(["QL101", "QL102", "QL103", "QL104"])
    assert len(text(case).splitlines()) <= 50


def test_what_was_skipped_is_never_a_zero() -> None:
    shown = text(probed(probes=NOTHING, verdicts=[]))
    assert shown.count("skipped: there was <nothing> to measure") == 4
    assert "0.0 %" not in shown


def test_an_interrupted_measurement_says_so() -> None:
    assert "interrupted" in text(probed(interrupted=True))
    assert "Interrupted" in page(probed(interrupted=True))


class Balance(HTMLParser):
    """Fails on a tag that is closed out of turn."""

    VOID = frozenset({"meta", "br", "wbr"})

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
    for words in (
        "dequantisation, recompute 6.0 % ± 0.2 %",
        "112 of 224 layers",
        "rank 64 instead of 16",
        "+30 ± 4 ms",
        "3,400 ± 34",
        "as it is, 40 % padding",
        "on 1.0 GB<br>off 4.0 GB",
        "5 x 2048: 23.7 GB",
        "6 x 2048: does not fit",
        "1 x 9216 tokens fit (the model knows no more positions).",
        "5 x 2048 tokens fit (6 does not).",
        "RTX 3050</th><td>does not fit</td><td>its peak is higher",
        "Evaluation peaks at 6.0 GB.",
        "Generation: skipped, the model &lt;cannot&gt; generate.",
        "The allocator reserved 9.9 GB.",
        "breaks in here",
        "8e-4, x4: broke",
        "~9.5 %",
        "2100 to 2520 MHz",
        "Nothing is known of 6.4e-3: out of memory.",
    ):
        assert words in shown
    assert "<svg" not in page(probed(probes=NOTHING))


def test_the_frontier_needs_a_card() -> None:
    activations = {**PROBES["activations"], "largest": {"skipped": "there is no card"}}
    here = {**PROBES, "activations": activations}
    shown = page(probed(environment=ON_PROCESSOR, probes=here))
    assert "Without a card there is nothing to fill: 1 x 2048: 9.1 GB" in shown
    assert "rows in a micro-batch" not in shown
    assert "rows in a micro-batch" in page(probed())


def test_what_was_not_run_is_not_said_to_fail() -> None:
    case = probed(probes={**PROBES, "activations": TRIED_IN_VAIN})
    shown = page(case)
    assert "Larger lengths: skipped, ValueError: image tokens do not match." in shown
    assert "Smaller cards: skipped, the time budget was spent." in shown
    assert "4 x 2048: does not fit" in shown
    assert "1 x 1024" not in shown
    assert "5 x 2048 tokens" in text(case)


def test_the_page_knows_light_and_dark() -> None:
    shown = page(probed())
    style = shown[shown.index("<style>") : shown.index("</style>")]
    light, dark = style.split("@media (prefers-color-scheme: dark)")[:2]
    names = set(re.findall(r"var\((--\w+)\)", shown))
    assert names
    assert names <= set(re.findall(r"(--\w+):", light))
    assert names <= set(re.findall(r"(--\w+):", dark))
