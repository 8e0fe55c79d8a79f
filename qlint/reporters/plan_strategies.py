"""The part of a plan about several cards: ways to share a run over them, side by side."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.planning.plan import Shared
from qlint.planning.strategies import TIMED_ON, TIMES_SOURCE, Strategy, relative_speed
from qlint.reporters.layout import Line, paragraph, plain
from qlint.rulebook.wording import gigabytes

_PREFERENCE = (
    "a common preference is LoRA + FSDP on two cards: no quantisation error, and the optimizer "
    "state is shared; at 7B the timings above do not bear it out, beyond what one card holds it is "
    "the way"
)


def strategies(shared: Shared) -> Iterator[Line]:
    """What each way takes of each card, how fast it is, what it takes to look after, and which."""
    yield plain("Over the cards, what each of them must offer, and the speed of each way:", "bold")
    width = max(len(one.way.name) for one in shared.strategies)
    for one in shared.strategies:
        yield [
            (f"  {one.way.name:<{width}}  ", ""),
            (f"{gigabytes(one.prediction.needed_bytes):>8}  ", "bold"),
            (f"{'fits' if one.fits else 'does not fit':<12}  ", "" if one.fits else "error"),
            (_speed(one), "dim"),
        ]
        yield from paragraph("upkeep", one.way.upkeep, 4)
    yield from paragraph(
        "speed",
        f"against the fastest on {' and on '.join(TIMED_ON)}, with the seconds of {TIMES_SOURCE}",
        2,
    )
    name = f"{shared.recommended.way.name}: " if shared.recommended is not None else ""
    yield from paragraph("recommended", f"{name}{shared.reason}.", 2)
    yield from paragraph("against", _PREFERENCE, 2)


def _speed(one: Strategy) -> str:
    speeds = relative_speed(one.way)
    if speeds is None or one.way.seconds is None:
        return "not timed; one card works"
    percent = " / ".join(f"{100 * speed:.0f}" for speed in speeds)
    seconds = " / ".join(str(time) for time in one.way.seconds)
    return f"{percent} %  ({seconds} s)"
