"""``torchtune.yaml``: for the models that torchtune has a QLoRA builder for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qlint.errors import UsageError
from qlint.knowledge.models import find_model
from qlint.planning.writing.filling import as_yaml, fill, wrapped, yaml_value
from qlint.recipe import Json

_MODELS = Path(__file__).parent / "templates" / "torchtune_models.json"
_OPTIMIZERS = {
    "adamw_8bit": "bitsandbytes.optim.AdamW8bit",
    "adamw_bnb_8bit": "bitsandbytes.optim.AdamW8bit",
    "paged_adamw_8bit": "bitsandbytes.optim.PagedAdamW8bit",
    "adamw_torch": "torch.optim.AdamW",
    "adamw_torch_fused": "torch.optim.AdamW",
}
_ATTENTION = {"q_proj": "q_proj", "k_proj": "k_proj", "v_proj": "v_proj", "o_proj": "output_proj"}
_DTYPES = {"bfloat16": "bf16", "float32": "fp32"}


def text(recipe: Mapping[str, Json], name: str, summary: str) -> str:
    """The configuration as text. Raises UsageError for what torchtune cannot do."""
    row = _row(str(recipe["model_name"]))
    targets = recipe["target_modules"]
    everything = not isinstance(targets, list)
    modules = [_ATTENTION[one] for one in _ATTENTION if everything or one in targets]
    directory = f"./{str(recipe['model_name']).rpartition('/')[2]}"
    values = as_yaml(
        {
            **recipe,
            "torchtune_builder": row["builder"],
            "attention_modules": modules,
            "apply_lora_to_mlp": everything or any("up_proj" in one for one in targets),
            "tokenizer": row["tokenizer"],
            "checkpointer": row["checkpointer"],
            "checkpoint_dir": directory,
            "checkpoint_files": _files(row["checkpoint_files"]),
            "model_type": row["model_type"],
            "optim": _known(_OPTIMIZERS, "optimizer", str(recipe["optim"])),
            "dtype": _known(_DTYPES, "compute dtype", str(recipe["compute_dtype"])),
        }
    )
    values["tokenizer_files"] = "\n".join(
        f"  {key}: {yaml_value(f'{directory}/{file}')}"
        for key, file in row["tokenizer_files"].items()
    )
    return fill("torchtune.yaml", {**values, "file_name": name, "summary": wrapped(summary, "# ")})


def _row(model_name: str) -> dict[str, Any]:
    rows: dict[str, dict[str, Any]] = json.loads(_MODELS.read_text("utf-8"))["models"]
    if model_name in rows:
        return rows[model_name]
    model = find_model(model_name)
    for name, row in rows.items():
        if model is not None and find_model(name) == model:
            return row
    known = ", ".join(sorted(rows))
    raise UsageError(f"--write: torchtune has no QLoRA builder for {model_name}; it has {known}")


def _files(files: list[str] | dict[str, str]) -> list[str]:
    """The names themselves, or those that a pattern and a last number stand for."""
    if isinstance(files, list):
        return files
    last = files["max_filename"]
    numbers = (str(number).zfill(len(last)) for number in range(1, int(last) + 1))
    return [files["filename_format"].format(number, last) for number in numbers]


def _known(table: Mapping[str, str], what: str, value: str) -> str:
    if value not in table:
        raise UsageError(f"--write: torchtune has no {what} {value}; it has {', '.join(table)}")
    return table[value]
