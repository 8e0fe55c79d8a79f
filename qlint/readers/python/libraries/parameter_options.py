"""Parameters as options: fire, typer, fastcore, and the commands that they offer."""

from __future__ import annotations

import re

import libcst as cst

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.calls import call_function, call_value
from qlint.readers.python.classes import instantiate
from qlint.readers.python.libraries.mirror import parsed
from qlint.readers.python.libraries.options import Option
from qlint.readers.python.libraries.registry import Call, function
from qlint.readers.python.libraries.text_types import literal
from qlint.readers.python.machine import Machine, unknown
from qlint.readers.python.source import Trace
from qlint.readers.python.values import (
    Bound,
    Const,
    Function,
    Instance,
    Library,
    Mapping,
    Ref,
    Unknown,
    UserClass,
    Value,
)
from qlint.readers.python.words import given_value, read_by

_STARTERS = ("train", "tune", "sft", "fit")
_TEXT = re.compile(r":\s*(?:Optional\[|Annotated\[)?(?:str|Path)\b")
_FLAG = re.compile(r"[\"'](-{1,2}[A-Za-z][\w-]*)(?:/(-{1,2}[A-Za-z][\w-]*))?[\"']")


def own_defaults(
    machine: Machine, target: Function, call: Call, reader: str, method: bool = False
) -> Arguments:
    """Parameters are options: their defaults hold, argv overrides, booleans are switches."""
    machine.assume_argv()
    params = [*target.node.params.params, *target.node.params.kwonly_params]
    if method:
        params = params[1:]
    options = [option for param in params for option in _parameter_options(target, param)]
    values, rest, given = parsed(machine, options, call, reader)
    _positional(values, [option for option in options if option.dest not in given], rest)
    arguments = Arguments([], values)
    if isinstance(target.node.params.star_kwarg, cst.Param):
        place = Trace("pass", target.closure.file, target.node.params.star_kwarg)
        arguments.keywords.update(_surplus(rest, place))
    return arguments


def _parameter_options(target: Function, param: cst.Param) -> list[Option]:
    name = param.name.value
    option = Option((f"--{name}", f"--{name.replace('_', '-')}")[: 2 if "_" in name else 1], name)
    option.place = Trace("pass", target.closure.file, param)
    option.default = target.defaults.get(name)
    if isinstance(option.default, Unknown) and "required on" in option.default.reason:
        option.default = None
    option.required = option.default is None
    option.type = Library("ast.literal_eval")
    written = _declaration(target, param)
    found = _FLAG.findall(written)
    if found:
        option.flags = tuple(on for on, _ in found)
    annotation = written.split("=", 1)[0]
    default = option.default.value if isinstance(option.default, Const) else None
    if isinstance(default, str) or _TEXT.search(annotation):
        option.type = None
    if "store_true" in annotation or "bool_arg" in annotation or isinstance(default, bool):
        option.nargs = "?"
        option.const = Const(True)
        option.type = Library("string_to_bool")
        if option.default is None:
            option.default, option.required = Const(False), False
        off = tuple(off for _, off in found if off)
        negated = Option((*off, f"--no{name}", f"--no_{name}", f"--no-{name}"), name)
        negated.place = option.place
        negated.action = "store_false"
        return [option, negated]
    return [option]


def _declaration(target: Function, param: cst.Param) -> str:
    """The text of a parameter, with the flags that a typer option in it names."""
    module = target.closure.file.module
    return module.code_for_node(param)


def _positional(values: dict[str, Value], free: list[Option], rest: list[str]) -> None:
    """Arguments without a flag fill the parameters that argv has not named, in their order."""
    by_name = {option.dest: option for option in reversed(free)}
    names = list(dict.fromkeys(option.dest for option in free))
    while rest and not rest[0].startswith("-") and names:
        word, option = rest.pop(0), by_name[names.pop(0)]
        station = read_by(word, option.dest, option.reader, option.place)
        values[option.dest] = _plain(word, station)


def _plain(word: str, station: Trace) -> Value:
    """A word as fire reads it: a literal where it is one."""
    value = given_value(word, station)
    return literal(str(word), value) if isinstance(value, Const) else value


def _surplus(rest: list[str], place: Trace) -> dict[str, Value]:
    """``--name value`` pairs that no parameter takes go to ``**kwargs``."""
    found: dict[str, Value] = {}
    parts = list(rest)
    while parts:
        flag = parts.pop(0)
        name, equals, word = flag.partition("=")
        if not name.startswith("--"):
            continue
        if not equals and parts and not parts[0].startswith("--"):
            equals, word = "=", parts.pop(0)
        station = read_by(word if equals else flag, name, "fire", place)
        key = name.lstrip("-").replace("-", "_")
        found[key] = _plain(word, station) if equals else Const(True, station)
    return found


@function("fire.Fire", "jsonargparse.CLI", "jsonargparse.auto_cli", "defopt.run",
          "simple_parsing.run", "typer.run")  # fmt: skip
def fire(machine: Machine, call: Call) -> Value:
    """``fire.Fire(train)``: the function with its own defaults."""
    component = call.arguments.get("component", 0) or call.arguments.get("components")
    if component is None:
        component = _of_module(call)
    return run_component(machine, component, call)


def _of_module(call: Call) -> Value:
    """``fire.Fire()`` offers every function of the file."""
    offered = Mapping()
    for name, value in call.frame.globals.slots.data.items():
        if isinstance(value, Function) and value.closure.file is call.frame.file:
            offered.slots.data[name] = value
    return Ref(offered)


def reader_of(call: Call) -> str:
    """The library that reads argv for a call, as a person calls it."""
    return call.name.split(".", 1)[0]


def run_component(machine: Machine, component: Value, call: Call) -> Value:
    """Run what ``fire.Fire(component)`` would, on the argv of this reading."""
    if isinstance(component, Function):
        arguments = own_defaults(machine, component, call, reader_of(call))
        return call_function(machine, component, arguments, None, call.node, call.frame)
    if isinstance(component, Bound) and isinstance(component.method, Function):
        arguments = own_defaults(machine, component.method, call, reader_of(call), method=True)
        return call_value(machine, component, arguments, call.node, call.frame)
    if isinstance(component, UserClass):
        return _run_class(machine, component, call)
    if isinstance(component, Ref) and isinstance(component.target, Mapping):
        offered = {str(key): value for key, value in component.target.entries()}
        chosen = _chosen(machine, offered)
        if chosen is not None:
            return _on_the_rest(machine, offered[chosen], call, chosen)
    if isinstance(component, Ref) and isinstance(component.target, Instance):
        cls = component.target.cls
        chosen = _chosen(machine, _methods(cls)) if cls is not None else None
        method = cls.find(chosen) if cls is not None and chosen is not None else None
        if chosen is not None and isinstance(method, Function):
            return _on_the_rest(machine, Bound(component, method), call, chosen)
    return unknown(call.frame, call.node, "the command chosen on the command line")


def _run_class(machine: Machine, cls: UserClass, call: Call) -> Value:
    """``fire.Fire(Trainer)``: made from argv, then the method that argv names is called."""
    init = cls.find("__init__")
    arguments = Arguments()
    if isinstance(init, Function):
        arguments = own_defaults(machine, init, call, reader_of(call), method=True)
    made = instantiate(machine, cls, arguments, call.node, call.frame)
    chosen = _chosen(machine, _methods(cls))
    method = cls.find(chosen) if chosen is not None else None
    if chosen is not None and isinstance(method, Function):
        return _on_the_rest(machine, Bound(made, method), call, chosen)
    return made


def _methods(cls: UserClass) -> dict[str, Value]:
    return {
        str(name): value
        for ancestor in reversed(cls.lineage())
        for name, value in ancestor.slots.data.items()
        if isinstance(value, Function) and not value.name.startswith("_")
    }


def _chosen(machine: Machine, offered: dict[str, Value]) -> str | None:
    """The command that argv names, else the one whose name says that it trains."""
    named = next((part for part in machine.argv if part in offered), None)
    if named is not None:
        return named
    wanted = [name for name in offered if any(part in name.lower() for part in _STARTERS)]
    exact = [name for name in wanted if name.lower() in _STARTERS]
    for candidates in (exact, wanted, list(offered)):
        if len(candidates) == 1:
            machine.assume(f"the subcommand {candidates[0]} is given")
            return candidates[0]
    return None


def _on_the_rest(machine: Machine, component: Value, call: Call, name: str) -> Value:
    """Run a component on the argv after its name."""
    whole = machine.argv
    if name in whole:
        machine.argv = whole[whole.index(name) + 1 :]
    try:
        return run_component(machine, component, call)
    finally:
        machine.argv = whole


@function("typer.Option", "typer.Argument", "cyclopts.Parameter")
def typer_option(machine: Machine, call: Call) -> Value:
    """The default of a typer parameter; ``...`` makes it required."""
    default = call.arguments.get("default", 0)
    if default is None or (isinstance(default, Const) and default.value is ...):
        return unknown(call.frame, call.node, "required on the command line")
    return default


@function("fastcore.script.Param", "fastcore.all.Param", "fastcore.script.bool_arg")
def fastcore_parameter(machine: Machine, call: Call) -> Value:
    """``Param("help", float)`` stands in an annotation: it decides nothing here."""
    return call.arguments.get("default") or Const(None)
