"""Random programs in bash itself: what it prints is what is read."""

import random
import shutil
import subprocess

import pytest
from launcher_reading import read
from random_shell import program

_SHOW = "show() { printf '<%s>' \"$@\"; printf '\\n'; }\n"

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")


@pytest.mark.parametrize("seed", range(60))
def test_words_are_those_of_bash(seed: int) -> None:
    text = program(random.Random(seed))
    ran = subprocess.run(
        ["bash", "-c", _SHOW + text],
        capture_output=True,
        text=True,
        env={},
        timeout=20,
        check=False,
    )
    if ran.stderr:  # A division by zero or its like: bash stops at other places.
        pytest.skip("bash refuses the program")
    script = read(text)
    shown = [
        "".join(f"<{word.text}>" for word in command.words[1:]) or "<>"
        for command in script.commands
        if not (command.condition or "").endswith(" fails")  # Programs are taken to succeed.
    ]
    assert "\n".join([*shown, ""]) == ran.stdout, text
    assert not script.problems
