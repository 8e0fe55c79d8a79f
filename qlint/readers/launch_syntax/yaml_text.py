"""The text of a YAML file, for scalars that hold the lines of a shell: where each line stands."""

from __future__ import annotations

from qlint.readers.commands import Argument
from qlint.readers.documents.nodes import Scalar
from qlint.readers.places import LineMap, Place
from qlint.recipe import Origin


class YamlText:
    """A YAML file as it is written."""

    def __init__(self, data: bytes, shown: str) -> None:
        self.shown = shown
        self._lines = data.decode("utf-8-sig", "replace").split("\n")

    def content(self, node: Scalar) -> str:
        """What a scalar holds, ended by a newline."""
        text = node.value if isinstance(node.value, str) else node.text
        return text if text.endswith("\n") else text + "\n"

    def places(self, node: Scalar) -> LineMap:
        """Where each line of a scalar's content stands.

        The lines of a folded scalar are joined: all stand where it starts.
        """
        places = LineMap(self.shown)
        span = node.span
        style = self._sign(node)
        lines = self.content(node).count("\n")
        if style == "|":
            indent = self._indent(span.line)
            for number in range(lines):
                places.add(Place(span.line + 1 + number, shift=indent))
            return places
        quoted = style in ('"', "'")
        first = span.line + 1 if style == ">" else span.line
        shift = self._indent(span.line) if style == ">" else span.column - 1 + quoted
        for _ in range(lines):
            places.add(Place(first, shift=shift))
        return places

    def argument(self, node: Scalar, via: str) -> Argument:
        """A scalar as one word, where it stands without its quotes."""
        span = node.span
        quoted = self._sign(node) in ('"', "'")
        place = Origin(
            self.shown,
            span.line,
            span.column + quoted,
            via=via,
            end_line=span.end_line,
            end_column=max(span.end_column - quoted, 1),
        )
        return Argument(node.value if isinstance(node.value, str) else node.text, (place,))

    def _sign(self, node: Scalar) -> str:
        span = node.span
        line = self._lines[span.line - 1] if span.line <= len(self._lines) else ""
        return line[span.column - 1 : span.column]

    def _indent(self, before: int) -> int:
        """How far the first line with a text is indented that follows a line."""
        for line in self._lines[before:]:
            if line.strip():
                return len(line) - len(line.lstrip(" "))
        return 0
