"""How a script is stopped: no ``except Exception`` of the user's may swallow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from qlint.errors import UsageError


class StopScript(BaseException):
    """The script has done its part. Raised where it would go on after training."""


class Recorded(BaseException):
    """Enough inputs are recorded; ends the trainer's loop."""


class NotReplayable(UsageError):
    """The script trains, in a way that cannot be recorded and repeated.

    ``why`` is a sentence without its stop, and the text goes on with what to do ``instead``.
    """

    def __init__(self, why: str, instead: str) -> None:
        super().__init__(f"{why}: {instead}")
        self.why = why


class ScriptFailed(Exception):
    """The script raised an exception of its own; ``__cause__`` is it, with its traceback."""


class Stopper:
    """Stops the script, and knows of it even where the script swallows that or exits otherwise."""

    def __init__(self) -> None:
        self.stopped = False
        self.cause: BaseException | None = None
        """What went wrong in the capture or in a measurement, if something did."""
        self.interrupted = False
        """The user pressed Ctrl-C, whatever the script made of it."""
        self._actions: list[Callable[[], object]] = []

    def when_stopped(self, action: Callable[[], object]) -> None:
        """Call ``action`` just before the script is left for good."""
        self._actions.append(action)

    def stop(self, cause: BaseException | None = None) -> NoReturn:
        """Leave the script; a script that came back is left again, for the first reason."""
        if not self.stopped:
            self.stopped, self.cause = True, cause
            for action in self._actions:
                action()
        raise StopScript from self.cause
