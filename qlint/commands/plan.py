"""Predict the memory of a run by component, say whether it fits and what would make it fit.

Without a PATH the recommended recipe for --model is planned. Nothing is run and no GPU is needed.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from qlint.commands.options import add_input_arguments, add_output_arguments
from qlint.errors import UsageError
from qlint.knowledge.gpus import parse_cards
from qlint.memory import predict as prediction
from qlint.planning.cards import Cards
from qlint.planning.plan import Plan, make_plan
from qlint.planning.subject import Subject, of_model, of_run, one_run
from qlint.reporters.output import write, write_lines
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from qlint.linting.report import Report
    from qlint.recipe import Json

FORMATS = ("full", "json")
predict = lru_cache(maxsize=None)(prediction.predict)
"""A plan asks for the same job again and again."""
_NO_CARD = Cards("no card", 10**15)
"""Stands in for the card where none is given: everything fits, so the full recipe is planned."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_input_arguments(parser)
    add = parser.add_argument_group("plan").add_argument
    add("--model", metavar="MODEL", help="a model's name, or the path of its config.json")
    add("--gpu", metavar="GPU", help="the card to train on, such as 24GB or rtx4090")
    add("--gpus", metavar="NxGPU", help="several cards, such as 2x24GB or 4xa100-80gb")
    add("--set", action="append", default=[], metavar="FIELD=VALUE", help="plan with this instead")
    add("--run", metavar="ID", help="the run to plan, as inspect names it, where there are several")
    add("--simulate", action="store_true", help="run the step on shapes (needs the probe extra)")
    add("--write", metavar="FILE", help="write the recommended run: train.py, notebook, ...")
    add_output_arguments(parser, FORMATS)


def run(arguments: argparse.Namespace) -> int:
    """Plan, print, and return the exit status: 0 it fits, 1 it does not."""
    if arguments.gpu is not None and arguments.gpus is not None:
        raise UsageError("--gpu and --gpus name the same thing; give one of them.")
    values = _values(arguments)
    if arguments.paths:
        found, runs = _plan_of_paths(arguments, values)
    elif arguments.model is not None:
        if arguments.run is not None:
            raise UsageError("--run names a run of a script or a configuration, and none is given.")
        found, runs = _plan_of_model(arguments, values), 0
    else:
        raise UsageError("plan needs a script or a configuration, or a model: --model llama-2-7b.")
    if arguments.write is not None:
        _write(found, arguments.write)
    _print(found, runs, arguments)
    return 1 if found.fits is False else 0


def _plan_of_model(arguments: argparse.Namespace, values: dict[str, Json]) -> Plan:
    from qlint.knowledge.local_models import model_named

    given = arguments.gpus if arguments.gpus is not None else arguments.gpu
    cards = _cards(given if given is not None else _settings_gpu(arguments))
    model = model_named(values.get("model_name", arguments.model))
    with _no_cycles_sought():
        subject = of_model(model, cards or _NO_CARD, predict, values)
        if not arguments.simulate:
            return _plan(subject, cards, simulate=False)
    return _plan(subject, cards, simulate=True)


@contextmanager
def _no_cycles_sought() -> Iterator[None]:
    """Without garbage collection: a prediction leaves no cycles, and looking for them takes a
    twentieth of the time of a short plan."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _plan_of_paths(arguments: argparse.Namespace, values: dict[str, Json]) -> tuple[Plan, int]:
    from qlint.commands.options import make_session
    from qlint.knowledge.local_models import model_named
    from qlint.linting.linter import lint

    session = make_session(arguments)
    if arguments.model is not None:
        # Named for this plan, it counts for more than what the input says.
        values = {"model_name": arguments.model, **values}
    report = lint(session, check=False)
    _check(report)
    recipe = one_run(report.recipes, arguments.run)
    named = values.get("model_name", session.settings.model)
    subject = of_run(recipe, model_named(named) if named else None, values)
    cards = _cards(arguments.gpus if arguments.gpus is not None else session.settings.gpu)
    return _plan(subject, cards, simulate=arguments.simulate), len(report.recipes)


def _check(report: Report) -> None:
    """An input that could not be read is the reason why there is no run in it."""
    if report.skipped and not report.recipes:
        problem = report.skipped[0]
        raise UsageError(f"{problem.path}:{problem.line} cannot be planned: {problem.message}")


def _plan(subject: Subject, cards: Cards | None, *, simulate: bool) -> Plan:
    simulated = None
    if simulate:
        from qlint.planning import simulated as simulation

        simulated = simulation.simulate(subject.job, predict(subject.job))
    return make_plan(subject, cards, predict, simulated=simulated)


def _values(arguments: argparse.Namespace) -> dict[str, Json]:
    if not arguments.set:
        return {}
    from qlint.planning.overrides import parse_overrides

    return parse_overrides(arguments.set)


def _cards(text: str | None) -> Cards | None:
    if text is None:
        return None
    count, card = parse_cards(text)
    return Cards(card.name, card.usable_bytes, count, card.bfloat16)


def _settings_gpu(arguments: argparse.Namespace) -> str | None:
    from qlint.settings.file import load_settings

    return load_settings(".", config=arguments.config, isolated=arguments.isolated).gpu


def _write(found: Plan, name: str) -> None:
    import sys

    from qlint.planning.writing.of_plan import write_plan

    print(f"qlint: wrote {write_plan(found, name)}", file=sys.stderr)


def _print(found: Plan, runs: int, arguments: argparse.Namespace) -> None:
    if arguments.output_format == "json":
        from qlint.reporters.json_text import as_json
        from qlint.reporters.plan_value import plan_report

        write(as_json(plan_report(found)), arguments.output_file)
        return
    from qlint.reporters import plan_text

    lines = plan_text.plan(found, runs=runs)
    write_lines(lines, color=arguments.color, output_file=arguments.output_file)
