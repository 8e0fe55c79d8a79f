"""The words of a command line as keys with values: `--learning_rate 1e-4`, or `model.lora_r=8`.

Which of the two a program takes stands in its data file under `command_line`. A word that is not
known makes the value of its option unknown; one that may hold any options at all is given back, as
nothing that it may decide is known then.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from qlint.readers.commands import Argument
from qlint.readers.documents import Refusal
from qlint.readers.documents.nodes import Given, Mapping, Node, Opaque, Scalar
from qlint.readers.documents.nodes import Sequence as Listed
from qlint.readers.documents.scalars import LONGEST_NUMBER, resolve_loosely
from qlint.readers.frameworks.overrides import Override, moved
from qlint.recipe import Origin

_OPTION = re.compile(r"--?([A-Za-z][\w.\-]*)(?:=(.*))?\Z", re.DOTALL)
_ASSIGNMENT = re.compile(r"[+]{0,2}([A-Za-z_][\w.\-]*)=(.*)\Z", re.DOTALL)
_REMOVAL = re.compile(r"~([A-Za-z_][\w.]*)\Z")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_LONGEST = 10_000
"""Characters of a value; longer ones are data and are not read."""


@dataclass(slots=True)
class Words:
    """What a command line says.

    ``overrides`` are for the configuration, ``options`` for the program where it has both,
    ``plain`` are words of no option, ``unclear`` those that are not known and may be anything.
    """

    overrides: list[Override] = field(default_factory=list)
    options: list[Override] = field(default_factory=list)
    plain: list[Argument] = field(default_factory=list)
    unclear: list[Argument] = field(default_factory=list)


def read_options(arguments: Sequence[Argument], known: Collection[str] = ()) -> Words:
    """`--name value`, `--name=value`, `--name a b`, `--switch` and `--no-switch`.

    What follows a lone `--` is for another program. ``known`` are the program's own names, by which
    `--no_cuda` is told from a `--no` in front of `cuda`.
    """
    words = Words()
    position = 0
    while position < len(arguments) and arguments[position].text != "--":
        argument = arguments[position]
        position += 1
        found = _OPTION.match(argument.text)
        if found is None or (argument.unknown is not None and found[2] is None):
            (words.plain if argument.unknown is None else words.unclear).append(argument)
            continue
        name = found[1].replace("-", "_")
        if found[2] is not None:
            words.overrides.append(_given(name, replace(argument, text=found[2]), argument))
            continue
        values: list[Argument] = []
        while position < len(arguments) and _is_value(arguments[position], values):
            values.append(arguments[position])
            position += 1
        words.overrides.append(_with_values(name, argument, values, known))
    return words


def read_assignments(arguments: Sequence[Argument]) -> Words:
    """`key=value`, `key.of.key=value` and `~key`, among options that are the program's own."""
    words = Words()
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        position += 1
        removal = _REMOVAL.match(argument.text)
        assigned = _ASSIGNMENT.match(argument.text)
        if removal is not None and argument.unknown is None:
            words.overrides.append(Override(removal[1], None, place_of(argument, argument.text)))
        elif assigned is not None:
            value = replace(argument, text=assigned[2])
            words.overrides.append(_given(assigned[1], value, argument, loosely=True))
        elif argument.unknown is not None:
            words.unclear.append(argument)
        elif not argument.text.startswith("-"):
            words.plain.append(argument)
        else:
            taken = 1 + (position < len(arguments) and _is_operand(arguments[position]))
            words.options += read_options(arguments[position - 1 : position - 1 + taken]).overrides
            position += taken - 1
    return words


def _is_operand(argument: Argument) -> bool:
    """Whether a word is the value of an option in front of it."""
    started = argument.text.startswith(("-", "~")) or _ASSIGNMENT.match(argument.text)
    return not started and argument.unknown is None


def read_cfg_options(arguments: Sequence[Argument]) -> Words:
    """Options, one of which, `--cfg-options a.b=c d=e`, holds assignments."""
    position = next(
        (at for at, word in enumerate(arguments) if word.text == "--cfg-options"), len(arguments)
    )
    end = position + 1
    while end < len(arguments) and not arguments[end].text.startswith("--"):
        end += 1
    words = read_options([*arguments[:position], *arguments[end:]])
    assigned = read_assignments(arguments[position + 1 : end])
    words.overrides += assigned.overrides
    words.unclear += assigned.unclear
    return words


def place_of(argument: Argument, via: str) -> Given:
    """Where a word stands; ``via`` says what it is where nothing else does."""
    stations = argument.origin
    if not stations:
        return Given((Origin(via=f"{via} on the command line"),))
    if stations[-1].via is None:
        stations = (*stations[:-1], replace(stations[-1], via=via))
    return Given(stations)


def _is_value(argument: Argument, before: list[Argument]) -> bool:
    if argument.text == "--":
        return False
    if before and not argument.text.strip():
        return False  # A backslash before a blank, not before the end of the line.
    if argument.unknown is not None:
        return not before and not argument.text.startswith("--")
    return not argument.text.startswith("-") or _NUMBER.match(argument.text) is not None


def _with_values(
    name: str, option: Argument, values: list[Argument], known: Collection[str]
) -> Override:
    if not values:
        place = place_of(option, option.text)
        if name.startswith("no_") and name not in known:
            return Override(name[3:], Scalar("false", False, False, place), place)
        return Override(name, Scalar("true", True, False, place), place)
    if len(values) == 1:
        return _given(name, values[0], option)
    place = place_of(values[0], option.text)
    listed = Listed(place)
    listed.items = [_node(value, place, loosely=False) for value in values]
    return Override(name, listed, place)


def _given(name: str, value: Argument, option: Argument, *, loosely: bool = False) -> Override:
    place = place_of(value, option.text)
    return Override(name, _node(value, place, loosely=loosely), place)


def _node(argument: Argument, place: Given, *, loosely: bool) -> Node:
    text = argument.text
    if argument.unknown is not None:
        return Opaque(argument.unknown, place)
    if len(text) > _LONGEST:
        return Opaque(f"a value of {len(text)} characters", place)
    if text[:1] in ("{", "["):
        structure = _structure(text)
        if structure is not None:
            return moved(structure, place)
    return Scalar(text, resolve_loosely(text) if loosely else _typed(text), False, place)


def _structure(text: str) -> Node | None:
    """A list or table in the way of JSON or YAML; None where it is neither."""
    from qlint.readers.documents.yaml_tree import read_yaml

    try:
        documents = read_yaml(text)
    except Refusal:
        return None
    root = documents[0].root if len(documents) == 1 else None
    return root if isinstance(root, (Listed, Mapping)) else None


def _typed(text: str) -> bool | int | float | str:
    """What a parser of options makes of a text, whose option may be of any type."""
    if text in ("True", "true", "TRUE"):
        return True
    if text in ("False", "false", "FALSE"):
        return False
    if len(text) > LONGEST_NUMBER or _NUMBER.match(text) is None:
        return text
    try:
        return int(text)
    except ValueError:
        return float(text)
