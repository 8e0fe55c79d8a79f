"""Reading scripts as a launcher starts them: words with the places where they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from script_reading import only_recipe, read_started

from qlint.readers.commands import Argument
from qlint.recipe import Origin, Recipe

LAUNCHER = "run.sh"


def command(text: str, line: int = 7) -> tuple[Argument, ...]:
    """The words of a command line, each where it stands in :data:`LAUNCHER`.

    A word with ``$`` in it is one whose variable is not known.
    """
    words = []
    column = 1
    for word in text.split(" "):
        origin = Origin(LAUNCHER, line, column, end_line=line, end_column=column + len(word))
        name = word[word.index("$") + 1 :].strip("{}") if "$" in word else ""
        unknown = f"{name} is not set in this script" if name else None
        words.append(Argument(word, (origin,), unknown))
        column += len(word) + 1
    return tuple(words)


def variables(**values: str) -> Mapping[str, Argument]:
    """Environment variables as a launcher exports them on line 5."""
    found = {}
    for name, text in values.items():
        (word,) = command(text, line=5)
        found[name] = replace(word, origin=(replace(word.origin[0], via=f"{name} is exported"),))
    return found


def started(
    text: str,
    argv: str = "",
    files: Mapping[str, str] | None = None,
    **environment: str,
) -> Recipe:
    """The one run of a script that a launcher starts with these arguments and variables."""
    words = command(argv) if argv else ()
    return only_recipe(read_started(text, words, variables(**environment), files))
