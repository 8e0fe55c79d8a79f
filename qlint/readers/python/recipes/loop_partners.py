"""The objects that drive a hand-written loop beside its optimizer."""

from __future__ import annotations

from qlint.readers.python.machine import Machine
from qlint.readers.python.values import Instance, Ref


def partner(machine: Machine, optimizer: Instance, role: str) -> Instance | None:
    """The Accelerator or Fabric that drives the loop: the optimizer's own, else the last made."""
    own = optimizer.slots.get(role)
    if isinstance(own, Ref) and isinstance(own.target, Instance):
        return own.target
    made = [event.target for event in machine.events if event.kind == role]
    return made[-1] if made else None
