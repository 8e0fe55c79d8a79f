"""Whether bitsandbytes can compute on the card that torch uses."""

from __future__ import annotations

from typing import Any

from qlint.errors import UsageError


def require() -> None:
    """Check that bitsandbytes has loaded its native functions for CUDA, if there is a card.

    Without them it imports nevertheless, and its first 4-bit layer fails with pages of advice.

    Raises:
        UsageError: They are missing.
    """
    import torch
    from bitsandbytes.cextension import lib

    if torch.cuda.is_available():
        found = problem(lib, f"CUDA {torch.version.cuda}")
        if found is not None:
            raise UsageError(found)


def problem(library: Any, platform: str) -> str | None:
    """Why nothing in 4 bits runs on a card with this ``library`` of bitsandbytes, or None."""
    if getattr(library, "compiled_with_cuda", False):
        return None
    return (
        f"bitsandbytes has no native functions for {platform}, which torch uses here: python -m "
        "bitsandbytes says what is missing."
    )
