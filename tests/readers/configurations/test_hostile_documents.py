"""Hostile configuration files: a diagnostic within seconds, no crash, nothing constructed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from qlint.readers import read
from qlint.readers.request import Request

pytestmark = pytest.mark.timeout(120)  # a hang is what is looked for

_KEYS = b"learning_rate: 1.0e-4\nlora_r: 8\nbase_model: a\nadapter: qlora\nmicro_batch_size: 1\n"


def _bomb() -> bytes:
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    return _KEYS + "\n".join([*lines, "lora_target_modules: *a39"]).encode()


def _merge_bomb() -> bytes:
    lines = ["m0: &m0 {k: 1}"]
    lines += [
        f"m{n}: &m{n}\n  <<: [{', '.join([f'*m{n - 1}'] * 9)}]\n  k{n}: 1" for n in range(1, 3000)
    ]
    return _KEYS + "\n".join(lines).encode()


TEXTS: dict[str, tuple[str, Callable[[], bytes], bool]] = {
    "alias bomb": (".yaml", _bomb, False),
    "merge bomb": (".yaml", _merge_bomb, True),
    "cyclic merge": (".yaml", lambda: _KEYS + b"a: &a\n  <<: *a\n  b: *a\n", False),
    "yaml brackets": (".yaml", lambda: _KEYS + b"x: " + b"[" * 200_000, True),
    "yaml braces": (".yaml", lambda: _KEYS + b"x: " + b"{a: " * 200_000, True),
    "yaml closed brackets": (".yaml", lambda: b"x: " + b"[" * 200_000 + b"]" * 200_000, True),
    "yaml dashes": (".yaml", lambda: _KEYS + b"x:\n" + b"- " * 200_000, True),
    "yaml questions": (".yaml", lambda: b"? " * 200_000, True),
    "yaml anchors": (".yaml", lambda: _KEYS + b"x: " + b"&a " * 200_000, True),
    "yaml many keys": (".yaml", lambda: b"".join(b"k%d: 1\n" % n for n in range(150_000)), True),
    "yaml long line": (".yaml", lambda: _KEYS + b"x: '" + b"a" * 1_900_000 + b"'\n", False),
    "yaml long number": (".yaml", lambda: _KEYS + b"max_steps: " + b"9" * 1_000_000, False),
    "json brackets": (".json", lambda: b'{"learning_rate": ' + b"[" * 200_000, True),
    "json braces": (".json", lambda: b'{"a": ' * 200_000, True),
    "json long number": (".json", lambda: b'{"learning_rate": ' + b"9" * 1_000_000 + b"}", True),
    "json open string": (".json", lambda: b'{"learning_rate": "' + b"a\\" * 900_000, True),
    "toml brackets": (".toml", lambda: b"learning_rate = " + b"[" * 200_000, True),
    "toml dots": (".toml", lambda: b"learning_rate" + b".a" * 200_000 + b" = 1", True),
    "tabs": (".yaml", lambda: _KEYS + b"x:\n\ty: 1\n", True),
    "invalid utf-8": (".yaml", lambda: _KEYS + b"x: \xff\xfe\n", True),
    "nul": (".yaml", lambda: _KEYS + b"x: a\x00b\n", True),
    "utf-16": (".json", lambda: '{"learning_rate": 1}'.encode("utf-16"), True),
    "python tag": (".yaml", lambda: _KEYS + b"lora_alpha: !!python/object:os.system {}\n", False),
    "unknown alias": (".yaml", lambda: _KEYS + b"x: *nowhere\n", True),
    "template": (".yaml", lambda: _KEYS + b"{% if a %}\nx: 1\n{% endif %}\n", True),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_diagnostic_in_time(name: str) -> None:
    suffix, text, refused = TEXTS[name]
    data = text()
    reading = read(f"hostile{suffix}", data, Request())
    assert bool(reading.problems) == refused
    for problem in reading.problems:
        assert problem.message
        assert problem.line >= 1


def test_a_tag_becomes_unknown_with_the_reason() -> None:
    reading = read("a.yaml", TEXTS["python tag"][1](), Request())
    (recipe,) = reading.recipes
    assert "never constructed" in (recipe["lora_alpha"].reason or "")


def test_nothing_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    text = f"x: !!python/object/apply:os.system ['touch {trace}']\n".encode()
    read("a.yaml", _KEYS + text, Request())
    assert not trace.exists()


def test_an_alias_bomb_is_not_expanded() -> None:
    reading = read("a.yaml", _bomb(), Request())
    (recipe,) = reading.recipes
    assert recipe["target_modules"].state.value == "unknown"


@pytest.mark.parametrize("suffix", [".json", ".yaml", ".toml"])
def test_a_hundred_megabytes_are_refused_at_once(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"large{suffix}"
    with path.open("wb") as file:
        file.write(b'{"learning_rate": 1, "x": "')
        os.ftruncate(file.fileno(), 100_000_000)
    data = path.read_bytes()
    (problem,) = read(str(path), data, Request()).problems
    assert "MB" in problem.message
