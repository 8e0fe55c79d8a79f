"""What ``qlint probe`` is to measure."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from qlint.errors import UsageError
from qlint.linting.session import Session
from qlint.readers.input_kinds import CONFIGURATIONS, is_launcher


class Script(NamedTuple):
    """The user's script, with the arguments to run it with."""

    path: str
    arguments: tuple[str, ...] = ()


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
        return _script(paths[0], session.script_arguments)
    if session.script_arguments:
        raise UsageError("the arguments after -- are for a script; name the script.")
    named = session.settings.probe_run
    if model is None and named is not None:
        try:
            path, *arguments = shlex.split(named)
        except ValueError:
            raise UsageError(f"the setting probe-run is no command line: {named!r}.") from None
        path = os.path.relpath(os.path.join(session.settings.folder, path))
        return _script(path, tuple(arguments))
    return Shape(model)


def _script(path: str, arguments: tuple[str, ...]) -> Script:
    name, suffix = os.path.basename(path), os.path.splitext(path)[1].lower()
    if suffix == ".ipynb":
        raise UsageError(
            f"{name} is a notebook: put `with qlint.probe(model, batches) as probe:` into a cell "
            "before it trains, or convert it with jupyter nbconvert --to script."
        )
    if suffix in CONFIGURATIONS:
        raise UsageError(
            f"{name} is a configuration, which its framework runs: name the Python script that "
            "reads it, with the configuration after --, or add qlint.probe_callback() to the "
            "trainer's callbacks."
        )
    if is_launcher(path):
        raise UsageError(
            f"{name} is a launcher: name the script that it starts, with its arguments after --."
        )
    if not os.path.isfile(path):
        raise UsageError(f"there is no script {path}.")
    return Script(path, arguments)
