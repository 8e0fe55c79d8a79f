"""The settings in force: defaults, then a settings file, then the command line."""

from __future__ import annotations

from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


SEVERITIES = ("error", "warning", "info")
OUTPUT_FORMATS = ("full", "concise", "json", "json-lines")

DEFAULT_EXCLUDE = (
    ".eggs",
    ".git",
    ".hg",
    ".mypy_cache",
    ".nox",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    "__pycache__",
    "__pypackages__",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)


class Settings:
    """What decides which inputs are read, which rules run and what fails.

    A plain class and not a dataclass: a run over clean files would otherwise spend a fifth of its
    time on importing ``dataclasses``.
    """

    def __init__(self) -> None:
        self.folder = "."
        """Patterns of ``exclude`` and ``per_file_ignores`` are relative to this folder."""
        self.select: tuple[str, ...] = ("ALL",)
        self.extend_select: tuple[str, ...] = ()
        self.ignore: tuple[str, ...] = ()
        self.fail_on = "warning"
        self.output_format = "full"
        self.exclude: tuple[str, ...] = DEFAULT_EXCLUDE
        self.extend_exclude: tuple[str, ...] = ()
        self.per_file_ignores: dict[str, tuple[str, ...]] = {}
        self.gpu: str | None = None
        self.model: str | None = None
        self.probe_run: str | None = None
        """The script, with its arguments, that ``qlint probe`` measures where it is given none."""
        self.target_versions: dict[str, str] = {}
        self.rules: dict[str, dict[str, Any]] = {}
        self.origins: dict[str, str] = {}
        """Where each setting that is not a default was read."""

    def put(self, name: str, value: Any, origin: str) -> None:
        """Set ``name`` (spelled as in a settings file) to a checked value read at ``origin``."""
        setattr(self, attribute_name(name), value)
        self.origins[name] = origin

    def get(self, name: str) -> Any:
        """Return the value of ``name``, spelled as in a settings file."""
        return getattr(self, attribute_name(name))

    def override(self, name: str, value: Any) -> None:
        """Put a value from the command line.

        ``--select`` starts afresh: what a file ignores or adds was meant for what it selects.
        """
        if name == "select":
            for dropped in ("ignore", "extend-select"):
                self.put(dropped, (), "--select starts afresh")
        self.put(name, value, f"--{name}")


def attribute_name(name: str) -> str:
    """Turn the spelling of a settings file into that of an attribute."""
    return name.replace("-", "_")
