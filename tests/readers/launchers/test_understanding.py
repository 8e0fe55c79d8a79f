"""What a command starts, behind whatever stands in front of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from launching import command, launch, summary

from qlint.readers.commands import Argument
from qlint.readers.launchers.processes import WORLD_SIZE, task_variables, world_size
from qlint.readers.launchers.understanding import understand


@pytest.mark.parametrize(
    "line",
    [
        "python t.py --a 1",
        "python3.11 -u -W ignore t.py --a 1",
        "/opt/conda/bin/python t.py --a 1",
        "$PYTHON t.py --a 1",
        "nohup python t.py --a 1",
        "time -p python t.py --a 1",
        "env -u X A=1 python t.py --a 1",
        "sudo -E -u me A=1 python t.py --a 1",
        "timeout -k 5 2h python t.py --a 1",
        "taskset -c 0-3 python t.py --a 1",
        "numactl --cpunodebind=0 --membind 0 python t.py --a 1",
        "nice -n 10 python t.py --a 1",
        "stdbuf -oL python t.py --a 1",
        "xvfb-run -a python t.py --a 1",
        "uv run t.py --a 1",
        "uv run --with trl --python 3.11 python t.py --a 1",
        "poetry run python t.py --a 1",
        "conda run -n env --no-capture-output python t.py --a 1",
        "pixi run -e gpu python t.py --a 1",
        "srun -N 2 --gres=gpu:4 --container-image=x.sqsh python -u t.py --a 1",
        "mpirun -np 4 -x PATH --bind-to none python t.py --a 1",
        "singularity exec --nv -B /data image.sif python t.py --a 1",
        "docker run --rm -it --gpus all -v /a:/b -e A=1 image:tag python t.py --a 1",
        "docker compose run --rm service python t.py --a 1",
        "ray job submit --address x -- python t.py --a 1",
        "nsys profile -o out -t cuda python t.py --a 1",
        "python -m debugpy --listen 5678 --wait-for-client t.py --a 1",
        "python -m torch.distributed.launch --nproc_per_node=2 --use_env t.py --a 1",
        "torchrun --nnodes 1 --nproc-per-node 2 --rdzv-backend=c10d t.py --a 1",
        "accelerate launch --config_file a.yaml --multi_gpu t.py --a 1",
        "accelerate launch --multi-gpu --num-processes 2 --mixed-precision=bf16 t.py --a 1",
        "accelerate-launch t.py --a 1",
        "deepspeed --include localhost:0,1 --master_port 29500 t.py --a 1",
        "CUDA_VISIBLE_DEVICES=0 srun torchrun --standalone t.py --a 1",
        "./t.py --a 1",
    ],
)
def test_wrappers_are_taken_off(line: str) -> None:
    found = summary(line)
    assert found is not None
    starts, program, arguments = found
    assert (starts, program.removeprefix("./"), arguments) == ("script", "t.py", ("--a", "1"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("python -m pkg.train -x", ("module", "pkg.train", ("-x",))),
        ("torchrun -m pkg.train -x", ("module", "pkg.train", ("-x",))),
        ("deepspeed --module pkg.train -x", ("module", "pkg.train", ("-x",))),
        ("accelerate launch -m axolotl.cli.train c.yml",
         ("module", "axolotl.cli.train", ("c.yml",))),
        ("uv run -m pkg.train -x", ("module", "pkg.train", ("-x",))),
        ("llamafactory-cli train c.yaml lr=1", ("tool", "llamafactory-cli",
                                                ("train", "c.yaml", "lr=1"))),
        ("uv run axolotl train c.yml", ("tool", "axolotl", ("train", "c.yml"))),
        ("torchrun --nproc_per_node 2 swift sft --x 1", ("tool", "swift", ("sft", "--x", "1"))),
        ("tune run --nproc_per_node 2 lora_finetune_distributed --config c",
         ("tool", "tune", ("run", "lora_finetune_distributed", "--config", "c"))),
        ("bash run.sh 1 2", ("shell", "run.sh", ("1", "2"))),
        ("sbatch -p gpu --time=1:00 job.slurm a", ("shell", "job.slurm", ("a",))),
        ("./scripts/run.sh a", ("shell", "./scripts/run.sh", ("a",))),
        ("bash -lc work", ("text", "work", ())),
        ("sbatch --wrap=work", ("text", "work", ())),
        ("python -c code", None),
        ("python", None),
        ("python -V", None),
        ("echo python t.py", None),
        ("pip install x", None),
        ("ls", None),
    ],
)  # fmt: skip
def test_what_is_started(line: str, expected: tuple[str, str, tuple[str, ...]] | None) -> None:
    assert summary(line) == expected


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("python t.py", None),
        ("torchrun t.py", None),
        ("torchrun --nproc_per_node=4 t.py", "4"),
        ("torchrun --nproc_per_node 4 --nnodes 2 t.py", "8"),
        ("torchrun --nproc_per_node 4 --nnodes 2:2 t.py", "8"),
        ("CUDA_VISIBLE_DEVICES=0,3 torchrun --nproc_per_node gpu t.py", "2"),
        ("accelerate launch --num_processes 2 --num_machines 2 t.py", "2"),
        ("CUDA_VISIBLE_DEVICES=0 accelerate launch t.py", "1"),
        ("deepspeed --num_gpus 2 --num_nodes 3 t.py", "6"),
        ("deepspeed --include localhost:0,1 t.py", "2"),
        ("deepspeed --include a:0,1@b:0 t.py", "3"),
        ("CUDA_VISIBLE_DEVICES=1,2,5 deepspeed t.py", "3"),
        ("mpirun -np 4 python t.py", "4"),
        ("srun -N 2 torchrun --nnodes 2 --nproc_per_node 8 t.py", "16"),
        ("NPROC_PER_NODE=2 swift sft --x 1", "2"),
        ("FORCE_TORCHRUN=1 NNODES=2 NPROC_PER_NODE=4 llamafactory-cli train c.yaml", "8"),
        ("CUDA_VISIBLE_DEVICES=0,1 llamafactory-cli train c.yaml", "2"),
        ("CUDA_VISIBLE_DEVICES=0 llamafactory-cli train c.yaml", None),
    ],
)
def test_processes(line: str, count: str | None) -> None:
    found = world_size(launch(line))
    assert (found and (found.text, found.unknown)) == (count and (count, None))
    if found is not None:
        assert found.origin[0].column, "it says where the number stands"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("torchrun --nproc_per_node $GPUS t.py", "$GPUS is not set here"),
        ("torchrun --nproc_per_node gpu t.py", "depends on the machine"),
        ("torchrun --nproc_per_node 2 --nnodes 1:4 t.py", "when nodes have joined"),
        ("torchrun $DISTRIBUTED_ARGS t.py", "$DISTRIBUTED_ARGS is not known"),
        ("torchrun --nproc_per_node four t.py", "'four' is no number of processes"),
        ("deepspeed t.py", "each GPU that it finds"),
        ("deepspeed --include worker-0 t.py", "every GPU of worker-0"),
        ("accelerate launch t.py", "neither --num_processes nor --config_file"),
        ("$LAUNCHER t.py", "what $LAUNCHER starts is not known"),
        ("FORCE_TORCHRUN=1 llamafactory-cli train c.yaml", "a process for each GPU"),
    ],
)
def test_processes_that_are_not_known(line: str, reason: str) -> None:
    found = world_size(launch(line))
    assert found is not None
    assert reason in (found.unknown or "")


def test_variables_of_env_and_sudo_reach_the_script() -> None:
    found = launch("A=1 env B=2 sudo C=3 python t.py")
    texts = {name: one.text for name, one in found.environment.items()}
    assert texts == {"A": "1", "B": "2", "C": "3"}


def test_srun_says_how_many_tasks() -> None:
    found = task_variables(launch("srun -N 2 --ntasks-per-node=4 python t.py"))
    assert {name: one.text for name, one in found.items()} == {
        "SLURM_NNODES": "2",
        "SLURM_NTASKS_PER_NODE": "4",
    }


def test_an_unknown_folder_leaves_the_script() -> None:
    found = launch("accelerate launch $OPTIONS $ROOT/t.py --lr $LR")
    assert found.program.text == "$ROOT/t.py"
    assert found.arguments[1].unknown == "$LR is not set here"


WORDS = ["python", "torchrun", "accelerate", "launch", "-m", "--", "-c", "--x", "--x=1", "t.py",
         "uv", "run", "$A", "srun", "bash", "", "-", "deepspeed", "docker", "env", "A=1", "exec",
         "sbatch", "tune", "singularity", "--include", "timeout", "\0", "4"]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_no_words_are_too_odd(words: list[str]) -> None:
    made = tuple(Argument(word, (), "no" if "$" in word else None) for word in words)
    found = understand(command("x").__class__(made, command("x").source, "/project"))
    if found is not None:
        behind = len(found.arguments)
        assert found.starts == "text" or found.arguments == made[len(made) - behind :]
        count = world_size(found)
        assert count is None or count.unknown or count.text.isdecimal()
        assert WORLD_SIZE not in found.environment


def test_many_words_are_read_in_one_go() -> None:
    line = "torchrun " + "$A " * 50_000 + "t.py"
    assert understand(command(line)) is not None
    assert understand(command("env " * 50_000 + "python t.py")) is None
