"""HfArgumentParser and TrlParser: dataclasses filled from argv or a file."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.classes import field_default, instantiate, record_fields
from qlint.readers.python.flags import FlagTrace
from qlint.readers.python.iteration import elements
from qlint.readers.python.libraries.field_options import options_of
from qlint.readers.python.libraries.files import load_path
from qlint.readers.python.libraries.mirror import given_by, mirror
from qlint.readers.python.libraries.objects import construct, construct_as
from qlint.readers.python.libraries.options import (
    Option,
    Refused,
    from_argv,
    with_switch,
)
from qlint.readers.python.libraries.registry import Call, function, method
from qlint.readers.python.libraries.text_types import convert
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.source import Trace
from qlint.readers.python.values import (
    Const,
    Instance,
    Library,
    Mapping,
    Ref,
    Sequence,
    Unknown,
    UserClass,
    Value,
    known_text,
)
from qlint.readers.python.words import given_value, read_by, said, word_of

_MAX_ARGUMENTS_FILE = 100_000
_CONFIGURATION = re.compile(r"\.(ya?ml|json)$")


@function(
    "transformers.HfArgumentParser",
    "trl.TrlParser",
    "trl.H4ArgumentParser",
    "alignment.H4ArgumentParser",
)
def dataclass_parser(machine: Machine, call: Call) -> Value:
    """``HfArgumentParser((ModelArguments, TrainingArguments))``."""
    made, parser = construct_as(machine, call, "dataclass_parser")
    given = call.arguments.get("dataclass_types", 0)
    if given is not None:
        machine.journal.write(parser.slots, "dataclass_types", given)
    return made


def _kinds(machine: Machine, parser: Instance) -> list[Value] | None:
    """The dataclasses of a parser; None where they are not known."""
    given = parser.slots.get("dataclass_types")
    if isinstance(given, UserClass | Library):
        return [given]
    return elements(machine, given) if given is not None else None


@method("dataclass_parser", "add_argument", "add_argument_group", "set_defaults")
def declare(machine: Machine, receiver: Ref, parser: Instance, call: Call) -> Value:
    """It is an ArgumentParser too: options beyond the dataclasses, defaults set later."""
    if call.name == "set_defaults":
        for name, value in call.bind().items():
            machine.journal.write(parser.meta, ("default", name), value)
    return receiver


@method(
    "dataclass_parser",
    "parse_args_into_dataclasses",
    "parse_args_and_config",
    "parse",
    "parse_args",
    "parse_known_args",
)
def parse_dataclasses(machine: Machine, receiver: Ref, parser: Instance, call: Call) -> Value:
    """One object a dataclass, filled from argv; from a file too where ``--config`` names one."""
    kinds = _kinds(machine, parser)
    if kinds is None:
        return unknown(call.frame, call.node, "a parser of dataclasses that are not known")
    options = [options_of(machine, kind) for kind in kinds]
    _placed(options, parser, call)
    argv = _argv(machine, call)
    argv, defaults, missing = _with_config(machine, call, parser, argv, _by_name(options))
    for key, value in parser.meta.data.items():
        if isinstance(key, tuple):
            defaults.setdefault(str(key[1]), value)
    given, rest = _given(machine, options, argv, call)
    objects = [
        _object(machine, kind, own, {**defaults, **given}, missing, call)
        for kind, own in zip(kinds, options, strict=True)
    ]
    if _returns_rest(call):
        objects.append(Ref(Sequence(tuple(given_value(part, said(part, part)) for part in rest))))
    elif rest:
        machine.assume(f"argv is refused by the script's parser: {rest} are not used")
    if call.name == "parse" and len(objects) == 1:
        return objects[0]
    return Ref(Sequence(tuple(objects), "tuple"), trace(call.frame, call.node, "literal"))


def _placed(options: list[list[Option]], parser: Instance, call: Call) -> None:
    """Say who reads the options, and where: at the field, else at this call."""
    reader = (parser.library or "HfArgumentParser").rsplit(".", 1)[-1]
    here = trace(call.frame, call.node, "pass")
    for option in (option for own in options for option in own):
        option.reader = reader
        option.place = option.place or here


def _returns_rest(call: Call) -> bool:
    remaining = call.arguments.get("return_remaining_strings", 1)
    return isinstance(remaining, Const) and remaining.value is True


def _by_name(options: list[list[Option]]) -> dict[str, Option]:
    return {option.dest: option for own in reversed(options) for option in reversed(own)}


def _argv(machine: Machine, call: Call) -> list[str]:
    given = call.arguments.get("args", 0 if call.name != "parse" else None)
    if given is not None and not (isinstance(given, Const) and given.value is None):
        values = elements(machine, given)
        words = [word_of(value) for value in values or []]
        return [word for word in words if word is not None]
    machine.assume_argv()
    return [*_arguments_file(machine, call), *machine.argv]


def _arguments_file(machine: Machine, call: Call) -> list[str]:
    """``train.args`` beside ``train.py`` holds further arguments."""
    if call.name != "parse_args_into_dataclasses":
        return []
    named = known_text(call.arguments.get("args_filename", 3))
    wanted = call.arguments.get("look_for_args_file", 2)
    if named is None and isinstance(wanted, Const) and not wanted.value:
        return []
    name = named or os.path.splitext(os.path.basename(machine.project.script))[0] + ".args"
    found = machine.project.resolve(name)
    data = machine.project.read_bytes(found, _MAX_ARGUMENTS_FILE) if found else None
    if data is None:
        return []
    machine.assume(f"arguments are read from {name}")
    return data.decode("utf-8", "replace").split()


def _with_config(
    machine: Machine, call: Call, parser: Instance, argv: list[str], options: dict[str, Option]
) -> tuple[list[str], dict[str, Value], Unknown | None]:
    """``--config file.yaml`` of TRL's parser, or a file first for alignment-handbook's."""
    path: str | None = None
    kind = (parser.library or "").rsplit(".", 1)[-1]
    if kind == "TrlParser" and call.name == "parse_args_and_config":
        for at, part in enumerate(argv):
            if part == "--config" and at + 1 < len(argv):
                path, argv = argv[at + 1], argv[:at] + argv[at + 2 :]
                break
            if part.startswith("--config="):
                path, argv = part.partition("=")[2], argv[:at] + argv[at + 1 :]
                break
    elif kind == "H4ArgumentParser" and argv and _CONFIGURATION.search(argv[0]):
        path, argv = argv[0], argv[1:]
    if path is None:
        return argv, {}, None
    here = trace(call.frame, call.node, "pass")
    station = read_by(path, "--config" if kind == "TrlParser" else "its file", kind, here)
    loaded = load_path(machine, given_value(path, station), call)
    if not (isinstance(loaded, Ref) and isinstance(loaded.target, Mapping)):
        missing = loaded if isinstance(loaded, Unknown) else None
        return argv, {}, missing or unknown(call.frame, call.node, f"{path} holds no table")
    given = {str(key): value for key, value in loaded.target.entries()}
    if kind == "TrlParser":
        _set_environment(machine, given.pop("env", None))
        given = {
            name: _as_default(machine, options.get(name), value, call)
            for name, value in given.items()
        }
    return argv, given, None


def _set_environment(machine: Machine, variables: Value | None) -> None:
    if isinstance(variables, Ref) and isinstance(variables.target, Mapping):
        for name, value in variables.target.entries():
            machine.environment[str(name)] = value


def _as_default(machine: Machine, option: Option | None, value: Value, call: Call) -> Value:
    """TRL's parser makes a file's values defaults: argparse converts those that are text."""
    if option is None or not isinstance(value, Const) or not isinstance(value.value, str):
        return value
    return convert(machine, option.type, value, call)


def _given(
    machine: Machine, options: list[list[Option]], argv: list[str], call: Call
) -> tuple[dict[str, Value], list[str]]:
    """What argv gives to any of the dataclasses, and what of it none of them takes."""
    every = [option for own in options for option in own]
    try:
        raw, rest = given_by(machine, mirror(every), argv)
        first = _by_name(options)
        for premise in (first[dest].premise for dest in raw):
            if premise is not None:
                machine.assume(premise)
        return {dest: from_argv(machine, first[dest], raw[dest], call) for dest in raw}, rest
    except Refused as problem:
        machine.assume(f"argv is refused by the script's parser: {problem}")
        return {}, []


def _object(
    machine: Machine,
    kind: Value,
    options: list[Option],
    given: dict[str, Value],
    missing: Unknown | None,
    call: Call,
) -> Value:
    """One dataclass filled with what is given over its defaults."""
    names = {option.dest for option in options}
    keywords = {name: value for name, value in given.items() if name in names}
    keywords.update(_switches(machine, kind, options, keywords, call))
    arguments = Arguments([], keywords)
    if isinstance(kind, UserClass):
        made = instantiate(machine, kind, arguments, call.node, call.frame)
    elif isinstance(kind, Library):
        made = construct(machine, Call(kind.name, arguments, call.node, call.frame))
    else:
        return unknown(call.frame, call.node, "a dataclass that is not known", kind)
    _require(made, kind)
    _watch_library_switches(machine, made)
    if missing is not None and isinstance(made, Ref) and isinstance(made.target, Instance):
        made.target.meta.data["rest"] = missing
        for name in names.difference(given):
            made.target.slots.data[name] = missing
    return made


def _require(made: Value, kind: Value) -> None:
    """Fields without a default are given on the command line: not known here."""
    if not isinstance(made, Ref) or not isinstance(kind, UserClass):
        return
    for name, value in made.target.slots.data.items():
        if isinstance(value, Unknown) and value.reason.startswith(f"field {name} of"):
            reason = f"--{name} is required on the command line"
            made.target.slots.data[name] = Unknown(reason, value.trace)


def _switches(
    machine: Machine, kind: Value, options: list[Option], given: dict[str, Value], call: Call
) -> dict[str, Value]:
    """Boolean fields of the program's own dataclass that are off are switches."""
    if not isinstance(kind, UserClass):
        return {}
    by_name = {option.dest: option for option in reversed(options)}
    found: dict[str, Value] = {}
    for name, field in record_fields(kind).items():
        if name in given or name not in by_name:
            continue
        default = field_default(machine, kind, field, call.frame)
        if isinstance(default, Const) and default.value is False:
            found[name] = with_switch(machine, by_name[name], default)
    return found


def _watch_library_switches(machine: Machine, made: Value) -> None:
    """Booleans inherited from a library are switches too, where the script branches on them."""
    if not isinstance(made, Ref):
        return
    fallback = made.target.slots.fallback
    if fallback is None:
        return

    def watched(key: Hashable) -> Value | None:
        value = fallback(key)
        if isinstance(value, Const) and value.value is False and value.trace is not None:
            flag = f"--{key}"
            current = machine.flips.get(flag, False)
            machine.flags[flag] = current
            station = value.trace
            if current:
                station = Trace("input", via=f"{flag} on the command line")
            return Const(current, LibraryFlagTrace(station, flag))
        return value

    made.target.slots.fallback = watched


class LibraryFlagTrace(FlagTrace):
    """A switch that a library's own dataclass declares: worth a variant only when branched on."""

    __slots__ = ()


@method(
    "dataclass_parser", "parse_json_file", "parse_yaml_file", "parse_dict", "parse_yaml_and_args"
)
def parse_file(machine: Machine, receiver: Ref, parser: Instance, call: Call) -> Value:
    """The dataclasses filled from a file or a dict."""
    kinds = _kinds(machine, parser)
    source = next(iter(call.arguments.every()), None)
    if kinds is None or source is None:
        return unknown(call.frame, call.node, "a parser of dataclasses that are not known")
    loaded = source if call.name == "parse_dict" else load_path(machine, source, call)
    given: dict[str, Value] = {}
    missing: Unknown | None = None
    if isinstance(loaded, Ref) and isinstance(loaded.target, Mapping):
        given = {str(key): value for key, value in loaded.target.entries()}
        missing = loaded.target.rest
    else:
        missing = unknown(call.frame, call.node, "what the parser is given", loaded)
    objects: list[Value] = []
    for kind in kinds:
        options = options_of(machine, kind)
        objects.append(_object(machine, kind, options, given, missing, call))
    return Ref(Sequence(tuple(objects), "tuple"), trace(call.frame, call.node, "literal"))
