import socket
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def project(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The current folder, with a model and data; the network answers nobody."""
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("trl")
    import tiny_runs

    tiny_runs.prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_CACHE", str(tmp_path_factory.mktemp("cache")))
    # What trackers and the hub would need.
    monkeypatch.setattr(socket.socket, "connect", _no_network)
    monkeypatch.setattr(socket, "getaddrinfo", _no_network)
    return tmp_path


def _no_network(*_: Any, **__: Any) -> Any:
    raise AssertionError("the network was asked")
