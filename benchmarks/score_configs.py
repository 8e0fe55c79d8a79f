"""Scores the configuration readers against the labels in `benchmarks/corpus_configs`.

    python benchmarks/score_configs.py FOLDER [--labels DIR] [--all]

FOLDER holds the labelled files as `<repository or package>/<path>`; they are other people's and not
kept here. `manifest.json` says which repository at which commit, or which package at which version.
Labels were made by reading the files and the frameworks' sources, in the format of the script
corpus: a field is right when state and value are, wrong when another value is claimed, and left
open when the reader says unknown where the label knows. Only fields that a label decides count.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from qlint.readers import read
from qlint.readers.request import Request
from qlint.recipe import Reading, Recipe

CORPUS = Path(__file__).resolve().parent / "corpus_configs"


def main() -> int:
    """Print the score of each framework and the fields that are not right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--labels", type=Path, default=CORPUS, help="manifest.json and labels/")
    parser.add_argument("--all", action="store_true", help="show every field that is not right")
    options = parser.parse_args()
    manifest = json.loads((options.labels / "manifest.json").read_text())
    scores: dict[str, Counter[str]] = {}
    for entry in manifest:
        path = options.folder / entry["repository"] / entry["path"]
        label = json.loads((options.labels / "labels" / f"{entry['id']}.json").read_text())
        root = options.folder / entry["repository"]
        reading = read(str(path), path.read_bytes(), Request(root=str(root)))
        score = scores.setdefault(entry["group"], Counter())
        for verdict, what in judge(reading, label):
            score[verdict] += 1
            if options.all and verdict not in ("right", "line right", "runs right"):
                print(f"{entry['id']}: {verdict}: {what}")
    report(scores)
    return 0


def judge(reading: Reading, label: dict[str, Any]) -> list[tuple[str, str]]:
    """A verdict for each run and each labelled field."""
    runs = label["runs"]
    if len(reading.recipes) != len(runs):
        return [("runs wrong", f"{len(reading.recipes)} runs, not {len(runs)}")]
    verdicts = [("runs right", "")]
    for recipe, run in zip(reading.recipes, runs, strict=True):
        for name, wanted in run["fields"].items():
            verdicts += judge_field(recipe, name, wanted)
    if "companion" in label:
        verdicts.append(judge_companion(reading, label["companion"]))
    return verdicts


def judge_field(recipe: Recipe, name: str, wanted: dict[str, Any]) -> list[tuple[str, str]]:
    """Whether a field has the label's state, value and line."""
    field = recipe[name]
    said = f"{name} is {field.state.value} {field.value!r}, not {wanted}"
    state = field.state.value
    if state == "unknown" and wanted["state"] != "unknown":
        return [("open", said)]
    if state != wanted["state"]:
        return [("wrong", said)]
    if "value" in wanted and not same(field.value, wanted["value"]):
        return [("wrong", said)]
    verdicts = [("right", "")]
    if "line" in wanted:
        lines = [origin.line for origin in field.origin]
        verdicts.append(("line right" if wanted["line"] in lines else "line wrong", said))
    return verdicts


def judge_companion(reading: Reading, wanted: dict[str, Any]) -> tuple[str, str]:
    """Whether the companion is of the format, and says what the label says."""
    for companion in reading.companions:
        said = {name: field.value for name, field in companion.fields.items()}
        facts = {name: field.value for name, field in companion.facts.items()}
        if companion.format == wanted["format"]:
            right = wanted["fields"].items() <= said.items()
            right = right and wanted["facts"].items() <= facts.items()
            return ("right" if right else "wrong", f"{said} {facts}")
    return ("wrong", "no such companion")


def same(one: Any, other: Any) -> bool:
    """Equal values; lists of modules are sets."""
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    if isinstance(one, list) and isinstance(other, list):
        return sorted(map(str, one)) == sorted(map(str, other))
    return bool(one == other)


def report(scores: dict[str, Counter[str]]) -> None:
    """One line a framework, and all together."""
    total: Counter[str] = Counter()
    for score in scores.values():
        total.update(score)
    for group, score in [*sorted(scores.items()), ("together", total)]:
        fields = score["right"] + score["wrong"] + score["open"]
        lines = score["line right"] + score["line wrong"]
        shares = (
            f"{score['right'] / fields:6.1%} right, {score['wrong'] / fields:5.1%} wrong, "
            f"{score['open'] / fields:5.1%} open of {fields} fields"
            if fields
            else "no fields"
        )
        runs = f"{score['runs right']} of {score['runs right'] + score['runs wrong']} files"
        print(f"{group:14} {runs:14} {shares}; {score['line right']} of {lines} lines")


if __name__ == "__main__":
    raise SystemExit(main())
