"""``yq``: assignments to keys, on a YAML text whose parts know where they stand."""

from __future__ import annotations

import json
import re

from qlint.readers.documents import Refusal, load
from qlint.readers.documents.nodes import Mapping, Scalar, Span
from qlint.readers.shell.source import FIRST_STAND_IN
from qlint.readers.shell.state import State
from qlint.readers.shell.values import Segment, Value

_KEY = r"\.[A-Za-z_][\w-]*|\.\"[^\"]+\"|\[\"[^\"]+\"\]"
_ASSIGNMENT = re.compile(
    rf"[ \t\n]*\(?(?P<path>(?:{_KEY})+)\)?[ \t]*=[ \t]*"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"|(?:str)?env\(\w+\)|[^|\"()\[\]{}]+)[ \t\n]*(?:\||\Z)"
)
_ENVIRONMENT = re.compile(r"(?P<string>str)?env\((?P<name>\w+)\)\Z")
_MOST_ASSIGNMENTS = 50


class KeyNotFollowed(Exception):
    """An expression that does more than is followed."""


def with_keys(text: Value, expression: Value, state: State) -> Value:
    """A YAML text after the assignments of an expression. Raises KeyNotFollowed for any other."""
    written, offsets = _flat(expression)
    position = 0
    for _ in range(_MOST_ASSIGNMENTS):
        found = _ASSIGNMENT.match(written, position)
        if found is None:
            raise KeyNotFollowed
        keys = [one.strip('."[]') for one in re.findall(_KEY, found["path"])]
        start, end = found.span("value")
        end = start + len(found["value"].rstrip())
        value = _value(expression.slice(offsets[start], offsets[end]), written[start:end], state)
        text = _with_key(text, keys, value)
        position = found.end()
        if position >= len(written):
            return text
    raise KeyNotFollowed


def _flat(expression: Value) -> tuple[str, list[int]]:
    """The expression with one character for each part that is not known, and where each stands."""
    text, offsets, start = "", [], 0
    for segment in expression.segments:
        if segment.unknown is not None:
            text += chr(FIRST_STAND_IN)
            offsets.append(start)
        else:
            text += segment.text
            offsets += range(start, start + len(segment.text))
        start += len(segment.text)
    return text, [*offsets, start]


def _value(value: Value, written: str, state: State) -> Value:
    named = _ENVIRONMENT.match(written)
    if named is None:
        return value
    variable = state.variables.get(named["name"])
    if variable is None or not variable.exported:
        raise KeyNotFollowed
    if named["string"] and variable.value.unknown is None:
        return Value((Segment(json.dumps(variable.value.text), stations=variable.value.origins),))
    return variable.value


def _with_key(text: Value, keys: list[str], value: Value) -> Value:
    whole = text.text
    try:
        documents = load(whole.encode(), ".yaml")
    except Refusal:
        raise KeyNotFollowed from None
    node = documents[0].root if len(documents) == 1 else None
    for number, key in enumerate(keys):
        if not isinstance(node, Mapping):
            raise KeyNotFollowed
        entry = node.entries.get(key)
        if entry is None:
            if number or len(keys) > 1 or not isinstance(documents[0].root, Mapping):
                raise KeyNotFollowed
            ending = "" if whole.endswith("\n") else "\n"
            added = (Segment(f"{ending}{key}: "), *value.segments, Segment("\n"))
            return Value((*text.segments, *added))
        node = entry.value
    if not isinstance(node, Scalar) or node.span.line != node.span.end_line:
        raise KeyNotFollowed
    start, end = _offsets(whole, node.span)
    before, after = text.slice(0, start), text.slice(end, len(whole))
    return Value((*before.segments, *value.segments, *after.segments))


def _offsets(text: str, span: Span) -> tuple[int, int]:
    lines = text.split("\n")
    first = sum(len(line) + 1 for line in lines[: span.line - 1])
    return first + span.column - 1, first + span.end_column - 1
