"""What is odd about a script that a rule may report."""

from __future__ import annotations

from qlint.readers.python.libraries.trainers import class_name
from qlint.readers.python.machine import Machine, trace
from qlint.recipe import Note


def noted(machine: Machine) -> tuple[Note, ...]:
    """A PeftModel that a trainer of TRL is given together with a further adapter."""
    notes: dict[Note, None] = {}
    for event in machine.events:
        if event.kind == "adapted twice" and event.target is not None:
            where = trace(event.frame, event.node, "literal").origin()
            message = f"{class_name(event.target)} is given a PeftModel and peft_config"
            notes[Note("adapter-twice", "peft_config", message, where, framework="trl")] = None
    return tuple(notes)
