"""What ``gpu_check.py`` found, beside the criteria."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from statistics import median
from typing import Any

Found = list[dict[str, Any]]


def summary(sections: dict[str, Found]) -> dict[str, Any]:
    """The figures that have a criterion, and what changes to a recipe cost.

    None where none of them was measured.
    """
    errors = sorted(
        abs(one["error"]) for found in sections.values() for one in found if "error" in one
    )
    shares = [one for one in sections["shares"] if "overhead" in one]
    apart = [abs(one["points_apart"]) for one in shares if "points_apart" in one]
    overhead = max(shares, key=_overhead, default=None)
    return {
        "memory_error": {
            "median": median(errors) if errors else None,
            "worst": errors[-1] if errors else None,
            "cases": len(errors),
            "criterion": "median at most 0.03, worst at most 0.08",
        },
        "direct_against_profiler": {
            "most_points_apart": max(apart, default=None),
            "problems": sorted({one["problem"] for one in shares if one["problem"]}),
            "cases": len(apart),
            "criterion": "at most 2 points of a step",
        },
        "hook_overhead": {
            "most": overhead and overhead["overhead"],
            "noise": overhead and overhead["overhead_noise"],
            "cases": len(shares),
            "criterion": "under 0.02",
        },
        "adapters": list(_costs(sections["adapters"])),
        "against_lora": list(_against_lora(sections["against_lora"])),
        "not_measured": Counter(
            f"{name}: {one['skipped']}"
            for name, found in sections.items()
            for one in found
            if one["skipped"]
        ),
    }


def _overhead(share: dict[str, Any]) -> float:
    return float(share["overhead"])


def _costs(found: Found) -> Iterator[dict[str, Any]]:
    """What each setting of the adapters takes more than the first at as many tokens.

    ``bytes`` are what is allocated more at the peak, on a card.
    """
    measured = [one for one in found if one["skipped"] is None]
    for (batch, length), group in groupby(measured, lambda one: (one["batch"], one["length"])):
        first, *others = group
        for one in others:
            more: dict[str, Any] = {
                "batch": batch,
                "length": length,
                "targets": one["targets"],
                "rank": one["rank"],
                "instead_of": {"targets": first["targets"], "rank": first["rank"]},
                "seconds": one["step_seconds"] - first["step_seconds"],
                "spread": max(one["spread"], first["spread"]) * first["step_seconds"],
            }
            if "allocated_bytes" in one and "allocated_bytes" in first:
                more["bytes"] = one["allocated_bytes"] - first["allocated_bytes"]
            yield more


def _against_lora(found: Found) -> Iterator[dict[str, Any]]:
    """How many times as long as over 16-bit weights a step over 4-bit ones takes."""
    seconds = {
        (one["batch"], one["quantised"]): one["step_seconds"]
        for one in found
        if one["skipped"] is None
    }
    for (batch, quantised), four_bit in seconds.items():
        sixteen_bit = seconds.get((batch, False))
        if quantised and sixteen_bit is not None:
            yield {
                "batch": batch,
                "qlora_seconds": four_bit,
                "lora_seconds": sixteen_bit,
                "times": four_bit / sixteen_bit,
            }
