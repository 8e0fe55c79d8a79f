"""The machine that a script runs on: what it has run so far, and how much more it may."""

from __future__ import annotations

import os
from dataclasses import replace

from qlint.readers.commands import Command
from qlint.readers.request import Request
from qlint.readers.shell.outputs import Output
from qlint.readers.shell.parser import Parser
from qlint.readers.shell.pieces import short
from qlint.readers.shell.script import Script
from qlint.readers.shell.source import ComposedText, SourceText
from qlint.readers.shell.state import State
from qlint.readers.shell.syntax import Block, Substitution
from qlint.readers.shell.values import Value, unknown
from qlint.recipe import Origin, Problem

MAXIMUM_STEPS = 20_000
"""Words and commands that are run through; loops and recursion end here."""

MAXIMUM_ROUNDS = 50
"""Rounds of one loop."""

MAXIMUM_DEPTH = 50
"""Commands within commands: blocks, functions, substitutions."""

MAXIMUM_BYTES = 1_000_000
"""Larger scripts are not read: hand-written ones have a tenth of it at most."""

_MAXIMUM_PROBLEMS = 20


class Stopped(Exception):
    """The script does more than is followed; the message says what."""


class Machine:
    """Runs scripts in the abstract and collects what they run."""

    def __init__(self, request: Request, shown: str, folder: str) -> None:
        self.request = request
        self.shown = shown
        self.root = os.path.abspath(request.root)
        if not self.inside(folder):
            self.root = folder
        self.commands: list[Command] = []
        self.problems: list[Problem] = []
        self.assumptions: dict[str, None] = {}
        self.steps = 0
        self.depth = 0
        self.sourced: list[str] = []
        self.calls: list[str] = []

    def inside(self, path: str) -> bool:
        """Whether a path lies in the project; nothing else is read."""
        real = os.path.realpath(path)
        root = os.path.realpath(self.root)
        return real == root or real.startswith(root.rstrip(os.sep) + os.sep)

    def spend(self, steps: int = 1) -> None:
        """Count steps. Raises Stopped when there were too many."""
        self.steps += steps
        if self.steps > MAXIMUM_STEPS:
            raise Stopped(f"it takes more than {MAXIMUM_STEPS} steps")

    def enter(self) -> None:
        """Go one level deeper. Raises Stopped when that is too deep."""
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            raise Stopped(f"its commands run more than {MAXIMUM_DEPTH} levels within each other")

    def assume(self, premise: str) -> None:
        """Note a premise that what follows rests on."""
        self.assumptions[premise] = None

    def premise_unset(self, name: str) -> None:
        """Note that nobody sets a variable that the script does not set."""
        if name.isdigit() or name in ("#", "@", "*"):
            self.assume("started without arguments")
        else:
            self.assume(f"environment variable {name} is not set")

    def problem(self, source: SourceText, offset: int, message: str) -> None:
        """Note a part that could not be read."""
        at = source.origin(offset, offset)
        problem = Problem(
            at.path or self.shown,
            message,
            at.line or 1,
            at.column or 1,
            at.cell,
            at.physical_line,
            fatal=False,
        )
        if problem not in self.problems and len(self.problems) < _MAXIMUM_PROBLEMS:
            self.problems.append(problem)

    def parse(self, source: SourceText) -> Block:
        """The commands of a text, up to where it cannot be read, which is noted."""
        block, broken = Parser(source).program()
        if broken is not None:
            line = source.line_of(broken.offset)
            message = f"not read from line {line} on: {broken.message}"
            self.problem(source, broken.offset, message)
        return block

    def run_program(self, source: SourceText, state: State) -> None:
        """Run all of a text."""
        try:
            self.run(self.parse(source), state)
        except (Stopped, RecursionError) as stopped:
            why = str(stopped) if isinstance(stopped, Stopped) else "it is nested too deeply"
            message = f"not followed to its end: {why}"
            self.problem(source, 0, message)

    def run(self, block: Block, state: State) -> None:
        """Run commands one after the other, until one leaves."""
        from qlint.readers.shell.statements import execute

        for node in block.nodes:
            execute(self, node, state)
            if state.ended is not None:
                return

    def run_text(self, value: Value, station: Origin, state: State) -> None:
        """Run the text that a value holds, in this state."""
        before = state.source
        state.source = ComposedText(value, station)
        self.run(self.parse(state.source), state)
        state.source = before

    def substituted(self, part: Substitution, state: State, written: str) -> Value:
        """What ``$(...)`` stands for, as far as that is known without running it."""
        place = state.source.origin(part.start, part.end, f"output of {short(written)}")
        if part.body is None:
            return unknown(written, f"the output of {short(written)}", [place])
        self.enter()
        self.spend(2 + len(state.variables) // 10)
        inner = state.fork()
        inner.output = output = Output()
        self.run(part.body, inner)
        self.depth -= 1
        value = output.stripped()
        if output.lost is not None:
            reason = f"the output of {short(written)} is known only when it runs"
            return unknown(written, reason, (*value.origins, place))
        if value.unknown is not None:
            return unknown(written, value.unknown, (*value.origins, place))
        return Value(tuple(segment.passed(place) for segment in value.segments))

    @property
    def script(self) -> Script:
        """What was run."""
        problems = self.problems
        if problems and not self.commands:
            problems = [replace(one, fatal=True) for one in problems]
        return Script(tuple(self.commands), tuple(problems), tuple(self.assumptions))
