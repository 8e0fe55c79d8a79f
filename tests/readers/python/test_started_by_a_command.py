"""Words of a launcher's command: the origins show both ends, and what is not known stays so."""

from __future__ import annotations

import pytest
from command_reading import LAUNCHER, started
from script_reading import FIRST_LINE, IMPORTS, SCRIPT, assert_set, training_script

from qlint.recipe import Field, State

ARGPARSE = """
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-4)
parser.add_argument("--rank", type=int, default=8)
parser.add_argument("--bf16", action="store_true")
parser.add_argument("--targets", nargs="+", default=["q_proj"])
parser.add_argument("--extra", action="append", default=[])
args = parser.parse_args()
"""
HF = """
@dataclass
class Options:
    lr: float = 1e-4
    rank: int = 8
    bf16: bool = False
    targets: List[str] = field(default_factory=lambda: ["q_proj"])
    extra: Optional[str] = None

(args,) = HfArgumentParser(Options).parse_args_into_dataclasses()
"""
CLICK = """
import click

@click.command()
@click.option("--lr", default=1e-4)
@click.option("--rank", type=int, default=8)
@click.option("--bf16", is_flag=True)
@click.option("--targets", multiple=True, default=["q_proj"])
@click.option("--extra", default="")
def main(lr, rank, bf16, targets, extra):
    {train}

main()
"""
FIRE = """
import fire

def main(lr=1e-4, rank=8, bf16=False, targets=["q_proj"], extra=""):
    {train}

fire.Fire(main)
"""
TYPER = """
import typer

app = typer.Typer()

@app.command()
def main(lr: float = 1e-4, rank: int = 8, bf16: bool = False, targets: str = "q", extra: str = ""):
    {train}

app()
"""
TYRO = """
import tyro

@dataclass
class Options:
    lr: float = 1e-4
    rank: int = 8
    bf16: bool = False
    targets: List[str] = field(default_factory=lambda: ["q_proj"])
    extra: str = ""

args = tyro.cli(Options)
"""
DRACCUS = """
import draccus

@dataclass
class Options:
    lr: float = 1e-4
    rank: int = 8
    bf16: bool = False
    targets: List[str] = field(default_factory=lambda: ["q_proj"])
    extra: str = ""

@draccus.wrap()
def main(args: Options):
    {train}

main()
"""
ARGUMENTS = "learning_rate={0}lr, bf16={0}bf16"
ADAPTER = "r={0}rank, target_modules={0}targets"
TRAIN = (
    'train(AutoModelForCausalLM.from_pretrained("some/model"), '
    f"TrainingArguments('out', {ARGUMENTS}), LoraConfig({ADAPTER}))"
)
HELPER = """
def train(model, arguments, adapter):
    Trainer(model=get_peft_model(model, adapter), args=arguments).train()
"""


def script(parser: str) -> str:
    """A script that reads its recipe with one of the parsers."""
    holder = "args." if "main(args" in parser or "args" in parser.split("\n")[-2] else ""
    if "{train}" not in parser:
        return training_script(parser, ARGUMENTS.format("args."), ADAPTER.format("args."))
    return IMPORTS + HELPER + parser.replace("{train}", TRAIN.format(holder))


PARSERS = {
    "argparse": ARGPARSE,
    "HfArgumentParser": HF,
    "click": CLICK,
    "fire": FIRE,
    "typer": TYPER,
    "tyro": TYRO,
    "draccus": DRACCUS,
}


def ends(field: Field) -> tuple[tuple[str | None, int | None], str | None, str | None]:
    """Where a field's value is written, and where in the script it is read, in words."""
    first, second = field.origin[0], field.origin[1]
    return (first.path, first.line), second.path, second.via


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("equals", [" ", "="])
def test_a_value_shows_the_command_and_the_parser(parser: str, equals: str) -> None:
    recipe = started(script(PARSERS[parser]), f"--lr{equals}2e-5 --rank{equals}16")
    assert_set(recipe, learning_rate=2e-5, lora_r=16)
    for name, option in (("learning_rate", "--lr"), ("lora_r", "--rank")):
        assert ends(recipe[name]) == ((LAUNCHER, 7), SCRIPT, f"{option}, read by {parser}")
    column = len("--lr 2e-5 ") + 1
    assert recipe["lora_r"].origin[0].column == column + (len("--rank ") if equals == " " else 0)


@pytest.mark.parametrize("parser", PARSERS)
def test_a_switch_shows_the_command_and_the_parser(parser: str) -> None:
    recipe = started(script(PARSERS[parser]), "--bf16")
    assert_set(recipe, bf16=True)
    assert ends(recipe["bf16"]) == ((LAUNCHER, 7), SCRIPT, f"--bf16, read by {parser}")


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("equals", [" ", "="])
def test_an_unknown_word_makes_its_own_option_unknown(parser: str, equals: str) -> None:
    recipe = started(script(PARSERS[parser]), f"--lr{equals}$LR --rank{equals}16")
    field = recipe["learning_rate"]
    assert field.state is State.UNKNOWN
    assert "LR is not set in this script" in [origin.via for origin in field.origin]
    assert ends(field)[0] == (LAUNCHER, 7)
    assert SCRIPT in [origin.path for origin in field.origin]
    assert_set(recipe, lora_r=16)


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("word", ["$EXTRA_ARGS", "${@}", "--$NAME=3"])
@pytest.mark.parametrize("command", ["{word} --lr 2e-5 --rank 16", "--lr 2e-5 --rank 16 {word}"])
def test_a_word_that_may_hold_further_arguments_is_a_premise(
    parser: str, word: str, command: str
) -> None:
    if parser == "fire" and not word.startswith("--"):
        pytest.skip("fire takes a lone word as the first parameter")
    recipe = started(script(PARSERS[parser]), command.format(word=word))
    assert_set(recipe, learning_rate=2e-5, lora_r=16)
    assert [one for one in recipe.assumptions if one.startswith(word)]


def test_a_list_with_an_unknown_element_is_unknown() -> None:
    recipe = started(script(ARGPARSE), "--targets k_proj $MORE --lr 2e-5")
    assert recipe["target_modules"].state is State.UNKNOWN
    assert_set(recipe, learning_rate=2e-5)


def test_the_parser_s_station_is_the_line_of_the_option() -> None:
    argparse_recipe = started(script(ARGPARSE), "--lr 2e-5")
    assert argparse_recipe["learning_rate"].origin[1].line == FIRST_LINE + 1
    dataclass_recipe = started(script(HF), "--lr 2e-5")
    assert dataclass_recipe["learning_rate"].origin[1].line == FIRST_LINE + 2


def test_an_option_of_the_library_is_read_at_the_call_of_the_parser() -> None:
    text = """
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, HfArgumentParser, Trainer, TrainingArguments

    (args,) = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses()
    Trainer(AutoModelForCausalLM.from_pretrained("m"), args).train()
    """
    recipe = started(text, "--output_dir out --learning_rate 2e-5 --no_bf16")
    assert_set(recipe, learning_rate=2e-5)
    assert ends(recipe["learning_rate"]) == (
        (LAUNCHER, 7), SCRIPT, "--learning_rate, read by HfArgumentParser",
    )  # fmt: skip
    assert recipe["learning_rate"].origin[1].line == 5


@pytest.mark.parametrize("read", ["sys.argv[1]", "sys.argv[1:][0]", "sys.argv[-1]"])
def test_argv_read_by_hand(read: str) -> None:
    text = training_script(f"lr = float({read})", "learning_rate=lr")
    recipe = started(text, "2e-5")
    assert_set(recipe, learning_rate=2e-5)
    assert ends(recipe["learning_rate"]) == ((LAUNCHER, 7), SCRIPT, "sys.argv")
    lost = started(text, "$LR")["learning_rate"]
    assert (lost.state, ends(lost)[0]) == (State.UNKNOWN, (LAUNCHER, 7))


def test_argv_handed_to_the_parser_keeps_both_ends() -> None:
    text = script(ARGPARSE.replace("parse_args()", "parse_args(sys.argv[1:])"))
    recipe = started(text, "--lr $LR --rank 16")
    assert recipe["learning_rate"].state is State.UNKNOWN
    assert_set(recipe, lora_r=16)
    assert recipe["lora_r"].origin[0].path == LAUNCHER


@pytest.mark.parametrize(
    "argv", ['["x", "--lr", "2e-5"]', '["x"] + ["--lr=2e-5"]', '"x --lr 2e-5".split()']
)
def test_argv_that_the_script_sets_itself(argv: str) -> None:
    recipe = started(script(f"sys.argv = {argv}{ARGPARSE}"), "--lr 1 --rank 16")
    assert_set(recipe, learning_rate=2e-5, lora_r=8)
    assert recipe["learning_rate"].origin[0].path == SCRIPT


def test_argv_set_to_what_is_not_known_is_a_premise() -> None:
    recipe = started(script(f"sys.argv = torch.words(){ARGPARSE}"))
    assert [one for one in recipe.assumptions if one.startswith("{...}")]


OVERRIDES = {
    "OmegaConf": """
        from omegaconf import OmegaConf
        base = OmegaConf.create({"lr": 1e-4, "lora": {"r": 8, "alpha": 16}})
        cfg = OmegaConf.merge(base, OmegaConf.from_cli())
        """,
    "hydra": """
        import hydra

        @hydra.main(config_path=".", config_name="config")
        def load(config):
            global cfg
            cfg = config

        load()
        """,
}


@pytest.mark.parametrize("reader", OVERRIDES)
def test_overrides_of_a_layered_configuration(reader: str) -> None:
    text = training_script(
        OVERRIDES[reader], "learning_rate=cfg.lr", "r=cfg.lora.r, lora_alpha=cfg.lora.alpha"
    )
    files = {"config.yaml": "lr: 1e-4\nlora:\n  r: 8\n  alpha: 16\n"}
    recipe = started(text, "lora.r=16 lr=$LR $OVERRIDES", files)
    assert_set(recipe, lora_r=16, lora_alpha=16)
    assert ends(recipe["lora_r"]) == ((LAUNCHER, 7), SCRIPT, f"lora.r=16, read by {reader}")
    assert recipe["learning_rate"].state is State.UNKNOWN
    assert [one for one in recipe.assumptions if one.startswith("$OVERRIDES")]


TRL = """
from peft import LoraConfig
from trl import ModelConfig, ScriptArguments, SFTConfig, SFTTrainer, TrlParser, get_peft_config

parser = TrlParser((ScriptArguments, SFTConfig, ModelConfig))
script_args, training_args, model_args = parser.parse_args_and_config()
SFTTrainer(
    model=model_args.model_name_or_path, args=training_args, peft_config=get_peft_config(model_args)
).train()
"""


@pytest.mark.parametrize("word", ["missing.yaml", "$CONFIG"])
def test_a_configuration_that_is_not_there_leaves_its_fields_unknown(word: str) -> None:
    recipe = started(TRL, f"--config {word} --learning_rate 2e-5")
    assert_set(recipe, learning_rate=2e-5)
    for name in ("lora_r", "max_grad_norm", "num_train_epochs", "weight_decay", "model_name"):
        assert recipe[name].state is State.UNKNOWN, name
    for name in ("max_grad_norm", "model_name"):
        assert recipe[name].origin[0].path == LAUNCHER, name
    reason = "missing.yaml is not there" if word == "missing.yaml" else "CONFIG is not set"
    assert reason in str(recipe["max_grad_norm"].reason)


def test_a_subcommand_that_is_not_known_refuses_nothing_else() -> None:
    text = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=1e-4)
        commands = parser.add_subparsers(dest="command")
        train = commands.add_parser("train")
        args = parser.parse_args()
        """,
        "learning_rate=args.lr",
    )
    assert_set(started(text, "--lr 2e-5 $MODE"), learning_rate=2e-5)
