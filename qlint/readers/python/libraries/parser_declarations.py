"""What a parser of argv was told: options, defaults, subcommands, dataclasses, and files."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.classes import instantiate
from qlint.readers.python.libraries.field_options import add_short_flags, record_options
from qlint.readers.python.libraries.options import Option, Refused
from qlint.readers.python.libraries.record_commands import filled_record
from qlint.readers.python.libraries.registry import Call
from qlint.readers.python.machine import Machine, unknown
from qlint.readers.python.values import Const, Instance, Library, Ref, Unknown, UserClass, Value

_OF_RECORD = " field "
"""Between the destination of a dataclass and that of its field: no argparse name holds a blank."""


class Declared:
    """What a parser was told: its options, later defaults and subcommands."""

    __slots__ = (
        "defaults",
        "dest",
        "files",
        "options",
        "record_options",
        "records",
        "rest",
        "settings",
        "subparsers",
    )

    def __init__(self) -> None:
        self.options: list[Option] = []
        self.defaults: dict[str, Value] = {}
        self.subparsers: dict[str, Declared] = {}
        self.dest: str | None = None
        """Where the name of the chosen subcommand goes."""
        self.records: dict[str, Value] = {}
        """Dataclasses whose fields are options too, by destination."""
        self.record_options: dict[str, list[Option]] = {}
        """The options of their fields; a destination starts with that of the dataclass."""
        self.files: dict[str | None, str] = {}
        """Options that name a file with further values, None for one that is always read."""
        self.rest: Unknown | None = None
        """Why further defaults may have been set that are not known."""
        self.settings: dict[str, Any] = {}

    def inherit(self, other: Declared) -> None:
        """Take over the options and defaults of a parent parser."""
        self.options.extend(other.options)
        self.defaults.update(other.defaults)
        self.records.update(other.records)
        self.record_options.update(other.record_options)
        self.rest = self.rest or other.rest


def declared_by(value: Value) -> Declared | None:
    """What the parser that a value is was told; None where it is none."""
    if isinstance(value, Ref) and isinstance(value.target, Instance):
        native = value.target.native
        return native if isinstance(native, Declared) else None
    return None


def declared_of(parser: Instance) -> Declared:
    """What a parser was told; a subclass of the program starts with nothing."""
    if not isinstance(parser.native, Declared):
        parser.native = Declared()
    return parser.native


def all_options(declared: Declared) -> list[Option]:
    """Its options, and those that the fields of its dataclasses are."""
    nested = [one for options in declared.record_options.values() for one in options]
    return [*declared.options, *nested]


def flat_options(machine: Machine, kind: UserClass, dest: str, taken: set[str]) -> list[Option]:
    """The options of a dataclass, named after it."""
    options = record_options(machine, kind)
    add_short_flags(options, taken)
    for option in options:
        option.flags = option.flags or (f"--{dest}.{option.dest}",)
        option.dest = f"{dest}{_OF_RECORD}{option.dest}"
        option.reader = "simple_parsing"
    return options


def record_of(
    machine: Machine,
    kind: Value,
    dest: str,
    options: list[Option],
    given: dict[str, Any],
    call: Call,
) -> Value:
    """A dataclass that was added, with what argv gives to its fields."""
    if not isinstance(kind, UserClass):
        return unknown(call.frame, call.node, "a dataclass that is not known", kind)
    start = len(dest) + len(_OF_RECORD)
    own = [copy(option) for option in options]
    for option in own:
        option.dest = option.dest[start:]
    raw = {option.dest[start:]: given[option.dest] for option in options if option.dest in given}
    try:
        return filled_record(machine, kind, own, raw, call)
    except Refused as problem:
        machine.assume(f"argv is refused by the script's parser: {problem}")
        return instantiate(machine, kind, Arguments(), call.node, call.frame)


def names_file(call: Call) -> bool:
    """Whether an option of configargparse or jsonargparse names a file with further values."""
    action = call.arguments.keywords.get("action")
    if isinstance(action, Library) and action.name.endswith("ActionConfigFile"):
        return True
    sign = call.arguments.keywords.get("is_config_file")
    return isinstance(sign, Const) and sign.value is True


def left_to_file(
    declared: Declared, values: dict[str, Value], given: Mapping[str, Any], call: Call
) -> dict[str, Value]:
    """What a file may set that the parser reads by itself: all that argv does not give."""
    for dest, reader in declared.files.items():
        named = values.get(dest) if dest is not None else None
        if dest is None or dest in given or not (isinstance(named, Const) and not named.value):
            reason = f"a configuration file that {reader} reads may set it"
            open_names = [one.dest for one in declared.options if one.dest not in given]
            lost = unknown(call.frame, call.node, reason)
            return {name: lost for name in open_names if name != dest}
    return {}
