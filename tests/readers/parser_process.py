"""A child process that parses texts with libcst on a small stack, for texts that may crash it.

Run as a script it is that child: it reads one JSON string a line and answers one line each. It
counts the processor's seconds, since tests share the processor.
"""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType

STACK_BYTES = 1 << 20


class ParserProcess:
    """Parses one text after the other."""

    def __enter__(self) -> ParserProcess:
        self._child = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=_shrink_stack,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.kill()
        self._child.wait()

    def parse(self, text: str) -> str | None:
        """``"ok"``, the exception's name, or None for a crash."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._child.stdin.write(json.dumps(text) + "\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            return None
        return self._child.stdout.readline().strip() or None


def _shrink_stack() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, resource.RLIM_INFINITY))


def _serve() -> None:
    import libcst
    from libcst.metadata import MetadataWrapper, PositionProvider

    sys.setrecursionlimit(10_000)
    for line in sys.stdin:
        try:
            module = libcst.parse_module(json.loads(line))
            MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
            answer = "ok"
        except Exception as error:
            answer = type(error).__name__
        print(answer, flush=True)


if __name__ == "__main__":
    _serve()
