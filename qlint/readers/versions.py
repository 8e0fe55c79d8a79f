"""The versions of the libraries that an input runs with: which are in force, and who says so.

For each library the first of these that says something decides:

1. ``--target-versions`` and the setting of that name;
2. the input itself: what the cells of a notebook install (the last counts), the ``# /// script``
   block of a script (PEP 723);
3. the project's files, from the input's folder up to the root, the nearest folder first. In one
   folder a lock file beats an exact version and that beats a range;
4. the active environment: what is installed beside qlint or in the activated one. Not with
   ``--isolated``, and not where nothing asks for it, so that the same files read the same anywhere;
5. the newest release that qlint knows.

A range means the version of the active environment where it allows that, else the newest that it
allows of those that qlint knows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

LIBRARIES = ("transformers", "trl", "peft", "bitsandbytes", "unsloth", "accelerate")
MAX_BYTES = 200_000
MAX_LOCK_BYTES = 8_000_000
MAX_FOLDERS = 12


@dataclass(frozen=True, slots=True)
class Pin:
    """What one line of a file says about a library: an exact version or a specifier."""

    library: str
    specifier: str
    path: str
    line: int
    locked: bool = False


def project_versions(
    path: str, root: str, installed: Mapping[str, tuple[str, str]] | None = None
) -> dict[str, tuple[str, str]]:
    """Versions for a script: ``{library: (version, "requirements.txt:3")}``.

    ``installed`` are those of the active environment, with where that is. Libraries about which
    nothing is said are left out.
    """
    found: dict[str, tuple[str, str]] = {}
    active = installed or {}
    for pins in _nearest_first(path, root):
        for pin in sorted(pins, key=_looseness):
            if pin.library in found:
                continue
            here = active.get(pin.library)
            if here is not None and admits(pin.specifier, here[0]):
                found[pin.library] = here
                continue
            version = version_of(pin.library, pin.specifier)
            if version is not None:
                place = os.path.relpath(pin.path, os.path.abspath(root))
                shown = pin.path if place.startswith("..") else place
                found[pin.library] = (version, f"{shown}:{pin.line}")
        if len(found) == len(LIBRARIES):
            break
    return {**active, **found}


def _looseness(pin: Pin) -> int:
    """0 for a lock file, 1 for an exact version, 2 for a range."""
    if pin.locked:
        return 0
    return 1 if pin.specifier.startswith("==") and "*" not in pin.specifier else 2


def _nearest_first(path: str, root: str) -> Iterator[tuple[Pin, ...]]:
    path, root = os.path.abspath(path), os.path.abspath(root)
    if os.path.isfile(path):
        yield _script_pins(path, _stamp(path))
    folder = os.path.dirname(path)
    inside = folder == root or folder.startswith(root.rstrip(os.sep) + os.sep)
    for _ in range(MAX_FOLDERS):
        candidates = _candidates(folder, _stamp(folder))
        yield tuple(pin for file in candidates for pin in _file_pins(file, _stamp(file)))
        parent = os.path.dirname(folder)
        if not inside or folder == root or parent == folder:
            return
        folder = parent


def _stamp(path: str) -> int:
    """The time of the last change, so that what was read stays valid for a running server."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=512)
def _candidates(folder: str, stamp: int) -> tuple[str, ...]:
    """The files of a folder that may pin versions, by their names."""
    from qlint.readers.version_files import reader_for

    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return ()
    return tuple(os.path.join(folder, name) for name in names if reader_for(name) is not None)


@lru_cache(maxsize=512)
def _file_pins(path: str, stamp: int) -> tuple[Pin, ...]:
    """What one file says; it is read once."""
    from qlint.readers.version_files import reader_for

    read = reader_for(os.path.basename(path))
    data = read_small(path)
    if read is None or data is None or not mentions_library(data):
        return ()
    return tuple(read(data, path))


@lru_cache(maxsize=512)
def _script_pins(path: str, stamp: int) -> tuple[Pin, ...]:
    """The ``# /// script`` block of the script itself (PEP 723)."""
    data = read_small(path)
    if data is None or b"# /// script" not in data:
        return ()
    from qlint.readers.version_files.requirements import script_block

    return tuple(script_block(data, path))


def read_small(path: str) -> bytes | None:
    """The bytes of a file of a sensible size; only lock files may be large."""
    limit = MAX_LOCK_BYTES if path.endswith((".lock", "Pipfile.lock")) else MAX_BYTES
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > limit:
            return None
        with open(path, "rb") as stream:
            return stream.read(limit)
    except OSError:
        return None


def mentions_library(data: bytes) -> bool:
    """A byte search, so that files without any of the libraries are never parsed.

    Files that include others are parsed too.
    """
    lowered = data.lower()
    if any(name.encode() in lowered for name in LIBRARIES):
        return True
    return b"-r" in data or b"-c" in data or b"--requirement" in data


def version_of(library: str, specifier: str) -> str | None:
    """The version that a specifier stands for; None where it says nothing."""
    allowed = _specifiers(specifier)
    if allowed is None:
        return None
    exact = _exact(allowed)
    if exact is not None:
        return exact
    from packaging.version import InvalidVersion, Version

    from qlint.knowledge import libraries

    texts = set(libraries.known_versions(library)) if library in libraries.libraries() else set()
    # qlint knows the last patch of each minor release; a bound may name another one.
    texts |= {single.version for single in allowed if single.operator in (">=", "<=", "~=")}
    fitting: list[tuple[Version, str]] = []
    for text in texts:
        try:
            version = Version(text)
        except InvalidVersion:
            continue
        if allowed.contains(version, prereleases=True):
            fitting.append((version, text))
    return max(fitting)[1] if fitting else None


def admits(specifier: str, version: str) -> bool:
    """Whether a specifier allows a version, so that an installation would leave it alone."""
    allowed = _specifiers(specifier)
    return allowed is not None and allowed.contains(version, prereleases=True)


def _specifiers(text: str) -> SpecifierSet | None:
    text = text.strip()
    if not text or text == "*":
        return None
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


def _exact(allowed: SpecifierSet) -> str | None:
    for single in allowed:
        if single.operator in ("==", "===") and "*" not in single.version:
            return single.version
    return None
