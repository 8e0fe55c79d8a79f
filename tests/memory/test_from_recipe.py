"""Jobs from recipes: what is read, what is assumed, and what stands in the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from memory_jobs import known_model

from qlint.memory.from_recipe import from_recipe
from qlint.memory.job import Distribution, Loss
from qlint.memory.predict import predict
from qlint.recipe import Field, Origin, Recipe, Source, State

FIELDS: dict[str, Any] = {
    "quant_method": "bitsandbytes",
    "load_in_4bit": True,
    "quant_type": "nf4",
    "double_quant": True,
    "compute_dtype": "bfloat16",
    "lora_r": 16,
    "lora_dropout": 0.1,
    "target_modules": ["q_proj", "v_proj"],
    "optim": "paged_adamw_8bit",
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 8,
    "max_seq_length": 512,
    "gradient_checkpointing": True,
    "bf16": True,
    "kbit_prepare": True,
    "trainer": "Trainer",
    "model_name": "meta-llama/Llama-2-7b-hf",
}


def recipe(framework: str = "transformers", trl: str | None = None, **changes: Any) -> Recipe:
    """A recipe with these fields; None leaves one out, a Field stands for itself."""
    values = {**FIELDS, **changes}
    fields = {
        name: value if isinstance(value, Field) else Field(State.SET, value)
        for name, value in values.items()
        if value is not None
    }
    versions = {} if trl is None else {"trl": {"version": trl, "source": "requirements.txt"}}
    return Recipe("train.py:1", Source("train.py"), "python", framework, fields, versions=versions)


def test_what_a_recipe_says_is_taken() -> None:
    reading = from_recipe(recipe())
    job = reading.job
    assert job is not None
    assert reading.obstacles == ()
    assert (job.lora_r, job.lora_dropout, job.max_seq_length) == (16, 0.1, 512)
    assert job.target_modules == ("q_proj", "v_proj")
    assert job.kbit_prepare
    assert job.gradient_checkpointing
    assert job.autocast == "bfloat16"
    assert job.padding, "two sequences in a batch are padded to the longer one"
    assert {assumed.field for assumed in reading.assumptions} == {"base_dtype"}


def test_what_it_leaves_open_is_assumed_with_the_reason() -> None:
    unknown = Field(State.UNKNOWN, origin=(Origin(via="the length of the data"),))
    reading = from_recipe(recipe(max_seq_length=unknown, target_modules=None, optim=None))
    assert reading.job is not None
    assumed = {one.field: (one.value, one.why) for one in reading.assumptions}
    assert assumed["max_seq_length"] == (1024, "the length of the data")
    assert assumed["target_modules"][0] == ["q_proj", "v_proj"]
    assert assumed["optim"][0] == "adamw_torch"


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("model is not known", {"model_name": None}),
        ("'someone/strange'", {"model_name": "someone/strange"}),
        ("no adapter", {"lora_r": None}),
        ("no adapter", {"lora_r": "8"}),
        ("match no linear", {"target_modules": ["nothing"]}),
        ("match no linear", {"target_modules": "(a+)+b"}),
    ],
)
def test_obstacles_are_sentences(words: str, changes: dict[str, Any]) -> None:
    reading = from_recipe(recipe(**changes))
    assert reading.job is None
    assert words in reading.obstacles[0]


def test_a_model_can_stand_in() -> None:
    reading = from_recipe(recipe(model_name=None), known_model("qwen2.5-7b"))
    assert reading.job is not None
    assert reading.job.model.id == "Qwen/Qwen2.5-7B"


@pytest.mark.parametrize(
    ("prepared", "framework", "trainer", "trl"),
    [
        (True, "transformers", "SFTTrainer", "0.12.2"),
        (False, "transformers", "SFTTrainer", "0.26.0"),
        (False, "transformers", "Trainer", "0.12.2"),
        (False, "axolotl", None, None),
        (False, "unsloth", "SFTTrainer", "0.22.2"),
        (False, "unsloth", "SFTTrainer", None),
    ],
)
def test_libraries_prepare_the_model_or_not(
    prepared: bool, framework: str, trainer: str | None, trl: str | None
) -> None:
    reading = from_recipe(recipe(framework, trl, trainer=trainer, kbit_prepare=None))
    assert reading.job is not None
    assert reading.job.kbit_prepare is prepared


def test_losses() -> None:
    def loss(framework: str, trainer: str, trl: str | None) -> Loss:
        job = from_recipe(recipe(framework, trl, trainer=trainer)).job
        assert job is not None
        return job.loss

    assert loss("unsloth", "SFTTrainer", None) is Loss.FUSED
    assert loss("transformers", "SFTTrainer", "1.16.0") is Loss.CHUNKED
    assert loss("transformers", "SFTTrainer", "0.12.2") is Loss.FULL
    assert loss("transformers", "Trainer", None) is Loss.FULL


def test_other_bases_and_several_cards() -> None:
    plain = from_recipe(recipe(quant_method="none", load_in_4bit=False)).job
    assert plain is not None
    assert (plain.quant_method, plain.kbit_prepare, plain.double_quant) == ("none", False, False)
    shared = from_recipe(recipe(distributed="deepspeed", world_size=4))
    assert shared.job is not None
    assert (shared.job.distributed, shared.job.world_size) == (Distribution.ZERO2, 4)
    assert "distributed" in {one.field for one in shared.assumptions}
    packed = from_recipe(recipe(quant_method="gptq", load_in_4bit=False)).job
    assert packed is not None
    assert packed.load_in_4bit


@pytest.mark.parametrize(
    ("version", "loss"),
    [
        ("4.45.2", Loss.UPCAST),
        ("4.46.0", Loss.SHIFTED),
        ("4.48.3", Loss.SHIFTED),
        ("4.49.0", Loss.FULL),
    ],
)
def test_what_becomes_of_whole_logits_depends_on_transformers(version: str, loss: Loss) -> None:
    read = recipe()
    versions = {"transformers": {"version": version, "source": "requirements.txt"}}
    job = from_recipe(replace(read, versions=versions)).job
    assert job is not None
    assert job.loss is loss


def known(**facts: Any) -> dict[str, Field]:
    """Facts of a recipe."""
    return {name: Field(State.SET, value) for name, value in facts.items()}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"zero_stage": 0}, (Distribution.DDP, False, False)),
        ({"zero_stage": 1}, (Distribution.ZERO1, False, False)),
        ({"zero_stage": 2, "offload_optimizer": "cpu"}, (Distribution.ZERO2, True, False)),
        ({"zero_stage": 3, "offload_param": "nvme"}, (Distribution.ZERO3, False, True)),
        ({"zero_stage": 3, "offload_optimizer": "none"}, (Distribution.ZERO3, False, False)),
    ],
)
def test_the_stage_of_deepspeed_is_taken(facts: dict[str, Any], expected: object) -> None:
    reading = from_recipe(
        replace(recipe(distributed="deepspeed", world_size=4), facts=known(**facts))
    )
    job = reading.job
    assert job is not None
    assert (job.distributed, job.offload_optimizer, job.offload_parameters) == expected
    assert "distributed" not in {one.field for one in reading.assumptions}


def test_settings_of_fsdp_are_taken() -> None:
    read = replace(
        recipe(distributed="fsdp", world_size=2),
        facts=known(fsdp_version=2, fsdp_offload_params=True),
    )
    job = from_recipe(read).job
    assert job is not None
    assert (job.fsdp_version, job.offload_parameters, job.offload_optimizer) == (2, True, True)


@pytest.mark.parametrize(
    ("version", "quantised", "dtype"),
    [
        ("0.6.2", False, "float32"),
        ("0.7.1", False, "bfloat16"),
        ("0.11.1", True, "float32"),
        ("0.12.0", False, "float32"),
        (None, False, "float32"),
    ],
)
def test_the_dtype_of_adapters_depends_on_peft(
    version: str | None, quantised: bool, dtype: str
) -> None:
    read = recipe(quant_method="bitsandbytes" if quantised else "none", load_in_4bit=quantised)
    versions = {} if version is None else {"peft": {"version": version, "source": "pins"}}
    job = from_recipe(replace(read, versions=versions)).job
    assert job is not None
    assert job.adapter_dtype == dtype


@pytest.mark.parametrize("name", ["galore_adamw_8bit", "apollo_adamw", "muon"])
def test_the_state_of_an_optimizer_that_is_not_modelled_is_said_to_be_assumed(name: str) -> None:
    reading = from_recipe(recipe(optim=name))
    assert reading.job is not None
    why = {one.field: one.why for one in reading.assumptions}["optim"]
    assert name in why
    assert predict(reading.job).peak_allocated_bytes > 0


def test_logits_that_are_made_smaller_for_the_metrics_are_not_kept() -> None:
    facts = known(eval_strategy="steps", compute_metrics=True, prediction_loss_only=False)
    whole = from_recipe(replace(recipe(), facts=facts)).job
    smaller = from_recipe(
        replace(recipe(), facts={**facts, **known(preprocess_logits_for_metrics=True)})
    ).job
    assert whole is not None
    assert smaller is not None
    assert (whole.prediction_loss_only, smaller.prediction_loss_only) == (False, True)


@pytest.mark.parametrize(
    ("expected", "trl", "changes"),
    [
        ("bfloat16", "0.26.2", {}),
        ("bfloat16", "1.16.0", {}),
        ("float32", "0.25.1", {}),
        ("float32", None, {}),
        ("bfloat16", "0.29.1", {"trainer": "DPOTrainer"}),
        ("float32", "0.28.0", {"trainer": "DPOTrainer"}),
        ("float32", "1.7.1", {"trainer": "KTOTrainer"}),
        ("float32", "1.16.0", {"trainer": "ORPOTrainer"}),
        ("float32", "1.16.0", {"trainer": "Trainer"}),
        ("float32", "1.16.0", {"load_in_4bit": False, "quant_method": "none"}),
        ("float32", "1.16.0", {"framework": "unsloth"}),
    ],
)
def test_trl_trains_adapters_over_a_quantised_base_in_bfloat16(
    expected: str, trl: str | None, changes: dict[str, Any]
) -> None:
    job = from_recipe(recipe(trl=trl, **{"trainer": "SFTTrainer", **changes})).job
    assert job is not None
    assert job.adapter_dtype == expected
