"""What a measurement says about the findings in the script that was measured."""

from __future__ import annotations

import importlib
import os
from typing import Any

from qlint.errors import UsageError
from qlint.linting.evidence_file import (
    Measured,
    known_values,
    model_digest,
    project_of,
    read,
    relative_to,
    write,
)
from qlint.linting.linter import lint
from qlint.linting.report import Report
from qlint.linting.session import EVIDENCE_FILE, Session
from qlint.linting.weighing import weighed
from qlint.probing.subject import Script, Shape
from qlint.probing.surroundings import surroundings
from qlint.recipe import Recipe
from qlint.records import replace
from qlint.reporters.probe_value import Probed


def measure(subject: Script | Shape, session: Session, wanted: Any, progress: Any) -> Probed:
    """Lint the script, run and measure it, and judge its findings.

    Raises:
        UsageError: There was nothing to measure; an exception of the script's own has been shown.
    """
    if isinstance(subject, Shape):
        measured = _probes("shaped_probe").measure_shape(subject.model, wanted, progress)
        return _probed(Report(), None, measured)
    own = subject.arguments if subject.recipe_id is None else ()
    session = replace(session, paths=(subject.named,), script_arguments=own)
    # What was measured earlier is not to weigh what is measured now.
    report = lint(session, weigh=False)
    with surroundings(subject.folder, subject.environment):
        measured = _probes("script_probe").measure_script(
            subject.path, subject.arguments, wanted, progress
        )
    return _probed(report, _measured_recipe(report, subject, measured.line), measured)


def check_evidence_file(path: str, subject: Script | Shape) -> None:
    """Find out before measuring whether what is measured could be saved.

    Raises:
        UsageError: There is no script whose evidence it would be, or the file holds something else.
    """
    if isinstance(subject, Shape):
        raise UsageError("--save-evidence needs a script: evidence belongs to the recipe of one.")
    if os.path.exists(path):
        read(path)


def save_evidence(probed: Probed, path: str) -> str:
    """Write what was measured for ``qlint check``, and return a sentence on what becomes of it.

    Raises:
        UsageError: It cannot be written, or no run of the script was recognised in what ran.
    """
    recipe = probed.recipe
    if probed.interrupted:
        return "interrupted, so no evidence was saved: what there was is kept."
    if recipe is None:
        raise UsageError(
            "no evidence was saved: it belongs to the recipe of a script, and none was read."
        )
    gpu = probed.environment.get("gpu")
    measured = Measured(
        source=relative_to(recipe.source.path, project_of(path)),
        values=known_values(recipe),
        model=model_digest(recipe),
        versions=probed.environment.get("versions", {}),
        card=gpu["name"] if gpu else None,
        card_bytes=gpu["total_bytes"] if gpu else None,
        verdicts=probed.verdicts,
    )
    write(path, measured)
    found = os.path.abspath(path).endswith(os.sep + os.path.normpath(EVIDENCE_FILE))
    how = "finds it there" if found else f"takes it with --evidence {path}"
    return f"the evidence was saved in {path}; qlint {how}."


def _measured_recipe(report: Report, subject: Script, line: int | None) -> Recipe | None:
    """The run that was asked for, else the one that trains at ``line``.

    Or before it: a call may span several lines.
    """
    if subject.recipe_id is not None:
        return next((one for one in report.recipes if one.id == subject.recipe_id), None)
    recipes = [one for one in report.recipes if one.source.path == subject.path]
    if len(recipes) < 2 or line is None:
        return recipes[0] if len(recipes) == 1 else None
    before = [one for one in recipes if one.source.line <= line]
    return max(before, key=lambda one: one.source.line) if before else None


def _probed(report: Report, recipe: Recipe | None, measured: Any) -> Probed:
    verdicts: list[dict[str, str]] = []
    if recipe is not None:
        judging = _probes("verdicts")
        gpu = measured.environment.get("gpu")
        codes = {one.code for one in report.findings if one.recipe_id == recipe.id}
        values = judging.Measured(
            measured.probes, gpu["total_bytes"] if gpu else None, measured.learning_rate
        )
        verdicts = [one.as_json() for one in judging.judge(codes, values)]
        by_code = {one["code"]: one for one in verdicts}
        card = gpu["name"] if gpu else None
        report.findings = [
            weighed(one, by_code, card) if one.recipe_id == recipe.id else one
            for one in report.findings
        ]
    return Probed(
        report=report,
        recipe=recipe,
        name=measured.name,
        steps=measured.steps,
        interrupted=measured.interrupted,
        probes=measured.probes,
        environment=measured.environment,
        verdicts=verdicts,
        predicted_peak_bytes=_prediction(recipe),
    )


def _prediction(recipe: Recipe | None) -> int | None:
    if recipe is None:
        return None
    from qlint.memory.from_recipe import from_recipe
    from qlint.memory.predict import predict

    job = from_recipe(recipe).job
    return None if job is None else predict(job).peak_allocated_bytes


def _probes(name: str) -> Any:
    """Type checkers cannot resolve the package, which lives in another folder."""
    return importlib.import_module(f"qlint.runtime_probes.{name}")
