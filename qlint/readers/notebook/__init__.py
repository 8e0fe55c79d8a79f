"""The notebook reader: Jupyter notebooks, and scripts divided into cells that need IPython.

A notebook is taken apart into cells (:mod:`ipynb`, :mod:`percent`), what only IPython understands
is masked (:mod:`masking`), and the cells are put together into one program (:mod:`assembly`) that
the Python reader evaluates. What shell lines and magics do to it stands in :mod:`effects`; what
they start is read as runs of the notebook (:mod:`following`). At the end everything is moved
to the cells and lines where it stands (:mod:`qlint.readers.relocation`).
"""

from __future__ import annotations

from qlint.readers.notebook.reader import read_notebook, read_percent

__all__ = ["needs_ipython", "read_notebook", "read_percent"]


def needs_ipython(path: str, data: bytes) -> bool:
    """Whether a ``.py`` file with cell markers is a notebook: not to be run by Python alone.

    One that Python runs as it is stays a script.
    """
    from qlint.readers.gate import check_nesting, check_syntax, check_text
    from qlint.recipe import Problem

    if b"# MAGIC" in data:
        return True
    text = check_text(data, path)
    if isinstance(text, Problem) or check_nesting(text, path) is not None:
        return False
    return check_syntax(text, path) is not None
