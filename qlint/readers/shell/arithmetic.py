"""Integer arithmetic of the shell: 64 bits, the operators of C, variables by their bare names."""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9A-Fa-f]+|\d+(?:#\w+)?)|(?P<name>[A-Za-z_]\w*(?:\[\w*\])?)"
    r"|(?P<sign>\*\*|\+\+|--|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&^|]=|[-+*/%&^|<>!~?:=,()]))"
)
_MAXIMUM_TOKENS = 1_000
_MAXIMUM_DEPTH = 30
_LONGEST_NUMBER = 40

_PRECEDENCE = {
    "||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, "<=": 7, ">": 7, ">=": 7,
    "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10,
}  # fmt: skip
_ASSIGNING = frozenset({"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="})


class NotANumber(Exception):
    """The expression has no value that is known; the reason says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


Lookup = Callable[[str], str]
"""The text of a variable. Raises NotANumber where it is not known."""

Store = Callable[[str, int], None]


def evaluate(text: str, lookup: Lookup, store: Store, depth: int = 0) -> int:
    """The value of an expression. Raises NotANumber.

    ``store`` is told of assignments (``i++``). A variable's own text is evaluated in its turn.
    """
    return _Expression(text, lookup, store, depth).value()


class _Expression:
    def __init__(self, text: str, lookup: Lookup, store: Store, depth: int) -> None:
        self.text = text
        self.lookup = lookup
        self.store = store
        self.depth = depth
        self.tokens: list[tuple[str, str]] = []
        self.number = 0
        self.skipped = 0
        """Within an operand that is not evaluated: assignments there do not count."""
        position = 0
        while position < len(text.rstrip()):
            token = _TOKEN.match(text, position)
            if token is None or len(self.tokens) > _MAXIMUM_TOKENS:
                raise NotANumber(f"'{_short(text)}' is no integer expression")
            kind = token.lastgroup or ""
            self.tokens.append((kind, token.group(kind)))
            position = token.end()

    def value(self) -> int:
        if not self.tokens:
            return 0
        result = self._comma()
        if self.number < len(self.tokens):
            raise self._broken()
        return result

    def _broken(self) -> NotANumber:
        return NotANumber(f"'{_short(self.text)}' is no integer expression")

    def _peek(self) -> str:
        if self.number < len(self.tokens) and self.tokens[self.number][0] == "sign":
            return self.tokens[self.number][1]
        return ""

    def _accept(self, sign: str) -> bool:
        if self._peek() == sign:
            self.number += 1
            return True
        return False

    def _comma(self) -> int:
        result = self._assignment()
        while self._accept(","):
            result = self._assignment()
        return result

    def _assignment(self) -> int:
        self.depth += 1
        if self.depth > _MAXIMUM_DEPTH:
            raise NotANumber("an expression nested too deeply")
        following = self.tokens[self.number + 1 : self.number + 2]
        if (
            self.number < len(self.tokens)
            and self.tokens[self.number][0] == "name"
            and following
            and following[0][1] in _ASSIGNING
        ):
            name = self.tokens[self.number][1]
            sign = following[0][1]
            self.number += 2
            right = self._assignment()
            result = right if sign == "=" else _apply(sign[:-1], self._read(name), right)
            self._write(name, result)
        else:
            result = self._choice()
        self.depth -= 1
        return result

    def _choice(self) -> int:
        condition = self._binary(1)
        if not self._accept("?"):
            return condition
        left = self._unless(not condition, self._assignment)
        if not self._accept(":"):
            raise self._broken()
        right = self._unless(bool(condition), self._assignment)
        return left if condition else right

    def _unless(self, skipped: bool, operand: Callable[[], int]) -> int:
        self.skipped += skipped
        result = operand()
        self.skipped -= skipped
        return result

    def _binary(self, minimum: int) -> int:
        left = self._power()
        while (precedence := _PRECEDENCE.get(self._peek(), 0)) >= minimum:
            sign = self._peek()
            self.number += 1
            decided = (sign == "&&" and not left) or (sign == "||" and bool(left))
            self.skipped += decided
            right = self._binary(precedence + 1)
            self.skipped -= decided
            if self.skipped and sign in ("/", "%"):
                right = right or 1
            left = _apply(sign, left, right)
        return left

    def _power(self) -> int:
        base = self._unary()
        if not self._accept("**"):
            return base
        self.depth += 1
        if self.depth > _MAXIMUM_DEPTH:
            raise NotANumber("an expression nested too deeply")
        exponent = self._power()
        self.depth -= 1
        if exponent < 0:
            raise NotANumber("a negative exponent")
        return _wrap(pow(base, exponent, 1 << 64))

    def _unary(self) -> int:
        signs: list[str] = []
        while (sign := self._peek()) in ("+", "-", "!", "~", "++", "--") and sign:
            self.number += 1
            signs.append(sign)
        if signs and signs[-1] in ("++", "--") and self._at_name():
            name = self.tokens[self.number][1]
            self.number += 1
            result = _wrap(self._read(name) + (1 if signs.pop() == "++" else -1))
            self._write(name, result)
        else:
            result = self._primary()
        for sign in reversed(signs):
            if sign == "-":
                result = _wrap(-result)
            elif sign == "!":
                result = int(not result)
            elif sign == "~":
                result = ~result
        return result

    def _at_name(self) -> bool:
        return self.number < len(self.tokens) and self.tokens[self.number][0] == "name"

    def _primary(self) -> int:
        if self.number >= len(self.tokens):
            raise self._broken()
        kind, text = self.tokens[self.number]
        self.number += 1
        if kind == "number":
            return _number(text)
        if kind == "name":
            result = self._read(text)
            for sign, step in (("++", 1), ("--", -1)):
                if self._accept(sign):
                    self._write(text, _wrap(result + step))
                    break
            return result
        if text != "(":
            raise self._broken()
        result = self._comma()
        if not self._accept(")"):
            raise self._broken()
        return result

    def _read(self, name: str) -> int:
        if self.skipped:
            return 1
        text = self.lookup(name).strip()
        if not text:
            return 0
        if text.isascii() and text.isdigit() and len(text) < _LONGEST_NUMBER:
            return _number(text)
        if self.depth > _MAXIMUM_DEPTH - 5:
            raise NotANumber(f"{name} stands for itself")
        return evaluate(text, self.lookup, self.store, self.depth + 5)

    def _write(self, name: str, value: int) -> None:
        if not self.skipped:
            self.store(name, value)


def _apply(sign: str, left: int, right: int) -> int:
    if sign in ("/", "%"):
        if not right:
            raise NotANumber("a division by zero")
        quotient = abs(left) // abs(right)
        quotient = quotient if (left < 0) == (right < 0) else -quotient
        return _wrap(quotient if sign == "/" else left - quotient * right)
    if sign in ("<<", ">>"):
        shift = right & 63
        return _wrap(left << shift) if sign == "<<" else left >> shift
    return _wrap(_OPERATIONS[sign](left, right))


_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "<": lambda left, right: int(left < right),
    "<=": lambda left, right: int(left <= right),
    ">": lambda left, right: int(left > right),
    ">=": lambda left, right: int(left >= right),
    "==": lambda left, right: int(left == right),
    "!=": lambda left, right: int(left != right),
    "&": lambda left, right: left & right,
    "^": lambda left, right: left ^ right,
    "|": lambda left, right: left | right,
    "&&": lambda left, right: int(bool(left and right)),
    "||": lambda left, right: int(bool(left or right)),
}


def _wrap(number: int) -> int:
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def _number(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise NotANumber("a number of too many digits")
    try:
        if "#" in text:
            base, _, digits = text.partition("#")
            return _wrap(int(digits, int(base)))
        if text[:2].lower() == "0x":
            return _wrap(int(text, 16))
        return _wrap(int(text, 8) if text.startswith("0") else int(text))
    except ValueError:
        raise NotANumber(f"{text!r} is no number") from None


def _short(text: str) -> str:
    text = " ".join(text[:200].split())
    return text if len(text) <= 40 else text[:37] + "..."
