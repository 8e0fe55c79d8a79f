"""Rewrites the `parameters` of `qlint/knowledge/data/frameworks/<name>.json` from a package, or of
`data/scripts/<name>.json` from a checkout of the script's repository.

    python tools/extract_framework_parameters.py axolotl path/to/unpacked/axolotl-0.19.0

Reads the package's sources as text, never imports them. What to read stands in the data file under
`extracted`: a list of `{"file", "kind", "names"}`, where kind is "class" (annotated fields of
dataclasses and pydantic models), "function" (parameters) or "argparse" (options of a
file); names are patterns.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parent.parent / "qlint" / "knowledge" / "data"
REQUIRED = "<required>"


def main(arguments: list[str]) -> int:
    """Rewrite one data file."""
    if len(arguments) != 2:
        print(__doc__)
        return 2
    name, root = arguments[0], Path(arguments[1])
    folder = "scripts" if (DATA / "scripts" / f"{name}.json").exists() else "frameworks"
    target = DATA / folder / f"{name}.json"
    table: dict[str, Any] = json.loads(target.read_text())
    parameters: dict[str, list[Any]] = {}
    for wanted in table["extracted"]:
        for file in sorted(root.glob(wanted["file"])):
            where = file.relative_to(root).as_posix()
            tree = ast.parse(file.read_text())
            for key, default, line in _found(tree, wanted["kind"], wanted.get("names")):
                parameters.setdefault(key, [default, f"{where}:{line}"])
    table["parameters"] = dict(sorted(parameters.items()))
    target.write_text(layout(table))
    print(f"{target.name}: {len(parameters)} parameters")
    return 0


def layout(table: dict[str, Any]) -> str:
    """JSON with one row a line, so that a change of a default is a change of a line."""
    lines = ["{"]
    last = len(table) - 1
    for position, (part, content) in enumerate(table.items()):
        comma = "," if position < last else ""
        if isinstance(content, dict) and content:
            rows = [f"{json.dumps(key)}: {json.dumps(row)}" for key, row in content.items()]
            lines += [f"{json.dumps(part)}: {{", ",\n".join(rows), "}" + comma]
        else:
            lines.append(f"{json.dumps(part)}: {json.dumps(content)}{comma}")
    return "\n".join([*lines, "}", ""])


def _found(tree: ast.Module, kind: str, names: list[str] | None) -> Iterator[tuple[str, Any, int]]:
    for node in ast.walk(tree):
        if kind == "class" and isinstance(node, ast.ClassDef):
            if _wanted(node.name, names):
                yield from _fields(node)
        elif kind == "function" and isinstance(node, ast.FunctionDef):
            if _wanted(node.name, names):
                yield from _parameters(node)
        elif kind == "argparse" and isinstance(node, ast.Call):
            yield from _option(node)


def _wanted(name: str, patterns: list[str] | None) -> bool:
    return patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns)


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, Any, int]]:
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
            if name.startswith("_") or name == "model_config":
                continue
            yield name, _default(statement.value), statement.lineno


def _parameters(node: ast.FunctionDef) -> Iterator[tuple[str, Any, int]]:
    arguments = [*node.args.posonlyargs, *node.args.args]
    defaults: list[ast.expr | None] = [None] * (len(arguments) - len(node.args.defaults))
    pairs = [*zip(arguments, [*defaults, *node.args.defaults], strict=True)]
    pairs += [*zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]
    for argument, default in pairs:
        if argument.arg not in ("self", "cls"):
            yield argument.arg, _default(default), argument.lineno


def _option(node: ast.Call) -> Iterator[tuple[str, Any, int]]:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if called != "add_argument" or not node.args:
        return
    flags = [a.value for a in node.args if isinstance(a, ast.Constant)]
    longest = max((str(flag) for flag in flags), key=len, default="").lstrip("-")
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    default = _default(keywords.get("default", ast.Constant(None)))
    action = keywords.get("action")
    if isinstance(action, ast.Constant) and action.value == "store_true":
        default = False
    if longest:
        yield longest.replace("-", "_"), default, node.lineno


def _default(value: ast.expr | None) -> Any:
    """The default as JSON: null where it is none or not plain, REQUIRED where there is none."""
    if value is None:
        return REQUIRED
    if isinstance(value, ast.Call):
        called = ast.unparse(value.func).rsplit(".", 1)[-1].lower()
        keywords = {keyword.arg: keyword.value for keyword in value.keywords}
        if called == "field":
            if "default" in keywords:
                return _default(keywords["default"])
            if "default_factory" in keywords:
                return _made(keywords["default_factory"])
            return _default(value.args[0]) if value.args else REQUIRED
        if called in ("option", "argument", "parameter", "annotated"):
            return _default(value.args[0]) if value.args else REQUIRED
        return None
    if isinstance(value, ast.Constant) and value.value is Ellipsis:
        return REQUIRED
    try:
        plain = ast.literal_eval(value)
        json.dumps(plain, allow_nan=False)
    except (ValueError, TypeError):
        return None
    return list(plain) if isinstance(plain, tuple) else plain


def _made(factory: ast.expr) -> Any:
    if isinstance(factory, ast.Lambda):
        return _default(factory.body)
    if isinstance(factory, ast.Name) and factory.id in ("list", "dict"):
        return [] if factory.id == "list" else {}
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
