"""Configurations that a launcher changes before it uses them: ``sed``, ``yq``, ``envsubst``."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from launcher_reading import read

from qlint.readers.places import WrittenFile
from qlint.readers.shell.stream_editor import NotFollowed, edited
from qlint.readers.shell.values import Segment, Value, known

CONFIGURATION = "name: __NAME__\nlr: 1e-3  # high\nlora:\n  r: 64\n  alpha: 16\n"


def after(folder: Path, text: str, name: str = "c.yaml") -> WrittenFile:
    """The file as the last command finds it."""
    (folder / "c.yaml").write_text(CONFIGURATION)
    script = read(text + "\npython train.py\n", folder)
    return script.commands[-1].written[str(folder / name)]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("sed -i 's/lr: .*/lr: 2e-4/' c.yaml", ("lr: 1e-3  # high", "lr: 2e-4")),
        ("sed -i '' -e 's|__NAME__|a/b|' c.yaml", ("__NAME__", "a/b")),
        ('sed -i.bak "s/__NAME__/$N/g; s/64/8/" c.yaml', ("__NAME__", "$N", "64", "8")),
        ("sed -i -E 's/^( +)r: [0-9]+$/\\1r: 8/' c.yaml", ("r: 64", "r: 8")),
        ("sed -i 's/^\\([[:space:]]*\\)r: [0-9]*/\\1r: 8/' c.yaml", ("r: 64", "r: 8")),
        ("sed -i '/^lr:/s/1e-3/2e-4/' c.yaml", ("1e-3", "2e-4")),
        ("sed -i '/lora/d' c.yaml", ("lora:\n", "")),
        ("sed -i '2s/.*/lr: 2e-4/' c.yaml", ("lr: 1e-3  # high", "lr: 2e-4")),
        ('N=x; sed --in-place --expression="s/__NAME__/$N/" c.yaml', ("__NAME__", "x")),
        ("yq -i '.lr = 2e-4' c.yaml", ("1e-3", "2e-4")),
        ("yq e -i '.lora.r = 8 | .name = \"x\"' c.yaml", ("64", "8", "__NAME__", '"x"')),
        ("yq eval -i '.more = true' c.yaml", ("alpha: 16\n", "alpha: 16\nmore: true\n")),
        ("export N=x; yq -i '.name = strenv(N)' c.yaml", ("__NAME__", '"x"')),
        ("echo 'more: 1' >> c.yaml", ("alpha: 16\n", "alpha: 16\nmore: 1\n")),
    ],
)
def test_a_file_on_disk_is_changed(tmp_path: Path, command: str, expected: tuple[str, ...]) -> None:
    text = CONFIGURATION
    for old, new in zip(expected[::2], expected[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    assert after(tmp_path, command).data.decode() == text


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("sed 's/1e-3/2e-4/' c.yaml > d.yaml", "d.yaml"),
        ("cat c.yaml | sed 's/1e-3/2e-4/' > d.yaml", "d.yaml"),
        ("sed 's/1e-3/2e-4/' < c.yaml | tee d.yaml", "d.yaml"),
        ("cp c.yaml d.yaml; sed -i 's/1e-3/2e-4/' d.yaml", "d.yaml"),
        ("sed -i 's/1e-3/2e-4/' c.yaml; mv c.yaml d.yaml", "d.yaml"),
        ("mkdir -p run/; cp c.yaml run/; sed -i 's/1e-3/2e-4/' run/c.yaml", "run/c.yaml"),
        ("export LR=2e-4; sed -i 's/1e-3/${LR}/' c.yaml; envsubst < c.yaml > d.yaml", "d.yaml"),
    ],
)
def test_a_new_file_is_made_of_one(tmp_path: Path, command: str, name: str) -> None:
    found = after(tmp_path, command, name)
    assert found.data.decode() == CONFIGURATION.replace("1e-3", "2e-4")


def test_lines_stand_where_they_were_decided(tmp_path: Path) -> None:
    found = after(tmp_path, "\nsed -i 's/1e-3/2e-4/' c.yaml")
    first, second = found.places.place(1), found.places.place(2)
    assert (first.path, first.line) == ("c.yaml", 1)
    assert (second.path or found.places.path, second.line) == ("run.sh", 2)


@pytest.mark.parametrize(
    "command",
    [
        "sed -i 's/(a+)+$/x/;b;n' c.yaml",
        "sed -i -f edits.sed c.yaml",
        'sed -i "s/$PATTERN/x/" c.yaml',
        "sed -i '/a/,/b/c\\\\x' c.yaml",
        "yq -i '.lora.r += 8' c.yaml",
        "yq -i '.a.b.c = 8' c.yaml",
        "yq -i 'del(.lr)' c.yaml",
        "jq . c.yaml > c.yaml",
        "python edit.py > c.yaml",
        "python edit.py >> c.yaml",
    ],
)
def test_what_is_not_followed_leaves_the_file_open(tmp_path: Path, command: str) -> None:
    assert after(tmp_path, command).lost


def test_what_is_not_known_stands_in_the_file_with_its_reason(tmp_path: Path) -> None:
    found = after(tmp_path, 'sed -i "s/1e-3/$LR/" c.yaml')
    assert found.data.decode() == CONFIGURATION.replace("1e-3", "$LR")
    assert "LR is not set" in found.open["$LR"]


SCRIPTS = st.sampled_from(
    ["s/a/b/", "s/a/b/g", "s/^/x/", "s/$/x/", "s/a*/x/g", "s/[a-c]/<&>/g",
     "s/\\(a\\)\\(b\\)/\\2\\1/", "s/a\\+/x/", "s/b\\|c/x/g", "s|a/b|c|", "s/a\\/b/c/",
     "1d", "$d", "/b/d", "2s/a/z/", "s/a/b/I",
     "s/./\\n/", "s/x\\.y/z/", "s/a{2}/q/", "s/a\\{2\\}/q/", "s/[[:space:]]\\+$//", "/^$/d",
     "s/[^a]/-/g", "s/]/x/", "s/[]a]/x/", "s/a/\\&/", "$s/a/last/", "s/a/x/;s/x/y/", "/a/s//n/"]
)  # fmt: skip
TEXTS = st.text("abcx ./{}]\n\t1-", max_size=30)


@pytest.mark.skipif(shutil.which("sed") is None, reason="there is no sed to compare with")
@settings(max_examples=150, deadline=None)
@given(st.lists(SCRIPTS, min_size=1, max_size=2), TEXTS, st.booleans())
def test_it_does_what_sed_does(scripts: list[str], text: str, extended: bool) -> None:
    options = [word for one in scripts for word in ("-e", one)]
    command = ["sed", *(["-E"] if extended else []), *options]
    real = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    try:
        found = edited(known(text), [known(one) for one in scripts], extended=extended)
    except NotFollowed:
        return
    assert real.returncode == 0
    assert found.text == real.stdout


@settings(max_examples=200, deadline=None)
@given(st.text("s/dgi;\\()[]{}*+.^$|&1,: \nabce", max_size=25), st.booleans())
def test_no_script_breaks_it(script: str, extended: bool) -> None:
    text = known("lr: 1e-3\nlora_r: 64\n" + "a" * 300 + "\n")
    unknown = Value((Segment(script), Segment("$X", unknown="not set"), Segment("/")))
    for one in (known(script), unknown):
        with suppress(NotFollowed):
            edited(text, [one], extended=extended)
