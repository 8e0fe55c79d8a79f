"""Parsing argv with the standard library's own argparse, on a parser that mirrors the script's.

That way prefixes, ``--flag=value``, nargs and subcommands are what they are at run time. All values
stay words; defaults and types are evaluated elsewhere.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Sequence
from functools import partial
from typing import Any

from qlint.readers.python.libraries.options import Given, Option, Refused, values_of, with_switches
from qlint.readers.python.libraries.registry import Call
from qlint.readers.python.machine import Machine
from qlint.readers.python.values import Value
from qlint.readers.python.words import Word

_REPEATED = frozenset({"append", "extend", "append_const", "count"})


class _Quiet(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise Refused(message)


class _Note(argparse.Action):
    """Notes the words that argv gives to an option, and the flag as it is written there."""

    def __init__(self, *, option: Option, **settings: Any) -> None:
        super().__init__(**settings)
        self.option = option

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Called for each time that the option is given."""
        given = Given(self.option, None if self.nargs == 0 else values, option_string)
        before = getattr(namespace, self.dest, [])
        kept = before if self.option.action in _REPEATED else []
        setattr(namespace, self.dest, [*kept, given])


_FORMATTER = partial(argparse.HelpFormatter, width=80)
"""Made for each option, to check it; without a width it looks for a terminal."""


def mirror(
    options: Sequence[Option], parser: argparse.ArgumentParser | None = None
) -> argparse.ArgumentParser:
    """A parser of the standard library with the same options, all values as words."""
    if parser is None:
        parser = quiet_parser()
    for option in options:
        flags = option.flags
        keywords: dict[str, Any] = {"action": _Note, "option": option}
        keywords["default"] = argparse.SUPPRESS
        if flags:
            keywords["dest"] = option.dest
        if option.takes_no_value:
            keywords["nargs"] = 0
        elif option.nargs is not None:
            keywords["nargs"] = option.nargs
        if option.action == "optional":
            negated = tuple(f"--no-{flag[2:]}" for flag in flags if flag.startswith("--"))
            flags = (*flags, *negated)
        with contextlib.suppress(argparse.ArgumentError, ValueError, TypeError):
            parser.add_argument(*(flags or (option.dest,)), **keywords)
    return parser


def quiet_parser(**settings: Any) -> argparse.ArgumentParser:
    """A parser without help that raises Refused instead of ending the process."""
    return _Quiet(
        add_help=False,
        argument_default=argparse.SUPPRESS,
        conflict_handler="resolve",
        formatter_class=_FORMATTER,
        **settings,
    )


def given_by(
    machine: Machine, parser: argparse.ArgumentParser, argv: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """What argv gives, by destination, and what of it was not recognised.

    A word that is not known and that no option takes may hold any number of arguments: a premise.
    Raises Refused where argparse would refuse argv.
    """
    if not argv:
        return {}, []
    try:
        given, rest = _parsed(parser, argv)
    except Refused:
        loose = _loose(argv)
        if not loose:
            raise
        given, rest = _parsed(parser, [word for at, word in enumerate(argv) if at not in loose])
        rest += [argv[at] for at in sorted(loose)]
    return given, without_unknown(machine, rest)


def _parsed(
    parser: argparse.ArgumentParser, argv: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            namespace, rest = parser.parse_known_args(list(argv))
        except SystemExit as stop:
            raise Refused(str(stop)) from None
        except (TypeError, ValueError) as problem:
            raise Refused(str(problem)) from None
    return vars(namespace), rest


def parsed(
    machine: Machine, options: list[Option], call: Call, reader: str
) -> tuple[dict[str, Value], list[str], set[str]]:
    """Values of the options for the argv of this reading, what of it was left over, what given."""
    for option in options:
        option.reader = reader
    given: dict[str, Any] = {}
    try:
        given, rest = given_by(machine, mirror(options), machine.argv)
        values = values_of(machine, options, given, call)
    except Refused as problem:
        machine.assume(f"argv is refused by the script's parser: {problem}")
        values, rest = values_of(machine, options, {}, call), []
    return with_switches(machine, options, values), rest, set(given)


def _loose(argv: Sequence[str]) -> set[int]:
    """Where words stand that are not known and that follow no flag."""
    return {
        at
        for at, word in enumerate(argv)
        if is_unknown(word)
        and not word.startswith("-")
        and not (at and argv[at - 1].startswith("-"))
    }


def is_unknown(word: str) -> bool:
    """True for a word of argv whose text is not known."""
    return isinstance(word, Word) and word.unknown is not None


def without_unknown(machine: Machine, rest: Sequence[str]) -> list[str]:
    """The words that no option takes, without those that are not known: a premise each."""
    for word in rest:
        if is_unknown(word):
            machine.assume(f"{word} adds no argument that is read here: it may hold further ones")
    return [word for word in rest if not is_unknown(word)]
