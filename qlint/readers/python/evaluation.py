"""One evaluation of a script, and the repeats that find what its switches would change."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qlint.readers.commands import Command
from qlint.readers.python import looping, matching, statements, trying  # noqa: F401
from qlint.readers.python.arguments import Arguments
from qlint.readers.python.blocks import run_statements
from qlint.readers.python.calls import call_value
from qlint.readers.python.flags import SUBCOMMAND
from qlint.readers.python.frames import Frame
from qlint.readers.python.libraries.optional import is_loaded
from qlint.readers.python.machine import Event, Exhausted, Machine, Raised
from qlint.readers.python.project import Project
from qlint.readers.python.recipes.collector import Collector, Run
from qlint.readers.python.recipes.dead import dead_configurations
from qlint.readers.python.recipes.noted import noted
from qlint.readers.python.source import SourceFile
from qlint.readers.python.values import Bound, Const, Function, UserClass, Value
from qlint.readers.python.world import launched_world
from qlint.readers.request import Request
from qlint.recipe import DeadConfiguration, Note

_TRAINING = (".train(", ".fit(", ".backward(", "optimizer.step(", "Trainer(")


class Outcome:
    """What one evaluation found."""

    __slots__ = (
        "_collector", "_decided", "_ended_early", "_file", "_frame", "_machine", "assumptions",
        "exhausted",
    )  # fmt: skip

    def __init__(
        self,
        machine: Machine,
        collector: Collector,
        file: SourceFile,
        frame: Frame,
        decided: bool,
    ) -> None:
        self._machine = machine
        self._collector = collector
        self._file = file
        self._frame = frame
        self._decided = decided
        self._ended_early = False
        self.exhausted: str | None = None
        """Why it did not come to its end, None where it did."""
        self.assumptions: tuple[str, ...] = ()

    @property
    def runs(self) -> list[Run]:
        """The runs, in the order in which they train."""
        return self._collector.runs

    @property
    def flags(self) -> Mapping[str, bool]:
        """The switches that the script declares, with their values."""
        return self._machine.flags

    @property
    def consulted(self) -> set[str]:
        """The switches that a branch was decided on."""
        return self._machine.consulted

    @property
    def steps(self) -> int:
        """What it cost."""
        return self._machine.steps

    @property
    def dead(self) -> tuple[DeadConfiguration, ...]:
        """Configurations that reach no run."""
        return dead_configurations(self._machine)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is odd."""
        return noted(self._machine)

    @property
    def commands(self) -> list[Event]:
        """Lines that a notebook hands to the shell."""
        return [event for event in self._machine.events if event.kind == "command"]

    @property
    def programs(self) -> tuple[Command, ...]:
        """Programs that the script starts itself."""
        return tuple(self._machine.programs)

    def start(self) -> None:
        """Run the script."""

        def run() -> None:
            self._ended_early = _run(self._machine, self._file, self._frame)

        self._run(run)

    def enter_uncalled(self) -> None:
        """Where nothing trains so far, go on with functions that nobody in the file calls."""
        if self.runs or self.exhausted is not None:
            return
        machine, collector = self._machine, self._collector
        decided = self._decided and not self._ended_early
        self._run(lambda: _run_uncalled(machine, self._file, self._frame, collector, decided))
        if not self.runs:
            self.exhausted = None  # The script itself was followed to its end, and trains nothing.

    def _run(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exhausted as stopped:
            self.exhausted = str(stopped)
        except RecursionError:
            self.exhausted = "evaluation stopped: the code is nested too deeply to follow"
        self.assumptions = tuple(self._machine.assumptions)


def evaluate_script(
    file: SourceFile,
    project: Project,
    request: Request,
    versions: Mapping[str, str],
    flips: Mapping[str, bool] | None = None,
) -> Outcome:
    """Run a script's configuration code abstractly, as it starts by itself."""
    machine = Machine(project, request, versions, flips)
    machine.world = launched_world(machine.environment)
    frame = Frame(file)
    frame.slots.data["__name__"] = Const("__main__")
    frame.slots.data["__file__"] = Const(project.script)
    outcome = Outcome(machine, Collector(machine), file, frame, request.decided)
    outcome.start()
    return outcome


def evaluate_module(
    file: SourceFile, project: Project, request: Request, versions: Mapping[str, str]
) -> dict[str, Value]:
    """What the names of a module hold after its statements, as far as they could be followed."""
    machine = Machine(project, request, versions)
    frame = Frame(file)
    frame.slots.data["__file__"] = Const(project.script)
    try:
        _run(machine, file, frame)
    except (Exhausted, RecursionError):
        # What it holds by then is no longer all that it will hold.
        return {}
    return {str(name): value for name, value in frame.slots.data.items()}


def _run(machine: Machine, file: SourceFile, frame: Frame) -> bool:
    """Run a file; whether a part of it ended early."""
    parts = file.parts()
    what = "script" if len(parts) == 1 else "cell"
    ended = [_ends_early(machine, part, frame, what) for part in parts]
    return any(ended)


def _ends_early(machine: Machine, part: Sequence[Any], frame: Frame, what: str) -> bool:
    try:
        run_statements(machine, part, frame)
    except Raised as raised:
        machine.assume(f"the {what} ends before '{raised.reason}'")
        return True
    return False


def _was_left_out(machine: Machine, function: Function, frame: Frame) -> bool:
    """Whether a function that ran holds a call of this one, on a way that was not taken."""
    call = re.compile(rf"(?<![\w.]){re.escape(function.name)}[ \t]*\(")
    return any(
        isinstance(other, Function)
        and other is not function
        and id(other.node) in machine.called
        and call.search(function.closure.file.module.code_for_node(other.node)) is not None
        for other in frame.slots.data.values()
    )


def _run_uncalled(
    machine: Machine, file: SourceFile, frame: Frame, collector: Collector, decided: bool
) -> None:
    """Functions that nobody in the file calls and that train are entry points for others.

    ``decided`` where a command starts the script, which was followed to its end.
    """
    commands = _commands(file, frame)
    _run_commands(machine, commands, frame)
    if collector.runs or (machine.argv and machine.argv[0] in commands):
        return
    for value in list(frame.slots.data.values()):
        if isinstance(value, Function) and value.closure.file is file:
            if decided and _was_left_out(machine, value, frame):
                continue
            _try_uncalled(machine, value, frame)
        elif isinstance(value, UserClass) and value.frame.file is file and not collector.runs:
            _try_class(machine, value, frame)


def _commands(file: SourceFile, frame: Frame) -> dict[str, Function]:
    """Functions that a decorator turns into commands of the command line, by name."""
    if not is_loaded("entry_points"):
        return {}
    from qlint.readers.python.libraries.entry_points import command_name, is_command

    defined = [value for value in frame.slots.data.values() if isinstance(value, Function)]
    return {
        command_name(function): function
        for function in defined
        if is_command(function) and function.closure.file is file
    }


def _run_commands(machine: Machine, commands: Mapping[str, Function], frame: Frame) -> None:
    """Commands of an application: the one that argv names, else each as if it were named."""
    argv = machine.argv
    for name, command in commands.items():
        if id(command.node) in machine.called:
            continue
        premise = None if len(commands) == 1 else f"{SUBCOMMAND}{name} is given"
        if argv and argv[0] in commands:
            if argv[0] != name:
                continue
            machine.argv, premise = argv[1:], None
        _try_entry(machine, command, frame, premise)
        machine.argv = argv


def _trains(function: Function) -> bool:
    text = function.closure.file.module.code_for_node(function.node)
    return any(sign in text for sign in _TRAINING)


def _try_uncalled(machine: Machine, function: Function, frame: Frame) -> None:
    if id(function.node) not in machine.called and _trains(function):
        _try_entry(machine, function, frame, f"{function.name}() is called from outside this file")


def _try_entry(machine: Machine, function: Function, frame: Frame, premise: str | None) -> None:
    before = len(machine.events)
    try:
        call_value(machine, function, Arguments(), function.node, frame)
    except Raised as raised:
        machine.assume(f"the check before '{raised.reason}' passes")
    if len(machine.events) > before and premise is not None:
        machine.assume(premise)


def _try_class(machine: Machine, cls: UserClass, frame: Frame) -> None:
    methods = [
        value
        for value in cls.slots.data.values()
        if isinstance(value, Function) and value.name != "__init__" and _trains(value)
    ]
    if not methods or cls.library_base() is not None:
        return
    try:
        made = call_value(machine, cls, Arguments(), cls.node, frame)
        for method in methods:
            if id(method.node) not in machine.called:
                machine.assume(f"{cls.name}.{method.name}() is called from outside this file")
                call_value(machine, Bound(made, method), Arguments(), method.node, frame)
    except Raised as raised:
        machine.assume(f"the check before '{raised.reason}' passes")
