"""Functions turned into commands: fire, click, typer, fastcore, hydra, tyro and launchers."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.calls import call_function, call_value
from qlint.readers.python.classes import instantiate, is_record
from qlint.readers.python.frames import Frame
from qlint.readers.python.iteration import elements
from qlint.readers.python.libraries.dataclass_parser import record_options
from qlint.readers.python.libraries.layered import hydra_configuration
from qlint.readers.python.libraries.mirror import given_by, mirror
from qlint.readers.python.libraries.options import Option, Refused, values_of, with_switches
from qlint.readers.python.libraries.registry import Call, function
from qlint.readers.python.libraries.text_types import literal
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.source import Trace
from qlint.readers.python.values import (
    Bound,
    Const,
    Function,
    Instance,
    Library,
    Mapping,
    Partial,
    Ref,
    Unknown,
    UserClass,
    Value,
    decorator_name,
    known_text,
)
from qlint.readers.python.words import given_value, read_by

_PLAIN_COMMANDS = frozenset({"call_parse", "local_entrypoint"})
_STARTERS = ("train", "tune", "sft", "fit")
_NAMED_TYPES = {
    "STRING": "builtins.str",
    "INT": "builtins.int",
    "FLOAT": "builtins.float",
    "BOOL": "string_to_bool",
    "IntRange": "builtins.int",
    "FloatRange": "builtins.float",
}
_TEXT = re.compile(r":\s*(?:Optional\[|Annotated\[)?(?:str|Path)\b")
_FLAG = re.compile(r"[\"'](-{1,2}[A-Za-z][\w-]*)(?:/(-{1,2}[A-Za-z][\w-]*))?[\"']")


def is_command(target: Function) -> bool:
    """True for a function that a decorator turns into a command of the command line."""
    for decorator in target.decorators:
        name, root = decorator_name(decorator), _root(decorator)
        if name in _PLAIN_COMMANDS or name == "command":
            return True
        if name == "main" and root == "hydra":
            return True
        if name == "wrap" and root in ("draccus", "pyrallis"):
            return True
    return False


def command_name(target: Function) -> str:
    """The name of a command: the one its decorator gives, else the function's with dashes."""
    for decorator in target.decorators:
        if decorator_name(decorator) == "command" and isinstance(decorator, Partial):
            given = known_text(decorator.arguments.get("name", 0))
            if given is not None:
                return given
    return target.name.replace("_", "-")


def from_decorators(
    machine: Machine, target: Function, node: cst.CSTNode, frame: Frame
) -> Arguments | None:
    """Arguments that command-line decorators pass to a function, or None without any."""
    call = Call(target.name, Arguments(), node, target.closure)
    names = [decorator_name(decorator) for decorator in target.decorators]
    if any(_is_click(decorator) for decorator in target.decorators):
        return _click(machine, target, call)
    if any(name in _PLAIN_COMMANDS or name in ("command", "callback") for name in names):
        root = next((_root(one) for one in target.decorators if _root(one)), "")
        return _own_defaults(machine, target, call, root)
    for decorator, name in zip(target.decorators, names, strict=True):
        if name == "main" and _root(decorator) == "hydra":
            given = decorator.arguments if isinstance(decorator, Partial) else Arguments()
            return Arguments([hydra_configuration(machine, given, call)])
        if name == "wrap" and _root(decorator) in ("draccus", "pyrallis"):
            return _annotated_record(machine, target, call)
    return None


def _root(decorator: Value) -> str:
    callee = decorator.callee if isinstance(decorator, Partial) else decorator
    return callee.name.split(".", 1)[0] if isinstance(callee, Library) else ""


def _is_click(decorator: Value) -> bool:
    return _root(decorator) in ("click", "rich_click", "asyncclick", "cloup")


# -- click -----------------------------------------------------------------------------------------


def _click(machine: Machine, target: Function, call: Call) -> Arguments:
    """``@click.option("--lr", default=2e-4)``."""
    options: list[Option] = []
    context: list[Value] = []
    for decorator in target.decorators:
        name = decorator_name(decorator)
        if name in ("pass_context", "pass_obj"):
            context.append(unknown(call.frame, call.node, "the context of a command"))
        if isinstance(decorator, Partial) and _is_click(decorator):
            options.extend(_click_options(machine, name, decorator.arguments, call))
    machine.assume_argv()
    values, _, _ = _parsed(machine, options, call, "click")
    return Arguments(context, values)


def _click_options(machine: Machine, kind: str, given: Arguments, call: Call) -> list[Option]:
    texts = [text for value in given.positional if (text := known_text(value)) is not None]
    if kind not in ("option", "argument") or not texts:
        return []
    on = tuple(text.partition("/")[0].strip() for text in texts if text.startswith("-"))
    off = tuple(
        text.partition("/")[2].strip() for text in texts if text.startswith("-") and "/" in text
    )
    plain = [text for text in texts if not text.startswith("-")]
    longest = max(on, key=len, default=texts[0])
    dest = (plain[0] if plain else longest.lstrip("-")).replace("-", "_").lower()
    option = Option(on if kind == "option" else (), dest)
    option.place = _place(given, call)
    option.default = _click_default(machine, given.keywords.get("default"), call)
    option.type = _click_type(given.keywords.get("type"), option.default)
    kinds = given.keywords.get("type")
    if isinstance(kinds, Ref) and isinstance(kinds.target, Instance):
        option.choices = kinds.target.slots.get("choices")
    count = given.keywords.get("nargs")
    option.nargs = count.value if isinstance(count, Const) and count.value != 1 else None
    if _is_true(given.keywords.get("multiple")):
        option.action = "append"
        option.default = option.default or Const(())
    if _is_true(given.keywords.get("count")):
        option.action = "count"
    if _is_true(given.keywords.get("is_flag")) or off:
        turned_on = isinstance(option.default, Const) and option.default.value is True
        option.action = "store_false" if turned_on and not off else "store_true"
        option.nargs = option.type = None
        option.const = given.keywords.get("flag_value")
        if option.const is not None:
            option.action = "store_const"
    option.required = option.default is None and (
        kind == "argument" or _is_true(given.keywords.get("required"))
    )
    if not off:
        return [option]
    negated = Option(off, dest)
    negated.place = option.place
    negated.action = "store_false"
    return [option, negated]


@function("click.Choice")
def click_choice(machine: Machine, call: Call) -> Value:
    """``click.Choice(["a", "b"])``."""
    made = Instance("object", "click.Choice")
    choices = call.arguments.get("choices", 0)
    if choices is not None:
        made.slots.data["choices"] = choices
    return Ref(made, trace(call.frame, call.node, "literal"))


def _is_true(value: Value | None) -> bool:
    return isinstance(value, Const) and bool(value.value)


def _place(given: Arguments, call: Call) -> Trace:
    node = given.nodes.get("default") or given.nodes.get(0) or call.node
    return trace(call.frame, node, "pass")


def _click_default(machine: Machine, default: Value | None, call: Call) -> Value | None:
    if isinstance(default, Function):
        return call_value(machine, default, Arguments(), call.node, call.frame)
    return default


def _click_type(kind: Value | None, default: Value | None) -> Value | None:
    """The declared type, else that of the default."""
    if isinstance(kind, Library):
        last = kind.name.rsplit(".", 1)[-1]
        return Library(_NAMED_TYPES.get(last, "string_to_bool" if last == "bool" else kind.name))
    if isinstance(kind, Ref) and isinstance(kind.target, Instance):
        last = (kind.target.library or "").rsplit(".", 1)[-1]
        return Library(_NAMED_TYPES[last]) if last in _NAMED_TYPES else None
    if kind is None and isinstance(default, Const) and default.value is not None:
        name = type(default.value).__name__
        return Library("string_to_bool" if name == "bool" else f"builtins.{name}")
    return kind


def _parsed(
    machine: Machine, options: list[Option], call: Call, reader: str
) -> tuple[dict[str, Value], list[str], set[str]]:
    """Values of the options for the argv of this reading, what of it was left over, what given."""
    for option in options:
        option.reader = reader
    given: dict[str, Any] = {}
    try:
        given, rest = given_by(machine, mirror(options), machine.argv)
        values = values_of(machine, options, given, call)
    except Refused as problem:
        machine.assume(f"argv is refused by the script's parser: {problem}")
        values, rest = values_of(machine, options, {}, call), []
    return with_switches(machine, options, values), rest, set(given)


# -- parameters as options: fire, typer, fastcore --------------------------------------------------


def _own_defaults(
    machine: Machine, target: Function, call: Call, reader: str, method: bool = False
) -> Arguments:
    """Parameters are options: their defaults hold, argv overrides, booleans are switches."""
    machine.assume_argv()
    params = [*target.node.params.params, *target.node.params.kwonly_params]
    if method:
        params = params[1:]
    options = [option for param in params for option in _parameter_options(target, param)]
    values, rest, given = _parsed(machine, options, call, reader)
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


def _annotated_record(machine: Machine, target: Function, call: Call) -> Arguments | None:
    """``@draccus.wrap() def main(cfg: TrainConfig)``."""
    params = target.node.params.params
    if not params or params[0].annotation is None:
        return None
    from qlint.readers.python.expressions import evaluate

    kind = evaluate(machine, params[0].annotation.annotation, target.closure)
    if not isinstance(kind, UserClass):
        return None
    root = next((_root(one) for one in target.decorators if _root(one)), "")
    return Arguments([_record(machine, kind, call, root)])


@function("fire.Fire", "jsonargparse.CLI", "jsonargparse.auto_cli", "defopt.run",
          "simple_parsing.run", "typer.run")  # fmt: skip
def fire(machine: Machine, call: Call) -> Value:
    """``fire.Fire(train)``: the function with its own defaults."""
    component = call.arguments.get("component", 0) or call.arguments.get("components")
    if component is None:
        component = _of_module(call)
    return _run_component(machine, component, call)


def _of_module(call: Call) -> Value:
    """``fire.Fire()`` offers every function of the file."""
    offered = Mapping()
    for name, value in call.frame.globals.slots.data.items():
        if isinstance(value, Function) and value.closure.file is call.frame.file:
            offered.slots.data[name] = value
    return Ref(offered)


def _reader(call: Call) -> str:
    """The library that reads argv for a call, as a person calls it."""
    return call.name.split(".", 1)[0]


def _run_component(machine: Machine, component: Value, call: Call) -> Value:
    if isinstance(component, Function):
        arguments = _own_defaults(machine, component, call, _reader(call))
        return call_function(machine, component, arguments, None, call.node, call.frame)
    if isinstance(component, Bound) and isinstance(component.method, Function):
        arguments = _own_defaults(machine, component.method, call, _reader(call), method=True)
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
        arguments = _own_defaults(machine, init, call, _reader(call), method=True)
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
        return _run_component(machine, component, call)
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


@function("tyro.cli", "simple_parsing.parse", "draccus.parse", "pyrallis.parse", "chz.entrypoint",
          "chz.nested_entrypoint", "tyro.extras.overridable_config_cli")  # fmt: skip
def tyro(machine: Machine, call: Call) -> Value:
    """``tyro.cli(TrainConfig)``: the dataclass with its defaults, or the function called."""
    target = call.arguments.get("f", 0) or call.arguments.get("config_class", 0)
    default = call.arguments.get("default")
    if isinstance(target, UserClass):
        return _record(machine, target, call, _reader(call)) if default is None else default
    if isinstance(target, Function):
        return _run_component(machine, target, call)
    return unknown(call.frame, call.node, f"the result of {call.name}()")


def _record(machine: Machine, kind: UserClass, call: Call, reader: str) -> Value:
    """A dataclass from argv: fields are options, those of nested dataclasses behind a dot."""
    machine.assume_argv()
    if not is_record(kind):
        return instantiate(machine, kind, Arguments(), call.node, call.frame)
    options = record_options(machine, kind)
    for option in options:
        option.reader = reader
    try:
        raw, _ = given_by(machine, mirror(options), machine.argv)
        values = values_of(machine, [o for o in options if o.dest in raw], raw, call)
    except Refused as problem:
        machine.assume(f"argv is refused by the script's parser: {problem}")
        values = {}
    off = {
        option.dest: option.default
        for option in reversed(options)
        if option.dest not in values
        and isinstance(option.default, Const)
        and option.default.value is False
    }
    values.update(with_switches(machine, options, {k: v for k, v in off.items() if v is not None}))
    own = {name: value for name, value in values.items() if "." not in name}
    made = instantiate(machine, kind, Arguments([], own), call.node, call.frame)
    for name, value in values.items():
        _set_nested(machine, made, name.split("."), value)
    return made


def _set_nested(machine: Machine, holder: Value | None, path: list[str], value: Value) -> None:
    """``--lora.r 8`` sets ``config.lora.r``."""
    for part in path[:-1]:
        if not isinstance(holder, Ref):
            return
        holder = holder.target.slots.get(part)
    if len(path) > 1 and isinstance(holder, Ref):
        machine.journal.write(holder.target.slots, path[-1], value)


@function(
    "accelerate.notebook_launcher",
    "absl.app.run",
    "torch.multiprocessing.spawn",
    "torch.multiprocessing.start_processes",
    "accelerate.debug_launcher",
    "asyncio.run",
)
def launch(machine: Machine, call: Call) -> Value:
    """Launchers that call the function they are given."""
    target = call.arguments.get("function", 0) or call.arguments.get("fn", 0)
    given = call.arguments.get("args", 1)
    inner = elements(machine, given) if given is not None else []
    if isinstance(target, Function | Bound | Partial):
        positional = list(inner or [])
        if "multiprocessing" in call.name:
            rank = Const(0, Trace("literal", call.frame.file, call.node, "rank of one process"))
            positional.insert(0, rank)
            machine.assume("one process")
        return call_value(machine, target, Arguments(positional), call.node, call.frame)
    return target or Const(None)


@function("torch.multiprocessing.Process", "multiprocessing.Process", "threading.Thread")
def process(machine: Machine, call: Call) -> Value:
    """``Process(target=train, args=(...))`` runs its target once it is started."""
    target = call.arguments.get("target")
    given = call.arguments.get("args")
    keywords = call.arguments.get("kwargs")
    arguments = Arguments(list(elements(machine, given) or []) if given is not None else [])
    if isinstance(keywords, Ref):
        arguments.keywords.update(
            {k: v for k, v in keywords.target.slots.data.items() if isinstance(k, str)}
        )
    if isinstance(target, Function | Bound):
        call_value(machine, target, arguments, call.node, call.frame)
    return Ref(Instance("object", call.name), trace(call.frame, call.node, "literal"))
