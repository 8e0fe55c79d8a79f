"""Python's builtins that compute: exact on what is known, with sizes checked first."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from qlint.readers.python import operators
from qlint.readers.python.containers import from_python, sort
from qlint.readers.python.iteration import elements
from qlint.readers.python.keys import key_of
from qlint.readers.python.libraries.paths import is_interpreter, path_text
from qlint.readers.python.libraries.registry import Call, function
from qlint.readers.python.machine import Machine, raise_error, trace, unknown
from qlint.readers.python.values import Const, Mapping, OneOf, Ref, Value

_NUMERIC: dict[str, Callable[..., Any]] = {
    "int": int,
    "float": float,
    "complex": complex,
    "str": str,
    "round": round,
    "abs": abs,
    "sum": sum,
    "repr": repr,
    "divmod": divmod,
    "ord": ord,
    "chr": chr,
    "hex": hex,
    "bin": bin,
}
MAX_NUMBER = 2**64


@function(*(f"builtins.{name}" for name in _NUMERIC))
def numeric(machine: Machine, call: Call) -> Value:
    """``int("8")``, ``round(x, 2)`` and their like, on constants."""
    name = call.name.rsplit(".", 1)[-1]
    given = call.arguments.positional
    if given and isinstance(given[0], OneOf):
        return operators.lift(
            lambda option: numeric(machine, call.with_positional([option, *given[1:]])), given[0]
        )
    if name == "str" and len(given) == 1 and is_interpreter(given[0]):
        return given[0]
    if name == "str" and len(given) == 1 and (text := path_text(given[0])) is not None:
        return Const(text, given[0].trace)
    values: list[Any] = []
    for value in given:
        plain = _plain(machine, value)
        if plain is None:
            return unknown(call.frame, call.node, f"{name}() of what is not known", value)
        values.append(plain[0])
    named = {key: operators.shown(value) for key, value in call.arguments.keywords.items()}
    if call.arguments.rest is not None or None in named.values():
        return unknown(call.frame, call.node, f"{name}() of what is not known", *given)
    if any(_huge(value) for value in values):
        return unknown(call.frame, call.node, "a value too large to compute")
    keywords = {key: value[0] for key, value in named.items() if value is not None}
    try:
        result = _NUMERIC[name](*values, **keywords)
    except Exception as problem:
        raise_error(machine, call.frame, type(problem).__name__, f"{name}()")
        return unknown(call.frame, call.node, f"{type(problem).__name__} in {name}()")
    before = [value.trace for value in given]
    return from_python(result, trace(call.frame, call.node, "compute", None, *before))


def _plain(machine: Machine, value: Value) -> tuple[Any] | None:
    plain = operators.shown(value)
    if plain is not None:
        return plain
    inner = elements(machine, value)
    if inner is None:
        return None
    parts = [operators.shown(part) for part in inner]
    known = [part[0] for part in parts if part is not None]
    return (known,) if len(known) == len(parts) else None


def _huge(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_huge(part) for part in value)
    return isinstance(value, int) and abs(value) > MAX_NUMBER


_MATH: dict[str, Callable[..., Any]] = {
    name: getattr(math, name)
    for name in ("ceil", "floor", "sqrt", "log", "log2", "log10", "exp", "trunc", "fabs", "gcd")
}


@function(*(f"math.{name}" for name in _MATH))
def mathematical(machine: Machine, call: Call) -> Value:
    """``math.ceil(n / batch)`` and its like."""
    name = call.name.rsplit(".", 1)[-1]
    given = call.arguments.positional
    numbers = [value.value for value in given if isinstance(value, Const)]
    if len(numbers) != len(given) or any(_huge(number) for number in numbers):
        return unknown(call.frame, call.node, f"{name}() of what is not known", *given)
    try:
        result = _MATH[name](*numbers)
    except Exception as problem:
        raise_error(machine, call.frame, type(problem).__name__, f"{name}()")
        return unknown(call.frame, call.node, f"{type(problem).__name__} in {name}()")
    before = [value.trace for value in given]
    return Const(result, trace(call.frame, call.node, "compute", None, *before))


@function("builtins.pow", "math.pow")
def power(machine: Machine, call: Call) -> Value:
    """``pow(a, b)``."""
    given = call.arguments.positional
    if len(given) != 2:
        return unknown(call.frame, call.node, "pow() with a modulus")
    result = operators.binary("**", given[0], given[1], call.frame, call.node)
    if call.name.startswith("math") and isinstance(result, Const):
        return Const(float(result.value), result.trace)
    return result


@function("builtins.min", "builtins.max")
def extreme(machine: Machine, call: Call) -> Value:
    """``min(a, b)``, ``max(items, key=..., default=...)``."""
    name = call.name.rsplit(".", 1)[-1]
    given = call.arguments.positional
    if len(given) == 1 and isinstance(given[0], OneOf):
        return operators.lift(
            lambda option: extreme(machine, call.with_positional([option])), given[0]
        )
    inner = elements(machine, given[0]) if len(given) == 1 else list(given)
    if inner is None:
        return unknown(call.frame, call.node, f"{name}() of what is not known", *given)
    if not inner:
        default = call.arguments.keywords.get("default")
        if default is None:
            raise_error(machine, call.frame, "ValueError", f"{name}() of nothing")
        return default or unknown(call.frame, call.node, f"{name}() of nothing")
    # Sorting is stable: of equals the first is taken, backwards as well.
    ordered = sort(machine, tuple(inner), call, backwards=name == "max")
    if ordered is None:
        return unknown(call.frame, call.node, f"{name}() of what is not known", *inner)
    before = [value.trace for value in given]
    return ordered[0].traced(trace(call.frame, call.node, "compute", None, *before))


@function("builtins.dict.fromkeys")
def keyed(machine: Machine, call: Call) -> Value:
    """``dict.fromkeys(names, value)``."""
    given = call.arguments.positional
    inner = elements(machine, given[0]) if given else None
    if inner is None:
        return unknown(call.frame, call.node, "a dict of keys that are not known", *given)
    target = Mapping()
    for value in inner:
        key = key_of(value)
        if key is None:
            return unknown(call.frame, call.node, "a key that is not known", value)
        target.slots.data[key] = given[1] if len(given) > 1 else Const(None)
    return Ref(target, trace(call.frame, call.node, "compute", None, given[0].trace))
