"""The options of a program that starts another: where they end, and what each is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from qlint.knowledge.starters import StarterProgram
from qlint.readers.commands import Argument

_LONGEST_LOOK = 40
"""Words that are looked at to tell whether an unknown one is an option."""
_FILES = (".py", ".sh", ".bash", ".ipynb", ".yaml", ".yml", ".json", ".toml")


@dataclass(slots=True)
class Options:
    """The options of one program by name, with underscores; a switch has no value.

    ``unknown`` are words that may hold any further options.
    """

    given: dict[str, Argument | None] = field(default_factory=dict)
    unknown: list[Argument] = field(default_factory=list)

    def value(self, *names: str) -> Argument | None:
        """The value of the first of ``names`` that is given one."""
        return next((found for name in names if (found := self.given.get(name))), None)

    def has(self, *names: str) -> bool:
        """Whether one of ``names`` is given, with a value or without."""
        return any(name in self.given for name in names)


def take_options(
    words: Sequence[Argument], program: StarterProgram
) -> tuple[Options, Sequence[Argument]]:
    """The options that stand first in ``words``, and the words behind them.

    ``-m`` and ``-c`` of Python end its options, as they do for Python.
    """
    options = Options()
    position = 0
    while position < len(words):
        word = words[position]
        if word.text == "--":
            return options, words[position + 1 :]
        if not _is_option(word.text):
            if word.unknown is None or not _is_left_out(words, position):
                break
            options.unknown.append(word)
            position += 1
            continue
        name, equals, text = _name(word.text)
        follower = words[position + 1] if position + 1 < len(words) else None
        position += 1
        if equals:
            options.given[name] = replace(word, text=text)
        elif name in program.switches:
            options.given[name] = None
        elif name in program.values or _takes_value(name, follower):
            options.given[name] = follower
            position += 1
            if name in ("-m", "-c", "--module") and _runs_modules(program):
                break
        elif name[:2] in program.values and not name.startswith("--"):
            options.given[name[:2]] = replace(word, text=word.text[2:])
        else:
            options.given[name] = None
    return options, words[position:]


def _runs_modules(program: StarterProgram) -> bool:
    return program.modules or program.kind in ("python", "module")


def _is_option(text: str) -> bool:
    return len(text) > 1 and text.startswith("-")


def _name(text: str) -> tuple[str, str, str]:
    name, equals, value = text.partition("=")
    if name.startswith("--"):
        name = "--" + name[2:].replace("-", "_")
    return name, equals, value


def _takes_value(name: str, follower: Argument | None) -> bool:
    """A guess for an option that the table does not know: a long one takes what looks like one."""
    if not name.startswith("--") or name.startswith("--no_") or follower is None:
        return False
    return not _is_option(follower.text) and not follower.text.endswith(_FILES)


def _is_left_out(words: Sequence[Argument], position: int) -> bool:
    """Whether an unknown word holds options: the program itself is named behind it."""
    for word in words[position + 1 : position + 1 + _LONGEST_LOOK]:
        if word.text.endswith((".py", ".sh")):
            return not words[position].text.endswith((".py", ".sh"))
        if word.unknown is None and not _is_option(word.text):
            return False
    return False
