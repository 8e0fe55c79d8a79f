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
}
MODULES = [f"model.layers.*.{part}" for part in ("self_attn.q_proj", "mlp.up_proj", "mlp.<odd>")]
PROBES: dict[str, dict[str, Any]] = {
    "dequant": {
        "skipped": None,
        "share": {"total": 0.3, "forward": 0.12, "backward": 0.12, "recompute": 0.06},
        "step_seconds": 0.61,
        "method": "CUDA events",
        "noise": 0.012,
        "overhead": 0.008,
        "busy": 0.85,
        "parts": {"dequantisation": 0.3, "adapters": 0.1, "attention": 0.2, "other": 0.4},
        "cross_check": {"method": "one profiled step", "share": 0.31},
        "by_module": dict(zip(MODULES, (0.1, 0.15, 0.05), strict=True)),
        "targets": [
            {"module": MODULES[0], "seconds": 0.02, "noise": 0.001, "state_bytes": 12_000_000}
        ],
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
        "checkpointing": {"on": {"peak_bytes": 9_100_000_000}, "off": {"peak_bytes": 21e9}},
    },
    "learning_rate": {
        "skipped": None,
        "method": "paired trials",
        "trials": [
            {"lr": 5e-5, "multiple": 0.25, "paired_delta": 0.0, "diverged": False},
            {"lr": 2e-4, "multiple": 1, "paired_delta": -0.05, "diverged": False},
            {"lr": 8e-4, "multiple": 4, "paired_delta": 0.4, "diverged": False},
            {"lr": 3.2e-3, "multiple": 16, "paired_delta": None, "diverged": True},
        ],
        "noise_band": 0.02,
        "edge": 8e-4,
        "safe_range": [5e-5, 2e-4],
        "decided": True,
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
