"""The beginning of scripts as users write them, and what is compared around them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qlint.__main__ import main

HEAD = """
import argparse, os, torch
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from trl import SFTConfig, SFTTrainer

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=2e-4)
arguments = parser.parse_args()
model = AutoModelForCausalLM.from_pretrained(
    "model",
    quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4",
                                           bnb_4bit_compute_dtype=torch.float32),
    dtype=torch.float32, device_map="cpu",
)
trainer = SFTTrainer(
    model=model,
    args=SFTConfig(
        "out", learning_rate=arguments.lr, optim="adamw_torch", gradient_checkpointing=False,
        per_device_train_batch_size=2, gradient_accumulation_steps=2, max_steps=20, max_length=32,
        report_to="tensorboard", push_to_hub=True, hub_model_id="nobody/nothing", use_cpu=True,
        save_steps=1, logging_steps=1,
    ),
    train_dataset=load_dataset("json", data_files="train.jsonl", split="train",
                               cache_dir=os.environ["DATA_CACHE"]),
    peft_config=LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
)
"""
"""Ends with a trainer that is ready."""

MODEL = HEAD.partition("trainer = ")[0]

LOOP = (
    MODEL
    + """
from peft import get_peft_model
from transformers import AutoTokenizer
model = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM"))
tokenizer = AutoTokenizer.from_pretrained("model")
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
model.train()
def batches():
    for step in range(100):
        batch = tokenizer([f"w{step} w2 w3 w4"], return_tensors="pt")
        yield {**batch, "labels": batch["input_ids"].clone()}
"""
)
"""Ends before the loop over ``batches()``."""


def tree(folder: Path) -> dict[str, str]:
    """Files with their contents, and folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes().hex() if path.is_file() else "folder"
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


def probe_json(capsys: Any, *arguments: str) -> Any:
    """The report on ``train.py``, of three steps."""
    status = main(["probe", "train.py", "--steps", "3", "--output-format", "json", *arguments])
    captured = capsys.readouterr()
    assert status in (0, 1), captured.err
    return json.loads(captured.out)


def refusal(capsys: Any, *arguments: str) -> str:
    """What was printed about a script that cannot be measured; its last line is the sentence."""
    assert main(["probe", "train.py", "--steps", "3", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    text: str = captured.err
    return text.rstrip()
