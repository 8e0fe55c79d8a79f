"""Evaluating expressions: one small function for each kind of node."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import libcst as cst

from qlint.readers.python import comparisons, operators, subscripts
from qlint.readers.python.arguments import Arguments
from qlint.readers.python.attributes import get_attribute
from qlint.readers.python.calls import call_value
from qlint.readers.python.conditions import Condition, condition_of, names_in, narrowed
from qlint.readers.python.flags import consult
from qlint.readers.python.frames import Frame
from qlint.readers.python.iteration import elements
from qlint.readers.python.keys import key_of
from qlint.readers.python.machine import Machine, Raised, code, trace, unknown
from qlint.readers.python.names import lookup
from qlint.readers.python.source import Trace
from qlint.readers.python.values import (
    Const,
    Function,
    Mapping,
    OneOf,
    Option,
    Ref,
    Sequence,
    Unknown,
    Value,
    alternatives,
    one_of,
)
from qlint.readers.python.words import WrittenWord, placeholder

MAX_COMPREHENSION = 256
MAX_COMPREHENSION_STEPS = 20_000
"""What one comprehension may cost: it makes data then, not a configuration."""


def evaluate(machine: Machine, node: cst.BaseExpression, frame: Frame) -> Value:
    """The value of an expression. Never raises for what the program does wrong."""
    handler = _HANDLERS.get(type(node))
    if handler is None:
        return unknown(frame, node, f"{type(node).__name__} is not evaluated")
    value = handler(machine, node, frame)
    if machine.facts and isinstance(value, OneOf):
        return narrowed(value, machine.facts)
    return value


def _name(machine: Machine, node: cst.Name, frame: Frame) -> Value:
    return lookup(machine, node, frame)


def _literal(machine: Machine, node: Any, frame: Frame) -> Value:
    try:
        value = _read_literal(node)
    except (ValueError, SyntaxError, OverflowError, MemoryError):
        return unknown(frame, node, "a literal too large to read")
    return Const(value, Trace("literal", frame.file, node))


def _read_literal(node: Any) -> object:
    """The value of a literal; the plain ones without a parser, which costs more than all else."""
    text: str = node.value
    if isinstance(node, cst.SimpleString):
        if "\\" not in text and text[0] in "'\"":
            width = 3 if text.startswith(("'''", '"""')) else 1
            return text[width:-width]
    elif isinstance(node, cst.Integer) and text.isdecimal():
        return int(text)
    elif isinstance(node, cst.Float):
        return float(text)
    return node.evaluated_value


def _concatenated(machine: Machine, node: cst.ConcatenatedString, frame: Frame) -> Value:
    left = evaluate(machine, node.left, frame)
    right = evaluate(machine, node.right, frame)
    return operators.binary("+", left, right, frame, node)


def _formatted(machine: Machine, node: cst.FormattedString, frame: Frame) -> Value:
    parts: list[str] = []
    before: list[Value] = []
    lost: Value | None = None
    for part in node.parts:
        if isinstance(part, cst.FormattedStringText):
            parts.append(_unescaped(part.value, node))
            continue
        assert isinstance(part, cst.FormattedStringExpression)
        value = evaluate(machine, part.expression, frame)
        text = _inserted(machine, part, value, frame)
        if text is None:
            lost = lost or value
            text = placeholder(frame.file.code(part.expression))
        before.append(value)
        parts.append(text)
    text = "".join(parts)
    if lost is not None:
        cause = unknown(frame, node, "an f-string of values that are not known", lost)
        return WrittenWord(text, cause.reason, cause.trace)
    return Const(text, trace(frame, node, "compute", None, *(value.trace for value in before)))


_CONVERSIONS: dict[str, Callable[[object], str]] = {"r": repr, "s": str, "a": ascii}


def _unescaped(text: str, node: cst.FormattedString) -> str:
    text = text.replace("{{", "{").replace("}}", "}")
    if "\\" not in text or "r" in node.prefix.lower():
        return text
    try:
        return str(ast.literal_eval(f'"""{text}"""'))
    except (SyntaxError, ValueError):
        return text


def _inserted(
    machine: Machine, part: cst.FormattedStringExpression, value: Value, frame: Frame
) -> str | None:
    """The text of one ``{value!r:spec}``, None where it is not known."""
    spec = ""
    for piece in part.format_spec or ():
        if isinstance(piece, cst.FormattedStringText):
            spec += piece.value
        elif isinstance(piece, cst.FormattedStringExpression):
            inner = evaluate(machine, piece.expression, frame)
            spec += str(inner.value) if isinstance(inner, Const) else "?"
    constant = operators.shown(value)
    digits = "".join(letter if letter.isdigit() else " " for letter in spec).split()
    if constant is None or any(len(width) > 3 for width in digits):
        return None
    try:
        plain = constant[0]
        if part.conversion is not None:
            plain = _CONVERSIONS[part.conversion](plain)
        text = format(plain, spec)
    except (TypeError, ValueError, KeyError):
        return None
    equal = "" if part.equal is None else f"{frame.file.code(part.expression)}="
    if equal and not spec and part.conversion is None:
        text = repr(constant[0])
    return equal + text


def _sequence(machine: Machine, node: Any, frame: Frame) -> Value:
    kind = type(node).__name__.lower()
    values: list[Value] = []
    lost: Unknown | None = None
    for element in node.elements:
        value = evaluate(machine, element.value, frame)
        if isinstance(element, cst.StarredElement):
            inner = elements(machine, value)
            if inner is None:
                lost = lost or unknown(frame, node, "a starred value that is not known", value)
            else:
                values.extend(inner)
        else:
            values.append(value)
    made = Sequence(operators.distinct(tuple(values)) if kind == "set" else tuple(values), kind)
    if lost is not None:
        made.slots.data["items"] = lost
    return Ref(made, trace(frame, node, "literal"))


def _dict(machine: Machine, node: cst.Dict, frame: Frame) -> Value:
    target = Mapping()
    for element in node.elements:
        value = evaluate(machine, element.value, frame)
        if isinstance(element, cst.StarredDictElement):
            operators.merge(machine, target, machine.environment.as_dict(value))
            continue
        assert isinstance(element, cst.DictElement)
        key = key_of(evaluate(machine, element.key, frame))
        if key is None:
            target.meta.data["rest"] = unknown(frame, element.key, "a key that is not known")
        else:
            machine.journal.write(target.slots, key, value)
    return Ref(target, trace(frame, node, "literal"))


def _comprehension(machine: Machine, node: Any, frame: Frame) -> Value:
    produced: list[tuple[Value | None, Value]] = []
    inner = Frame(frame.file, frame, frame.function, frame.owner)
    inner.receiver = frame.receiver
    inner.comprehension = True
    is_dict = isinstance(node, cst.DictComp)
    limit = machine.steps + MAX_COMPREHENSION_STEPS

    def produce() -> None:
        if len(produced) >= operators.MAX_ITEMS or machine.steps > limit:
            raise _TooLong
        if is_dict:
            key = evaluate(machine, node.key, inner)
            produced.append((key, evaluate(machine, node.value, inner)))
        else:
            produced.append((None, evaluate(machine, node.elt, inner)))

    try:
        stopped = _run_comprehension(machine, node.for_in, inner, produce)
    except _TooLong:
        stopped = unknown(frame, node, "a comprehension too long to follow")
    if stopped is not None:
        return Unknown(stopped.reason, stopped.trace, stopped.tag)
    made = trace(frame, node, "compute")
    if is_dict:
        target = Mapping()
        for key, value in produced:
            known = key_of(key) if key is not None else None
            if known is None:
                target.meta.data["rest"] = unknown(frame, node, "a key that is not known")
            else:
                target.slots.data[known] = value
        return Ref(target, made)
    kind = "set" if isinstance(node, cst.SetComp) else "list"
    return Ref(Sequence(tuple(value for _, value in produced), kind), made)


class _TooLong(Exception):
    """A comprehension yields more than is followed."""


def _run_comprehension(
    machine: Machine, clause: cst.CompFor, inner: Frame, produce: Callable[[], None]
) -> Unknown | None:
    """Run ``for ... in ... if ...``; returns the unknown that stopped it, else None."""
    from qlint.readers.python.assignment import assign

    iterable = evaluate(machine, clause.iter, inner)
    values = elements(machine, iterable)
    if values is None or len(values) > MAX_COMPREHENSION:
        # Its parts may still tell what it is made of: run it once on an unknown element.
        stopper = unknown(inner, clause.iter, "a comprehension over what is not known", iterable)
        assign(machine, clause.target, stopper, inner)
        for condition in clause.ifs:
            evaluate(machine, condition.test, inner)
        try:
            if clause.inner_for_in is not None:
                _run_comprehension(machine, clause.inner_for_in, inner, produce)
            else:
                produce()
        except Raised:
            pass  # The element that would raise need not be there.
        return stopper
    for value in values:
        machine.step()
        assign(machine, clause.target, value, inner)
        keep = True
        for condition in clause.ifs:
            test = evaluate(machine, condition.test, inner)
            verdict = operators.truth(test)
            if verdict is None:
                return unknown(inner, condition.test, "a comprehension's condition", test)
            keep = keep and verdict
        if not keep:
            continue
        if clause.inner_for_in is not None:
            stopped = _run_comprehension(machine, clause.inner_for_in, inner, produce)
            if stopped is not None:
                return stopped
        else:
            produce()
    return None


def _unary(machine: Machine, node: cst.UnaryOperation, frame: Frame) -> Value:
    value = evaluate(machine, node.expression, frame)
    if isinstance(node.operator, cst.Not):
        return operators.negate(value, frame, node)

    def apply(operand: Value) -> Value:
        if isinstance(operand, Const) and isinstance(operand.value, int | float):
            number = operand.value
            if isinstance(node.operator, cst.Minus):
                number = -number
            elif isinstance(node.operator, cst.BitInvert) and isinstance(number, int):
                number = ~number
            # A sign belongs to its literal: "-1" is one literal to its reader.
            step = trace(frame, node, "literal" if operand.trace is None else "compute", None)
            if operand.trace is not None and operand.trace.step != "literal":
                step = trace(frame, node, "compute", None, operand.trace)
            return Const(number, step)
        return unknown(frame, node, "an operation on what is not known", operand)

    return operators.lift(apply, value)


_BINARY: dict[type[cst.BaseBinaryOp], str] = {
    cst.Add: "+",
    cst.Subtract: "-",
    cst.Multiply: "*",
    cst.Divide: "/",
    cst.FloorDivide: "//",
    cst.Modulo: "%",
    cst.Power: "**",
    cst.BitOr: "|",
    cst.BitAnd: "&",
    cst.LeftShift: "<<",
    cst.RightShift: ">>",
}


def _binary(machine: Machine, node: cst.BinaryOperation, frame: Frame) -> Value:
    from qlint.readers.python.libraries import note_scaled

    left = evaluate(machine, node.left, frame)
    right = evaluate(machine, node.right, frame)
    sign = _BINARY.get(type(node.operator))
    if sign is None:
        return unknown(frame, node, "an operator that is not evaluated", left, right)
    if sign == "/" and machine.loops:
        note_scaled(machine, node.left, right, frame)
    return operators.binary(sign, left, right, frame, node)


def _boolean(machine: Machine, node: cst.BooleanOperation, frame: Frame) -> Value:
    wanted = isinstance(node.operator, cst.Or)
    left = evaluate(machine, node.left, frame)
    verdict = operators.truth(left)
    if verdict is wanted:
        return left
    if verdict is not None:
        return evaluate(machine, node.right, frame)
    right = evaluate(machine, node.right, frame)
    right_verdict = operators.truth(right)
    if isinstance(right, Const) and right.value is wanted:
        return right
    kept = [
        option for option in alternatives(left) if operators.truth(option.value) in (wanted, None)
    ]
    if isinstance(left, Unknown) and right_verdict is not None:
        return unknown(frame, node, left.reason, left)
    options = [*kept, Option(right, None)]
    return one_of(options, trace(frame, node, "compute"))


def _comparison(machine: Machine, node: cst.Comparison, frame: Frame) -> Value:
    left = evaluate(machine, node.left, frame)
    first_unknown: Value | None = None
    result: Value = Const(True)
    for comparison in node.comparisons:
        right = evaluate(machine, comparison.comparator, frame)
        right = machine.environment.seen(right, key_of(left))
        result = comparisons.compare(comparison.operator, left, right, frame, node)
        verdict = operators.truth(result)
        if verdict is False:
            return result
        if verdict is None:
            first_unknown = first_unknown or result
        left = right
    return first_unknown or result


def _conditional(machine: Machine, node: cst.IfExp, frame: Frame) -> Value:
    test = evaluate(machine, node.test, frame)
    consult(machine, test)
    verdict = operators.truth(test)
    consult(machine, test)
    if verdict is not None:
        chosen = evaluate(machine, node.body if verdict else node.orelse, frame)
        if chosen.trace is not None and test.trace is not None and chosen.trace.from_library:
            # Picked among library values: the input decides which.
            return chosen.traced(trace(frame, node, "compute", None, chosen.trace))
        return chosen
    condition, otherwise = conditions_of(test, node.test, frame)
    fact = decided(machine, condition)
    if fact is not None:
        return evaluate(machine, node.body if fact else node.orelse, frame)
    body, left = machine.fork(partial(evaluate, machine, node.body, frame), condition)
    orelse, right = machine.fork(partial(evaluate, machine, node.orelse, frame), otherwise)
    machine.journal.join([(condition, left), (otherwise, right)])
    if isinstance(test, Unknown) and test.tag is not None:
        return unknown(frame, node, test.reason, test)
    joined = one_of([Option(body, condition), Option(orelse, otherwise)])
    if isinstance(joined, OneOf):
        return joined.traced(decision(test, condition, node, frame))
    return joined


def conditions_of(
    test: Value, node: cst.BaseExpression, frame: Frame
) -> tuple[Condition, Condition]:
    """The condition that a test which is not known stands for, and its opposite."""
    names = [frame.find(name) for name in names_in(node)]
    return condition_of(test, node, code(frame.file, node), names)


def decided(machine: Machine, condition: Condition) -> bool | None:
    """Whether a condition holds where it, or its opposite, is known to hold; else None."""
    if condition.key is not None:
        for fact in machine.facts:
            if fact.key == condition.key:
                return fact.holds is condition.holds
    return None


def decision(test: Value, condition: str, node: cst.CSTNode, frame: Frame) -> Trace:
    """The station at which a value depends on what is not known."""
    reason = f": {test.reason}" if isinstance(test, Unknown) else ""
    return trace(frame, node, "unknown", f"depends on {condition}{reason}", test.trace)


def _attribute(machine: Machine, node: cst.Attribute, frame: Frame) -> Value:
    value = evaluate(machine, node.value, frame)
    return get_attribute(machine, value, node.attr.value, node, frame)


def _subscript(machine: Machine, node: cst.Subscript, frame: Frame) -> Value:
    from qlint.readers.python.libraries import note_cut

    value = evaluate(machine, node.value, frame)
    if len(node.slice) != 1:
        for element in node.slice:
            if isinstance(element.slice, cst.Index):
                evaluate(machine, element.slice.value, frame)
            elif isinstance(element.slice, cst.Slice) and element.slice.upper is not None:
                bound = evaluate(machine, element.slice.upper, frame)
                note_cut(machine, element.slice.upper, bound, frame)
        return unknown(frame, node, "a subscript of several indices", value)
    part = node.slice[0].slice
    if isinstance(part, cst.Slice):
        bounds = [
            Const(None) if bound is None else evaluate(machine, bound, frame)
            for bound in (part.lower, part.upper, part.step)
        ]
        if part.upper is not None:
            note_cut(machine, part.upper, bounds[1], frame)
        return subscripts.slice_of(value, bounds, frame, node)
    assert isinstance(part, cst.Index)
    index = evaluate(machine, part.value, frame)
    return subscripts.item(machine, value, index, frame, node)


def _call(machine: Machine, node: cst.Call, frame: Frame) -> Value:
    callee = evaluate(machine, node.func, frame)
    arguments = evaluate_arguments(machine, node.args, frame)
    return call_value(machine, callee, arguments, node, frame)


def evaluate_arguments(machine: Machine, args: Any, frame: Frame) -> Arguments:
    """Evaluate the arguments of a call, with their ``*`` and ``**`` splats."""
    arguments = Arguments()
    for arg in args:
        value = evaluate(machine, arg.value, frame)
        if arg.star == "**":
            _splat(machine, arguments, value, arg, frame)
        elif arg.star == "*":
            inner = elements(machine, value)
            if inner is None:
                arguments.rest = unknown(frame, arg, "* of what is not known", value)
                arguments.rest_positional = True
            else:
                for element in inner:
                    arguments.nodes[len(arguments.positional)] = arg
                    arguments.positional.append(element)
        elif arg.keyword is not None:
            arguments.nodes[arg.keyword.value] = arg
            arguments.keywords[arg.keyword.value] = value
        else:
            arguments.nodes[len(arguments.positional)] = arg
            arguments.positional.append(value)
    return arguments


def _splat(
    machine: Machine, arguments: Arguments, value: Value, arg: cst.Arg, frame: Frame
) -> None:
    if isinstance(value, Ref) and isinstance(value.target, Mapping):
        for key, entry in value.target.entries():
            if isinstance(key, str) and key not in arguments.keywords:
                arguments.nodes[key] = arg
                arguments.keywords[key] = entry
        if value.target.slots.fallback is not None:
            arguments.fallbacks.append(value.target.slots.fallback)
        if value.target.rest is not None:
            arguments.rest = value.target.rest
    elif isinstance(value, OneOf):
        _splat_one_of(arguments, value, arg, frame)
    else:
        arguments.rest = unknown(frame, arg, "** of what is not known", value)


def _splat_one_of(arguments: Arguments, value: OneOf, arg: cst.Arg, frame: Frame) -> None:
    """Keys that every alternative sets become one of their values; the others are not known."""
    dicts = [
        option.value.target
        for option in value.options
        if isinstance(option.value, Ref) and isinstance(option.value.target, Mapping)
    ]
    if len(dicts) != len(value.options):
        arguments.rest = unknown(frame, arg, "** of what is not known", value)
        return
    keys: dict[Hashable, None] = {}
    for target in dicts:
        keys.update(dict.fromkeys(target.slots.data))
    for key in keys:
        options = [
            Option(found, option.condition)
            for option, target in zip(value.options, dicts, strict=True)
            if (found := target.slots.get(key)) is not None
        ]
        if not isinstance(key, str) or key in arguments.keywords:
            continue
        arguments.nodes[key] = arg
        if len(options) == len(dicts):
            arguments.keywords[key] = one_of(options)
        else:
            reason = f"{key} is given in some cases only"
            options.append(Option(unknown(frame, arg, reason), None))
            arguments.keywords[key] = one_of(options)


def _lambda(machine: Machine, node: cst.Lambda, frame: Frame) -> Value:
    function = Function(node, "<lambda>", frame, defaults_of(machine, node.params, frame))
    return function.traced(trace(frame, node, "literal"))


def defaults_of(machine: Machine, params: cst.Parameters, frame: Frame) -> dict[str, Value]:
    """The defaults of parameters, evaluated where the function is defined."""
    defaults: dict[str, Value] = {}
    for param in (*params.posonly_params, *params.params, *params.kwonly_params):
        if param.default is not None:
            value = evaluate(machine, param.default, frame)
            station = trace(
                frame,
                param.default,
                "pass",
                f"default of parameter {param.name.value}",
                value.trace,
            )
            defaults[param.name.value] = value.traced(station)
    return defaults


def _named(machine: Machine, node: cst.NamedExpr, frame: Frame) -> Value:
    from qlint.readers.python.assignment import assign

    value = evaluate(machine, node.value, frame)
    home = frame
    while home.comprehension and home.parent is not None:
        home = home.parent  # It outlives the comprehension that it stands in.
    assign(machine, node.target, value, home)
    return value


def _ellipsis(machine: Machine, node: cst.Ellipsis, frame: Frame) -> Value:
    return Const(..., trace(frame, node, "literal"))


def _await(machine: Machine, node: cst.Await, frame: Frame) -> Value:
    return evaluate(machine, node.expression, frame)


def _yield(machine: Machine, node: cst.Yield, frame: Frame) -> Value:
    if frame.yields is None:
        frame.yields = []
    if isinstance(node.value, cst.From):
        several = evaluate(machine, node.value.item, frame)
        inner = elements(machine, several)
        yielded: list[Value]
        yielded = (
            list(inner) if inner is not None else [unknown(frame, node, "what it yields", several)]
        )
    elif node.value is not None:
        yielded = [evaluate(machine, node.value, frame)]
    else:
        yielded = [Const(None)]
    if machine.doubts > frame.doubts:
        yielded = [unknown(frame, node, "what is yielded in some cases only", *yielded)]
    frame.yields.extend(yielded)
    return unknown(frame, node, "what is sent to a generator")


_HANDLERS: dict[type[cst.CSTNode], Callable[[Machine, Any, Frame], Value]] = {
    cst.Name: _name,
    cst.Integer: _literal,
    cst.Float: _literal,
    cst.Imaginary: _literal,
    cst.SimpleString: _literal,
    cst.ConcatenatedString: _concatenated,
    cst.FormattedString: _formatted,
    cst.List: _sequence,
    cst.Tuple: _sequence,
    cst.Set: _sequence,
    cst.Dict: _dict,
    cst.ListComp: _comprehension,
    cst.SetComp: _comprehension,
    cst.GeneratorExp: _comprehension,
    cst.DictComp: _comprehension,
    cst.UnaryOperation: _unary,
    cst.BinaryOperation: _binary,
    cst.BooleanOperation: _boolean,
    cst.Comparison: _comparison,
    cst.IfExp: _conditional,
    cst.Attribute: _attribute,
    cst.Subscript: _subscript,
    cst.Call: _call,
    cst.Lambda: _lambda,
    cst.NamedExpr: _named,
    cst.Ellipsis: _ellipsis,
    cst.Await: _await,
    cst.Yield: _yield,
}
