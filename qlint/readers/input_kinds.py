"""Which files are inputs, by their names. On the way of every file, so it imports only ``re``."""

from __future__ import annotations

import os
import re

CONFIGURATIONS = (".yaml", ".yml", ".json", ".toml")
SHELL_SUFFIXES = (".sh", ".bash", ".slurm", ".sbatch", ".job")
SUFFIXES = (".py", ".ipynb", *CONFIGURATIONS, *SHELL_SUFFIXES, ".mk")
"""Suffixes of the inputs that a reader exists for."""
KNOWN_INPUTS = " ".join((*SUFFIXES, "Makefile", "Dockerfile", "launch.json"))
"""The inputs that a reader exists for, in words."""

_NAMED = re.compile(
    r"(?:GNUm|[Mm])akefile(?:\..*)?\Z|(?:Docker|Container)file(?:[.-].*)?\Z|.*\.[Dd]ockerfile\Z"
    r"|launch\.json\Z|.*\.mk\Z"
)
_FIRST_LINE = 200
_NO_LAUNCHERS = (".py", ".md", ".txt")
_SHEBANG = re.compile(rb"#![ \t]*/\S*?(?:/env[ \t]+(?:-S[ \t]+)?)?(?:/)?(?:ba|z|da|k)?sh\b")


def is_launcher(path: str) -> bool:
    """Whether a file is a launcher by its name: a shell script, a Makefile, a Dockerfile."""
    name = os.path.basename(path)
    if name.lower().endswith(SHELL_SUFFIXES):
        return True
    return _NAMED.match(name) is not None and not name.endswith(_NO_LAUNCHERS)


def is_input(path: str) -> bool:
    """Whether a reader exists for a file: by its name, or by the first line of one without suffix.

    The file must be there and regular where it has no suffix: it is opened.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix in SUFFIXES or is_launcher(path):
        return True
    if suffix or not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return starts_shell(file.read(_FIRST_LINE))
    except OSError:
        return False


def starts_shell(data: bytes) -> bool:
    """Whether a file without a suffix is a shell script by its first line."""
    return data[:2] == b"#!" and _SHEBANG.match(data[:_FIRST_LINE]) is not None
