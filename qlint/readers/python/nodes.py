"""Walking a tree, without what stands between its expressions.

``node.children`` of libcst makes a copy of the node to find them, which validates it anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import cache

import libcst as cst

_LAYOUT = ("whitespace", "lpar", "rpar", "leading_lines", "lines_after", "header", "footer",
           "trailing", "comma", "semicolon", "lbrac", "rbrac")  # fmt: skip
"""How the fields start that hold blanks, comments and punctuation."""


@cache
def _parts_of(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind) if not one.name.startswith(_LAYOUT))


def children(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes directly below one, in no order that means something."""
    for name in _parts_of(type(node)):
        part = getattr(node, name)
        if isinstance(part, cst.CSTNode):
            yield part
        elif isinstance(part, tuple | list):
            for one in part:
                if isinstance(one, cst.CSTNode):
                    yield one


def walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A node and all nodes below it; what is above comes first."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(children(found))


def names_read(node: cst.CSTNode) -> tuple[str, ...]:
    """The names that an expression reads."""
    found: list[str] = []
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, cst.Name):
            found.append(part.value)
        elif isinstance(part, cst.Attribute):
            waiting.append(part.value)
        else:
            waiting.extend(children(part))
    return tuple(found)


def assignments(node: cst.CSTNode) -> Iterator[cst.Assign]:
    """The assignments among the statements below a node, in the order of the text."""
    for part in children(node):
        if isinstance(part, cst.Assign):
            yield part
        elif not isinstance(part, cst.BaseExpression):
            yield from assignments(part)
