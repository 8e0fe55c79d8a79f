"""``pyproject.toml`` and its relatives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from qlint.readers.version_files.common import line_of, lines_of, pin, table_at, toml_table
from qlint.readers.version_files.requirements import requirement
from qlint.readers.versions import LIBRARIES, Pin


def pyproject(data: bytes, path: str) -> Iterator[Pin]:
    """PEP 621, optional dependencies, dependency groups, poetry, pdm, uv sources."""
    table = toml_table(data)
    lines = lines_of(data)
    project = table_at(table, "project")
    listed = [project.get("dependencies")]
    listed += list(table_at(project, "optional-dependencies").values())
    listed += list(table_at(table, "dependency-groups").values())
    tool = table_at(table, "tool")
    listed += list(table_at(table_at(tool, "pdm"), "dev-dependencies").values())
    listed.append(table_at(tool, "uv").get("dev-dependencies"))
    listed.append(table_at(tool, "uv").get("constraint-dependencies"))
    hatch = table_at(table_at(tool, "hatch"), "envs")
    listed += [table_at(hatch, name).get("dependencies") for name in hatch]
    sources = table_at(table_at(tool, "uv"), "sources")
    for name, source in sources.items():
        yield from _source(name, source, path, lines)
    for group in listed:
        for text in group if isinstance(group, list) else []:
            if isinstance(text, str):
                yield from requirement(text, path, line_of(lines, text))
    poetry = table_at(tool, "poetry")
    tables = [table_at(poetry, "dependencies"), table_at(poetry, "dev-dependencies")]
    groups = table_at(poetry, "group")
    tables += [table_at(table_at(groups, name), "dependencies") for name in groups]
    for dependencies in (*tables, *_pixi_tables(table_at(tool, "pixi"))):
        yield from named(dependencies, path, lines)


def _source(name: str, source: object, path: str, lines: list[str]) -> Iterator[Pin]:
    tag = source.get("tag") if isinstance(source, dict) else None
    if isinstance(tag, str) and re.match(r"v?\d", tag):
        yield from pin(name, f"=={tag.lstrip('v')}", path, line_of(lines, name, tag))


def named(dependencies: dict[str, Any], path: str, lines: list[str]) -> Iterator[Pin]:
    """``name = "^4.46"`` or ``name = {version = "...", extras = [...]}``."""
    for name, value in dependencies.items():
        if name.lower() not in LIBRARIES:
            continue
        version = value.get("version") if isinstance(value, dict) else value
        if isinstance(version, str):
            line = line_of(lines, name, version)
            yield from pin(name, poetry_specifier(version), path, line)
        else:
            yield from _source(name, value, path, lines)


def poetry_specifier(text: str) -> str:
    """A specifier of pip for one of poetry: ``^4.46`` and ``~4.46`` are ranges."""
    parts = [part.strip() for part in text.split("||")[-1].split(",") if part.strip()]
    return ",".join(_poetry_part(part) for part in parts)


def _poetry_part(part: str) -> str:
    if part[0] in "^~" and not part.startswith("~="):
        numbers = [int(digits) for digits in re.findall(r"\d+", part.lstrip("^~"))]
        bare = part.lstrip("^~").strip()
        if not numbers:
            return ""
        keep = 0 if part[0] == "^" else min(1, len(numbers) - 1)
        while part[0] == "^" and keep < len(numbers) - 1 and numbers[keep] == 0:
            keep += 1
        upper = [*numbers[:keep], numbers[keep] + 1]
        return f">={bare},<{'.'.join(map(str, upper))}"
    if part[0].isdigit():
        return f"=={part}"
    return "" if part == "*" else part


def pixi(data: bytes, path: str) -> Iterator[Pin]:
    """``pixi.toml``."""
    lines = lines_of(data)
    for dependencies in _pixi_tables(toml_table(data)):
        yield from named(dependencies, path, lines)


def _pixi_tables(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    features = table_at(table, "feature")
    for holder in (table, *(table_at(features, name) for name in features)):
        yield table_at(holder, "pypi-dependencies")
        yield table_at(holder, "dependencies")


def pipfile(data: bytes, path: str) -> Iterator[Pin]:
    """``Pipfile``."""
    table, lines = toml_table(data), lines_of(data)
    for section in ("packages", "dev-packages"):
        yield from named(table_at(table, section), path, lines)
