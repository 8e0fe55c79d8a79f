"""Command lines as an input writes them: words that know where they stand, and what was run.

Every launcher (a shell script, a Makefile, a notebook's ``!`` line, ``subprocess.run([...])``)
yields commands; ``qlint.readers.launchers`` joins a command to the script or the configuration
that it starts, and the readers of those take its words as argv.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qlint.recipe import Origin, Source

if TYPE_CHECKING:
    from qlint.readers.places import WrittenFile


@dataclass(frozen=True, slots=True)
class Argument:
    """One word of a command line.

    ``text`` is the word as the program receives it. ``origin`` is where it is written, with the
    stations that its value went through first (a variable's assignment); empty for words typed
    behind ``--`` on qlint's own command line. Where ``unknown`` says why the text is not known,
    ``text`` is the word as far as it is known, the rest of it as written (``--lr=$LR``).
    """

    text: str
    origin: tuple[Origin, ...] = ()
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command as it is run: the program and its arguments, expanded.

    ``environment`` holds the variables set for it, exported or in front of it. ``folder`` is the
    absolute path of the folder in which it runs. ``source`` is where it stands, ``conditions`` are
    what has to hold for it to run, the outermost first, in the launcher's own words. ``written``
    are files that the launcher wrote before, by absolute path; ``stdin`` is what it is fed where
    that is written in place (``python - <<EOF``).
    """

    words: tuple[Argument, ...]
    source: Source
    folder: str
    environment: Mapping[str, Argument] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    written: Mapping[str, WrittenFile] = field(default_factory=dict)
    stdin: WrittenFile | None = None

    @property
    def condition(self) -> str | None:
        """All conditions in words; None where it always runs."""
        return " and ".join(self.conditions) or None
