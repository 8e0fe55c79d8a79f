"""What the script for a machine with a card concludes from its cases."""

from __future__ import annotations

import importlib
from typing import Any

SHARES: list[dict[str, Any]] = [
    {
        "skipped": None,
        "points_apart": -3.0,
        "overhead": 0.01,
        "overhead_noise": 0.002,
        "problem": None,
    },
    {
        "skipped": None,
        "points_apart": 1.0,
        "overhead": 0.03,
        "overhead_noise": 0.001,
        "problem": "fused",
    },
    {"skipped": "out of memory"},
]


def concluded(**sections: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("steps", "adapters", "against_lora", "shares", "probes", "recipes")
    empty: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    found: dict[str, Any] = importlib.import_module("gpu_summary").summary({**empty, **sections})
    return found


def step(seconds: float, **more: Any) -> dict[str, Any]:
    return {"skipped": None, "step_seconds": seconds, "spread": 0.1, "length": 512, **more}


def test_the_worst_counts() -> None:
    found = concluded(
        steps=[{"skipped": None, "error": -0.05}, {"skipped": "out of memory"}],
        recipes=[{"skipped": None, "error": 0.01}, {"skipped": None, "error": 0.02}],
        shares=SHARES,
    )
    assert found["memory_error"]["median"] == 0.02
    assert found["memory_error"]["worst"] == 0.05
    assert found["direct_against_profiler"]["most_points_apart"] == 3.0
    assert found["direct_against_profiler"]["problems"] == ["fused"]
    assert found["hook_overhead"]["most"] == 0.03
    assert found["hook_overhead"]["noise"] == 0.001
    assert found["not_measured"] == {"steps: out of memory": 1, "shares: out of memory": 1}


def test_nothing_measured_is_none_and_no_zero() -> None:
    found = concluded()
    assert found["memory_error"]["worst"] is None
    assert found["direct_against_profiler"]["most_points_apart"] is None
    assert found["hook_overhead"]["most"] is None
    assert found["adapters"] == found["against_lora"] == []


def test_adapters_are_compared_with_the_leanest_at_as_many_tokens() -> None:
    small = {"batch": 1, "targets": ["q_proj"], "rank": 8}
    large = {"batch": 4, "targets": ["q_proj"], "rank": 8}
    found = concluded(
        adapters=[
            step(1.0, **small, allocated_bytes=100),
            step(1.5, **{**small, "rank": 64}, allocated_bytes=130),
            step(4.0, **large),
            {**small, "length": 512, "skipped": "out of memory"},
            step(4.25, **{**large, "targets": "all-linear"}),
        ]
    )["adapters"]
    assert [(one["batch"], one["rank"], one["seconds"]) for one in found] == [
        (1, 64, 0.5),
        (4, 8, 0.25),
    ]
    assert found[0]["bytes"] == 30
    assert "bytes" not in found[1]


def test_four_bits_are_compared_with_sixteen_where_both_ran() -> None:
    found = concluded(
        against_lora=[
            step(2.0, batch=1, quantised=True),
            step(1.0, batch=1, quantised=False),
            step(2.0, batch=4, quantised=True),
            {"batch": 4, "length": 512, "quantised": False, "skipped": "out of memory"},
        ]
    )["against_lora"]
    assert [(one["batch"], one["times"]) for one in found] == [(1, 2.0)]
