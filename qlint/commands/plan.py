"""Predict the memory of a run by component, say whether it fits and what would make it fit.

Without a PATH the recommended recipe for --model is planned. Nothing is run and no GPU is needed.
"""

from __future__ import annotations

import argparse
from functools import lru_cache

from qlint.commands.options import add_input_arguments, add_output_arguments
from qlint.errors import UsageError
from qlint.knowledge.gpus import parse_cards
from qlint.memory import predict as prediction
from qlint.planning.plan import Cards, Plan, make_plan
from qlint.planning.subject import Subject, of_model, of_run, one_run
from qlint.reporters.output import write, write_lines
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
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
    if arguments.gpu and arguments.gpus:
        raise UsageError("--gpu and --gpus name the same thing; give one of them.")
    values = _values(arguments.set)
    if arguments.paths:
        found, runs = _plan_of_paths(arguments, values)
    elif arguments.model:
        found, runs = _plan_of_model(arguments, values), []
    else:
        raise UsageError("plan needs a script or a configuration, or a model: --model llama-2-7b.")
    if arguments.write:
        _write(found, arguments.write)
    _print(found, runs, arguments)
    return 1 if found.fits is False else 0


def _plan_of_model(arguments: argparse.Namespace, values: dict[str, Json]) -> Plan:
    from qlint.knowledge.local_models import model_named

    cards = _cards(arguments.gpus or arguments.gpu or _settings_gpu(arguments))
    card = cards or _NO_CARD
    model = model_named(arguments.model)
    subject = of_model(model, card.usable_bytes, predict, values, bfloat16=card.bfloat16)
    return _plan(subject, cards, simulate=arguments.simulate)


def _plan_of_paths(
    arguments: argparse.Namespace, values: dict[str, Json]
) -> tuple[Plan, list[str]]:
    from qlint.commands.options import make_session
    from qlint.knowledge.local_models import model_named
    from qlint.linting.linter import lint

    session = make_session(arguments)
    report = lint(session, check=False)
    recipe = one_run(report.recipes, arguments.run)
    named = session.settings.model
    subject = of_run(recipe, model_named(named) if named else None, values)
    cards = _cards(arguments.gpus or session.settings.gpu)
    plan = _plan(subject, cards, simulate=arguments.simulate)
    return plan, [one.id for one in report.recipes]


def _plan(subject: Subject, cards: Cards | None, *, simulate: bool) -> Plan:
    simulated = None
    if simulate:
        from qlint.planning import simulated as simulation

        simulated = simulation.simulate(subject.job, predict(subject.job))
    return make_plan(
        subject.job,
        cards,
        predict,
        recipe=subject.recipe,
        assumptions=subject.assumptions,
        simulated=simulated,
    )


def _values(settings: list[str]) -> dict[str, Json]:
    if not settings:
        return {}
    from qlint.planning.overrides import parse_overrides

    return parse_overrides(settings)


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

    from qlint.planning.recommend import recipe_fields
    from qlint.planning.writing import write as write_run
    from qlint.rulebook.wording import gigabytes

    job = found.recommendation or found.job
    prediction = found.recommended_prediction or found.prediction
    card = f" on {found.cards.name}" if found.cards is not None else ""
    peak = gigabytes(prediction.peak_allocated_bytes)
    summary = (
        f"Predicted peak{card}: {peak} allocated, {gigabytes(prediction.needed_bytes)} in all."
    )
    path = write_run(recipe_fields(job), name, summary)
    print(f"qlint: wrote {path}", file=sys.stderr)


def _print(found: Plan, runs: list[str], arguments: argparse.Namespace) -> None:
    if arguments.output_format == "json":
        from qlint.reporters.json_text import as_json
        from qlint.reporters.plan_value import plan_report

        write(as_json(plan_report(found)), arguments.output_file)
        return
    from qlint.reporters import plan_text

    lines = plan_text.plan(found, budget=found.recipe is None, runs=len(runs))
    write_lines(lines, color=arguments.color, output_file=arguments.output_file)
