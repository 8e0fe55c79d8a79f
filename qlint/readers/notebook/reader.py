"""From the bytes of a notebook to a Reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from qlint.readers.companions.of_reading import with_companions
from qlint.readers.gate import check_text, holds_run
from qlint.readers.launchers import follow
from qlint.readers.notebook.assembly import Assembled, NotebookSource, assemble
from qlint.readers.notebook.cells import Cells
from qlint.readers.notebook.commands import Action
from qlint.readers.notebook.effects import Started
from qlint.readers.notebook.following import follow_line, starts_something
from qlint.readers.notebook.ipynb import read_ipynb
from qlint.readers.notebook.percent import split_cells
from qlint.readers.notebook.pins import pinned_versions
from qlint.readers.places import LineMap
from qlint.readers.python.evaluation import Outcome, evaluate_script
from qlint.readers.python.project import Project
from qlint.readers.python.reader import build_recipes, stopped
from qlint.readers.python.variants import find_variants
from qlint.readers.relocation import (
    identified,
    move_command,
    move_dead,
    move_note,
    move_problem,
    move_recipe,
)
from qlint.readers.request import Request
from qlint.recipe import Problem, Reading, Recipe


def read_notebook(path: str, data: bytes, request: Request) -> Reading:
    """Read the training runs of one ``.ipynb`` file.

    Never raises for what stands in the file: what cannot be analysed is a Problem in the Reading.
    """
    shown = request.display_path or path
    return _read_cells(path, shown, read_ipynb(shown, data), request)


def read_percent(path: str, data: bytes, request: Request) -> Reading:
    """Read the training runs of a ``.py`` file that is divided into cells and needs IPython."""
    shown = request.display_path or path
    text = check_text(data, shown)
    if isinstance(text, Problem):
        return Reading(shown, problems=(text,))
    return _read_cells(path, shown, Cells(split_cells(text)), request)


def parse_notebook(shown: str, data: bytes) -> Assembled:
    """The program of a notebook that another one runs."""
    cells = read_ipynb(shown, data)
    if isinstance(cells, Problem):
        return Assembled(None, (cells,))
    return assemble(shown, cells)


def _read_cells(path: str, shown: str, cells: Cells | Problem, request: Request) -> Reading:
    if isinstance(cells, Problem):
        return Reading(shown, problems=(cells,))
    assembled = assemble(shown, cells)
    source = assembled.source
    if source is None:
        return Reading(shown, problems=tuple(assembled.problems))
    if not _may_train(cells, source):
        # What does not parse in a notebook that trains nothing is nobody's business here.
        kept = tuple(problem for problem in assembled.problems if problem.cell is None)
        return Reading(shown, problems=kept)
    return _NotebookReading(path, shown, source, request).read(assembled.problems)


def _may_train(cells: Cells, source: NotebookSource) -> bool:
    code = "\n".join(line for cell in cells.cells for line in cell.lines)
    if holds_run(code.encode("utf-8", "replace"), ".py"):
        return True
    return any(
        command.action is Action.RUN or starts_something(command) for command in source.commands
    )


class _NotebookReading:
    def __init__(self, path: str, shown: str, source: NotebookSource, request: Request) -> None:
        self.path = path
        self.shown = shown
        self.source = source
        self.request = request
        self.project = Project(path, request.root, request.display, written=request.written)
        self.project.parsed[path] = source
        self.folder = self.project.folder
        around = request.versions_for(path)
        asked = {name: around[name] for name in request.target_versions if name in around}
        own = pinned_versions(source.commands, self.folder, request.root)
        self.versions = {**around, **own, **asked}

    def evaluate(self, flips: Mapping[str, bool]) -> Outcome:
        """Run the cells in order, each evaluation with a fresh disk and folder."""
        project = self.project
        project.folder = self.folder
        for path in project.written:
            project.parsed.pop(path, None)
        project.written = dict(self.request.written)
        versions = {name: version for name, (version, _) in self.versions.items()}
        return evaluate_script(self.source, project, self.request, versions, flips)

    def read(self, problems: Sequence[Problem]) -> Reading:
        """All runs: those of the cells, and those of the scripts that the cells start."""
        outcome = self.evaluate({})
        followed = self._follow(outcome)
        uncalled = not outcome.runs and not any(one.recipes for one in followed)
        if uncalled:
            outcome.enter_uncalled()
        outcome.assumptions = (*outcome.assumptions, *self.source.notes)
        maps = self._maps()

        def again(flips: Mapping[str, bool]) -> Outcome:
            other = self.evaluate(flips)
            if uncalled:
                other.enter_uncalled()
            return other

        variants = find_variants(outcome, again)
        texts = [parsed.text for parsed in self.project.parsed.values() if parsed is not None]
        own = build_recipes(outcome, variants, self.versions, texts, "notebook")
        joined = with_companions(
            Reading(self.shown, tuple(move_recipe(recipe, maps) for recipe in own)),
            self.path,
            replace(self.request, written=self.project.written),
        )
        recipes = list(joined.recipes)
        for one in followed:
            recipes += one.recipes
        recipes.sort(key=self._order)
        dead = [move_dead(one, maps) for one in outcome.dead]
        dead += [found for one in followed for found in one.dead]
        notes = [move_note(one, maps) for one in outcome.notes]
        notes += [note for one in (joined, *followed) for note in one.notes]
        all_problems = (
            *problems,
            *(move_problem(one, maps) for one in stopped(self.shown, outcome)),
            *(problem for one in followed for problem in one.problems),
        )
        return Reading(self.shown, identified(recipes), tuple(dead), all_problems, tuple(notes))

    def _follow(self, outcome: Outcome) -> list[Reading]:
        """What is started by shell lines, and by the cells' own calls."""
        asked = replace(self.request, display_path=self.shown)
        lines = [event.payload for event in outcome.commands]
        found = [
            follow_line(line, self.path, asked, self.versions)
            for line in lines
            if isinstance(line, Started)
        ]
        if outcome.programs:
            maps = self._maps()
            commands = [move_command(one, maps) for one in outcome.programs]
            found.append(follow(commands, asked, self.path, kind="notebook"))
        return found

    def _maps(self) -> dict[str, LineMap]:
        """Where the lines of every text put together stand."""
        project = self.project
        maps = {project.display(path): file.places for path, file in project.written.items()}
        for file in project.parsed.values():
            if isinstance(file, NotebookSource):
                maps[file.path] = file.places
        maps[self.shown] = self.source.places
        return maps

    def _order(self, recipe: Recipe) -> tuple[bool, int, int]:
        """In the order of the file; a run that stands in an imported module comes last."""
        source = recipe.source
        return source.path != self.shown, source.cell or 0, source.line
