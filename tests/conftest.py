import importlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import toy_reader
from hypothesis import settings
from tiny_model import save_texts, save_tiny_model

from qlint import readers
from qlint.__main__ import main
from qlint.rulebook.registry import all_rules

# The same examples on every machine; HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

Call = Callable[..., tuple[int, str, str]]

TOY_RULES = Path(__file__).parent / "toy_rules"


@pytest.fixture(autouse=True)
def no_active_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens to be installed beside the tests decides nothing in them."""
    monkeypatch.setattr("qlint.linting.analysis.active_versions", dict)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A toy reader and toy rules, so that a test is about the linter alone."""
    monkeypatch.setattr(readers, "read", toy_reader.read)
    monkeypatch.setattr(importlib.import_module("qlint.rules"), "__path__", [str(TOY_RULES)])
    all_rules.cache_clear()
    yield
    all_rules.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def qlint(toy: None, folder: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call qlint in an empty folder: exit status, standard output, standard error."""

    def call(*argv: str) -> tuple[int, str, str]:
        status = main(argv)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def project(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The current folder, with a tiny model and data; the network answers nobody."""
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("trl")
    save_tiny_model(folder / "model")
    save_texts(folder / "train.jsonl", rows=200)
    monkeypatch.setenv("DATA_CACHE", str(tmp_path_factory.mktemp("cache")))
    # What trackers and the hub would need.
    monkeypatch.setattr(socket.socket, "connect", _no_network)
    monkeypatch.setattr(socket, "getaddrinfo", _no_network)
    return folder


def _no_network(*_: Any, **__: Any) -> Any:
    raise AssertionError("the network was asked")
