"""Forking and joining the evaluated program's memory.

All writes go through the journal. While a fork is open it keeps what each written slot held
before, so that the fork can be rolled back, the other branch run on the same memory, and the two
outcomes joined slot by slot. Nothing is ever copied.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from qlint.readers.python.source import Trace
from qlint.readers.python.values import Missing, Option, Slots, Value, one_of

Key: TypeAlias = tuple[Slots, Hashable]
Outcome: TypeAlias = dict[Key, Value | None]
"""What a fork left behind: for each slot it wrote the final value, None where it was deleted."""


class Journal:
    """The log of writes of the open forks, innermost last."""

    __slots__ = ("_logs",)

    def __init__(self) -> None:
        self._logs: list[Outcome] = []

    def write(self, slots: Slots, key: Hashable, value: Value) -> None:
        """Set one slot."""
        self._remember(slots, key)
        slots.data[key] = value

    def delete(self, slots: Slots, key: Hashable) -> None:
        """Remove one slot, if it is there."""
        if key in slots.data:
            self._remember(slots, key)
            del slots.data[key]

    def _remember(self, slots: Slots, key: Hashable) -> None:
        if self._logs:
            log = self._logs[-1]
            if (slots, key) not in log:
                log[slots, key] = slots.data.get(key)

    def begin(self) -> None:
        """Open a fork."""
        self._logs.append({})

    def take_back(self) -> Outcome:
        """Close the innermost fork: undo its writes and return what it left behind."""
        log = self._logs.pop()
        outcome: Outcome = {}
        for (slots, key), before in log.items():
            outcome[slots, key] = slots.data.get(key)
            if before is None:
                slots.data.pop(key, None)
            else:
                slots.data[key] = before
        return outcome

    def keep(self) -> None:
        """Close the innermost fork with what it wrote: it was the only way."""
        log = self._logs.pop()
        if self._logs:
            outer = self._logs[-1]
            for place, before in log.items():
                outer.setdefault(place, before)

    def apply(self, outcome: Outcome) -> None:
        """Make an outcome the present state."""
        for (slots, key), value in outcome.items():
            if value is None:
                self.delete(slots, key)
            else:
                self.write(slots, key, value)

    def join(
        self, outcomes: Sequence[tuple[str | None, Outcome]], station: Trace | None = None
    ) -> None:
        """Join the outcomes of alternative branches, each with its condition, slot by slot.

        ``station`` is where it is decided which of them is taken.
        """
        keys: dict[Key, None] = {}
        for _, outcome in outcomes:
            keys.update(dict.fromkeys(outcome))
        for slots, key in keys:
            options: list[Option] = []
            present = False
            for condition, outcome in outcomes:
                value = outcome[slots, key] if (slots, key) in outcome else slots.data.get(key)
                if value is None and slots.fallback is not None:
                    value = slots.fallback(key)
                # A name that one branch leaves undefined can only be used where the other ran.
                if value is None and slots.sparse:
                    value = Missing(f"{key} is set in some cases only", station)
                if value is not None:
                    options.append(Option(value, condition))
                    present = present or not isinstance(value, Missing)
            if present:
                self.write(slots, key, one_of(options, station))
            else:
                self.delete(slots, key)

    @contextmanager
    def detached(self) -> Iterator[None]:
        """Write for good, whatever forks are open: what a module defines is defined once."""
        logs, self._logs = self._logs, []
        try:
            yield
        finally:
            self._logs = logs
