"""Find the comments of an input, so that a string that merely contains one does not count."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

# One alternative eats a string whole, so that a number sign in it is never reached.
_STRING_OR_COMMENT = re.compile(
    r"""'(?:[^'\\\n]|\\.)*'? | "(?:[^"\\\n]|\\.)*"? | (?P<comment>(?:^|(?<=\s))\#.*)""",
    re.VERBOSE,
)


class Comment(NamedTuple):
    """A comment, with the first and the last line of the statement it stands in."""

    text: str
    line: int
    column: int
    first_line: int
    last_line: int
    cell: int | None = None
    """The cell of a notebook, within which the lines then count."""
    physical_line: int | None = None


def find_comments(text: str, *, python: bool) -> list[Comment]:
    """Return the comments of Python source, or of YAML or shell text."""
    return list(_python_comments(text) if python else _continued(_line_comments(text, 1), text))


def find_notebook_comments(data: bytes) -> list[Comment]:
    """Return the comments of the code cells of a notebook; none where it is no notebook."""
    from qlint.readers.notebook.ipynb import read_ipynb
    from qlint.recipe import Problem

    cells = read_ipynb("", data)
    if isinstance(cells, Problem):
        return []
    return [
        comment._replace(cell=cell.number, physical_line=cell.physical_line(comment.line))
        for cell in cells.cells
        for comment in _python_comments("\n".join(cell.lines))
    ]


def _python_comments(text: str) -> Iterator[Comment]:
    """Tokenize; from a line that cannot be tokenized on, look line by line."""
    waiting: list[tokenize.TokenInfo] = []
    first_line, reached = 0, 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                waiting.append(token)
            elif token.type in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
                if first_line == 0:
                    reached = token.start[0]
                    yield from _within(waiting, reached, reached)
                    waiting.clear()
            elif token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
                yield from _within(waiting, first_line or token.start[0], token.start[0])
                waiting.clear()
                first_line, reached = 0, token.start[0]
            elif first_line == 0:
                first_line = token.start[0]
    except (tokenize.TokenError, SyntaxError):
        rest = text.splitlines(keepends=True)[reached:]
        yield from _line_comments("".join(rest), reached + 1)


def _within(tokens: list[tokenize.TokenInfo], first: int, last: int) -> Iterator[Comment]:
    for token in tokens:
        line, column = token.start
        yield Comment(token.string, line, column + 1, min(first, line), max(last, line))


def _continued(comments: Iterator[Comment], text: str) -> Iterator[Comment]:
    """A command over several lines, each but the last ending in a backslash, is one statement."""
    lines = text.splitlines()
    first: dict[int, int] = {}
    for number in range(2, len(lines) + 1):
        if lines[number - 2].endswith("\\"):
            first[number] = first.get(number - 1, number - 1)
    for comment in comments:
        yield comment._replace(first_line=first.get(comment.line, comment.line))


def _line_comments(text: str, first_line: int) -> Iterator[Comment]:
    for number, line in enumerate(text.splitlines(), first_line):
        for match in _STRING_OR_COMMENT.finditer(line):
            if match["comment"]:
                yield Comment(match["comment"], number, match.start() + 1, number, number)
