"""Which files are inputs, by their names. On the way of every file, so it imports only ``re``."""

from __future__ import annotations

import os
import re

CONFIGURATIONS = (".yaml", ".yml", ".json", ".toml")
SHELL_SUFFIXES = (".sh", ".bash", ".slurm", ".sbatch", ".job")
SUFFIXES = (".py", ".ipynb", *CONFIGURATIONS, *SHELL_SUFFIXES, ".mk")
"""Suffixes of the inputs that a reader exists for."""
LAUNCHERS = ("Makefile", "Dockerfile", "launch.json")
"""Names of launchers without a suffix of their own."""

_NAMED = re.compile(
    r"(?:GNUm|[Mm])akefile(?:\..*)?\Z|(?:Docker|Container)file(?:[.-].*)?\Z|.*\.[Dd]ockerfile\Z"
    r"|launch\.json\Z|.*\.mk\Z"
)
_NO_LAUNCHERS = (".py", ".md", ".txt")
_SHEBANG = re.compile(rb"#![ \t]*/\S*?(?:/env[ \t]+(?:-S[ \t]+)?)?(?:/)?(?:ba|z|da|k)?sh\b")


def is_launcher(path: str) -> bool:
    """Whether a file is a launcher by its name: a shell script, a Makefile, a Dockerfile."""
    name = os.path.basename(path)
    if name.lower().endswith(SHELL_SUFFIXES):
        return True
    return _NAMED.match(name) is not None and not name.endswith(_NO_LAUNCHERS)


def is_input(path: str) -> bool:
    """Whether a reader may exist for a file of this name; one without suffix may be a script."""
    suffix = os.path.splitext(path)[1].lower()
    return suffix in SUFFIXES or is_launcher(path)


def starts_shell(data: bytes) -> bool:
    """Whether a file without a suffix is a shell script by its first line."""
    return data[:2] == b"#!" and _SHEBANG.match(data[:200]) is not None
