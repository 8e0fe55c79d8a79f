"""Reads simple commands: assignments, words, redirections and the here-documents of these."""

from __future__ import annotations

import re

from qlint.readers.shell.source import SourceText
from qlint.readers.shell.syntax import (
    Assignment,
    Element,
    Literal,
    Part,
    Redirection,
    Simple,
    Word,
)
from qlint.readers.shell.words import Unreadable, WordReader

_BLANK = re.compile(r"(?:[ \t]+|\\\n)+")
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<sign>\+?=|\[)")
_REDIRECTION = re.compile(
    r"(?P<descriptor>\d*|\{[A-Za-z_]\w*\})(?P<sign><<<|<<-|<<|<>|<&|<(?!\()|&>>|&>|>>|>&|>\||>(?!\())"
)
_DECLARATIONS = frozenset({"export", "local", "declare", "typeset", "readonly"})
_INDEXED = re.compile(r"\]\+?=")


class SimpleReader(WordReader):
    """Reads simple commands, and what stands between any two commands."""

    def __init__(
        self, source: SourceText, position: int = 0, end: int | None = None, depth: int = 0
    ) -> None:
        super().__init__(source, position, end, depth)
        self._documents: list[tuple[Redirection, str, bool, int]] = []

    # Blanks, separators and reserved words

    def blanks(self) -> None:
        """Pass blanks, continued lines and a comment."""
        blank = _BLANK.match(self.text, self.position, self.end)
        if blank is not None:
            self.position = blank.end()
        if self.at("#") and (blank is not None or self._at_line_start()):
            newline = self.text.find("\n", self.position, self.end)
            self.position = self.end if newline < 0 else newline

    def _at_line_start(self) -> bool:
        return self.position == 0 or self.text[self.position - 1] in "\n;&|()`"

    def newline(self) -> bool:
        """Pass the end of a line, and the here-documents that start there."""
        if not self.at("\n"):
            return False
        self.position += 1
        if self._documents:
            self._read_documents()
        return True

    def separators(self) -> None:
        """Pass blanks, comments, newlines and stray semicolons."""
        while True:
            self.blanks()
            if not self.newline():
                if not self.at(";") or self.at(";;") or self.at(";&"):
                    return
                self.position += 1

    def newlines(self) -> None:
        """Pass blanks, comments and newlines."""
        while True:
            self.blanks()
            if not self.newline():
                return

    def terminator(self) -> None:
        """Pass what ends a command."""
        self.blanks()
        if (self.at("&") and not self.at("&&")) or (self.at(";") and not self.at(";;")):
            if not self.at(";&"):
                self.position += 1
        else:
            self.newline()

    def reserved(self) -> str:
        """The reserved word or name that stands here alone, without passing it."""
        start = self.position
        stop = start
        while stop < self.end and self.text[stop] not in " \t\n;&|()<>":
            stop += 1
            if stop - start > 8:
                return ""
        return self.text[start:stop]

    def simple(self, start: int) -> Simple:
        """A simple command."""
        assignments: list[Assignment] = []
        words: list[Word] = []
        declared: list[Assignment] = []
        redirections: list[Redirection] = []
        end = start
        while True:
            self.blanks()
            if self.done or self.text[self.position] in "\n;|)":
                break
            redirection = self._redirection()
            if redirection is not None:
                redirections.append(redirection)
            elif self.text[self.position] in "&(":
                break
            elif not words and (assignment := self._assignment()) is not None:
                assignments.append(assignment)
            elif (
                words
                and words[0].plain in _DECLARATIONS
                and (assignment := self._assignment()) is not None
            ):
                declared.append(assignment)
            else:
                word = self.word()
                if word is None:
                    break
                words.append(word)
            end = self.position
        return Simple(
            tuple(assignments), tuple(words), tuple(declared), tuple(redirections), start, end
        )

    def _assignment(self) -> Assignment | None:
        found = _ASSIGNMENT.match(self.text, self.position, self.end)
        if found is None:
            return None
        start = self.position
        self.position = found.end()
        index = None
        sign = found["sign"]
        if sign == "[":
            index = self.operand("]", False)
            signed = _INDEXED.match(self.text, self.position, self.end)
            if signed is None:
                self.position = start
                return None
            sign = signed.group()
            self.position = signed.end()
        appends = "+" in sign
        name = found["name"]
        if self.at("(") and index is None:
            elements = self._elements(start)
            return Assignment(name, start, self.position, None, elements, None, appends)
        value = self.word() or Word((), self.position, self.position)
        return Assignment(name, start, self.position, value, None, index, appends)

    def _elements(self, start: int) -> tuple[Element, ...]:
        self.position += 1
        self.enter()
        elements: list[Element] = []
        while True:
            self.newlines()
            if self.at(")"):
                break
            key = None
            if self.at("["):
                key = self._element_key()
            value = self.word()
            if value is None and key is None:
                raise Unreadable("the '(' of an array is never closed", start)
            elements.append(Element(value or Word((), self.position, self.position), key))
        self.position += 1
        self.depth -= 1
        return tuple(elements)

    def _element_key(self) -> Word | None:
        before = self.position
        self.position += 1
        key = self.operand("]", False)
        if self.at("]="):
            self.position += 2
            return key
        self.position = before
        return None

    # Redirections and here-documents

    def redirections(self) -> tuple[Redirection, ...]:
        """The redirections that stand here."""
        found: list[Redirection] = []
        while True:
            self.blanks()
            redirection = self._redirection()
            if redirection is None:
                return tuple(found)
            found.append(redirection)

    def _redirection(self) -> Redirection | None:
        found = _REDIRECTION.match(self.text, self.position, self.end)
        if found is None or self.at_placeholder():
            return None
        start = self.position
        sign = found["sign"]
        self.position = found.end()
        self.blanks()
        before = self.position
        target = self.word()
        redirection = Redirection(sign, target, found["descriptor"])
        if sign in ("<<", "<<-"):
            if target is None:
                raise Unreadable("'<<' names no end of its text", start)
            raw = self.text[before : self.position]
            quoted = any(mark in raw for mark in "'\"\\")
            delimiter = re.sub(r"[\\'\"]", "", raw)
            self._documents.append((redirection, delimiter, quoted, start))
        elif target is None:
            raise Unreadable(f"{sign!r} names no file", start)
        return redirection

    def _read_documents(self) -> None:
        waiting, self._documents = self._documents, []
        for redirection, delimiter, quoted, start in waiting:
            tabs = redirection.operator == "<<-"
            body = self.position
            while True:
                if self.done:
                    line = self.source.line_of(start)
                    raise Unreadable(f"the text behind '<<' in line {line} never ends", start)
                newline = self.text.find("\n", self.position, self.end)
                close = self.end if newline < 0 else newline
                line_text = self.text[self.position : close]
                following = min(close + 1, self.end)
                if (line_text.lstrip("\t") if tabs else line_text).rstrip("\r") == delimiter:
                    break
                self.position = following
            redirection.document = self._document(body, self.position, quoted, tabs)
            self.position = following

    def _document(self, start: int, end: int, quoted: bool, tabs: bool) -> Word:
        if quoted:
            parts: tuple[Part, ...] = (Literal(self.text[start:end], start, True),)
        else:
            parts = type(self)(self.source, start, end, self.depth).document().parts
        return Word(_without_tabs(parts, self.text) if tabs else parts, start, end)


def _without_tabs(parts: tuple[Part, ...], text: str) -> tuple[Part, ...]:
    """The parts of a document with the tabs that start its lines left out, as ``<<-`` does."""
    found: list[Part] = []
    for part in parts:
        if not isinstance(part, Literal):
            found.append(part)
            continue
        offset = part.start
        for line in part.text.splitlines(keepends=True):
            starts_line = offset == 0 or text[offset - 1] == "\n"
            kept = line.lstrip("\t") if starts_line else line
            found.append(Literal(kept, offset + len(line) - len(kept), True))
            offset += len(line)
    return tuple(found)
