"""Hand-written training loops as users write them; their ``losses`` is what they saw."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from tiny_runs import ACCUMULATION, STEPS

_MODEL = """
import torch
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from torch.utils.data import DataLoader
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    get_cosine_schedule_with_warmup,
    set_seed,
)

set_seed(7)
FOLDER = {folder!r}
tokenizer = AutoTokenizer.from_pretrained(FOLDER + "/model")
model = AutoModelForCausalLM.from_pretrained(
    FOLDER + "/model",
    quantization_config=BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32
    ),
    dtype=torch.float32,
    device_map="cpu",
)
model = get_peft_model(
    prepare_model_for_kbit_training(model, {checkpointing}),
    LoraConfig(r=4, lora_dropout=0.1, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
texts = [" ".join("w%d" % (row * n % 97) for n in range(30)) for row in range(48)]


def collate(rows):
    batch = tokenizer(rows, return_tensors="pt", padding=True)
    batch["labels"] = batch["input_ids"].clone()
    return batch


loader = DataLoader(texts, batch_size=2, shuffle=True, collate_fn=collate)
losses = []
"""

PLAIN = """
scheduler = get_cosine_schedule_with_warmup(optimizer, 3, {steps})
model.train()
for epoch in range(9):
    for number, batch in enumerate(loader):
        loss = model(**batch).loss / {accumulation}
        loss.backward()
        losses.append(loss.item())
        if (number + 1) % {accumulation} == 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.3)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        if len(losses) == {accumulation} * {steps}:
            break
    if len(losses) == {accumulation} * {steps}:
        break
"""

ACCELERATE = """
from accelerate import Accelerator

accelerator = Accelerator(cpu=True, gradient_accumulation_steps={accumulation})
scheduler = get_cosine_schedule_with_warmup(optimizer, 3, {steps})
model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
for epoch in range(9):
    model.train()
    total = 0
    for batch in loader:
        with accelerator.accumulate(model):
            loss = model(**batch)[0]
            total += loss
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        losses.append(loss.item() / {accumulation})
        if len(losses) == {accumulation} * {steps}:
            break
    if len(losses) == {accumulation} * {steps}:
        break
"""

SCALED = """
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
step = 0
while step < {steps}:
    for batch in loader:
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * (1 - step / {steps})
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(batch["input_ids"], batch["attention_mask"], labels=batch["labels"]).loss
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_value_(model.parameters(), 0.01)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        step += 1
        if step == {steps}:
            break
"""

WRAPPED = """
class Wrapper(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, batch):
        return self.inner(**batch).loss


wrapped = Wrapper(model)
step = 0
while step < {steps}:
    for batch in loader:
        loss = wrapped(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        step += 1
        if step == {steps}:
            break
"""

COMPILED = """
model = torch.compile(model, backend="eager")
for batch in loader:
    model(**batch).loss.backward()
    optimizer.step()
"""

COMPILED_AROUND = """
class Wrapper(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = model

    def forward(self, batch):
        return self.inner(**batch).loss


wrapped = torch.compile(Wrapper())
for batch in loader:
    wrapped(batch).backward()
    optimizer.step()
"""

TRAINER = """
from transformers import Trainer, TrainingArguments

Trainer(
    model=model,
    args=TrainingArguments(
        output_dir=FOLDER + "/out", use_cpu=True, report_to="none", learning_rate=1e-2, max_steps=4
    ),
    train_dataset=texts,
    data_collator=collate,
).train()
"""

OWN_LOSS = """
for batch in loader:
    labels = batch.pop("labels")
    logits = model(**batch).logits
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten()).backward()
    optimizer.step()
"""

ADDED_TERM = """
for batch in loader:
    loss = model(**batch).loss + 0.1 * sum(p.square().sum() for p in model.parameters())
    loss.backward()
    optimizer.step()
"""

OWN_CLIPPING = """
for batch in loader:
    model(**batch).loss.backward()
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.clamp_(-0.1, 0.1)
    optimizer.step()
"""

SEVERAL_FORWARDS = """
for batch in loader:
    (model(**batch).loss + model(**batch).loss).backward()
    optimizer.step()
"""

CLOSURE = """
for batch in loader:
    def closure():
        loss = model(**batch).loss
        loss.backward()
        return loss
    closure()
    optimizer.step(closure)
"""

NO_TRAINING = """
model.eval()
with torch.no_grad():
    model(**next(iter(loader)))
"""

TOO_FAST = """
import pydoc_data.topics

text = " ".join(pydoc_data.topics.topics.values())[:20000]
numbers = tokenizer(text)["input_ids"]
optimizer = torch.optim.AdamW(model.parameters(), lr=0.08)
model.train()
for at in range(0, 48 * 12, 48):
    row = torch.tensor(numbers[at : at + 48])[None]
    model(input_ids=row, labels=row).loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
"""
"""On SmolLM2-135M the loss rises from 2.8 to more than 20 within four steps."""

TWO_STEPS = """
for batch in [next(iter(loader)), next(iter(loader))]:
    model(**batch).loss.backward()
    optimizer.step()
    optimizer.zero_grad()
finished = True
"""


def write(folder: Path, loop: str, checkpointing: bool = True) -> Path:
    """The script that trains the model in ``folder`` with ``loop``."""
    path = folder / "loop.py"
    filled = (_MODEL + loop).format(
        folder=str(folder), steps=STEPS, accumulation=ACCUMULATION, checkpointing=checkpointing
    )
    path.write_text(filled)
    return path


def probed(script: Path, steps: int, held_out: int = 0) -> Any:
    """The run of the script, and whether it was stopped."""
    loops = importlib.import_module("qlint.runtime_probes.capture.loops")
    patches = importlib.import_module("qlint.runtime_probes.capture.patches")
    running = importlib.import_module("qlint.runtime_probes.capture.script")
    stopper = importlib.import_module("qlint.runtime_probes.capture.stop").Stopper()
    runs: list[Any] = []
    with patches.Patches() as changes:
        capture = loops.install(changes, steps, held_out, runs.append, stopper)
        stopped = running.run_script(str(script), [], changes, stopper)
        if not stopped:
            capture.finish()
    return runs[0], stopped
