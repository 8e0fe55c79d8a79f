"""The text of inputs, read once and kept for suppressions and excerpts."""

from __future__ import annotations


class Sources:
    """Gives bytes and lines by path; what was linted from standard input is put in by hand."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}
        self._lines: dict[str, list[str]] = {}
        self._cells: dict[str, dict[int, tuple[str, ...]]] = {}

    def put(self, path: str, data: bytes) -> None:
        """Remember the content of ``path``."""
        self._data[path] = data

    def data(self, path: str) -> bytes:
        """Return the content of ``path``; empty where it can no longer be read."""
        if path not in self._data:
            try:
                with open(path, "rb") as file:
                    self._data[path] = file.read()
            except OSError:
                self._data[path] = b""
        return self._data[path]

    def line(self, path: str, number: int) -> str | None:
        """Return line ``number`` of ``path`` without its end, or None where there is none."""
        if path not in self._lines:
            self._lines[path] = _split(self.data(path).decode("utf-8-sig", errors="replace"))
        lines = self._lines[path]
        return lines[number - 1] if 0 < number <= len(lines) else None

    def cell_line(self, path: str, cell: int, number: int) -> str | None:
        """Return line ``number`` of a cell as its author sees it, or None where there is none.

        In the file a notebook's line stands in quotes, with escapes.
        """
        if path not in self._cells:
            self._cells[path] = _cells(path, self.data(path))
        lines = self._cells[path].get(cell, ())
        return lines[number - 1] if 0 < number <= len(lines) else None


def _cells(path: str, data: bytes) -> dict[int, tuple[str, ...]]:
    """The lines of each code cell of a notebook, or of a script with markers of cells."""
    from qlint.readers.notebook.cells import Cells
    from qlint.readers.notebook.ipynb import read_ipynb
    from qlint.readers.notebook.percent import split_cells

    if not path.lower().endswith(".ipynb"):
        cells = split_cells(data.decode("utf-8-sig", errors="replace"))
    else:
        read = read_ipynb(path, data)
        cells = read.cells if isinstance(read, Cells) else ()
    return {cell.number: cell.lines for cell in cells}


def _split(text: str) -> list[str]:
    """Split as Python and editors do, to whom a form feed does not end a line."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if text else []
