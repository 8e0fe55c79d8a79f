"""Temporary changes to modules, classes and the environment, all of them undone together."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

_MISSING = object()


class Patches:
    """A set of changes; leaving the ``with`` block undoes them in reverse order.

    An attribute that the object itself did not have (a class that inherits it) is deleted again,
    so that afterwards ``vars(owner)`` is what it was.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Patches:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Undo all changes; what leaving the block does."""
        self._stack.close()

    def set(self, owner: object, name: str, value: object) -> None:
        """Set ``owner.name`` until the end."""
        before = vars(owner).get(name, _MISSING)
        setattr(owner, name, value)
        self._stack.callback(_restore, owner, name, before)

    def wrap(self, owner: object, name: str, make: Callable[[Any], Any]) -> None:
        """Replace ``owner.name`` by what ``make`` builds around it."""
        self.set(owner, name, make(getattr(owner, name)))

    def item(self, mapping: MutableMapping[str, Any], key: str, value: object) -> None:
        """Set ``mapping[key]`` until the end: a variable of the environment, a module."""
        before = mapping.get(key, _MISSING)
        mapping[key] = value
        self._stack.callback(_restore_item, mapping, key, before)

    def later(self, undo: Callable[..., object], *arguments: object) -> None:
        """Call ``undo`` at the end, for changes that are no attributes."""
        self._stack.callback(undo, *arguments)


def _restore(owner: object, name: str, before: object) -> None:
    if before is _MISSING:
        delattr(owner, name)
    else:
        setattr(owner, name, before)


def _restore_item(mapping: MutableMapping[str, Any], key: str, before: object) -> None:
    if before is _MISSING:
        mapping.pop(key, None)
    else:
        mapping[key] = before
