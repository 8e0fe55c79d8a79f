"""Takes a command apart: the programs in front, then the script, module or tool that is started."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from qlint.knowledge.starters import StarterProgram, starters
from qlint.readers.commands import Argument, Command
from qlint.readers.launchers.launch import Launch, Starter, Starts
from qlint.readers.launchers.options import Options, take_options

TOOLS = frozenset({"axolotl", "llamafactory-cli", "tune", "trl", "litgpt", "swift", "megatron",
                   "xtuner", "autotrain", "ludwig", "unsloth", "lmflow"})  # fmt: skip
"""Command lines of training frameworks."""

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*t?(?:\.exe)?\Z|\{sys\.executable\}\Z")
_UNKNOWN_PYTHON = re.compile(r"(?i)\$\{?\w*(?:python|py_?bin)\w*[^/]*\Z|which[ ]python")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)\Z", re.DOTALL)
_SHELL_SCRIPT = (".sh", ".bash", ".slurm", ".sbatch", ".job", ".pbs", ".zsh")
_KEYS = frozenset({"C-m", "C-M", "Enter", "KPEnter"})
"""Keys behind the text that ``tmux send-keys`` types."""
_MOST_WRAPPERS = 20


def understand(command: Command) -> Launch | None:
    """What a command starts; None where that is no script, module or tool."""
    return _Peeling(command).launch()


class _Peeling:
    def __init__(self, command: Command) -> None:
        self.words: Sequence[Argument] = command.words
        self.environment: dict[str, Argument] = dict(command.environment)
        self.starters: tuple[Starter, ...] = ()
        self.folder: str | None = None
        self.has_input = command.stdin is not None

    def launch(self) -> Launch | None:
        for _ in range(_MOST_WRAPPERS):
            if not self.words:
                return None
            program, length = _program(self.words)
            if program is None:
                return self._started(self.words[0], self.words[1:])
            word = self.words[length - 1]
            self.words = self.words[length:]
            if program.kind == "shell":
                return self._shell()
            options, self.words = take_options(self.words, program)
            if program.kind in ("python", "module") or (program.modules and _module(options)):
                found = self._python(options)
                if found is not None or program.kind == "python":
                    return found
            elif program.kind in ("wrapper", "text"):
                self._unwrap(program, options)
                if program.kind == "text":
                    return self._text(self.words)
            elif program.kind == "batch":
                wrapped = options.value("--wrap")
                return self._text([wrapped]) if wrapped else self._script()
            else:
                self.starters = (*self.starters, Starter(program.kind, word, options))
                if program.kind not in ("srun", "mpi") and not options.has("--no_python"):
                    return self._processes(options)
        return None

    def _made(self, starts: Starts, program: Argument, arguments: Sequence[Argument]) -> Launch:
        return Launch(
            starts,
            program,
            tuple(arguments),
            self.environment,
            self.starters,
            self.folder,
        )

    def _started(self, word: Argument, rest: Sequence[Argument]) -> Launch | None:
        """A program that no table knows: a tool, or a script that is started by its name."""
        name = word.text.rsplit("/", 1)[-1]
        if name.endswith(".py"):
            return self._made("script", word, rest)
        if name.endswith(_SHELL_SCRIPT):
            return self._made("shell", word, rest)
        if name in TOOLS:
            return self._tool(word, rest)
        if word.unknown is not None and rest and rest[0].text.endswith(".py"):
            starter = Starter("unknown", word, Options(unknown=[word]))
            self.starters = (*self.starters, starter)
            return self._made("script", rest[0], rest[1:])
        return None

    def _tool(self, word: Argument, rest: Sequence[Argument]) -> Launch:
        if word.text.endswith("tune") and rest and rest[0].text == "run":
            # torchtune hands what stands before the recipe to torchrun.
            options, behind = take_options(rest[1:], starters()["torchrun"])
            if options.given or options.unknown:
                self.starters = (*self.starters, Starter("torch", word, options))
            rest = (rest[0], *behind)
        return self._made("tool", word, rest)

    def _python(self, options: Options) -> Launch | None:
        named = _module(options)
        if named is not None:
            program = starters().get(named.text)
            if program is None and self.words:
                program = starters().get(f"{named.text} {self.words[0].text}")
                self.words = self.words[1:] if program is not None else self.words
            if program is None:
                return self._made("module", named, self.words)
            inner, self.words = take_options(self.words, program)
            if program.kind in ("python", "module"):
                return self._python(inner)
            self.starters = (*self.starters, Starter(program.kind, named, inner))
            return self._processes(inner)
        if options.has("-c"):
            return None
        if self.words and self.words[0].text != "-":
            return self._made("script", self.words[0], self.words[1:])
        if self.has_input:
            return self._made("script", Argument("-"), self.words[1:])
        return None

    def _processes(self, options: Options) -> Launch | None:
        """What torchrun and its like start."""
        if not self.words:
            return None
        word, rest = self.words[0], self.words[1:]
        if options.has("-m", "--module"):
            return self._made("module", word, rest)
        if word.text.rsplit("/", 1)[-1] in TOOLS:
            return self._tool(word, rest)
        return self._made("script", word, rest)

    def _unwrap(self, program: StarterProgram, options: Options) -> None:
        self.words = self.words[program.operands :]
        if program.operands and self.words and self.words[0].text.startswith("-"):
            # Options of its own behind its operand, up to the dashes in front of the command.
            texts = [word.text for word in self.words]
            if "--" in texts:
                self.words = self.words[texts.index("--") + 1 :]
        changed = options.value("--chdir", "--directory", "--cwd")
        if changed is not None and changed.unknown is None and program.kind == "wrapper":
            self.folder = changed.text
        if not program.assignments:
            return
        while self.words and (found := _ASSIGNMENT.match(self.words[0].text)):
            self.environment[found[1]] = replace(self.words[0], text=found[2])
            self.words = self.words[1:]

    def _shell(self) -> Launch | None:
        """``bash run.sh arguments`` or ``bash -c "text"``."""
        while self.words and self.words[0].text.startswith(("-", "+")):
            word, self.words = self.words[0], self.words[1:]
            if not word.text.startswith("--") and "c" in word.text:
                return self._text(self.words[:1])
            if word.text in ("-o", "+o", "-O", "--rcfile", "--init-file"):
                self.words = self.words[1:]
        return self._script()

    def _script(self) -> Launch | None:
        if not self.words:
            return None
        return self._made("shell", self.words[0], self.words[1:])

    def _text(self, words: Sequence[Argument]) -> Launch | None:
        while words and words[-1].text in _KEYS:
            words = words[:-1]
        if not words:
            return None
        text = " ".join(word.text for word in words)
        unknown = next((word.unknown for word in words if word.unknown is not None), None)
        return self._made("text", replace(words[0], text=text, unknown=unknown), ())


def _module(options: Options) -> Argument | None:
    return options.value("-m", "--module")


def _program(words: Sequence[Argument]) -> tuple[StarterProgram | None, int]:
    """The program that a command starts with, and how many words its name takes."""
    known = starters()
    first = words[0].text.rsplit("/", 1)[-1]
    if _PYTHON.match(first) or (words[0].unknown and _UNKNOWN_PYTHON.search(words[0].text)):
        return known["python"], 1
    if words[0].unknown is not None:
        return None, 0
    for length in (3, 2, 1):
        name = " ".join((first, *(word.text for word in words[1:length])))
        if length <= len(words) and name in known:
            return known[name], length
    return None, 0
