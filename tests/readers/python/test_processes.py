"""How many processes run a script: what a launcher sets, and all that follows from it."""

from __future__ import annotations

import pytest
from command_reading import LAUNCHER, started
from script_reading import IMPORTS, assert_default, assert_set, read_recipe, training_script

from qlint.recipe import State

DIVIDED = """
batch, micro = 128, 4
steps = batch // micro
world_size = int(os.environ.get("WORLD_SIZE", 1))
device_map = "auto"
if world_size != 1:
    device_map = {"": int(os.environ.get("LOCAL_RANK") or 0)}
    steps = steps // world_size
"""
DIVIDED_ARGUMENTS = "per_device_train_batch_size=micro, gradient_accumulation_steps=steps"


def test_accumulation_divided_by_the_number_of_processes() -> None:
    script = training_script(DIVIDED, DIVIDED_ARGUMENTS, load="device_map=device_map")
    alone = read_recipe(script)
    assert_set(alone, gradient_accumulation_steps=32, effective_batch_size=128)
    assert_default(alone, world_size=1, distributed="none")
    recipe = started(script, WORLD_SIZE="4", LOCAL_RANK="0")
    assert_set(recipe, gradient_accumulation_steps=8, world_size=4, effective_batch_size=128,
               distributed="ddp")  # fmt: skip
    for name in ("gradient_accumulation_steps", "world_size", "distributed"):
        assert any(origin.path == LAUNCHER for origin in recipe[name].origin), name
    assert "no environment variables are set" not in recipe.assumptions
    assert "one process" not in recipe.assumptions


ASKED = {
    "torch": "n = torch.distributed.get_world_size()",
    "Accelerator": "from accelerate import Accelerator\nn = Accelerator().num_processes",
    "PartialState": "from accelerate import PartialState\nn = PartialState().num_processes",
    "TrainingArguments": "n = TrainingArguments('o').world_size",
    "environ": "n = int(os.environ['WORLD_SIZE'])",
    "getenv": "n = int(os.getenv('WORLD_SIZE', '1'))",
    "tested": "n = int(os.environ['WORLD_SIZE']) if 'WORLD_SIZE' in os.environ else 1",
    "initialized": "n = 1\nif torch.distributed.is_initialized():\n"
                   "    n = torch.distributed.get_world_size()",
}  # fmt: skip


@pytest.mark.parametrize("asked", ASKED)
def test_every_way_of_asking_for_the_number_of_processes(asked: str) -> None:
    script = training_script(ASKED[asked], "gradient_accumulation_steps=16 // n")
    recipe = started(script, WORLD_SIZE="4")
    assert_set(recipe, gradient_accumulation_steps=4)
    paths = [origin.path for origin in recipe["gradient_accumulation_steps"].origin]
    assert LAUNCHER in paths
    assert "one process" not in recipe.assumptions


@pytest.mark.parametrize("asked", sorted(set(ASKED) - {"environ"}))
def test_one_process_is_assumed_where_nothing_says_otherwise(asked: str) -> None:
    recipe = read_recipe(training_script(ASKED[asked], "gradient_accumulation_steps=16 // n"))
    assert_set(recipe, gradient_accumulation_steps=16)
    premises = {"one process", "no environment variables are set"}
    assert premises & set(recipe.assumptions)


@pytest.mark.parametrize("asked", ASKED)
def test_a_number_of_processes_that_is_not_known(asked: str) -> None:
    script = training_script(ASKED[asked], "gradient_accumulation_steps=16 // n")
    recipe = started(script, WORLD_SIZE="$GPUS")
    for name in ("world_size", "effective_batch_size", "distributed"):
        assert recipe[name].state is State.UNKNOWN, name
    for name in ("world_size", "distributed"):
        assert recipe[name].origin[0].path == LAUNCHER, name
        assert "GPUS is not set in this script" in str(recipe[name].reason), name
    assert recipe["gradient_accumulation_steps"].state is State.UNKNOWN


@pytest.mark.parametrize("asked", ["torch.distributed.get_rank()", "int(os.environ['RANK'])"])
def test_the_rank_follows_the_launcher(asked: str) -> None:
    script = training_script(f"rank = {asked}", "max_steps=10 + rank")
    assert_set(started(script, WORLD_SIZE="4", RANK="3"), max_steps=13)


def test_the_first_process_is_a_premise() -> None:
    script = training_script("rank = torch.distributed.get_rank()", "max_steps=10 + rank")
    recipe = started(script, WORLD_SIZE="4")
    assert_set(recipe, max_steps=10)
    assert "it is the process of rank 0 that is read" in recipe.assumptions


def test_what_the_script_sets_up_itself_wins_over_plain_data_parallelism() -> None:
    recipe = started(training_script("", 'fsdp="full_shard"'), WORLD_SIZE="2")
    assert_set(recipe, distributed="fsdp", world_size=2)


def test_one_process_given_by_the_launcher_is_no_assumption() -> None:
    recipe = started(training_script(""), WORLD_SIZE="1")
    assert_set(recipe, distributed="none", world_size=1)


LOOP = """
import torch
from accelerate import Accelerator
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

accelerator = Accelerator()
model = get_peft_model(AutoModelForCausalLM.from_pretrained("m"), LoraConfig(r=8))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
loader = torch.utils.data.DataLoader([], batch_size=4)
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
for batch in loader:
    accelerator.backward(model(**batch).loss)
    optimizer.step()
"""


def test_a_loop_of_accelerate_follows_the_launcher() -> None:
    recipe = started(LOOP, WORLD_SIZE="2")
    assert_set(recipe, world_size=2, distributed="ddp", effective_batch_size=8)


LAUNCHED = {
    "notebook_launcher": "from accelerate import notebook_launcher\n"
                         "notebook_launcher(train, (2e-5,), num_processes=4)",
    "spawn": "import torch.multiprocessing as mp\nmp.spawn(train_rank, args=(2e-5,), nprocs=4)",
}  # fmt: skip
FUNCTIONS = """
def train_rank(rank, lr):
    train(lr)

def train(lr):
    model = get_peft_model(AutoModelForCausalLM.from_pretrained("m"), LoraConfig(r=8))
    arguments = TrainingArguments("o", learning_rate=lr, per_device_train_batch_size=2)
    Trainer(model=model, args=arguments).train()
"""


@pytest.mark.parametrize("launcher", LAUNCHED)
def test_a_function_started_in_several_processes(launcher: str) -> None:
    recipe = read_recipe(IMPORTS + FUNCTIONS + LAUNCHED[launcher])
    assert_set(recipe, learning_rate=2e-5, world_size=4, effective_batch_size=8, distributed="ddp")
    counted = recipe["world_size"].origin[0]
    assert (counted.path, counted.line) == ("train.py", (IMPORTS + FUNCTIONS).count("\n") + 2)


def test_accelerate_s_launcher_tells_the_function_how_many_there_are() -> None:
    body = FUNCTIONS.replace("def train(lr):", "def train(lr):\n    n = os.environ['WORLD_SIZE']")
    body = body.replace("per_device_train_batch_size=2", "max_steps=100 // int(n)")
    recipe = read_recipe(IMPORTS + body + LAUNCHED["notebook_launcher"])
    assert_set(recipe, max_steps=25)


def test_as_many_processes_as_there_are_cards() -> None:
    launcher = "import torch.multiprocessing as mp\n" \
        "mp.spawn(train_rank, args=(2e-5,), nprocs=torch.cuda.device_count())"  # fmt: skip
    recipe = read_recipe(IMPORTS + FUNCTIONS + launcher)
    assert recipe["world_size"].state is State.UNKNOWN
    assert recipe["effective_batch_size"].state is State.UNKNOWN
    assert "device_count" in str(recipe["world_size"].reason)


@pytest.mark.parametrize(
    "branch", ["os.environ['LR'] = '2e-5'", "os.environ.setdefault('LR', '2e-5')"]
)
def test_a_variable_set_in_one_case_only_is_one_of_two(branch: str) -> None:
    body = f"""
if torch.cuda.is_available():
    {branch}
lr = float(os.environ.get("LR", "1e-4"))
"""
    field = read_recipe(training_script(body, "learning_rate=lr"))["learning_rate"]
    assert field.state is State.UNKNOWN
    assert sorted(field.possible) == [2e-5, 1e-4]


def test_a_variable_of_the_launcher_and_one_that_is_not_given() -> None:
    body = 'lr = float(os.environ["LR"])\nr = int(os.environ.get("RANK_OF_LORA", 8))'
    recipe = started(training_script(body, "learning_rate=lr", "r=r"), LR="2e-5")
    assert_set(recipe, learning_rate=2e-5, lora_r=8)
    assert recipe["learning_rate"].origin[0].via == "LR is exported"
    assert recipe["learning_rate"].origin[1].via == "environment variable LR"
    assert "no other environment variables are set" in recipe.assumptions


def test_a_given_variable_in_a_layered_configuration() -> None:
    body = """
    from omegaconf import OmegaConf
    cfg = OmegaConf.create({"lr": "${oc.env:LR,1e-4}"})
    """
    recipe = started(training_script(body, "learning_rate=float(cfg.lr)"), LR="2e-5")
    assert_set(recipe, learning_rate=2e-5)
    assert recipe["learning_rate"].origin[0].path == LAUNCHER
    lost = started(training_script(body, "learning_rate=cfg.lr"), LR="$LR")
    assert lost["learning_rate"].state is State.UNKNOWN


def test_the_script_s_own_environment_wins() -> None:
    body = 'os.environ["LR"] = "2e-5"\nlr = float(os.environ["LR"])'
    recipe = started(training_script(body, "learning_rate=lr"), LR="1e-4")
    assert_set(recipe, learning_rate=2e-5)
    assert not [one for one in recipe.assumptions if "environment" in one]
