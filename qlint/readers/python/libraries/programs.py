"""Programs that a script starts: ``subprocess``, ``os.system``, ``os.exec*``, launchers as an API.

Nothing is ever run. What is started is given out as commands, each word with where it is written,
for whoever joins them to the scripts that they start.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from dataclasses import replace

from qlint.readers.commands import Argument, Command
from qlint.readers.python.libraries.paths import is_interpreter, path_text
from qlint.readers.python.libraries.registry import Call, function, method
from qlint.readers.python.machine import Machine, Raised, trace, unknown
from qlint.readers.python.names import canonical
from qlint.readers.python.source import origins
from qlint.readers.python.values import (
    Const,
    Instance,
    Mapping,
    OneOf,
    Ref,
    Sequence,
    Unknown,
    Value,
    pieces,
    same,
)
from qlint.readers.python.words import WrittenWord
from qlint.recipe import Source

MAX_TEXT = 20_000
MAX_PROGRAMS = 200
"""More programs than this are not told apart: a loop starts them."""
_NOT_PLAIN = re.compile(r"[$`|<>();&]")
_FILLED_IN = re.compile(r"\{[^{}]*\}")
_INTERPRETER = re.compile(r"[/\\]python[\d.]*(?:\.exe)?\Z")
_SOME = "{...}"
_SEVERAL = "one of several values"
_SOMETIMES = "words that are given in some cases only"


@function("subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output",
          "subprocess.Popen", "subprocess.getoutput", "subprocess.getstatusoutput",
          "asyncio.create_subprocess_shell")  # fmt: skip
def start(machine: Machine, call: Call) -> Value:
    """``subprocess.run(["torchrun", "train.py"], env=..., cwd=...)``."""
    given = call.arguments.get("args", 0) or call.arguments.get("cmd", 0)
    if given is not None:
        words = _words(given)
        if words is not None and (len(words) > 1 or not _is_shell(call)):
            start_program(machine, call, words)
        else:
            _start_text(machine, call, words[0] if words else as_word(given))
    return unknown(call.frame, call.node, f"the result of {call.name}()")


def _is_shell(call: Call) -> bool:
    shell = call.arguments.get("shell")
    return isinstance(shell, Const) and bool(shell.value)


@function("os.system", "os.popen")
def start_in_shell(machine: Machine, call: Call) -> Value:
    """``os.system("torchrun train.py")``."""
    given = call.arguments.get("command", 0)
    if given is not None:
        _start_text(machine, call, as_word(given))
    return unknown(call.frame, call.node, f"the result of {call.name}()")


@function("os.execv", "os.execvp", "os.execve", "os.execvpe")
def replace_program(machine: Machine, call: Call) -> Value:
    """``os.execvp("torchrun", ["torchrun", "train.py"])``: nothing of the script runs after it."""
    given = call.arguments.get("args", 1)
    words = _words(given) if given is not None else None
    if words:
        start_program(machine, call, words, call.arguments.get("env", 2))
    raise Raised(f"{call.name}()")


@function("os.execl", "os.execlp", "asyncio.create_subprocess_exec")
def start_of_words(machine: Machine, call: Call) -> Value:
    """``os.execlp("torchrun", "torchrun", "train.py")``."""
    replaces = call.name.startswith("os.")
    given = call.arguments.positional[1 if replaces else 0 :]
    if given and call.arguments.rest is None:
        start_program(machine, call, tuple(map(as_word, given)))
    if replaces:
        raise Raised(f"{call.name}()")
    return unknown(call.frame, call.node, f"the result of {call.name}()")


@function("os.chdir")
def change_folder(machine: Machine, call: Call) -> Value:
    """``os.chdir("repo")``: programs start there from then on."""
    text = path_text(call.arguments.get("path", 0))
    if text is not None and machine.doubts == 0:
        project = machine.project
        before = machine.moved_to or project.started_in or project.folder
        machine.moved_to = os.path.normpath(os.path.join(before, text))
    return Const(None)


@function("shlex.split")
def split_text(machine: Machine, call: Call) -> Value:
    """``shlex.split("torchrun train.py")``."""
    given = call.arguments.get("s", 0)
    argument = as_word(given) if given is not None else None
    words = _split(argument) if argument is not None else None
    if argument is None or given is None or words is None:
        return unknown(call.frame, call.node, "a text split into words", given or Const(None))
    station = trace(call.frame, call.node, "compute", None, given.trace)
    values = (
        WrittenWord(word.text, word.unknown, station) if word.unknown else Const(word.text, station)
        for word in words
    )
    return Ref(Sequence(tuple(values)), station)


# -- launchers called as an API --------------------------------------------------------------------

_AS_COMMANDS = {
    "torch.distributed.run": ("torchrun",),
    "torch.distributed.launch": ("python", "-m", "torch.distributed.launch"),
    "accelerate": ("accelerate", "launch"),
    "deepspeed.launcher.runner": ("deepspeed",),
}


@function("accelerate.launch_command_parser")
def launcher_parser(machine: Machine, call: Call) -> Value:
    """``launch_command_parser()`` of accelerate."""
    return Ref(Instance("launcher_parser"), trace(call.frame, call.node, "literal"))


@method("launcher_parser", "parse_args")
def launcher_words(machine: Machine, receiver: Ref, parser: Instance, call: Call) -> Value:
    """``parser.parse_args([...])``: the words, for ``launch_command``."""
    return launcher_arguments(machine, call)


@function("torch.distributed.run.parse_args")
def launcher_arguments(machine: Machine, call: Call) -> Value:
    """``parse_args([...])`` of torchrun."""
    made = Instance("launcher_arguments")
    given = call.arguments.get("args", 0)
    if given is not None:
        made.slots.data["words"] = given
    return Ref(made, trace(call.frame, call.node, "literal"))


@function("torch.distributed.run.main", "torch.distributed.run.run",
          "torch.distributed.launch.main", "torch.distributed.launch.launch",
          "accelerate.launch_command", "deepspeed.launcher.runner.main")  # fmt: skip
def launch_by_api(machine: Machine, call: Call) -> Value:
    """``torch.distributed.run.main(["--nproc_per_node=2", "train.py"])``."""
    given = call.arguments.get("args", 0)
    if isinstance(given, Ref) and isinstance(given.target, Instance):
        given = given.target.slots.get("words")
    words = _words(given) if given is not None else None
    if words:
        root = canonical(call.name).rpartition(".")[0]
        here = origins(trace(call.frame, call.node, "literal"))
        launcher = [Argument(word, here) for word in _AS_COMMANDS[root]]
        start_program(machine, call, (*launcher, *words))
    return Const(None)


# -- commands --------------------------------------------------------------------------------------


def _words(given: Value) -> tuple[Argument, ...] | None:
    """The words of a list; None for a text and for a list of which nothing is known.

    A piece that is not known, or that is there in some cases only, is a word that may hold several.
    """
    if not isinstance(given, Ref) or not isinstance(given.target, Sequence):
        return None
    items = given.target.slots.data["items"]
    if not isinstance(items, OneOf):
        values = pieces(items)
        return tuple(map(as_word, values)) if values is not None else None
    contents = [pieces(option.value) for option in items.options]
    known = [content for content in contents if content is not None]
    if len(known) < len(contents):
        return None
    start = _in_common(known)
    end = _in_common([content[len(start) :][::-1] for content in known])[::-1]
    some = Argument(_SOME, origins(items.trace), _SOMETIMES)
    return (*map(as_word, start), some, *map(as_word, end))


def _in_common(contents: list[tuple[Value, ...]]) -> tuple[Value, ...]:
    """The values that all of several lists start with."""
    count = 0
    for values in zip(*contents, strict=False):
        if not all(same(values[0], value) for value in values):
            break
        count += 1
    return contents[0][:count]


def as_word(value: Value) -> Argument:
    """A value of the program as a word of a command."""
    chain = origins(value.trace)
    if _is_python(value):
        return Argument("python", chain)
    text = path_text(value)
    if text is not None:
        return Argument(text, chain)
    if isinstance(value, Const):
        return Argument(str(value.value), chain)
    if isinstance(value, WrittenWord):
        return Argument(value.text, chain, value.reason)
    reason = value.reason if isinstance(value, Unknown) else _SEVERAL
    return Argument(_SOME, chain, reason)


def _is_python(value: Value) -> bool:
    """Whether it is an interpreter, whichever of several that is."""
    if isinstance(value, OneOf):
        return all(_is_python(option.value) for option in value.options)
    if is_interpreter(value):
        return True
    return _INTERPRETER.search(path_text(value) or "") is not None


def _start_text(machine: Machine, call: Call, text: Argument) -> None:
    """A text that a shell runs: the plain commands in it, and nothing of one that is not plain."""
    folder: str | None = None
    for line in re.split(r"&&|;|\n", text.text.replace("\\\n", " ")):
        words = _split(replace(text, text=line))
        if not words:
            return
        if words[0].text == "cd" and len(words) == 2 and words[1].unknown is None:
            folder = words[1].text
            continue
        start_program(machine, call, words, folder=folder)


def _split(text: Argument) -> tuple[Argument, ...] | None:
    """The words of a text without anything that a shell would replace, else None."""
    if len(text.text) > MAX_TEXT or _NOT_PLAIN.search(text.text):
        return None
    if text.unknown is not None and not _FILLED_IN.search(text.text.replace(_SOME, "")):
        return None
    try:
        words = shlex.split(text.text)
    except ValueError:
        return None
    return tuple(
        Argument(word, text.origin, text.unknown if _FILLED_IN.search(word) else None)
        for word in words
    )


def start_program(
    machine: Machine,
    call: Call,
    words: Iterable[Argument],
    environment: Value | None = None,
    folder: str | None = None,
) -> None:
    """Give out a command that the program runs where ``call`` stands; ``cwd`` and ``env`` count."""
    known = tuple(words)
    if not known or len(machine.programs) >= MAX_PROGRAMS:
        return
    line, column, _, _ = call.frame.file.span(call.node)
    project = machine.project
    start_folder = machine.moved_to or project.started_in or project.folder
    for part in (path_text(call.arguments.get("cwd")), folder):
        if part is not None:
            start_folder = os.path.normpath(os.path.join(start_folder, part))
    variables = _variables(call.arguments.get("env") or environment)
    command = Command(
        known,
        Source(call.frame.file.path, line, column),
        start_folder,
        variables if variables is not None else _variables(Ref(machine.environment.holder)) or {},
        tuple(machine.conditions),
        dict(project.written),
    )
    machine.programs.append(command)


def _variables(given: Value | None) -> dict[str, Argument] | None:
    """The environment variables of a dict; None where none is given or it is not known."""
    if not isinstance(given, Ref) or not isinstance(given.target, Mapping):
        return None
    return {str(name): as_word(value) for name, value in given.target.entries()}
