"""A grid of recipes simulated at full size: the oracle that the closed form is tested against.

    python benchmarks/simulation_grid.py --output benchmarks/results/simulation_grid.json

Needs the ``probe`` extra. For each model, recipes are drawn at random from what people choose
(always the same ones); each takes about a second. The rows hold the recipe's fields, as far as they
differ from the defaults of a job, and what was simulated, in bytes.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from qlint.knowledge.models import find_model
from qlint.memory.job import Job, Loss

MODELS = (
    "meta-llama/Llama-2-7b-hf",
    "meta-llama/Llama-3.1-8B",
    "Qwen/Qwen2.5-7B",
    "Qwen/Qwen3-8B",
    "mistralai/Mistral-7B-v0.1",
    "google/gemma-2-9b",
    "google/gemma-3-1b-pt",
    "microsoft/Phi-3-mini-4k-instruct",
    "mistralai/Mixtral-8x7B-v0.1",
)
RECIPES_PER_MODEL = 24
RESULTS = Path(__file__).parent / "results" / "simulation_grid.json"

_ATTENTION_LINEARS = {"microsoft/Phi-3-mini-4k-instruct": ("qkv_proj", "o_proj")}
_MIXTURES = {"mistralai/Mixtral-8x7B-v0.1"}
_LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes", "accelerate", "trl")


@dataclass(frozen=True, slots=True)
class Row:
    """One recipe of the grid: its model's id, and the fields of its job that are not defaults."""

    model: str
    fields: Mapping[str, Any]

    def job(self) -> Job:
        """The job, as the closed form and the simulation take it."""
        model = find_model(self.model)
        if model is None:
            raise ValueError(f"{self.model} is not a known model.")
        lists = {name: tuple(v) for name, v in self.fields.items() if isinstance(v, list)}
        return Job(model=model, **{**self.fields, **lists, "loss": Loss(self.fields["loss"])})


def grid() -> Iterator[Row]:
    """All recipes, in a fixed order."""
    for model in MODELS:
        draw = random.Random(model)
        for _ in range(RECIPES_PER_MODEL):
            yield Row(model, _recipe(model, draw))


def _recipe(model: str, draw: random.Random) -> dict[str, Any]:
    dtype = draw.choice(("bfloat16", "bfloat16", "float16"))
    attention = _ATTENTION_LINEARS.get(model, ("q_proj", "k_proj", "v_proj", "o_proj"))
    fields: dict[str, Any] = {
        "per_device_train_batch_size": draw.choice((1, 1, 2, 4)),
        "max_seq_length": draw.choice((512, 777, 1024, 2048, 4096)),
        "compute_dtype": dtype,
        "base_dtype": dtype,
        "autocast": dtype,
        "double_quant": draw.random() < 0.7,
        "quant_type": draw.choice(("nf4", "nf4", "fp4")),
        "kbit_prepare": draw.random() < 0.5,
        "lora_r": draw.choice((8, 16, 64)),
        "lora_dropout": draw.choice((0.0, 0.05)),
        "target_modules": draw.choice(("all-linear", list(attention), list(attention[:1]))),
        "use_dora": draw.random() < 0.1,
        "modules_to_save": draw.choice(([], [], [], [], ["lm_head"])),
        "optim": draw.choice(
            ("adamw_torch", "adamw_torch_fused", "paged_adamw_8bit", "paged_adamw_32bit",
             "adamw_bnb_8bit", "lion_32bit", "adafactor", "sgd")
        ),
        "gradient_accumulation_steps": draw.choice((1, 4)),
        "gradient_checkpointing": draw.random() < 0.5,
        "use_reentrant": draw.random() < 0.5,
        "attn_implementation": draw.choice(("sdpa", "sdpa", "sdpa", "eager", "flash_attention_2")),
        "padding": draw.random() < 0.2,
        "packing": draw.random() < 0.1,
        "use_cache": draw.random() < 0.1,
        "loss": draw.choice(("full", "full", "full", "chunked", "fused")),
    }  # fmt: skip
    base = draw.random()
    if base < 0.1:
        fields |= {"load_in_4bit": False, "load_in_8bit": True}
    elif base < 0.25:
        fields |= {"load_in_4bit": False, "quant_method": "none", "kbit_prepare": False}
    if model in _MIXTURES:
        # PEFT wraps experts only without dropout, and float16 experts have no grouped product.
        fields |= {"target_modules": list(attention), "kbit_prepare": False}
        fields |= dict.fromkeys(("compute_dtype", "base_dtype", "autocast"), "bfloat16")
    if fields["modules_to_save"]:
        fields["loss"] = "full"
    if fields["attn_implementation"] == "eager":
        fields["max_seq_length"] = min(fields["max_seq_length"], 2048)
    return fields


def read(path: Path = RESULTS) -> list[tuple[Row, dict[str, Any]]]:
    """The recipes of a file of results, each with what was simulated."""
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [(Row(row["model"], row["fields"]), row) for row in rows]


def versions_read(path: Path = RESULTS) -> dict[str, str]:
    """The libraries' versions that a file of results was made with."""
    versions: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["versions"]
    return versions


def simulated(row: Row) -> dict[str, Any]:
    """What is stored of one recipe."""
    simulation = importlib.import_module("qlint.runtime_probes.simulation")
    result = simulation.simulate(row.job())
    return {
        "model": row.model,
        "fields": row.fields,
        "peak_allocated_bytes": result.peak_allocated_bytes,
        "peak_reserved_bytes": result.peak_reserved_bytes,
        "at": result.at,
        "components": result.components,
        "resident_bytes": result.resident_bytes,
        "paged_bytes": result.paged_bytes,
        "layers_run": result.layers_run,
    }


def main() -> None:
    """Simulate the grid and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--model", help="only this model")
    options = parser.parse_args()
    rows = []
    for number, row in enumerate(grid()):
        if options.model in (None, row.model):
            rows.append(simulated(row))
            print(number, row.model, rows[-1]["peak_allocated_bytes"], file=sys.stderr)
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    text = json.dumps({"versions": versions, "rows": rows}, indent=1)
    options.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
