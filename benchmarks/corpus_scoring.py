"""How a reading is compared with its labels.

A field is determinable where its label is ``set``, ``default`` or ``absent``. It comes out as

* ``right``: the state and the value of the label (a label without a value accepts any value),
* ``state_only``: the right value, but ``set`` taken for ``default`` or the other way round,
* ``unknown``: left open where the script decides it,
* ``missing``: the run itself was not found,
* ``wrong``: a value, or an absence, that contradicts the label.

A field whose label is ``unknown`` is not determinable: ``open`` when read so, else ``guessed``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = Any

DETERMINABLE = ("right", "state_only", "unknown", "missing", "wrong")
UNORDERED = ("target_modules", "modules_to_save")


@dataclass(frozen=True)
class Mismatch:
    """One thing that was read otherwise than labelled."""

    script: str
    group: str
    subject: str
    outcome: str
    label: str
    read: str
    reason: str


@dataclass
class Score:
    """Counts by outcome, and everything that went wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    mismatches: list[Mismatch] = field(default_factory=list)

    def add(self, other: Score) -> None:
        """Add the counts of another score."""
        self.counts.update(other.counts)
        self.mismatches.extend(other.mismatches)

    @property
    def determinable(self) -> int:
        """How many labelled fields the scripts decide."""
        return sum(self.counts[outcome] for outcome in DETERMINABLE)

    def percent(self, outcome: str, of: str | None = None) -> float:
        """Return the share of an outcome, of all determinable fields unless told otherwise."""
        total = self.counts[of] if of else self.determinable
        return 100.0 * self.counts[outcome] / total if total else 100.0 * (outcome == "right")


def score_script(
    identifier: str, group: str, entry: str, labels: dict[str, Json], recipes: list[dict[str, Json]]
) -> Score:
    """Compare the recipes read from one script, in their JSON form, with its labels."""
    return _ScriptScorer(identifier, group, entry).score(labels["runs"], recipes)


class _ScriptScorer:
    def __init__(self, identifier: str, group: str, entry: str) -> None:
        self._id = identifier
        self._group = group
        self._entry = entry
        self._score = Score()
        self._run = ""

    def score(self, runs: list[dict[str, Json]], recipes: list[dict[str, Json]]) -> Score:
        counts = self._score.counts
        counts["scripts"] = 1
        counts["runs"] = len(runs)
        for number, (run, recipe) in enumerate(pair_runs(runs, recipes)):
            self._run = f"run {number + 1} " if max(len(runs), len(recipes)) > 1 else ""
            if run is None:
                counts["extra_runs"] += 1
                line = recipe["source"]["line"] if recipe else 0
                self._note("run", "extra_run", "-", f"line {line}", "")
            elif recipe is None:
                counts["missing_runs"] += 1
                before = counts["missing"]
                for name, label in run["fields"].items():
                    self._count(name, label, None)
                lost = f"line {run['line']}, {counts['missing'] - before} fields"
                self._note("run", "missing_run", lost, "-", "")
            else:
                counts["run_lines"] += recipe["source"]["line"] == run["line"]
                for name, label in run["fields"].items():
                    self._count(name, label, recipe["fields"].get(name))
                self._variants(run.get("variants", []), recipe.get("variants", []))
        return self._score

    def _count(self, name: str, label: dict[str, Json], read: dict[str, Json] | None) -> None:
        outcome = field_outcome(name, label, read)
        self._score.counts[outcome] += 1
        if outcome not in ("right", "open", "missing"):
            self._note(name, outcome, _shown(label), _shown(read), _reason(read))
        if outcome != "right" or read is None:
            return
        if "read" in label:  # Where the script takes what its launcher says.
            self._score.counts["ends"] += 1
            found = any(self._is_at(station, label["read"]) for station in read["origin"])
            self._score.counts["end_right"] += found
            if not found:
                chain = ", ".join(map(_place, read["origin"])) or "none"
                self._note(name, "end", str(label["read"]), chain, _reason(read))
        if label.get("line") is None:
            return
        self._score.counts["lines"] += 1
        stations = [self._is_at(station, label["line"]) for station in read["origin"]]
        self._score.counts["line_right"] += any(stations)
        self._score.counts["line_first"] += bool(stations) and stations[0]
        if not any(stations):
            chain = ", ".join(map(_place, read["origin"])) or "none"
            self._note(name, "line", f"line {label['line']}", chain, _reason(read))

    def _is_at(self, station: dict[str, Json], wanted: Json) -> bool:
        for place in wanted if isinstance(wanted, list) else [wanted]:
            path, _, line = str(place).rpartition(":")
            found = str(station["path"] or self._entry).replace("\\", "/")
            if station["line"] == int(line) and found.endswith(path or self._entry.split("/")[-1]):
                return True
        return False

    def _variants(self, labels: list[dict[str, Json]], variants: list[dict[str, Json]]) -> None:
        counts = self._score.counts
        read = {_condition(variant["condition"]): variant for variant in variants}
        counts["variants"] += len(labels)
        for label in labels:
            name = f"variant {label['condition']}"
            variant = read.pop(_condition(label["condition"]), None)
            if variant is None:
                counts["variant_missing"] += 1
                self._note(name, "variant_missing", str(label["fields"]), "-", "")
                continue
            wrong = [
                f"{field_name}: {value} / {_shown(variant['fields'].get(field_name))}"
                for field_name, value in label["fields"].items()
                if not _variant_has(variant, field_name, value)
            ]
            counts["variant_wrong" if wrong else "variant_right"] += 1
            if wrong:
                self._note(name, "variant_wrong", "; ".join(wrong), "", "")
        for variant in read.values():
            counts["variant_extra"] += 1
            shown = {key: value.get("value") for key, value in variant["fields"].items()}
            self._note(f"variant {variant['condition']}", "variant_extra", "-", str(shown), "")

    def _note(self, subject: str, outcome: str, label: str, read: str, reason: str) -> None:
        self._score.mismatches.append(
            Mismatch(self._id, self._group, self._run + subject, outcome, label, read, reason)
        )


def pair_runs(
    runs: list[dict[str, Json]], recipes: list[dict[str, Json]]
) -> Iterator[tuple[dict[str, Json] | None, dict[str, Json] | None]]:
    """Pair labelled runs and recipes in file order; where their numbers differ, by line first."""
    if len(runs) == len(recipes):
        yield from zip(runs, recipes, strict=True)
        return
    left = list(recipes)
    paired = {}
    for run in runs:
        found = next((one for one in left if one["source"]["line"] == run["line"]), None)
        if found is not None:
            paired[id(run)] = found
            left = [one for one in left if one is not found]
    for run in runs:
        if id(run) in paired:
            yield run, paired[id(run)]
        else:
            yield run, left.pop(0) if left else None
    for recipe in left:
        yield None, recipe


def field_outcome(name: str, label: dict[str, Json], read: dict[str, Json] | None) -> str:
    """Say how a field was read; see the module's text for the outcomes."""
    wanted = label["state"]
    found = read["state"] if read else None
    if wanted == "unknown":
        return "open" if found in ("unknown", None) else "guessed"
    if read is None:
        return "missing"
    if found == "unknown":
        return "unknown"
    if "absent" in (wanted, found):
        return "right" if wanted == found else "wrong"
    if "value" in label and not same_value(name, label["value"], read["value"]):
        return "wrong"
    return "right" if wanted == found else "state_only"


def same_value(name: str, label: Json, read: Json) -> bool:
    """Compare two values: numbers as numbers, module lists without order."""
    if isinstance(label, bool) or isinstance(read, bool):
        return label is read
    if isinstance(label, (int, float)) and isinstance(read, (int, float)):
        return abs(label - read) <= 1e-9 * max(abs(label), abs(read))
    if isinstance(label, (list, tuple)) and isinstance(read, (list, tuple)):
        if name in UNORDERED:
            return sorted(map(str, label)) == sorted(map(str, read))
        return len(label) == len(read) and all(map(same_value, [name] * len(label), label, read))
    if isinstance(label, dict) and isinstance(read, dict):
        keys = {*label, *read}
        return all(same_value(name, label.get(key, 0), read.get(key, 0)) for key in keys)
    return bool(label == read)


def _variant_has(variant: dict[str, Json], name: str, value: Json) -> bool:
    read = variant["fields"].get(name)
    return (
        read is not None
        and read["state"] in ("set", "default")
        and same_value(name, value, read["value"])
    )


def _condition(text: str) -> str:
    flags = re.findall(r"--[\w-]+", text)
    return (" and ".join(flags) or text).replace("-", "_").strip()


def _shown(entry: dict[str, Json] | None) -> str:
    if entry is None:
        return "nothing"
    value = f" {entry['value']!r}" if "value" in entry and entry["state"] != "absent" else ""
    return f"{entry['state']}{value if entry['state'] != 'unknown' else ''}"


def _place(station: dict[str, Json]) -> str:
    name = str(station["path"] or "").replace("\\", "/").rpartition("/")[2]
    return f"{name}:{station['line']}"


def _reason(read: dict[str, Json] | None) -> str:
    if not read or not read.get("origin"):
        return ""
    station = read["origin"][-1]
    first = read["origin"][0]
    reasons = [one["via"] for one in (first, station) if one.get("via")]
    place = f" (line {first['line']})" if first.get("line") else ""
    return " -> ".join(dict.fromkeys(reasons)) + place
