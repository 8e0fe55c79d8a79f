"""Collecting runs while the script is evaluated, each from the memory as it is when it trains."""

from __future__ import annotations

from importlib import import_module

from qlint.readers.python.machine import Event, Machine
from qlint.readers.python.values import Instance
from qlint.recipe import FIELD_NAMES, Field, Source

_BUILDERS = {
    "train": ("trainer_run", "trainer_fields"),
    "fit": ("lightning_run", "lightning_fields"),
    "step": ("loop_run", "loop_fields"),
}
"""For each kind of event that is a run: the module that reads it, imported when it happens."""


def _names(machine: Machine, event: Event) -> dict[str, Field]:
    found: dict[str, Field] = import_module("qlint.readers.python.recipes.companions").names_of(
        machine, event
    )
    return found


def _facts(machine: Machine, event: Event) -> dict[str, Field]:
    module = import_module("qlint.readers.python.recipes.facts")
    found: dict[str, Field] = module.facts_of(machine, event)
    return found


def _fields(machine: Machine, event: Event) -> dict[str, Field] | None:
    module, function = _BUILDERS[event.kind]
    build = getattr(import_module(f"qlint.readers.python.recipes.{module}"), function)
    fields: dict[str, Field] | None = build(machine, event)
    return fields


class Run:
    """One run: its fields in the order of the contract, and where it trains."""

    __slots__ = ("facts", "fields", "flags", "names", "source", "target")

    def __init__(
        self,
        target: Instance,
        fields: dict[str, Field],
        facts: dict[str, Field],
        names: dict[str, Field],
        source: Source,
        flags: set[str],
    ) -> None:
        self.target = target
        self.flags = flags
        """Switches that the fields depend on."""
        self.fields = {name: fields[name] for name in FIELD_NAMES if name in fields}
        self.facts = facts
        self.names = names
        """Configurations that it names, by format."""
        self.source = source


class Collector:
    """Observes a machine and keeps its runs."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.runs: list[Run] = []
        machine.observers.append(self)

    def __call__(self, event: Event) -> None:
        """Note the run that an event is, if it is one."""
        if event.kind not in _BUILDERS or event.target is None:
            return
        fields = _fields(self.machine, event)
        if fields is None:
            return
        line, column, _, _ = event.frame.file.span(event.node)
        run = Run(
            event.target,
            fields,
            _facts(self.machine, event),
            _names(self.machine, event),
            Source(event.frame.file.path, line, column),
            _flags(self.machine, fields),
        )
        if not any(self._same(earlier, run) for earlier in self.runs):
            self.runs.append(run)

    @staticmethod
    def _same(earlier: Run, later: Run) -> bool:
        """The same trainer told to train again (resuming, or in another branch) is one run."""
        if earlier.target is later.target:
            return True
        return earlier.source == later.source and _values(earlier) == _values(later)


def _flags(machine: Machine, fields: dict[str, Field]) -> set[str]:
    """The switches at which the value of a field started."""
    sites = {}
    for flag, station in machine.switches.items():
        origin = station.origin()
        sites[origin.path, origin.line, origin.column] = flag
    return {
        sites[origin.path, origin.line, origin.column]
        for field in fields.values()
        for origin in field.origin
        if (origin.path, origin.line, origin.column) in sites and origin.path is not None
    }


def _values(run: Run) -> dict[str, object]:
    return {name: (field.state, repr(field.value)) for name, field in run.fields.items()}
