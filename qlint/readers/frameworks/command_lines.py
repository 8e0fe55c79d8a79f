"""Runs that stand on a command line alone: a framework's program, or a script that is not there.

A framework's program is known by its name. A script is anybody's: one of that name is taken for the
public one only if its options are those of the public one, and one of another name only if options
stand there that hardly any other script has; the recipe's assumptions say which. Of any other
script what is given is read by its name, and the rest is unknown.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from qlint.knowledge import libraries
from qlint.knowledge.frameworks import framework
from qlint.knowledge.programs import Program, programs
from qlint.readers.commands import Argument
from qlint.readers.documents.nodes import Mapping, Scalar, Span
from qlint.readers.documents.nodes import Sequence as Listed
from qlint.readers.frameworks.option_words import Words, read_options
from qlint.readers.frameworks.runs import Start, run
from qlint.readers.frameworks.sheet import NotTraining
from qlint.readers.request import Request
from qlint.recipe import Reading, Source

_CONFIGURATIONS = (".yaml", ".yml", ".json", ".toml", ".py")
_ENOUGH_KNOWN = 0.75
"""The share of a script's options that the public script of its name has to have."""
_NEARLY_ALL = 0.9
"""The same for a script of another name, which must also show parts of a signature."""
_LEAST_SIGNATURE = 3
_TRAINING = frozenset({
    "learning_rate", "lr", "num_train_epochs", "max_steps", "per_device_train_batch_size",
    "gradient_accumulation_steps", "lora_r", "lora_rank", "lora_alpha", "lora_dropout",
    "load_in_4bit", "optim", "lr_scheduler_type", "lora_target_modules",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Match:
    """A row of the table that a command fits, and on what ground."""

    program: Program
    premise: str | None = None


def read_program(
    program: str, arguments: Sequence[Argument], source: Source, request: Request
) -> Reading | None:
    """The run that ``program`` starts with ``arguments``; None where it is not known to train.

    ``program`` is the command's first word, the path of a script, or the name of a module.
    ``source`` is where the command stands, which is the recipe's source too.
    """
    words = read_options(arguments)
    match = _match(program, words)
    if match is None:
        return _stranger(program, arguments, words, source, request)
    row = match.program
    command = row.command
    if row.commands:
        command = next((word.text for word in words.plain), None)
        if command not in row.commands:
            return None
    return _reading(
        row.framework,
        arguments,
        source,
        request,
        command,
        missing=_missing(row, words),
        premises=(match.premise,) if match.premise else (),
    )


def _stranger(
    program: str, arguments: Sequence[Argument], words: Words, source: Source, request: Request
) -> Reading | None:
    """A script that nobody knows, if its options are those of training."""
    if not program.endswith(".py"):
        return None
    given = {option.key for option in words.overrides}
    known = set(libraries.parameters("transformers", "TrainingArguments", {})) | _TRAINING
    if len(given & known) < 2 or not given & _TRAINING:
        return None
    return _reading("stranger", arguments, source, request, None, os.path.basename(program))


def _reading(
    name: str,
    arguments: Sequence[Argument],
    source: Source,
    request: Request,
    command: str | None,
    missing: str | None,
    premises: tuple[str, ...] = (),
) -> Reading:
    where = os.path.join(request.root, source.path)
    start = Start(
        name,
        source.path,
        source,
        "shell",
        f"{source.path}:{source.line}",
        tuple(arguments),
        request.environment,
        request.versions_for(where),
        command,
        missing,
        premises,
        # With a configuration the words may be `key=value`; alone they are options.
        style=None if missing is not None else "options",
    )
    root = Mapping(Span(source.line, source.column, source.line, source.column))
    try:
        recipe, notes = run(start, root)
    except NotTraining:
        return Reading(source.path)
    return Reading(source.path, (recipe,), notes=tuple(notes))


def _missing(row: Program, words: Words) -> str | None:
    """The configuration that the command names; that it is read here means it is not there."""
    if row.config is None:
        return None
    for option in words.overrides:
        node = option.node
        if option.key == "config" and node is not None:
            first = node.items[0] if isinstance(node, Listed) else node
            return first.text if isinstance(first, Scalar) else "a configuration"
    for word in words.plain:
        if row.config == "positional" and word.text.endswith(_CONFIGURATIONS):
            return word.text
    return None


def _match(program: str, words: Words) -> _Match | None:
    name = program.removesuffix(".py").replace("\\", "/").replace("/", ".").lstrip(".")
    given = {option.key for option in words.overrides}
    best: tuple[float, Program] | None = None
    for row in programs():
        if not _named(row, name):
            continue
        if row.installed:
            return _Match(row)
        share = _share(row, given)
        if row.needs_signature and not given & row.signature:
            continue
        if share >= _ENOUGH_KNOWN and (best is None or share > best[0]):
            best = (share, row)
    if best is not None:
        shown = os.path.basename(program)
        premise = f"{shown} is taken for {best[1].label} by its name and its arguments"
        return _Match(best[1], premise)
    if not program.endswith(".py"):
        return None
    for row in programs():
        signs = len(given & row.signature)
        if signs >= _LEAST_SIGNATURE and _share(row, given) >= _NEARLY_ALL:
            shown = os.path.basename(program)
            return _Match(row, f"{shown} is taken for {row.label} by its arguments")
    return None


def _named(row: Program, name: str) -> bool:
    return any(name == known or name.endswith(f".{known}") for known in row.names)


def _share(row: Program, given: Collection[str]) -> float:
    """The share of the options given that the program has; none given is no evidence."""
    if not given:
        return 0.0
    knowledge = framework(row.framework)
    known = set(knowledge.known_keys) | set(knowledge.command_line.get("own", ())) | row.signature
    for library, name in row.classes:
        known |= set(libraries.parameters(library, name, {}))
    return sum(key in known or key.partition(".")[0] in known for key in given) / len(given)
