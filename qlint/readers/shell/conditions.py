"""Decides tests: ``[ ... ]``, ``test`` and ``[[ ... ]]``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from qlint.readers.shell.arithmetic import NotANumber, evaluate
from qlint.readers.shell.expansion import Expander
from qlint.readers.shell.parameters import read_variable
from qlint.readers.shell.patterns import MAXIMUM_TEXT, Pattern
from qlint.readers.shell.syntax import Parameter, Test, Word
from qlint.readers.shell.values import Value

if TYPE_CHECKING:
    from qlint.readers.shell.machine import Machine
    from qlint.readers.shell.state import State

_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda left, right: left == right,
    "-ne": lambda left, right: left != right,
    "-lt": lambda left, right: left < right,
    "-le": lambda left, right: left <= right,
    "-gt": lambda left, right: left > right,
    "-ge": lambda left, right: left >= right,
}
_FILES = frozenset({"-f", "-d", "-e", "-s", "-r", "-w", "-x", "-L", "-h"})
_NUMBER = re.compile(r"\s*[-+]?\d{1,18}\s*\Z")
_MAXIMUM_DEPTH = 20


class Truth(NamedTuple):
    """Whether something succeeds. ``holds`` is None where that is not known.

    ``presumed`` is the answer if nobody sets the ``premises``, variables that the script does not
    set itself. ``program`` marks a program that is run: whether it succeeds is its own affair.
    """

    holds: bool | None
    presumed: bool | None = None
    premises: tuple[str, ...] = ()
    program: bool = False

    @property
    def opposite(self) -> Truth:
        """The truth of the negation."""
        return self._replace(
            holds=None if self.holds is None else not self.holds,
            presumed=None if self.presumed is None else not self.presumed,
        )

    def both(self, other: Truth, conjunction: bool) -> Truth:
        """This and the other, or this or the other."""
        for one, two in ((self, other), (other, self)):
            if one.holds is (not conjunction):
                return Truth(not conjunction)
            if one.holds is conjunction:
                return two
        if self.presumed is None or other.presumed is None:
            return Truth(None)
        decide = all if conjunction else any
        presumed = decide((self.presumed, other.presumed))
        return Truth(None, presumed, (*self.premises, *other.premises))


UNKNOWN = Truth(None)


def test_words(machine: Machine, node: Test, state: State) -> Truth:
    """``[[ ... ]]``."""
    return _Tester(machine, state, list(node.tokens), True).truth()


def test_arguments(machine: Machine, state: State, words: list[Value]) -> Truth:
    """``[ ... ]`` and ``test``, from the expanded words between the brackets."""
    tokens: list[Word | str | Value] = []
    for word in words:
        sign = word.text if word.unknown is None else ""
        tokens.append(sign if sign in ("(", ")", "!", "-a", "-o") and len(words) > 2 else word)
    return _Tester(machine, state, tokens, False).truth()


class _Tester:
    """Reads an expression of tests; ``extended`` in double brackets, where words are patterns."""

    def __init__(
        self,
        machine: Machine,
        state: State,
        tokens: list[Word | str | Value] | list[Word | str],
        extended: bool,
    ) -> None:
        self.machine = machine
        self.state = state
        self.expander = Expander(machine, state)
        self.tokens: list[Word | str | Value] = list(tokens)
        self.extended = extended
        self.number = 0
        self.depth = 0

    def truth(self) -> Truth:
        if not self.tokens:
            return Truth(False)
        result = self._or()
        return result if self.number == len(self.tokens) else UNKNOWN

    def _sign(self, *signs: str) -> bool:
        """Pass one of the signs, which is a string or a word written plainly."""
        if self.number < len(self.tokens):
            token = self.tokens[self.number]
            text = token.plain if isinstance(token, Word) else token
            if isinstance(text, str) and text in signs:
                self.number += 1
                return True
        return False

    def _or(self) -> Truth:
        self.depth += 1
        if self.depth > _MAXIMUM_DEPTH:
            self.number = len(self.tokens) + 1
            return UNKNOWN
        result = self._and()
        while self._sign("||") if self.extended else self._sign("-o"):
            result = result.both(self._and(), False)
        self.depth -= 1
        return result

    def _and(self) -> Truth:
        result = self._not()
        while self._sign("&&") if self.extended else self._sign("-a"):
            result = result.both(self._not(), True)
        return result

    def _not(self) -> Truth:
        negated = False
        while self._sign("!"):
            negated = not negated
        if self._sign("("):
            result = self._or()
            if not self._sign(")"):
                return UNKNOWN
        else:
            result = self._primary()
        return result.opposite if negated else result

    def _primary(self) -> Truth:
        rest = self.tokens[self.number :]
        if not rest:
            return UNKNOWN
        operator = self._text(rest[1]) if len(rest) > 1 else None
        if len(rest) > 2 and operator is not None and self._is_binary(operator):
            self.number += 3
            return self._binary(rest[0], operator, rest[2])
        first = self._text(rest[0])
        if len(rest) > 1 and first is not None and re.fullmatch(r"-[a-zA-Z]", first):
            self.number += 2
            return self._unary(first, self._value(rest[1]))
        self.number += 1
        return _filled(self._value(rest[0]), self._names(rest[0]))

    def _is_binary(self, text: str) -> bool:
        return text in _COMPARISONS or text in ("=", "==", "!=", "=~", "<", ">", "-nt", "-ot")

    def _text(self, token: Word | str | Value) -> str | None:
        """The text of an operator: as written in double brackets, expanded in single ones."""
        if isinstance(token, Word):
            return token.plain
        if isinstance(token, Value):
            return token.text if token.unknown is None else None
        return token

    def _value(self, token: Word | str | Value) -> Value:
        if isinstance(token, Word):
            return self.expander.value(token, "tested")
        return token if isinstance(token, Value) else Value()

    def _names(self, *tokens: Word | str | Value) -> tuple[str, ...]:
        """The variables that a premise is about."""
        found: list[str] = []
        for token in tokens:
            if isinstance(token, Word):
                found += [part.name for part in token.parts if isinstance(part, Parameter)]
            elif isinstance(token, Value):
                names = (re.search(r"\$\{?(\w+|[#@*])", one.text) for one in token.segments)
                found += [name[1] for name in names if name]
        return tuple(found)

    def _unary(self, operator: str, value: Value) -> Truth:
        names = self._names(value)
        if operator in ("-z", "-n"):
            filled = _filled(value, names)
            return filled if operator == "-n" else filled.opposite
        if operator == "-v":
            name = value.text
            if value.unknown is not None:
                return UNKNOWN
            if name in self.state.variables:
                return Truth(True)
            return Truth(None, False, (name,))
        if operator in _FILES:
            return self._file(operator, value)
        return UNKNOWN

    def _file(self, operator: str, value: Value) -> Truth:
        if value.unknown is not None or self.state.lost:
            return UNKNOWN
        path = self.state.path(value.text)
        if path in self.state.written:
            return Truth(operator not in ("-d", "-L", "-h"))
        if not self.machine.inside(path) or not os.path.exists(path):
            return UNKNOWN  # It may be there where the script runs.
        if operator == "-d":
            return Truth(os.path.isdir(path))
        return Truth(os.path.isfile(path)) if operator == "-f" else Truth(True)

    def _binary(self, left: Word | str | Value, operator: str, right: Word | str | Value) -> Truth:
        if operator in _COMPARISONS:
            return self._numbers(left, operator, right)
        one = self._value(left)
        if self.extended and isinstance(right, Word) and operator in ("=", "==", "!="):
            pattern, reason = self.expander.pattern(right)
        else:
            two = self._value(right)
            pattern, reason = Pattern([(two.text, True)]), two.unknown
        text, names = one.text, self._names(left, right)
        if operator in ("<", ">") and one.unknown is None and reason is None:
            other = pattern.literal or ""
            return Truth(text < other if operator == "<" else text > other)
        if operator not in ("=", "==", "!=") or reason is not None:
            return UNKNOWN
        if one.unknown is not None:
            # Compared with nothing, it is a question whether it is set.
            if one.presumed is None or pattern.literal != one.presumed:
                return UNKNOWN
            return Truth(None, operator != "!=", names)
        if len(text) > MAXIMUM_TEXT:
            return UNKNOWN
        return Truth(pattern.matches(text) == (operator != "!="))

    def _numbers(self, left: Word | str | Value, operator: str, right: Word | str | Value) -> Truth:
        compare = _COMPARISONS[operator]
        numbers: list[int | None] = []
        presumed: list[int | None] = []
        for value in (self._value(left), self._value(right)):
            numbers.append(self._number(value.text) if value.unknown is None else None)
            text = value.presumed
            presumed.append(self._number(text or "0") if text is not None else None)
        first, second = numbers
        if first is not None and second is not None:
            return Truth(compare(first, second))
        first, second = presumed
        if first is not None and second is not None:
            return Truth(None, compare(first, second), self._names(left, right))
        return UNKNOWN

    def _number(self, text: str) -> int | None:
        if _NUMBER.match(text):
            return int(text)
        if not self.extended:
            return None

        def lookup(name: str) -> str:
            self.machine.spend()
            value = read_variable(self.expander, name)
            if value.unknown is not None:
                raise NotANumber(value.unknown)
            return value.text

        try:
            return evaluate(text, lookup, lambda *_: None)
        except NotANumber:
            return None


def _filled(value: Value, names: tuple[str, ...]) -> Truth:
    """Whether a text is not empty."""
    if not value.text and any(one.presumed is not None for one in value.segments):
        return Truth(None, False, names)
    if value.unknown is None or any(one.unknown is None and one.text for one in value.segments):
        return Truth(bool(value.text))
    presumed = value.presumed
    return UNKNOWN if presumed is None else Truth(None, bool(presumed), names)
