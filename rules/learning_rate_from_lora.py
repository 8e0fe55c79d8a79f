"""QL101: a learning rate taken over from LoRA, over a 4-bit base."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Severity
from qlint.recipe import Recipe
from qlint.rulebook.options import Option
from qlint.rulebook.recipe_facts import billions_of, has_four_bit_base, number_of, rank_of
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.training_method import Method, method_of
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import described, scientific

OPTIONS = {
    "maximum": Option(1e-4, "highest learning rate for SFT-like runs that is not reported"),
    "maximum_dpo": Option(2e-5, "the same for DPO and its relatives"),
    "maximum_orpo": Option(5e-5, "the same for ORPO and CPO"),
    "maximum_kto": Option(2e-5, "the same for KTO and BCO"),
    "maximum_grpo": Option(2e-5, "the same for GRPO and RLOO"),
    "maximum_ppo": Option(2e-5, "the same for PPO"),
    "maximum_reward": Option(1e-4, "the same for reward models"),
    "error": Option(5e-4, "above this an SFT-like run is an error"),
    "error_large": Option(2e-4, "the same for a large rank or a large base"),
    "error_factor": Option(5.0, "for the other methods: an error above this multiple"),
    "large_rank": Option(128, "a rank from which on error_large applies"),
    "large_base": Option(30.0, "billions of parameters from which on it applies too"),
}

_FIELDS = ("learning_rate", "load_in_4bit", "quant_method", "lora_r", "trainer", "model_name")


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report a learning rate above the line for this kind of run."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    rate = number_of(recipe, "learning_rate")
    # Where the trainer is not known, the line for SFT, the highest, is crossed for certain.
    method = method_of(recipe) or Method.SFT
    maximum = context.options["maximum" if method is Method.SFT else f"maximum_{method.value}"]
    if rate is None or rate <= maximum or not has_four_bit_base(recipe):
        return None
    risk = _risk(rate, method, recipe, context)
    message = (
        f"Learning rate {described(recipe['learning_rate'], scientific(rate))} is above "
        f"{scientific(maximum)}, the edge for {method.value.upper()} over a 4-bit base{risk}."
    )
    return build_finding(
        context,
        recipe,
        ("learning_rate", "load_in_4bit"),
        message,
        severity=Severity.ERROR if risk else None,
        impact=_impact(rate, maximum, recipe),
        supporting=(
            "qlint's line: 5e-5 to 1e-4 for QLoRA, 2e-4 is LoRA's",
            "known divergence: r 256 at 2e-4; the QLoRA authors halve 2e-4 to 1e-4 at 33B and 65B",
        ),
        opposing=(
            "the QLoRA authors train 7B and 13B at 2e-4, as do 87 of axolotl's 106 4-bit examples",
            "litgpt: same rate for LoRA and QLoRA, loss +.009 to +.027 on 7 of 9 pairs, none broke",
        ),
        settle=f"qlint probe {recipe.source.path} --only lr",
        fix=f"Set the learning rate to at most {scientific(maximum)}, or keep it if the probe's "
        "paired sweep shows no rise there.",
    )


def _risk(rate: float, method: Method, recipe: Recipe, context: Context) -> str:
    """Why this rate is an error and not a warning; empty where it is a warning."""
    options = context.options
    if method in (Method.SFT, Method.REWARD):
        error = options["error"]
    else:
        error = options[f"maximum_{method.value}"] * options["error_factor"]
    # The product carries a rounding error that must not put 1e-4 above 5 x 2e-5.
    if rate > error * (1 + 1e-9):
        return f" and above {scientific(error)}, where runs break"
    if rate <= options["error_large"]:
        return ""
    limit = scientific(options["error_large"])
    rank = rank_of(recipe)
    if rank is not None and rank >= options["large_rank"]:
        return f" and above {limit} with r = {rank}, a combination known to diverge"
    billions = billions_of(recipe, context)
    if billions is not None and billions >= options["large_base"]:
        return f" and above {limit} with a base of {billions:.0f} billion parameters"
    return ""


def _impact(rate: float, maximum: float, recipe: Recipe) -> str:
    times = f"{rate / maximum:.2g} times the edge"
    rank, alpha = rank_of(recipe), number_of(recipe, "lora_alpha")
    if rank is None or alpha is None:
        return f"{times}, with quantisation error in every forward pass."
    root = recipe.value("use_rslora") is True
    scale = alpha / (rank**0.5 if root else rank)
    name = "alpha/sqrt(r)" if root else "alpha/r"
    return (
        f"{times}; {name} = {scale:.2g} scales what the adapters add to every forward pass, on top "
        "of a constant quantisation error that only they can correct."
    )
