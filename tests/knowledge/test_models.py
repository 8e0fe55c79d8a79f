"""The shapes add up to the published parameter counts, to the last one."""

from __future__ import annotations

import pytest

from qlint.knowledge.models import Model, all_models, billions_in_name, find_model


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.id)
def test_the_count_is_the_published_one(model: Model) -> None:
    assert model.parameters + model.other_parameters == model.published_parameters
    assert model.source.startswith("https://")
    assert 0 < model.quantised_parameters < model.parameters


def test_names_are_unique_and_find_their_model() -> None:
    names = [name for model in all_models() for name in model.names]
    assert len(set(names)) == len(names)
    for model in all_models():
        assert find_model(model.id) is model


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "meta-llama/Meta-Llama-3-8B"),
        ("unsloth/llama-3-8b-bnb-4bit", "meta-llama/Meta-Llama-3-8B"),
        ("unsloth/Llama-3.2-1B-Instruct-unsloth-bnb-4bit", "meta-llama/Llama-3.2-1B"),
        ("NousResearch/Llama-2-7b-chat-hf", "meta-llama/Llama-2-7b-hf"),
        ("huggyllama/llama-7b", "meta-llama/Llama-2-7b-hf"),
        ("./models/Llama-2-7b-hf/", "meta-llama/Llama-2-7b-hf"),
        ("mistralai/Mistral-7B-Instruct-v0.2", "mistralai/Mistral-7B-v0.1"),
        ("mistralai/Mistral-7B-Instruct-v0.3", "mistralai/Mistral-7B-v0.3"),
        ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", "Qwen/Qwen2.5-7B"),
        ("google/gemma-2b-it", "google/gemma-2b"),
        ("google/gemma-2-2b-it", "google/gemma-2-2b"),
        ("microsoft/Phi-3-mini-4k-instruct", "microsoft/Phi-3-mini-4k-instruct"),
        # The mirror splits the fused layers.
        ("unsloth/Phi-3-mini-4k-instruct", None),
        ("codellama/CodeLlama-7b-hf", "codellama/CodeLlama-7b-hf"),
        ("unsloth/DeepSeek-R1-Distill-Llama-8B-bnb-4bit", "meta-llama/Meta-Llama-3-8B"),
        ("unsloth/gpt-oss-20b", "openai/gpt-oss-20b"),
        ("someone/Llama-2-7b-longer-vocabulary", None),
        ("mistralai/Mistral-7B", None),
        ("llama", None),
        ("", None),
    ],
)
def test_a_name_finds_its_model_or_none(name: str, found: str | None) -> None:
    model = find_model(name)
    assert (model.id if model else None) == found


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("team/secret-70b", 70.0),
        ("secret_1.5B_chat", 1.5),
        ("secret-350m", 0.35),
        ("secret-bnb-4bit", None),
        ("Mixtral-8x22B", None),
        ("7b-from-70b", None),
        ("secret", None),
    ],
)
def test_the_size_in_a_name(name: str, billions: float | None) -> None:
    assert billions_in_name(name) == billions
