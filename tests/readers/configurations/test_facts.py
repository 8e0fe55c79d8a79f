"""What is read of a configuration beside the fields of the recipe."""

from __future__ import annotations

import pytest
from configuration_texts import only_recipe

AXOLOTL = """
base_model: meta-llama/Llama-2-7b-hf
load_in_4bit: true
adapter: qlora
lora_r: 8
lora_alpha: 16
lora_target_linear: true
sequence_len: 2048
micro_batch_size: 1
gradient_accumulation_steps: 8
num_epochs: 1
learning_rate: 1.0e-4
datasets:
  - path: tatsu-lab/alpaca
    type: alpaca
"""
FACTORY = """
model_name_or_path: Qwen/Qwen3-4B
quantization_bit: 4
do_train: true
finetuning_type: lora
lora_target: all
template: qwen3
cutoff_len: 2048
learning_rate: 1.0e-4
"""


@pytest.mark.parametrize(
    ("text", "fused"),
    [
        (AXOLOTL, None),
        (AXOLOTL + "liger_fused_linear_cross_entropy: true\n", True),
        (AXOLOTL + "liger_fused_linear_cross_entropy: false\n", None),
        (AXOLOTL + "cut_cross_entropy: true\n", True),
        (
            AXOLOTL
            + "plugins:\n  - axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin\n",
            True,
        ),
        (AXOLOTL + "plugins: [axolotl.integrations.liger.LigerPlugin, 7]\n", None),
        (FACTORY + "stage: sft\nenable_liger_kernel: true\n", True),
    ],
)
def test_a_loss_without_full_logits(text: str, fused: bool | None) -> None:
    assert only_recipe(text).fact("use_liger_kernel") is fused


@pytest.mark.parametrize(
    ("text", "method"),
    [
        (AXOLOTL, None),
        (AXOLOTL + "rl: kto\n", "kto"),
        (FACTORY + "stage: dpo\n", "dpo"),
        (FACTORY + "stage: sft\n", "sft"),
    ],
)
def test_the_method(text: str, method: str | None) -> None:
    recipe = only_recipe(text)
    assert recipe.fact("method") == method
