"""Compares qlint's speed with what it cannot undercut, and with its peers.

    python benchmarks/speed.py --cache FOLDER [--only clean,script,plan,folder] [--rounds 7]

qlint and the peers are installed into environments of their own under the cache, as users install
them.

- ``clean``: one file without a run, against an interpreter that imports argparse and ends.
- ``script``: a QLoRA script of 9 KB, against importing libcst, parsing it and resolving positions.
- ``plan``: ``qlint plan --model llama-2-7b --gpu 24GB``, against the same interpreter.
- ``folder``: 300 files of peft and transformers, against torchfix and torch-preflight.

Each comparison is a ratio of medians of whole processes that ran in turns. The figures go to
``benchmarks/results/speed.json``; the exit status is 1 when one misses its target.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from environments import Environment
from measuring import compare, machine, revision, time_alternating
from wheelhouse import python_files, wheel

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "speed.json"
SCRIPT = ROOT / "fixtures" / "speed" / "qlora_9kb.py"

CLEAN_TARGET = 3.0
SCRIPT_TARGET = 1.6
PLAN_TARGET = 3.0
PEER_TARGET = 20.0

HEAVY_MODULES = ("libcst", "rich", "torch", "yaml", "transformers")
PEERS = {"torchfix": (), "torch-preflight": ("check", "-q")}
FILES_OF = {"peft": 100, "transformers": 200}

FLOOR = """
import sys, libcst
from libcst.metadata import MetadataWrapper, PositionProvider
with open(sys.argv[1], encoding="utf-8") as file:
    module = libcst.parse_module(file.read())
MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
"""


def main() -> int:
    """Run the comparisons that were asked for and write them down."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder for wheels and tools")
    parser.add_argument("--only", default=",".join(COMPARISONS), help="names, with commas")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    met = True
    with Bench(options.cache, options.rounds) as bench:
        for name in options.only.split(","):
            figures = COMPARISONS[name](bench)
            figures["machine"] = machine()
            figures["revision"] = revision(ROOT)
            figures["versions"] = bench.qlint.versions(["qlint", "libcst"])
            print(json.dumps({name: figures}, indent=2), flush=True)
            _write_down(name, figures)
            met = met and figures["met"]
    return 0 if met else 1


def _write_down(name: str, figures: dict[str, Any]) -> None:
    """Replace one comparison in the results; the others may be older."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[name] = figures
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")


class Bench:
    """Where the comparisons run: an installed qlint and an empty folder outside any project."""

    def __init__(self, cache: Path, rounds: int) -> None:
        self.cache = cache
        self.rounds = rounds
        self.qlint = Environment("qlint", cache)
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)

    def __enter__(self) -> Bench:
        installed = self.qlint.install(str(ROOT)) and self.qlint.install(
            "--no-deps", "--force-reinstall", str(ROOT)
        )
        if not installed:
            sys.exit("qlint could not be installed")
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()

    def python(self, *arguments: str) -> list[str]:
        """A command that runs the interpreter of qlint's environment."""
        return [self.qlint.command("python"), *arguments]

    def check(self, path: str) -> list[str]:
        """A command that checks ``path`` with nothing cached and no settings found."""
        return self.python("-m", "qlint", "check", "--isolated", "--no-cache", path)

    def time(self, commands: dict[str, list[str]]) -> dict[str, list[float]]:
        """Seconds of each command, in turns."""
        return time_alternating(commands, self.rounds, self.folder)


def compare_clean(bench: Bench) -> dict[str, Any]:
    """One file that holds no run: what every commit hook pays."""
    (bench.folder / "clean.py").write_text("import json\n\nprint(json.dumps({'clean': True}))\n")
    heavy = _heavy_imports(bench)
    floor = bench.python("-c", "import argparse")
    figures = compare(
        bench.time({"qlint": bench.check("clean.py"), "floor": floor}), "qlint", "floor"
    )
    met = figures["ratio"] <= CLEAN_TARGET and not heavy
    return {**figures, "target": f"<= {CLEAN_TARGET}", "heavy_imports": heavy, "met": met}


def compare_script(bench: Bench) -> dict[str, Any]:
    """One real script, with nothing cached."""
    script = bench.folder / "train.py"
    script.write_bytes(SCRIPT.read_bytes())
    _require_one_run(bench, script.name)
    floor = bench.python("-c", FLOOR, script.name)
    figures = compare(
        bench.time({"qlint": bench.check(script.name), "floor": floor}), "qlint", "floor"
    )
    met = figures["ratio"] <= SCRIPT_TARGET
    return {**figures, "target": f"<= {SCRIPT_TARGET}", "bytes": script.stat().st_size, "met": met}


def compare_plan(bench: Bench) -> dict[str, Any]:
    """The plan of a known model, with no script to read."""
    command = bench.python("-m", "qlint", "plan", "--model", "llama-2-7b", "--gpu", "24GB")
    ran = subprocess.run(command, cwd=bench.folder, capture_output=True, text=True, check=False)
    if "it fits" not in ran.stdout:
        sys.exit(f"qlint did not plan: {ran.stderr or ran.stdout}")
    floor = bench.python("-c", "import argparse")
    figures = compare(bench.time({"qlint": command, "floor": floor}), "qlint", "floor")
    return {**figures, "target": f"<= {PLAN_TARGET}", "met": figures["ratio"] <= PLAN_TARGET}


def compare_folder(bench: Bench) -> dict[str, Any]:
    """A folder of library code, of which little trains, against tools that read all of it."""
    count = _fill(bench.folder / "library", bench.cache)
    commands = {"qlint": bench.check("library")}
    versions: dict[str, dict[str, str]] = {}
    for name, arguments in PEERS.items():
        environment = Environment(name, bench.cache)
        if environment.install(name):
            commands[name] = [environment.command(name), *arguments, "library"]
            versions[name] = environment.versions([name, "libcst"])
    seconds = bench.time(commands)
    faster = {name: compare(seconds, name, "qlint") for name in versions}
    return {
        "files": count,
        "faster_than": {name: {**faster[name], "versions": versions[name]} for name in faster},
        "not_installable": sorted(set(PEERS) - set(faster)),
        "target": f">= {PEER_TARGET}",
        "met": bool(faster) and min(each["ratio"] for each in faster.values()) >= PEER_TARGET,
    }


COMPARISONS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "clean": compare_clean,
    "script": compare_script,
    "plan": compare_plan,
    "folder": compare_folder,
}


def _heavy_imports(bench: Bench) -> list[str]:
    """The heavy modules that a run on a clean file imports; there should be none."""
    command = bench.python("-X", "importtime", *bench.check("clean.py")[1:])
    ran = subprocess.run(command, cwd=bench.folder, capture_output=True, text=True, check=False)
    lines = ran.stderr.splitlines()
    if ran.returncode:
        sys.exit(f"qlint failed on a clean file: {lines[-1] if lines else 'no message'}")
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    return sorted(imported.intersection(HEAVY_MODULES))


def _require_one_run(bench: Bench, path: str) -> None:
    """A qlint that gives up early is fast; make sure that it did the work."""
    command = [*bench.check(path), "--output-format", "json"]
    ran = subprocess.run(command, cwd=bench.folder, capture_output=True, text=True, check=False)
    report = json.loads(ran.stdout)
    if len(report["recipes"]) != 1 or report["skipped"]:
        sys.exit(f"qlint did not read {path}: {report['skipped'] or 'no run found'}")


def _fill(folder: Path, cache: Path) -> int:
    """Put evenly spaced files of the wheels into ``folder``; the same files every time."""
    written = 0
    for name, count in FILES_OF.items():
        files = [(path, data) for path, data in python_files(wheel(name, cache)) if data.strip()]
        for number in range(count):
            path, data = files[number * len(files) // count]
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            written += 1
    return written


if __name__ == "__main__":
    sys.exit(main())
