"""How values and places are written in text."""

from __future__ import annotations

from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from qlint.findings import Location
    from qlint.recipe import Field, Json, Origin, Source


def place(spot: Location | Source | Origin) -> str:
    """Write ``path:line:column``, in a notebook ``path: cell 3, line 5, column 1``.

    Empty where there is no path.
    """
    if spot.path is None:
        return ""
    if spot.cell is not None:
        column = f", column {spot.column}" if spot.column is not None else ""
        return f"{spot.path}: cell {spot.cell}, line {spot.line}{column}"
    parts = [spot.path]
    if spot.line is not None:
        parts.append(str(spot.line))
        if spot.column is not None:
            parts.append(str(spot.column))
    return ":".join(parts)


def value(item: Json) -> str:
    """Write a value as Python would."""
    return repr(item)


def field_value(field: Field) -> str:
    """Write the value of a field, or its alternatives, or nothing."""
    if field.known:
        return value(field.value)
    return " | ".join(
        value(alternative.value) + (f" if {alternative.condition}" if alternative.condition else "")
        for alternative in field.alternatives
    )


def station(origin: Origin, home: str | None = None) -> str:
    """Write one station: what happened to the value there, and where that is.

    In the file ``home``, which stands above, only the line is written.
    """
    where = place(origin)
    if home is not None and origin.path == home and origin.line is not None:
        cell = f"cell {origin.cell}, " if origin.cell is not None else ""
        where = f"{cell}line {origin.line}"
    if origin.via and where:
        return f"{origin.via} at {where}"
    return origin.via or f"written at {where}"


def count(number: int, noun: str) -> str:
    """Write ``1 file``, ``2 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
