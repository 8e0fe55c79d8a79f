"""Suggestions for names that are almost right."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean X?"`` for the known name nearest to ``name``, or nothing."""
    # Imported here: only a mistake needs it, and start-up is counted in milliseconds.
    from difflib import get_close_matches

    by_folded_name = {candidate.casefold(): candidate for candidate in known}
    nearest = get_close_matches(name.casefold(), by_folded_name, n=1, cutoff=0.6)
    return f"; did you mean {by_folded_name[nearest[0]]}?" if nearest else ""


def otherwise(near: str, way_out: str) -> str:
    """``"; did you mean X? Else give ..."``, or ``"; give ..."`` where no name is near."""
    return f"{near} Else {way_out}." if near else f"; {way_out}."
