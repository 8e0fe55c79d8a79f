"""One run of a framework, from its configuration, its command line, or both: the recipe.

The framework's own reader sees one tree, with what the command line overrides already in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from qlint.knowledge.frameworks import Framework, framework
from qlint.readers.commands import Argument
from qlint.readers.documents import nodes
from qlint.readers.documents.nodes import Scalar
from qlint.readers.frameworks import registry
from qlint.readers.frameworks.facts import facts_of
from qlint.readers.frameworks.option_words import (
    Words,
    place_of,
    read_assignments,
    read_cfg_options,
    read_options,
)
from qlint.readers.frameworks.overrides import Override, overridden
from qlint.readers.frameworks.processes import asked_for, complete
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import (
    ABSENT,
    FIELD_NAMES,
    NEWEST_KNOWN,
    Alternative,
    Field,
    Kind,
    Note,
    Origin,
    Recipe,
    Source,
    State,
)

_NEVER_IN_DOUBT = frozenset({"framework", "kbit_prepare", "trainer"})
_NAMED = {
    "deepspeed": ("deepspeed", "deepspeed_config"),
    "fsdp": ("fsdp_config",),
    "accelerate": ("accelerate_config",),
}
"""Keys that name a configuration of the format, or hold it."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a run is started: its framework, where it stands, the words and variables it gets.

    ``path`` is the file that it is read from, as shown. ``command`` is the framework's subcommand
    where that is known. ``missing`` names a configuration, or a script, that decides what is not
    given and is not there.
    """

    name: str
    path: str
    source: Source
    kind: Kind
    identifier: str
    arguments: Sequence[Argument] = ()
    environment: Mapping[str, Argument] = field(default_factory=dict)
    versions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    command: str | None = None
    missing: str | None = None
    assumptions: tuple[str, ...] = ()
    style: str | None = None
    """How the words are written, where it is not in the framework's usual way."""


def _words(knowledge: Framework, start: Start) -> Words:
    """What a framework makes of the words of its command line."""
    style = start.style or knowledge.command_line.get("style")
    if style == "assignments":
        return read_assignments(start.arguments)
    if style == "cfg_options":
        return read_cfg_options(start.arguments)
    return read_options(start.arguments, knowledge.known_keys)


def run(start: Start, root: nodes.Mapping) -> tuple[Recipe, list[Note]]:
    """The recipe of a run and what is odd about it. Raises NotTraining where it is none."""
    knowledge = framework(start.name)
    words = _words(knowledge, start)
    in_force = {library: version for library, (version, _) in start.versions.items()}
    overrides = _located(knowledge, root, words)
    tree = overridden(root, overrides, start.path) if overrides else root
    command = start.command or _subcommand(knowledge, words)
    sheet = Sheet(start.path, tree, knowledge, in_force, command)
    if start.missing is not None:
        sheet.elsewhere = f"decided by {start.missing}, which is not there"
    elif words.unclear:
        sheet.elsewhere = f"{words.unclear[0].text[:60]} may decide it"
    processes = knowledge.command_line.get("processes", ())
    world = asked_for(start.environment, [*words.options, *words.overrides], processes)
    if world is not None:
        sheet.fields["world_size"] = world
    registry.reader(start.name).read(sheet)
    if not knowledge.open:
        sheet.note_unknown_keys()
    spread = knowledge.command_line.get("spread")
    if start.missing is not None and spread is None:
        sheet.fields.setdefault("distributed", sheet.unknown(str(sheet.elsewhere)))
    complete(sheet.fields, spread or "ddp")
    what = "a command line" if start.kind == "shell" else "a configuration"
    line = start.source.line if start.kind == "shell" else 1
    at = Origin(start.path, line, 1, via=f"{what} of {knowledge.package}")
    own = Field(State.SET, knowledge.name, (at,))
    sheet.fields.setdefault("framework", own)
    if start.missing is not None:
        _leave_open(sheet.fields, str(sheet.elsewhere))
    for word in words.unclear:
        _doubt(sheet.fields, word)
    recipe = Recipe(
        start.identifier,
        start.source,
        start.kind,
        knowledge.name,
        {name: sheet.fields.get(name, ABSENT) for name in FIELD_NAMES},
        assumptions=(*_premises(start, world), *start.assumptions, *sheet.assumptions),
        versions=_versions(knowledge, start.versions),
        facts=facts_of(sheet),
        names=_names(sheet),
    )
    return recipe, sheet.notes


def _located(knowledge: Framework, root: nodes.Mapping, words: Words) -> list[Override]:
    """The overrides at the keys that the configuration has for them, without the program's own."""
    own = frozenset(knowledge.command_line.get("own", ()))
    own |= frozenset(knowledge.command_line.get("processes", ()))
    place = registry.locator(knowledge.file)
    kept = [override for override in words.overrides if override.key not in own]
    kept += _positional(knowledge, words)
    if place is None:
        return kept
    return [replace(override, key=place(override.key, root)) for override in kept]


def _subcommand(knowledge: Framework, words: Words) -> str | None:
    """The last of the words that name what the program is to do: `finetune_lora`, `sft`."""
    commands = knowledge.command_line.get("commands", ())
    given = [word.text for word in words.plain if word.text in commands]
    return given[-1] if given else None


def _positional(knowledge: Framework, words: Words) -> list[Override]:
    """The first word of no option, where the program has a key for it."""
    key = knowledge.command_line.get("positional")
    commands = knowledge.command_line.get("commands", ())
    for word in words.plain:
        if key is not None and word.text not in commands:
            place = place_of(word, key)
            return [Override(key, Scalar(word.text, word.text, False, place), place)]
    return []


def _doubt(fields: dict[str, Field], word: Argument) -> None:
    """A word that may hold any options: nothing that was read is sure any more."""
    reason = f"{word.text[:60]} may decide it: {word.unknown}"
    for name, found in fields.items():
        if found.known and name not in _NEVER_IN_DOUBT:
            origin = (*found.origin, *word.origin, Origin(via=reason))
            read = (Alternative(found.value, f"{word.text[:60]} does not", found.origin),)
            fields[name] = Field(State.UNKNOWN, None, origin, read, open_ended=True)


def _leave_open(fields: dict[str, Field], reason: str) -> None:
    """What is not given is decided by something that is not there, not by a default."""
    origin = (Origin(via=reason),)
    for name in FIELD_NAMES:
        found = fields.get(name, ABSENT)
        derived = name == "effective_batch_size"
        given = found.state is State.SET or name in ("world_size", "distributed", "kbit_prepare")
        if not given or (derived and _partly(fields)):
            fields[name] = Field(State.UNKNOWN, None, origin)


def _partly(fields: Mapping[str, Field]) -> bool:
    parts = ("per_device_train_batch_size", "gradient_accumulation_steps")
    return any(fields.get(name, ABSENT).state is not State.SET for name in parts)


def _names(sheet: Sheet) -> dict[str, Field]:
    """The configurations of other formats that the run names."""
    names: dict[str, Field] = {}
    for format_name, keys in _NAMED.items():
        if format_name == "fsdp" and not _spreads(sheet):
            continue
        for key in keys:
            found = sheet.written(key)
            if found is not None and (found.value or found.state is State.UNKNOWN):
                names[format_name] = found
                break
    return names


def _spreads(sheet: Sheet) -> bool:
    """Whether FSDP is on: its settings alone turn it on in axolotl only, `fsdp` does elsewhere."""
    switch = sheet.written("fsdp")
    if switch is not None:
        return switch.state is State.UNKNOWN or bool(switch.value)
    return sheet.knowledge.label.startswith("axolotl") and "fsdp" not in sheet.root


def _premises(start: Start, world: Field | None) -> list[str]:
    premises = []
    if not start.arguments:
        premises.append("no command-line overrides")
    if not start.environment:
        premises.append("no environment variables")
    if world is None:
        premises.append("one process")
    return premises


def _versions(
    knowledge: Framework, used: Mapping[str, tuple[str, str]]
) -> dict[str, dict[str, str]]:
    newest = {"version": knowledge.version, "source": NEWEST_KNOWN}
    versions = {knowledge.package: newest} if knowledge.version else {}
    for library, (version, source) in used.items():
        versions[library] = {"version": version, "source": source}
    return versions
