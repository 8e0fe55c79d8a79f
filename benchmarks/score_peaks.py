"""Scores predicted peaks against measured ones that others have published.

    python benchmarks/score_peaks.py [--verbose] [--output benchmarks/results/published_peaks.json]

``published_peaks.json`` holds the facts: of each run what decides its memory, what was measured
(the most that was ``allocated`` or ``reserved``, or what the ``card`` showed, which counts what
the driver keeps), whether it fitted, and where that stands. ``setups`` say what a framework does
that is not in its table, and where that was read. Nothing is fitted to a row.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from qlint.knowledge.configurations import from_config
from qlint.knowledge.gpus import Card, find_card
from qlint.knowledge.models import Model, find_model
from qlint.memory.job import Distribution, Job, Loss, Prediction
from qlint.memory.predict import predict

FACTS = Path(__file__).parent / "published_peaks.json"
RESULTS = Path(__file__).parent / "results" / "published_peaks.json"

_COMPARABLE = ("allocated", "reserved", "card")
"""Not "reserved, lengths vary": every new length leaves segments that no other can use."""
_LISTS = ("target_modules", "modules_to_save", "skip_modules")


@dataclass(frozen=True, slots=True)
class Compared:
    """One published run beside its prediction, in bytes; None where the row does not say."""

    name: str
    series: str
    predicted: int
    measured: int | None
    predicted_to_fit: bool
    fitted: bool | None

    @property
    def error(self) -> float | None:
        """Relative, positive where too much was predicted."""
        return None if self.measured is None else self.predicted / self.measured - 1

    @property
    def right_fit(self) -> bool:
        """The prediction does not contradict what is said of the fit."""
        return self.fitted is None or self.fitted is self.predicted_to_fit


def compared(path: Path = FACTS) -> list[Compared]:
    """Every row of the facts, predicted."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    return [_compare(row, facts) for row in facts["rows"]]


def job_of(row: dict[str, Any], facts: dict[str, Any]) -> Job:
    """The job of one row: its own fields over those of its setup."""
    setup = facts["setups"][row["setup"]]
    fields = {**setup["fields"], **row["fields"]}
    for name in _LISTS:
        if isinstance(fields.get(name), list):
            fields[name] = tuple(fields[name])
    fields["loss"] = Loss(fields.get("loss", "full"))
    fields["distributed"] = Distribution(fields.get("distributed", "single"))
    return Job(model=_model(row["model"], setup, facts), **fields)


def _model(name: str, setup: dict[str, Any], facts: dict[str, Any]) -> Model:
    known = facts["models"].get(name)
    model = from_config(known["config"], name) if known else find_model(name)
    if model is None:
        raise ValueError(f"{name} is neither a known model nor described in the facts.")
    if setup.get("untied"):
        model = replace(model, tied_embeddings=False)
    copies = setup.get("activation_copies", model.make.activation_copies)
    return replace(model, make=replace(model.make, activation_copies=copies))


def _compare(row: dict[str, Any], facts: dict[str, Any]) -> Compared:
    prediction = predict(job_of(row, facts))
    card = find_card(row["card"])
    if card is None:
        raise ValueError(f"the card {row['card']} of {row['id']} is not known.")
    measured = row.get("measured") or {"what": "nothing", "bytes": None}
    comparable = measured["what"] in _COMPARABLE
    return Compared(
        row["id"],
        row["setup"],
        _counterpart(prediction, card, measured["what"] if comparable else "card"),
        measured["bytes"] if comparable else None,
        _fits(prediction, card),
        row.get("fits"),
    )


def _counterpart(prediction: Prediction, card: Card, what: str) -> int:
    """What was measured, predicted; a full card gives unused segments back."""
    room = card.usable_bytes - prediction.context_bytes
    reserved = max(prediction.least_reserved_bytes, min(prediction.peak_reserved_bytes, room))
    return {
        "allocated": prediction.peak_allocated_bytes,
        "reserved": reserved,
        "card": reserved + prediction.context_bytes + card.kept_bytes,
    }[what]


def _fits(prediction: Prediction, card: Card) -> bool:
    return prediction.needed_bytes <= card.usable_bytes


def summary(rows: Iterable[Compared]) -> dict[str, Any]:
    """Figures by series and of all: medians and worst of absolute errors, and wrong fits."""
    rows = list(rows)
    series = {name: _figures(rows, name) for name in dict.fromkeys(row.series for row in rows)}
    return {
        "all": _figures(rows),
        "series": series,
        "wrong_fits": [row.name for row in rows if not row.right_fit],
    }


def _figures(rows: list[Compared], series: str | None = None) -> dict[str, Any]:
    chosen = [row for row in rows if series in (None, row.series)]
    errors = [row.error for row in chosen if row.error is not None]
    said = [row for row in chosen if row.fitted is not None]
    figures: dict[str, Any] = {"measured": len(errors), "said_to_fit_or_not": len(said)}
    if errors:
        sizes = [abs(error) for error in errors]
        figures |= {
            "median": round(statistics.median(sizes), 4),
            "signed_median": round(statistics.median(errors), 4),
            "worst": round(max(sizes), 4),
        }
    return figures | {"right_fits": sum(row.right_fit for row in said)}


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--verbose", action="store_true", help="every row")
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    options = parser.parse_args(argv)
    rows = compared()
    if options.verbose:
        print("\n".join(_line(row) for row in rows))
    figures = summary(rows)
    for name, found in {**figures["series"], "all": figures["all"]}.items():
        print(_series_line(name, found))
    for name in figures["wrong_fits"]:
        print(f"wrong fit: {name}")
    if options.output:
        options.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def _line(row: Compared) -> str:
    measured = "" if row.measured is None else f"{row.measured / 1e9:7.2f} GB"
    error = "" if row.error is None else f"{row.error:+7.1%}"
    wrong = "" if row.right_fit else f"  said to fit: {row.fitted}"
    return f"{row.name[:72]:72} {measured:>10} {row.predicted / 1e9:7.2f} GB {error:>7}{wrong}"


def _series_line(name: str, figures: dict[str, Any]) -> str:
    errors = ""
    if figures["measured"]:
        errors = (
            f"median {figures['median']:6.1%}  signed {figures['signed_median']:+6.1%}  "
            f"worst {figures['worst']:6.1%}"
        )
    fits = f"fits {figures['right_fits']}/{figures['said_to_fit_or_not']}"
    return f"{name:32} {figures['measured']:3} measured  {errors:50} {fits}"


if __name__ == "__main__":
    sys.exit(main())
