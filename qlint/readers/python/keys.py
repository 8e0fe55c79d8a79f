"""The keys that abstract values stand for in a dict."""

from __future__ import annotations

from collections.abc import Hashable

from qlint.readers.python.values import Const, Library, Ref, Sequence, Unknown, Value

NONE_KEY = object()
"""The key that stands for None in a dict: None itself means that there is none."""

MAX_DEPTH = 12
"""How deep containers are looked into: they may hold themselves."""


def key_of(value: Value) -> Hashable:
    """The key a known value stands for in a dict, else None. None itself cannot be a key here."""
    if isinstance(value, Const):
        return value.value if value.value is not None else NONE_KEY
    if isinstance(value, Library):
        return value.name
    if isinstance(value, Ref):
        if isinstance(value.target, Sequence) and value.target.kind == "tuple":
            parts = [key_of(part) for part in value.target.values or (Unknown(""),)]
            return None if None in parts else tuple(parts)
        return id(value.target)
    return None


def value_of_key(key: Hashable) -> Value:
    """The value that stands for a key."""
    if key is NONE_KEY:
        return Const(None)
    if isinstance(key, tuple):
        return Ref(Sequence(tuple(map(value_of_key, key)), "tuple"))
    return Const(key)
