"""Shows an exception of the user's script as theirs."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator

import torch

from qlint.errors import UsageError

from .stop import ScriptFailed

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


@contextlib.contextmanager
def explained(path: str) -> Iterator[None]:
    """Print the script's traceback, and end with one sentence.

    Raises UsageError in place of ScriptFailed.
    """
    try:
        yield
    except ScriptFailed as failure:
        error = failure.__cause__ or failure
        if _needs_a_card(error):
            what = str(error).strip().partition("\n")[0]
            raise UsageError(
                f"{path} asks for a CUDA card, and there is none: {type(error).__name__}: {what}"
            ) from None
        _show(error)
        raise UsageError(
            f"{path} raised {type(error).__name__} before it could be measured."
        ) from None


def _needs_a_card(error: BaseException) -> bool:
    words = ("cuda", "nvidia", "gpu", "accelerator device")
    return not torch.cuda.is_available() and any(word in str(error).lower() for word in words)


def _show(error: BaseException) -> None:
    """How the script was started, and what was recorded around it, is not its concern."""
    shown: traceback.TracebackException | None = traceback.TracebackException.from_exception(error)
    text = shown
    while shown is not None:
        kept = [frame for frame in shown.stack if not frame.filename.startswith(_OURS)]
        shown.stack = traceback.StackSummary.from_list(kept)
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
    assert text is not None
    print("".join(text.format()), end="", file=sys.stderr)
