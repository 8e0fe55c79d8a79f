"""Launchers that nobody writes by accident end, and nothing of them is run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from launching import write
from test_following import SCRIPT

from qlint.readers import read
from qlint.readers.request import Request
from qlint.recipe import Reading

pytestmark = pytest.mark.timeout(120)  # a hang is what is looked for

PIECES = [
    *("python", "train.py", " ", "\n", "\\\n", "$X", "${X:-1}", "--lr", "1e-4", "'", '"', "(", ")"),
    *(
        "`",
        "$(",
        "if ",
        "then ",
        "fi\n",
        "for x in 1 2; do ",
        "done\n",
        "|",
        "&",
        ";",
        "<<E\n",
        "E\n",
    ),
    *("accelerate launch", "--config_file", "a.yaml", "bash", "-c", "run.sh", "\0", "\xff", "#"),
    *("torchrun --nproc_per_node 2", "deepspeed", "--include", "localhost:0,1", "srun"),
]


def read_launcher(folder: Path, data: bytes, name: str = "run.sh") -> Reading:
    (folder / name).write_bytes(data)
    return read(str(folder / name), data, Request(root=str(folder), display_path=name))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_any_text_is_a_reading(tmp_path: Path, pieces: list[str]) -> None:
    write(tmp_path, {"train.py": SCRIPT, "a.yaml": "distributed_type: NO\nnum_processes: 2"})
    reading = read_launcher(tmp_path, "".join(pieces).encode("latin-1", "replace"))
    assert all(problem.path == "run.sh" for problem in reading.problems)


def test_launchers_that_multiply_end(tmp_path: Path) -> None:
    names = [f"{letter}.sh" for letter in "abcdef"]
    for name, following in zip(names, [*names[1:], "run.sh"], strict=True):
        write(tmp_path, {name: f"bash {following} train\n" * 30})
    assert read_launcher(tmp_path, b"bash a.sh train\n" * 30).recipes == ()


def test_a_launcher_that_starts_itself_ends(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": SCRIPT})
    data = b"python train.py\nbash run.sh\nbash -c 'bash run.sh'\n$0\n"
    assert len(read_launcher(tmp_path, data).recipes) == 1


def test_nothing_is_run(tmp_path: Path) -> None:
    data = b'$(touch ran)\n`touch ran`\ntouch ran\npython -c \'open("ran", "w")\'\n'
    read_launcher(tmp_path, b"python train.py $(touch ran)\n" + data)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"python train.py " + b"$(" * 200_000,
        b"python train.py " + b"${a:-" * 200_000,
        b"python train.py " + b"--x 1 " * 200_000,
        b"env " * 200_000 + b"python train.py",
        b"bash -c '" * 100_000,
        b"\xff\xfe train python \0" * 100_000,
    ],
    ids=lambda data: repr(data[:12] + data[-12:]),
)
def test_large_launchers_end(tmp_path: Path, data: bytes) -> None:
    write(tmp_path, {"train.py": SCRIPT})
    assert isinstance(read_launcher(tmp_path, data), Reading)


def test_a_script_that_starts_itself_ends(tmp_path: Path) -> None:
    again = "import subprocess\nsubprocess.run(['torchrun', '--nproc_per_node', '2', 'train.py'])\n"
    assert read_launcher(tmp_path, again.encode(), "train.py").recipes == ()
    worker = "import os, subprocess\nif 'LOCAL_RANK' in os.environ or 'WORLD_SIZE' in os.environ:\n"
    inner = "".join(f"    {line}\n" for line in SCRIPT.splitlines())
    other = "else:\n    subprocess.run(['torchrun', '--nproc_per_node', '2', 'train.py'])\n"
    reading = read_launcher(tmp_path, (worker + inner + other).encode(), "train.py")
    assert 2 in [recipe.value("world_size") for recipe in reading.recipes]
