"""Keeps what libraries and the script print at every step out of the report's way."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import warnings
from collections.abc import Iterator

from qlint.errors import UsageError

_LIBRARIES = ("accelerate", "bitsandbytes", "datasets", "peft", "torch", "transformers", "trl")
_STANDARD_ERROR = 2


def import_libraries() -> None:
    """Import what takes seconds, without what it has to say about itself.

    Raises:
        UsageError: A library is installed and does not work.
    """
    with quiet_libraries():
        for library in ("torch", "bitsandbytes", "transformers", "peft"):
            _import(library)


def _import(library: str) -> None:
    try:
        importlib.import_module(library)
    except (ImportError, OSError, RuntimeError) as error:
        raise UsageError(
            f"{library} cannot be imported here: {error}. Repair the installation first."
        ) from None


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Without the libraries' warnings: nobody can act on those of a model that qlint made."""
    before = {name: logging.getLogger(name).level for name in _LIBRARIES}
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@contextlib.contextmanager
def quiet_profiler() -> Iterator[None]:
    """Without what torch's profiler writes to standard error past Python."""
    try:
        kept = os.dup(_STANDARD_ERROR)
    except OSError:  # The process was started without one.
        yield
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), _STANDARD_ERROR)
    try:
        yield
    finally:
        os.dup2(kept, _STANDARD_ERROR)
        os.close(kept)


@contextlib.contextmanager
def quiet_replay() -> Iterator[None]:
    """Without what the script prints either: its steps are repeated hundreds of times."""
    with (
        quiet_libraries(),
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        yield
