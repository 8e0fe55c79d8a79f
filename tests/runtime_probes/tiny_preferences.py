"""Tiny runs of TRL's other offline trainers."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from tiny_model import words
from tiny_runs import adapter, quantised_model, settings


def kto_trainer(folder: Path) -> Any:
    from datasets import Dataset

    rows = [
        {
            "prompt": " ".join(words(range(row, row + 5))),
            "completion": " " + " ".join(words(range(row + 5, row + 12))),
            "label": row % 3 > 0,
        }
        for row in range(200)
    ]
    return _built("trl", "KTO", folder, Dataset.from_list(rows), quantised_model(folder))


def orpo_trainer(folder: Path) -> Any:
    return _built("trl.experimental.orpo", "ORPO", folder, _pairs(), quantised_model(folder))


def cpo_trainer(folder: Path) -> Any:
    return _built("trl.experimental.cpo", "CPO", folder, _pairs(), quantised_model(folder))


def reward_trainer(folder: Path) -> Any:
    from peft import LoraConfig
    from transformers import AutoModelForSequenceClassification, BitsAndBytesConfig, set_seed

    set_seed(7)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder / "model",
        num_labels=1,
        quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4"),
        device_map="cpu",
    )
    model.config.pad_token_id = 0
    adapters = LoraConfig(r=4, lora_dropout=0.1, target_modules=["q_proj"], task_type="SEQ_CLS")
    return _built("trl", "Reward", folder, _pairs(), model, adapters)


def _built(
    module: str, name: str, folder: Path, data: Any, model: Any, adapters: Any = None
) -> Any:
    from transformers import AutoTokenizer

    trainers: Any = importlib.import_module(module)
    return getattr(trainers, f"{name}Trainer")(
        model=model,
        args=getattr(trainers, f"{name}Config")(**settings(folder, max_length=64)),
        train_dataset=data,
        processing_class=AutoTokenizer.from_pretrained(folder / "model"),
        peft_config=adapters or adapter(),
    )


def _pairs() -> Any:
    from datasets import Dataset

    return Dataset.from_list(
        [
            {
                "prompt": " ".join(words(range(row, row + 5))),
                "chosen": " " + " ".join(words(range(row + 5, row + 12))),
                "rejected": " " + " ".join(words(range(row + 8, row + 14))),
            }
            for row in range(200)
        ]
    )
