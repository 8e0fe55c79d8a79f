"""Where a layout goes: as plain text, or as text with the colours of a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from qlint.reporters.layout import Line

_RICH_STYLES = {
    "path": "bold",
    "code": "bold red",
    "error": "red",
    "warning": "yellow",
    "info": "cyan",
    "caret": "red",
    "dim": "dim",
    "bold": "bold",
    "bar": "cyan",
}


def render(lines: Iterable[Line], *, color: bool) -> str:
    """Return ``lines`` as one text."""
    if color:
        return _in_color(lines)
    return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)


def _in_color(lines: Iterable[Line]) -> str:
    # rich takes longer to import than a clean run takes: only colour needs it.
    import io

    from rich.console import Console
    from rich.text import Text

    target = io.StringIO()
    console = Console(file=target, force_terminal=True, color_system="standard")
    for line in lines:
        text = Text.assemble(*((piece, _RICH_STYLES.get(style, "")) for piece, style in line))
        console.print(text, soft_wrap=True, highlight=False)
    return target.getvalue()
