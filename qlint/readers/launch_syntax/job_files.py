"""Reads YAML files that describe jobs for a cluster or a container: what their commands start."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from qlint.readers.commands import Argument, Command
from qlint.readers.documents import Refusal, load
from qlint.readers.documents.nodes import Mapping, Node, Scalar
from qlint.readers.launch_syntax.job_kinds import Job, jobs_in
from qlint.readers.launch_syntax.yaml_text import YamlText
from qlint.readers.request import Request
from qlint.readers.shell import Script, run_line
from qlint.recipe import Problem, Source

_SHELLS = ("sh", "bash", "/bin/sh", "/bin/bash", "/usr/bin/bash")
_MOST_JOBS = 100
_REFERENCE = re.compile(r"\$\((\w+)\)")


def read_job_file(path: str, data: bytes, request: Request) -> Script:
    """The commands of all jobs that a YAML file describes; none where it describes no job."""
    shown = request.display_path or request.display(path)
    try:
        documents = load(data, ".yaml")
    except Refusal:
        return Script()
    text = YamlText(data, shown)
    commands: list[Command] = []
    problems: list[Problem] = []
    assumptions: dict[str, None] = {}
    folder = os.path.dirname(os.path.abspath(path))
    seen: set[object] = set()
    for document in documents:
        root = document.root
        for job in jobs_in(root, text) if isinstance(root, Mapping) else ():
            key = tuple(one.text for one in (*job.texts, *job.words)), job.condition
            if key in seen or len(seen) >= _MOST_JOBS:  # As the workers of a job are its master.
                continue
            seen.add(key)
            script = _run(job, text, request, _folder(job.folder, folder, request))
            commands += script.commands
            problems += script.problems
            assumptions.update(dict.fromkeys(script.assumptions))
    return Script(tuple(commands), tuple(problems), tuple(assumptions))


def _run(job: Job, text: YamlText, request: Request, folder: str) -> Script:
    environment = {**request.environment, **job.environment}
    conditions = (job.condition,) if job.condition else ()
    asked = Request(
        root=request.root, display_path=request.display_path, environment=environment,
        written=request.written, named=request.named,
    )  # fmt: skip
    texts = job.texts
    words = [text.argument(one, "word of the job's command") for one in job.words]
    if len(words) > 2 and words[0].text in _SHELLS and _takes_text(words[1].text):
        texts, words = job.words[2:3], []
    if texts:
        places = text.places(texts[0])
        whole = text.content(texts[0])
        for one in texts[1:]:
            places = places.followed_by(text.places(one))
            whole += text.content(one)
        script = run_line(whole, places, asked, folder=folder)
        commands = tuple(_under(one, conditions) for one in script.commands)
        return Script(commands, script.problems, script.assumptions)
    if not words:
        return Script()
    filled = tuple(_filled(one, environment) for one in words)
    span = job.words[0].span
    source = Source(text.shown, span.line, span.column)
    return Script((Command(filled, source, folder, environment, conditions, request.written),))


def _takes_text(option: str) -> bool:
    return option.startswith("-") and not option.startswith("--") and option.endswith("c")


def _under(command: Command, conditions: tuple[str, ...]) -> Command:
    return (
        replace(command, conditions=(*conditions, *command.conditions)) if conditions else command
    )


def _filled(word: Argument, environment: dict[str, Argument]) -> Argument:
    """A word of a container with the variables of it filled in: ``$(NAME)``."""
    origin, unknown = word.origin, word.unknown
    text = word.text
    for found in _REFERENCE.finditer(word.text):
        given = environment.get(found[1])
        if given is None:
            unknown = unknown or f"{found.group()} is given where the job runs"
            continue
        text = text.replace(found.group(), given.text)
        origin = (*given.origin, *(one for one in origin if one not in given.origin))
        unknown = unknown or given.unknown
    return Argument(text, origin, unknown)


def _folder(named: Node | None, folder: str, request: Request) -> str:
    """The folder in which a job runs, where that is one of the project; else the file's own."""
    if not isinstance(named, Scalar) or not isinstance(named.value, str):
        return folder
    root = os.path.abspath(request.root)
    base = folder
    while True:
        path = os.path.normpath(os.path.join(base, named.value))
        inside = path == root or path.startswith(root.rstrip(os.sep) + os.sep)
        if inside and os.path.isdir(path):
            return path
        above = os.path.dirname(base)
        if base == root or above == base or not above.startswith(root):
            return folder
        base = above
