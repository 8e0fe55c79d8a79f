"""A script with all five pitfalls is measured, and what that decided stands in its findings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("trl")

import tiny_runs

from qlint.__main__ import main
from qlint.linting.session import EVIDENCE_FILE
from qlint.schema import schema_text

pytestmark = pytest.mark.slow

PITFALLS = ["QL101", "QL102", "QL103", "QL104", "QL105"]
SCRIPT = """
import argparse
import torch
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from trl import SFTConfig, SFTTrainer

parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float, default=2e-4)
arguments = parser.parse_args()
model = AutoModelForCausalLM.from_pretrained(
    "model",
    quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4",
                                           bnb_4bit_compute_dtype=torch.float32),
    dtype=torch.float32, device_map="cpu",
)
SFTTrainer(
    model=model,
    args=SFTConfig(
        "out", learning_rate=arguments.learning_rate, optim="adamw_torch", use_cpu=True,
        gradient_checkpointing=False, per_device_train_batch_size=2, max_steps=20, max_length=32,
        report_to="none",
    ),
    train_dataset=load_dataset("json", data_files="train.jsonl", split="train"),
    peft_config=LoraConfig(r=256, target_modules="all-linear", task_type="CAUSAL_LM"),
).train()
"""


def findings(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    main(["train.py", "--select", ",".join(PITFALLS), "--output-format", "json", *arguments])
    return {one["code"]: one for one in json.loads(capsys.readouterr().out)["findings"]}


def test_what_the_probe_decides_stands_in_the_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_runs.prepare(tmp_path)
    tiny_runs.teach(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.qlint]\n")
    (tmp_path / "train.py").write_text(SCRIPT)
    too_fast = ("--", "--learning_rate", "3")
    before = findings(capsys, *too_fast)
    assert sorted(before) == PITFALLS
    assert all(one["evidence"]["measured"] is None for one in before.values())

    options = ("--steps", "5", "--only", "lr", "--save-evidence", EVIDENCE_FILE)
    main(["probe", "train.py", "--output-format", "json", *options, *too_fast])

    report = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(json.loads(schema_text())).validate(report)
    assert {one["code"]: one["verdict"] for one in report["verdicts"]} == {
        "QL101": "confirmed",
        "QL102": "undecided",
        "QL103": "undecided",
        "QL104": "refuted",
        "QL105": "refuted",
    }
    assert report["environment"]["devices"] == ["cpu"]
    rates = report["probes"]["learning_rate"]
    assert rates["own_diverged"]
    assert rates["edge"] <= 3

    after = findings(capsys, *too_fast)
    measured = {code: one["evidence"]["measured"] for code, one in after.items()}
    assert measured["QL101"].startswith("confirmed: training breaks from ")
    assert "not measured (not asked for)" in measured["QL102"]
    assert measured["QL105"].startswith("refuted: 8-bit state would save ")
    assert all(text.endswith("(on the processor)") for text in measured.values())
    for code in PITFALLS:
        refuted = code in ("QL104", "QL105")
        assert after[code]["severity"] == ("info" if refuted else before[code]["severity"])

    other, unweighed = findings(capsys), findings(capsys, "--isolated")
    assert sorted(other) == PITFALLS
    for one in other.values():
        assert one["evidence"]["measured"].startswith("stale, so it decides nothing")
        assert "learning_rate was 3.0, is 0.0002" in one["evidence"]["measured"]
        assert one["severity"] == unweighed[one["code"]]["severity"]
