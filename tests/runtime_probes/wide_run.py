"""A hand-made QLoRA run of any width on the processor, as probes see a captured one."""

from __future__ import annotations

import importlib
from typing import Any

WORDS = 512


def wide_run(
    hidden: int = 1024,
    layers: int = 2,
    rows: int = 256,
    *,
    batch: int = 1,
    micro_batches: int = 1,
    windows: int = 2,
    checkpointing: bool | None = None,
    targets: tuple[str, ...] = ("q_proj", "v_proj"),
) -> Any:
    """A Llama of real NF4 layers in float32 with LoRA.

    ``rows`` is the length of its sequences. ``checkpointing`` is None for none, else the
    ``use_reentrant`` of it.
    """
    import torch
    from bitsandbytes.nn import Linear4bit, Params4bit
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(7)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=WORDS,
            hidden_size=hidden,
            intermediate_size=2 * hidden,
            num_hidden_layers=layers,
            num_attention_heads=hidden // 64,
            num_key_value_heads=hidden // 64,
            max_position_embeddings=2048,
            use_cache=False,
        )
    )
    for name, module in list(model.named_modules()):
        if type(module) is torch.nn.Linear and name != "lm_head":
            quantised = Linear4bit(
                module.in_features,
                module.out_features,
                bias=False,
                compute_dtype=torch.float32,
                quant_type="nf4",
                device="meta",
            )
            weight = Params4bit(
                module.weight.data, requires_grad=False, quant_type="nf4", module=quantised
            )
            quantised.weight = weight.to("cpu")
            # In an evaluation it would pack the weights so that no gradient passes any more.
            quantised.support_avx512bf16_for_cpu = False
            model.set_submodule(name, quantised)
    model.is_loaded_in_4bit = True
    model.requires_grad_(False)
    adapter = LoraConfig(r=16, target_modules=list(targets), task_type="CAUSAL_LM")
    model = get_peft_model(model, adapter)
    if checkpointing is not None:
        model.enable_input_require_grads()
        model.gradient_checkpointing_enable({"use_reentrant": checkpointing})
    return _HandMade(model.train(), _windows(rows, batch, micro_batches, windows))


def _windows(rows: int, batch: int, micro_batches: int, windows: int) -> list[Any]:
    import torch

    window = importlib.import_module("qlint.runtime_probes.replay.window").Window

    def inputs() -> dict[str, Any]:
        ids = torch.randint(0, WORDS, (batch, rows))
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}

    return [window(tuple(inputs() for _ in range(micro_batches))) for _ in range(windows)]


class _HandMade:
    """Steps a model as a plain loop does."""

    name = "a loop"

    def __init__(self, model: Any, windows: list[Any]) -> None:
        import torch

        self.model = model
        self.windows = windows
        self.held_out = windows[:1]
        trained = [one for one in model.parameters() if one.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-4)

    def save(self) -> Any:
        state = importlib.import_module("qlint.runtime_probes.replay.state")
        return state.State(self.model, self.optimizer, None, None)

    def forward_backward(self, window: Any) -> float:
        total = 0.0
        for inputs in window.inputs:
            loss = self.model(**inputs).loss / len(window.inputs)
            loss.backward()
            total += loss.item()
        return total

    def update(self) -> Any:
        run = importlib.import_module("qlint.runtime_probes.replay.run")
        self.optimizer.step()
        self.optimizer.zero_grad()
        return run.Stepped(None, 1e-4, False)

    def evaluate(self, window: Any) -> float:
        import torch

        self.model.eval()
        try:
            with torch.no_grad():
                return float(self.model(**window.inputs[0]).loss)
        finally:
            self.model.train()
