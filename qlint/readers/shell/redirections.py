"""Redirections: what a command is fed, and the files that its output is written to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from qlint.readers.shell.expansion import Expander
from qlint.readers.shell.file_commands import contents, put, replace_unknown
from qlint.readers.shell.machine import Machine
from qlint.readers.shell.outputs import DOCUMENT, Output
from qlint.readers.shell.state import State
from qlint.readers.shell.syntax import Redirection
from qlint.readers.shell.values import Segment, Value

_WRITING = frozenset({">", ">|", "&>"})
_APPENDING = frozenset({">>", "&>>"})


@contextmanager
def redirected(
    machine: Machine, redirections: Sequence[Redirection], state: State
) -> Iterator[None]:
    """What runs within reads and writes as the redirections say."""
    before = state.output, state.stdin
    target: tuple[str, bool] | None = None
    for one in redirections:
        if one.operator in ("<<", "<<-", "<<<"):
            state.stdin = document(machine, one, state)
        elif one.operator == "<":
            path = _target(machine, one, state)
            state.stdin = contents(machine, state, path) if path else None
        elif one.operator == ">&" and one.descriptor in ("", "1"):
            state.output = Output()  # To standard error: nobody reads it.
        elif one.operator in (*_WRITING, *_APPENDING) and one.descriptor in ("", "1"):
            target = _target(machine, one, state), one.operator in _APPENDING
            state.output = Output()
    output = state.output
    try:
        yield
    finally:
        state.output, state.stdin = before
    if target is not None and output is not None and target[0]:
        write(machine, target[0], output, state, appends=target[1])


def document(machine: Machine, one: Redirection, state: State) -> Value:
    """The text of a here-document or a here-string."""
    expander = Expander(machine, state)
    word = one.document if one.operator != "<<<" else one.target
    if word is None:
        return Value()
    if one.operator == "<<<":
        value = expander.value(word, DOCUMENT)
        return Value((*value.segments, Segment("\n")))
    pieces = expander.pieces(word.parts, DOCUMENT)
    return Value(tuple(piece.segment for piece in pieces if piece is not None))


def _target(machine: Machine, one: Redirection, state: State) -> str:
    """The path that is written to; empty where that is not known."""
    if one.target is None:
        return ""
    value = Expander(machine, state).value(one.target, "written to")
    if value.unknown is not None or state.lost or not value.text:
        return ""
    return state.path(value.text)


def write(machine: Machine, path: str, output: Output, state: State, *, appends: bool) -> None:
    """Note what a file holds from now on."""
    if output.lost is not None:
        replace_unknown(machine, state, path, output.lost)
        return
    before = contents(machine, state, path) if appends else Value()
    if before is None:
        there = path in state.written or (machine.inside(path) and os.path.exists(path))
        if there:
            put(machine, state, path, None, "more is appended to it")
            return
        before = Value()
    put(machine, state, path, Value((*before.segments, *output.segments)), "")
