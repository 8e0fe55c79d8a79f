"""What is shown while a probe works: a line that changes on a terminal, whole lines elsewhere."""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import Any

import pytest

pytest.importorskip("torch")

progress: Any = importlib.import_module("qlint.runtime_probes.progress")
TITLE = "learning-rate sensitivity"


def test_elsewhere_each_stage_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    shown = progress.Progress()
    shown.say("a step takes 0.5 s.")
    with shown.stage(TITLE) as tell:
        tell("trial 3 of 22")
    lines = ["a step takes 0.5 s.", f"measuring {TITLE} ..."]
    assert capsys.readouterr().err.splitlines() == [f"qlint probe: {line}" for line in lines]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    shown = progress.Progress(quiet=True)
    shown.say("a step takes 0.5 s.")
    with shown.stage(TITLE) as tell:
        tell("trial 3 of 22")
    assert capsys.readouterr() == ("", "")


def test_sentences_go_where_the_caller_wants_them(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    shown = progress.Progress(show=said.append)
    with shown.stage(TITLE) as tell:
        tell("trial 3 of 22")
    assert said == [f"measuring {TITLE} ..."]
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_on_a_terminal_the_line_says_what_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, end = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    before = sys.stdout, sys.stderr
    with io.TextIOWrapper(os.fdopen(end, "wb", buffering=0), write_through=True) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        shown = progress.Progress()
        with shown.stage(TITLE) as tell:
            tell("trial [3] of 22, lr 2e-4")
            assert sys.stdout is before[0], "the script's own output is not to be taken"
        with pytest.raises(KeyboardInterrupt), shown.stage("activation memory"):
            raise KeyboardInterrupt
        monkeypatch.undo()
        print("end", file=stream)
        text = ""
        while not text.endswith("end\r\n"):
            text += os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    assert "trial [3] of 22, lr 2e-4" in text
    assert f"qlint probe: {TITLE}: done in " in text
    assert "activation memory: done" not in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 2, "the cursor is back"
