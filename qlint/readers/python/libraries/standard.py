"""Python's own functions: builtins, functools, typing."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from qlint.readers.python import operators
from qlint.readers.python.arguments import Arguments
from qlint.readers.python.calls import call_value, run_callbacks
from qlint.readers.python.containers import sort
from qlint.readers.python.iteration import elements
from qlint.readers.python.libraries.registry import Call, function, method
from qlint.readers.python.libraries.text_types import literal
from qlint.readers.python.machine import Machine, Raised, trace, unknown
from qlint.readers.python.values import (
    Const,
    Function,
    Instance,
    Library,
    Mapping,
    OneOf,
    Partial,
    Ref,
    Sequence,
    Value,
    known_text,
    same,
)


@function("builtins.bool")
def to_bool(machine: Machine, call: Call) -> Value:
    """``bool(value)``."""
    value = call.arguments.get("object", 0) or Const(False)
    verdict = operators.truth(value)
    if verdict is None:
        return unknown(call.frame, call.node, "the truth of what is not known", value)
    return Const(verdict, trace(call.frame, call.node, "compute", None, value.trace))


@function(
    "builtins.list",
    "builtins.tuple",
    "builtins.set",
    "builtins.sorted",
    "builtins.frozenset",
    "builtins.reversed",
    "builtins.iter",
)
def collection(machine: Machine, call: Call) -> Value:
    """``list(x)``, ``sorted(x)``: the same elements in another container."""
    name = call.name.rsplit(".", 1)[-1]
    made = trace(call.frame, call.node, "compute", None)
    if not call.arguments.positional:
        return Ref(Sequence((), name if name in ("tuple", "set") else "list"), made)
    value = call.arguments.positional[0]
    if isinstance(value, OneOf):
        return operators.lift(
            lambda option: collection(machine, call.with_positional([option])), value
        )
    if (
        isinstance(value, Ref)
        and isinstance(value.target, Sequence)
        and value.target.values is None
    ):
        return Ref(value.target, value.trace)
    inner = elements(machine, value)
    if inner is None:
        return unknown(call.frame, call.node, f"{name}() of what is not known", value)
    values = tuple(inner)
    if name == "sorted":
        ordered = sort(machine, values, call)
        if ordered is None:
            return unknown(call.frame, call.node, "sorted by what is not known", *values)
        values = ordered
    elif name == "reversed":
        values = tuple(reversed(values))
    elif name in ("set", "frozenset"):
        values = tuple(v for i, v in enumerate(values) if not any(same(v, w) for w in values[:i]))
    kind = {"tuple": "tuple", "set": "set", "frozenset": "set"}.get(name, "list")
    return Ref(Sequence(values, kind), trace(call.frame, call.node, "compute", None, value.trace))


@function(
    "builtins.dict",
    "collections.OrderedDict",
    "collections.defaultdict",
    "types.SimpleNamespace",
    "argparse.Namespace",
)
def dictionary(machine: Machine, call: Call) -> Value:
    """``dict(a=1, **other)``; a namespace holds the same by attribute."""
    target = Mapping()
    for given in call.arguments.positional:
        value = machine.environment.as_dict(given)
        if not isinstance(value, Library | Function):
            operators.merge(machine, target, value)
    for name, value in call.bind().items():
        machine.journal.write(target.slots, name, value)
    if call.arguments.rest is not None:
        target.meta.data["rest"] = call.arguments.rest
    made = trace(call.frame, call.node, "literal")
    if call.arguments.fallbacks:
        target.slots.fallback = _chained(call.arguments.fallbacks)
    if call.name.endswith("Namespace"):
        namespace = Instance("namespace", call.name, slots=target.slots)
        namespace.meta.data.update(target.meta.data)
        return Ref(namespace, made)
    return Ref(target, made)


def _chained(
    fallbacks: list[Callable[[Hashable], Value | None]],
) -> Callable[[Hashable], Value | None]:
    def look_up(key: Hashable) -> Value | None:
        found = (fallback(key) for fallback in fallbacks)
        return next((value for value in found if value is not None), None)

    return look_up


@function("builtins.len")
def length(machine: Machine, call: Call) -> Value:
    """``len(x)``."""
    value = call.arguments.get("obj", 0) or Const(None)
    if isinstance(value, Const) and isinstance(value.value, str):
        return Const(len(value.value), trace(call.frame, call.node, "compute", None, value.trace))
    inner = elements(machine, value)
    if inner is None:
        return unknown(call.frame, call.node, "the length of what is not known", value)
    return Const(len(inner), trace(call.frame, call.node, "compute", None, value.trace))


@function("builtins.range")
def number_range(machine: Machine, call: Call) -> Value:
    """``range(n)``: never expanded unless it is short."""
    made = Instance("range", "builtins.range")
    station = trace(
        call.frame, call.node, "compute", None, *(v.trace for v in call.arguments.positional)
    )
    numbers = [v.value if isinstance(v, Const) else None for v in call.arguments.positional]
    if not all(isinstance(number, int) for number in numbers) or not numbers:
        return unknown(call.frame, call.node, "a range that is not known", *call.arguments.every())
    try:
        made.native = range(*[number for number in numbers if isinstance(number, int)])
    except ValueError:
        return unknown(call.frame, call.node, "a range that is not valid")
    made.slots.data["stop"] = call.arguments.positional[1 if len(numbers) > 1 else 0]
    return Ref(made, station)


@function("builtins.any", "builtins.all")
def quantifier(machine: Machine, call: Call) -> Value:
    """``any(...)`` and ``all(...)``."""
    value = call.arguments.get("iterable", 0) or Const(None)
    inner = elements(machine, value)
    wanted = call.name.endswith("any")
    verdicts = [operators.truth(v) for v in inner] if inner is not None else [None]
    if wanted in verdicts:
        return Const(wanted, trace(call.frame, call.node, "compute"))
    if None in verdicts:
        return unknown(call.frame, call.node, "a test of what is not known", value)
    return Const(not wanted, trace(call.frame, call.node, "compute"))


@function("builtins.filter", "builtins.map")
def lazily(machine: Machine, call: Call) -> Value:
    """``filter(f, model.parameters())`` keeps what is known about the iterable."""
    last = call.arguments.positional[-1] if call.arguments.positional else Const(None)
    if isinstance(last, Ref) and isinstance(last.target, Instance):
        return last
    callback = call.arguments.positional[0] if len(call.arguments.positional) == 2 else None
    inner = elements(machine, last)
    if inner is None or callback is None:
        return unknown(call.frame, call.node, "an iterable that is not known", last)
    if isinstance(callback, Const) and callback.value is None:
        results = inner
    else:
        results = [
            call_value(machine, callback, Arguments([v]), call.node, call.frame) for v in inner
        ]
    if call.name.endswith("filter"):
        verdicts = [operators.truth(result) for result in results]
        if None in verdicts:
            return unknown(call.frame, call.node, "a filter that is not known")
        results = [v for v, verdict in zip(inner, verdicts, strict=True) if verdict]
    return Ref(Sequence(tuple(results)), trace(call.frame, call.node, "compute"))


@function("builtins.next")
def take_next(machine: Machine, call: Call) -> Value:
    """``next(iterator)``."""
    value = call.arguments.get("iterator", 0) or Const(None)
    inner = elements(machine, value)
    return inner[0] if inner else unknown(call.frame, call.node, "the next element", value)


@function("tqdm.tqdm", "tqdm.auto.tqdm", "tqdm.notebook.tqdm", "tqdm.trange", "tqdm.rich.tqdm",
          "rich.progress.track")  # fmt: skip
def progress_bar(machine: Machine, call: Call) -> Value:
    """A progress bar around an iterable is the iterable."""
    if call.name.endswith("trange"):
        return number_range(machine, call)
    value = call.arguments.get("iterable", 0)
    return value or unknown(call.frame, call.node, "a progress bar")


@function(
    "builtins.print", "builtins.input", "builtins.exit", "builtins.quit", "sys.exit", "os._exit"
)
def output(machine: Machine, call: Call) -> Value:
    """Printing does nothing here; exiting ends the program."""
    if call.name.endswith("print"):
        return Const(None)
    if call.name.endswith("input"):
        return unknown(call.frame, call.node, "what is typed in at run time")
    raise Raised(f"{call.name}()")


@function("builtins.eval", "ast.literal_eval")
def evaluate_text(machine: Machine, call: Call) -> Value:
    """A text that is a literal; anything else is never evaluated."""
    value = call.arguments.get("source", 0)
    text = known_text(value)
    if text is None or value is None:
        return unknown(call.frame, call.node, "a text evaluated at run time")
    result = literal(text, value)
    if result is value:
        return unknown(call.frame, call.node, "a text evaluated at run time")
    return result


@function("functools.partial")
def partial(machine: Machine, call: Call) -> Value:
    """``functools.partial(f, x=1)``."""
    if not call.arguments.positional:
        return unknown(call.frame, call.node, "functools.partial() of nothing")
    callee, *positional = call.arguments.positional
    given = Arguments(positional, call.arguments.keywords, call.arguments.rest)
    given.nodes = {
        key - 1 if isinstance(key, int) else key: node for key, node in call.arguments.nodes.items()
    }
    return Partial(callee, given, trace(call.frame, call.node, "literal"))


@function("typing.cast")
def cast(machine: Machine, call: Call) -> Value:
    """``cast(T, x)`` is x."""
    return call.arguments.get("val", 1) or Const(None)


@function("enum.auto")
def auto(machine: Machine, call: Call) -> Value:
    """Members numbered by the library differ from each other, no more is needed."""
    return Const(f"auto:{id(call.node)}")


@method("*", "__enter__")
def enter(machine: Machine, receiver: Ref, holder: Instance, call: Call) -> Value:
    """A context manager hands itself out."""
    return receiver


@method("object", "map", "filter", "with_transform", "set_transform")
def dataset_method(machine: Machine, receiver: Ref, holder: Instance, call: Call) -> Value:
    """Datasets apply functions: they are looked at once."""
    run_callbacks(machine, call.arguments, call.node, call.frame)
    return receiver
