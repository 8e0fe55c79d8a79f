"""Paths: ``pathlib.Path`` and ``os.path``, as far as they lead to files beside the script."""

from __future__ import annotations

import os

from qlint.readers.python.libraries.registry import Call, function, method
from qlint.readers.python.machine import Machine, code, trace, unknown
from qlint.readers.python.operators import path_value
from qlint.readers.python.values import Const, Instance, Library, Ref, Sequence, Value, known_text


def path_text(value: Value | None) -> str | None:
    """The text of a known path: a string, a Path, or the file object opened on one."""
    text = known_text(value)
    if text is not None:
        return text
    if isinstance(value, Ref) and isinstance(value.target, Instance):
        if value.target.role == "path":
            return known_text(value.target.slots.get("text"))
        if value.target.role == "file":
            return path_text(value.target.slots.get("path"))
    return None


def is_interpreter(value: Value) -> bool:
    """Whether it is the path of the running Python, which no file says."""
    return isinstance(value, Library) and value.name == "sys.executable"


@function("pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath")
def path(machine: Machine, call: Call) -> Value:
    """``Path("a", "b")``; the interpreter's path stays what it is known as."""
    first = call.arguments.positional[0] if call.arguments.positional else None
    if first is not None and is_interpreter(first):
        return first
    texts = [path_text(value) for value in call.arguments.positional]
    if None in texts:
        return unknown(call.frame, call.node, "a path that is not known")
    joined = os.path.join(*[text for text in texts if text is not None]) if texts else "."
    before = [value.trace for value in call.arguments.positional]
    return path_value(joined, trace(call.frame, call.node, "compute", None, *before))


@method("path", "resolve", "absolute", "expanduser", "joinpath", "with_suffix", "as_posix", "open",
        "read_text", "exists", "is_file", "is_dir", "mkdir")  # fmt: skip
def path_method(machine: Machine, receiver: Ref, holder: Instance, call: Call) -> Value | None:
    """Methods of a path that matter for finding a configuration."""
    text = path_text(receiver)
    if text is None:
        return None
    made = trace(call.frame, call.node, "compute", None, receiver.trace)
    if call.name in ("resolve", "absolute", "expanduser"):
        return path_value(text, made)
    if call.name == "joinpath":
        parts = [path_text(value) for value in call.arguments.positional]
        if None in parts:
            return None
        return path_value(os.path.join(text, *[part for part in parts if part is not None]), made)
    if call.name == "with_suffix":
        suffix = known_text(call.arguments.get("suffix", 0)) or ""
        return path_value(os.path.splitext(text)[0] + suffix, made)
    if call.name == "as_posix":
        return Const(text, made)
    if call.name in ("open", "read_text"):
        file = Instance("file", "io.TextIOWrapper")
        file.slots.data["path"] = Const(text, made)
        return Ref(file, made)
    if call.name in ("exists", "is_file"):
        return _exists(machine, text, call)
    return Const(None)


@method("path", ".parent", ".parents", ".name", ".stem", ".suffix")
def path_attribute(machine: Machine, receiver: Ref, holder: Instance, call: Call) -> Value | None:
    """Parts of a path."""
    text = path_text(receiver)
    if text is None:
        return None
    made = trace(call.frame, call.node, "compute", None, receiver.trace)
    if call.name == "parent":
        return path_value(_above(text), made)
    if call.name == "parents":
        folders = [_above(text)]
        while len(folders) < _MAX_PARENTS and _above(folders[-1]) != folders[-1]:
            folders.append(_above(folders[-1]))
        return Ref(Sequence(tuple(path_value(one, made) for one in folders), "tuple"), made)
    base = os.path.basename(text)
    stem, suffix = os.path.splitext(base)
    return Const({"name": base, "stem": stem, "suffix": suffix}[call.name], made)


_MAX_PARENTS = 32


def _above(text: str) -> str:
    """The folder that a path lies in; what is above a relative path is told by ``..``."""
    if text in ("", "."):
        return ".."
    if os.path.basename(text) == "..":
        return os.path.join(text, "..")
    return os.path.dirname(text) or "."


_OUTPUT = ("output", "checkpoint", "ckpt", "resume", "save", "result")


def _exists(machine: Machine, text: str, call: Call) -> Value:
    """A file of the project is there; outputs of an earlier run are not: it is a first start."""
    if machine.project.resolve(text) is not None:
        return Const(True, trace(call.frame, call.node, "compute"))
    words = f"{text} {code(call.frame.file, call.node)}".lower()
    if any(word in words for word in _OUTPUT):
        machine.assume(f"{text} does not exist before the run")
        return Const(False, trace(call.frame, call.node, "compute"))
    return unknown(call.frame, call.node, f"whether {text} exists")


@function("os.path.join", "os.path.abspath", "os.path.realpath", "os.path.dirname",
          "os.path.expanduser", "os.path.basename", "os.path.normpath", "os.fspath")  # fmt: skip
def os_path(machine: Machine, call: Call) -> Value:
    """Functions of ``os.path`` on known texts."""
    texts = [path_text(value) for value in call.arguments.positional]
    if None in texts or not texts:
        return unknown(call.frame, call.node, "a path that is not known", *call.arguments.every())
    known = [text for text in texts if text is not None]
    last = call.name.rsplit(".", 1)[-1]
    if last == "join":
        result = os.path.join(*known)
    elif last == "dirname":
        result = os.path.dirname(known[0])
    elif last == "basename":
        result = os.path.basename(known[0])
    else:
        result = known[0]
    before = [value.trace for value in call.arguments.positional]
    return Const(result, trace(call.frame, call.node, "compute", None, *before))


@function("os.path.exists", "os.path.isfile", "os.path.isdir")
def os_exists(machine: Machine, call: Call) -> Value:
    """Whether a file is there."""
    text = path_text(call.arguments.get("path", 0))
    if text is None:
        words = code(call.frame.file, call.node).lower()
        if any(word in words for word in _OUTPUT):
            machine.assume("no output of an earlier run exists")
            return Const(False, trace(call.frame, call.node, "compute"))
        return unknown(call.frame, call.node, "whether a file exists")
    return _exists(machine, text, call)


@function("transformers.get_last_checkpoint")
def last_checkpoint(machine: Machine, call: Call) -> Value:
    """There is no checkpoint before the first start."""
    machine.assume("no output of an earlier run exists")
    return Const(None, trace(call.frame, call.node, "compute"))
