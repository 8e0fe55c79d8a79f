"""Measure a live QLoRA run and say which findings the measurement confirms or refutes.

The script runs up to its first training step, with ARGUMENTS after -- as its own; there its inputs
are recorded and replayed, and it is stopped. Nothing of it is saved or sent. A launcher stands for
the script that it starts (run.sh:12 for one of several), a configuration of axolotl or
LLaMA-Factory for their program. Without any of them the run named by probe-run in the settings is
measured, else a model with random weights.
"""

from __future__ import annotations

import argparse
import importlib
import re
from typing import Any

from qlint.commands.options import add_input_arguments, add_output_arguments, make_session
from qlint.probing.outcome import check_evidence_file, measure, save_evidence
from qlint.probing.subject import subject_of
from qlint.reporters.output import write, write_lines

FORMATS = ("full", "json", "html")
PROBES = ("dequant", "activations", "lr")
_DEFAULT_STEPS = 20
_INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_input_arguments(parser)
    add = parser.add_argument_group("probe").add_argument
    add("--steps", type=_steps, default=_DEFAULT_STEPS, metavar="N", help="steps; default 20")
    add("--only", type=_only, default=(), metavar="LIST", help="some of " + ",".join(PROBES))
    add("--model", metavar="MODEL", help="a name for random weights, or a folder of real ones")
    add("--budget", type=_seconds, metavar="TIME", help="take fewer steps to end within, as 10m")
    add("--save-evidence", metavar="FILE", help="write what was measured, for qlint check")
    add("--fail-on", choices=("error", "warning", "info"), help="exit with 1 from this on")
    add_output_arguments(parser, FORMATS)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and return the exit status."""
    _module("requirements").require()
    session = make_session(arguments)
    subject = subject_of(session, arguments.paths, arguments.model)
    _module("silence").import_libraries()
    wanted = _module("probes").Wanted(arguments.steps, arguments.only, arguments.budget)
    progress = _module("progress").Progress(quiet=arguments.quiet)
    if arguments.save_evidence:
        check_evidence_file(arguments.save_evidence, subject)
    probed = measure(subject, session, wanted, progress)
    _print(probed, arguments)
    if arguments.save_evidence:
        # Last: what was measured is shown even where it cannot be saved.
        progress.say(save_evidence(probed, arguments.save_evidence))
    if probed.interrupted:
        return _INTERRUPTED
    status: int = probed.report.status(session.settings.fail_on)
    return status


def _print(probed: Any, arguments: argparse.Namespace) -> None:
    if arguments.output_format == "json":
        from qlint.reporters.json_text import as_json
        from qlint.reporters.probe_value import probe_report

        write(as_json(probe_report(probed)), arguments.output_file)
    elif arguments.output_format == "html":
        from qlint.reporters.probe_html import page

        write(page(probed), arguments.output_file)
    else:
        from qlint.reporters.probe_text import probe

        write_lines(probe(probed), color=arguments.color, output_file=arguments.output_file)


def _module(name: str) -> Any:
    """Type checkers cannot resolve the package, which lives in another folder."""
    return importlib.import_module(f"qlint.runtime_probes.{name}")


def _steps(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of steps from 1 to 10000")
    return int(text)


def _only(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in PROBES:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(PROBES)}")
    return names


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|m|min|h)?", text.strip())
    seconds = float(match[1]) * {"m": 60, "min": 60, "h": 3600}.get(match[2], 1) if match else 0.0
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90s, 10m or 1h")
    return seconds
