"""Assigning to targets: names, attributes, subscripts and tuples of them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial

import libcst as cst

from qlint.readers.python import operators
from qlint.readers.python.arguments import Arguments
from qlint.readers.python.calls import call_function
from qlint.readers.python.evaluator import evaluate
from qlint.readers.python.frames import Frame
from qlint.readers.python.iteration import elements
from qlint.readers.python.keys import key_of
from qlint.readers.python.machine import Machine, code, raise_error, trace, unknown
from qlint.readers.python.values import (
    Const,
    Function,
    Instance,
    Items,
    Library,
    Mapping,
    ModuleValue,
    Object,
    OneOf,
    Option,
    Ref,
    Sequence,
    Unknown,
    UserClass,
    Value,
    one_of,
)
from qlint.readers.python.words import Word, word_of


def assign(machine: Machine, target: cst.CSTNode, value: Value, frame: Frame) -> None:
    """Bind a value to an assignment target."""
    if isinstance(target, cst.Name):
        machine.journal.write(frame.home(target.value).slots, target.value, value)
    elif isinstance(target, cst.Tuple | cst.List):
        _unpack(machine, target, value, frame)
    elif isinstance(target, cst.Attribute):
        receiver = evaluate(machine, target.value, frame)
        station = trace(
            frame, target, "pass", f"assigned to {code(frame.file, target)}", value.trace
        )
        set_attribute(machine, receiver, target.attr.value, value.traced(station))
    elif isinstance(target, cst.Subscript):
        _assign_item(machine, target, value, frame)
    elif isinstance(target, cst.StarredElement):
        assign(machine, target.value, value, frame)


def _unpack(machine: Machine, target: cst.Tuple | cst.List, value: Value, frame: Frame) -> None:
    count = len(target.elements)
    if isinstance(value, OneOf):
        columns: list[list[Option]] = [[] for _ in range(count)]
        for option in value.options:
            inner = elements(machine, option.value)
            if inner is not None and len(inner) == count:
                for column, element in zip(columns, inner, strict=True):
                    column.append(Option(element, option.condition))
        if all(columns):
            for part, column in zip(target.elements, columns, strict=True):
                assign(machine, part.value, one_of(column), frame)
            return
    values = elements(machine, value)
    starred = [i for i, e in enumerate(target.elements) if isinstance(e, cst.StarredElement)]
    if values is not None and starred and len(values) >= count - 1:
        first = starred[0]
        rest = len(values) - (count - 1)
        middle = Ref(Sequence(tuple(values[first : first + rest])))
        values = [*values[:first], middle, *values[first + rest :]]
    if values is None or len(values) != count:
        for part in target.elements:
            lost = unknown(frame, part.value, "unpacked from what is not known", value)
            assign(machine, part.value, lost, frame)
        return
    for part, part_value in zip(target.elements, values, strict=True):
        assign(machine, part.value, part_value, frame)


def set_attribute(machine: Machine, receiver: Value, name: str, value: Value) -> None:
    """``receiver.name = value``."""
    if isinstance(receiver, Ref):
        target = receiver.target
        member = target.cls.find(name) if isinstance(target, Instance) and target.cls else None
        if isinstance(member, Function) and member.setter is not None:
            given = Arguments([value])
            setter = member.setter
            call_function(machine, setter, given, receiver, setter.node, setter.closure)
            return
        machine.journal.write(receiver.target.slots, name, value)
        if isinstance(receiver.target, Instance) and receiver.target.role == "trainer":
            _share_with_model(machine, receiver.target, name, value)
    elif isinstance(receiver, ModuleValue):
        machine.journal.write(receiver.frame.slots, name, value)
    elif isinstance(receiver, Library):
        if f"{receiver.name}.{name}" == "sys.argv":
            machine.set_argv(_argv_of(machine, value))
    elif isinstance(receiver, UserClass):
        machine.journal.write(receiver.slots, name, value)
    elif isinstance(receiver, OneOf):
        # It is written to one of them: each may or may not hold it afterwards.
        for option in receiver.options:
            if isinstance(option.value, Ref):
                slots = option.value.target.slots
                before = slots.get(name)
                options = [Option(value, option.condition)]
                if before is not None:
                    options.append(Option(before, "otherwise"))
                machine.journal.write(slots, name, one_of(options))


def _argv_of(machine: Machine, value: Value) -> tuple[Word, ...]:
    """The words of a list that the script takes for its argv, without the script's own name."""
    values = elements(machine, value)
    if values is None:
        reason = value.reason if isinstance(value, Unknown) else "sys.argv is set at run time"
        return (Word("{...}", value.trace, reason),)
    words = [word_of(one) or Word("{...}", one.trace, "not known") for one in values]
    return tuple(words[1:])


def _share_with_model(machine: Machine, trainer: Instance, name: str, value: Value) -> None:
    """``trainer.model_wrapped`` and ``trainer.model`` are one model to a reader."""
    if name == "model_wrapped":
        machine.journal.write(trainer.slots, "model", value)


def _assign_item(machine: Machine, target: cst.Subscript, value: Value, frame: Frame) -> None:
    receiver = evaluate(machine, target.value, frame)
    part = target.slice[0].slice
    if len(target.slice) != 1 or not isinstance(part, cst.Index):
        if isinstance(receiver, Ref) and isinstance(receiver.target, Sequence):
            _assign_slice(machine, receiver.target, target, value, frame)
        return
    index = evaluate(machine, part.value, frame)
    if isinstance(receiver, Library) and receiver.name == "os.environ":
        if isinstance(index, Const):
            machine.environment[str(index.value)] = value
        return
    station = trace(frame, target, "pass", f"assigned to {code(frame.file, target)}", value.trace)
    value = value.traced(station)
    if isinstance(receiver, Ref):
        _set_item(machine, receiver.target, index, value, target, frame)
    elif isinstance(receiver, OneOf):
        outcomes = []
        for option in receiver.options:
            if isinstance(option.value, Ref):
                holder = option.value.target
                write = partial(_set_item, machine, holder, index, value, target, frame)
                _, outcome = machine.fork(write, option.condition or "one of several")
                outcomes.append((option.condition, outcome))
        machine.journal.join(outcomes)


def _set_item(
    machine: Machine,
    holder: Object,
    index: Value,
    value: Value,
    target: cst.Subscript,
    frame: Frame,
) -> None:
    if isinstance(holder, Sequence):
        _assign_element(machine, holder, index, value)
        return
    key = key_of(index)
    if key is not None:
        machine.journal.write(holder.slots, key, value)
    elif isinstance(holder, Mapping):
        reason = unknown(frame, target, "a key that is not known", index)
        operators.forget(machine, holder.slots, reason.reason, index)
        machine.journal.write(holder.meta, "rest", reason)


def _assign_slice(
    machine: Machine, holder: Sequence, target: cst.Subscript, value: Value | None, frame: Frame
) -> None:
    """``holder[a:b] = value``; ``del holder[a:b]`` where value is None."""
    part = target.slice[0].slice
    changed: Value = Unknown("a slice that is assigned to")
    new = [] if value is None else elements(machine, value)
    if isinstance(part, cst.Slice) and holder.values is not None and new is not None:
        bounds = [
            Const(None) if bound is None else evaluate(machine, bound, frame)
            for bound in (part.lower, part.upper, part.step)
        ]
        numbers = [bound.value for bound in bounds if isinstance(bound, Const)]
        content = list(holder.values)
        try:
            if len(numbers) == len(bounds):
                content[slice(*numbers)] = new
                changed = Items(tuple(content))
        except (TypeError, ValueError):
            pass
    machine.journal.write(holder.slots, "items", changed)


def _assign_element(machine: Machine, holder: Sequence, index: Value, value: Value) -> None:
    def changed(values: list[Value], position: int) -> None:
        values[position] = value

    _change(machine, holder, index, changed)


def _change(
    machine: Machine, holder: Sequence, index: Value, change: Callable[[list[Value], int], None]
) -> None:
    """Change one element of a list, in each of the contents that it may have."""

    def one(items: Value) -> Value:
        if not isinstance(items, Items):
            return items
        if not isinstance(index, Const) or not isinstance(index.value, int):
            return Unknown("an element that is not known is changed")
        values = list(items.values)
        if -len(values) <= index.value < len(values):
            change(values, index.value)
        return Items(tuple(values))

    machine.journal.write(holder.slots, "items", operators.lift(one, holder.slots.data["items"]))


def delete(machine: Machine, target: cst.CSTNode, frame: Frame) -> None:
    """``del target``."""
    if isinstance(target, cst.Name):
        machine.journal.delete(frame.home(target.value).slots, target.value)
    elif isinstance(target, cst.Tuple | cst.List):
        for element in target.elements:
            delete(machine, element.value, frame)
    elif isinstance(target, cst.Subscript):
        _delete_item(machine, target, frame)
    elif isinstance(target, cst.Attribute):
        receiver = evaluate(machine, target.value, frame)
        if isinstance(receiver, Ref):
            machine.journal.delete(receiver.target.slots, target.attr.value)


def _delete_item(machine: Machine, target: cst.Subscript, frame: Frame) -> None:
    receiver = evaluate(machine, target.value, frame)
    part = target.slice[0].slice
    holder = receiver.target if isinstance(receiver, Ref) else None
    if not isinstance(part, cst.Index):
        if isinstance(holder, Sequence):
            _assign_slice(machine, holder, target, None, frame)
        return
    index = evaluate(machine, part.value, frame)
    if isinstance(holder, Sequence):
        values = holder.values
        place = index.value if isinstance(index, Const) else None
        there = range(-len(values), len(values)) if values is not None else None
        if isinstance(place, int) and there is not None and place not in there:
            raise_error(machine, frame, "IndexError", "an index that does not exist")
        _change(machine, holder, index, operator.delitem)
    elif holder is not None:
        key = key_of(index)
        if key is None:
            return
        if isinstance(holder, Mapping) and holder.rest is None and holder.slots.get(key) is None:
            raise_error(machine, frame, "KeyError", f"no key {key!r}")
        machine.journal.delete(holder.slots, key)
