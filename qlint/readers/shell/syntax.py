"""The nodes of a shell program. Offsets are those of the text that a node was read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """Characters that stand for themselves; ``start`` is where exactly these stand."""

    text: str
    start: int
    quoted: bool = False
    exact: bool = True
    """The text stands verbatim at ``start`` (not so for ``$'\\n'``)."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """``$NAME`` or ``${NAME<operator><operand>}``.

    The operator is "bad" where what stands there is not understood, "placeholder" in ``<name>``.
    """

    name: str
    start: int
    end: int
    quoted: bool
    operator: str = ""
    operand: Word | None = None
    replacement: Word | None = None
    """The second operand of ``${X/a/b}`` and ``${X:1:2}``."""
    index: Word | None = None
    prefix: str = ""
    """``#`` for the length, ``!`` for what the name names."""


@dataclass(frozen=True, slots=True)
class Substitution:
    """``$(...)`` or backticks.

    ``body`` is None for ``<(...)`` and for backticks with escapes, which have no value here.
    """

    body: Block | None
    start: int
    end: int
    quoted: bool


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``$((...))``; the expression is a word whose parts are expanded first."""

    expression: Word
    start: int
    end: int
    quoted: bool


Part: TypeAlias = Literal | Parameter | Substitution | Arithmetic


@dataclass(frozen=True, slots=True)
class Word:
    """One word, before expansion."""

    parts: tuple[Part, ...]
    start: int
    end: int

    @property
    def plain(self) -> str | None:
        """The text of a word without quotes and expansions, as reserved words have to be."""
        if len(self.parts) == 1:
            part = self.parts[0]
            if isinstance(part, Literal) and not part.quoted:
                return part.text
        return None

    @property
    def literal(self) -> str | None:
        """The text of a word in which nothing is expanded, quoted or not."""
        texts = [part.text for part in self.parts if isinstance(part, Literal)]
        return "".join(texts) if len(texts) == len(self.parts) else None


@dataclass(frozen=True, slots=True)
class Assignment:
    """``NAME=value``, ``NAME+=value``, ``NAME[i]=value`` or ``NAME=(...)``."""

    name: str
    start: int
    end: int
    value: Word | None = None
    elements: tuple[Element, ...] | None = None
    index: Word | None = None
    appends: bool = False


@dataclass(frozen=True, slots=True)
class Element:
    """An element of an array as it is written."""

    value: Word
    key: Word | None = None


@dataclass(slots=True)
class Redirection:
    """``2>file``, ``<file``, ``<<EOF``. The body of a here-document is filled in when it is met."""

    operator: str
    target: Word | None
    descriptor: str = ""
    document: Word | None = None


@dataclass(frozen=True, slots=True)
class Simple:
    """Assignments, words and redirections. ``declared`` are those of ``export A=1``."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    declared: tuple[Assignment, ...]
    redirections: tuple[Redirection, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Test:
    """``[[ ... ]]``: words, and operators as strings."""

    tokens: tuple[Word | str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ArithmeticCommand:
    """``(( ... ))``."""

    expression: Word
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Group:
    """``{ ...; }`` or, in a shell of its own, ``( ... )``."""

    body: Block
    subshell: bool
    redirections: tuple[Redirection, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Arm:
    """A condition with what it guards."""

    condition: Block
    body: Block


@dataclass(frozen=True, slots=True)
class If:
    """``if ...; then ...; elif ...; else ...; fi``."""

    arms: tuple[Arm, ...]
    otherwise: Block | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class While:
    """``while`` or ``until``."""

    arm: Arm
    until: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class For:
    """``for NAME in words``; without words over the arguments.

    ``chosen`` is that of ``select``: a person chooses one of the words.
    """

    name: str
    words: tuple[Word, ...] | None
    body: Block
    start: int
    end: int
    header_end: int
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class ArithmeticFor:
    """``for ((start; condition; step))``."""

    expressions: tuple[Word, ...]
    body: Block
    start: int
    end: int
    header_end: int


@dataclass(frozen=True, slots=True)
class CaseArm:
    """Patterns and what they select; ``falls`` is how it ends: ``;;``, ``;&`` or ``;;&``."""

    patterns: tuple[Word, ...]
    body: Block
    ending: str


@dataclass(frozen=True, slots=True)
class Case:
    """``case word in pattern) ... ;; esac``."""

    subject: Word
    arms: tuple[CaseArm, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Function:
    """A definition; calling it runs ``body``."""

    name: str
    body: Node
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands joined by ``|``; one of them with ``!``, or in the background, is one too."""

    members: tuple[Node, ...]
    negated: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class AndOr:
    """``first && second || third``: each of ``rest`` with the operator in front of it."""

    first: Node
    rest: tuple[tuple[str, Node], ...]
    start: int
    end: int


Node: TypeAlias = (
    Simple
    | Test
    | ArithmeticCommand
    | Group
    | If
    | While
    | For
    | ArithmeticFor
    | Case
    | Function
    | Pipeline
    | AndOr
)


@dataclass(frozen=True, slots=True)
class Block:
    """Commands that run one after the other."""

    nodes: tuple[Node, ...] = field(default=())
    start: int = 0
    end: int = 0
