"""Programs that a script starts: their words with origins, environment, folder and condition."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from qlint.readers.commands import Argument, Command
from qlint.readers.python.reader import evaluate_python
from qlint.readers.request import Request
from qlint.recipe import State

IMPORTS = """\
import asyncio, os, shlex, subprocess, sys
from pathlib import Path
import torch
LR = 2e-5
"""


def commands(text: str, root: Path = Path("/nonexistent"), **environment: str) -> list[Command]:
    """What a script starts."""
    given = {name: Argument(value) for name, value in environment.items()}
    request = Request(root=str(root), display_path="launch.py", environment=given)
    data = (IMPORTS + textwrap.dedent(text)).encode()
    return list(evaluate_python(str(root / "launch.py"), data, request).commands)


def texts(command: Command) -> list[str]:
    """The words of a command as texts."""
    return [word.text for word in command.words]


WAYS = {
    "run": 'subprocess.run(["torchrun", "train.py", "--lr", str(LR)], check=True)',
    "call": 'subprocess.call(args=["torchrun", "train.py", "--lr", "2e-05"])',
    "check_call": 'subprocess.check_call(("torchrun", "train.py", "--lr", f"{LR}"))',
    "check_output": 'subprocess.check_output(["torchrun", "train.py"] + ["--lr", str(LR)])',
    "Popen": 'p = subprocess.Popen(["torchrun", "train.py", "--lr", str(LR)])\np.wait()',
    "shell": 'subprocess.run(f"torchrun train.py --lr {LR}", shell=True)',
    "system": 'os.system(f"torchrun train.py --lr {LR}")',
    "continued": 'os.system("""torchrun train.py \\\\\n    --lr 2e-05""")',
    "execvp": 'os.execvp("torchrun", ["torchrun", "train.py", "--lr", str(LR)])',
    "execlp": 'os.execlp("torchrun", "torchrun", "train.py", "--lr", str(LR))',
    "split": 'subprocess.run(shlex.split(f"torchrun train.py --lr {LR}"))',
    "built": 'cmd = ["torchrun"]\ncmd += [str(Path("train.py"))]\ncmd.extend(["--lr", str(LR)])\n'
             "subprocess.run(cmd)",
    "joined": 'subprocess.run(" ".join(["torchrun", "train.py", "--lr", str(LR)]), shell=True)',
    "torch": 'import torch.distributed.run\n'
             'torch.distributed.run.main(["train.py", "--lr", str(LR)])',
    "parsed": "from torch.distributed.run import parse_args, run\n"
              'run(parse_args(["train.py", "--lr", str(LR)]))',
    "asynchronous": 'async def main():\n'
                    '    start = asyncio.create_subprocess_exec\n'
                    '    await start("torchrun", "train.py", "--lr", "2e-05")\n'
                    "asyncio.run(main())",
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_start_a_program(way: str) -> None:
    (command,) = commands(WAYS[way])
    assert texts(command) == ["torchrun", "train.py", "--lr", "2e-05"]
    assert command.source.path == "launch.py"
    assert command.source.line >= IMPORTS.count("\n") + 1
    assert all(word.unknown is None for word in command.words)
    assert {origin.path for word in command.words for origin in word.origin} == {"launch.py"}


def test_accelerate_s_launcher_as_an_api() -> None:
    (command,) = commands(
        """
        from accelerate.commands.launch import launch_command, launch_command_parser
        args = launch_command_parser().parse_args(["--num_processes", "2", "train.py"])
        launch_command(args)
        """
    )
    assert texts(command) == ["accelerate", "launch", "--num_processes", "2", "train.py"]


def test_this_interpreter_is_python() -> None:
    (command,) = commands('subprocess.run([sys.executable, "-m", "train"])')
    assert texts(command) == ["python", "-m", "train"]


def test_the_origin_of_a_word_leads_to_its_literal() -> None:
    (command,) = commands('subprocess.run(["python", "train.py", "--lr", str(LR)])')
    value = command.words[-1]
    assert (value.origin[0].line, value.origin[0].column) == (4, 6)


@pytest.mark.parametrize(
    "argv", ['["python", "train.py", f"--lr={n}"]', 'f"python train.py --lr={n}", shell=True']
)
def test_a_part_that_is_not_known_leaves_its_word_unknown(argv: str) -> None:
    (command,) = commands(f"n = torch.cuda.device_count()\nsubprocess.run({argv})")
    assert texts(command) == ["python", "train.py", "--lr={n}"]
    assert [word.unknown is None for word in command.words] == [True, True, False]
    assert "device_count" in str(command.words[-1].unknown)


@pytest.mark.parametrize(
    "text",
    ["torchrun $ARGS train.py", "ls | xargs python", "python `which x`", "(python train.py)",
     'python "train.py'],
)  # fmt: skip
def test_what_only_a_shell_can_read_is_left_to_one(text: str) -> None:
    assert commands(f"os.system({text!r})") == []


def test_several_commands_of_one_text() -> None:
    first, second = commands(
        'os.system("cd sub && python prepare.py; python train.py")', Path("/project")
    )
    assert (texts(first), first.folder) == (["python", "prepare.py"], "/project/sub")
    assert (texts(second), second.folder) == (["python", "train.py"], "/project/sub")


@pytest.mark.parametrize(
    "environment",
    ["dict(os.environ, LR='1')", "{**os.environ, 'LR': '1'}", "{'LR': '1', 'A': 'b'}", "copied"],
)
def test_the_environment_of_a_program(environment: str) -> None:
    script = "copied = os.environ.copy()\ncopied['LR'] = '1'\n"
    (command,) = commands(script + f"subprocess.run(['python', 't.py'], env={environment})", A="b")
    given = {name: argument.text for name, argument in command.environment.items()}
    assert given == {"A": "b", "LR": "1"}


def test_a_program_inherits_what_the_script_sets() -> None:
    (command,) = commands("os.environ['LR'] = '1'\nos.system('python train.py')", A="b")
    given = {name: argument.text for name, argument in command.environment.items()}
    assert given == {"A": "b", "LR": "1"}


def test_the_folder_of_a_program() -> None:
    (command,) = commands("subprocess.run(['python', 't.py'], cwd='sub')", Path("/project"))
    assert command.folder == "/project/sub"


def test_a_program_starts_where_the_script_has_gone() -> None:
    (command,) = commands("os.chdir('repo')\nos.system('python t.py')", Path("/project"))
    assert command.folder == "/project/repo"


def test_a_program_started_under_a_condition() -> None:
    (command,) = commands("if torch.cuda.is_available():\n    os.system('python train.py')")
    assert command.condition == "torch.cuda.is_available()"


def test_a_program_for_each_of_known_values() -> None:
    found = commands(
        """
        def train(rank):
            subprocess.run(["python", "train.py", "--rank", str(rank)])

        for rank in (8, 16):
            train(rank)
        """
    )
    assert [texts(command)[-1] for command in found] == ["8", "16"]


def test_nothing_of_the_script_runs_after_it_is_replaced() -> None:
    found = commands("os.execvp('a', ['a'])\nos.system('python train.py')")
    assert [texts(command) for command in found] == [["a"]]


PARTLY = {
    "added": 'cmd = ["torchrun", "train.py"] + torch.words() + ["--lr", "1"]',
    "starred": 'cmd = ["torchrun", "train.py", *torch.words(), "--lr", "1"]',
    "extended": 'cmd = ["torchrun", "train.py"]\ncmd.extend(torch.words())\ncmd += ["--lr", "1"]',
    "in a loop": 'cmd = ["torchrun", "train.py"]\nfor one in torch.words():\n'
                 '    cmd.append(f"--{one}")\ncmd += ["--lr", "1"]',
    "in some cases": 'cmd = ["torchrun", "train.py"]\nif torch.cuda.is_available():\n'
                     '    cmd += ["--bf16", "--tf32"]\ncmd += ["--lr", "1"]',
}  # fmt: skip


@pytest.mark.parametrize("built", PARTLY)
def test_words_around_those_that_are_not_known_are_kept(built: str) -> None:
    (command,) = commands(f"{PARTLY[built]}\nsubprocess.run(cmd)")
    known = [word.text for word in command.words if word.unknown is None]
    assert known == ["torchrun", "train.py", "--lr", "1"]
    assert texts(command)[2] == "{...}" or texts(command)[2].startswith("--{")
    assert command.words[2].unknown is not None


def test_a_list_with_an_unknown_piece_is_still_unknown_to_a_run() -> None:
    script = IMPORTS + textwrap.dedent(
        """
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM, Trainer
        targets = ["q_proj", *torch.words()]
        model = AutoModelForCausalLM.from_pretrained("m")
        Trainer(get_peft_model(model, LoraConfig(target_modules=targets))).train()
        """
    )
    request = Request(root="/nonexistent")
    (recipe,) = evaluate_python("t.py", script.encode(), request).reading.recipes
    assert recipe["target_modules"].state is State.UNKNOWN
