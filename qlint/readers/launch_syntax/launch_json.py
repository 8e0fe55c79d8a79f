"""Reads ``.vscode/launch.json``: each configuration starts a program with arguments."""

from __future__ import annotations

import os
import re

from qlint.readers.commands import Argument, Command
from qlint.readers.documents.json_tree import read_json
from qlint.readers.documents.nodes import Mapping, Node, Refusal, Scalar, Sequence
from qlint.readers.places import LineMap, Place
from qlint.readers.request import Request
from qlint.readers.shell import Script, decode, run_line
from qlint.recipe import Origin, Problem, Source

_KINDS = frozenset({"python", "debugpy"})
_VARIABLE = re.compile(r"\$\{(?P<name>[^{}]*)\}")
_MASKED = re.compile(
    r'(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))', re.DOTALL
)
_TRAILING = re.compile(r'"(?:[^"\\\n]|\\.)*"|(?P<comma>,)(?=\s*[\]}])')


def read_launch_json(path: str, data: bytes, request: Request) -> Script:
    """The commands of the configurations for Python; the others start nothing that trains."""
    shown = request.display_path or request.display(path)
    text = decode(data, shown)
    if isinstance(text, Problem):
        return Script(problems=(text,))
    try:
        root = read_json(_plain(text))[0].root
    except Refusal as refused:
        line, column = refused.line or 1, refused.column or 1
        return Script(problems=(Problem(shown, f"no JSON: {refused.message}", line, column),))
    listed = root.get("configurations") if isinstance(root, Mapping) else None
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.basename(folder) == ".vscode":
        folder = os.path.dirname(folder)
    reader = _Reader(text, shown, request, folder)
    for one in listed.items if isinstance(listed, Sequence) else ():
        if isinstance(one, Mapping):
            reader.read(one)
    return Script(tuple(reader.commands), (), tuple(reader.assumptions))


def _plain(text: str) -> str:
    """The text without comments and trailing commas, everything else at its place."""

    def blank(found: re.Match[str]) -> str:
        if found["string"] is not None:
            return found.group()
        return re.sub(r"[^\n]", " ", found.group())

    def drop(found: re.Match[str]) -> str:
        return " " if found["comma"] is not None else found.group()

    return _TRAILING.sub(drop, _MASKED.sub(blank, text))


class _Reader:
    def __init__(self, text: str, shown: str, request: Request, folder: str) -> None:
        self.lines = text.split("\n")
        self.shown = shown
        self.request = request
        self.folder = folder
        self.commands: list[Command] = []
        self.assumptions: dict[str, None] = {}

    def read(self, configuration: Mapping) -> None:
        """A configuration: ``program`` or ``module``, ``args``, ``env``, ``cwd``."""
        kind = configuration.get("type")
        if not isinstance(kind, Scalar) or kind.value not in _KINDS:
            return
        program, module = configuration.get("program"), configuration.get("module")
        target = program if isinstance(program, Scalar) else module
        if not isinstance(target, Scalar):
            return
        words = [Argument("python", (self._origin(target, "started by VS Code"),))]
        if target is module:
            words.append(Argument("-m", words[0].origin))
        words.append(self._argument(target, "program of the configuration"))
        words += self._arguments(configuration.get("args"))
        name = configuration.get("name")
        conditions = (f"configuration {name.text}",) if isinstance(name, Scalar) else ()
        span = configuration.span
        self.commands.append(
            Command(
                tuple(words),
                Source(self.shown, span.line, span.column),
                self._cwd(configuration.get("cwd")),
                self._environment(configuration.get("env")),
                conditions,
            )
        )

    def _arguments(self, given: Node | None) -> list[Argument]:
        if isinstance(given, Sequence):
            return [
                self._argument(one, "element of args")
                for one in given.items
                if isinstance(one, Scalar)
            ]
        if isinstance(given, Scalar) and isinstance(given.value, str):
            return self._split(given)
        return []

    def _split(self, given: Scalar) -> list[Argument]:
        """``args`` as one text, which a shell takes apart."""
        span = given.span
        places = LineMap(self.shown)
        places.add(Place(span.line, shift=span.column))
        text = _VARIABLE.sub(lambda found: self._fill(found)[0], str(given.value))
        script = run_line(f"python {text}", places, self.request, folder=self.folder)
        origin = self._origin(given, "args of the configuration")
        words = script.commands[0].words[1:] if script.commands else ()
        return [Argument(word.text, (origin,), word.unknown) for word in words]

    def _environment(self, given: Node | None) -> dict[str, Argument]:
        found = dict(self.request.environment)
        if isinstance(given, Mapping):
            for name, entry in given.entries.items():
                if isinstance(entry.value, Scalar):
                    found[name] = self._argument(entry.value, f"env {name}")
        return found

    def _cwd(self, given: Node | None) -> str:
        if not isinstance(given, Scalar):
            return self.folder
        argument = self._argument(given, "cwd")
        if argument.unknown is not None:
            self.assumptions[f"{argument.text} is the folder of the project"] = None
            return self.folder
        return os.path.normpath(os.path.join(self.folder, argument.text))

    def _argument(self, node: Scalar, via: str) -> Argument:
        value = node.value
        text = value if isinstance(value, str) else node.text
        unknown: str | None = None
        parts: list[str] = []
        position = 0
        for found in _VARIABLE.finditer(text):
            filled, reason = self._fill(found)
            parts += [text[position : found.start()], filled]
            unknown = unknown or reason
            position = found.end()
        parts.append(text[position:])
        return Argument("".join(parts), (self._origin(node, via),), unknown)

    def _fill(self, found: re.Match[str]) -> tuple[str, str | None]:
        """What a variable of VS Code stands for, and why that is not known."""
        name = found["name"]
        if name in ("workspaceFolder", "workspaceRoot"):
            return self.folder, None
        if name == "workspaceFolderBasename":
            return os.path.basename(self.folder), None
        if name == "pathSeparator" or name == "/":
            return "/", None
        if name.startswith("env:") and name[4:] in self.request.environment:
            given = self.request.environment[name[4:]]
            return given.text, given.unknown
        return found.group(), f"{found.group()} is known only in the editor"

    def _origin(self, node: Scalar, via: str) -> Origin:
        """Where a value stands, without its quotes."""
        span = node.span
        quoted = self.lines[span.line - 1][span.column - 1 : span.column] == '"'
        return Origin(
            self.shown,
            span.line,
            span.column + quoted,
            via=via,
            end_line=span.end_line,
            end_column=span.end_column - quoted,
        )
