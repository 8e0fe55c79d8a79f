"""Scores launchers joined to what they start, on the labelled launchers.

    python benchmarks/score_launchers.py --files DIR [--verbose] [--require 90 --max-wrong 1]

The labels lie in benchmarks/corpus_launchers; the launchers do not: DIR holds each repository as
``owner+name/``, in its own layout. A label's ``line`` is where the value is decided, ``read`` where
the script takes it from its arguments, both as ``path:line``: both are to stand in the origin.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from corpus_reading import read_script
from corpus_report import mismatches, table, worst
from corpus_scoring import Score, score_script

CORPUS = Path(__file__).parent / "corpus_launchers"


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=Path, required=True, help="where the repositories lie")
    parser.add_argument("--labels", type=Path, default=CORPUS, help="manifest.json and labels/")
    parser.add_argument("--only", action="append", metavar="ID")
    parser.add_argument("--verbose", action="store_true", help="every mismatch")
    parser.add_argument("--require", type=float, default=0.0, metavar="PERCENT")
    parser.add_argument("--max-wrong", type=float, default=100.0, metavar="PERCENT")
    options = parser.parse_args(argv)
    groups: dict[str, Score] = {}
    total = Score()
    for row in json.loads((options.labels / "manifest.json").read_text(encoding="utf-8")):
        root = options.files / row["repository"].replace("/", "+", 1)
        path = root / row["path"]
        if options.only and row["id"] not in options.only:
            continue
        if not path.is_file():
            print(f"not at hand: {row['id']}")
            continue
        label = json.loads((options.labels / "labels" / f"{row['id']}.json").read_text("utf-8"))
        recipes, problems = read_script(path, root)
        for problem in problems:
            print(f"problem: {row['id']}: {problem}")
        score = score_script(row["id"], row["group"], row["path"], label, recipes)
        groups.setdefault(row["group"], Score()).add(score)
        total.add(score)
    print(table(groups, total))
    print(f"\nwhere the script takes it: {total.percent('end_right', 'ends'):.1f} % of the origins")
    print(f"\nworst constructs\n{worst(total)}")
    if options.verbose:
        print(f"\nmismatches\n{mismatches(total)}")
    met = total.percent("right") >= options.require and total.percent("wrong") <= options.max_wrong
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
