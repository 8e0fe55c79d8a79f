"""Runs the user's script as ``python script.py ARGS`` would, until it is stopped."""

from __future__ import annotations

import ast
import atexit
import os
import signal
import sys
import sysconfig
import threading
from collections.abc import Sequence
from types import FrameType, ModuleType
from typing import Any, NoReturn

from qlint.errors import UsageError

from .patches import Patches
from .stop import ScriptFailed, Stopper, StopScript

_LIBRARIES = tuple(
    os.path.realpath(path) + os.sep
    for path in {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def run_script(path: str, arguments: Sequence[str], patches: Patches, stopper: Stopper) -> bool:
    """Run the script; True when it was stopped, False when it came to its own end.

    What it prints goes to standard error: standard output is the report's. A script that imports
    relatively is run as ``python -m package.script`` would run it. Raises ScriptFailed for an
    exception of the script's, UsageError for one that ends by itself with a status.
    """
    folder, package = _place(path)
    patches.set(sys, "argv", [path, *arguments])
    patches.set(sys, "path", [folder, *sys.path])
    _send_output_to_errors(patches)
    patches.later(_forget_modules, frozenset(sys.modules), folder)
    patches.later(os.chdir, os.getcwd())
    patches.later(_restore_environment, dict(os.environ))
    patches.set(os, "_exit", _exit_of(os.getpid(), os._exit))
    patches.set(threading, "excepthook", _thread_hook(threading.excepthook))
    patches.wrap(atexit, "register", _registering)
    _notice_interrupts(patches, stopper)
    try:
        _execute(path, package, patches)
    except BaseException as error:
        if not stopper.stopped:
            _explain(path, error)
    if stopper.cause is not None:
        raise stopper.cause from stopper.cause.__cause__
    if stopper.interrupted and not stopper.stopped:
        raise KeyboardInterrupt
    return stopper.stopped


def is_the_users(frame: FrameType) -> bool:
    """Whether this frame runs the user's own code: no library's, and none of Python's."""
    path = frame.f_code.co_filename
    return not path.startswith("<") and not is_installed(path)


def is_installed(path: str) -> bool:
    """Whether a file is a library's or Python's own."""
    path = os.path.realpath(path)
    return any(part in path for part in _INSTALLED) or path.startswith(_LIBRARIES)


def _execute(path: str, package: str | None, patches: Patches) -> None:
    module = ModuleType("__main__")
    vars(module).update(__file__=path, __package__=package)
    patches.item(sys.modules, "__main__", module)
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    exec(code, vars(module))


def _explain(path: str, error: BaseException) -> None:
    """Raise what a script's own end means, unless it ended well."""
    if isinstance(error, KeyboardInterrupt | UsageError):
        raise error
    if not isinstance(error, SystemExit):
        raise ScriptFailed from error
    if error.code in (None, 0):
        return
    if isinstance(error.code, int):
        raise UsageError(f"{path} ended with status {error.code} before it trained.") from None
    raise UsageError(f"{path} ended before it trained, saying: {error.code}") from None


def _place(path: str) -> tuple[str, str | None]:
    """The folder that imports start from, and the package of a script that imports relatively."""
    folder = os.path.dirname(os.path.abspath(path))
    installed = is_installed(path)
    level = _level_of_imports(path)
    if not level and not installed:
        return folder, None
    names: list[str] = []
    while len(names) < level or os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        names.insert(0, name)
    # A library's program is started as a module, which is found from where it is started.
    return (os.getcwd() if installed else folder), ".".join(names) or None


def _level_of_imports(path: str) -> int:
    """How many folders up the script's relative imports reach; 0 where it has none."""
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (SyntaxError, ValueError, RecursionError):
        return 0  # It is shown when the script is run.
    return max(
        (node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)), default=0
    )


def _send_output_to_errors(patches: Patches) -> None:
    """What the script prints, and what commands print that it starts."""
    patches.set(sys, "stdout", sys.stderr)
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:
        return  # One of them is closed: nothing can end up in the report.

    def put_back() -> None:
        os.dup2(kept, 1)
        os.close(kept)

    patches.later(put_back)


def _registering(original: Any) -> Any:
    """What the script wants done when Python ends would be done after the report, unguarded."""

    def register(function: Any, *arguments: Any, **named: Any) -> Any:
        if is_the_users(sys._getframe(1)):
            return function
        return original(function, *arguments, **named)

    return register


def _exit_of(process: int, original: Any) -> Any:
    """``os._exit`` would take the report with it. Workers, which are other processes, may."""

    def leave(status: int) -> NoReturn:
        if os.getpid() != process:
            original(status)
        raise SystemExit(status)

    return leave


def _thread_hook(original: Any) -> Any:
    """A thread that trained is stopped without a word, as the script itself is."""

    def report(arguments: Any) -> None:
        if not issubclass(arguments.exc_type, StopScript):
            original(arguments)

    return report


def _notice_interrupts(patches: Patches, stopper: Stopper) -> None:
    """Scripts save what they have and end well after Ctrl-C; it is remembered nevertheless."""
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: FrameType | None) -> None:
        stopper.interrupted = True
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    patches.later(signal.signal, signal.SIGINT, before)


def _restore_environment(before: dict[str, str]) -> None:
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


def _forget_modules(before: frozenset[str], folder: str) -> None:
    """Modules of the script's folder must not be found by a later import of the same name."""
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        path = os.path.abspath(file) if file else ""
        if path.startswith(folder + os.sep) and not is_installed(path):
            del sys.modules[name]
