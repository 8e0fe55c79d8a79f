"""A measured run as the probes report one, for tests of what shows it."""

from __future__ import annotations

from typing import Any

from qlint.linting.report import Report
from qlint.reporters.probe_value import Probed

ENVIRONMENT: dict[str, Any] = {
    "python": "3.12.1",
    "versions": {"torch": "2.11.0", "transformers": "5.17.0", "bitsandbytes": "0.50.2"},
    "device": "cuda",
    "gpu": {
        "name": "NVIDIA <RTX> 4090",
        "total_bytes": 25_300_000_000,
        "capability": "8.9",
        "cuda": "13.0",
        "cards": 1,
    },
    "watched": {
        "skipped": None,
        "busy": 0.97,
        "clock_mhz": {"low": 2100, "high": 2520},
        "throttled": ["power cap"],
        "foreign_processes": 2,
        "mig": False,
    },
    "processors": 16,
    "threads": 8,
    "warm_up_steps": 2,
    "devices": ["cuda:0"],
}
MODULES = [f"model.layers.*.{part}" for part in ("self_attn.q_proj", "mlp.up_proj", "mlp.<odd>")]


def trial(
    rate: float,
    multiple: float,
    curve: list[tuple[float, float, float]],
    delta: float | None,
    reason: str | None = None,
) -> dict[str, Any]:
    """One learning rate as the probe reports it."""
    return {
        "lr": rate,
        "multiple": multiple,
        "paired_delta": delta,
        "paired_range": None if delta is None else [delta - 0.01, delta + 0.01],
        "paired_curve": [list(point) for point in curve],
        "diverged": reason is not None,
        "reason": reason,
        "skipped_steps": 0,
        "seeds": 2,
    }


PROBES: dict[str, dict[str, Any]] = {
    "dequant": {
        "skipped": None,
        "share": {"total": 0.3, "forward": 0.12, "backward": 0.12, "recompute": 0.06},
        "share_noise": {"total": 0.01, "forward": 0.004, "backward": 0.004, "recompute": 0.002},
        "step_seconds": 0.61,
        "steps": 20,
        "method": "CUDA events",
        "noise": 0.012,
        "overhead": 0.008,
        "overhead_noise": 0.003,
        "busy": 0.85,
        "parts": {
            "dequantisation": 0.3,
            "adapters": 0.1,
            "attention": 0.2,
            "recompute": 0.15,
            "other": 0.25,
        },
        "parts_noise": {"adapters": 0.01, "attention": 0.02, "recompute": 0.01},
        "parts_skipped": {"idle": "these gaps lie within the other parts"},
        "cross_check": {"method": "one profiled step", "share": 0.31, "direct": 0.3},
        "unquantised": {
            "step_seconds": 0.45,
            "share": 0.26,
            "noise": 0.01,
            "layers": 112,
            "of": 224,
            "bytes": 6_400_000_000,
        },
        "by_module": dict(zip(MODULES, (0.1, 0.15, 0.05), strict=True)),
        "targets": [
            {"module": MODULES[0], "seconds": 0.02, "noise": 0.001, "state_bytes": 12_000_000},
            {"module": MODULES[1], "seconds": 0.05, "noise": 0.004, "state_bytes": 31_000_000},
        ],
        "ranks": [
            {
                "rank": 64,
                "instead_of": 16,
                "seconds": 0.03,
                "noise": 0.004,
                "state_bytes": 930_000_000,
                "peak_bytes": 910_000_000,
            }
        ],
        "micro_batches": [
            {"rows": 1, "length": 2048, "seconds": 0.6, "tokens_per_second": 3400.0, "noise": 0.01},
            {"rows": 2, "length": 2048, "seconds": 1.0, "tokens_per_second": 4100.0, "noise": 0.01},
            {"rows": 4, "length": 2048, "skipped": "out of memory"},
        ],
        "packing": {
            "padding": 0.4,
            "as_it_is": {"seconds": 0.6, "tokens_per_second": 2000.0, "noise": 0.01},
            "packed": {"seconds": 0.6, "tokens_per_second": 3400.0, "noise": 0.01},
        },
    },
    "activations": {
        "skipped": None,
        "method": "allocator history",
        "noise": 0.001,
        "peak_bytes": 9_100_000_000,
        "saved_bytes": 2_000_000_000,
        "at": {"phase": "backward", "module": "lm_head"},
        "by_kind": {"logits": 1e9, "saved inputs": 8e8},
        "by_module": dict(zip(MODULES, (1e9, 5e8, 2e8), strict=True)),
        "batch": {
            "rows": 1,
            "length": 2048,
            "micro_batches": 2,
            "source": "the 1 longest of 20000 rows of the dataset",
        },
        "checkpointing": {
            "on": {
                "peak_bytes": 9_100_000_000,
                "as_in_the_run": True,
                "by_module": dict(zip(MODULES, (1e9, 5e8, 2e8), strict=True)),
            },
            "off": {
                "peak_bytes": 21_000_000_000,
                "as_in_the_run": False,
                "by_module": dict(zip(MODULES, (4e9, 6e9, 3e9), strict=True)),
            },
        },
        "scaling": {
            "points": [
                {"rows": 1, "length": 2048, "peak_bytes": 9_100_000_000},
                {"rows": 1, "length": 1024, "peak_bytes": 7_300_000_000},
                {"rows": 1, "length": 512, "peak_bytes": 6_400_000_000},
            ],
            "bytes_per_token": 1_757_812.5,
        },
        "largest": {
            "capacity_bytes": 24_900_000_000,
            "by_length": {
                "rows": 1,
                "length": 9216,
                "peak_bytes": 21_800_000_000,
                "stopped": "the model knows no more positions",
            },
            "by_rows": {
                "rows": 5,
                "length": 2048,
                "peak_bytes": 23_700_000_000,
                "fails_at": 6,
            },
        },
        "smaller_cards": [
            {"name": "RTX 3060", "usable_bytes": 12_600_000_000, "fits": True, "ran": True},
            {"name": "RTX 3050", "usable_bytes": 8_300_000_000, "fits": False, "ran": False},
        ],
        "evaluation": {"peak_bytes": 6_000_000_000, "at": {}},
        "generation": {"skipped": "the model <cannot> generate"},
        "reserved_bytes": 9_900_000_000,
        "prediction": {"bytes": 9_000_000_000, "method": "qlint plan's closed form"},
    },
    "learning_rate": {
        "skipped": None,
        "method": "paired trials",
        "trials": [
            trial(5e-5, 0.25, [(0.0, 0.0, 0.0)] * 3, 0.0),
            trial(2e-4, 1, [(0.0, 0.0, 0.0), (-0.1, -0.05, 0.0), (-0.2, -0.1, -0.05)], -0.05),
            trial(4e-4, 2, [(0.0, 0.0, 0.0), (-0.1, 0.0, 0.1), (-0.1, 0.2, 0.3)], 0.03),
            trial(8e-4, 4, [(0.0, 0.0, 0.0), (0.1, 0.5, 1.0), (2.0, 3.0, 4.0)], 0.4, "it rose"),
            trial(3.2e-3, 16, [(0.0, 0.0, 0.0), (2.0, 3.0, 4.0)], None, "the loss is not finite"),
            {**trial(6.4e-3, 32, [], None), "reason": "out of memory", "seeds": 0},
        ],
        "noise_band": 0.02,
        "learning_rate": 2e-4,
        "steps": 20,
        "held_out": 4,
        "cut": "15 trials instead of 22: one takes 20 s",
        "edge": 8e-4,
        "edge_between": [4e-4, 8e-4],
        "safe_range": [5e-5, 2e-4],
        "decided": True,
        "own_diverged": False,
        "quantisation_noise": {
            "by_module": {
                MODULES[0]: {
                    "expected": 0.09,
                    "bound": 0.2,
                    "layers": 3,
                    "weights": 0.091,
                    "outputs": 0.1,
                },
                MODULES[1]: {
                    "expected": 0.095,
                    "bound": 0.2,
                    "layers": 3,
                    "weights": None,
                    "outputs": None,
                },
            },
            "update": {
                MODULES[0]: {
                    "scaling": 2.0,
                    "relative_to_weight": 0.004,
                    "relative_to_quantisation_error": 0.04,
                }
            },
        },
    },
    "adapters": {
        "skipped": None,
        "parameters": 20_000_000,
        "parameter_bytes": 80_000_000,
        "gradient_bytes": 80_000_000,
        "optimizer_bytes": 160_000_000,
        "eight_bit_saves_bytes": 120_000_000,
        "optimizer": "torch.AdamW",
        "paged": False,
        "method": "tensors counted",
        "noise": 0.0,
    },
}
NOTHING = {key: {"skipped": "there was <nothing> to measure"} for key in PROBES}
SPARSE: dict[str, dict[str, Any]] = {
    "dequant": {
        key: PROBES["dequant"][key] for key in ("skipped", "share", "step_seconds", "method")
    },
    "activations": {
        "skipped": None,
        "method": "storages followed",
        "peak_bytes": 341_000_000,
        "by_module": dict.fromkeys(MODULES, 1e7),
        "checkpointing": {"off": {"skipped": "the model has no switch for checkpointing"}},
    },
    "learning_rate": {
        "skipped": None,
        "trials": [trial(2e-4, 1, [], None, "the loss is not finite")],
        "noise_band": None,
        "edge": 2e-4,
        "edge_between": None,
        "safe_range": None,
        "decided": True,
        "own_diverged": True,
    },
    "adapters": PROBES["adapters"],
}
"""As little as the probes may report without being skipped."""
VERDICTS = [
    {"code": "QL101", "verdict": "undecided", "why": "2e-4 held in short trials"},
    {"code": "QL102", "verdict": "confirmed", "why": "peak 21.0 GB < all & more"},
    {"code": "QL105", "verdict": "refuted", "why": "8-bit state would save 0.12 GB"},
]


def probed(**changed: Any) -> Probed:
    """All probes measured on a card, with verdicts."""
    complete = Probed(
        report=Report(),
        recipe=None,
        name="SFT<Trainer>",
        steps=20,
        interrupted=False,
        probes=PROBES,
        environment=ENVIRONMENT,
        verdicts=VERDICTS,
        predicted_peak_bytes=9_000_000_000,
    )
    return complete._replace(**changed)
