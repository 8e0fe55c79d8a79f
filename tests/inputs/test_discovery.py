import os
import subprocess
from pathlib import Path

import pytest

from qlint.errors import UsageError
from qlint.inputs.discovery import discover
from qlint.settings.in_force import Settings


def is_python(path: str) -> bool:
    return path.endswith(".py")


def paths(*named: str, settings: Settings | None = None, force_exclude: bool = False) -> list[str]:
    return discover(
        named, settings or Settings(), is_python, ".py", force_exclude=force_exclude
    ).paths


def write(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


@pytest.fixture(params=["plain", "git"])
def tree(request: pytest.FixtureRequest, folder: Path) -> Path:
    """An empty folder that is a git repository, and one that is not: both must behave alike."""
    if request.param == "git":
        git("init", "-q")
    return folder


def test_a_folder_gives_its_python_files_in_one_order(tree: Path) -> None:
    write("b.py", "a/z.py", "a/y.py", "notes.md", "a.py")
    assert paths(".") == ["a.py", "a/y.py", "a/z.py", "b.py"]


def test_ignored_files_are_left_out(tree: Path) -> None:
    write("a.py", "kept/b.py", "kept/generated.py", "out/c.py", "kept/deep/generated.py")
    Path(".gitignore").write_text("out/\n")
    Path("kept/.gitignore").write_text("generated.py\n!deep/generated.py\n")
    assert paths(".") == ["a.py", "kept/b.py", "kept/deep/generated.py"]


def test_default_excludes_count_below_the_named_folder_only(tree: Path) -> None:
    write("build/project/a.py", "build/project/.venv/lib/b.py", "build/project/node_modules/c.py")
    assert paths(".") == []
    assert paths("build/project") == ["build/project/a.py"]


def test_a_folder_that_git_ignores_is_linted_when_named(tree: Path) -> None:
    write("scratch/a.py")
    Path(".gitignore").write_text("scratch\n")
    assert paths(".") == []
    assert paths("scratch") == ["scratch/a.py"]


def test_a_repository_within_the_repository_is_entered(folder: Path) -> None:
    git("init", "-q")
    write("inner/a.py")
    git("init", "-q", "inner")
    git("-C", "inner", "add", "a.py")
    assert paths(".") == ["inner/a.py"]


def test_a_tracked_file_that_was_deleted_is_no_trouble(folder: Path) -> None:
    git("init", "-q")
    write("a.py", "b.py")
    git("add", ".")
    Path("a.py").unlink()
    assert discover(["."], Settings(), is_python, ".py") == (["b.py"], [])


def test_a_hook_environment_does_not_mislead_git(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("init", "-q", "other")
    git("init", "-q", "here")
    write("here/a.py")
    monkeypatch.setenv("GIT_DIR", str(folder / "other/.git"))
    assert paths("here") == ["here/a.py"]


def test_exclude_replaces_and_extend_exclude_adds(tree: Path) -> None:
    write("a.py", "legacy/b.py", "build/c.py")
    settings = Settings()
    settings.extend_exclude = ("legacy",)
    assert paths(".", settings=settings) == ["a.py"]
    settings.exclude = ("a.py",)
    assert paths(".", settings=settings) == ["build/c.py"]


def test_a_named_file_is_linted_though_excluded_unless_a_tool_named_it(folder: Path) -> None:
    write("legacy/b.py", "data.csv")
    settings = Settings()
    settings.extend_exclude = ("legacy/",)
    assert paths("legacy/b.py", settings=settings) == ["legacy/b.py"]
    assert paths("legacy/b.py", settings=settings, force_exclude=True) == []
    assert discover(["data.csv"], settings, is_python, ".py", force_exclude=True).skipped == []


def test_a_folder_named_like_a_script_is_a_folder(tree: Path) -> None:
    write("train.py/a.py")
    assert paths(".") == ["train.py/a.py"]
    assert paths("train.py") == ["train.py/a.py"]


def test_the_same_file_counts_once(folder: Path) -> None:
    write("a.py")
    os.symlink("a.py", "link.py")
    assert paths("a.py", "./a.py", ".", str(folder / "a.py")) == ["a.py"]


def test_a_loop_of_links_ends(tree: Path) -> None:
    write("deep/a.py")
    os.symlink("..", "deep/up")
    assert paths(".") == ["deep/a.py"]


def test_a_missing_path_is_a_usage_error(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file or folder: nowhere\.py"):
        paths("nowhere.py")


def test_what_cannot_be_read_is_skipped_visibly(tree: Path) -> None:
    os.symlink("nowhere", "broken.py")
    os.mkfifo("pipe.py")
    skipped = dict(discover(["."], Settings(), is_python, ".py").skipped)
    assert skipped.get("broken.py") == "broken symbolic link"
    # git does not list FIFOs, so only the walk and a direct call meet one.
    skipped = dict(discover(["pipe.py"], Settings(), is_python, ".py").skipped)
    assert skipped["pipe.py"].startswith("not a regular file")


def test_another_kind_of_file_is_named_with_the_kinds_there_are(folder: Path) -> None:
    write("notes.md")
    assert discover(["notes.md"], Settings(), is_python, ".py").skipped == [
        ("notes.md", "no reader for .md files, only for .py")
    ]


def test_a_huge_file_is_not_read(folder: Path) -> None:
    with open("huge.py", "wb") as file:
        file.truncate(2**30)
    assert discover(["."], Settings(), is_python, ".py").skipped == [
        ("huge.py", "larger than 256 MiB")
    ]
