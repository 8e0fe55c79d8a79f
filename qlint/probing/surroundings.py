"""Where a launched program runs, and what it finds there."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def surroundings(folder: str | None, environment: Mapping[str, str]) -> Iterator[None]:
    """Run the block in ``folder`` with these variables set, for this process and what it starts.

    A module is imported from the folder in which it is started, so modules are found there.
    """
    if folder is None and not environment:
        yield
        return
    before, kept, search = os.getcwd(), dict(os.environ), list(sys.path)
    try:
        os.environ.update(environment)
        if folder is not None:
            os.chdir(folder)
            sys.path.append(folder)
            searched = (os.environ.get("PYTHONPATH"), folder)
            os.environ["PYTHONPATH"] = os.pathsep.join(one for one in searched if one)
        yield
    finally:
        os.chdir(before)
        sys.path[:] = search
        os.environ.clear()
        os.environ.update(kept)
