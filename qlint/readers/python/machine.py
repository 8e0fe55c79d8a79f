"""The state of one evaluation: memory, fuel, files, library versions, and what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import libcst as cst

from qlint.readers.python.conditions import Condition
from qlint.readers.python.environment import Environment
from qlint.readers.python.journal import Journal, Outcome
from qlint.readers.python.source import SourceFile, Step, Trace
from qlint.readers.python.values import Instance, ModuleValue, Unknown, Value
from qlint.readers.python.words import Word, words_of

if TYPE_CHECKING:
    from qlint.readers.commands import Command
    from qlint.readers.python.frames import Frame
    from qlint.readers.python.project import Project
    from qlint.readers.request import Request

MAX_STEPS = 100_000
MAX_CALL_DEPTH = 20
MAX_RECURSION = 2
"""How deep a function that calls itself is followed where what it is given is not known."""
MAX_DESCENTS = 3_000
"""Calls deeper than that on data that is known, in one evaluation."""
MAX_DOUBTFUL_STEPS = 6_000
"""Steps that one function takes, over all calls of it that are not known to happen."""


class Exhausted(Exception):
    """The evaluation has used up its fuel."""


class Raised(Exception):
    """The evaluated program raises here, or exits."""

    def __init__(self, reason: str, kind: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        """The name of the error where it is known."""


class Guard(NamedTuple):
    """An open ``try`` block that has handlers: its scope, and whether they expect a NameError."""

    frame: Frame
    names: bool


class Event:
    """Something that happened to a library object: built, applied, trained."""

    __slots__ = ("condition", "frame", "kind", "node", "payload", "target")

    def __init__(
        self,
        kind: str,
        target: Instance | None,
        node: cst.CSTNode,
        frame: Frame,
        condition: str | None,
        payload: Any = None,
    ) -> None:
        self.kind = kind
        self.target = target
        self.node = node
        self.frame = frame
        self.condition = condition
        self.payload = payload


class Machine:
    """Evaluates one script. Nothing in it ever imports, runs or downloads what the script names."""

    def __init__(
        self,
        project: Project,
        request: Request,
        versions: Mapping[str, str],
        flips: Mapping[str, bool] | None = None,
    ) -> None:
        self.project = project
        self.argv = words_of(request.arguments)
        """What the script is started with, behind its name."""
        self.versions = versions
        self.flips = dict(flips or {})
        """Flags taken the other way round, for a variant: ``{"--use_4bit": True}``."""
        self.journal = Journal()
        self.steps = 0
        self.depth = 0
        self.descents = 0
        """Calls that functions made of themselves on known data, deeper than others go."""
        self.stack: list[cst.CSTNode] = []
        self.patience: dict[cst.CSTNode, int] = {}
        """What is left of the steps that functions may take where it is not known to be called."""
        self.events: list[Event] = []
        self.assumptions: dict[str, None] = {}
        self.conditions: list[str] = []
        """Conditions that are not known and hold where the evaluation stands."""
        self.facts: list[Condition] = []
        """Conditions that hold here and that alternatives are narrowed by."""
        self.loops: list[LoopState] = []
        self.doubts = 0
        """How many forks are open because of what is not known."""
        self.guards: list[Guard] = []
        """The open ``try`` blocks that have handlers."""
        self.contexts: list[Instance] = []
        """Library objects whose ``with`` block is open, innermost last."""
        self.flags: dict[str, bool] = {}
        """Boolean switches the script declares, with the value they have in this evaluation."""
        self.switches: dict[str, Trace] = {}
        """The stations at which switches got their values."""
        self.consulted: set[str] = set()
        """Switches that a branch was decided on."""
        self.observers: list[Callable[[Event], None]] = []
        self.moduli: list[Value] = []
        """Divisors of the open ``if step % n`` conditions, innermost last."""
        self.called: set[int] = set()
        """Functions of the program that were run, by the identity of their node."""
        self.environment = Environment(self.journal, request.environment, self.assumptions)
        self.programs: list[Command] = []
        """Programs that the script starts."""
        self.moved_to: str | None = None
        """The folder that the script has changed to: programs that it starts run there."""
        self.loaded: dict[str, ModuleValue] = {}
        """Modules of the project that were imported, by path."""
        self.searched: list[str] = []
        """Folders that the script has added to ``sys.path``."""
        self.world: Value | None = None
        """The number of processes that run the script; None where nothing says it."""

    def step(self) -> None:
        """Burn fuel for one statement or call. Raises Exhausted when none is left."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Exhausted(f"evaluation stopped after {MAX_STEPS} steps")

    def assume(self, premise: str) -> None:
        """Record a premise of this reading."""
        self.assumptions[premise] = None

    def assume_argv(self) -> None:
        """The argv of this reading is a premise of it."""
        self.assume("argv is empty" if not self.argv else f"argv is {list(self.argv)}")

    def set_argv(self, words: tuple[Word, ...]) -> None:
        """The script sets ``sys.argv`` itself. What it sets in some cases only is left out."""
        if self.doubts == 0:
            self.argv = words

    def emit(
        self,
        kind: str,
        target: Instance | None,
        node: cst.CSTNode,
        frame: Frame,
        payload: Any = None,
    ) -> None:
        """Record that something happened, and let the observers see the memory as it is now."""
        condition = " and ".join(self.conditions) or None
        event = Event(kind, target, node, frame, condition, payload)
        self.events.append(event)
        for observer in self.observers:
            observer(event)

    def fork(self, run: Callable[[], Any], condition: str) -> tuple[Any, Outcome]:
        """Run one branch under its condition and undo it; its result and what it left behind.

        A branch that raises leaves nothing behind.
        """
        self.journal.begin()
        self.doubts += 1
        self.conditions.append(condition)
        known = len(self.facts)
        if isinstance(condition, Condition):
            self.facts.append(condition)
        try:
            result = run()
        except BaseException:
            self.journal.take_back()
            raise
        finally:
            del self.facts[known:]
            self.conditions.pop()
            self.doubts -= 1
        return result, self.journal.take_back()


class LoopState:
    """A loop that is being evaluated: what it iterates over, None for ``while``.

    It is ``bounded`` when it is run over elements that are all known; else its body is run once
    for all of its iterations.
    """

    __slots__ = ("bounded", "frame", "iterable", "left", "node")

    def __init__(
        self, node: cst.CSTNode, iterable: Value | None, frame: Frame, bounded: bool = False
    ) -> None:
        self.node = node
        self.iterable = iterable
        self.frame = frame
        self.bounded = bounded
        self.left = False
        """True when a ``break`` was met in a loop that is not bounded."""


def trace(
    frame: Frame,
    node: cst.CSTNode,
    step: Step,
    via: str | None = None,
    *parents: Trace | None,
) -> Trace:
    """A station at a node of the file that the frame belongs to."""
    if None in parents:
        parents = tuple(parent for parent in parents if parent is not None)
    return Trace(step, frame.file, node, via, parents)  # type: ignore[arg-type]


def unknown(
    frame: Frame, node: cst.CSTNode, reason: str, *parents: Value, tag: str | None = None
) -> Unknown:
    """An unknown value whose first cause is this node, or that of an unknown parent."""
    for parent in parents:
        if isinstance(parent, Unknown):
            return parent if tag is None else Unknown(parent.reason, parent.trace, tag)
    before = (parent.trace for parent in parents)
    return Unknown(reason, trace(frame, node, "unknown", reason, *before), tag)


def raise_error(machine: Machine, frame: Frame, kind: str, reason: str) -> None:
    """An error that ends the block where it is caught right here; elsewhere it is passed over.

    A name that nothing defines is most likely one that was cut out with the rest of the file.
    """
    guard = machine.guards[-1] if machine.guards else None
    if guard is None or guard.frame is not frame:
        return
    if kind == "NameError" and not guard.names:
        machine.assume(f"{reason} is defined, though nothing here defines it")
        return
    raise Raised(reason, kind)


def code(file: SourceFile, node: cst.CSTNode, limit: int = 80) -> str:
    """The source text of a node on one line, cut at ``limit`` characters."""
    text = file.code(node)
    return text if len(text) <= limit else text[: limit - 1] + "…"
