"""Reads Dockerfiles: what building the image runs, and what the container starts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from qlint.readers.request import Request
from qlint.readers.shell import Script, decode, start_state
from qlint.readers.shell.machine import Machine, Stopped
from qlint.readers.shell.simple import USED, collect
from qlint.readers.shell.source import SourceText
from qlint.readers.shell.state import State
from qlint.readers.shell.template import TemplateText
from qlint.readers.shell.values import EMPTY, Segment, Value, known
from qlint.recipe import Problem

_INSTRUCTION = re.compile(r"[ \t]*(?P<name>[A-Za-z]+)[ \t]+")
_FLAG = re.compile(r"--[a-z-]+(?:=\S*)?[ \t]+")
_ESCAPE = re.compile(r"#[ \t]*escape[ \t]*=[ \t]*`", re.IGNORECASE)
_STRING = re.compile(r'[ \t\n,\[]*"((?:[^"\\]|\\.)*)"', re.DOTALL)
_DOCUMENT = re.compile(r"<<-?[ \t]*[\"']?(\w+)[\"']?")
_WHOLE_DOCUMENT = re.compile(r"<<-?[ \t]*[\"']?\w+[\"']?[ \t]*\Z")
_NAMED = re.compile(r"[A-Za-z_]\w*(?P<sign>=|[ \t]+|\Z)")


class _Instruction(NamedTuple):
    """An instruction: its name, its flags, and the text behind them without comments."""

    name: str
    flags: str
    text: TemplateText
    document: tuple[int, int] | None
    """Where the text of a ``<<EOF`` stands in the file that is the whole of a RUN."""


class _Started(NamedTuple):
    """What ENTRYPOINT or CMD says: words, or text for a shell."""

    text: TemplateText
    words: list[Value] | None


def read_dockerfile(path: str, data: bytes, request: Request) -> Script:
    """The commands of RUN, and what ENTRYPOINT and CMD of the last stage start."""
    shown = request.display_path or request.display(path)
    text = decode(data, shown)
    if isinstance(text, Problem):
        return Script(problems=(text,))
    folder = os.path.abspath(request.started_in or os.path.dirname(os.path.abspath(path)))
    source = SourceText(text, shown)
    machine = Machine(request, shown, folder)
    image = _Image(machine, start_state(source, folder, request, EMPTY), source)
    try:
        for instruction in _instructions(source):
            machine.spend()
            image.take(instruction)
        image.start()
    except (Stopped, RecursionError) as stopped:
        machine.problem(source, 0, f"not followed to its end: {stopped}")
    return machine.script


class _Image:
    """An image while it is built. Its folders are mapped to that of the Dockerfile."""

    def __init__(self, machine: Machine, state: State, source: SourceText) -> None:
        self.machine = machine
        self.state = state
        self.source = source
        self.context = state.folder
        self.first = dict(state.variables)
        self.folder = "/"
        self.copied: str | None = None
        """The folder of the image that holds the project."""
        self.entry: _Started | None = None
        self.command: _Started | None = None

    def take(self, instruction: _Instruction) -> None:
        """Carry out an instruction."""
        name, text = instruction.name, instruction.text
        if name == "FROM":
            self.state.variables = dict(self.first)
            self.folder, self.copied, self.entry, self.command = "/", None, None, None
        elif name in ("ENV", "ARG"):
            self._set(text, exported=name == "ENV")
        elif name == "WORKDIR":
            self.folder = os.path.normpath(os.path.join(self.folder, text.text.strip().strip('"')))
        elif name in ("COPY", "ADD") and "--from" not in instruction.flags:
            self._copy(text.text)
        elif name == "RUN":
            self._run(instruction)
        elif name == "ENTRYPOINT":
            self.entry, self.command = _Started(text, _words(text)), None
        elif name == "CMD":
            self.command = _Started(text, _words(text))

    def _set(self, text: TemplateText, exported: bool) -> None:
        """``ENV A=1 B=2``, ``ENV A 1``, ``ARG A=1``: the words of assignments."""
        named = _NAMED.match(text.text)
        if named is None or not named["sign"]:
            return
        self.state.source = text
        if named["sign"] != "=":
            name = text.text[: named.start("sign")]
            value = Value((Segment(text.text[named.end() :], text, named.end(), f"ENV {name}"),))
            self.state.assign(name, value)
            names = [name]
        else:
            block = self.machine.parse(text)
            self.machine.run(block, self.state)
            names = [one.name for node in block.nodes for one in getattr(node, "assignments", ())]
        for name in names:
            variable = self.state.variables.get(name)
            if variable is not None:
                self.state.variables[name] = replace(variable, exported=exported)

    def _copy(self, text: str) -> None:
        words = text.split()
        if len(words) == 2 and words[0] in (".", "./"):
            self.copied = os.path.normpath(os.path.join(self.folder, words[1]))

    def _inside(self) -> State:
        """The state in which a command of the image runs."""
        state = self.state.fork()
        relative = os.path.relpath(self.folder, self.copied or self.folder)
        if not relative.startswith(".."):
            state.folder = os.path.normpath(os.path.join(self.context, relative))
        self.machine.assume(f"the folder {self.folder} of the image is that of the project")
        return state

    def _run(self, instruction: _Instruction) -> None:
        words = _words(instruction.text)
        if words is not None:
            self._collect(words, instruction.text, self._inside())
            return
        state = self._inside()
        if instruction.document is not None:
            start, end = instruction.document
            body = TemplateText(self.source)
            body.keep(start, end)
            self._shell(body.finish(), state)
        else:
            self._shell(instruction.text, state)

    def _shell(self, text: TemplateText, state: State) -> None:
        state.source = text
        self.machine.run(self.machine.parse(text), state)

    def _collect(self, words: list[Value], text: TemplateText, state: State) -> None:
        state.source = text
        if words:
            collect(self.machine, (0, len(text.text)), words, {}, state)

    def start(self) -> None:
        """What the container starts: the words of CMD are arguments of those of ENTRYPOINT."""
        entry, command = self.entry, self.command
        if entry is None:
            entry, command = command, None
        if entry is None:
            return
        state = self._inside()
        if entry.words is None:
            self._shell(entry.text, state)
            return
        more: list[Value] = []
        if command is not None:
            shell = [known("/bin/sh"), known("-c")]
            whole = Value((Segment(command.text.text, command.text, 0, USED),))
            more = command.words if command.words is not None else [*shell, whole]
        self._collect([*entry.words, *more], entry.text, state)


def _words(text: TemplateText) -> list[Value] | None:
    """The words of the form ``["python", "train.py"]``; None where it is text for a shell."""
    body = text.text.strip()
    if not (body.startswith("[") and body.endswith("]")):
        return None
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        return None
    words: list[Value] = []
    position = text.text.index("[")
    for one in given:
        found = _STRING.match(text.text, position)
        if found is None:
            return None
        position = found.end()
        if found[1] == one:
            words.append(Value((Segment(one, text, found.start(1), USED),)))
        else:
            words.append(known(one, [text.origin(found.start(1), found.end(1), USED)]))
    return words


def _instructions(source: SourceText) -> Iterator[_Instruction]:
    text = source.text
    escape = "`" if _ESCAPE.match(text) else "\\"
    position = 0
    while position < len(text):
        found = _INSTRUCTION.match(text, position)
        if found is None:
            position = _line_end(text, position) + 1
            continue
        start = found.end()
        flags = start
        while (flag := _FLAG.match(text, start)) is not None:
            start = flag.end()
        body = TemplateText(source)
        position = _read_body(source, start, escape, body)
        body.finish()
        document = None
        name = found["name"].upper()
        if name in ("RUN", "COPY") and (opened := _DOCUMENT.search(body.text)) is not None:
            close = _document_end(text, position, opened[1])
            if _WHOLE_DOCUMENT.match(body.text):
                document = (position, close)
            elif name == "RUN":
                body.keep(position - 1, min(_line_end(text, close) + 1, len(text)))
                body.finish()
            position = min(_line_end(text, close) + 1, len(text))
        yield _Instruction(name, text[flags:start], body, document)


def _read_body(source: SourceText, start: int, escape: str, body: TemplateText) -> int:
    """Read a continued text without the comments between its lines; where the next line starts."""
    text = source.text
    position = start
    while True:
        end = _line_end(text, position)
        line = text[position:end]
        if position > start and line.lstrip().startswith("#"):
            position = end + 1
            if position >= len(text):
                return position
            continue
        stripped = line.rstrip(" \t")
        if not stripped.endswith(escape) or end >= len(text):
            body.keep(position, end)
            return end + 1
        body.keep(position, position + len(stripped) - 1)
        body.fill(known(" "), position + len(stripped) - 1, end)
        position = end + 1


def _document_end(text: str, position: int, delimiter: str) -> int:
    """Where the line starts that ends a here-document."""
    while position < len(text):
        end = _line_end(text, position)
        if text[position:end].strip() == delimiter:
            return position
        position = end + 1
    return len(text)


def _line_end(text: str, position: int) -> int:
    newline = text.find("\n", position)
    return len(text) if newline < 0 else newline
