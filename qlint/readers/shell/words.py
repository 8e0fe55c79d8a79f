"""Reads words: quotes, escapes and everything that starts with a dollar sign."""

from __future__ import annotations

import re

from qlint.readers.shell.escapes import ansi_c
from qlint.readers.shell.source import SourceText
from qlint.readers.shell.syntax import (
    Arithmetic,
    Block,
    Literal,
    Parameter,
    Part,
    Substitution,
    Word,
)

MAXIMUM_DEPTH = 40
"""Substitutions, blocks and quotes within each other; hand-written scripts stay below twenty."""

MAXIMUM_RETRIES = 8
"""How often brackets that look like arithmetic may turn out to be commands."""

_MAXIMUM_BRACKETS = 30

_PLAIN = re.compile(r"[^ \t\n\\'\"`$|&;()<>]+")
_PATTERN_CHARACTERS = re.compile(r"[^ \t\n\\'\"`$]+")
_IN_DOUBLE_QUOTES = re.compile(r"[^\\\"`$]+")
_IN_DOCUMENT = re.compile(r"[^\\`$]+")
_IN_BACKTICKS = re.compile(r"(?:[^`\\]|\\.)*", re.DOTALL)
_PLACEHOLDER = re.compile(r"<[^\W\d][^<>|&;()$`\"'\\\n]{0,80}>(?=[\s/\"']|\Z)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL_NAME = re.compile(r"[0-9]+|[@*#?$!-]")
_SPECIAL = "@*#?$!-0123456789"
_OPERATOR = re.compile(r":[-=?+]|##?|%%?|//|/[#%]?|\^\^?|,,?|@[A-Za-z]|[-=?+:]")
_IN_ARITHMETIC = re.compile(r"[^\\\"'`$()]+")
_OPERAND_CHARACTERS = re.compile(r"[^\\\"'`$}{/:]+")


class Unreadable(Exception):
    """The text is no shell program from ``offset`` on."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class WordReader:
    """Reads the words of ``source`` from ``position`` on; nothing from ``end`` on exists."""

    def __init__(
        self,
        source: SourceText,
        position: int = 0,
        end: int | None = None,
        depth: int = 0,
    ) -> None:
        self.source = source
        self.text = source.text
        self.position = position
        self.end = len(source.text) if end is None else end
        self.depth = depth
        self.retries = 0

    def block(self, closing: str) -> Block:
        """Commands up to a closing character, which is left; what they are is the parser's."""
        raise NotImplementedError

    def at(self, text: str) -> bool:
        """Whether ``text`` comes next."""
        return self.text.startswith(text, self.position, self.end)

    @property
    def done(self) -> bool:
        """Whether the text is at its end."""
        return self.position >= self.end

    def enter(self) -> None:
        """Go one level deeper; refuses what is nested beyond reason."""
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            message = f"more than {MAXIMUM_DEPTH} levels within each other"
            raise Unreadable(message, self.position)

    def word(self, pattern: bool = False) -> Word | None:
        """The word that starts here, None where none does.

        In a ``pattern``, as behind ``=~``, brackets and bars are ordinary characters.
        """
        start = self.position
        parts: list[Part] = []
        open_brackets = 0
        ordinary = _PATTERN_CHARACTERS if pattern else _PLAIN
        while not self.done:
            character = self.text[self.position]
            if self._quoted_or_dollar(character, parts):
                continue
            plain = ordinary.match(self.text, self.position, self.end)
            if plain is not None:
                parts.append(Literal(plain.group(), self.position))
                self.position = plain.end()
            elif self.at_placeholder():
                parts.append(self._placeholder())
            elif character in "<>" and self.text.startswith("(", self.position + 1):
                if parts:
                    break
                parts.append(self._process_substitution())
            elif character == "(" and parts and self.text[self.position - 1] in "?*+@!":
                open_brackets += 1
                parts.append(self._one_character())
            elif open_brackets and character in "|()":
                open_brackets += (character == "(") - (character == ")")
                parts.append(self._one_character())
            else:
                break
        return Word(tuple(parts), start, self.position) if self.position > start else None

    def at_placeholder(self) -> bool:
        """Whether ``<your model>`` comes next, which is to be filled in before the script runs."""
        return self.at("<") and _PLACEHOLDER.match(self.text, self.position, self.end) is not None

    def _placeholder(self) -> Parameter:
        start = self.position
        self.position = self.text.index(">", start) + 1
        name = self.text[start + 1 : self.position - 1]
        return Parameter(name, start, self.position, False, "placeholder")

    def _one_character(self) -> Literal:
        self.position += 1
        return Literal(self.text[self.position - 1], self.position - 1)

    def _quoted_or_dollar(self, character: str, parts: list[Part], quoted: bool = False) -> bool:
        """Read an escape, a quotation or an expansion; False where neither is next."""
        start = self.position
        if character == "\\":
            self._escape(parts)
        elif character == "'":
            close = self.text.find("'", start + 1, self.end)
            if close < 0:
                raise Unreadable("a single quote is never closed", start)
            parts.append(Literal(self.text[start + 1 : close], start + 1, True))
            self.position = close + 1
        elif character == '"':
            self._double_quoted(parts)
        elif character == "$":
            self._dollar(parts, quoted)
        elif character == "`":
            parts.append(self._backticks(quoted))
        else:
            return False
        return True

    def _escape(self, parts: list[Part]) -> None:
        following = self.position + 1
        if following >= self.end:
            parts.append(Literal("\\", self.position, True))
        elif self.text[following] != "\n":
            parts.append(Literal(self.text[following], following, True))
        self.position = min(following + 1, self.end)

    def _double_quoted(self, parts: list[Part]) -> None:
        start = self.position
        self.position += 1
        before = len(parts)
        self.enter()
        while not self.done and self.text[self.position] != '"':
            self._within_quotes(parts, _IN_DOUBLE_QUOTES, '$`"\\')
        self.depth -= 1
        if self.done:
            raise Unreadable("a double quote is never closed", start)
        if len(parts) == before:
            parts.append(Literal("", self.position, True))
        self.position += 1

    def _within_quotes(self, parts: list[Part], ordinary: re.Pattern[str], escapable: str) -> None:
        character = self.text[self.position]
        if character == "\\":
            following = self.text[self.position + 1 : min(self.position + 2, self.end)]
            if following == "\n":
                self.position += 2
            elif following and following in escapable:
                parts.append(Literal(following, self.position + 1, True))
                self.position += 2
            else:
                parts.append(Literal("\\", self.position, True))
                self.position += 1
        elif character == "$":
            self._dollar(parts, True)
        elif character == "`":
            parts.append(self._backticks(True))
        else:
            plain = ordinary.match(self.text, self.position, self.end)
            close = plain.end() if plain else self.position + 1
            parts.append(Literal(self.text[self.position : close], self.position, True))
            self.position = close

    def document(self) -> Word:
        """All that is left, as in a here-document: quotes are ordinary, ``$`` is not."""
        start = self.position
        parts: list[Part] = []
        while not self.done:
            self._within_quotes(parts, _IN_DOCUMENT, "$`\\")
        return Word(tuple(parts), start, self.end)

    def _dollar(self, parts: list[Part], quoted: bool) -> None:
        start = self.position
        following = self.text[start + 1 : min(start + 2, self.end)]
        if following == "(":
            parts.append(self._parenthesis(quoted))
        elif following == "{":
            parts.append(self._braces(quoted))
        elif following == "'" and not quoted:
            text, self.position = ansi_c(self.text, start + 2, self.end)
            if self.position > self.end:
                raise Unreadable("a single quote is never closed", start)
            parts.append(Literal(text, start + 2, True, exact=False))
        elif following == '"' and not quoted:
            self.position += 1
            self._double_quoted(parts)
        elif name := _NAME.match(self.text, start + 1, self.end):
            self.position = name.end()
            parts.append(Parameter(name.group(), start, self.position, quoted))
        elif following and following in _SPECIAL:
            self.position += 2
            parts.append(Parameter(following, start, self.position, quoted))
        else:
            parts.append(Literal("$", start, quoted))
            self.position += 1

    def _parenthesis(self, quoted: bool) -> Part:
        """``$((...))`` or ``$(...)``; the former may turn out to be a subshell in the latter."""
        start = self.position
        self.enter()
        if self.at("$(("):
            self.position += 3
            expression = self.arithmetic("))")
            if expression is not None:
                self.depth -= 1
                return Arithmetic(expression, start, self.position, quoted)
            self.retries += 1
            if self.retries > MAXIMUM_RETRIES:
                raise Unreadable("too many brackets that may be arithmetic", start)
            self.position = start
        self.position += 2
        body = self.block(")")
        if not self.at(")"):
            raise Unreadable("'$(' is never closed", start)
        self.position += 1
        self.depth -= 1
        return Substitution(body, start, self.position, quoted)

    def arithmetic(self, closing: str) -> Word | None:
        """An expression up to ``closing``, which is passed; None where that is never found."""
        start = self.position
        parts: list[Part] = []
        depth = 0
        while not self.done:
            character = self.text[self.position]
            if not depth and self.at(closing):
                expression = Word(tuple(parts), start, self.position)
                self.position += len(closing)
                return expression
            if character in "()":
                depth += 1 if character == "(" else -1
                if not 0 <= depth <= _MAXIMUM_BRACKETS:
                    return None
                parts.append(self._one_character())
            elif character in "\"'":
                self.position += 1  # Quotes mean nothing to numbers.
            elif character in "\\$`":
                self._within_quotes(parts, _IN_ARITHMETIC, "$`\\")
            else:
                plain = _IN_ARITHMETIC.match(self.text, self.position, self.end)
                close = plain.end() if plain else self.position + 1
                if closing != "))":  # ``${x:offset:length}`` ends at a colon or a brace.
                    close = self._before(closing, close)
                parts.append(Literal(self.text[self.position : close], self.position, True))
                self.position = close
        return None

    def _before(self, closing: str, end: int) -> int:
        found = self.text.find(closing, self.position, end)
        return end if found < 0 else max(found, self.position + 1)

    def _backticks(self, quoted: bool) -> Substitution:
        start = self.position
        inner = _IN_BACKTICKS.match(self.text, start + 1, self.end)
        close = inner.end() if inner else self.end
        if close >= self.end:
            raise Unreadable("a backtick is never closed", start)
        body = self.text[start + 1 : close]
        source, first, last = self.source, start + 1, close
        if "\\" in body:
            text = re.sub(r"\\([`\\$])", r"\1", body)
            source = SourceText(text, source.shown)
            first, last = 0, len(text)
        self.enter()
        block = type(self)(source, first, last, self.depth).block("")
        self.depth -= 1
        self.position = close + 1
        same = source is self.source
        return Substitution(block if same else None, start, self.position, quoted)

    def _process_substitution(self) -> Substitution:
        start = self.position
        self.enter()
        self.position += 2
        self.block(")")
        if not self.at(")"):
            raise Unreadable("'<(' is never closed", start)
        self.position += 1
        self.depth -= 1
        return Substitution(None, start, self.position, True)

    def _braces(self, quoted: bool) -> Parameter:
        """``${...}``: what is not understood is kept under the operator ``bad``."""
        start = self.position
        self.enter()
        self.position += 2
        prefix = self._prefix()
        name = _NAME.match(self.text, self.position, self.end)
        if name is not None:
            self.position = name.end()
            called = name.group()
        else:
            special = _SPECIAL_NAME.match(self.text, self.position, self.end)
            called = special.group() if special else ""
            self.position += len(called)
        index = None
        if called and self.at("["):
            self.position += 1
            index = self.operand("]", quoted)
            self._pass("]", start)
        operator = _OPERATOR.match(self.text, self.position, self.end)
        operand = replacement = None
        sign = ""
        if operator is not None and called:
            sign = operator.group()
            self.position = operator.end()
            separator = "/" if sign[0] == "/" else ":" if sign == ":" else ""
            # Patterns are patterns also within quotes; defaults are quoted with them.
            within = quoted and sign[-1] in "-=?+"
            operand = self.operand(separator + "}", within)
            if separator and self.at(separator):
                self.position += 1
                replacement = self.operand("}", within)
        if not self.at("}"):
            sign, operand = "bad", self.operand("}", quoted)
        self._pass("}", start)
        self.depth -= 1
        return Parameter(
            called, start, self.position, quoted, sign, operand, replacement, index, prefix
        )

    def _prefix(self) -> str:
        following = self.text[self.position + 1 : min(self.position + 2, self.end)]
        if self.at("#") and following not in ("}", ":", "-", "=", "?", "+", ""):
            self.position += 1
            return "#"
        if self.at("!") and following != "}":
            self.position += 1
            return "!"
        return ""

    def _pass(self, closing: str, start: int) -> None:
        if not self.at(closing):
            raise Unreadable("'${' is never closed", start)
        self.position += 1

    def operand(self, stops: str, quoted: bool) -> Word:
        """What stands behind an operator of ``${...}``, up to one of ``stops``."""
        start = self.position
        parts: list[Part] = []
        while not self.done and self.text[self.position] not in stops:
            character = self.text[self.position]
            if quoted and character == "'":
                parts.append(Literal("'", self.position, True))
                self.position += 1
            elif not self._quoted_or_dollar(character, parts, quoted):
                plain = _OPERAND_CHARACTERS.match(self.text, self.position, self.end)
                close = plain.end() if plain else self.position + 1
                if "]" in stops:
                    close = self._before("]", close)
                parts.append(Literal(self.text[self.position : close], self.position, quoted))
                self.position = close
        return Word(tuple(parts), start, self.position)
