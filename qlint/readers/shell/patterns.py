"""Patterns of the shell: ``*``, ``?``, ``[...]``; only the last star is ever reconsidered."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAXIMUM_TEXT = 10_000
"""Characters of a text that is compared with a pattern; longer ones stay unknown."""

_MAXIMUM_STEPS = 3_000_000

_ANY_CHARACTER = re.compile(r"(?s:.)")
_GROUP = re.compile(r"[?*+@!]\(")
_CLASSES = {
    "[:alpha:]": "a-zA-Z", "[:digit:]": "0-9", "[:alnum:]": "a-zA-Z0-9", "[:space:]": r"\s",
    "[:upper:]": "A-Z", "[:lower:]": "a-z", "[:punct:]": r"!-/:-@\[-`{-~",
}  # fmt: skip
_CLASS = re.compile(r"\[:[a-z]+:\]|[\\\[\]^]")


class Pattern:
    """A pattern, from texts each with whether it was quoted.

    ``understood`` is False for one with ``@(a|b)``, which bash knows only when told to.
    """

    def __init__(self, texts: Iterable[tuple[str, bool]]) -> None:
        pieces = list(texts)
        plain = "".join("" if quoted else text for text, quoted in pieces)
        self.understood = _GROUP.search(plain) is None
        self._items: list[str | re.Pattern[str] | None] = []
        for text, quoted in pieces:
            if quoted:
                self._items += text
            else:
                self._read(text)

    @property
    def literal(self) -> str | None:
        """The only text that matches, None where others do."""
        texts = [item for item in self._items if isinstance(item, str)]
        return "".join(texts) if len(texts) == len(self._items) else None

    def is_costly(self, text: str, everywhere: bool) -> bool:
        """Whether trying it at every place of a text, or ``everywhere`` within, takes too long."""
        stars = self._items.count(None)
        each = max(len(self._items), 1) * (len(text) if stars else 1)
        return each * len(text) ** (2 if everywhere and stars else 1) > _MAXIMUM_STEPS

    def _read(self, text: str) -> None:
        position = 0
        while position < len(text):
            character = text[position]
            close = text.find("]", position + 2) if character == "[" else -1
            if close > 0 and text.startswith("[:", position + 1):
                close = text.find("]", close + 1)
            if character == "*":
                self._items.append(None)
            elif character == "?":
                self._items.append(_ANY_CHARACTER)
            elif close > 0:
                self._items.append(_one_of(text[position + 1 : close]))
                position = close
            else:
                self._items.append(character)
            position += 1

    def matches(self, text: str) -> bool:
        """Whether all of the text matches."""
        items = self._items
        number = position = 0
        star, resumed = -1, 0
        while position < len(text):
            item = items[number] if number < len(items) else ""
            if item is None:
                star, resumed = number, position
                number += 1
            elif item and _fits(item, text[position]):
                number += 1
                position += 1
            elif star >= 0:
                resumed += 1
                number, position = star + 1, resumed
            else:
                return False
        return all(item is None for item in items[number:])

    def prefix(self, text: str, longest: bool) -> int:
        """The length of the shortest or longest matching start, 0 where there is none."""
        lengths = range(len(text), 0, -1) if longest else range(len(text) + 1)
        return next((one for one in lengths if self.matches(text[:one])), 0)

    def suffix(self, text: str, longest: bool) -> int:
        """Where the shortest or longest matching end starts: at the end where there is none."""
        starts = range(len(text)) if longest else range(len(text), -1, -1)
        return next((one for one in starts if self.matches(text[one:])), len(text))

    def longest_at(self, text: str, start: int) -> int:
        """Where the longest match that starts at ``start`` ends: there, where there is none."""
        literal = self.literal
        if literal is not None:
            return start + len(literal) if text.startswith(literal, start) else start
        if None not in self._items:
            end = start + len(self._items)
            fits = end <= len(text) and end > start and self.matches(text[start:end])
            return end if fits else start
        ends = range(len(text), start, -1)
        return next((end for end in ends if self.matches(text[start:end])), start)


def _fits(item: str | re.Pattern[str], character: str) -> bool:
    return item == character if isinstance(item, str) else item.match(character) is not None


def _one_of(inner: str) -> re.Pattern[str]:
    negated = inner[0] in "!^"
    body = _CLASS.sub(
        lambda found: _CLASSES.get(found.group(), "\\" + found.group()),
        inner[1:] if negated else inner,
    )
    try:
        return re.compile(f"(?s:[{'^' if negated else ''}{body}])")
    except re.error:  # A range that ends before it starts.
        return re.compile(r"(?!)")
