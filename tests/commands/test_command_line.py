import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Call
from scripts import BAD

from qlint import __version__
from qlint.__main__ import main
from qlint.commands import COMMANDS, command_line


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["nowhere.py"], "no such file or folder: nowhere.py"),
        (["--selct", "QL1"], "unknown option --selct; did you mean --select?"),
        (["--zzz"], "unknown option --zzz."),
        (["--select", "QL7"], "--select: no rule is called 'QL7'"),
        (["--fail-on", "never"], "argument --fail-on: invalid choice: 'never'"),
        (["--jobs", "0"], "argument --jobs: '0' is not a positive whole number."),
        (["--output-format", "xml"], "'xml' is none of full, concise, json, json-lines."),
        (["--output-format", "sarif"], f"format sarif is not implemented in qlint {__version__}."),
        (["--fix"], f"--fix is not implemented in qlint {__version__}."),
        (["--baseline", "x.json"], f"--baseline is not implemented in qlint {__version__}."),
        (["--quiet", "--verbose"], "not allowed with argument --quiet"),
        (["--config", "a.toml", "--isolated"], "--config and --isolated exclude each other."),
        (["--target-versions", "trl"], "--target-versions takes library=version pairs"),
        (["rules", "--", "x"], "rules takes no arguments after --."),
        (["explain"], "the following arguments are required: CODE."),
    ],
)
def test_a_wrong_call_is_one_sentence(qlint: Call, argv: list[str], sentence: str) -> None:
    status, output, error = qlint(*argv)
    assert (status, output) == (2, "")
    assert sentence in error
    assert error.startswith("qlint: ")
    assert error.count("\n") == 1


def test_no_cache_is_accepted(qlint: Call) -> None:
    assert qlint("--no-cache")[0] == 0


def test_help_and_version(qlint: Call) -> None:
    assert qlint("--version") == (0, f"qlint {__version__}\n", "")
    status, output, _ = qlint("--help")
    assert status == 0
    assert all(name in output for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_hides_what_is_planned(qlint: Call, name: str) -> None:
    status, output, _ = qlint(name, "--help")
    assert status == 0
    assert output.startswith(f"usage: qlint {name}")
    assert "--baseline" not in output


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (KeyboardInterrupt(), 130, ""),
        (ZeroDivisionError("boom"), 2, "internal error, please report it: ZeroDivisionError: boom"),
    ],
)
def test_no_traceback_reaches_the_user(
    raised: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_argv: list[str]) -> int:
        raise raised

    monkeypatch.setattr(command_line, "run_command", fail)
    assert main([]) == status
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err


def test_a_reader_that_closes_the_pipe_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "qlint", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait() in (0, 141)
    process.stderr.close()


def test_an_interrupt_ends_quietly(folder: Path) -> None:
    command = [sys.executable, "-m", "qlint", "-"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1)  # It waits for standard input by then.
    process.send_signal(signal.SIGINT)
    assert process.communicate()[1] == b""
    assert process.returncode == 130


def test_a_terminal_without_unicode_gets_escapes(folder: Path) -> None:
    Path("train.py").write_text(BAD)
    done = subprocess.run(
        [sys.executable, "-m", "qlint", "inspect", "--why", "learning_rate", "train.py"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == b""
