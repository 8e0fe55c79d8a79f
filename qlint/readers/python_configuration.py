"""Configurations that are Python files: tables assigned to names, as xtuner and mmengine have them.

The module is evaluated as a script is, abstractly and never executed, and what its names hold in
the end is read as the tree of any other configuration.
"""

from __future__ import annotations

import os
from dataclasses import replace

from qlint.readers.documents import nodes
from qlint.readers.frameworks import xtuner
from qlint.readers.frameworks.runs import Start, run
from qlint.readers.frameworks.sheet import NotTraining
from qlint.readers.python import read_python
from qlint.readers.python.evaluation import evaluate_module
from qlint.readers.python.project import Project, parse_source
from qlint.readers.python.tree import tree_of
from qlint.readers.request import Request
from qlint.recipe import Problem, Reading, Source


def read_python_configuration(path: str, data: bytes, request: Request) -> Reading:
    """The run that a Python file configures; read as a script where it configures none."""
    shown = request.display_path or path
    file = parse_source(shown, data)
    if isinstance(file, Problem):
        return Reading(shown, problems=(file,))
    project = Project(path, request.root, request.display, written=request.written)
    project.parsed[path] = file
    used = request.versions_for(path)
    versions = {name: version for name, (version, _) in used.items()}
    # The words are for the program that reads the file: the file itself sees none of them.
    alone = replace(request, arguments=())
    root: nodes.Mapping = tree_of(evaluate_module(file, project, alone, versions), shown)
    if not xtuner.recognise(root):
        return read_python(path, data, request)
    own = os.path.basename(shown)
    start = Start(
        "xtuner",
        shown,
        Source(shown, 1),
        "python",
        f"{shown}:1",
        tuple(word for word in request.arguments if os.path.basename(word.text) != own),
        request.environment,
        used,
    )
    try:
        recipe, notes = run(start, xtuner.flattened(root))
    except NotTraining:
        return Reading(shown)
    return Reading(shown, (recipe,), notes=tuple(notes))
