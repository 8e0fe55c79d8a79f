"""``try`` and ``with``: what raises is caught, what only probes for a package goes both ways."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.assignment import assign
from qlint.readers.python.blocks import run_block, statement
from qlint.readers.python.calls import call_function
from qlint.readers.python.evaluator import evaluate
from qlint.readers.python.frames import Frame
from qlint.readers.python.machine import Guard, Machine, Raised, code
from qlint.readers.python.values import Const, Function, Instance, Ref, Unknown, Value
from qlint.readers.python.ways import Continuation, Ended, Split, Way, settle

_LEAVES = re.compile(r"\bexit\(|^\s*raise\b", re.MULTILINE)


@statement(cst.Try, cst.TryStar)
def run_try(machine: Machine, node: Any, frame: Frame) -> Ended:
    """``try ... except ... else ... finally``."""
    ways = Continuation(machine)
    caught = False
    try:
        if node.handlers and _only_probes_imports(node):
            signal = _import_probe(machine, node, frame)
        else:
            signal, caught = _guarded(machine, node, frame)
        if node.orelse is not None and not caught and (signal is None or ways.goes_on(signal)):
            signal = run_block(machine, node.orelse.body, frame)
    except BaseException as problem:
        signal = ways.abandon(problem)
    signal = ways.finish(signal)
    return signal if node.finalbody is None else _finally(machine, node, signal, frame)


def _finally(machine: Machine, node: Any, signal: Ended, frame: Frame) -> Ended:
    """The last block runs whichever way is taken."""
    if not isinstance(signal, Split):
        last = run_block(machine, node.finalbody.body, frame)
        return last or signal
    ways: list[Way] = []
    for way in signal.ways:
        machine.journal.begin()
        try:
            machine.journal.apply(way.outcome)
            last = run_block(machine, node.finalbody.body, frame)
        except BaseException:
            machine.journal.take_back()
            raise
        outcome = machine.journal.take_back()
        if isinstance(last, Split):
            last = None
        ways.append(Way(way.condition, last or way.signal, outcome))
    return settle(machine, ways, signal.station)


def _guarded(machine: Machine, node: Any, frame: Frame) -> tuple[Ended, bool]:
    """How the block ended, and whether that was in a handler."""
    before = machine.guards
    if node.handlers:
        expects_names = any(_expects_names(handler, frame) for handler in node.handlers)
        machine.guards = [*before, Guard(frame, expects_names)]
    try:
        return run_block(machine, node.body, frame), False
    except Raised as raised:
        machine.guards = before
        for handler in node.handlers:
            if _passes_on(handler, raised, frame):
                continue
            if handler.name is not None:
                assign(machine, handler.name.name, Unknown("an exception"), frame)
            return run_block(machine, handler.body, frame), True
        if node.finalbody is not None:
            run_block(machine, node.finalbody.body, frame)
        raise
    finally:
        machine.guards = before


def _expects_names(handler: cst.ExceptHandler, frame: Frame) -> bool:
    """Whether a handler may be there for a name that is not defined: it goes on afterwards."""
    if handler.type is None or "NameError" in code(frame.file, handler.type):
        return True
    return _LEAVES.search(frame.file.code(handler)) is None


def _passes_on(handler: cst.ExceptHandler, raised: Raised, frame: Frame) -> bool:
    """True where a handler is known to be for other errors."""
    if raised.kind is None or handler.type is None:
        return False
    kind = handler.type
    names: list[cst.BaseExpression]
    names = [part.value for part in kind.elements] if isinstance(kind, cst.Tuple) else [kind]
    shown = {code(frame.file, name).rsplit(".", 1)[-1] for name in names}
    wide = {"Exception", "BaseException", raised.kind, *_PARENTS.get(raised.kind, ())}
    if raised.kind in _EXITS:
        wide.discard("Exception")
    known = wide | set(_PARENTS) | {"ImportError", "RuntimeError", "OSError"} | _EXITS
    return not shown & wide and shown <= known


_EXITS = {"SystemExit", "KeyboardInterrupt"}
_PARENTS: dict[str, tuple[str, ...]] = {
    "KeyError": ("LookupError",),
    "IndexError": ("LookupError",),
    "ZeroDivisionError": ("ArithmeticError",),
    "ValueError": (),
    "TypeError": (),
    "AttributeError": (),
    "NameError": (),
    "SystemExit": (),
}


def _only_probes_imports(node: Any) -> bool:
    """``try: import x; flag = True`` / ``except ImportError: flag = False``."""
    body = node.body.body
    if not any(
        isinstance(small, cst.Import | cst.ImportFrom)
        for line in body
        if isinstance(line, cst.SimpleStatementLine)
        for small in line.body
    ):
        return False
    kind = node.handlers[0].type
    names = {"ImportError", "ModuleNotFoundError", "Exception"}
    if kind is None:
        return len(body) <= 4
    elements = kind.elements if isinstance(kind, cst.Tuple) else [kind]
    return len(body) <= 4 and any(
        getattr(getattr(e, "value", e), "value", None) in names for e in elements
    )


def _import_probe(machine: Machine, node: Any, frame: Frame) -> Ended:
    """Whether an optional package is there is not known; names it imports are used as if it is."""
    before = set(frame.slots.data)

    def succeeded() -> Ended:
        return run_block(machine, node.body, frame)

    def failed() -> Ended:
        return run_block(machine, node.handlers[0].body, frame)

    package = code(frame.file, node.body.body[0], 60)
    _, good = machine.fork(succeeded, f"'{package}' succeeds")
    try:
        _, bad = machine.fork(failed, f"'{package}' fails")
    except Raised:
        machine.journal.apply(good)
        return None
    machine.journal.join([(f"'{package}' succeeds", good), (f"'{package}' fails", bad)])
    for (slots, key), value in good.items():
        # A stand-in that is defined where the import fails is not what the run uses.
        stand_in = slots is frame.slots and key not in before
        if stand_in and value is not None and not isinstance(value, Const):
            machine.journal.write(slots, key, value)
    return None


@statement(cst.With)
def run_with(machine: Machine, node: cst.With, frame: Frame) -> Ended:
    """``with manager as name``."""
    entered: list[Instance] = []
    for item in node.items:
        value = evaluate(machine, item.item, frame)
        if item.asname is not None:
            assign(machine, item.asname.name, _entered(machine, value, item.item, frame), frame)
        if isinstance(value, Ref) and isinstance(value.target, Instance):
            machine.emit("with", value.target, item.item, frame)
            entered.append(value.target)
    outside, machine.contexts = machine.contexts, [*machine.contexts, *entered]
    try:
        return run_block(machine, node.body, frame)
    finally:
        machine.contexts = outside


def _entered(machine: Machine, value: Value, node: cst.CSTNode, frame: Frame) -> Value:
    """What a context manager hands out: itself, or what its class says."""
    if isinstance(value, Ref) and isinstance(value.target, Instance) and value.target.cls:
        enter = value.target.cls.find("__enter__")
        if isinstance(enter, Function):
            return call_function(machine, enter, Arguments(), value, node, frame)
    return value
