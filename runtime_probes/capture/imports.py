"""Acts on libraries at the moment that the script imports them, and imports none by itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from .patches import Patches

Action = Callable[[ModuleType], object]
_Actions = tuple[Callable[[], object] | None, Action | None]


def on_import(patches: Patches, actions: Mapping[str, Action]) -> None:
    """Call the action of a module as soon as it is imported, at once where it was before."""
    for name, act in actions.items():
        module = sys.modules.get(name)
        if module is not None:
            act(module)
    _find_first(patches, {name: (None, act) for name, act in actions.items()})


def before_import(patches: Patches, name: str, act: Callable[[], object]) -> None:
    """Call ``act`` before the module ``name`` is executed; looking whether it is there is none."""
    _find_first(patches, {name: (act, None)})


def _find_first(patches: Patches, actions: Mapping[str, _Actions]) -> None:
    finder = _Finder(actions)
    sys.meta_path.insert(0, finder)
    patches.later(sys.meta_path.remove, finder)


class _Finder(MetaPathFinder):
    """Finds what Python would find, with actions before and after it is executed."""

    def __init__(self, actions: Mapping[str, _Actions]) -> None:
        self._actions = actions

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._actions:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, *self._actions[fullname])
        return spec


class _Loader(Loader):
    """The real loader, with an action before and one after it."""

    def __init__(
        self, real: Any, before: Callable[[], object] | None, after: Action | None
    ) -> None:
        self._real = real
        self._before = before
        self._after = after

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._real.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._real
        if self._before is not None:
            self._before()
        self._real.exec_module(module)
        if self._after is not None:
            self._after(module)
