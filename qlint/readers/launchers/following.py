"""Reads what the commands of a launcher start: each script or configuration as a run of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from qlint import readers
from qlint.knowledge.programs import is_installed_module
from qlint.readers.around import Around
from qlint.readers.commands import Argument, Command
from qlint.readers.companions.joining import join_started
from qlint.readers.configuration import recognised
from qlint.readers.gate import holds_run, launches
from qlint.readers.input_kinds import CONFIGURATIONS
from qlint.readers.launch_syntax import read_launcher
from qlint.readers.launchers.accelerating import Told, accelerate_settings
from qlint.readers.launchers.entries import program_of
from qlint.readers.launchers.finding import Files, Found
from qlint.readers.launchers.folding import Started, folded
from qlint.readers.launchers.launch import Launch
from qlint.readers.launchers.processes import WORLD_SIZE, task_variables, world_size
from qlint.readers.launchers.purposes import seems_to_do_else, seems_to_train
from qlint.readers.launchers.runs import as_run_of, left_open
from qlint.readers.launchers.starting import start_of
from qlint.readers.launchers.understanding import understand
from qlint.readers.places import GeneratedFile, LineMap, Place
from qlint.readers.project_files import ProjectFiles
from qlint.readers.relocation import identified, move_dead, move_note, move_problem
from qlint.readers.request import Request
from qlint.readers.shell import Script, run_line
from qlint.recipe import DeadConfiguration, Kind, Note, Problem, Reading

MAXIMUM_SCRIPT = 5_000_000
"""Bytes of a script or configuration that is followed."""
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")


def follow(
    commands: Sequence[Command],
    request: Request,
    path: str,
    *,
    kind: Kind = "shell",
) -> Reading:
    """The runs that ``commands`` start; those of scripts that start others among them.

    ``path`` is the input in which the commands stand. Nothing outside ``request.root`` is read, and
    nothing is run.
    """
    around = (request.around or Around()).inside(path)
    following = _Following(replace(request, around=around), path, kind, around)
    seen: set[object] = set()
    for command in commands:
        key = _key(command)
        if key not in seen and not around.too_deep and around.spend():
            seen.add(key)
            following.add(command)
    return following.reading()


def _key(command: Command) -> object:
    """What makes a command another one: a loop may run one and the same many times."""
    return (
        command.source,
        command.folder,
        command.conditions,
        tuple((word.text, word.unknown) for word in command.words),
        tuple(sorted((name, one.text) for name, one in command.environment.items())),
        tuple((path, file.data) for path, file in command.written.items()),
    )


class _Following:
    def __init__(self, request: Request, path: str, kind: Kind, around: Around) -> None:
        self.request = request
        self.path = path
        self.kind = kind
        self.around = around
        self.runs: list[Started] = []
        self.dead: list[DeadConfiguration] = []
        self.problems: list[Problem] = []
        self.notes: list[Note] = []

    def reading(self) -> Reading:
        shown = self.request.display_path or self.path
        return Reading(
            shown,
            identified(folded(self.runs)),
            tuple(dict.fromkeys(self.dead)),
            tuple(dict.fromkeys(self.problems)),
            tuple(dict.fromkeys(self.notes)),
        )

    def add(self, command: Command) -> None:
        """Read what one command starts."""
        launch = understand(command)
        if launch is None:
            return
        step = _Step(self, command, launch)
        if not step.read() and (behind := _behind_dashes(launch)):
            # A program of the project's own that hands its last words to a cluster.
            self.add(replace(command, words=behind))

    def take(self, reading: Reading, step: _Step, started: str | None) -> None:
        """Keep what was read as runs of the command."""
        maps = step.maps
        for recipe in reading.recipes:
            run = as_run_of(recipe, step.command, step.launch, self.kind, maps, started, step.start)
            if step.told is not None:
                run, notes = join_started(run, step.told.companion, step.open, step.told.lost)
                self.notes += notes
            run = run if step.told is None else step.told.named_by(run)
            self.runs.append(Started(left_open(run, step.written), step.command))
        self.dead += [move_dead(one, maps) for one in reading.dead]
        self.notes += [move_note(one, maps) for one in reading.notes]
        self.problems += [replace(move_problem(one, maps), fatal=False) for one in reading.problems]


class _Step:
    """One command on its way to the runs that it starts."""

    def __init__(self, following: _Following, command: Command, launch: Launch) -> None:
        request = following.request
        self.following = following
        self.command = command
        self.launch = launch
        self.folder = os.path.normpath(os.path.join(command.folder, launch.folder or ""))
        self.project = ProjectFiles(
            following.path, request.root, request.display, command.written, self.folder
        )
        self.files = Files(self.project, self.folder)
        self.maps: Mapping[str, LineMap] = {
            request.display(path): file.places for path, file in command.written.items()
        }
        self.written = [(request.display(path), file) for path, file in command.written.items()]
        self.told: Told | None = accelerate_settings(launch, self.open, command.source)
        self.start = start_of(command, launch, self.folder, self.files)
        self.request = self._request(request)

    def _request(self, request: Request) -> Request:
        environment = {**request.environment, **self.launch.environment}
        environment.update(task_variables(self.launch))
        count = world_size(self.launch, self.told.processes if self.told else None)
        if count is not None:
            environment[WORLD_SIZE] = count
        elif self.launch.starters:
            environment.pop(WORLD_SIZE, None)
        return replace(
            request,
            arguments=self.launch.arguments,
            environment=environment,
            written=self.command.written,
            started_in=self.folder,
            decided=True,
        )

    def open(self, text: str) -> tuple[str, bytes] | None:
        """A file that the run names: how it is shown, and what it holds."""
        found = self.files.find(Argument(text))
        data = self._data(found) if found is not None else None
        return None if found is None or data is None else (self._shown(found.path), data)

    def _data(self, found: Found) -> bytes | None:
        return self.project.read_bytes(found.path, MAXIMUM_SCRIPT)

    def _shown(self, path: str) -> str:
        return self.following.request.display(path)

    def read(self) -> bool:
        """Whether the command starts runs that could be read, or that are known to be lost."""
        starts = self.launch.starts
        if starts == "text":
            return self._read_text()
        if starts == "shell":
            return self._read_shell()
        if self.launch.program.text == "-" and self.command.stdin is not None:
            return self._read_input()
        found = self._program()
        if found is not None and not self._is_entry(found):
            return self._read_file(found)
        if seems_to_do_else(self.launch):
            return False
        further = (".py",) if starts == "tool" else ()
        for configuration in self.files.configurations(self.launch.arguments, further):
            if self._read_file(configuration) or self._configures_else(configuration):
                return True
        return self._read_known() or self._note_absent()

    def _program(self) -> Found | None:
        if self.launch.starts == "module":
            name = self.launch.program.text
            # In the package's own repository it is that program too.
            return None if is_installed_module(name) else self.files.find_module(name)
        return self.files.find(self.launch.program) if self.launch.starts == "script" else None

    def _is_entry(self, found: Found) -> bool:
        """Whether a script hands all to a framework, whose program it is then."""
        data = self._data(found)
        program = program_of(data) if data is not None else None
        if program is None:
            return False
        word = replace(self.launch.program, text=program, unknown=None)
        self.launch = replace(self.launch, program=word, starts="tool")
        return True

    def _read_file(self, found: Found) -> bool:
        """Read a script or a configuration with the arguments and variables that it gets."""
        if self.following.around.times(found.path) > 1:  # Once more may be what torchrun starts.
            return False
        data = self._data(found)
        suffix = os.path.splitext(found.path)[1].lower()
        if data is None or suffix not in (*CONFIGURATIONS, ".py", ".ipynb"):
            return False
        if suffix not in CONFIGURATIONS and not (holds_run(data, suffix) or launches(data, suffix)):
            return False
        shown = self._shown(found.path)
        reading = readers.read(found.path, data, replace(self.request, display_path=shown))
        if isinstance(self.command.written.get(found.path), GeneratedFile):
            reading = replace(reading, notes=())  # Nobody wrote this text: there are only values.
        if found.presumed is not None:
            reading = _presuming(reading, (found.presumed,))
        self.following.take(reading, self, shown)
        return bool(reading.recipes)

    def _configures_else(self, found: Found) -> bool:
        """Whether a tool is given a configuration of its own that trains nothing: it evaluates."""
        data = self._data(found)
        if self.launch.starts != "tool" or data is None:
            return False
        return recognised(found.path, data) is not None

    def _read_input(self) -> bool:
        """A script that is fed to Python where it stands."""
        written = self.command.stdin
        if written is None or not holds_run(written.data, ".py"):
            return False
        shown = "<standard input>"
        path = os.path.join(self.folder, shown)
        reading = readers.read(
            path + ".py", written.data, replace(self.request, display_path=shown)
        )
        self.maps = {**self.maps, shown: written.places}
        self.following.take(reading, self, None)
        return bool(reading.recipes)

    def _read_known(self) -> bool:
        """A framework's command line, or a public script that is known by its arguments."""
        from qlint.readers.frameworks.command_lines import read_program

        launch, command = self.launch, self.command
        reading = read_program(launch.program.text, launch.arguments, command.source, self.request)
        if reading is None:
            return False
        self.following.take(reading, self, None)
        return True

    def _read_text(self) -> bool:
        """A line for another shell: ``bash -c "..."``."""
        program = self.launch.program
        if not program.text.strip():
            return False
        script = run_line(
            program.text,
            _places(self.command),
            replace(self.request, environment={**self.request.environment, **_left_open(program)}),
            folder=self.folder,
            written=self.command.written,
        )
        return self._continue(script, self.following.path, None)

    def _read_shell(self) -> bool:
        """A launcher that this one starts."""
        found = self.files.find(self.launch.program)
        if found is None or self.following.around.times(found.path):
            return False
        data = self._data(found)
        if data is None or found.path.endswith(".py"):
            return False
        shown = self._shown(found.path)
        request = replace(self.request, display_path=shown)
        return self._continue(read_launcher(found.path, data, request), found.path, shown)

    def _continue(self, script: Script, path: str, shown: str | None) -> bool:
        outer = self.following
        request = replace(self.request, arguments=())
        reading = follow(script.commands, request, path, kind=outer.kind)
        outer.take(_presuming(reading, script.assumptions), self, shown)
        return bool(reading.recipes)

    def _note_absent(self) -> bool:
        """Say that a script which seems to train is not there."""
        program = self.launch.program
        if self.launch.starts != "script" or not seems_to_train(self.launch):
            return False
        source = self.command.source
        why = "is not there" if program.unknown is None else f"is not known ({program.unknown})"
        message = f"{program.text}, started here, {why}: pass its folder too"
        self.following.problems.append(
            Problem(
                source.path,
                message,
                source.line,
                source.column,
                source.cell,
                source.physical_line,
                fatal=False,
            )
        )
        return True


def _places(command: Command) -> LineMap:
    source = command.source
    places = LineMap(source.path)
    places.add(Place(source.line, source.cell, source.physical_line, source.column - 1))
    return places


def _left_open(text: Argument) -> dict[str, Argument]:
    """The variables of a text for a shell that are not known where it is put together."""
    if text.unknown is None:
        return {}
    found = dict.fromkeys(_VARIABLE.findall(text.text))
    return {name: Argument(f"${name}", text.origin, text.unknown) for name in found}


def _behind_dashes(launch: Launch) -> tuple[Argument, ...]:
    if launch.starts != "script":
        return ()
    texts = [word.text for word in launch.arguments]
    return launch.arguments[texts.index("--") + 1 :] if "--" in texts else ()


def _presuming(reading: Reading, premises: Iterable[str]) -> Reading:
    """A reading whose runs rest on further premises."""
    added = tuple(premises)
    recipes = tuple(replace(one, assumptions=(*one.assumptions, *added)) for one in reading.recipes)
    return replace(reading, recipes=recipes) if added else reading
