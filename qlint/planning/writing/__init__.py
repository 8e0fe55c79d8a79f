"""Writes a planned recipe as a run: a script, a notebook, or a framework's configuration.

The form follows from the name of the file: ``.py``, ``.ipynb``, or a YAML file whose name says the
framework (``axolotl.yaml``, ``my-llamafactory.yml``). What is written is complete: it trains as it
stands once the data is there, and qlint has nothing to say against it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping

from qlint.errors import UsageError
from qlint.planning.writing import axolotl, llamafactory, notebook, script, torchtune
from qlint.recipe import Json

Writer = Callable[[Mapping[str, Json], str, str], str]

_FRAMEWORKS: dict[str, Writer] = {
    "axolotl": axolotl.text,
    "llamafactory": llamafactory.text,
    "torchtune": torchtune.text,
}
_NAMES = {"notebook": "qlora.ipynb"}
"""Forms that may be asked for by a word instead of a file name."""


def render(recipe: Mapping[str, Json], name: str, summary: str) -> str:
    """The text of the file ``name`` that trains by ``recipe``.

    ``recipe`` has a value for every field that the templates name; ``summary`` is one sentence that
    goes to the file's head. Raises UsageError for a name that says no form.
    """
    base = os.path.basename(name)
    stem, suffix = os.path.splitext(base.lower())
    if suffix == ".py":
        return script.text(recipe, base, summary)
    if suffix == ".ipynb":
        return notebook.text(recipe, base, summary)
    if suffix in (".yaml", ".yml"):
        plain = stem.replace("-", "").replace("_", "")
        for framework, writer in _FRAMEWORKS.items():
            if framework in plain:
                return writer(recipe, base, summary)
    known = ", ".join(f"{framework}.yaml" for framework in _FRAMEWORKS)
    raise UsageError(
        f"--write {name}: the name does not say what to write; "
        f"give train.py, notebook (or a .ipynb file), {known}"
    )


def write(recipe: Mapping[str, Json], name: str, summary: str) -> str:
    """Write the run and return the path. An existing file is left alone: raises UsageError."""
    path = _NAMES.get(name, name)
    content = render(recipe, path, summary)
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.lexists(path):
        raise UsageError(f"--write {path}: the file exists; give another name or move it away")
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".qlint-")
        with open(handle, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise UsageError(f"--write {path}: cannot be written: {error.strerror}") from None
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
