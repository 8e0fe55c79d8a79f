"""click: options and arguments that decorators declare."""

from __future__ import annotations

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.calls import call_value
from qlint.readers.python.libraries.mirror import parsed
from qlint.readers.python.libraries.options import Option
from qlint.readers.python.libraries.registry import Call, function
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.source import Trace
from qlint.readers.python.values import (
    Const,
    Function,
    Instance,
    Library,
    Partial,
    Ref,
    Value,
    decorator_name,
    decorator_root,
    known_text,
)

_NAMED_TYPES = {
    "STRING": "builtins.str",
    "INT": "builtins.int",
    "FLOAT": "builtins.float",
    "BOOL": "string_to_bool",
    "IntRange": "builtins.int",
    "FloatRange": "builtins.float",
}


def is_click(decorator: Value) -> bool:
    """True for a decorator of click or of a library on top of it."""
    return decorator_root(decorator) in ("click", "rich_click", "asyncclick", "cloup")


def click_arguments(machine: Machine, target: Function, call: Call) -> Arguments:
    """``@click.option("--lr", default=2e-4)``."""
    options: list[Option] = []
    context: list[Value] = []
    for decorator in target.decorators:
        name = decorator_name(decorator)
        if name in ("pass_context", "pass_obj"):
            context.append(unknown(call.frame, call.node, "the context of a command"))
        if isinstance(decorator, Partial) and is_click(decorator):
            options.extend(_click_options(machine, name, decorator.arguments, call))
    machine.assume_argv()
    values, _, _ = parsed(machine, options, call, "click")
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
