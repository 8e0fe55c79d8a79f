"""Runs the commands in README.md and puts their output there.

    python tools/readme_output.py [--write]

A command is the first line of a ``text`` block, behind ``$ qlint``; the rest of the block is what
it prints. Without ``--write`` the exit status is 1 where a block differs.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from qlint.__main__ import main as qlint

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
_BLOCK = re.compile(r"```text\n\$ qlint (?P<command>[^\n]*)\n(?P<output>.*?)```\n", re.DOTALL)


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """The commands in a document, without ``qlint``, each with the output that stands there."""
    for match in _BLOCK.finditer(text):
        yield match["command"], match["output"]


def output_of(command: str) -> str:
    """What a command prints when it is called at the root of the checkout."""
    printed = io.StringIO()
    before = os.getcwd()
    os.chdir(ROOT)
    try:
        with contextlib.redirect_stdout(printed):
            qlint(shlex.split(command))
    finally:
        os.chdir(before)
    return printed.getvalue().rstrip("\n") + "\n"


def updated(text: str) -> str:
    """The document with all outputs as they are now."""
    return _BLOCK.sub(
        lambda match: f"```text\n$ qlint {match['command']}\n{output_of(match['command'])}```\n",
        text,
    )


def main() -> int:
    """Compare, or write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write README.md anew")
    options = parser.parse_args()
    before = README.read_text(encoding="utf-8")
    after = updated(before)
    if options.write:
        README.write_text(after, encoding="utf-8")
    return int(before != after and not options.write)


if __name__ == "__main__":
    sys.exit(main())
