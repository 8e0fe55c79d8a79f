"""What the training libraries take and default to, by version.

The facts stand in `data/*.json`, one file a library, read from the libraries' own wheels by
`tools/extract_library_defaults.py` (whose docstring describes the format). A file is loaded when
it is first asked for. Nothing here imports one of those libraries.

Names are those that users write: `SFTConfig`, `get_peft_model`,
`FastLanguageModel.from_pretrained`, `optim.AdamW8bit`. Together with the library they are
qualified: `transformers.TrainingArguments`.

A `versions` argument maps libraries to the versions in the user's environment. Any spelling of a
version will do, see `resolve_version`; a library that is left out is taken at its newest. The
mapping covers every library because classes inherit across them: `trl.SFTConfig` has most of its
fields from `transformers.TrainingArguments`.
"""

from __future__ import annotations

import json
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

_LIBRARIES = ("accelerate", "bitsandbytes", "peft", "torch", "transformers", "trl", "unsloth")
_DIGITS = re.compile(r"\d+")

_Entry = dict[str, Any]
"""One change point of the data; it holds from the release `since` to the next one."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a callable, as one release has it.

    `default` is a JSON value: enumeration members are their strings, torch dtypes their names
    ("float32"), tuples are lists. It means nothing where the parameter is `required`, or where
    the library computes the default by `expression`.
    """

    name: str
    library: str
    """The library that declares it, which may be a base class's."""
    version: str
    """The release of that library that was looked up."""
    source: str
    """Where it was read: `transformers-4.46.3/transformers/training_args.py:1016`."""
    default: object = None
    required: bool = False
    expression: str | None = None
    type: str | None = None
    """The annotation of a dataclass field, in today's spelling (`list[str] | None`)."""
    effective: object = None
    """What the constructor turns a default of None into; None where it leaves it alone."""
    otherwise: object = None
    """The default where the condition that `note` states does not hold."""
    note: str | None = None
    """What decides the value: "bf16 = not fp16 when None", "if is_torch_..."."""
    alias_of: str | None = None
    """For a deprecated name that is still accepted: the name it stands for."""
    choices: tuple[object, ...] = ()
    aliases: tuple[str, ...] = ()
    """Further command-line flags (`--lr`) of a dataclass field."""
    keyword_only: bool = False

    @property
    def value(self) -> object:
        """The default in effect: `effective` where there is one, else `default`."""
        return self.default if self.effective is None else self.effective


def libraries() -> tuple[str, ...]:
    """The libraries that there are facts about."""
    return _LIBRARIES


def known_versions(library: str) -> tuple[str, ...]:
    """The releases that were read, oldest first: the last patch of each minor release."""
    return tuple(_table(library)["versions"])


def newest(library: str) -> str:
    """The newest release that was read."""
    return known_versions(library)[-1]


@lru_cache(maxsize=256)
def resolve_version(library: str, requested: str) -> str:
    """The release that stands for `requested`.

    That is the one of the same minor release ("4.46", "4.46.0" and "4.46.0.dev0" are 4.46.3);
    failing that, the newest before it; failing that, the oldest there is.
    """
    wanted = _version_key(requested)
    if not wanted:
        return newest(library)
    if len(wanted) == 1:  # "5" asks for the newest of its major release.
        wanted = (wanted[0], _NO_LIMIT)
    known = known_versions(library)
    earlier = [version for version in known if _version_key(version)[:2] <= wanted[:2]]
    return earlier[-1] if earlier else known[0]


def find_callable(library: str, name: str) -> bool:
    """Whether any release of the library has the callable."""
    return library in _LIBRARIES and name in _table(library)["callables"]


def available(library: str, name: str, versions: Mapping[str, str]) -> bool:
    """Whether the library has the callable at the given version."""
    return _definition(library, name, _chosen(library, versions)) is not None


def kind(library: str, name: str, versions: Mapping[str, str]) -> str | None:
    """One of "dataclass", "class" and "function"; None where the version lacks the callable.

    A class without a constructor of its own is of the kind of the base that it is built by.
    """
    definition = _definition(library, name, _chosen(library, versions))
    if definition is None:
        return None
    if definition["kind"] == "inherits":
        constructor = _inherited_constructor(definition, versions)
        return "class" if constructor is None else kind(*constructor, versions)
    return str(definition["kind"])


def definition_source(library: str, name: str, versions: Mapping[str, str]) -> str | None:
    """File and line of the callable, None where the version lacks it."""
    definition = _definition(library, name, _chosen(library, versions))
    return None if definition is None else _source(library, definition, definition)


def accepts_any_keyword(library: str, name: str, versions: Mapping[str, str]) -> bool:
    """Whether the callable takes `**kwargs`, so that an unknown name is no error."""
    definition = _definition(library, name, _chosen(library, versions))
    if definition is None:
        return False
    if definition["kind"] == "inherits":
        constructor = _inherited_constructor(definition, versions)
        return constructor is None or accepts_any_keyword(*constructor, versions)
    return bool(definition.get("kwargs", False))


def parameters(library: str, name: str, versions: Mapping[str, str]) -> dict[str, Parameter]:
    """What the callable takes: bases first, then its own, overrides in the place of the base's.

    A callable or version that is not known has no parameters. Parameters that a release has
    removed are left out.
    """
    return dict(_parameters(library, name, _frozen(versions)))


def positional(library: str, name: str, versions: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the first positional parameters (twelve at most), without `self`."""
    definition = _definition(library, name, _chosen(library, versions))
    if definition is None:
        return ()
    if definition["kind"] == "inherits":
        constructor = _inherited_constructor(definition, versions)
        return () if constructor is None else positional(*constructor, versions)
    timeline = _table(library)["callables"][name]["order"]
    entry = _entry_at(timeline, _chosen(library, versions))
    own: list[str] = [] if entry is None else entry["names"]
    if definition["kind"] != "dataclass":
        return tuple(own)
    names: dict[str, None] = {}
    for base in reversed(_known_bases(definition)):
        names.update(dict.fromkeys(positional(*base, versions)))
    names.update(dict.fromkeys(own))
    return tuple(names)[:12]


def bases(library: str, name: str, versions: Mapping[str, str]) -> tuple[str, ...]:
    """Qualified names of the direct bases: `("transformers.TrainingArguments",)`."""
    definition = _definition(library, name, _chosen(library, versions))
    return () if definition is None else tuple(definition.get("bases", ()))


def ancestors(library: str, name: str, versions: Mapping[str, str]) -> tuple[str, ...]:
    """Qualified names of all bases, direct and indirect, nearest first."""
    found: dict[str, None] = dict.fromkeys(bases(library, name, versions))
    for base in tuple(found):
        found.update(dict.fromkeys(ancestors(*_split(base), versions)))
    return tuple(found)


def removed(library: str, name: str, parameter: str) -> tuple[str, str] | None:
    """The release that removed a parameter, and where that was read.

    None where the newest releases still take it, or where it never was. A parameter that a base
    class of another library dropped has that library's version; the source says which.
    """
    if not find_callable(library, name) or parameter in parameters(library, name, {}):
        return None
    callable_ = _table(library)["callables"][name]
    timeline = callable_["parameters"].get(parameter)
    if timeline is not None and timeline[-1].get("removed"):
        entry = timeline[-1]
        definition = _entry_at(callable_["definition"], entry["since"])
        return entry["since"], _source(library, entry, definition or {})
    for base in _last_bases(callable_["definition"]):
        if (gone := removed(*base, parameter)) is not None:
            return gone
    return None


def former_types(library: str, name: str, versions: Mapping[str, str]) -> dict[str, str | None]:
    """Parameters that earlier releases took and this one does not, with their last type."""
    if not find_callable(library, name):
        return {}
    callable_ = _table(library)["callables"][name]
    version = _chosen(library, versions)
    found: dict[str, str | None] = {}
    for base in _last_bases(callable_["definition"]):
        found.update(former_types(*base, versions))
    for parameter, timeline in callable_["parameters"].items():
        since = _version_key(timeline[0]["since"])
        if since <= _version_key(version) and _entry_at(timeline, version) is None:
            taken = [entry for entry in timeline if not entry.get("removed")]
            found[parameter] = taken[-1].get("type") if taken else None
    return found


def lora_target_modules(model_type: str, versions: Mapping[str, str]) -> tuple[str, ...] | None:
    """The modules that PEFT adapts by default in a model of this type; None if it has no default.

    `model_type` is that of the model's configuration: "llama", "qwen2", "gpt_neox".
    """
    timeline = _table("peft")["tables"]["lora_target_modules"].get(model_type)
    if timeline is None:
        return None
    entry = _entry_at(timeline, _chosen("peft", versions))
    return None if entry is None else tuple(entry["value"])


# -- data --------------------------------------------------------------------------------------

_NO_LIMIT = 10**9


@cache
def _table(library: str) -> dict[str, Any]:
    if library not in _LIBRARIES:
        raise KeyError(f"no facts about the library {library!r}")
    # importlib.resources would do as well, but takes longer to import than the data to load.
    data = pkgutil.get_data("qlint.knowledge", f"data/{library}.json")
    if data is None:
        raise FileNotFoundError(f"data/{library}.json")
    table: dict[str, Any] = json.loads(data)
    return table


@lru_cache(maxsize=1024)
def _version_key(version: str) -> tuple[int, ...]:
    """Release numbers as integers; a local part (`+cu121`) and an epoch say nothing here."""
    release = version.strip().lstrip("vV").partition("+")[0].rpartition("!")[2]
    return tuple(int(digits) for digits in _DIGITS.findall(release))


def _frozen(versions: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(versions.items()))


def _chosen(library: str, versions: Mapping[str, str]) -> str:
    if library not in _LIBRARIES:
        return ""
    requested = versions.get(library)
    return newest(library) if requested is None else resolve_version(library, requested)


def _split(qualified: str) -> tuple[str, str]:
    library, _, name = qualified.partition(".")
    return library, name


def _entry_at(timeline: list[_Entry], version: str) -> _Entry | None:
    """The entry in force at a known version; None before the first one and once removed."""
    wanted = _version_key(version)
    in_force: _Entry | None = None
    for entry in timeline:
        if _version_key(entry["since"]) > wanted:
            break
        in_force = entry
    return None if in_force is None or in_force.get("removed") else in_force


def _definition(library: str, name: str, version: str) -> _Entry | None:
    if not find_callable(library, name):
        return None
    return _entry_at(_table(library)["callables"][name]["definition"], version)


def _source(library: str, entry: _Entry, definition: _Entry) -> str:
    place = f"{definition.get('file', library)}:{entry.get('line', 1)}"
    return f"{library}-{entry['since']}/{place}"


def _known_bases(definition: _Entry) -> list[tuple[str, str]]:
    pairs = [_split(base) for base in definition.get("bases", ())]
    return [pair for pair in pairs if find_callable(*pair)]


def _last_bases(timeline: list[_Entry]) -> Iterator[tuple[str, str]]:
    for entry in reversed(timeline):
        if not entry.get("removed"):
            yield from _known_bases(entry)
            return


def _inherited_constructor(
    definition: _Entry, versions: Mapping[str, str]
) -> tuple[str, str] | None:
    """The base whose constructor builds a class that has none of its own."""
    for base in _known_bases(definition):
        if available(*base, versions):
            return base
    return None


@lru_cache(maxsize=512)
def _parameters(
    library: str, name: str, frozen: tuple[tuple[str, str], ...]
) -> dict[str, Parameter]:
    versions = dict(frozen)
    version = _chosen(library, versions)
    definition = _definition(library, name, version)
    if definition is None:
        return {}
    if definition["kind"] == "inherits":
        constructor = _inherited_constructor(definition, versions)
        return {} if constructor is None else _parameters(*constructor, frozen)
    found: dict[str, Parameter] = {}
    if definition["kind"] == "dataclass":
        for base in reversed(_known_bases(definition)):
            found.update(_parameters(*base, frozen))
    callable_ = _table(library)["callables"][name]
    for parameter, timeline in callable_["parameters"].items():
        entry = _entry_at(timeline, version)
        if entry is not None:
            declared = _entry_at(callable_["definition"], entry["since"]) or definition
            source = _source(library, entry, declared)
            overridden = found.get(parameter)
            own = _parameter(parameter, library, version, source, entry)
            if overridden is not None and own.alias_of is None:
                own = replace(own, alias_of=overridden.alias_of)
            found[parameter] = own
    return _with_deprecated_names(found)


def _parameter(name: str, library: str, version: str, source: str, entry: _Entry) -> Parameter:
    return Parameter(
        name=name,
        library=library,
        version=version,
        source=source,
        default=entry.get("default"),
        required=entry.get("required", False),
        expression=entry.get("expression"),
        type=entry.get("type"),
        effective=entry.get("effective"),
        otherwise=entry.get("otherwise"),
        note=entry.get("note"),
        alias_of=entry.get("alias_of"),
        choices=tuple(entry.get("choices", ())),
        aliases=tuple(entry.get("aliases", ())),
        keyword_only=entry.get("keyword_only", False),
    )


def _with_deprecated_names(found: dict[str, Parameter]) -> dict[str, Parameter]:
    """Let a deprecated name and the one it stands for agree on what they come to.

    A subclass may give the old name a default (`SFTConfig.gradient_checkpointing` is True) that
    the constructor then hands to the new one; where neither has one, the old mirrors the new.
    """
    for old in [parameter for parameter in found.values() if parameter.alias_of in found]:
        new = found[old.alias_of or ""]
        if old.default is not None and new.default is None:
            found[new.name] = replace(
                new,
                effective=old.default,
                library=old.library,
                version=old.version,
                source=old.source,
            )
        elif old.default is None and new.value is not None:
            found[old.name] = replace(old, effective=new.value)
    return found
