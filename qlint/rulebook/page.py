"""The page of a rule: Markdown in fixed sections, whose fenced blocks are the rule's tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECTIONS: tuple[str, ...] = (
    "What it does",
    "Why it matters",
    "Evidence for and against",
    "Example",
    "Use instead",
    "Settle it by measuring",
    "Fix safety",
    "References",
)
"""The headings of every page, in this order and no others."""

_NAMES = {"python": "train.py", "yaml": "config.yaml", "json": "config.json"}
"""The languages of blocks that are inputs, with the name under which each is read."""

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+)(?: ([\w.-]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OPTION = re.compile(r"`(\w+)`\s+\(default ([^)]+)\)")


@dataclass(frozen=True, slots=True)
class Sample:
    """An input on a page: a script or a configuration, by the name that its form would have.

    ``beside`` are the files that lie in its folder, by name: blocks that say theirs.
    """

    name: str
    text: str
    beside: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """An input that the rule reports, and the message it reports it with."""

    sample: Sample
    message: str


@dataclass(frozen=True, slots=True)
class Page:
    """The text of a page without its front matter."""

    text: str

    @property
    def headings(self) -> tuple[str, ...]:
        """The page's section headings, as they come; lines of scripts are none."""
        return tuple(_HEADING.findall(_BLOCK.sub("", self.text)))

    def section(self, heading: str) -> str:
        """The text under a heading, up to the next; empty where there is none."""
        _, found, rest = self.text.partition(f"\n## {heading}\n")
        return re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0] if found else ""

    @property
    def examples(self) -> tuple[Example, ...]:
        """Inputs under Example, each with the text block that follows it."""
        return tuple(_examples(_BLOCK.findall(self.section("Example"))))

    @property
    def remedies(self) -> tuple[Sample, ...]:
        """Inputs under Use instead."""
        blocks = _BLOCK.findall(self.section("Use instead"))
        return tuple(example.sample for example in _examples(blocks))

    @property
    def documented_options(self) -> dict[str, str]:
        """Options named under What it does, with their defaults as written there."""
        return dict(_OPTION.findall(self.section("What it does")))


def _examples(blocks: list[tuple[str, str, str]]) -> Iterator[Example]:
    """The inputs of a section: a block with a name of its own belongs to the input after it."""
    beside: list[tuple[str, str]] = []
    following = [*blocks[1:], ("", "", "")]
    for (language, name, text), (after, _, message) in zip(blocks, following, strict=True):
        if name:
            beside.append((name, text))
        elif language in _NAMES:
            said = " ".join(message.split()) if after == "text" else ""
            yield Example(Sample(_NAMES[language], text, tuple(beside)), said)
            beside = []


def read_page(path: Path) -> Page:
    """The page at ``path``, without its front matter."""
    _, _, text = path.read_text(encoding="utf-8").partition("\n---\n")
    return Page(text)
