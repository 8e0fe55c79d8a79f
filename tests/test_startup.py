"""What a call over clean files may cost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from scripts import CLEAN

HEAVY = {"libcst", "rich", "yaml", "torch", "tomllib", "difflib", "sqlite3"}


def imported(*argv: str) -> set[str]:
    """Return the top-level modules that qlint imports for ``argv``."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "from qlint.__main__ import main\n"
        f"main({list(argv)!r})\n"
        "print(*(set(sys.modules) - before), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("argv", [["a.py"], ["."], ["a.py", "--output-format", "json"]])
def test_a_clean_tree_imports_nothing_heavy(folder: Path, argv: list[str]) -> None:
    for name in "abc":
        Path(f"{name}.py").write_text(CLEAN)
    assert imported(*argv).isdisjoint(HEAVY)


def test_a_clean_file_needs_no_dataclasses(folder: Path) -> None:
    Path("a.py").write_text(CLEAN)
    assert imported("a.py").isdisjoint({"dataclasses", "inspect", "pathspec"})


def test_a_plan_of_a_known_model_needs_nothing_slow() -> None:
    slow = {*HEAVY, "dataclasses", "inspect", "typing", "pathlib", "pathspec"}
    assert imported("plan", "--model", "llama-2-7b", "--gpu", "24GB").isdisjoint(slow)


def test_a_clean_file_costs_less_than_three_times_an_empty_program(folder: Path) -> None:
    """Processor time and not time on the clock: the tests share the machine."""
    Path("a.py").write_text(CLEAN)
    empty = min(_seconds("-c", "import argparse") for _ in range(10))
    clean = min(_seconds("-m", "qlint", "a.py") for _ in range(10))
    assert clean < 3 * empty


def _seconds(*arguments: str) -> float:
    process = os.posix_spawn(
        sys.executable,
        [sys.executable, *arguments],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    usage = os.wait4(process, 0)[2]
    return usage.ru_utime + usage.ru_stime
