"""Frozen dataclasses that cost nothing to define.

``dataclasses`` generates and compiles source for each class and imports ``inspect`` for it: for the
thirty classes behind a plan that takes longer than to start Python. A :class:`Record` is declared,
type checked, compared, hashed, shown and pickled as ``@dataclass(frozen=True)`` is, and
``dataclasses.replace`` and ``fields`` take it for one; but its methods are written once, here. It
is for the modules that every ``qlint plan`` imports; elsewhere, and for what is created in great
numbers, a dataclass is the thing to use.
"""

from __future__ import annotations

from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, ClassVar, NoReturn, TypeVar

    from typing_extensions import Self, dataclass_transform

    R = TypeVar("R", bound="Record")
else:

    def dataclass_transform(**_):
        """Mean something to type checkers only."""
        return lambda decorated: decorated


class _DataclassFields:
    """``__dataclass_fields__``, made when somebody asks for it."""

    def __get__(self, instance: object, owner: type[Record]) -> dict[str, Any]:
        import dataclasses

        made = dataclasses.make_dataclass(
            owner.__name__,
            [(name, object, dataclasses.field(default=None)) for name in owner._names],
        )
        return {field.name: field for field in dataclasses.fields(made)}


@dataclass_transform(frozen_default=True)
class Record:
    """The base of classes whose annotations are their fields, in order, with their defaults.

    ``uncompared`` names fields that equality and hash leave out.
    """

    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Any]]
    else:
        __dataclass_fields__ = _DataclassFields()
    _names: ClassVar[tuple[str, ...]] = ()
    _compared: ClassVar[tuple[str, ...]] = ()
    _known: ClassVar[frozenset[str]] = frozenset()
    _required: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, uncompared: tuple[str, ...] = ()) -> None:
        names = (*cls._names, *cls.__annotations__)
        cls._names = names
        cls._compared = tuple([name for name in names if name not in uncompared])
        cls._known = frozenset(names)
        cls._required = frozenset([name for name in names if not hasattr(cls, name)])

    def __init__(self, *values: Any, **named: Any) -> None:
        content = self.__dict__
        content.update(zip(self._names, values))  # noqa: B905 - strict costs, and is checked below
        content.update(named)
        if len(content) != len(values) + len(named) or not (
            self._required <= content.keys() <= self._known
        ):
            raise TypeError(_complaint(self, values, named))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"cannot assign to field {name!r} of {type(self).__name__}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"cannot delete field {name!r} of {type(self).__name__}")

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in self._compared])

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names)
        return f"{type(self).__qualname__}({fields})"

    def __replace__(self, **changes: Any) -> Self:
        """What ``copy.replace`` calls."""
        return replace(self, **changes)


def replace(record: R, **changes: Any) -> R:
    """A copy with these fields changed; TypeError for a field that there is not."""
    return type(record)(**{**record.__dict__, **changes})


def _complaint(record: Record, values: tuple[object, ...], named: dict[str, object]) -> str:
    names = record._names
    said = [f"takes {len(names)} values and not {len(values)}"] * (len(values) > len(names))
    for what, which in (
        ("has no field", named.keys() - record._known),
        ("lacks a value for", record._required - record.__dict__.keys()),
        ("has two values for", named.keys() & set(names[: len(values)])),
    ):
        said += [f"{what} {name}" for name in sorted(which)]
    return f"{type(record).__name__} {', '.join(said)}"
