"""Functions that call each other behind conditions that are not known do not use up the reading."""

from __future__ import annotations

from script_reading import read_script

DEPTH = 16
TANGLED = "".join(
    f"""
def step_{number}(x):
    if x.a{number}:
        return step_{number + 1}(x)
    y = step_{number + 1}(x)
    return y if x.b{number} else step_{number + 1}(x)
"""
    for number in range(DEPTH)
)
TRAINING = f"""
import somewhere
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer


def step_{DEPTH}(x):
    return x


{TANGLED}

step_0(somewhere.thing())
trainer = SFTTrainer("gpt2", args=SFTConfig(learning_rate=3e-5), peft_config=LoraConfig(r=4))
trainer.train()
"""


def test_a_run_behind_functions_that_call_each_other_in_many_ways_is_found() -> None:
    reading = read_script(TRAINING)
    assert not reading.problems
    (recipe,) = reading.recipes
    assert recipe.value("learning_rate") == 3e-5
    assert recipe.value("lora_r") == 4


def test_a_helper_that_is_certainly_called_is_followed_however_often() -> None:
    calls = "".join(f"register('model-{number}', {number})\n" for number in range(2_000))
    script = f"""
from trl import SFTConfig, SFTTrainer

KNOWN = {{}}

def register(name, rank):
    entry = {{"name": name, "rank": rank}}
    KNOWN[name] = entry["rank"]

{calls}
SFTTrainer("gpt2", args=SFTConfig(per_device_train_batch_size=KNOWN["model-1999"])).train()
"""
    (recipe,) = read_script(script).recipes
    assert recipe.value("per_device_train_batch_size") == 1999
