"""Launchers: what the commands of shell scripts and their like start, read as runs.

:mod:`understanding` takes a command apart with the tables of :mod:`qlint.knowledge.starters`,
:mod:`processes` counts what it starts, :mod:`finding` finds the script or the configuration on
disk, :mod:`following` reads it with the command's arguments and variables, and :mod:`runs` makes
its recipe that of the launcher.
"""

from __future__ import annotations

from qlint.readers.launchers.following import follow
from qlint.readers.launchers.reading import read_job, read_launched

__all__ = ["follow", "read_job", "read_launched"]
