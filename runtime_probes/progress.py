"""What a probe says while it works, on standard error: the report itself goes elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Progress:
    """Sentences, and on a terminal a line that shows what is being measured."""

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
    def stage(self, title: str) -> Iterator[None]:
        """Show ``title`` while the block runs."""
        if self._quiet or self._show is not None or not self._stream.isatty():
            self.say(f"{title} ...")
            yield
            return
        # Imported here: only a terminal shows a spinner.
        from rich.console import Console

        with Console(file=self._stream).status(title):
            yield
        self.say(f"{title}: done")
