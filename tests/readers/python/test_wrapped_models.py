"""Models inside modules of the program: an adapter put on either is found from either."""

from __future__ import annotations

import pytest
from script_reading import IMPORTS, assert_set, read_recipe

WRAPPERS = {
    "the adapter inside": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        base = AutoModelForCausalLM.from_pretrained("m")
        self.model = get_peft_model(base, LoraConfig(r=8))

model = Net()
""",
    "the adapter outside": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = AutoModelForCausalLM.from_pretrained("m")

model = get_peft_model(Net(), LoraConfig(r=8, target_modules=["q_proj"]))
""",
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("trained", ["model", "model.model"])
def test_a_wrapped_model_keeps_its_adapter(wrapper: str, trained: str) -> None:
    script = f"{IMPORTS}{WRAPPERS[wrapper]}Trainer({trained}, TrainingArguments('o')).train()\n"
    assert_set(read_recipe(script), lora_r=8, model_name="m")


def test_the_inner_model_of_a_peft_model_keeps_its_adapter() -> None:
    script = (
        IMPORTS + 'model = AutoModelForCausalLM.from_pretrained("m")\n'
        "peft_model = get_peft_model(model, LoraConfig(r=8))\n"
        "Trainer(model=peft_model.model, args=TrainingArguments('o')).train()\n"
    )
    assert_set(read_recipe(script), lora_r=8)
