"""The languages in which runs are launched: each turns a launcher's text into its commands."""

from __future__ import annotations

import os

from qlint.readers.request import Request
from qlint.readers.shell import Script, read_commands

__all__ = ["read_launcher"]


def read_launcher(path: str, data: bytes, request: Request) -> Script:
    """The commands of a launcher, by its name.

    ``Makefile`` and ``*.mk``, ``Dockerfile*``, ``launch.json``; all else is a shell script.
    """
    name = os.path.basename(path).lower()
    if name in ("makefile", "gnumakefile") or name.endswith(".mk"):
        from qlint.readers.launch_syntax.makefile import read_makefile

        return read_makefile(path, data, request)
    if name.startswith(("dockerfile", "containerfile")) or name.endswith(".dockerfile"):
        from qlint.readers.launch_syntax.dockerfile import read_dockerfile

        return read_dockerfile(path, data, request)
    if name.endswith(".json"):
        from qlint.readers.launch_syntax.launch_json import read_launch_json

        return read_launch_json(path, data, request)
    return read_commands(path, data, request)
