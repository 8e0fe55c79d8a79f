"""From the bytes of a script to a Reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qlint.knowledge import libraries
from qlint.readers.commands import Command
from qlint.readers.python.evaluation import Outcome, evaluate_script
from qlint.readers.python.flags import SUBCOMMAND
from qlint.readers.python.project import Project, parse_source
from qlint.readers.python.variants import find_variants
from qlint.readers.request import Request
from qlint.recipe import NEWEST_KNOWN, Kind, Problem, Reading, Recipe, Variant

_TRAIN_SWITCH = "--do_train"
_SHOWN = ("transformers", "trl", "peft", "bitsandbytes", "accelerate", "unsloth")


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a script is read to: its own runs, and the programs that it starts."""

    reading: Reading
    commands: tuple[Command, ...] = ()


def read_python(path: str, data: bytes, request: Request) -> Reading:
    """Read the training runs of one Python script.

    Never raises for what stands in the file: what cannot be analysed is a Problem in the Reading.
    """
    return evaluate_python(path, data, request).reading


def evaluate_python(path: str, data: bytes, request: Request) -> Evaluated:
    """Read the training runs of one Python script, and the commands that it runs."""
    shown = request.display_path or path
    file = parse_source(shown, data)
    if isinstance(file, Problem):
        return Evaluated(Reading(shown, problems=(file,)))
    project = Project(
        path,
        request.root,
        request.display,
        written=request.written,
        started_in=request.started_in,
    )
    project.parsed[path] = file
    used = request.versions_for(path)
    versions = {name: version for name, (version, _) in used.items()}

    def evaluate(flips: Mapping[str, bool]) -> Outcome:
        project.written = dict(request.written)
        return evaluate_script(file, project, request, versions, flips)

    base_flips: dict[str, bool] = {}
    outcome = evaluate(base_flips)
    written = project.written
    for switch in _starters(outcome):
        started = evaluate({switch: True})
        if started.runs:
            base_flips = {switch: True}
            outcome = started
            outcome.assumptions = (*outcome.assumptions, f"{switch} is given")
            break
    uncalled = not outcome.runs
    if uncalled:
        project.written = written
        outcome.enter_uncalled()
    if not outcome.runs:
        return Evaluated(Reading(shown, problems=stopped(shown, outcome)), outcome.programs)
    variants: list[tuple[Variant, ...]] = [() for _ in outcome.runs]
    if not request.decided:

        def again(flips: Mapping[str, bool]) -> Outcome:
            other = evaluate({**base_flips, **flips})
            if uncalled:
                other.enter_uncalled()
            return other

        variants = find_variants(outcome, again)
    texts = [parsed.text for parsed in project.parsed.values() if parsed is not None]
    recipes = build_recipes(outcome, variants, used, texts)
    problems = stopped(shown, outcome)
    reading = Reading(shown, recipes, outcome.dead, problems, outcome.notes)
    return Evaluated(reading, outcome.programs)


def _starters(outcome: Outcome) -> list[str]:
    """Switches that start the training of a script that does nothing without them."""
    off = [flag for flag in outcome.flags if outcome.flags[flag] is False]
    off = [flag for flag in off if flag in outcome.consulted]
    subcommands = [flag for flag in off if flag.startswith(SUBCOMMAND)]
    if subcommands:
        return subcommands
    if outcome.runs:
        return []
    return sorted(
        (flag for flag in off if "train" in flag.lower()), key=lambda flag: flag != _TRAIN_SWITCH
    )


def stopped(path: str, outcome: Outcome) -> tuple[Problem, ...]:
    """The problem of an evaluation that did not come to its end."""
    if outcome.exhausted is None:
        return ()
    return (Problem(path, outcome.exhausted, fatal=False),)


def build_recipes(
    outcome: Outcome,
    variants: list[tuple[Variant, ...]],
    used: Mapping[str, tuple[str, str]],
    texts: list[str],
    kind: Kind = "python",
) -> tuple[Recipe, ...]:
    """The recipes of an evaluation's runs.

    ``used`` are the versions in force and their sources, ``texts`` all that was evaluated.
    """
    versions = {
        name: {"version": used[name][0], "source": used[name][1]}
        if name in used
        else {"version": libraries.newest(name), "source": NEWEST_KNOWN}
        for name in _SHOWN
        if name in used or any(name in text for text in texts)
    }
    recipes: list[Recipe] = []
    taken: dict[str, int] = {}
    for run, own_variants in zip(outcome.runs, variants, strict=True):
        base = f"{run.source.path}:{run.source.line}"
        taken[base] = taken.get(base, 0) + 1
        identifier = base if taken[base] == 1 else f"{base}#{taken[base]}"
        framework = run.fields["framework"].value
        recipes.append(
            Recipe(
                identifier,
                run.source,
                kind,
                str(framework),
                run.fields,
                own_variants,
                outcome.assumptions,
                versions,
                facts=run.facts,
                names=run.names,
            )
        )
    return tuple(recipes)
