"""Records behave as frozen dataclasses do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from qlint.records import Record, replace


class Point(Record, uncompared=("note",)):
    """A record with fields of every kind."""

    x: int
    y: int = 2
    note: Mapping[str, int] | None = None

    @property
    def total(self) -> int:
        """Something computed."""
        return self.x + self.y


@dataclasses.dataclass(frozen=True)
class Twin:
    """The same as a dataclass."""

    x: int
    y: int = 2
    note: Mapping[str, int] | None = dataclasses.field(default=None, compare=False)


class Solid(Point):
    """A record with a field more."""

    z: int = 3


GIVEN: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((1,), {}),
    ((1, 5), {"note": {"a": 1}}),
    ((), {"x": 1}),
    ((), {"y": 5, "x": 1}),
    ((), {}),
    ((1, 2, None, 4), {}),
    ((1,), {"x": 1}),
    ((1,), {"z": 1}),
]


def outcome(make: Callable[..., Any], values: tuple[Any, ...], named: dict[str, Any]) -> Any:
    try:
        made = make(*values, **named)
    except TypeError:
        return TypeError
    return made.x, made.y, made.note, repr(made).partition("(")[2]


@pytest.mark.parametrize(("values", "named"), GIVEN)
def test_records_are_made_and_shown_as_dataclasses_are(
    values: tuple[Any, ...], named: dict[str, Any]
) -> None:
    assert outcome(Point, values, named) == outcome(Twin, values, named)


def test_a_wrong_call_says_what_is_wrong() -> None:
    make: Any = Point
    with pytest.raises(TypeError, match=r"^Point has no field z, lacks a value for x$"):
        make(z=1)
    with pytest.raises(TypeError, match=r"has two values for x"):
        make(1, x=1)


def test_records_are_equal_by_value_and_class() -> None:
    assert Point(1) == Point(1, 2, {"a": 1})
    assert hash(Point(1)) == hash(Point(1, 2, {"a": 1}))
    assert Point(1) != Point(2)
    assert Point(1, 2) != Solid(1, 2)
    assert Solid(1, 2, z=4) == Solid(1, 2, None, 4)
    assert Point(1) != (1, 2, None)


def test_records_cannot_be_changed_but_copied_with_changes() -> None:
    point: Any = Point(1)
    with pytest.raises(AttributeError, match="y"):
        point.y = 3
    with pytest.raises(AttributeError, match="y"):
        del point.y
    assert replace(point, y=3).total == 4
    assert dataclasses.replace(point, y=3) == Point(1, 3)
    assert point.y == 2
    with pytest.raises(TypeError, match="no field z"):
        replace(point, z=3)


def test_the_tools_for_dataclasses_know_records() -> None:
    assert dataclasses.is_dataclass(Point)
    assert [field.name for field in dataclasses.fields(Solid)] == ["x", "y", "note", "z"]
    assert dataclasses.asdict(Solid(1)) == {"x": 1, "y": 2, "note": None, "z": 3}


def test_records_are_pickled_and_copied() -> None:
    solid = Solid(1, 5, {"a": 1})
    assert pickle.loads(pickle.dumps(solid)) == solid
    assert copy.deepcopy(solid) == solid
