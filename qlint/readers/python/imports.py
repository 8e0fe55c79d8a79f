"""Imports: modules of the same project are evaluated, libraries are known by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from qlint.readers.python.attributes import get_attribute
from qlint.readers.python.frames import Frame
from qlint.readers.python.iteration import elements
from qlint.readers.python.machine import Machine, trace
from qlint.readers.python.values import Const, Library, ModuleValue, Value, known_text

if TYPE_CHECKING:
    from qlint.readers.python.project import LocalModule


def dotted(node: Any) -> str:
    """``a.b.c`` of a dotted name's node."""
    if isinstance(node, cst.Attribute):
        return f"{dotted(node.value)}.{node.attr.value}"
    return str(node.value)


def import_modules(machine: Machine, node: cst.Import, frame: Frame) -> None:
    """``import a.b as c``."""
    for alias in node.names:
        name = dotted(alias.name)
        module = load(machine, name, 0, frame)
        if alias.asname is not None:
            bound = dotted(alias.asname.name)
            value: Value = module or Library(name, trace(frame, alias, "literal"))
        else:
            bound = name.split(".", 1)[0]
            top = load(machine, bound, 0, frame) if "." in name else module
            value = top or Library(bound, trace(frame, alias, "literal"))
            if module is not None and "." in name and isinstance(value, Library):
                _nest(machine, frame, name, module)
                continue
            if "." in name:
                _attach(machine, name, frame)
        machine.journal.write(frame.home(bound).slots, bound, value)


def _attach(machine: Machine, name: str, frame: Frame) -> None:
    """After ``import a.b`` the package ``a`` has an attribute ``b``."""
    parts = name.split(".")
    for count in range(1, len(parts)):
        package = load(machine, ".".join(parts[:count]), 0, frame)
        inner = load(machine, ".".join(parts[: count + 1]), 0, frame)
        if package is not None and inner is not None:
            package.frame.slots.data.setdefault(parts[count], inner)


def _nest(machine: Machine, frame: Frame, name: str, module: ModuleValue) -> None:
    """``import package.module`` without an ``__init__``: make ``package.module`` reachable."""
    parts = name.split(".")
    value: Value = module
    for part in reversed(parts[1:]):
        holder = Frame(module.frame.file)
        holder.slots.data[part] = value
        value = ModuleValue(part, holder)
    machine.journal.write(frame.home(parts[0]).slots, parts[0], value)


def import_from(machine: Machine, node: cst.ImportFrom, frame: Frame) -> None:
    """``from a.b import c as d``."""
    name = dotted(node.module) if node.module is not None else ""
    level = len(node.relative)
    module = load(machine, name, level, frame)
    if isinstance(node.names, cst.ImportStar):
        _import_star(machine, name, module, frame)
        return
    for alias in node.names:
        wanted = dotted(alias.name)
        bound = dotted(alias.asname.name) if alias.asname is not None else wanted
        value: Value | None = None
        if module is not None:
            value = module.frame.slots.data.get(wanted)
        if value is None:
            inner = f"{name}.{wanted}" if name else wanted
            value = load(machine, inner, level, frame)
        if value is None:
            full = f"{name}.{wanted}" if name else wanted
            value = Library(full, trace(frame, alias, "literal"))
            if wanted == "__version__" and name:
                value = get_attribute(machine, Library(name), wanted, alias, frame)
        machine.journal.write(frame.home(bound).slots, bound, value)


def _import_star(machine: Machine, name: str, module: ModuleValue | None, frame: Frame) -> None:
    if module is None:
        frame.globals.stars.append(name.split(".", 1)[0])
        return
    public = _public(machine, module)
    for key, value in list(module.frame.slots.data.items()):
        wanted = key in public if public is not None else not str(key).startswith("_")
        if wanted:
            machine.journal.write(frame.slots, key, value)
    frame.globals.stars.extend(module.frame.stars)


def _public(machine: Machine, module: ModuleValue) -> set[str | None] | None:
    """The names in ``__all__`` of a module; None where it has none that is known."""
    listed = module.frame.slots.data.get("__all__")
    names = elements(machine, listed) if listed is not None else None
    return {known_text(name) for name in names} if names is not None else None


def load(machine: Machine, name: str, level: int, frame: Frame) -> ModuleValue | None:
    """Evaluate a module of the project; None where the name belongs to a library."""
    found = machine.project.find_module(name, level, frame.file.path, machine.searched)
    if found is None:
        return None
    return _evaluate_module(machine, found)


def _evaluate_module(machine: Machine, found: LocalModule) -> ModuleValue | None:
    loaded = machine.loaded.get(found.path)
    if loaded is not None:
        return loaded
    file = machine.project.parse(found)
    if file is None:
        return None
    from qlint.readers.python.blocks import run_statements
    from qlint.readers.python.machine import Raised

    module_frame = Frame(file)
    module_frame.slots.data["__name__"] = Const(found.name)
    module_frame.slots.data["__file__"] = Const(found.path)
    module = ModuleValue(found.name, module_frame)
    # Known before it has run: imports may be cyclic.
    machine.loaded[found.path] = module
    loops, machine.loops = machine.loops, []
    try:
        with machine.journal.detached():
            run_statements(machine, file.module.body, module_frame)
    except Raised as raised:
        machine.assume(f"the check before '{raised.reason}' passes")
    finally:
        machine.loops = loops
    return module
