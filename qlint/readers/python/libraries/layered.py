"""Layered configurations: OmegaConf, Hydra and the dicts that answer to attributes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence as AbstractSequence

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.classes import instantiate
from qlint.readers.python.iteration import elements
from qlint.readers.python.libraries.files import load_path, source_of
from qlint.readers.python.libraries.mirror import is_unknown, without_unknown
from qlint.readers.python.libraries.registry import Call, function
from qlint.readers.python.libraries.text_types import literal
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.operators import merge
from qlint.readers.python.source import Trace
from qlint.readers.python.values import (
    Const,
    Instance,
    Mapping,
    Object,
    Ref,
    Sequence,
    Unknown,
    UserClass,
    Value,
    known_text,
)
from qlint.readers.python.words import given_value, read_by, said, word_of

_RAW = "as written: "
_MAX_DEPTH = 12
_REFERENCE = re.compile(r"\$\{([^${}]+)\}")

# -- OmegaConf -------------------------------------------------------------------------------------


@function("omegaconf.OmegaConf.load")
def omegaconf_load(machine: Machine, call: Call) -> Value:
    """``OmegaConf.load(path)``."""
    path = source_of(machine, call) or call.arguments.get("file_", 0) or Const(None)
    return resolved(machine, load_path(machine, path, call, typed=True))


@function("omegaconf.OmegaConf.create", "omegaconf.OmegaConf.structured", "omegaconf.DictConfig",
          "omegaconf.OmegaConf.to_container", "omegaconf.OmegaConf.to_object",
          "easydict.EasyDict", "ml_collections.ConfigDict", "addict.Dict", "box.Box",
          "box.ConfigBox", "ml_collections.config_dict.ConfigDict", "munch.munchify", "munch.Munch",
          "munch.Munch.fromDict", "munch.DefaultMunch.fromDict", "dotmap.DotMap",
          "attrdict.AttrDict", "attridict.AttriDict", "bunch.Bunch")  # fmt: skip
def attribute_dict(machine: Machine, call: Call) -> Value:
    """These hand back the dict they are given, to be read by attribute as well."""
    given = call.arguments.positional[0] if call.arguments.positional else None
    if isinstance(given, UserClass):
        return instantiate(machine, given, Arguments(), call.node, call.frame)
    if given is None:
        target = Mapping()
        target.slots.data.update(call.arguments.keywords)
        if call.arguments.rest is not None:
            target.meta.data["rest"] = call.arguments.rest
        return Ref(target, trace(call.frame, call.node, "literal"))
    return resolved(machine, given) if call.name.endswith(".create") else given


@function("omegaconf.OmegaConf.merge", "omegaconf.OmegaConf.unsafe_merge")
def omegaconf_merge(machine: Machine, call: Call) -> Value:
    """``OmegaConf.merge(base, override)``."""
    merged = Mapping()
    for value in call.arguments.positional:
        if isinstance(value, UserClass):
            value = instantiate(machine, value, Arguments(), call.node, call.frame)
        if isinstance(value, Ref) and isinstance(value.target, Instance):
            value = Ref(Mapping(value.target.slots), value.trace)
        _merge_deep(machine, merged, value)
    return resolved(machine, Ref(merged, trace(call.frame, call.node, "compute")))


@function("omegaconf.OmegaConf.from_cli", "omegaconf.OmegaConf.from_dotlist")
def omegaconf_cli(machine: Machine, call: Call) -> Value:
    """``OmegaConf.from_cli()``: ``key=value`` pairs of argv, or of the list it is given."""
    target = Mapping()
    given = call.arguments.positional[0] if call.arguments.positional else None
    if given is None or (isinstance(given, Const) and given.value is None):
        machine.assume_argv()
        _apply_overrides(machine, target, machine.argv, "OmegaConf", call)
    else:
        words = [word_of(value) for value in elements(machine, given) or []]
        known = [word for word in words if word is not None]
        _apply_overrides(machine, target, known, "OmegaConf", call)
        if elements(machine, given) is None or len(known) < len(words):
            target.meta.data["rest"] = unknown(call.frame, call.node, "arguments", given)
    return Ref(target, trace(call.frame, call.node, "literal"))


@function("omegaconf.OmegaConf.select")
def omegaconf_select(machine: Machine, call: Call) -> Value:
    """``OmegaConf.select(config, "lora.r", default=8)``."""
    holder = call.arguments.get("cfg", 0)
    path = known_text(call.arguments.get("key", 1))
    if not isinstance(holder, Ref) or path is None:
        return unknown(call.frame, call.node, "a key that is not known", holder or Const(None))
    found = _at(holder, path)
    return found or call.arguments.get("default") or Const(None)


@function("omegaconf.OmegaConf.update")
def omegaconf_update(machine: Machine, call: Call) -> Value:
    """``OmegaConf.update(config, "lora.r", 8)``."""
    holder = call.arguments.get("cfg", 0)
    path = known_text(call.arguments.get("key", 1))
    value = call.arguments.get("value", 2)
    if isinstance(holder, Ref) and path is not None and value is not None:
        inner = _at(holder, path.rpartition(".")[0]) if "." in path else holder
        if isinstance(inner, Ref):
            machine.journal.write(inner.target.slots, path.rpartition(".")[2], value)
    return Const(None)


@function("omegaconf.OmegaConf.set_struct", "omegaconf.OmegaConf.set_readonly",
          "omegaconf.OmegaConf.resolve", "omegaconf.open_dict",
          "omegaconf.OmegaConf.register_new_resolver")  # fmt: skip
def omegaconf_setting(machine: Machine, call: Call) -> Value:
    """Settings of a configuration change none of its values."""
    return Const(None)


def _at(holder: Ref, path: str) -> Value | None:
    found: Value | None = holder
    for part in re.findall(r"[^.\[\]]+", path):
        if not isinstance(found, Ref):
            return None
        target = found.target
        if isinstance(target, Sequence):
            values = target.values or ()
            found = values[int(part)] if part.isdigit() and int(part) < len(values) else None
        else:
            found = target.slots.get(part)
    return found


# -- interpolation ---------------------------------------------------------------------------------


def resolved(machine: Machine, root: Value) -> Value:
    """A configuration with its ``${...}`` references followed."""
    if isinstance(root, Ref):
        _resolve(machine, root, root.target, 0)
    return root


def _resolve(machine: Machine, root: Ref, holder: Object, depth: int) -> None:
    if depth > _MAX_DEPTH:
        return
    if isinstance(holder, Sequence):
        values = holder.values or ()
        for value in values:
            if isinstance(value, Ref):
                _resolve(machine, root, value.target, depth + 1)
        if any("${" in (known_text(value) or "") for value in values):
            kept = tuple(_followed(machine, root, value, 0) for value in values)
            holder.slots.data["items"] = Sequence(kept).slots.data["items"]
        return
    if not isinstance(holder, Mapping):
        return
    for key, value in list(holder.slots.data.items()):
        if isinstance(value, Ref):
            _resolve(machine, root, value.target, depth + 1)
            continue
        written = holder.meta.data.get(f"{_RAW}{key}", value)
        if "${" in (known_text(written) or ""):
            holder.meta.data[f"{_RAW}{key}"] = written
            holder.slots.data[key] = _followed(machine, root, written, 0)


def _followed(machine: Machine, root: Ref, value: Value, depth: int) -> Value:
    """What a text with references comes to."""
    text = known_text(value)
    if text is None or "${" not in text:
        return value
    if depth > _MAX_DEPTH:
        return Unknown(f"{text} refers to itself", value.trace)
    alone = _REFERENCE.fullmatch(text.strip())
    if alone is not None:
        return _referred(machine, root, alone.group(1).strip(), value, depth)
    parts: list[str] = []
    position = 0
    for match in _REFERENCE.finditer(text):
        found = _referred(machine, root, match.group(1).strip(), value, depth)
        if not isinstance(found, Const):
            return Unknown(f"{text} is put together at run time", value.trace)
        parts += [text[position : match.start()], str(found.value)]
        position = match.end()
    if position == 0:
        return Unknown(f"{text} is put together at run time", value.trace)
    return Const("".join(parts) + text[position:], value.trace)


def _referred(machine: Machine, root: Ref, reference: str, value: Value, depth: int) -> Value:
    if reference.startswith(("oc.env:", "env:")):
        return _variable(machine, reference.partition(":")[2], value)
    found = _at(root, reference) if ":" not in reference else None
    if found is None:
        return Unknown(f"${{{reference}}} is not known", value.trace)
    found = _followed(machine, root, found, depth + 1)
    parents = tuple(trace for trace in (found.trace, value.trace) if trace is not None)
    if value.trace is None:
        return found
    station = Trace("pass", value.trace.file, value.trace.node, f"${{{reference}}}", parents[:1])
    return found.traced(station)


def _variable(machine: Machine, reference: str, value: Value) -> Value:
    name, comma, default = reference.partition(",")
    written = machine.environment.get(name.strip())
    if written is not None:
        return written
    if not comma:
        return Unknown(f"environment variable {name} is not set here", value.trace)
    plain = default.strip().strip("\"'")
    return literal(plain, Const(plain, value.trace))


# -- merging ---------------------------------------------------------------------------------------


def _merge_deep(machine: Machine, target: Mapping, other: Value) -> None:
    if not (isinstance(other, Ref) and isinstance(other.target, Mapping)):
        merge(machine, target, other)
        return
    written = other.target.meta.data
    for key, value in other.target.entries():
        before = target.slots.get(key)
        if isinstance(value, Ref) and isinstance(value.target, Mapping):
            twin = Mapping()
            if isinstance(before, Ref) and isinstance(before.target, Mapping):
                _merge_deep(machine, twin, before)
            _merge_deep(machine, twin, value)
            value = Ref(twin, value.trace)
        target.slots.data[key] = value
        target.meta.data.pop(f"{_RAW}{key}", None)
        if f"{_RAW}{key}" in written:
            target.meta.data[f"{_RAW}{key}"] = written[f"{_RAW}{key}"]
    if other.target.rest is not None:
        target.meta.data["rest"] = other.target.rest


def _apply_overrides(
    machine: Machine, target: Mapping, argv: AbstractSequence[str], reader: str, call: Call
) -> None:
    """Put the ``key=value`` words of argv into a configuration."""
    place = trace(call.frame, call.node, "pass")
    for part in argv:
        name, equals, text = part.lstrip("+-").partition("=")
        if not equals or (is_unknown(part) and "$" in name):
            without_unknown(machine, [part])
            continue
        station = read_by(part, str(part), reader, place)
        holder = target
        *path, last = str(name).split(".")
        for key in path:
            inner = holder.slots.get(key)
            if not (isinstance(inner, Ref) and isinstance(inner.target, Mapping)):
                inner = Ref(Mapping(), station)
                holder.slots.data[key] = inner
            assert isinstance(inner, Ref)
            assert isinstance(inner.target, Mapping)
            holder = inner.target
        holder.meta.data.pop(f"{_RAW}{last}", None)
        holder.slots.data[last] = _override(text, station)


def _override(text: str, station: Trace) -> Value:
    """The value of ``key=value``, with YAML's words for the constants."""
    value = given_value(text, station)
    if not isinstance(value, Const):
        return value
    words = {"true": True, "false": False, "null": None}
    if text.lower() in words:
        return Const(words[text.lower()], station)
    listed = re.fullmatch(r"\[([\w.,\s/-]*)\]", text)
    if listed is not None:
        parts = [part.strip() for part in listed.group(1).split(",") if part.strip()]
        return Ref(Sequence(tuple(_override(part, station) for part in parts)), station)
    return literal(str(text), value)


# -- Hydra -----------------------------------------------------------------------------------------


def hydra_configuration(machine: Machine, arguments: Arguments, call: Call) -> Value:
    """The configuration that ``@hydra.main(config_path=..., config_name=...)`` passes."""
    machine.assume_argv()
    overrides, named = _hydra_argv(machine.argv)
    if named is not None and is_unknown(named):
        return given_value(named, said(named, "--config-name"))
    name = named or known_text(arguments.get("config_name", 1))
    if name is None:
        return unknown(call.frame, call.node, "the configuration that hydra is given")
    folder = known_text(arguments.get("config_path", 0)) or "."
    file_name = name if name.endswith((".yaml", ".yml")) else f"{name}.yaml"
    loaded = load_path(machine, Const(os.path.join(folder, file_name)), call, typed=True)
    if not (isinstance(loaded, Ref) and isinstance(loaded.target, Mapping)):
        return loaded
    composed = Mapping()
    groups = _composed(machine, composed, loaded, folder, overrides, call)
    own = tuple(part for part in overrides if part.lstrip("+").partition("=")[0] not in groups)
    _apply_overrides(machine, composed, own, "hydra", call)
    return resolved(machine, Ref(composed, loaded.trace))


def _hydra_argv(argv: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    """Overrides, and the name that ``--config-name`` gives."""
    overrides: list[str] = []
    named: str | None = None
    parts = list(argv)
    while parts:
        part = parts.pop(0)
        if part.startswith(("--config-name=", "-cn=")):
            named = part.partition("=")[2]
        elif part in ("--config-name", "-cn") and parts:
            named = parts.pop(0)
        elif is_unknown(part) or ("=" in part and not part.startswith("-")):
            overrides.append(part)
    return tuple(overrides), named


def _composed(
    machine: Machine,
    composed: Mapping,
    loaded: Ref,
    folder: str,
    overrides: tuple[str, ...],
    call: Call,
) -> set[str]:
    """Compose a file with its defaults list; returns the groups that the list names."""
    assert isinstance(loaded.target, Mapping)
    defaults = loaded.target.slots.data.pop("defaults", None)
    listed = elements(machine, defaults) if defaults is not None else None
    chosen = dict(part.lstrip("+").split("=", 1) for part in overrides if "=" in part)
    groups: set[str] = set()
    own_last = True
    for entry in listed or []:
        if known_text(entry) == "_self_":
            _merge_deep(machine, composed, loaded)
            own_last = False
        else:
            groups |= _compose(machine, composed, entry, folder, chosen, call)
    if own_last:
        _merge_deep(machine, composed, loaded)
    return groups


def _compose(
    machine: Machine,
    composed: Mapping,
    entry: Value,
    folder: str,
    chosen: dict[str, str],
    call: Call,
) -> set[str]:
    """One entry of a hydra defaults list: a file, or ``group: option``."""
    text = known_text(entry)
    if text is not None:
        part = load_path(machine, Const(os.path.join(folder, f"{text}.yaml")), call, typed=True)
        _merge_deep(machine, composed, part)
        return set()
    groups: set[str] = set()
    if not (isinstance(entry, Ref) and isinstance(entry.target, Mapping)):
        return groups
    for key, option in entry.target.entries():
        words = str(key).replace("override ", "").replace("optional ", "").strip()
        group, _, package = words.strip("/").partition("@")
        if group.startswith("hydra"):
            continue
        groups.add(group)
        name = chosen.get(group) or known_text(option)
        if name is None:
            continue
        if is_unknown(name):
            composed.meta.data["rest"] = given_value(name, said(name, group))
            continue
        path = os.path.join(folder, group, f"{name}.yaml")
        part = load_path(machine, Const(path), call, typed=True)
        holder = Mapping()
        inner = holder
        *outer, last = (package or group).replace("/", ".").split(".")
        for step in outer:
            deeper = Mapping()
            inner.slots.data[step] = Ref(deeper)
            inner = deeper
        inner.slots.data[last] = part
        _merge_deep(machine, composed, part if package == "_global_" else Ref(holder))
    return groups


# -- dicts into classes ----------------------------------------------------------------------------


@function("pydantic.BaseModel.model_validate", "pydantic.BaseModel.parse_obj", "dacite.from_dict",
          "pydantic_settings.BaseSettings.model_validate", "msgspec.convert",
          "pydantic.BaseModel.model_construct")  # fmt: skip
def from_dict(machine: Machine, call: Call) -> Value:
    """``Config.model_validate(data)``: the class filled from a dict."""
    values = [*([call.cls] if call.cls is not None else []), *call.arguments.every()]
    kind = next((value for value in values if isinstance(value, UserClass)), None)
    data = next((value for value in values if not isinstance(value, UserClass)), None)
    if kind is None:
        return unknown(call.frame, call.node, f"the result of {call.name}()")
    given = Arguments()
    if isinstance(data, Ref) and isinstance(data.target, Mapping):
        given.keywords = {str(key): value for key, value in data.target.entries()}
        given.rest = data.target.rest
    elif data is not None:
        given.rest = unknown(call.frame, call.node, "a dict that is not known", data)
    else:
        given.keywords = dict(call.arguments.keywords)
        given.rest = call.arguments.rest
    return instantiate(machine, kind, given, call.node, call.frame)
