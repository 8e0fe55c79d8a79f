"""Figures and origins in words, the same in every finding."""

from __future__ import annotations

import os

from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from qlint.recipe import Field, Origin


def scientific(value: float) -> str:
    """A learning rate as people write it: ``2e-4``, ``1.5e-5``."""
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def gigabytes(size: float) -> str:
    """Bytes in GB (1e9), with as many digits as tell anything: ``0.04 GB``, ``3.8 GB``."""
    amount = size / 1e9
    return f"{amount:.1f} GB" if amount >= 1 else f"{amount:.2f} GB"


def size(amount: float) -> str:
    """Measured bytes in GB, small ones in MB: ``3.8 GB``, ``0.26 MB``."""
    return gigabytes(amount) if amount >= 1e8 else f"{amount / 1e6:.2g} MB"


def percent(share: float, digits: int = 1) -> str:
    """A share as people write it: ``12.5 %``."""
    # Adding zero makes a negative one plain.
    return f"{round(share * 100, digits) + 0.0:.{digits}f} %"


def spread(share: float | None) -> str:
    """The noise of a share, to be set behind it: `` ± 0.4 %``; empty where there is none."""
    if not share:
        return ""
    return f" ± {percent(share, 1 if share >= 0.0005 else 2)}"


def number(value: float) -> str:
    """A plain number without trailing zeros: ``64``, ``0.5``."""
    return f"{value:g}"


def described(field: Field, text: str) -> str:
    """``text`` and where it was decided: ``2e-4 (train.py:31, default of --learning_rate)``."""
    place = deciding_origin(field)
    via = next((origin.via for origin in field.origin if origin.via), None)
    parts = [part for part in (position(place), via) if part]
    if not parts and field.state.value == "default":
        parts = ["the library's default"]
    return f"{text} ({', '.join(parts)})" if parts else text


def deciding_origin(field: Field) -> Origin | None:
    """The first station of the value that stands in an input, where a reader can go and look."""
    return next((origin for origin in field.origin if origin.path is not None), None)


def position(origin: Origin | None) -> str | None:
    """File and line of an origin as people say it: ``train.py:31``; None where it has none."""
    if origin is None or origin.path is None:
        return None
    name = os.path.basename(origin.path)
    if origin.line is None:
        return name
    if origin.cell is not None:
        return f"{name}: cell {origin.cell}, line {origin.line}"
    return f"{name}:{origin.line}"
