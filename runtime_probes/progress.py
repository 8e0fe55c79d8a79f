"""What a probe says while it works, on standard error: the report itself goes elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Tell: TypeAlias = Callable[[str], None]
"""Called with a few words on what is being done within a stage."""


def nothing(_: str) -> None:
    """For whom nobody watches."""


class Progress:
    """Sentences, and on a terminal one line that shows what is being measured at the moment."""

    def __init__(self, *, quiet: bool = False, show: Callable[[str], None] | None = None) -> None:
        self._quiet = quiet
        # Held now: the user's script has its standard output sent to this stream as well.
        self._stream = sys.stderr
        self._show = show

    @property
    def quiet(self) -> bool:
        """Whether only the report is wanted."""
        return self._quiet

    def say(self, sentence: str) -> None:
        """One line."""
        if self._show is not None:
            self._show(sentence)
        elif not self._quiet:
            print(f"qlint probe: {sentence}", file=self._stream, flush=True)

    @contextmanager
    def stage(self, title: str) -> Iterator[Tell]:
        """Show ``title`` while the block runs, and on a terminal what the block tells as well."""
        if self._quiet or self._show is not None or not self._stream.isatty():
            self.say(f"measuring {title} ...")
            yield nothing
            return
        # Imported here: only a terminal shows a line that changes.
        from rich.console import Console
        from rich.progress import Progress as Line
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        began = time.monotonic()
        columns = (
            TextColumn("qlint probe:"),
            SpinnerColumn("line"),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )
        # It redirects nothing: the script's own output must not be taken for ours.
        console = Console(file=self._stream)
        with Line(
            *columns,
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as line:
            task = line.add_task(title)
            yield lambda words: line.update(task, description=f"{title}: {words}")
        self.say(f"{title}: done in {time.monotonic() - began:.0f} s")
