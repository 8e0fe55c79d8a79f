"""Readers: each turns one form of input into a Reading of Recipes.

The registry picks by content, name and suffix. A reader is imported when an input needs it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from qlint.readers.input_kinds import CONFIGURATIONS, KNOWN_INPUTS, is_launcher, starts_shell

if TYPE_CHECKING:  # A file that holds no run needs none of these.
    from qlint.readers.request import Request
    from qlint.recipe import Reading

_CELLS = re.compile(rb"(?m)^#[ \t]*(?:%%|<codecell>|In[ \t]?\[|COMMAND -----|MAGIC[ \t])")

__all__ = ["read"]


def read(path: str, data: bytes, request: Request) -> Reading:
    """Read the runs of one input. What cannot be analysed is a Problem, never an exception."""
    suffix = os.path.splitext(path)[1].lower()
    if is_launcher(path) or (not suffix and starts_shell(data)):
        from qlint.readers.launchers import read_launched

        return read_launched(path, data, request)
    if suffix in CONFIGURATIONS:
        from qlint.readers.configuration import read_configuration

        reading = read_configuration(path, data, request)
        if not reading.recipes:
            from qlint.readers.prefilter import describes_job

            if request.decided or not describes_job(data, suffix):
                return reading
            from qlint.readers.launchers import read_job

            job = read_job(path, data, request)
            return job if job.recipes or job.problems else reading
        from qlint.readers.companions import with_companions

        return with_companions(reading, path, request)
    if suffix == ".ipynb":
        from qlint.readers.notebook import read_notebook

        return read_notebook(path, data, request)
    if suffix == ".py" or not suffix:
        from qlint.readers.prefilter import configures_by_assignment

        if configures_by_assignment(data):
            from qlint.readers.python_configuration import read_python_configuration

            return read_python_configuration(path, data, request)
        if _CELLS.search(data):
            from qlint.readers.notebook import needs_ipython, read_percent

            if needs_ipython(path, data):
                return read_percent(path, data, request)
        from qlint.readers.scripts import read_script

        return read_script(path, data, request)
    from qlint.recipe import Problem, Reading

    shown = request.display_path or path
    message = f"no reader for {suffix} files: pass {KNOWN_INPUTS}"
    return Reading(shown, problems=(Problem(shown, message),))
