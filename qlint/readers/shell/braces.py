"""Brace expansion: ``{a,b}`` and ``{1..4}`` make several words of one."""

from __future__ import annotations

import re

from qlint.readers.shell.syntax import Literal, Part, Word

MAXIMUM_WORDS = 1_000

_SEQUENCE = re.compile(r"(-?\d{1,9})\.\.(-?\d{1,9})(?:\.\.(-?\d{1,9}))?\Z")
_LETTERS = re.compile(r"([A-Za-z])\.\.([A-Za-z])\Z")
_MARK = re.compile(r"[{},]")
_MAXIMUM_DEPTH = 10
_MAXIMUM_PARTS = 300


class TooManyWords(Exception):
    """More words than any command is given."""


def expand_braces(word: Word) -> list[Word]:
    """The words that a word stands for: mostly the one itself. Raises TooManyWords."""
    if not any(
        isinstance(part, Literal) and not part.quoted and "{" in part.text for part in word.parts
    ):
        return [word]
    parts = _cut(word.parts)
    if len(parts) > _MAXIMUM_PARTS:
        raise TooManyWords
    return [Word(tuple(one), word.start, word.end) for one in _expand(parts, 0)]


def _cut(parts: tuple[Part, ...]) -> list[Part]:
    """The parts with every unquoted brace and comma in a part of its own."""
    found: list[Part] = []
    for part in parts:
        if not isinstance(part, Literal) or part.quoted:
            found.append(part)
            continue
        position = 0
        for mark in _MARK.finditer(part.text):
            if mark.start() > position:
                text = part.text[position : mark.start()]
                found.append(Literal(text, part.start + position))
            found.append(Literal(mark.group(), part.start + mark.start()))
            position = mark.end()
        if position < len(part.text):
            found.append(Literal(part.text[position:], part.start + position))
    return found


def _is(part: Part, text: str) -> bool:
    return isinstance(part, Literal) and not part.quoted and part.text == text


def _expand(parts: list[Part], depth: int) -> list[list[Part]]:
    results: list[list[Part]] = [[]]
    closes = _closing_braces(parts)
    number = 0
    while number < len(parts):
        close = closes.get(number) if depth < _MAXIMUM_DEPTH else None
        choices = None
        if close is not None:
            choices = _choices(parts[number + 1 : close], parts[number], depth)
        if choices is None:
            for result in results:
                result.append(parts[number])
            number += 1
            continue
        assert close is not None
        if len(results) * len(choices) > MAXIMUM_WORDS:
            raise TooManyWords
        results = [[*result, *choice] for result in results for choice in choices]
        number = close + 1
    return results


def _closing_braces(parts: list[Part]) -> dict[int, int]:
    """For each opening brace the one that closes it."""
    found: dict[int, int] = {}
    waiting: list[int] = []
    for number, part in enumerate(parts):
        if _is(part, "{"):
            waiting.append(number)
        elif _is(part, "}") and waiting:
            found[waiting.pop()] = number
    return found


def _choices(inner: list[Part], brace: Part, depth: int) -> list[list[Part]] | None:
    """What a pair of braces stands for, None where it stands for itself."""
    pieces: list[list[Part]] = [[]]
    nested = 0
    for part in inner:
        nested += _is(part, "{") - _is(part, "}")
        if not nested and _is(part, ","):
            pieces.append([])
        else:
            pieces[-1].append(part)
    if len(pieces) > 1:
        choices = [choice for piece in pieces for choice in _expand(piece, depth + 1)]
        if len(choices) > MAXIMUM_WORDS:
            raise TooManyWords
        return choices
    if len(inner) != 1 or not isinstance(inner[0], Literal) or inner[0].quoted:
        return None
    texts = _sequence(inner[0].text)
    if texts is None:
        return None
    return [[Literal(text, brace.start, exact=False)] for text in texts]


def _sequence(text: str) -> list[str] | None:
    letters = _LETTERS.match(text)
    if letters is not None:
        first, last = ord(letters[1]), ord(letters[2])
        return [chr(one) for one in _range(first, last, 1)]
    numbers = _SEQUENCE.match(text)
    if numbers is None:
        return None
    first, last = int(numbers[1]), int(numbers[2])
    step = abs(int(numbers[3] or 1)) or 1
    if abs(last - first) // step >= MAXIMUM_WORDS:
        raise TooManyWords
    padded = any(re.match(r"-?0\d", numbers[one]) for one in (1, 2))
    width = max(len(numbers[1]), len(numbers[2])) if padded else 0
    return [f"{one:0{width}d}" if width else str(one) for one in _range(first, last, step)]


def _range(first: int, last: int, step: int) -> range:
    return range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
