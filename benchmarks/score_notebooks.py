"""Scores the notebook reader on the labelled notebooks.

    python benchmarks/score_notebooks.py --files DIR [--verbose] [--require 95 --max-wrong 1]

The labels lie in benchmarks/corpus_notebooks; the notebooks do not: each lies in DIR under
``owner+name/path``, as the manifest names its repository, commit and path. A label's line is the
line of its cell; for the comparison both are made one number.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from corpus_reading import read_script
from corpus_report import mismatches, table, worst
from corpus_scoring import Score, score_script

CORPUS = Path(__file__).parent / "corpus_notebooks"
LINES_OF_A_CELL = 100_000


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=Path, required=True, help="where the notebooks lie")
    parser.add_argument("--labels", type=Path, default=CORPUS, help="manifest.json and labels/")
    parser.add_argument("--only", action="append", metavar="ID")
    parser.add_argument("--verbose", action="store_true", help="every mismatch")
    parser.add_argument("--require", type=float, default=0.0, metavar="PERCENT")
    parser.add_argument("--max-wrong", type=float, default=100.0, metavar="PERCENT")
    options = parser.parse_args(argv)
    groups: dict[str, Score] = {}
    total = Score()
    for row in json.loads((options.labels / "manifest.json").read_text(encoding="utf-8")):
        root = options.files / row["repository"].replace("/", "+")
        path = root / row["path"]
        if options.only and row["id"] not in options.only:
            continue
        if not path.is_file():
            print(f"not at hand: {row['id']}")
            continue
        at = options.labels / "labels" / f"{row['id']}.json"
        labels = json.loads(at.read_text(encoding="utf-8"))
        recipes, problems = read_script(path, root)
        for problem in problems:
            print(f"problem: {row['id']}: {problem}")
        score = score_script(
            row["id"], row["group"], row["path"], flat(labels), [flat(one) for one in recipes]
        )
        groups.setdefault(row["group"], Score()).add(score)
        total.add(score)
    print(table(groups, total))
    print(f"\nworst constructs\n{worst(total)}")
    if options.verbose:
        print(f"\nmismatches\n{mismatches(total)}")
    met = total.percent("right") >= options.require and total.percent("wrong") <= options.max_wrong
    return 0 if met else 1


def flat(value: Any) -> Any:
    """The value with every line within a cell made a line of one long text."""
    if isinstance(value, list):
        return [flat(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: flat(item) for key, item in value.items()}
    if isinstance(value.get("cell"), int) and isinstance(value.get("line"), int):
        made["line"] = value["cell"] * LINES_OF_A_CELL + value["line"]
    return made


if __name__ == "__main__":
    raise SystemExit(main())
