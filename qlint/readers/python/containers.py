"""Methods of strings, lists, sets, tuples and dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlint.readers.python import comparisons, operators
from qlint.readers.python.arguments import Arguments
from qlint.readers.python.iteration import elements
from qlint.readers.python.keys import key_of, value_of_key
from qlint.readers.python.machine import Machine, raise_error, trace, unknown
from qlint.readers.python.values import (
    Const,
    Items,
    Mapping,
    Missing,
    OneOf,
    Option,
    PartlyKnown,
    Ref,
    Sequence,
    Unknown,
    Value,
    alternatives,
    one_of,
    pieces,
)

if TYPE_CHECKING:
    from qlint.readers.python.libraries import Call

_TEXT_METHODS = frozenset(
    {
        "split", "rsplit", "strip", "lstrip", "rstrip", "lower", "upper", "title", "replace",
        "startswith", "endswith", "removeprefix", "removesuffix", "capitalize", "casefold",
        "find", "rfind", "count", "isdigit", "isnumeric", "isalpha", "partition", "rpartition",
        "splitlines", "is_integer", "bit_length", "format",
    }
)  # fmt: skip


def call_on_constant(machine: Machine, receiver: Const, call: Call) -> Value:
    """A method of a string or a number."""
    method, arguments = call.name, call.arguments
    if method == "join" and isinstance(receiver.value, str) and arguments.positional:
        return _join(machine, receiver, call)
    if method not in _TEXT_METHODS:
        return unknown(call.frame, call.node, f"the result of .{method}()")
    for position, argument in enumerate(arguments.positional):
        if isinstance(argument, OneOf):
            return _per_option(machine, receiver, call, position, argument)
    given = [_plain(value) for value in arguments.positional]
    named = {name: _plain(value) for name, value in arguments.keywords.items()}
    if arguments.rest is not None or None in given or None in named.values():
        return unknown(call.frame, call.node, f"the result of .{method}()", *arguments.every())
    before = [value.trace for value in arguments.every()]
    made = trace(call.frame, call.node, "compute", None, receiver.trace, *before)
    if isinstance(receiver.value, str) and _grows(method, receiver.value, given):
        return unknown(call.frame, call.node, "a text too long to compute")
    try:
        result = getattr(receiver.value, method)(
            *(value for (value,) in given if True),  # type: ignore[misc]
            **{name: value[0] for name, value in named.items() if value is not None},
        )
    except Exception as problem:
        return unknown(call.frame, call.node, f"{type(problem).__name__} in .{method}()")
    return from_python(result, made)


def _grows(method: str, text: str, given: list[tuple[object] | None]) -> bool:
    """True where a method may make a text too long to compute."""
    if method == "format":
        digits = "".join(letter if letter.isdigit() else " " for letter in text).split()
        return len(text) > 1000 or any(len(width) > 3 for width in digits)
    if method == "replace" and len(given) > 1 and given[1] is not None:
        return len(text) * len(str(given[1][0])) > 100 * operators.MAX_TEXT
    return False


def _plain(value: Value) -> tuple[object] | None:
    """A constant or a tuple of constants, boxed; None where it is not known."""
    if isinstance(value, Const):
        return (value.value,)
    if isinstance(value, Ref) and isinstance(value.target, Sequence):
        values = value.target.values
        if values is not None and all(isinstance(v, Const) for v in values):
            return (tuple(v.value for v in values if isinstance(v, Const)),)
    return None


def _per_option(
    machine: Machine, receiver: Const, call: Call, position: int, argument: OneOf
) -> Value:
    results = []
    for option in argument.options:
        positional = list(call.arguments.positional)
        positional[position] = option.value
        results.append(
            Option(
                call_on_constant(machine, receiver, call.with_positional(positional)),
                option.condition,
            )
        )
    return one_of(results)


def _join(machine: Machine, receiver: Const, call: Call) -> Value:
    values = elements(machine, call.arguments.positional[0])
    if values is None or not all(isinstance(v, Const) and isinstance(v.value, str) for v in values):
        return unknown(
            call.frame, call.node, "a join of what is not known", call.arguments.positional[0]
        )
    text = receiver.value.join(v.value for v in values if isinstance(v, Const))
    return Const(text, trace(call.frame, call.node, "compute", None, *(v.trace for v in values)))


def from_python(value: object, made: object) -> Value:
    """A plain Python value as an abstract one, all parts with one trace."""
    from qlint.readers.python.source import Trace

    station = made if isinstance(made, Trace) else None
    if isinstance(value, list | tuple | set | frozenset):
        kind = "tuple" if isinstance(value, tuple) else "list"
        kind = "set" if isinstance(value, set | frozenset) else kind
        return Ref(Sequence(tuple(from_python(v, station) for v in value), kind), station)
    if isinstance(value, dict):
        target = Mapping()
        for key, entry in value.items():
            target.slots.data[key] = from_python(entry, station)
        return Ref(target, station)
    return Const(value, station)


def extend_in_place(machine: Machine, receiver: Ref, extra: Value) -> bool:
    """``+=`` and ``|=`` on lists, sets and dicts. False where it is something else."""
    target = receiver.target
    if isinstance(target, Sequence) and target.kind != "tuple":
        values = elements(machine, extra)
        if values is not None:
            operators.extend(machine, target, tuple(values))
        else:
            lost = _lost(extra)
            before = pieces(target.slots.data["items"])
            kept = None if before is None else PartlyKnown(lost, (*before, lost))
            machine.journal.write(target.slots, "items", kept or lost)
        return True
    if isinstance(target, Mapping):
        operators.merge(machine, target, extra)
        return True
    return False


def _lost(cause: Value) -> Unknown:
    if isinstance(cause, Unknown):
        return cause
    return Unknown("extended with what is not known", cause.trace)


def call_on_sequence(machine: Machine, receiver: Ref, target: Sequence, call: Call) -> Value:
    """A method of a list, a set or a tuple."""
    method = call.name
    argument = call.arguments.positional[0] if call.arguments.positional else None
    if method in ("append", "add") and argument is not None:
        operators.extend(machine, target, (argument,))
        return Const(None)
    if method in ("extend", "update", "union") and argument is not None:
        if method == "union":
            target = Sequence(target.values or (), target.kind)
            receiver = Ref(target, receiver.trace)
        extend_in_place(machine, receiver, argument)
        return receiver if method == "union" else Const(None)
    if method in ("remove", "discard") and argument is not None:
        _remove(machine, target, argument)
        return Const(None)
    if method == "copy":
        return Ref(Sequence(target.values or (), target.kind), receiver.trace)
    if method == "insert" and len(call.arguments.positional) == 2:
        _insert(machine, target, *call.arguments.positional)
        return Const(None)
    if method in ("intersection", "difference") and argument is not None:
        sign = "&" if method == "intersection" else "-"
        return operators.binary(sign, receiver, argument, call.frame, call.node)
    if method == "clear":
        machine.journal.write(target.slots, "items", Items(()))
        return Const(None)
    if method in ("pop", "sort", "reverse"):
        return _reorder(machine, target, call)
    if method in ("index", "count") and argument is not None and target.values is not None:
        verdicts = [comparisons.equals(value, argument) for value in target.values]
        made = trace(call.frame, call.node, "compute", None, receiver.trace, argument.trace)
        if method == "count" and None not in verdicts:
            return Const(verdicts.count(True), made)
        if method == "index" and True in verdicts and None not in verdicts:
            return Const(verdicts.index(True), made)
    return unknown(call.frame, call.node, f"the result of .{method}() of a list")


def _insert(machine: Machine, target: Sequence, position: Value, value: Value) -> None:
    def longer(items: Value) -> Value:
        if not isinstance(items, Items):
            return items
        if not isinstance(position, Const) or not isinstance(position.value, int):
            return Unknown("inserted at a place that is not known")
        values = list(items.values)
        values.insert(position.value, value)
        return Items(tuple(values))

    machine.journal.write(target.slots, "items", operators.lift(longer, target.slots.data["items"]))


def _remove(machine: Machine, target: Sequence, argument: Value) -> None:
    def shorter(items: Value) -> Value:
        if not isinstance(items, Items):
            return items
        values = list(items.values)
        for position, value in enumerate(values):
            equal = comparisons.equals(value, argument)
            if equal is None:
                return _lost(value)
            if equal:
                del values[position]
                break
        return Items(tuple(values))

    machine.journal.write(
        target.slots, "items", operators.lift(shorter, target.slots.data["items"])
    )


def _reorder(machine: Machine, target: Sequence, call: Call) -> Value:
    values = target.values
    if values is None:
        lost = unknown(call.frame, call.node, "a list that is not known")
        machine.journal.write(target.slots, "items", lost)
        return lost
    if call.name == "pop":
        position = call.arguments.positional[0] if call.arguments.positional else Const(-1)
        if not values:
            raise_error(machine, call.frame, "IndexError", "popped from an empty list")
        if not values or not isinstance(position, Const) or not isinstance(position.value, int):
            lost = unknown(call.frame, call.node, "popped from what is not known")
            machine.journal.write(target.slots, "items", lost)
            return lost
        rest = list(values)
        try:
            taken = rest.pop(position.value)
        except IndexError:
            raise_error(machine, call.frame, "IndexError", "popped from an empty list")
            return unknown(call.frame, call.node, "popped from an empty list")
        machine.journal.write(target.slots, "items", Items(tuple(rest)))
        return taken
    ordered = tuple(reversed(values)) if call.name == "reverse" else sort(machine, values, call)
    after = Items(ordered) if ordered is not None else Unknown("sorted by what is not known")
    machine.journal.write(target.slots, "items", after)
    return Const(None)


def sort(
    machine: Machine, values: tuple[Value, ...], call: Call, backwards: bool = False
) -> tuple[Value, ...] | None:
    """Sorted where what they are sorted by is known; else None."""
    from qlint.readers.python.calls import call_value

    key = call.arguments.keywords.get("key")
    reverse = operators.truth(call.arguments.keywords.get("reverse") or Const(False))
    ranks: list[tuple[Any, Value]] = []
    for value in values:
        rank: Value = value
        if key is not None and not (isinstance(key, Const) and key.value is None):
            rank = call_value(machine, key, Arguments([value]), call.node, call.frame)
        plain = operators.shown(rank)
        if plain is None or reverse is None:
            return None
        ranks.append((plain[0], value))
    try:
        ordered = sorted(ranks, key=lambda pair: pair[0], reverse=bool(reverse) or backwards)
    except TypeError:
        return None
    return tuple(value for _, value in ordered)


def call_on_mapping(machine: Machine, receiver: Ref, target: Mapping, call: Call) -> Value:
    """A method of a dict."""
    method, arguments = call.name, call.arguments
    if method in ("get", "pop", "setdefault") and arguments.positional:
        return _get(machine, target, call)
    if method == "update":
        for value in arguments.positional:
            operators.merge(machine, target, value)
        for name, value in arguments.bind((), call.frame, "update").items():
            machine.journal.write(target.slots, name, value)
        if arguments.rest is not None:
            machine.journal.write(target.meta, "rest", arguments.rest)
        return Const(None)
    if method == "copy":
        twin = Mapping()
        twin.slots.data.update(target.slots.data)
        twin.meta.data.update(target.meta.data)
        return Ref(twin, receiver.trace)
    if method == "clear":
        for key, _ in target.entries():
            machine.journal.delete(target.slots, key)
        return Const(None)
    if method in ("keys", "values", "items"):
        if target.rest is not None:
            return Unknown(target.rest.reason, target.rest.trace)
        if method != "values" and (lost := sparse(target)) is not None:
            return lost
        return Ref(Sequence(_view(target, method), "list"), receiver.trace)
    return unknown(call.frame, call.node, f"the result of .{method}() of a dict")


def _view(target: Mapping, method: str) -> tuple[Value, ...]:
    if method == "keys":
        return tuple(value_of_key(key) for key, _ in target.entries())
    if method == "values":
        return tuple(value for _, value in target.entries())
    return tuple(
        Ref(Sequence((value_of_key(key), value), "tuple")) for key, value in target.entries()
    )


def _get(machine: Machine, target: Mapping, call: Call) -> Value:
    given = call.arguments.positional
    default = given[1] if len(given) > 1 else call.arguments.get("default") or Const(None)
    results: list[Option] = []
    for option in alternatives(given[0]):
        key = key_of(option.value)
        if key is None:
            return unknown(call.frame, call.node, "a key that is not known", option.value)
        found = target.slots.get(key)
        if found is None and target.rest is not None:
            found = Unknown(target.rest.reason, target.rest.trace)
        if found is not None:
            found = present(found, default)
        elif call.name == "pop" and len(given) == 1:
            raise_error(machine, call.frame, "KeyError", f"no key {key!r}")
        results.append(Option(found if found is not None else default, option.condition))
        if call.name == "pop":
            machine.journal.delete(target.slots, key)
        elif call.name == "setdefault":
            machine.journal.write(target.slots, key, found if found is not None else default)
    return one_of(results)


def present(value: Value, default: Value) -> Value:
    """A dict's value, with the default in the cases where the key is not set."""
    if not any(isinstance(option.value, Missing) for option in alternatives(value)):
        return value
    options = [
        Option(default if isinstance(option.value, Missing) else option.value, option.condition)
        for option in alternatives(value)
    ]
    return one_of(options, value.trace)


def sparse(target: Mapping) -> Unknown | None:
    """Why the keys of a dict are not known, where some are set in some cases only."""
    for _, value in target.entries():
        for option in alternatives(value):
            if isinstance(option.value, Missing):
                return Unknown(option.value.reason, option.value.trace)
    return None
