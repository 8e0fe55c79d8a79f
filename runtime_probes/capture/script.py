"""Runs the user's script as ``python script.py ARGS`` would, until it is stopped."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence

from qlint.errors import UsageError

from .patches import Patches
from .stop import ScriptFailed, StopScript


def run_script(path: str, arguments: Sequence[str], patches: Patches) -> bool:
    """Run the script; True when it was stopped, False when it came to its own end.

    What it prints goes to standard error: standard output is the report's. Raises ScriptFailed for
    an exception of the script's, UsageError for one that ends by itself with a status.
    """
    folder = os.path.dirname(os.path.abspath(path))
    patches.set(sys, "argv", [path, *arguments])
    patches.set(sys, "path", [folder, *sys.path])
    patches.set(sys, "stdout", sys.stderr)
    patches.later(_forget_modules, frozenset(sys.modules), folder)
    try:
        runpy.run_path(path, run_name="__main__")
    except StopScript as stopped:
        cause = stopped.__cause__
        if cause is not None:
            raise cause from cause.__cause__
        return True
    except SystemExit as ended:
        if ended.code not in (None, 0):
            raise UsageError(f"{path} ended with status {ended.code} before it trained.") from None
    except (KeyboardInterrupt, UsageError):
        raise
    except BaseException as error:
        raise ScriptFailed from error
    return False


def _forget_modules(before: frozenset[str], folder: str) -> None:
    """Modules of the script's folder must not be found by a later import of the same name."""
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and os.path.abspath(file).startswith(folder + os.sep):
            del sys.modules[name]
