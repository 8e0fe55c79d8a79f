"""``match`` statements over values that are known."""

from __future__ import annotations

from functools import partial

import libcst as cst

from qlint.readers.python import comparisons, operators, subscripts
from qlint.readers.python.blocks import run_block, statement
from qlint.readers.python.evaluator import evaluate
from qlint.readers.python.frames import Frame
from qlint.readers.python.iteration import elements
from qlint.readers.python.machine import Machine, code, unknown
from qlint.readers.python.nodes import children
from qlint.readers.python.values import (
    Const,
    Instance,
    Library,
    Mapping,
    OneOf,
    Ref,
    Sequence,
    Unknown,
    UserClass,
    Value,
)
from qlint.readers.python.ways import Ended, Runner, branch

Captures = dict[str, Value]


@statement(cst.Match)
def run_match(machine: Machine, node: cst.Match, frame: Frame) -> Ended:
    """Run the case that matches, or all that may."""
    subject = evaluate(machine, node.subject, frame)
    branches: list[tuple[str, Runner]] = []
    for case in node.cases:
        captured: Captures = {}
        verdict = _matches(machine, case.pattern, subject, captured, frame)
        if verdict is False:
            continue
        run = partial(_run_case, machine, case, captured, frame)
        if case.guard is not None and verdict is True:
            _bind(machine, captured, frame)
            verdict = operators.truth(evaluate(machine, case.guard, frame))
            if verdict is False:
                continue
        condition = f"{code(frame.file, node.subject)} matches {code(frame.file, case.pattern)}"
        if verdict is True:
            if not branches:
                return run()
            branches.append((condition, run))
            return branch(machine, branches)
        branches.append((condition, run))
    if not branches:
        return None
    return branch(machine, [*branches, ("no case matches", lambda: None)])


def _run_case(machine: Machine, case: cst.MatchCase, captured: Captures, frame: Frame) -> Ended:
    _bind(machine, captured, frame)
    return run_block(machine, case.body, frame)


def _bind(machine: Machine, captured: Captures, frame: Frame) -> None:
    for name, value in captured.items():
        machine.journal.write(frame.home(name).slots, name, value)


def _matches(
    machine: Machine,
    pattern: cst.MatchPattern,
    subject: Value,
    captured: Captures,
    frame: Frame,
) -> bool | None:
    """Whether a pattern matches, None where that is not known; notes what it captures."""
    if isinstance(pattern, cst.MatchValue | cst.MatchSingleton):
        wanted = evaluate(machine, pattern.value, frame)
        if isinstance(subject, OneOf):
            verdicts = {comparisons.equals(option.value, wanted) for option in subject.options}
            return verdicts.pop() if len(verdicts) == 1 else None
        return comparisons.equals(subject, wanted)
    if isinstance(pattern, cst.MatchAs):
        verdict: bool | None = True
        if pattern.pattern is not None:
            verdict = _matches(machine, pattern.pattern, subject, captured, frame)
        if pattern.name is not None:
            captured[pattern.name.value] = subject
        return verdict
    if isinstance(pattern, cst.MatchOr):
        return _any_of(machine, pattern, subject, captured, frame)
    if isinstance(pattern, cst.MatchSequence):
        return _sequence(machine, pattern, subject, captured, frame)
    if isinstance(pattern, cst.MatchMapping):
        return _mapping(machine, pattern, subject, captured, frame)
    if isinstance(pattern, cst.MatchClass):
        return _class(machine, pattern, subject, captured, frame)
    return None


def _any_of(
    machine: Machine, pattern: cst.MatchOr, subject: Value, captured: Captures, frame: Frame
) -> bool | None:
    verdict: bool | None = False
    for part in pattern.patterns:
        one = _matches(machine, part.pattern, subject, captured, frame)
        if one is True:
            return True
        verdict = None if one is None else verdict
    return verdict


def _together(verdicts: list[bool | None]) -> bool | None:
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _sequence(
    machine: Machine, pattern: cst.MatchSequence, subject: Value, captured: Captures, frame: Frame
) -> bool | None:
    if isinstance(subject, Const):
        return False
    values = elements(machine, subject)
    if values is None or not isinstance(subject, Ref):
        _lose(pattern, captured, frame)
        return None
    if not isinstance(subject.target, Sequence) or subject.target.kind == "set":
        return False
    parts = pattern.patterns
    stars = [i for i, part in enumerate(parts) if isinstance(part, cst.MatchStar)]
    spare = len(values) - (len(parts) - len(stars))
    if spare < 0 or (spare and not stars):
        return False
    verdicts: list[bool | None] = []
    position = 0
    for part in parts:
        if isinstance(part, cst.MatchStar):
            if part.name is not None:
                rest = tuple(values[position : position + spare])
                captured[part.name.value] = Ref(Sequence(rest))
            position += spare
        elif isinstance(part, cst.MatchSequenceElement):
            verdicts.append(_matches(machine, part.value, values[position], captured, frame))
            position += 1
    return _together(verdicts)


def _mapping(
    machine: Machine, pattern: cst.MatchMapping, subject: Value, captured: Captures, frame: Frame
) -> bool | None:
    if isinstance(subject, Const):
        return False
    if not isinstance(subject, Ref) or not isinstance(subject.target, Mapping):
        _lose(pattern, captured, frame)
        return None if not isinstance(subject, Ref) else False
    verdicts: list[bool | None] = []
    for part in pattern.elements:
        key = evaluate(machine, part.key, frame)
        there = comparisons.contains(subject, key)
        verdicts.append(there)
        if there is not False:
            value = subscripts.item(machine, subject, key, frame, part.key)
            verdicts.append(_matches(machine, part.pattern, value, captured, frame))
    if pattern.rest is not None:
        captured[pattern.rest.value] = unknown(frame, pattern, "the rest of a dict")
    return _together(verdicts)


def _class(
    machine: Machine, pattern: cst.MatchClass, subject: Value, captured: Captures, frame: Frame
) -> bool | None:
    from qlint.readers.python.attributes import get_attribute

    cls = evaluate(machine, pattern.cls, frame)
    instance = subject.target if isinstance(subject, Ref) else None
    if isinstance(cls, Library) and isinstance(subject, Const) and len(pattern.patterns) < 2:
        names = {kind.__name__ for kind in type(subject.value).__mro__}
        verdicts: list[bool | None] = [cls.name.rsplit(".", 1)[-1] in names]
        for part in pattern.patterns:
            verdicts += [_matches(machine, part.value, subject, captured, frame)]
        return _together(verdicts)
    if not isinstance(cls, UserClass) or pattern.patterns or isinstance(subject, Unknown | OneOf):
        _lose(pattern, captured, frame)
        return None
    if not isinstance(instance, Instance) or instance.cls is None:
        return False
    if cls not in instance.cls.lineage():
        return False
    found: list[bool | None] = []
    for keyword in pattern.kwds:
        value = get_attribute(machine, subject, keyword.key.value, keyword.key, frame)
        found.append(_matches(machine, keyword.pattern, value, captured, frame))
    return _together(found)


def _lose(pattern: cst.CSTNode, captured: Captures, frame: Frame) -> None:
    """Names that a pattern captures from what is not known."""
    if isinstance(pattern, cst.MatchAs | cst.MatchStar) and pattern.name is not None:
        captured[pattern.name.value] = unknown(frame, pattern, "matched by what is not known")
    for child in children(pattern):
        _lose(child, captured, frame)
