"""A tiny Llama with a tokenizer and some data, made on the spot. Needs the ``probe`` extra."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

WORDS = 97


def save_tiny_model(folder: Path) -> None:
    """Write a random two-layer model and its tokenizer into ``folder``."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<unk>", "<s>", "</s>"]
    vocabulary = {word: number for number, word in enumerate([*special, *words(range(WORDS))])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<unk>",
    ).save_pretrained(folder)
    configuration = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=1,
        eos_token_id=2,
    )
    LlamaForCausalLM(configuration).save_pretrained(folder)


def save_texts(path: Path, rows: int = 20) -> None:
    """Write JSON lines with a text each."""
    lines = [{"text": " ".join(words(row * n % WORDS for n in range(30)))} for row in range(rows)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def words(numbers: Iterable[int]) -> list[str]:
    """The words of the vocabulary with these numbers."""
    return [f"w{number}" for number in numbers]
