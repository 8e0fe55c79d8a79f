"""What a reading is asked for: argv, the project's root, and the library versions in force."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qlint.readers.around import Around
    from qlint.readers.commands import Argument
    from qlint.readers.places import WrittenFile


@dataclass(frozen=True, slots=True)
class Request:
    """How an input is to be read.

    ``arguments`` are given to the script's own parser, ``environment`` are the environment
    variables that are set for it, by name. Nothing outside ``root`` is read.
    ``target_versions`` maps libraries to versions and wins over what the project pins.
    ``display_path`` is how the input is named in the report. ``written`` are files, by absolute
    path, that are on no disk yet: what starts this input writes them first. ``started_in`` is the
    folder in which the input is started, where that is not its own. ``installed`` are the versions
    of the active environment, which count where nothing is pinned.
    """

    arguments: tuple[Argument, ...] = ()
    root: str = "."
    target_versions: Mapping[str, str] = field(default_factory=dict)
    display_path: str | None = None
    written: Mapping[str, WrittenFile] = field(default_factory=dict)
    started_in: str | None = None
    environment: Mapping[str, Argument] = field(default_factory=dict)
    around: Around | None = None
    """What is being followed already, where another input starts this one."""
    decided: bool = False
    """A command starts the input with these arguments: switches that it leaves off stay off."""
    named: tuple[str, ...] = ()
    """The files and folders that were asked for, as they were named: files below one are shown in
    the same way. Empty where that is not known."""
    installed: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def argv(self) -> tuple[str, ...]:
        """The arguments as the texts that a program receives."""
        return tuple(argument.text for argument in self.arguments)

    def display(self, path: str) -> str:
        """A path as the report names it: as a folder that was named shows it, or from the root."""
        whole = os.path.abspath(path)
        for named in self.named:
            around = os.path.abspath(named)
            if whole == around or whole.startswith(around.rstrip(os.sep) + os.sep):
                return os.path.normpath(os.path.join(named, os.path.relpath(whole, around)))
        return _relative(whole, os.getcwd() if self.named else self.root) or path

    def versions_for(self, path: str) -> dict[str, tuple[str, str]]:
        """Library versions in force for an input: ``{library: (version, where it was read)}``.

        In the order of :mod:`qlint.readers.versions`; libraries that nothing is said about are
        left out.
        """
        from qlint.readers.versions import project_versions

        asked = {
            name: (version, "--target-versions") for name, version in self.target_versions.items()
        }
        return {**project_versions(path, self.root, self.installed), **asked}


def _relative(path: str, folder: str) -> str | None:
    """A path from a folder that it lies in; None where it does not."""
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # Another drive.
        return None
    return None if relative.startswith("..") else relative
