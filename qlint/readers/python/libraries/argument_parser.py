"""argparse: the script's parser, evaluated on the argv of this reading."""

from __future__ import annotations

import argparse
from typing import Any

from qlint.readers.python.classes import is_record
from qlint.readers.python.flags import SUBCOMMAND
from qlint.readers.python.iteration import elements
from qlint.readers.python.libraries.mirror import given_by, mirror, quiet_parser
from qlint.readers.python.libraries.objects import construct_as
from qlint.readers.python.libraries.options import Option, Refused, values_of, with_switches
from qlint.readers.python.libraries.parser_declarations import (
    Declared,
    all_options,
    declared_by,
    declared_of,
    flat_options,
    left_to_file,
    names_file,
    record_of,
)
from qlint.readers.python.libraries.registry import Call, function, method
from qlint.readers.python.machine import Machine, Raised, trace, unknown
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
from qlint.readers.python.words import given_value, said, word_of

_READERS = {name: name for name in ("configargparse", "jsonargparse", "simple_parsing")}
_CHOSEN = "subcommand:"
_STARTERS = ("train", "tune", "sft", "fit")


@function(
    "argparse.ArgumentParser",
    "configargparse.ArgumentParser",
    "configargparse.ArgParser",
    "configargparse.ArgParse",
    "jsonargparse.ArgumentParser",
    "simple_parsing.ArgumentParser",
)
def argument_parser(machine: Machine, call: Call) -> Value:
    """``ArgumentParser(parents=[...])``."""
    made, parser = construct_as(machine, call, "parser")
    parser.native = _declared_by(machine, call)
    return made


def _declared_by(machine: Machine, call: Call) -> Declared:
    declared = Declared()
    parents = call.arguments.get("parents")
    for value in (elements(machine, parents) or []) if parents is not None else []:
        inherited = declared_by(value)
        if inherited is not None:
            declared.inherit(inherited)
    for name in ("default_config_files", "default_config_file_contents"):
        given = call.arguments.get(name)
        if given is not None and not (isinstance(given, Const) and not given.value):
            declared.files[None] = call.name.partition(".")[0]
    for name in ("prefix_chars", "allow_abbrev"):
        setting = call.arguments.get(name)
        if isinstance(setting, Const):
            declared.settings[name] = setting.value
    return declared


@method("parser", "add_argument_group", "add_mutually_exclusive_group", "argument_group")
def group(machine: Machine, receiver: Ref, parser: Instance, call: Call) -> Value:
    """Groups only arrange the help."""
    return receiver


@function(
    "deepspeed.add_config_arguments",
    "lightning.Trainer.add_argparse_args",
)
def add_library_arguments(machine: Machine, call: Call) -> Value:
    """Libraries add options of their own and hand the parser back."""
    parser = call.arguments.get("parser", 0) or call.arguments.get("parent_parser")
    return parser or unknown(call.frame, call.node, f"the result of {call.name}()")


@method("parser", "add_arguments")
def addrecord_of(machine: Machine, receiver: Ref, parser: Instance, call: Call) -> Value:
    """``parser.add_arguments(TrainConfig, dest="config")`` of simple_parsing."""
    dest = known_text(call.arguments.get("dest", 1))
    kind = call.arguments.get("dataclass", 0)
    if dest is not None and kind is not None:
        declared = declared_of(parser)
        declared.records[dest] = kind
        if isinstance(kind, UserClass) and is_record(kind):
            taken = {flag for option in all_options(declared) for flag in option.flags}
            declared.record_options[dest] = flat_options(machine, kind, dest, taken)
    return Const(None)


@method("parser", "add_argument", "add_arg", "add")
def add_argument(machine: Machine, receiver: Ref, parser: Instance, call: Call) -> Value:
    """``parser.add_argument("--lr", type=float, default=2e-4)``."""
    declared = declared_of(parser)
    names = [known_text(value) for value in call.arguments.positional]
    if not names or None in names:
        reason = "an option whose name is not known"
        declared.rest = unknown(call.frame, call.node, reason, *call.arguments.positional)
        return declared.rest
    texts = [name for name in names if name is not None]
    prefix = str(declared.settings.get("prefix_chars", "-"))
    option = _option(texts, prefix, call)
    option.reader = _READERS.get((parser.library or "").split(".", 1)[0], "argparse")
    if option.default is None and call.arguments.rest is not None:
        option.default = call.arguments.rest
    if option.dest in declared.defaults:
        _set_default(option, declared.defaults[option.dest])
    for earlier in declared.options:
        earlier.flags = tuple(flag for flag in earlier.flags if flag not in option.flags)
    declared.options.append(option)
    if names_file(call):
        declared.files[option.dest] = option.reader
    made = Instance("action", "argparse.Action")
    made.slots.data["dest"] = Const(option.dest)
    made.native = option
    return Ref(made, trace(call.frame, call.node, "literal"))


def _option(texts: list[str], prefix: str, call: Call) -> Option:
    keywords = call.arguments.keywords
    flags = tuple(text for text in texts if text[:1] in prefix)
    dest = known_text(keywords.get("dest")) or _destination(texts, flags, prefix)
    option = Option(flags, dest)
    option.place = trace(call.frame, call.node, "pass")
    option.action = _action(keywords.get("action"))
    option.default = keywords.get("default")
    option.type = keywords.get("type")
    option.const = keywords.get("const")
    option.choices = keywords.get("choices")
    nargs = keywords.get("nargs")
    option.nargs = nargs.value if isinstance(nargs, Const) else None
    required = keywords.get("required")
    option.required = isinstance(required, Const) and bool(required.value)
    if not flags and option.nargs not in ("?", "*"):
        option.required = True
    return option


def _destination(texts: list[str], flags: tuple[str, ...], prefix: str) -> str:
    if not flags:
        return texts[0]
    long = next((flag for flag in flags if flag[:2].strip(prefix) == ""), flags[0])
    return long.lstrip(prefix).replace("-", "_")


def _action(action: Value | None) -> str:
    text = known_text(action)
    if text is not None:
        return text
    if isinstance(action, Library) and action.name.endswith("BooleanOptionalAction"):
        return "optional"
    return "store"


@method("parser", "set_defaults")
def set_defaults(machine: Machine, receiver: Ref, parser: Instance, call: Call) -> Value:
    """``parser.set_defaults(lr=1e-4)``, also with ``**`` of a file's contents."""
    declared = declared_of(parser)
    given = call.bind()
    declared.defaults.update(given)
    declared.rest = declared.rest or call.arguments.rest
    for option in declared.options:
        if option.dest in given:
            _set_default(option, given[option.dest])
    return Const(None)


def _set_default(option: Option, value: Value) -> None:
    option.default = value
    option.required = False


@method("parser", "get_default")
def get_default(machine: Machine, receiver: Ref, parser: Instance, call: Call) -> Value | None:
    """``parser.get_default("lr")``."""
    wanted = known_text(call.arguments.get("dest", 0))
    for option in declared_of(parser).options:
        if option.dest == wanted and option.default is not None:
            return option.default
    return None


@method("parser", "add_subparsers", "add_subcommands")
def add_subparsers(machine: Machine, receiver: Ref, parser: Instance, call: Call) -> Value:
    """``parser.add_subparsers(dest="command")``."""
    declared = declared_of(parser)
    declared.dest = known_text(call.arguments.get("dest"))
    made = Instance("subparsers", "argparse.Subparsers")
    made.native = declared
    return Ref(made, trace(call.frame, call.node, "literal"))


@method("subparsers", "add_parser")
def add_parser(machine: Machine, receiver: Ref, holder: Instance, call: Call) -> Value:
    """``subparsers.add_parser("train", parents=[common], aliases=["t"])``."""
    made = Instance("parser", "argparse.ArgumentParser")
    made.native = _declared_by(machine, call)
    name = known_text(call.arguments.get("name", 0))
    if name is not None and isinstance(holder.native, Declared):
        holder.native.subparsers[name] = made.native
    return Ref(made, trace(call.frame, call.node, "literal"))


@method("parser", "error", "exit", "print_usage", "print_help", "format_help")
def refuse(machine: Machine, receiver: Ref, parser: Instance, call: Call) -> Value:
    """``parser.error(...)`` ends the program."""
    if call.name not in ("error", "exit"):
        return Const(None)
    raise Raised(f"parser.{call.name}()")


@method(
    "parser",
    "parse_args",
    "parse_known_args",
    "parse_intermixed_args",
    "parse_known_intermixed_args",
)
def parse_args(machine: Machine, receiver: Ref, parser: Instance, call: Call) -> Value:
    """``parser.parse_args()``: the namespace for the argv of this reading."""
    declared = declared_of(parser)
    argv = _argv(machine, call)
    made = _namespace(call)
    namespace = made.target
    assert isinstance(namespace, Instance)
    rest: list[str] = []
    if argv is None:
        reason = "arguments that are computed at run time"
        _forget(namespace, declared, unknown(call.frame, call.node, reason))
    else:
        rest = _fill(machine, declared, argv, namespace, call)
    if "known" in call.name:
        extra = Ref(Sequence(tuple(given_value(part, said(part, part)) for part in rest)))
        return Ref(Sequence((made, extra), "tuple"), made.trace)
    return made


def _namespace(call: Call) -> Ref:
    """The namespace to fill: a new one, or the object that the caller gives."""
    given = call.arguments.get("namespace", 1)
    if isinstance(given, Ref) and isinstance(given.target, Instance):
        return given
    return Ref(Instance("namespace", "argparse.Namespace"), trace(call.frame, call.node, "literal"))


def _forget(namespace: Instance, declared: Declared, cause: Unknown) -> None:
    namespace.meta.data["rest"] = cause
    for option in declared.options:
        namespace.slots.data[option.dest] = cause


def _argv(machine: Machine, call: Call) -> list[str] | None:
    given = call.arguments.get("args", 0)
    if given is None or (isinstance(given, Const) and given.value is None):
        machine.assume_argv()
        return list(machine.argv)
    values = elements(machine, given)
    if values is None:
        return None
    words = [word_of(value) for value in values]
    return None if None in words else [word for word in words if word is not None]


def _fill(
    machine: Machine, declared: Declared, argv: list[str], namespace: Instance, call: Call
) -> list[str]:
    """Put a value for every option into a namespace; returns what argv had beyond them."""
    given: dict[str, Any] = {}
    rest: list[str] = []
    chain = [declared]
    try:
        given, rest = given_by(machine, _mirror(declared), argv)
        chain, chosen = _chosen(machine, declared, given)
        values = _values(machine, chain, given, call)
    except Refused as problem:
        machine.assume(f"argv is refused by the script's parser: {problem}")
        chain, chosen = _chosen(machine, declared, {})
        values = _values(machine, chain, {}, call)
    for part in chain:
        values.update(left_to_file(part, values, given, call))
    before = dict(namespace.slots.data)
    for dest, value in {**values, **chosen}.items():
        if dest not in before or dest in given:
            machine.journal.write(namespace.slots, dest, value)
    for part in chain:
        if part.rest is not None:
            _forget(namespace, part, part.rest)
        for dest, kind in part.records.items():
            options = part.record_options.get(dest, [])
            namespace.slots.data[dest] = record_of(machine, kind, dest, options, given, call)
    if chain[-1].subparsers:
        _without_subcommand(chain[-1], namespace, call)
    return rest


def _mirror(declared: Declared, depth: int = 0) -> argparse.ArgumentParser:
    parser = mirror(all_options(declared), quiet_parser(**declared.settings))
    if declared.subparsers and depth < 4:
        holder = parser.add_subparsers(
            dest=f"{_CHOSEN}{depth}", parser_class=_maker(declared, depth)
        )
        for name in declared.subparsers:
            holder.add_parser(name, declared=declared.subparsers[name])
    return parser


def _maker(declared: Declared, depth: int) -> Any:
    def make(*, declared: Declared, **_: Any) -> argparse.ArgumentParser:
        return _mirror(declared, depth + 1)

    return make


def _chosen(
    machine: Machine, declared: Declared, given: dict[str, Any]
) -> tuple[list[Declared], dict[str, Value]]:
    """The parsers from the script's to the chosen subcommand's, and the names chosen."""
    chain = [declared]
    names: dict[str, Value] = {}
    depth = 0
    while chain[-1].subparsers and depth < 4:
        parser = chain[-1]
        name = given.get(f"{_CHOSEN}{depth}") or _assumed_subcommand(machine, parser)
        if name is None:
            break
        if parser.dest is not None:
            names[parser.dest] = Const(name)
        chain.append(parser.subparsers[name])
        depth += 1
    return chain, names


def _values(
    machine: Machine, chain: list[Declared], given: dict[str, Any], call: Call
) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for declared in chain:
        options = declared.options
        own = with_switches(machine, options, values_of(machine, options, given, call))
        values.update({**declared.defaults, **own})
    return values


def _assumed_subcommand(machine: Machine, declared: Declared) -> str | None:
    """Without a subcommand nothing would run: take the one that trains, and say so.

    Where the names do not tell, each is noted as a switch, for the reader to try.
    """
    names = list(declared.subparsers)
    wanted = [name for name in names if any(part in name.lower() for part in _STARTERS)]
    name = (wanted or names)[0] if len(wanted) == 1 or len(names) == 1 else None
    for candidate in names if name is None else []:
        flag = SUBCOMMAND + candidate
        machine.flags.setdefault(flag, machine.flips.get(flag, False))
        machine.consulted.add(flag)
        if machine.flips.get(flag):
            return candidate
    if name is not None:
        machine.assume(f"{SUBCOMMAND}{name} is given")
    return name


def _without_subcommand(declared: Declared, namespace: Instance, call: Call) -> None:
    missing = unknown(call.frame, call.node, "no subcommand is given")
    namespace.meta.data["rest"] = missing
    if declared.dest is not None:
        namespace.slots.data[declared.dest] = missing


@method("namespace", "_get_kwargs", "__dict__", "as_dict", "to_dict")
def namespace_dict(machine: Machine, receiver: Ref, namespace: Instance, call: Call) -> Value:
    """The namespace as a dict."""
    return Ref(Mapping(namespace.slots), receiver.trace)


@method("namespace", "parse_args")
def parsedrecord_of(machine: Machine, receiver: Ref, namespace: Instance, call: Call) -> Value:
    """``TrainArguments().parse_args()`` of a typed argument parser is the record itself."""
    return receiver
