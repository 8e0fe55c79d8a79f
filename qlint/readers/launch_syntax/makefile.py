"""Reads Makefiles: every target's recipe is shell text, with the variables of make filled in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from qlint.readers.launch_syntax.make_variables import Definition, MakeVariables
from qlint.readers.request import Request
from qlint.readers.shell import Script, decode, start_state
from qlint.readers.shell.machine import MAXIMUM_BYTES, Machine, Stopped
from qlint.readers.shell.pieces import short
from qlint.readers.shell.source import SourceText
from qlint.readers.shell.state import State, Variable
from qlint.readers.shell.template import TemplateText
from qlint.readers.shell.values import EMPTY, Value, from_argument, known, unknown
from qlint.recipe import Problem

_ASSIGNMENT = re.compile(
    r"[ ]*(?P<modifiers>(?:(?:export|override|private|unexport)[ \t]+)*)"
    r"(?P<name>[^\s:#=?+!]+)[ \t]*(?P<sign>::?:?=|\?=|\+=|!=|=)[ \t]*"
)
_EXPORT = re.compile(r"[ ]*export\b[ \t]*(?P<names>[^\n=]*)\Z")
_DEFINE = re.compile(r"[ ]*(?:override[ ]+)?define[ \t]+(?P<name>\S+)")
_CONDITIONAL = re.compile(r"[ \t]*(?P<word>ifeq|ifneq|ifdef|ifndef|else|endif)\b[ \t]*")
_INCLUDE = re.compile(r"[ ]*[-s]?include[ \t]+")
_RULE = re.compile(r"(?P<targets>[^\t\n:=#][^\n:=#]*?)[ \t]*::?(?![=:])")
_PAIR = re.compile(
    r"""\((?P<a>.*),[ \t]*(?P<b>.*)\)|(?P<q>["'])(?P<c>.*)(?P=q)[ \t]+["'](?P<d>.*)["']"""
)
_MAXIMUM_INCLUDES = 10
_MAXIMUM_CONDITIONALS = 50


def read_makefile(path: str, data: bytes, request: Request) -> Script:
    """The commands of all targets, each under the condition that make is asked for its target."""
    shown = request.display_path or request.display(path)
    text = decode(data, shown)
    if isinstance(text, Problem):
        return Script(problems=(text,))
    folder = os.path.abspath(request.started_in or os.path.dirname(os.path.abspath(path)))
    source = SourceText(text, shown)
    machine = Machine(request, shown, folder)
    reader = _Reader(machine, request, folder)
    try:
        reader.read(source)
        reader.run()
    except (Stopped, RecursionError) as stopped:
        machine.problem(source, 0, f"not followed to its end: {stopped}")
    return machine.script


class _Rule:
    """A target with its prerequisites, its own variables and the lines of its recipe."""

    def __init__(self, source: SourceText, targets: str, condition: str | None) -> None:
        self.source = source
        self.names = targets.split()
        self.condition = condition
        self.prerequisites = ""
        self.lines: list[tuple[int, int]] = []
        self.own: list[tuple[str, str, Definition]] = []


class _Reader:
    def __init__(self, machine: Machine, request: Request, folder: str) -> None:
        self.machine = machine
        self.request = request
        self.folder = folder
        self.variables = MakeVariables(machine, folder)
        self.rules: list[_Rule] = []
        self.exported: set[str] = set()
        self.one_shell = False
        self.included: list[str] = []
        self.given = set(request.environment)
        for name, argument in request.environment.items():
            self.variables.define(name, Definition(value=from_argument(argument)))

    # Reading

    def read(self, source: SourceText) -> None:
        """Read a file: definitions take effect, rules are kept."""
        rule: _Rule | None = None
        branches: list[_Branch] = []
        defining: tuple[str, int] | None = None
        for start, end in _lines(source.text):
            self.machine.spend()
            line = source.text[start:end]
            if defining is not None:
                if line.strip() == "endef":
                    self.variables.define(
                        defining[0], Definition(source, defining[1], max(start - 1, defining[1]))
                    )
                    defining = None
                continue
            conditional = _CONDITIONAL.match(line)
            if conditional is not None and not line.startswith("\t"):
                self._branch(source, conditional, start, end, branches)
                continue
            if not all(branch.runs is not False for branch in branches):
                continue
            condition = next((one.text for one in branches if one.runs is None), None)
            if line.startswith("\t") and rule is not None:
                rule.lines.append((start + 1, end))
                continue
            end = _without_comment(source.text, start, end)
            line = source.text[start:end]
            if not line.strip():
                continue
            define = _DEFINE.match(line)
            if define is not None:
                defining = (define["name"], end + 1)
                continue
            rule = self._line(source, start, end, rule, condition)

    def _line(
        self, source: SourceText, start: int, end: int, rule: _Rule | None, condition: str | None
    ) -> _Rule | None:
        """A line that is neither a recipe's nor a conditional; the rule that recipes belong to."""
        line = source.text[start:end]
        indented = len(line) - len(line.lstrip("\t"))
        assignment = _ASSIGNMENT.match(source.text, start + indented, end)
        if assignment is not None:
            self._assign(source, assignment, end, condition)
            return rule
        if (include := _INCLUDE.match(line)) is not None:
            self._include(source, start + include.end(), end)
            return rule
        if (export := _EXPORT.match(line)) is not None:
            self.exported.update(export["names"].split() or ["*"])
            return rule
        found = _RULE.match(line)
        if found is None:
            return rule
        return self._rule(source, found, start, end, condition)

    def _rule(
        self, source: SourceText, found: re.Match[str], start: int, end: int, condition: str | None
    ) -> _Rule | None:
        names = found["targets"].strip()
        if names == ".ONESHELL":
            self.one_shell = True
        if names.startswith("."):
            return None
        if "$" in names:
            first = start + found.start("targets")
            names = self.variables.filled(source, first, first + len(names), "target").text
        rest = start + found.end()
        own = _ASSIGNMENT.match(source.text, rest, end)
        if own is not None:
            rule = _Rule(source, names, condition)
            rule.own.append((own["name"], own["sign"], Definition(source, own.end(), end)))
            self.rules.append(rule)
            return None
        recipe = source.text.find(";", rest, end)
        rule = _Rule(source, names, condition)
        rule.prerequisites = source.text[rest : end if recipe < 0 else recipe].strip()
        if recipe >= 0:
            rule.lines.append((recipe + 1, end))
        self.rules.append(rule)
        return rule

    def _assign(
        self, source: SourceText, found: re.Match[str], end: int, condition: str | None
    ) -> None:
        name, sign = found["name"], found["sign"]
        if "export" in found["modifiers"].split():
            self.exported.add(name)
        start = found.end()
        if name in self.given and "override" not in found["modifiers"] and sign == "?=":
            return
        if sign == "?=":
            if self.variables.is_set(name):
                return
            self.machine.premise_unset(name)
        definition = Definition(source, start, end)
        if condition is not None:
            written = f"$({name})"
            reason = f"{name} depends on {condition}"
            place = source.origin(start, end, f"variable {name}")
            definition = Definition(value=unknown(written, reason, [place]))
        elif sign == "!=":
            reason = f"the output of {short(source.text[start:end])} is known only when it runs"
            definition = Definition(value=unknown(f"$({name})", reason))
        elif ":" in sign or (sign == "+=" and self._is_simple(name)):
            definition = Definition(
                value=self.variables.filled(source, start, end, f"variable {name}")
            )
        self.variables.define(name, definition, appends=sign == "+=")

    def _is_simple(self, name: str) -> bool:
        definitions = self.variables.definitions.get(name)
        return bool(definitions) and definitions is not None and definitions[0].source is None

    def _include(self, source: SourceText, start: int, end: int) -> None:
        names = self.variables.filled(source, start, end, "include")
        if names.unknown is not None:
            return
        for name in names.text.split():
            path = os.path.normpath(os.path.join(self.folder, name))
            if path in self.included or len(self.included) >= _MAXIMUM_INCLUDES:
                continue
            if not self.machine.inside(path) or not os.path.isfile(path):
                continue
            if os.path.getsize(path) > MAXIMUM_BYTES:
                continue
            self.included.append(path)
            with open(path, "rb") as file:
                text = decode(file.read(), self.request.display(path))
            if isinstance(text, str):
                self.read(SourceText(text, self.request.display(path)))

    # Conditionals

    def _branch(
        self,
        source: SourceText,
        found: re.Match[str],
        start: int,
        end: int,
        branches: list[_Branch],
    ) -> None:
        word = found["word"]
        if word == "endif":
            if branches:
                branches.pop()
            return
        if word == "else":
            if branches:
                branches[-1].otherwise()
                rest = _CONDITIONAL.match(source.text, start + found.end(), end)
                if rest is not None and branches[-1].runs is not False:
                    branches[-1].runs = self._decide(source, rest, rest.end(), end)
            return
        if len(branches) > _MAXIMUM_CONDITIONALS:
            raise Stopped("conditionals nested too deeply")
        if all(branch.runs is not False for branch in branches):
            runs = self._decide(source, found, start + found.end(), end)
        else:
            runs = False
        branches.append(_Branch(short(source.text[start:end]), runs))

    def _decide(
        self, source: SourceText, found: re.Match[str], start: int, end: int
    ) -> bool | None:
        """Whether a conditional holds; a variable that nobody sets is taken to be empty."""
        word = found["word"]
        end = _without_comment(source.text, start, end)
        if word in ("ifdef", "ifndef"):
            name = source.text[start:end].strip()
            value = self.variables.value(name, f"$({name})")
            text = self._presumed(value, name)
            return None if text is None else bool(text) == (word == "ifdef")
        pair = _PAIR.match(source.text, start, end)
        if pair is None:
            return None
        sides = ("a", "b") if pair["a"] is not None else ("c", "d")
        texts: list[str | None] = []
        for side in sides:
            value = self.variables.filled(source, pair.start(side), pair.end(side), "compared")
            texts.append(self._presumed(value, source.text[pair.start(side) : pair.end(side)]))
        if None in texts:
            return None
        first, second = ((one or "").strip() for one in texts)
        return (first == second) == (word == "ifeq")

    def _presumed(self, value: Value, written: str) -> str | None:
        if value.unknown is None:
            return value.text
        if value.presumed is not None:
            name = re.search(r"[\w.-]+", written)
            self.machine.assume(f"make is given no {name.group() if name else written}")
        return value.presumed

    # Running

    def run(self) -> None:
        """Run the recipes of all rules, each line in a shell of its own."""
        own: dict[str, list[tuple[str, str, Definition]]] = {}
        for rule in self.rules:
            for name in rule.names:
                own.setdefault(name, []).extend(rule.own)
        for rule in self.rules:
            if not rule.lines or not rule.names:
                continue
            target = rule.names[0]
            before = dict(self.variables.definitions)
            for name, sign, definition in own.get(target, ()):
                if sign != "?=" or not self.variables.is_set(name):
                    self.variables.define(name, definition, appends=sign == "+=")
            self.variables.automatic = self._automatic(rule, target)
            for text in self._recipe(rule):
                self._run(rule, target, text)
            self.variables.definitions = before
            self.variables.automatic = {}

    def _automatic(self, rule: _Rule, target: str) -> dict[str, Value]:
        names = rule.prerequisites.split("|")[0].split()
        if "$" in rule.prerequisites:
            listed = unknown("$^", "the prerequisites are known only to make")
            return {"@": known(target), "^": listed, "<": listed}
        first = known(names[0]) if names else EMPTY
        return {
            "@": known(target),
            "^": known(" ".join(names)),
            "<": first,
            "+": known(" ".join(names)),
        }

    def _recipe(self, rule: _Rule) -> Iterator[TemplateText]:
        """The shell texts of a recipe: one for each line, or a single one with ``.ONESHELL``."""
        text = TemplateText(rule.source)
        for number, (start, end) in enumerate(rule.lines):
            while start < end and rule.source.text[start] in "@-+ \t":
                start += 1
            if number and self.one_shell:
                text.fill(known("\n"), start, start)
            for first, last, value in self.variables.parts(rule.source, start, end):
                if value is not None:
                    text.fill(value, first, last)
                else:
                    _keep(text, rule.source.text, first, last)
            if not self.one_shell:
                yield text.finish()
                text = TemplateText(rule.source)
        if self.one_shell:
            yield text.finish()

    def _run(self, rule: _Rule, target: str, text: TemplateText) -> None:
        state: State = start_state(text, self.folder, self.request, EMPTY)
        conditions = [f"make {target}"]
        if rule.condition is not None:
            conditions.append(rule.condition)
        state.conditions = tuple(conditions)
        names = self.variables.definitions if "*" in self.exported else self.exported
        for name in sorted(names):
            if self.variables.is_set(name):
                value = self.variables.value(name, f"$({name})")
                state.variables[name] = Variable(value, None, True)
        self.machine.run(self.machine.parse(text), state)


class _Branch:
    """A conditional that is open: its words, and whether what stands now is read."""

    def __init__(self, text: str, runs: bool | None) -> None:
        self.text = text
        self.runs = runs
        self._taken = runs is True

    def otherwise(self) -> None:
        """``else``: what one branch skipped the other reads."""
        if self.runs is None:
            self.text = f"not ({self.text})"
            return
        self.runs = not self._taken
        self._taken = True


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Where the lines start and end, continued ones as one."""
    position = 0
    while position < len(text):
        end = position
        while True:
            newline = text.find("\n", end)
            stop = len(text) if newline < 0 else newline
            slashes = stop
            while slashes > end and text[slashes - 1] == "\\":
                slashes -= 1
            if newline < 0 or (stop - slashes) % 2 == 0:
                break
            end = newline + 1
        yield position, stop
        position = stop + 1


def _without_comment(text: str, start: int, end: int) -> int:
    """Where the line ends for make: in front of ``#``, without the blanks there."""
    comment = text.find("#", start, end)
    while comment > start and text[comment - 1] == "\\":
        comment = text.find("#", comment + 1, end)
    stop = end if comment < 0 else comment
    while stop > start and text[stop - 1] in " \t":
        stop -= 1
    return stop


def _keep(text: TemplateText, base: str, start: int, end: int) -> None:
    """Add a stretch of a recipe without the tabs that start its continued lines."""
    position = start
    while (newline := base.find("\n\t", position, end)) >= 0:
        text.keep(position, newline + 1)
        position = newline + 2
    text.keep(position, end)
