"""Tiny QLoRA runs with real NF4 on the processor, built as users build them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny_model import save_texts, save_tiny_model, words

STEPS = 20
ACCUMULATION = 4


def prepare(folder: Path) -> None:
    """The model, its tokenizer and data."""
    save_tiny_model(folder / "model")
    save_texts(folder / "train.jsonl", rows=200)


def teach(folder: Path, steps: int = 150) -> None:
    """Train the model on its data: one that knows nothing cannot lose it at a high rate."""
    import json

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    rows = [json.loads(line)["text"] for line in (folder / "train.jsonl").read_text().splitlines()]
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(steps):
        texts = rows[step * 8 % len(rows) :][:8]
        inputs = tokenizer(texts, return_tensors="pt", padding=True)
        model(**inputs, labels=inputs["input_ids"]).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder / "model")


def quantised_model(folder: Path) -> Any:
    """The tiny model in NF4, computing in float32."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig, set_seed

    set_seed(7)
    return AutoModelForCausalLM.from_pretrained(
        folder / "model",
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=torch.float32,
        ),
        dtype=torch.float32,
        device_map="cpu",
    )


def adapter() -> Any:
    """LoRA with dropout, so that randomness counts."""
    from peft import LoraConfig

    return LoraConfig(
        r=4,
        lora_alpha=8,
        lora_dropout=0.1,
        target_modules=["q_proj", "v_proj"],
        task_type="CAUSAL_LM",
    )


def settings(folder: Path, **more: Any) -> dict[str, Any]:
    """Arguments that all trainers share."""
    return {
        "output_dir": str(folder / "out"),
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": ACCUMULATION,
        "max_steps": STEPS,
        "learning_rate": 1e-3,
        "logging_steps": 1,
        "report_to": "none",
        "use_cpu": True,
        "save_strategy": "no",
        "seed": 3,
        **more,
    }


def plain_trainer(folder: Path, **more: Any) -> Any:
    from datasets import load_dataset
    from peft import get_peft_model, prepare_model_for_kbit_training
    from transformers import (
        AutoTokenizer,
        DataCollatorForLanguageModeling,
        Trainer,
        TrainingArguments,
    )

    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    data = load_dataset("json", data_files=str(folder / "train.jsonl"), split="train")
    data = data.map(lambda row: tokenizer(row["text"]), remove_columns=["text"])
    model = prepare_model_for_kbit_training(quantised_model(folder))
    return Trainer(
        model=get_peft_model(model, adapter()),
        args=TrainingArguments(**settings(folder, **more)),
        train_dataset=data,
        eval_dataset=data,
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
    )


def sft_trainer(folder: Path) -> Any:
    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer

    return SFTTrainer(
        model=quantised_model(folder),
        args=SFTConfig(**settings(folder, max_length=64)),
        train_dataset=load_dataset("json", data_files=str(folder / "train.jsonl"), split="train"),
        peft_config=adapter(),
    )


def dpo_trainer(folder: Path) -> Any:
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    rows = [
        {
            "prompt": " ".join(words(range(row, row + 5))),
            "chosen": " " + " ".join(words(range(row + 5, row + 12))),
            "rejected": " " + " ".join(words(range(row + 8, row + 14))),
        }
        for row in range(200)
    ]
    return DPOTrainer(
        model=quantised_model(folder),
        args=DPOConfig(**settings(folder, max_length=64)),
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(folder / "model"),
        peft_config=adapter(),
    )
