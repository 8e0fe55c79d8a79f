"""Which rules are on: selectors are codes, the beginnings of codes, names, or ALL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from qlint.errors import UsageError
from qlint.near_names import did_you_mean

ALL = "ALL"


def selected_codes(
    names: Mapping[str, str],
    select: Iterable[str],
    ignore: Iterable[str],
) -> frozenset[str]:
    """Return the codes that are on. ``names`` maps every code to its name.

    The longer selector wins, so that ``select QL101`` holds against ``ignore QL1``; between equals
    ignoring wins.
    """
    chosen, dropped = tuple(select), tuple(ignore)
    return frozenset(
        code
        for code, name in names.items()
        if _weight(code, name, chosen) > _weight(code, name, dropped)
    )


def matches(selector: str, code: str, name: str) -> bool:
    """Tell whether ``selector`` means the rule ``code``."""
    return _weight(code, name, (selector,)) > 0


def check_selectors(names: Mapping[str, str], selectors: Iterable[str], where: str) -> None:
    """Raise UsageError for a selector that means no rule at all."""
    for selector in selectors:
        if not any(matches(selector, code, name) for code, name in names.items()):
            known = (ALL, *names, *names.values())
            raise UsageError(
                f"{where}: no rule is called {selector!r}{did_you_mean(selector, known) or '.'}"
            )


def _weight(code: str, name: str, selectors: tuple[str, ...]) -> int:
    """The length of the longest selector that means this rule; 0 when none does."""
    weights = [0]
    for selector in selectors:
        folded = selector.strip()
        if folded.upper() == ALL:
            weights.append(1)
        elif folded.casefold() == name.casefold():
            weights.append(len(code))
        elif folded and code.startswith(folded.upper()):
            weights.append(len(folded))
    return max(weights)
