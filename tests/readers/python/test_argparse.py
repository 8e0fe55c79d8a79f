"""Values that reach a run through argparse, on the argv of the reading."""

from __future__ import annotations

import pytest
from script_reading import (
    FIRST_LINE,
    assert_default,
    assert_set,
    lines,
    read_recipe,
    training_script,
    vias,
)

from qlint.recipe import State


def test_a_default_is_set_and_its_origin_is_the_literal() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument(
            "--lr",
            type=float,
            default=2e-4,
        )
        args = parser.parse_args()
        """,
        "learning_rate=args.lr",
    )
    recipe = read_recipe(script)
    assert_set(recipe, learning_rate=2e-4)
    field = recipe["learning_rate"]
    assert (field.origin[0].line, field.origin[0].column) == (FIRST_LINE + 4, 13)
    assert vias(field) == ["default of --lr", "argument learning_rate of TrainingArguments"]
    assert lines(field)[1] == FIRST_LINE + 1
    assert "argv is empty" in recipe.assumptions


def test_an_option_without_a_default_is_none() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float)
        args = parser.parse_args()
        lr = args.lr or 1e-4
        """,
        "learning_rate=lr",
    )
    assert_set(read_recipe(script), learning_rate=1e-4)


def test_a_required_option_is_unknown_until_it_is_given() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, required=True)
        args = parser.parse_args()
        """,
        "learning_rate=args.lr",
    )
    field = read_recipe(script)["learning_rate"]
    assert field.state is State.UNKNOWN
    assert field.reason == "--lr is required on the command line"
    assert field.origin[0].line == FIRST_LINE + 1
    assert_set(read_recipe(script, argv=["--lr", "3e-5"]), learning_rate=3e-5)


@pytest.mark.parametrize(
    "argv", [["--learning-rate", "1e-4"], ["--learning-rate=1e-4"], ["--learn", "1e-4"],
             ["-lr", "1e-4"], ["-lr=1e-4"]],
)  # fmt: skip
def test_argv_in_all_spellings(argv: list[str]) -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("-lr", "--learning-rate", type=float, default=2e-4)
        args = parser.parse_args()
        """,
        "learning_rate=args.learning_rate",
    )
    recipe = read_recipe(script, argv=argv)
    assert_set(recipe, learning_rate=1e-4)
    assert vias(recipe["learning_rate"])[0] == "--learning-rate on the command line"
    assert f"argv is {argv}" in recipe.assumptions


def test_argv_that_the_parser_refuses_is_said_and_not_applied() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--optim", choices=["adamw_torch", "adamw_8bit"], default="adamw_8bit")
        args = parser.parse_args()
        """,
        "optim=args.optim",
    )
    recipe = read_recipe(script, argv=["--optim", "sgd"])
    assert_set(recipe, optim="adamw_8bit")
    assert any("refused" in premise and "sgd" in premise for premise in recipe.assumptions)
    assert_set(read_recipe(script, argv=["--optim", "adamw_torch"]), optim="adamw_torch")


TYPES = """
def str2bool(text):
    if isinstance(text, bool):
        return text
    if text.lower() in ("yes", "true", "1"):
        return True
    elif text.lower() in ("no", "false", "0"):
        return False
    raise argparse.ArgumentTypeError("Boolean value expected.")

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, default="4")
parser.add_argument("--bf16", type=str2bool, default="yes")
parser.add_argument("--ckpt", type=str2bool, nargs="?", const=True, default=False)
parser.add_argument("--packing", type=lambda x: x.lower() == "true", default="True")
parser.add_argument("--targets", type=json.loads, default='["q_proj", "v_proj"]')
parser.add_argument("--warmup", type=eval, default="10 ** 2")
parser.add_argument("--steps", type=lambda s: int(float(s)), default="1e3")
args = parser.parse_args()
"""
TYPED_ARGUMENTS = (
    "per_device_train_batch_size=args.batch, bf16=args.bf16, gradient_checkpointing=args.ckpt, "
    "max_steps=args.steps"
)


def test_types_convert_text_defaults() -> None:
    recipe = read_recipe(training_script(TYPES, TYPED_ARGUMENTS, "target_modules=args.targets"))
    assert_set(recipe, per_device_train_batch_size=4, bf16=True, gradient_checkpointing=False,
               max_steps=1000, target_modules=["q_proj", "v_proj"])  # fmt: skip


def test_types_convert_argv() -> None:
    argv = ["--batch", "2", "--bf16", "no", "--ckpt", "--targets", '["k_proj"]', "--steps=2e2"]
    script = training_script(TYPES, TYPED_ARGUMENTS, "target_modules=args.targets")
    recipe = read_recipe(script, argv=argv)
    assert_set(recipe, per_device_train_batch_size=2, bf16=False, gradient_checkpointing=True,
               max_steps=200, target_modules=["k_proj"])  # fmt: skip


def test_bool_as_a_type_takes_any_text_for_true() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--bf16", type=bool, default=False)
        args = parser.parse_args()
        """,
        "bf16=args.bf16",
    )
    assert_set(read_recipe(script), bf16=False)
    assert_set(read_recipe(script, argv=["--bf16", "False"]), bf16=True)


ACTIONS = """
parser = argparse.ArgumentParser()
parser.add_argument("--bf16", action="store_true")
parser.add_argument("--no_ckpt", dest="ckpt", action="store_false")
parser.add_argument("--fast", dest="optim", action="store_const", const="adamw_8bit",
                    default="adamw_torch")
parser.add_argument("--target", action="append", default=["q_proj"])
parser.add_argument("--packing", action=argparse.BooleanOptionalAction, default=True)
parser.add_argument("--targets", nargs="+", default=["q_proj", "v_proj"])
parser.add_argument("-v", "--verbose", action="count", default=1)
args = parser.parse_args()
"""
ACTION_ARGUMENTS = (
    "bf16=args.bf16, gradient_checkpointing=args.ckpt, optim=args.optim, "
    "per_device_train_batch_size=args.verbose, group_by_length=args.packing"
)


def test_actions_by_default() -> None:
    recipe = read_recipe(
        training_script(ACTIONS, ACTION_ARGUMENTS, "target_modules=args.targets + args.target")
    )
    assert_set(recipe, bf16=False, gradient_checkpointing=True, optim="adamw_torch",
               per_device_train_batch_size=1, target_modules=["q_proj", "v_proj"])  # fmt: skip


def test_actions_given() -> None:
    argv = ["--bf16", "--no_ckpt", "--fast", "--target", "k_proj", "--target", "o_proj",
            "--targets", "up_proj", "down_proj", "-vv"]  # fmt: skip
    script = training_script(ACTIONS, ACTION_ARGUMENTS, "target_modules=args.targets + args.target")
    assert_set(read_recipe(script, argv=argv), bf16=True, gradient_checkpointing=False,
               optim="adamw_8bit", per_device_train_batch_size=3,
               target_modules=["up_proj", "down_proj", "q_proj", "k_proj", "o_proj"])  # fmt: skip


def test_boolean_optional_action_off() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--ckpt", action=argparse.BooleanOptionalAction, default=True)
        args = parser.parse_args()
        """,
        "gradient_checkpointing=args.ckpt",
    )
    assert_set(read_recipe(script), gradient_checkpointing=True)
    assert_set(read_recipe(script, argv=["--no-ckpt"]), gradient_checkpointing=False)


def test_the_first_of_two_options_with_one_destination_has_the_default() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--ckpt", dest="ckpt", action="store_true")
        parser.add_argument("--no-ckpt", dest="ckpt", action="store_false")
        parser.set_defaults(ckpt=True)
        args = parser.parse_args()
        """,
        "gradient_checkpointing=args.ckpt",
    )
    assert_set(read_recipe(script), gradient_checkpointing=True)
    assert_set(read_recipe(script, argv=["--no-ckpt"]), gradient_checkpointing=False)
    without = script.replace("parser.set_defaults(ckpt=True)\n", "")
    assert_set(read_recipe(without), gradient_checkpointing=False)


def test_groups_parents_and_dashes() -> None:
    script = training_script(
        """
        common = argparse.ArgumentParser(add_help=False)
        common.add_argument("--learning-rate", type=float, default=1e-4)
        parser = argparse.ArgumentParser(parents=[common])
        group = parser.add_argument_group("adapter")
        group.add_argument("--lora-r", type=int, default=8)
        either = parser.add_mutually_exclusive_group()
        either.add_argument("--epochs", type=float, default=2)
        either.add_argument("--steps", type=int, default=-1)
        args = parser.parse_args()
        """,
        "learning_rate=args.learning_rate, num_train_epochs=args.epochs, max_steps=args.steps",
        "r=args.lora_r",
    )
    assert_set(read_recipe(script), learning_rate=1e-4, lora_r=8, num_train_epochs=2, max_steps=-1)
    assert_set(read_recipe(script, argv=["--lora-r", "16", "--steps", "-5"]), lora_r=16)


def test_a_parser_built_in_a_function_of_a_class() -> None:
    script = training_script(
        """
        class Options:
            def __init__(self):
                self.parser = argparse.ArgumentParser(description="x")
                self.add()

            def add(self):
                self.parser.add_argument("--lr", type=float, default=5e-5)

            def parse(self):
                return self.parser.parse_args()

        def more(parser):
            parser.add_argument("--r", type=int, default=8)
            return parser

        options = Options()
        more(options.parser)
        args = options.parse()
        """,
        "learning_rate=args.lr",
        "r=args.r",
    )
    assert_set(read_recipe(script), learning_rate=5e-5, lora_r=8)


def test_options_added_in_a_loop_over_a_dict() -> None:
    script = training_script(
        """
        DEFAULTS = {"learning_rate": 1e-4, "lora_r": 8, "optim": "adamw_8bit"}
        parser = argparse.ArgumentParser()
        for name, value in DEFAULTS.items():
            parser.add_argument(f"--{name}", type=type(value), default=value)
        args = parser.parse_args()
        """,
        "learning_rate=args.learning_rate, optim=args.optim",
        "r=args.lora_r",
    )
    recipe = read_recipe(script)
    assert_set(recipe, learning_rate=1e-4, lora_r=8, optim="adamw_8bit")
    assert recipe["learning_rate"].origin[0].line == FIRST_LINE
    assert_set(read_recipe(script, argv=["--lora_r=4"]), lora_r=4)


def test_options_given_as_a_dict_of_keywords() -> None:
    script = training_script(
        """
        OPTIONS = [
            (["--lr"], dict(type=float, default=1e-4)),
            (["-r", "--rank"], {"type": int, "default": 8}),
        ]
        parser = argparse.ArgumentParser()
        for flags, keywords in OPTIONS:
            parser.add_argument(*flags, **keywords)
        args = parser.parse_args()
        """,
        "learning_rate=args.lr",
        "r=args.rank",
    )
    assert_set(read_recipe(script), learning_rate=1e-4, lora_r=8)


def test_positional_arguments() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("lr", type=float)
        parser.add_argument("rank", nargs="?", type=int, default=8)
        args = parser.parse_args()
        """,
        "learning_rate=args.lr",
        "r=args.rank",
    )
    recipe = read_recipe(script)
    assert recipe["learning_rate"].state is State.UNKNOWN
    assert_set(recipe, lora_r=8)
    assert_set(read_recipe(script, argv=["1e-4", "4"]), learning_rate=1e-4, lora_r=4)


def test_an_argv_in_the_script_wins_over_the_one_given() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=2e-4)
        args = parser.parse_args(["--lr", "1e-5"])
        """,
        "learning_rate=args.lr",
    )
    assert_set(read_recipe(script, argv=["--lr", "1"]), learning_rate=1e-5)
    empty = script.replace('["--lr", "1e-5"]', "[]")
    assert_set(read_recipe(empty, argv=["--lr", "1"]), learning_rate=2e-4)
    cut = script.replace('["--lr", "1e-5"]', "sys.argv[1:]")
    assert_set(read_recipe(cut, argv=["--lr", "1"]), learning_rate=1.0)


def test_known_arguments_and_the_rest() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=2e-4)
        args, rest = parser.parse_known_args()
        extra = argparse.ArgumentParser()
        extra.add_argument("--rank", type=int, default=8)
        more = extra.parse_args(rest)
        merged = argparse.Namespace(**vars(args), **vars(more))
        """,
        "learning_rate=merged.lr",
        "r=merged.rank",
    )
    assert_set(read_recipe(script), learning_rate=2e-4, lora_r=8)
    given = read_recipe(script, argv=["--rank", "4", "--lr", "1e-4"])
    assert_set(given, learning_rate=1e-4, lora_r=4)


def test_set_defaults_wins_over_the_default_of_the_option() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=2e-4)
        parser.set_defaults(lr="1e-4", scheduler="cosine")
        args = parser.parse_args()
        """,
        "learning_rate=args.lr, lr_scheduler_type=args.scheduler",
    )
    recipe = read_recipe(script)
    assert_set(recipe, learning_rate=1e-4, lr_scheduler_type="cosine")
    assert recipe["learning_rate"].origin[0].line == FIRST_LINE + 2


CONFIG_FILE = """
parser = argparse.ArgumentParser()
parser.add_argument("--config", default="config.json")
parser.add_argument("--lr", type=float, default=2e-4)
parser.add_argument("--rank", type=int, default=64)
args = parser.parse_args()
with open(args.config) as handle:
    config = json.load(handle)
{merge}
"""
MERGES = {
    "set_defaults": "parser.set_defaults(**config)\nargs = parser.parse_args()",
    "setattr": "for key, value in config.items():\n    setattr(args, key, value)",
    "vars": "vars(args).update(config)",
    "dict": "args.__dict__.update(config)",
    "namespace": "args = argparse.Namespace(**{**vars(args), **config})",
    "subscript": "for key in config:\n    args.__dict__[key] = config[key]",
    "by hand": 'args.rank = config["rank"]\nargs.lr = config.get("lr", args.lr)',
}


@pytest.mark.parametrize("merge", MERGES.values(), ids=MERGES)
def test_a_json_file_merged_into_the_arguments(merge: str) -> None:
    script = training_script(
        CONFIG_FILE.format(merge=merge), "learning_rate=args.lr", "r=args.rank"
    )
    recipe = read_recipe(script, files={"config.json": '{"rank": 16, "lr": 1e-4}'})
    assert_set(recipe, learning_rate=1e-4, lora_r=16)
    first = recipe["lora_r"].origin[0]
    assert (first.path, first.line, first.column) == ("config.json", 1, 10)


@pytest.mark.parametrize("merge", MERGES.values(), ids=MERGES)
def test_a_file_that_is_not_there_leaves_what_it_may_set_unknown(merge: str) -> None:
    script = training_script(
        CONFIG_FILE.format(merge=merge), "learning_rate=args.lr", "r=args.rank"
    )
    recipe = read_recipe(script)
    field = recipe["lora_r"]
    assert field.state is State.UNKNOWN
    assert "config.json is not there" in str(field.reason)


def test_a_dict_updated_with_the_arguments() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=1e-4)
        args = parser.parse_args()
        config = {"lr": 1.0, "rank": 8}
        config.update(vars(args))
        """,
        'learning_rate=config["lr"]',
        'r=config["rank"]',
    )
    assert_set(read_recipe(script), learning_rate=1e-4, lora_r=8)


def test_a_namespace_given_to_be_filled_keeps_what_it_has() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=2e-4)
        parser.add_argument("--rank", type=int, default=8)
        args = parser.parse_args(namespace=argparse.Namespace(lr=1e-4))
        """,
        "learning_rate=args.lr",
        "r=args.rank",
    )
    assert_set(read_recipe(script), learning_rate=1e-4, lora_r=8)
    assert_set(read_recipe(script, argv=["--lr", "3e-4"]), learning_rate=3e-4)


SUBCOMMANDS = """
def train(args):
    model = AutoModelForCausalLM.from_pretrained("some/model")
    arguments = TrainingArguments("out", learning_rate=args.lr, max_steps=args.steps)
    Trainer(model=model, args=arguments).train()

def evaluate(args):
    print("nothing to see")

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=10)
commands = parser.add_subparsers(dest="command", required=True)
common = argparse.ArgumentParser(add_help=False)
common.add_argument("--lr", type=float, default=1e-4)
first = commands.add_parser("{name}", parents=[common])
first.set_defaults(func=train)
second = commands.add_parser("evaluate")
second.add_argument("--split", default="test")
second.set_defaults(func=evaluate)
args = parser.parse_args()
"""


@pytest.mark.parametrize(
    "start", ["args.func(args)\n", 'if args.command == "{name}": train(args)\n']
)
@pytest.mark.parametrize("name", ["finetune", "run"])
def test_the_subcommand_that_trains_is_assumed(name: str, start: str) -> None:
    text = training_script("", "").split("\nmodel =")[0]
    script = text + (SUBCOMMANDS + start).format(name=name)
    recipe = read_recipe(script)
    assert_set(recipe, learning_rate=1e-4, max_steps=10)
    assert f"the subcommand {name} is given" in recipe.assumptions
    given = read_recipe(script, argv=["--steps", "3", name, "--lr", "2e-5"])
    assert_set(given, learning_rate=2e-5, max_steps=3)
    assert not any("subcommand" in premise for premise in given.assumptions)


def test_options_under_a_library_that_adds_its_own() -> None:
    script = training_script(
        """
        import deepspeed
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=1e-4)
        parser = deepspeed.add_config_arguments(parser)
        args = parser.parse_args()
        """,
        "learning_rate=args.lr",
    )
    assert_set(read_recipe(script), learning_rate=1e-4)


def test_a_parser_that_inherits_from_argparse() -> None:
    script = training_script(
        """
        class Arguments(argparse.ArgumentParser):
            def __init__(self):
                super().__init__(description="train")
                self.add_argument("--lr", type=float, default=1e-4)

        args = Arguments().parse_args()
        """,
        "learning_rate=args.lr",
    )
    assert_set(read_recipe(script), learning_rate=1e-4)


def test_what_the_script_does_not_give_stays_a_default() -> None:
    script = training_script(
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=1e-4)
        args = parser.parse_args()
        """,
        "learning_rate=args.lr",
    )
    assert_default(read_recipe(script), per_device_train_batch_size=8, lr_scheduler_type="linear")


RECORDS = """
from dataclasses import dataclass
from simple_parsing import ArgumentParser

@dataclass
class Lora:
    r: int = 8

@dataclass
class Config:
    lr: float = 1e-3
    accumulation: int = 2

parser = ArgumentParser()
parser.add_argument("--optim", default="adamw_8bit")
parser.add_arguments(Config, dest="config")
parser.add_arguments(Lora, "lora")
args = parser.parse_args()
"""
FROM_RECORDS = (
    "learning_rate=args.config.lr, optim=args.optim, "
    "gradient_accumulation_steps=args.config.accumulation"
)


def test_dataclasses_of_simple_parsing_take_argv() -> None:
    script = training_script(RECORDS, FROM_RECORDS, "r=args.lora.r")
    given = read_recipe(script, argv=["--lr", "2e-4", "--r=16", "--optim", "adamw_torch"])
    assert_set(given, learning_rate=2e-4, lora_r=16, optim="adamw_torch",
               gradient_accumulation_steps=2)  # fmt: skip
    assert "--lr, read by simple_parsing" in vias(given["learning_rate"])
    alone = read_recipe(script)
    assert_set(alone, learning_rate=1e-3, lora_r=8, optim="adamw_8bit")


@pytest.mark.parametrize(
    ("parser", "option"),
    [
        ("configargparse.ArgParser(default_config_files=['c.yaml'])", ""),
        ("configargparse.ArgParser()", "parser.add('--config', is_config_file=True)"),
        (
            "jsonargparse.ArgumentParser()",
            "parser.add_argument('--config', action=jsonargparse.ActionConfigFile)",
        ),
    ],
)
def test_what_a_file_may_set_that_the_parser_reads_is_unknown(parser: str, option: str) -> None:
    script = training_script(
        f"""
        import configargparse, jsonargparse
        parser = {parser}
        parser.add_argument("--lr", type=float, default=2e-4)
        parser.add_argument("--r", type=int, default=8)
        {option}
        args = parser.parse_args()
        """,
        "learning_rate=args.lr",
        "r=args.r",
    )
    argv = ["--r", "16", *(["--config", "c.yaml"] if option else [])]
    recipe = read_recipe(script, argv=argv)
    assert recipe["learning_rate"].state is State.UNKNOWN
    assert "reads may set it" in (recipe["learning_rate"].reason or "")
    assert_set(recipe, lora_r=16)
    if option:
        assert_set(read_recipe(script), learning_rate=2e-4, lora_r=8)
