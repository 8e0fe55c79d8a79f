"""The known name that an unknown one is probably meant to be."""

from __future__ import annotations

from collections.abc import Collection


def nearest_name(name: str, known: Collection[str]) -> str | None:
    """The known name that takes the fewest edits to get to, if they are few for its length."""
    wanted = name.casefold()[:80]
    letters = set(wanted)
    allowed = max(1, min(3, len(wanted) // 3))
    longer = [other for other in known if len(wanted) > 4 and other.startswith(wanted)]
    if longer:
        return min(longer, key=lambda other: (len(other), other))
    best, found = allowed + 1, None
    for other in known:
        # Cheap questions first: the keys of a large framework are many hundreds.
        if not -allowed <= len(other) - len(wanted) <= allowed:
            continue
        if wanted[:1] != other[:1] and wanted[-3:] != other[-3:]:
            continue
        if len(letters ^ set(other)) > allowed + 1:
            continue
        distance = _edits(wanted, other)
        if distance < best or (distance == best and found is not None and other < found):
            best, found = distance, other
    return found


def _edits(one: str, other: str) -> int:
    """Letters to insert, delete or replace to get from one text to the other."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        previous, row[0] = row[0], number
        for place, against in enumerate(other, start=1):
            above = row[place]
            row[place] = min(above + 1, row[place - 1] + 1, previous + (letter != against))
            previous = above
    return row[-1]
