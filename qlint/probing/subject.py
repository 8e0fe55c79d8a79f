"""What ``qlint probe`` is to measure."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from qlint.errors import UsageError
from qlint.linting.linter import lint
from qlint.linting.session import Session
from qlint.probing.programs import configured, started
from qlint.readers.input_kinds import CONFIGURATIONS, is_launcher
from qlint.recipe import Recipe
from qlint.records import replace

_AT_LINE = re.compile(r"(?P<path>.+):(?P<line>[1-9]\d{0,6})\Z")


class Script(NamedTuple):
    """A script to run, with its arguments, and where and with what it runs.

    ``named`` is the input whose recipe it is: the script itself, or the launcher or configuration
    that was asked for, with the id of the run in it.
    """

    path: str
    arguments: tuple[str, ...] = ()
    named: str = ""
    recipe_id: str | None = None
    folder: str | None = None
    environment: Mapping[str, str] = {}


class Shape(NamedTuple):
    """A model without a script: ``model`` names its shape, or a folder of weights."""

    model: str | None = None


def subject_of(session: Session, paths: Sequence[str], model: str | None) -> Script | Shape:
    """What the command line asks for, else the run that the settings name.

    Raises:
        UsageError: It is nothing that can be run; the sentence says how to measure it.
    """
    if paths:
        if len(paths) > 1:
            raise UsageError("probe measures one run: give one script.")
        if model is not None:
            raise UsageError("--model is for measuring without a script; the script has its own.")
        return _subject(session, paths[0], session.script_arguments)
    if session.script_arguments:
        raise UsageError("the arguments after -- are for a script; name the script.")
    named = session.settings.probe_run
    if model is None and named is not None:
        try:
            path, *arguments = shlex.split(named)
        except ValueError:
            raise UsageError(f"the setting probe-run is no command line: {named!r}.") from None
        path = os.path.relpath(os.path.join(session.settings.folder, path))
        return _subject(session, path, tuple(arguments))
    return Shape(model)


def _subject(session: Session, path: str, arguments: tuple[str, ...]) -> Script:
    path, line = _with_line(path)
    name, suffix = os.path.basename(path), os.path.splitext(path)[1].lower()
    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder: name the script or the launcher of one run in it.")
    if not os.path.isfile(path):
        raise UsageError(f"there is no script {path}.")
    if suffix == ".ipynb":
        raise UsageError(
            f"{name} is a notebook: put `with qlint.probe(model, batches) as probe:` into a cell "
            "before it trains, or convert it with jupyter nbconvert --to script."
        )
    if suffix not in CONFIGURATIONS and not is_launcher(path):
        return Script(path, arguments, path)
    if arguments:
        raise UsageError(
            f"the arguments after -- are for a script, and {name} is none: it says itself what "
            "its run gets."
        )
    recipe = _run_of(session, path, line)
    # A job file is both: what it starts goes before what it configures.
    found = configured(recipe, path) if recipe.start is None else started(recipe, recipe.start)
    return Script(found.path, found.arguments, path, recipe.id, found.folder, found.environment)


def _with_line(path: str) -> tuple[str, int | None]:
    """``run.sh:12`` names one of the runs that a launcher starts."""
    match = _AT_LINE.match(path)
    if match is None or os.path.exists(path):
        return path, None
    return match["path"], int(match["line"])


def _run_of(session: Session, path: str, line: int | None) -> Recipe:
    """The one run that a launcher starts or a configuration describes, or that of the line."""
    report = lint(replace(session, paths=(path,), script_arguments=()), check=False)
    recipes = report.recipes
    if line is not None:
        recipes = [one for one in recipes if one.source.line == line]
    if len(recipes) == 1:
        return recipes[0]
    where = path if line is None else f"line {line} of {path}"
    if not recipes:
        raise UsageError(f"no run was found in {where}: name the script that trains.")
    if line is None:
        lines = sorted({one.source.line for one in recipes})
        if len(lines) == len(recipes):
            raise UsageError(
                f"{path} holds {len(recipes)} runs, in lines {', '.join(map(str, lines))}: name "
                f"one of them, as {path}:{lines[0]}."
            )
    raise UsageError(f"{where} stands for {len(recipes)} runs: name the script of one of them.")
