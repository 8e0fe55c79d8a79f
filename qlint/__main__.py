"""The entry point. Whatever happens, the user sees a sentence and not a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from qlint.errors import UsageError

USAGE_ERROR = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run qlint on ``argv`` and return the exit status."""
    from qlint.commands.command_line import run_command

    try:
        status = run_command(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except UsageError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes once more when it exits, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except SystemExit as stop:  # argparse, after --help
        return stop.code if isinstance(stop.code, int) else USAGE_ERROR
    except Exception as error:
        return _complain(f"internal error, please report it: {type(error).__name__}: {error}")
    return status


def _complain(sentence: str) -> int:
    print(f"qlint: {sentence}", file=sys.stderr)
    return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
