"""Files of conda and setuptools."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qlint.readers.version_files.common import NAME, lines_of, pin
from qlint.readers.version_files.requirements import requirement, requirement_line
from qlint.readers.versions import Pin

_CONDA = re.compile(rf"(?:[\w-]+::)?{NAME}\s*(===|==|=|>=|<=|~=|<|>)\s*([\w.*,<>=!]+)")


def environment(data: bytes, path: str) -> Iterator[Pin]:
    """``environment.yml``: conda's ``name=1.2`` and, under ``pip:``, requirements."""
    inside_pip = False
    for number, line in enumerate(lines_of(data), 1):
        stripped = line.strip()
        if re.match(r"-\s*pip\s*:", stripped):
            inside_pip, indent = True, len(line) - len(line.lstrip())
            continue
        if not stripped.startswith("-"):
            inside_pip = inside_pip and not re.match(r"\w+\s*:", line)
            continue
        if inside_pip and len(line) - len(line.lstrip()) <= indent:
            inside_pip = False
        text = stripped[1:].strip().strip("\"'")
        if inside_pip:
            yield from requirement_line(text, path, number)
            continue
        yield from conda_requirement(text, path, number)


def conda_requirement(text: str, path: str, line: int) -> Iterator[Pin]:
    """``conda-forge::trl=0.12``, which is any release of 0.12, or with another sign."""
    found = _CONDA.match(text)
    if found is None:
        return
    name, sign, version = found.group(1), found.group(2), found.group(3).split("=")[0]
    if sign == "=" and version.count(".") < 2 and "*" not in version:
        version += ".*"
    yield from pin(name, f"{'==' if sign == '=' else sign}{version}", path, line)


def setup_cfg(data: bytes, path: str) -> Iterator[Pin]:
    """``install_requires`` and ``extras_require`` of ``setup.cfg``."""
    wanted = False
    for number, line in enumerate(lines_of(data), 1):
        if line[:1] not in ("", " ", "\t", "#"):
            wanted = line.startswith("install_requires") or (wanted and "=" in line[:40])
            if line.startswith("["):
                wanted = line.startswith("[options.extras_require]")
            line = line.partition("=")[2] if line.startswith("install_requires") else line
        if wanted:
            yield from requirement(line.strip(), path, number)


def setup_py(data: bytes, path: str) -> Iterator[Pin]:
    """Requirements that stand as texts in ``setup.py``; it is not run."""
    for number, line in enumerate(lines_of(data), 1):
        if line.lstrip().startswith("#"):
            continue
        for quoted in re.findall(r"\"([^\"]+)\"|'([^']+)'", line):
            yield from requirement(quoted[0] or quoted[1], path, number)
