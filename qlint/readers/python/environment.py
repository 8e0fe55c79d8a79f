"""The environment variables of the evaluated program: those it is given, and those it sets."""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Mapping as AbstractMapping

from qlint.readers.commands import Argument
from qlint.readers.python.journal import Journal
from qlint.readers.python.values import (
    Const,
    Library,
    Mapping,
    Missing,
    Ref,
    Unknown,
    Value,
    alternatives,
)
from qlint.readers.python.words import station_of

PREMISE = "no environment variables are set"
FURTHER_PREMISE = "no other environment variables are set"


class Environment:
    """Variables by name. What a branch sets that may not be taken is joined like any dict."""

    __slots__ = ("_journal", "_premises", "given", "holder")

    def __init__(
        self, journal: Journal, given: AbstractMapping[str, Argument], premises: dict[str, None]
    ) -> None:
        self._journal = journal
        self._premises = premises
        self.holder = Mapping()
        """The variables as a dict of the program."""
        self.given = {name: _value(argument) for name, argument in given.items()}
        """Those that the script is started with."""
        self.holder.slots.data.update(self.given)

    def __setitem__(self, name: str, value: Value) -> None:
        """The program sets a variable."""
        self._journal.write(self.holder.slots, name, value)

    def __contains__(self, name: str) -> bool:
        """Whether a variable is, or may be, set."""
        return name in self.holder.slots.data

    def remove(self, name: str) -> None:
        """The program takes a variable away."""
        self._journal.delete(self.holder.slots, name)

    def get(self, name: str) -> Value | None:
        """The value of a variable, None where it is not set: a premise of the reading."""
        found = self.holder.slots.data.get(name)
        if found is None or any(isinstance(one.value, Missing) for one in alternatives(found)):
            self._premises[FURTHER_PREMISE if self.given else PREMISE] = None
        return found

    def seen(self, value: Value, key: Hashable) -> Value:
        """``os.environ`` as a dict, where it is asked whether it holds a key; else the value."""
        if isinstance(value, Library) and value.name == "os.environ":
            self.get(str(key))
        return self.as_dict(value)

    def as_dict(self, value: Value) -> Value:
        """``os.environ`` as a dict of the variables that are known; any other value itself."""
        if isinstance(value, Library) and value.name == "os.environ":
            return Ref(self.holder, value.trace)
        return value


def _value(argument: Argument) -> Value:
    station = station_of(argument)
    if argument.unknown is not None:
        return Unknown(argument.unknown, station)
    return Const(argument.text, station)
