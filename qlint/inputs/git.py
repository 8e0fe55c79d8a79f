"""Ask git which files of a folder it does not ignore."""

from __future__ import annotations

import os

# Set while git runs a hook; they would turn the question to another repository.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


def files(folder: str) -> list[str] | None:
    """List the files git does not ignore, relative to ``folder``.

    None where git cannot say: no repository, no git, or a folder that is itself ignored and was
    named by the user all the same.
    """
    if not _in_repository(folder) or _run(folder, "check-ignore", "--quiet", ".") is not None:
        return None
    listed = _run(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed is None:
        return None
    return [os.fsdecode(name) for name in dict.fromkeys(listed.split(b"\0")) if name]


def _in_repository(folder: str) -> bool:
    """Look for ``.git`` upwards, which is cheaper than to start git in vain."""
    current = os.path.realpath(folder)
    while not os.path.lexists(os.path.join(current, ".git")):
        parent = os.path.dirname(current)
        if parent == current:
            return False
        current = parent
    return True


def _run(folder: str, *arguments: str) -> bytes | None:
    """Return what git prints, or None when it fails or is not there."""
    import subprocess

    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    # A file-system monitor is a program that the repository names; qlint must not start it.
    command = ["git", "-c", "core.fsmonitor=false", "-C", folder, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=True, env=environment)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout
