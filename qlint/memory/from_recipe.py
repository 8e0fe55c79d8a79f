"""A job from a recipe: what was read, and what had to be assumed where a recipe leaves it open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qlint.knowledge.models import Model, find_model
from qlint.memory.adapter_dtype import adapter_dtype
from qlint.memory.answers import Answers, Assumption, before
from qlint.memory.job import Attention, Job, Loss, Precision
from qlint.memory.optimizer import is_modelled
from qlint.memory.processes import processes_of
from qlint.memory.targets import adapted_linears
from qlint.recipe import Json, Recipe, State

_LENGTH = 1024
DTYPES: tuple[Precision, ...] = ("bfloat16", "float16", "float32")
"""What base and computation may be in; the names below are those of a recipe that are modelled."""
ATTENTION: dict[str, Attention] = {
    "eager": "eager",
    "sdpa": "sdpa",
    "flash_attention_2": "flash_attention_2",
    "flash_attention_3": "flash_attention_2",
    "flex_attention": "flash_attention_2",
}
FOUR_BIT_METHODS = frozenset({"gptq", "awq", "hqq", "torchao", "aqlm", "eetq"})


@dataclass(frozen=True, slots=True)
class JobReading:
    """A job, or the obstacles why there is none; and what was assumed on the way."""

    job: Job | None
    assumptions: tuple[Assumption, ...] = ()
    obstacles: tuple[str, ...] = ()


def from_recipe(recipe: Recipe, model: Model | None = None) -> JobReading:
    """The job that ``recipe`` describes; ``model`` stands in where its name is not known.

    Obstacles are sentences: a model whose shape is not known, a run without adapters, targets that
    match nothing.
    """
    answers = Answers(recipe)
    shape = find_model(answers.text("model_name") or "") or model
    if shape is None:
        name = answers.text("model_name")
        answers.obstacles.append(
            f"the shape of the model {name!r} is not known"
            if name
            else "the model is not known from the recipe"
        )
        return JobReading(None, (), tuple(answers.obstacles))
    rank = recipe.value("lora_r")
    if type(rank) is not int or rank < 1:
        answers.obstacles.append("no adapter of a known rank is trained")
        return JobReading(None, (), tuple(answers.obstacles))
    targets = _targets(answers, shape)
    if adapted_linears(shape, targets) is None:
        answers.obstacles.append(f"target_modules match no linear layer of {shape.id}")
        return JobReading(None, tuple(answers.assumptions), tuple(answers.obstacles))
    job = Job(
        model=shape,
        lora_r=rank,
        lora_dropout=min(answers.number("lora_dropout", 0.0), 1.0),
        target_modules=targets,
        modules_to_save=_names(recipe.value("modules_to_save")),
        use_dora=answers.flag("use_dora"),
        per_device_train_batch_size=answers.whole("per_device_train_batch_size", 1),
        gradient_accumulation_steps=int(answers.number("gradient_accumulation_steps", 1)) or 1,
        max_seq_length=_length(answers, shape),
        optim=_optimizer(answers),
        max_grad_norm=answers.number("max_grad_norm", 1.0),
        **_base(answers, shape),
        **_run(answers),
        **_evaluation(recipe),
    )
    return JobReading(job, tuple(answers.assumptions))


def _base(answers: Answers, model: Model) -> dict[str, Any]:
    """How the frozen base is stored and prepared."""
    method = answers.text("quant_method")
    four, eight = answers.flag("load_in_4bit"), answers.flag("load_in_8bit")
    if method in FOUR_BIT_METHODS and not (four or eight):
        four = answers.assume("load_in_4bit", True, f"{method} is counted as NF4, its nearest kin")
    quantised = four or eight
    compute = answers.text("compute_dtype")
    mixed = _mixed_precision(answers)
    base: Precision = "float16" if mixed == "float16" else "bfloat16"
    loaded = _base_dtype(answers, base)
    return {
        "quant_method": "bitsandbytes" if quantised else "none",
        "load_in_4bit": four,
        "load_in_8bit": eight and not four,
        "quant_type": "fp4" if answers.text("quant_type") == "fp4" else "nf4",
        "double_quant": four and answers.flag("double_quant"),
        "compute_dtype": compute if compute in DTYPES else base,
        "base_dtype": loaded,
        "dequantises_twice": before(answers.recipe, "bitsandbytes", 0, 50),
        "autocast": mixed,
        "adapter_dtype": adapter_dtype(answers.recipe, quantised, loaded),
        "kbit_prepare": quantised and _prepared(answers),
        "quantises_subclasses": before(answers.recipe, "transformers", 5, 5),
        "quantised_experts": quantised and _experts(answers, model),
    }


def _experts(answers: Answers, model: Model) -> bool:
    older = before(answers.recipe, "transformers", 5, 0)
    mixture = any(block.mixture is not None for block in model.blocks)
    if mixture and answers.recipe.framework not in ("transformers", "trl"):
        why = "the framework may load experts in its own way"
        return bool(answers.assume("quantised_experts", older, why))
    source = answers.recipe.versions.get("transformers", {}).get("source", "")
    if mixture and "newest known" in source:
        why = "transformers before 5 quantises experts, and its version is not pinned"
        return bool(answers.assume("quantised_experts", older, why))
    return older


def _base_dtype(answers: Answers, otherwise: Precision) -> Precision:
    loaded = answers.recipe.fact("load_dtype")
    if loaded in DTYPES:
        return loaded  # type: ignore[no-any-return]
    why = "the dtype that the checkpoint is loaded in was not read"
    return answers.assume("base_dtype", otherwise, why)  # type: ignore[no-any-return]


def _evaluation(recipe: Recipe) -> dict[str, Any]:
    """Whether the run evaluates, in which batches, and whether logits are kept for metrics."""
    batch = recipe.fact("per_device_eval_batch_size")
    keeps = recipe.fact("compute_metrics") is True and recipe.fact("prediction_loss_only") is False
    if recipe.fact("preprocess_logits_for_metrics") is True:
        keeps = False  # What remains of them is kept, such as the likeliest word.
    return {
        "evaluates": recipe.fact("eval_strategy") in ("steps", "epoch"),
        "per_device_eval_batch_size": batch if type(batch) is int and batch > 0 else 8,
        "prediction_loss_only": not keeps,
    }


def _run(answers: Answers) -> dict[str, Any]:
    """How the step is run, and by how many processes."""
    checkpointing = answers.flag("gradient_checkpointing")
    name = answers.text("attn_implementation")
    attention = ATTENTION.get(name or "sdpa")
    if attention is None:
        attention = answers.assume("attn_implementation", "sdpa", f"{name!r} is not modelled")
    packing = answers.flag("packing")
    batch = answers.recipe.value("per_device_train_batch_size")
    return {
        "gradient_checkpointing": checkpointing,
        "use_reentrant": checkpointing and answers.flag("use_reentrant"),
        "attn_implementation": attention,
        "packing": packing,
        "padding": not packing and isinstance(batch, int) and batch > 1,
        "loss": _loss(answers),
        "checkpoints_around_layers": before(answers.recipe, "transformers", 4, 52),
        **processes_of(answers),
    }


def _mixed_precision(answers: Answers) -> str | None:
    for name, dtype in (("bf16", "bfloat16"), ("fp16", "float16")):
        if answers.recipe.value(name) is True:
            return dtype
    if answers.recipe["bf16"].state is State.UNKNOWN:
        answers.assume("bf16", True, answers.recipe["bf16"].reason or "decided at run time")
        return "bfloat16"
    return None


def _prepared(answers: Answers) -> bool:
    """Whether what is not quantised is in float32.

    TRL prepares a quantised model itself, up to 0.24 with the cast. Unsloth takes that out of TRL,
    LLaMA-Factory does not prepare, and axolotl casts norms and vocabulary back to its own dtype
    afterwards (``loaders/model.py``, ``should_convert``, which holds for every adapter).
    """
    if answers.recipe.value("kbit_prepare") is True:
        return True
    if answers.recipe.framework == "unsloth":
        return False
    trainer = answers.text("trainer") or ""
    inside_trl = trainer.endswith(("SFTTrainer", "DPOTrainer", "KTOTrainer", "ORPOTrainer"))
    if inside_trl and before(answers.recipe, "trl", 0, 25):
        return bool(answers.assume("kbit_prepare", True, "TRL before 0.25 prepares the model"))
    return False


def _loss(answers: Answers) -> Loss:
    liger = answers.recipe.facts.get("use_liger_kernel")
    if liger is not None and not liger.known:
        answers.assume("use_liger_kernel", False, liger.reason or "decided at run time")
    if answers.recipe.framework == "unsloth" or answers.recipe.fact("use_liger_kernel") is True:
        return Loss.FUSED
    trainer = answers.text("trainer") or ""
    if not trainer.endswith("SFTTrainer"):
        return _whole_logits(answers.recipe)
    written = answers.recipe.fact("loss_type")
    # "nll" is computed in chunks from 1.15; before, that is a type of its own, the default from 1.8
    whole = ("dft",) if not before(answers.recipe, "trl", 1, 15, True) else ("dft", "nll")
    if written == "chunked_nll":
        return Loss.CHUNKED
    chunked = written not in whole and not before(answers.recipe, "trl", 1, 8, True)
    return Loss.CHUNKED if chunked else _whole_logits(answers.recipe)


def _whole_logits(recipe: Recipe) -> Loss:
    """What transformers makes of logits that exist in full: its versions differ."""
    if before(recipe, "transformers", 4, 46):
        return Loss.UPCAST
    return Loss.SHIFTED if before(recipe, "transformers", 4, 49) else Loss.FULL


def _length(answers: Answers, model: Model) -> int:
    value = answers.recipe.value("max_seq_length")
    if type(value) is int and 0 < value <= 100_000_000:
        return value
    longest = model.config.get("max_position_embeddings")
    length = min(_LENGTH, longest) if type(longest) is int and longest > 0 else _LENGTH
    why = answers.recipe["max_seq_length"].reason or "the length comes from the data"
    return int(answers.assume("max_seq_length", length, why))


def _optimizer(answers: Answers) -> str:
    name = answers.text("optim")
    if name is not None and is_modelled(name):
        return name
    if name is not None:
        why = f"the state of {name} is not modelled: that of 32-bit Adam is counted"
        return str(answers.assume("optim", "adamw_torch", why))
    return str(answers.assume("optim", "adamw_torch", "the recipe does not say"))


def _targets(answers: Answers, model: Model) -> str | tuple[str, ...]:
    value = answers.recipe.value("target_modules")
    if isinstance(value, str):
        return value
    names = _names(value)
    if names:
        return names
    found = tuple(
        name
        for name in ("q_proj", "v_proj")
        if any(linear.name.endswith(f".{name}") for linear, _ in model.linears)
    )
    chosen = found or (model.linears[0][0].name.rsplit(".", 1)[-1],)
    answers.assume("target_modules", list(chosen), "PEFT's default for this architecture")
    return chosen


def _names(value: Json) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        return ()
    return tuple(dict.fromkeys(name for name in value if isinstance(name, str)))
