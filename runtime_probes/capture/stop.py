"""How a script is stopped: no ``except Exception`` of the user's may swallow it."""

from __future__ import annotations


class StopScript(BaseException):
    """The script has done its part. Raised where it would go on after training; what went wrong in
    the capture or in a measurement is its cause."""


class Recorded(BaseException):
    """Enough inputs are recorded; ends the trainer's loop."""


class ScriptFailed(Exception):
    """The script raised an exception of its own; ``__cause__`` is it, with its traceback."""
