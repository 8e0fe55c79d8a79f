"""Reads shell commands: lists, pipelines, conditions, loops and functions, with here-documents."""

from __future__ import annotations

import re

from qlint.readers.shell.source import SourceText
from qlint.readers.shell.syntax import (
    AndOr,
    ArithmeticCommand,
    ArithmeticFor,
    Arm,
    Assignment,
    Block,
    Case,
    CaseArm,
    Element,
    For,
    Function,
    Group,
    If,
    Literal,
    Node,
    Part,
    Pipeline,
    Redirection,
    Simple,
    Test,
    While,
    Word,
)
from qlint.readers.shell.words import Unreadable, WordReader

_BLANK = re.compile(r"(?:[ \t]+|\\\n)+")
_COMMENT = re.compile(r"#[^\n]*")
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<sign>\+?=|\[)")
_FUNCTION = re.compile(r"(?P<name>[A-Za-z_][\w.:-]*)[ \t]*\([ \t]*\)")
_REDIRECTION = re.compile(
    r"(?P<descriptor>\d*|\{[A-Za-z_]\w*\})(?P<sign><<<|<<-|<<|<>|<&|<(?!\()|&>>|&>|>>|>&|>\||>(?!\())"
)
_DECLARATIONS = frozenset({"export", "local", "declare", "typeset", "readonly"})
_CLOSING = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}", ")", ";;"})


class Parser(WordReader):
    """Reads the commands of a text."""

    def __init__(
        self, source: SourceText, position: int = 0, end: int | None = None, depth: int = 0
    ) -> None:
        super().__init__(source, position, end, depth)
        self._documents: list[tuple[Redirection, str, bool, int]] = []

    def program(self) -> tuple[Block, Unreadable | None]:
        """All commands, or those in front of what cannot be read, as the shell runs them too."""
        nodes: list[Node] = []
        try:
            while True:
                self._separators()
                if self.done:
                    break
                start = self.position
                nodes.append(self._and_or())
                self._terminator()
                if self.position == start:
                    raise Unreadable(f"unexpected {self.text[start]!r}", start)
        except Unreadable as problem:
            return Block(tuple(nodes), 0, self.end), problem
        return Block(tuple(nodes), 0, self.end), None

    def block(self, closing: str) -> Block:
        """Commands up to ``closing``, which is left; up to the end of the text where empty."""
        start = self.position
        nodes: list[Node] = []
        while True:
            self._separators()
            if self.done or (closing and self.at(closing)):
                return Block(tuple(nodes), start, self.position)
            before = self.position
            nodes.append(self._and_or())
            self._terminator()
            if self.position == before:
                raise Unreadable(f"unexpected {self.text[before]!r}", before)

    # Blanks, separators and reserved words

    def _blanks(self) -> None:
        blank = _BLANK.match(self.text, self.position, self.end)
        if blank is not None:
            self.position = blank.end()
        if self.at("#") and (blank is not None or self._at_line_start()):
            self.position = _COMMENT.match(self.text, self.position, self.end).end()  # type: ignore[union-attr]

    def _at_line_start(self) -> bool:
        return self.position == 0 or self.text[self.position - 1] in "\n;&|()`"

    def _newline(self) -> bool:
        if not self.at("\n"):
            return False
        self.position += 1
        if self._documents:
            self._read_documents()
        return True

    def _separators(self) -> None:
        """Pass blanks, comments, newlines and stray semicolons."""
        while True:
            self._blanks()
            if not self._newline():
                if not self.at(";") or self.at(";;") or self.at(";&"):
                    return
                self.position += 1

    def _newlines(self) -> None:
        while True:
            self._blanks()
            if not self._newline():
                return

    def _terminator(self) -> None:
        self._blanks()
        if (self.at("&") and not self.at("&&")) or (self.at(";") and not self.at(";;")):
            if not self.at(";&"):
                self.position += 1
        else:
            self._newline()

    def _reserved(self) -> str:
        """The reserved word or name that stands here alone, without passing it."""
        start = self.position
        stop = start
        while stop < self.end and self.text[stop] not in " \t\n;&|()<>":
            stop += 1
            if stop - start > 8:
                return ""
        return self.text[start:stop]

    def _expect(self, word: str, start: int, what: str) -> None:
        self._separators()
        if self._reserved() != word:
            raise Unreadable(f"the {what!r} has no {word!r}", start)
        self.position += len(word)

    def _body(self, closing: frozenset[str]) -> Block:
        """Commands up to one of the reserved words, which is left."""
        start = self.position
        nodes: list[Node] = []
        while True:
            self._separators()
            if self.done:
                raise Unreadable(f"{' or '.join(sorted(closing))} is missing at the end", start)
            if self._reserved() in closing or (";;" in closing and self._at_case_end()):
                return Block(tuple(nodes), start, self.position)
            before = self.position
            nodes.append(self._and_or())
            self._terminator()
            if self.position == before:
                raise Unreadable(f"unexpected {self.text[before]!r}", before)

    def _at_case_end(self) -> bool:
        return self.at(";;") or self.at(";&")

    # Lists and pipelines

    def _and_or(self) -> Node:
        start = self.position
        first = self._pipeline()
        rest: list[tuple[str, Node]] = []
        while True:
            self._blanks()
            if not (self.at("&&") or self.at("||")):
                break
            operator = self.text[self.position : self.position + 2]
            self.position += 2
            self._newlines()
            rest.append((operator, self._pipeline()))
        return AndOr(first, tuple(rest), start, self.position) if rest else first

    def _pipeline(self) -> Node:
        start = self.position
        negated = False
        while (word := self._reserved()) in ("!", "time"):
            negated ^= word == "!"
            self.position += len(word)
            self._blanks()
            if word == "time" and self._reserved() == "-p":
                self.position += 2
                self._blanks()
        members = [self._command()]
        while True:
            self._blanks()
            if not self.at("|") or self.at("||"):
                break
            self.position += 2 if self.at("|&") else 1
            self._newlines()
            members.append(self._command())
        if len(members) == 1 and not negated:
            return members[0]
        return Pipeline(tuple(members), negated, start, self.position)

    # Commands

    def _command(self) -> Node:
        start = self.position
        word = self._reserved()
        self.enter()
        if word == "if":
            node: Node = self._if(start)
        elif word in ("for", "select"):
            node = self._for(start, word)
        elif word in ("while", "until"):
            node = self._while(start, word)
        elif word == "case":
            node = self._case(start)
        elif word == "function":
            node = self._function(start)
        elif word == "{":
            self.position += 1
            body = self._body(frozenset({"}"}))
            self.position += 1
            node = Group(body, False, self._redirections(), start, self.position)
        elif word == "[[":
            node = self._test(start)
        elif self.at("((") and (arithmetic := self._arithmetic_command(start)) is not None:
            node = arithmetic
        elif self.at("("):
            self.position += 1
            body = self.block(")")
            if not self.at(")"):
                raise Unreadable("'(' is never closed", start)
            self.position += 1
            node = Group(body, True, self._redirections(), start, self.position)
        elif word in _CLOSING:
            raise Unreadable(f"unexpected {word!r}", start)
        elif (header := _FUNCTION.match(self.text, start, self.end)) is not None:
            self.position = header.end()
            node = self._function_body(header["name"], start)
        else:
            node = self._simple(start)
        self.depth -= 1
        if not isinstance(node, Simple | Group):
            redirections = self._redirections()
            if redirections:
                node = Group(
                    Block((node,), start, node.end), False, redirections, start, self.position
                )
        return node

    def _simple(self, start: int) -> Simple:
        assignments: list[Assignment] = []
        words: list[Word] = []
        declared: list[Assignment] = []
        redirections: list[Redirection] = []
        end = start
        while True:
            self._blanks()
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
            signed = re.compile(r"\]\+?=").match(self.text, self.position, self.end)
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
            self._newlines()
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

    def _redirections(self) -> tuple[Redirection, ...]:
        found: list[Redirection] = []
        while True:
            self._blanks()
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
        self._blanks()
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
            parts = Parser(self.source, start, end, self.depth).document().parts
        return Word(_without_tabs(parts, self.text) if tabs else parts, start, end)

    # Compound commands

    def _if(self, start: int) -> If:
        arms: list[Arm] = []
        otherwise = None
        word = "if"
        while word in ("if", "elif"):
            self.position += len(word)
            condition = self._body(frozenset({"then"}))
            self.position += len("then")
            body = self._body(frozenset({"elif", "else", "fi"}))
            arms.append(Arm(condition, body))
            word = self._reserved()
        if word == "else":
            self.position += len("else")
            otherwise = self._body(frozenset({"fi"}))
        self.position += len("fi")
        return If(tuple(arms), otherwise, start, self.position)

    def _while(self, start: int, word: str) -> While:
        self.position += len(word)
        condition = self._body(frozenset({"do"}))
        self.position += len("do")
        body = self._body(frozenset({"done"}))
        self.position += len("done")
        return While(Arm(condition, body), word == "until", start, self.position)

    def _for(self, start: int, word: str) -> Node:
        self.position += len(word)
        self._blanks()
        if self.at("(("):
            return self._arithmetic_for(start)
        name = self.word()
        if name is None or name.plain is None:
            raise Unreadable(f"{word!r} names no variable", start)
        words: list[Word] | None = None
        self._newlines()
        if self._reserved() == "in":
            self.position += 2
            words = []
            while True:
                self._blanks()
                one = self.word()
                if one is None:
                    break
                words.append(one)
        header_end = self.position
        body = self._loop_body(start, word)
        given = None if words is None else tuple(words)
        chosen = word == "select"
        return For(name.plain, given, body, start, self.position, header_end, chosen)

    def _loop_body(self, start: int, word: str) -> Block:
        self._separators()
        closing = "}" if self._reserved() == "{" else "done"
        self._expect("{" if closing == "}" else "do", start, word)
        body = self._body(frozenset({closing}))
        self.position += len(closing)
        return body

    def _arithmetic_for(self, start: int) -> ArithmeticFor:
        self.position += 2
        expression = self.arithmetic("))")
        if expression is None:
            raise Unreadable("'((' is never closed", start)
        header_end = self.position
        body = self._loop_body(start, "for")
        return ArithmeticFor(_split(expression), body, start, self.position, header_end)

    def _arithmetic_command(self, start: int) -> ArithmeticCommand | None:
        self.position += 2
        expression = self.arithmetic("))")
        if expression is None:
            self.retries += 1
            if self.retries > 50:
                raise Unreadable("too many brackets that may be arithmetic", start)
            self.position = start
            return None
        return ArithmeticCommand(expression, start, self.position)

    def _case(self, start: int) -> Case:
        self.position += len("case")
        self._blanks()
        subject = self.word()
        if subject is None:
            raise Unreadable("'case' is given nothing to compare", start)
        self._newlines()
        self._expect("in", start, "case")
        arms: list[CaseArm] = []
        while True:
            self._separators()
            if self.done:
                raise Unreadable("the 'case' has no 'esac'", start)
            if self._reserved() == "esac":
                self.position += len("esac")
                return Case(subject, tuple(arms), start, self.position)
            arms.append(self._case_arm(start))

    def _case_arm(self, start: int) -> CaseArm:
        if self.at("("):
            self.position += 1
        patterns: list[Word] = []
        while True:
            self._blanks()
            pattern = self.word()
            if pattern is None:
                raise Unreadable("a pattern of the 'case' cannot be read", self.position)
            patterns.append(pattern)
            self._blanks()
            if not self.at("|"):
                break
            self.position += 1
        if not self.at(")"):
            raise Unreadable("a pattern of the 'case' is not followed by ')'", self.position)
        self.position += 1
        body = self._body(frozenset({"esac", ";;"}))
        ending = ";;"
        for sign in (";;&", ";;", ";&"):
            if self.at(sign):
                ending = sign
                self.position += len(sign)
                break
        return CaseArm(tuple(patterns), body, ending)

    def _function(self, start: int) -> Function:
        self.position += len("function")
        self._blanks()
        name = self.word()
        if name is None or name.plain is None:
            raise Unreadable("'function' names none", start)
        self._blanks()
        if self.at("("):
            self.position += 1
            self._blanks()
            if not self.at(")"):
                raise Unreadable("'(' is never closed", start)
            self.position += 1
        return self._function_body(name.plain, start)

    def _function_body(self, name: str, start: int) -> Function:
        self._newlines()
        return Function(name, self._command(), start, self.position)

    def _test(self, start: int) -> Test:
        self.position += 2
        tokens: list[Word | str] = []
        pattern = False
        while True:
            self._newlines()
            if self.done:
                raise Unreadable("'[[' is never closed", start)
            if self._reserved() == "]]":
                self.position += 2
                return Test(tuple(tokens), start, self.position)
            sign = next((sign for sign in ("&&", "||") if self.at(sign)), None)
            if sign is None and not pattern and self.text[self.position] in "()<>":
                sign = self.text[self.position]
            if sign is not None:
                tokens.append(sign)
                self.position += len(sign)
                pattern = False
                continue
            word = self.word(pattern)
            if word is None:
                raise Unreadable("a test within '[[' cannot be read", self.position)
            tokens.append(word)
            pattern = word.plain == "=~"


def _split(expression: Word) -> tuple[Word, ...]:
    """The expressions between the semicolons."""
    found: list[Word] = []
    parts: list[Part] = []
    for part in expression.parts:
        if not isinstance(part, Literal):
            parts.append(part)
            continue
        offset = part.start
        for number, piece in enumerate(part.text.split(";")):
            if number:
                found.append(Word(tuple(parts), expression.start, expression.end))
                parts = []
            parts.append(Literal(piece, offset, True))
            offset += len(piece) + 1
    found.append(Word(tuple(parts), expression.start, expression.end))
    return tuple(found)


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
