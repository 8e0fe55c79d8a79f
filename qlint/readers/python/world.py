"""How many processes run the script, and which of them is read.

A launcher says so in the environment (``WORLD_SIZE``, ``RANK``), or the script itself by starting a
function in several processes. Where nothing does, it is one: a premise of the reading.
"""

from __future__ import annotations

import libcst as cst

from qlint.readers.python.environment import Environment
from qlint.readers.python.frames import Frame
from qlint.readers.python.machine import Machine, trace
from qlint.readers.python.values import Const, Unknown, Value, known_text

ONE_PROCESS = "one process"
FIRST_PROCESS = "it is the process of rank 0 that is read"


def launched_world(environment: Environment) -> Value | None:
    """The number of processes that a launcher gives; None where it gives none."""
    return _number(environment, "WORLD_SIZE")


def _number(environment: Environment, name: str) -> Value | None:
    value = environment.given.get(name)
    text = known_text(value)
    if value is None or text is None:
        return value
    try:
        return Const(int(text), value.trace)
    except ValueError:
        return Unknown(f"{name} is {text!r}, which is no number", value.trace)


def world_size(machine: Machine, node: cst.CSTNode, frame: Frame) -> Value:
    """The number of processes as the program asks for it."""
    if machine.world is None:
        machine.assume(ONE_PROCESS)
        return Const(1, trace(frame, node, "compute"))
    station = trace(frame, node, "pass", "the number of processes", machine.world.trace)
    return machine.world.traced(station)


def rank(machine: Machine, node: cst.CSTNode, frame: Frame, local: bool = False) -> Value:
    """The number of the process that is read, as the program asks for it."""
    made = trace(frame, node, "compute")
    if machine.world is None:
        machine.assume(ONE_PROCESS)
        return Const(0, made)
    given = _number(machine.environment, "LOCAL_RANK" if local else "RANK")
    if given is not None:
        return given
    if not is_alone(machine):
        machine.assume(FIRST_PROCESS)
    return Const(0, made)


def is_alone(machine: Machine) -> bool:
    """Whether one process runs the script, as far as is known."""
    world = machine.world
    return world is None or (isinstance(world, Const) and world.value == 1)
