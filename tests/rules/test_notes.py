"""Findings that come of what a reader noted: what the framework does decides how they weigh."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from recipe_building import recipe, severity

from qlint.findings import Edit, Finding
from qlint.readers import read
from qlint.readers.request import Request
from qlint.recipe import Note, Origin, Reading
from qlint.rulebook.registry import find_rule

AXOLOTL = """\
base_model: team/base
adapter: qlora
load_in_4bit: true
lora_r: 8
lora_alpha: 16
lora_target_modules: [q_proj]
micro_batch_size: 1
sequence_len: 1024
learning_rate: 1.0e-4
"""
FACTORY = """\
model_name_or_path: team/base
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 8
lora_target: q_proj
template: llama3
cutoff_len: 1024
learning_rate: 1.0e-4
"""
ARGUMENTS = """\
output_dir: out
learning_rate: 1e-4
per_device_train_batch_size: 1
gradient_accumulation_steps: 16
num_train_epochs: 1
optim: adamw_8bit
"""


def found(code: str, text: str, name: str = "config.yaml") -> list[Finding]:
    """The findings of one rule on a configuration."""
    reading = read(name, text.encode(), Request())
    return on(code, reading)


def on(code: str, reading: Reading) -> list[Finding]:
    rule = find_rule(code)
    assert rule is not None
    return list(rule.check(reading, rule.context()))


def apply(text: str, edit: Edit) -> str:
    """The text after an edit within one line."""
    assert edit.line == edit.end_line
    lines = text.split("\n")
    line = lines[edit.line - 1]
    lines[edit.line - 1] = line[: edit.column - 1] + edit.replacement + line[edit.end_column - 1 :]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "wrong", "level", "says"),
    [
        (AXOLOTL.replace("lora_r:", "lora_rr:"), "lora_rr", "warning", "and drops it"),
        (FACTORY.replace("lora_rank:", "lora_rnak:"), "lora_rnak", "error", "and stops at it"),
        (AXOLOTL + "colour: green\n", "colour", "info", "and drops it."),
        (FACTORY + "colour: green\n", "colour", "info", "and stops at it."),
    ],
)
def test_an_unknown_key_weighs_what_the_framework_makes_of_it(
    text: str, wrong: str, level: str, says: str
) -> None:
    (finding,) = found("QL004", text)
    assert finding.severity.value == level
    assert repr(wrong) in finding.message
    assert says in finding.message
    assert text.split("\n")[finding.location.line - 1].startswith(wrong)


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_renaming_a_key_mends_the_file(quote: str) -> None:
    text = AXOLOTL.replace("lora_r:", f"{quote}lora_rr{quote}:")
    (finding,) = found("QL004", text)
    (fix,) = finding.fixes
    assert fix.applicability == "unsafe"
    (edit,) = fix.edits
    assert apply(text, edit) == AXOLOTL


def test_renaming_a_key_of_json_keeps_its_quotes() -> None:
    lines = [line.split(": ") for line in FACTORY.replace("lora_rank", "lora_rnak").splitlines()]
    rows = [f'"{key}": {value if value[0].isdigit() else repr(value)}' for key, value in lines]
    text = "{" + ",\n".join(rows).replace("'", '"').replace('"true"', "true") + "}"
    (finding,) = found("QL004", text, "config.json")
    (edit,) = finding.fixes[0].edits
    assert apply(text, edit) == text.replace("lora_rnak", "lora_rank")


def test_no_key_is_suggested_that_is_written_besides() -> None:
    (finding,) = found("QL004", AXOLOTL.replace("lora_r: 8", "lora_r: 8\nlora_rr: 8"))
    assert "lora_r?" not in finding.message


def test_a_key_that_stands_twice_is_lost_or_stops_the_run() -> None:
    (lost,) = found("QL005", AXOLOTL + "learning_rate: 5.0e-5\n")
    assert (lost.severity.value, lost.location.line) == ("warning", 10)
    assert "in line 9 already; that value is lost" in lost.message
    (stops,) = found("QL005", FACTORY + "learning_rate: 5.0e-5\n")
    assert stops.severity.value == "error"
    assert "llamafactory stops" in stops.message


def test_json_keeps_the_last_value_whoever_reads_it() -> None:
    text = '{"zero_optimization": {"stage": 2}, "bf16": {}, "bf16": {"enabled": true}}'
    (finding,) = found("QL005", text, "ds.json")
    assert finding.severity.value == "warning"
    assert "that value is lost" in finding.message


def test_a_number_that_is_text_and_stays_so_is_a_warning() -> None:
    (finding,) = found("QL007", ARGUMENTS)
    assert finding.severity.value == "warning"
    (fix,) = finding.fixes
    assert fix.applicability == "unsafe"
    assert found("QL007", apply(ARGUMENTS, fix.edits[0])) == []


def test_a_number_that_the_framework_turns_back_is_an_info_with_a_safe_fix() -> None:
    text = AXOLOTL.replace("1.0e-4", "1e-4")
    (finding,) = found("QL007", text)
    assert finding.severity.value == "info"
    (fix,) = finding.fixes
    assert fix.applicability == "safe"
    assert apply(text, fix.edits[0]) == AXOLOTL


def test_a_loose_loader_reads_numbers() -> None:
    assert found("QL007", FACTORY.replace("1.0e-4", "1e-4")) == []


SUPERVISED = """\
model_name_or_path: team/base
dataset_name: team/data
learning_rate: 1.0e-4
lora_r: 8
lora_alpha: 16
packing: false
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SUPERVISED, "lora_r and lora_alpha have no effect without use_peft: true."),
        (SUPERVISED + "use_peft: true\n", None),
        (SUPERVISED + "use_peft: false\n", None),
        (AXOLOTL.replace("adapter: qlora\n", ""), "without adapter: lora."),
        (AXOLOTL.replace("adapter: qlora\n", "adapter:\n"), None),
        (AXOLOTL, None),
    ],
)
def test_keys_of_an_adapter_that_nothing_turns_on(text: str, says: str | None) -> None:
    messages = [finding.message for finding in found("QL006", text)]
    if says is None:
        assert messages == []
    else:
        (message,) = messages
        assert message.endswith(says)


def test_a_second_document_is_reported_where_it_begins() -> None:
    (finding,) = found("QL501", f"{AXOLOTL}---\n{AXOLOTL}")
    assert finding.severity.value == "error"
    assert finding.location.line == 11


def test_toml_gets_no_edit() -> None:
    note = Note("number-as-text", "lr", "", Origin("a.toml", 1, 6, None, None, "lr", 1, 10), "1.0")
    (finding,) = on("QL007", Reading("a.toml", notes=(note,)))
    assert finding.fixes[0].edits == ()


def test_a_note_without_a_framework_is_reported_all_the_same() -> None:
    note = Note("unknown-key", "colour", "", Origin("a.yaml", 3, 1))
    (finding,) = on("QL004", Reading("a.yaml", notes=(note,)))
    assert "the framework has no key 'colour'" in finding.message


def test_a_learning_rate_that_the_framework_turns_into_a_number_counts() -> None:
    text = recipe(learning_rate="2e-4")
    assert severity("QL101", text) is None
    assert severity("QL101", replace(text, kind="yaml", framework="axolotl")) == "warning"
    assert severity("QL101", replace(text, kind="yaml", framework="ludwig")) is None
    assert severity("QL101", replace(text, framework="axolotl")) is None
    assert severity("QL101", replace(recipe(learning_rate="inf"), kind="yaml")) is None
    endless = replace(recipe(learning_rate="inf"), kind="yaml", framework="axolotl")
    assert severity("QL101", endless) is None


TWICE = """\
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM
from trl import SFTTrainer

adapter = LoraConfig(r=8, task_type="CAUSAL_LM")
model = AutoModelForCausalLM.from_pretrained("team/base")
model = get_peft_model(model, adapter)
SFTTrainer(model=model, peft_config=adapter).train()
"""


@pytest.mark.parametrize(
    ("version", "level"), [("0.26.2", "warning"), ("0.27.2", "error"), ("1.16.0", "error")]
)
def test_a_peft_model_with_a_further_adapter_weighs_by_release(version: str, level: str) -> None:
    reading = read("train.py", TWICE.encode(), Request(target_versions={"trl": version}))
    (finding,) = on("QL502", reading)
    assert (finding.severity.value, finding.location.line) == (level, 8)
    assert f"TRL {version}" in finding.message


@pytest.mark.parametrize(
    ("old", "new", "count"),
    [
        ("get_peft_model(model, adapter)", 'PeftModel.from_pretrained(model, "saved")', 1),
        ("get_peft_model(model, adapter)", "get_peft_model(model, adapter).merge_and_unload()", 0),
        ("model = get_peft_model(model, adapter)\n", "model.add_adapter(adapter)\n", 0),
        (", peft_config=adapter", "", 0),
        (", peft_config=adapter", ", peft_config=None", 0),
    ],
)
def test_only_a_peft_model_with_peft_config_is_reported(old: str, new: str, count: int) -> None:
    assert old in TWICE
    reading = read("train.py", TWICE.replace(old, new).encode(), Request())
    assert len(on("QL502", reading)) == count


def test_a_notebook_names_the_cell_of_what_is_odd() -> None:
    cells = TWICE.split("\n\n")
    config = FACTORY.replace("lora_rank:", "lora_rnak:")
    cells += [f"%%writefile config.yaml\n{config}", "!llamafactory-cli train config.yaml"]
    rows = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": text.splitlines(True)}
        for text in cells
    ]
    notebook = {"cells": rows, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    reading = read("train.ipynb", json.dumps(notebook).encode(), Request())
    (twice,) = on("QL502", reading)
    assert (twice.location.cell, twice.location.line) == (2, 4)
    (unknown,) = on("QL004", reading)
    assert (unknown.location.cell, unknown.location.line) == (3, 6)
    assert unknown.fixes[0].edits == ()
