from pathlib import Path

from qlint.findings import Severity
from qlint.readers import read
from qlint.readers.request import Request
from qlint.rulebook.registry import find_rule

SCRIPT = """\
import torch
from elsewhere import pick
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, Trainer, TrainingArguments

rate = 3e-4 if torch.cuda.is_available() else pick()
stored = BitsAndBytesConfig(load_in_4bit=True)
model = AutoModelForCausalLM.from_pretrained("model", quantization_config=stored)
model = get_peft_model(model, LoraConfig())
Trainer(model=model, args=TrainingArguments(learning_rate=rate)).train()
"""


def test_a_finding_that_an_unknown_alternative_could_refute_is_an_info(tmp_path: Path) -> None:
    request = Request(root=str(tmp_path))
    (recipe,) = read(str(tmp_path / "train.py"), SCRIPT.encode(), request).recipes
    rule = find_rule("QL101")
    assert rule is not None
    (finding,) = rule.check(recipe, rule.context({}))
    assert finding.severity is Severity.INFO
    assert "possible cases" in finding.message
