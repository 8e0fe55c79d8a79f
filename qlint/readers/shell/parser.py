"""Reads shell programs: lists, pipelines, conditions, loops and functions."""

from __future__ import annotations

import re

from qlint.readers.shell.simple_commands import SimpleReader
from qlint.readers.shell.syntax import (
    AndOr,
    ArithmeticCommand,
    ArithmeticFor,
    Arm,
    Block,
    Case,
    CaseArm,
    For,
    Function,
    Group,
    If,
    Literal,
    Node,
    Part,
    Pipeline,
    Simple,
    Test,
    While,
    Word,
)
from qlint.readers.shell.words import MAXIMUM_RETRIES, Unreadable

_FUNCTION = re.compile(r"(?P<name>[A-Za-z_][\w.:-]*)[ \t]*\([ \t]*\)")
_CLOSING = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}", ")", ";;"})


class Parser(SimpleReader):
    """Reads the commands of a text."""

    def program(self) -> tuple[Block, Unreadable | None]:
        """All commands, or those in front of what cannot be read, as the shell runs them too."""
        nodes: list[Node] = []
        try:
            while True:
                self.separators()
                if self.done:
                    break
                start = self.position
                nodes.append(self._and_or())
                self.terminator()
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
            self.separators()
            if self.done or (closing and self.at(closing)):
                return Block(tuple(nodes), start, self.position)
            before = self.position
            nodes.append(self._and_or())
            self.terminator()
            if self.position == before:
                raise Unreadable(f"unexpected {self.text[before]!r}", before)

    def _expect(self, word: str, start: int, what: str) -> None:
        self.separators()
        if self.reserved() != word:
            raise Unreadable(f"the {what!r} has no {word!r}", start)
        self.position += len(word)

    def _body(self, closing: frozenset[str]) -> Block:
        """Commands up to one of the reserved words, which is left."""
        start = self.position
        nodes: list[Node] = []
        while True:
            self.separators()
            if self.done:
                raise Unreadable(f"{' or '.join(sorted(closing))} is missing at the end", start)
            if self.reserved() in closing or (";;" in closing and self._at_case_end()):
                return Block(tuple(nodes), start, self.position)
            before = self.position
            nodes.append(self._and_or())
            self.terminator()
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
            self.blanks()
            if not (self.at("&&") or self.at("||")):
                break
            operator = self.text[self.position : self.position + 2]
            self.position += 2
            self.newlines()
            rest.append((operator, self._pipeline()))
        return AndOr(first, tuple(rest), start, self.position) if rest else first

    def _pipeline(self) -> Node:
        start = self.position
        negated = False
        while (word := self.reserved()) in ("!", "time"):
            negated ^= word == "!"
            self.position += len(word)
            self.blanks()
            if word == "time" and self.reserved() == "-p":
                self.position += 2
                self.blanks()
        members = [self._command()]
        while True:
            self.blanks()
            if not self.at("|") or self.at("||"):
                break
            self.position += 2 if self.at("|&") else 1
            self.newlines()
            members.append(self._command())
        if len(members) == 1 and not negated:
            return members[0]
        return Pipeline(tuple(members), negated, start, self.position)

    # Commands

    def _command(self) -> Node:
        start = self.position
        word = self.reserved()
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
            node = Group(body, False, self.redirections(), start, self.position)
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
            node = Group(body, True, self.redirections(), start, self.position)
        elif word in _CLOSING:
            raise Unreadable(f"unexpected {word!r}", start)
        elif (header := _FUNCTION.match(self.text, start, self.end)) is not None:
            self.position = header.end()
            node = self._function_body(header["name"], start)
        else:
            node = self.simple(start)
        self.depth -= 1
        if not isinstance(node, Simple | Group):
            redirections = self.redirections()
            if redirections:
                node = Group(
                    Block((node,), start, node.end), False, redirections, start, self.position
                )
        return node

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
            word = self.reserved()
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
        self.blanks()
        if self.at("(("):
            return self._arithmetic_for(start)
        name = self.word()
        if name is None or name.plain is None:
            raise Unreadable(f"{word!r} names no variable", start)
        words: list[Word] | None = None
        self.newlines()
        if self.reserved() == "in":
            self.position += 2
            words = []
            while True:
                self.blanks()
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
        self.separators()
        closing = "}" if self.reserved() == "{" else "done"
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
            if self.retries > MAXIMUM_RETRIES:
                raise Unreadable("too many brackets that may be arithmetic", start)
            self.position = start
            return None
        return ArithmeticCommand(expression, start, self.position)

    def _case(self, start: int) -> Case:
        self.position += len("case")
        self.blanks()
        subject = self.word()
        if subject is None:
            raise Unreadable("'case' is given nothing to compare", start)
        self.newlines()
        self._expect("in", start, "case")
        arms: list[CaseArm] = []
        while True:
            self.separators()
            if self.done:
                raise Unreadable("the 'case' has no 'esac'", start)
            if self.reserved() == "esac":
                self.position += len("esac")
                return Case(subject, tuple(arms), start, self.position)
            arms.append(self._case_arm(start))

    def _case_arm(self, start: int) -> CaseArm:
        if self.at("("):
            self.position += 1
        patterns: list[Word] = []
        while True:
            self.blanks()
            pattern = self.word()
            if pattern is None:
                raise Unreadable("a pattern of the 'case' cannot be read", self.position)
            patterns.append(pattern)
            self.blanks()
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
        self.blanks()
        name = self.word()
        if name is None or name.plain is None:
            raise Unreadable("'function' names none", start)
        self.blanks()
        if self.at("("):
            self.position += 1
            self.blanks()
            if not self.at(")"):
                raise Unreadable("'(' is never closed", start)
            self.position += 1
        return self._function_body(name.plain, start)

    def _function_body(self, name: str, start: int) -> Function:
        self.newlines()
        return Function(name, self._command(), start, self.position)

    def _test(self, start: int) -> Test:
        self.position += 2
        tokens: list[Word | str] = []
        pattern = False
        while True:
            self.newlines()
            if self.done:
                raise Unreadable("'[[' is never closed", start)
            if self.reserved() == "]]":
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
