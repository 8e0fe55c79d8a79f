"""Measures a script in a process of its own, where nothing is left of what went before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from qlint.errors import UsageError

from .measurement import Measurement
from .probes import Wanted
from .replay.device import give_back

_MODULE = "qlint.runtime_probes.answer_request"
_ERRORS = 2
"""The standard error of the process, wherever Python's own goes."""
_SECONDS_TO_END = 30
"""An interrupted process has these to write what it has."""


def measure_afresh(
    path: str,
    arguments: Sequence[str],
    wanted: Wanted,
    *,
    quiet: bool,
    unsuited: tuple[str, str] | None = None,
) -> Measurement:
    """Measure the script as ``measure_script`` does, once.

    With ``unsuited``, why its steps cannot be replayed and what to do instead, it is measured while
    it trains. What is printed there goes to standard error. Raises UsageError for what failed.
    """
    give_back()
    with tempfile.TemporaryDirectory(prefix="qlint-probe-") as folder:
        asked, answered = os.path.join(folder, "asked"), os.path.join(folder, "answered")
        request = {"path": path, "arguments": list(arguments), "wanted": wanted._asdict()}
        with open(asked, "w", encoding="utf-8") as file:
            json.dump({**request, "quiet": quiet, "unsuited": unsuited}, file)
        command = [sys.executable, "-m", _MODULE, asked, answered]
        process = subprocess.Popen(command, stdout=_ERRORS)
        interrupted = _wait(process)
        try:
            with open(answered, encoding="utf-8") as file:
                answer = json.load(file)
        except (OSError, ValueError):
            if interrupted:
                raise KeyboardInterrupt from None
            raise UsageError(
                f"{path} was run again in a process of its own, which ended with status "
                f"{process.returncode} before it was measured."
            ) from None
    if "error" in answer:
        raise UsageError(answer["error"])
    return Measurement(**answer)


def _wait(process: subprocess.Popen[bytes]) -> bool:
    """Whether the user pressed Ctrl-C, which the process was told as well."""
    try:
        process.wait()
    except KeyboardInterrupt:
        try:
            process.wait(_SECONDS_TO_END)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.kill()
            process.wait()
        return True
    return False
