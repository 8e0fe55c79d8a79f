"""Measurements in the findings: shown, believed where they refute, and never when stale."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from qlint.__main__ import main
from qlint.linting.evidence_file import Measured, known_values, model_digest, read, write
from qlint.linting.linter import lint
from qlint.linting.session import EVIDENCE_FILE, Session
from qlint.settings.in_force import Settings

SCRIPT = """
from peft import LoraConfig
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from trl import SFTConfig, SFTTrainer
model = AutoModelForCausalLM.from_pretrained(
    "meta-llama/Llama-2-7b-hf", quantization_config=BitsAndBytesConfig(load_in_4bit=True)
)
SFTTrainer(
    model=model,
    args=SFTConfig("out", learning_rate=1e-5, optim="adamw_torch", gradient_checkpointing=True),
    peft_config=LoraConfig(r=8, target_modules=["q_proj", "v_proj"]),
    train_dataset=None,
).train()
"""
WHY = "8-bit state would save 0.04 GB"


@pytest.fixture
def project(folder: Path) -> Path:
    (folder / "pyproject.toml").write_text("[tool.qlint]\n")
    (folder / "train.py").write_text(SCRIPT)
    return folder


VERSIONS = {"torch": "2.13.0", "transformers": "5.23.0", "trl": "1.16.0"}


def measured(
    verdict: str,
    card: tuple[str, int] | None = None,
    versions: Mapping[str, str] = VERSIONS,
) -> Measured:
    (recipe,) = lint(Session(("train.py",), Settings()), check=False).recipes
    return Measured(
        source="train.py",
        values=known_values(recipe),
        model=model_digest(recipe),
        versions=dict(versions),
        card=card[0] if card else None,
        card_bytes=card[1] if card else None,
        verdicts=[{"code": "QL105", "verdict": verdict, "why": WHY}],
    )


def finding(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    main(["train.py", "--output-format", "json", "--select", "QL105", *options])
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert isinstance(found, dict)
    return found


def test_what_was_refuted_becomes_an_info(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finding(capsys)["severity"] == "warning"
    write(EVIDENCE_FILE, measured("refuted"))
    found = finding(capsys)
    assert found["severity"] == "info"
    assert found["evidence"]["measured"] == f"refuted: {WHY} (on the processor)"


@pytest.mark.parametrize("verdict", ["confirmed", "undecided"])
def test_anything_else_is_shown_and_changes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str], verdict: str
) -> None:
    write(EVIDENCE_FILE, measured(verdict))
    found = finding(capsys)
    assert found["severity"] == "warning"
    assert found["evidence"]["measured"] == f"{verdict}: {WHY} (on the processor)"


def test_a_changed_recipe_makes_it_stale(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(EVIDENCE_FILE, measured("refuted"))
    (project / "train.py").write_text(SCRIPT.replace("r=8", "r=256"))
    found = finding(capsys)
    assert found["severity"] == "warning"
    assert found["evidence"]["measured"].startswith("stale")
    assert "lora_r was 8, is 256" in found["evidence"]["measured"]


@pytest.mark.parametrize(
    ("pinned", "stale"), [(None, False), ("5.23.0", False), ("5.22.0", True), ("4.44", True)]
)
def test_other_versions_than_those_that_ran_make_it_stale(
    project: Path, capsys: pytest.CaptureFixture[str], pinned: str | None, stale: bool
) -> None:
    write(EVIDENCE_FILE, measured("refuted"))
    found = finding(capsys, *(["--target-versions", f"transformers={pinned}"] if pinned else []))
    assert found["severity"] == ("warning" if stale else "info")
    assert ("transformers was 5.23.0, is" in found["evidence"]["measured"]) is stale


def test_a_version_that_is_merely_assumed_makes_nothing_stale(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(EVIDENCE_FILE, measured("refuted", versions={"transformers": "4.44.0"}))
    assert finding(capsys)["severity"] == "info"


@pytest.mark.parametrize(
    ("card", "gpu", "stale"),
    [
        (("NVIDIA H200", 150_000_000_000), None, False),
        (("NVIDIA H200", 150_000_000_000), "24GB", True),
        (("NVIDIA GeForce RTX 4090", 25_300_000_000), "24GB", False),
        (("NVIDIA GeForce RTX 4090", 25_300_000_000), "2xrtx4090", False),
        (("NVIDIA GeForce RTX 4090", 25_300_000_000), "rtx3090", True),
        (("Unheard Of 24", 25_300_000_000), "rtx3090", False),
        (None, "24GB", False),  # On the processor nothing is decided that hangs on a card.
    ],
)
def test_another_card_makes_it_stale(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    card: tuple[str, int] | None,
    gpu: str | None,
    stale: bool,
) -> None:
    write(EVIDENCE_FILE, measured("refuted", card))
    shown = finding(capsys, *(["--gpu", gpu] if gpu else []))["evidence"]["measured"]
    assert shown.startswith("stale") is stale
    if card is not None:
        assert shown.endswith(f"{WHY} (on {card[0]})")
        assert (f"the card was {card[0]}, is" in shown) is stale


def test_another_model_of_the_same_name_makes_it_stale(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = SCRIPT.replace("meta-llama/Llama-2-7b-hf", "model")
    (project / "train.py").write_text(script)
    (project / "model").mkdir()
    configuration = project / "model" / "config.json"
    configuration.write_text('{"hidden_size": 64}')
    write(EVIDENCE_FILE, measured("refuted"))
    assert finding(capsys)["severity"] == "info"
    configuration.write_text('{"hidden_size": 128}')
    found = finding(capsys)
    assert found["severity"] == "warning"
    assert "config.json is another one" in found["evidence"]["measured"]
    configuration.unlink()  # Not at hand any more: nothing to compare.
    assert finding(capsys)["severity"] == "info"


def test_a_script_was_measured_for_the_launcher_that_starts_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(EVIDENCE_FILE, measured("refuted"))
    (project / "run.sh").write_text("python train.py\n")
    main([".", "--output-format", "json", "--select", "QL105"])
    report = json.loads(capsys.readouterr().out)
    (found,) = report["findings"]
    assert report["recipes"][0]["source"]["path"] == "run.sh"
    assert found["severity"] == "info"


def test_the_nearest_file_up_to_the_root_counts(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project / "training"
    folder.mkdir()
    (project / "train.py").rename(folder / "train.py")
    monkeypatch.chdir(folder)
    write(EVIDENCE_FILE, measured("refuted"))
    assert finding(capsys)["severity"] == "info"
    monkeypatch.chdir(project)
    main(["training/train.py", "--output-format", "json", "--select", "QL105"])
    assert json.loads(capsys.readouterr().out)["findings"][0]["severity"] == "info"


def test_the_measurement_of_the_present_recipe_counts_among_several(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(EVIDENCE_FILE, measured("refuted"))
    (project / "train.py").write_text(SCRIPT.replace("r=8", "r=256"))
    write(EVIDENCE_FILE, measured("confirmed"))
    assert len(read(EVIDENCE_FILE).measurements) == 2
    assert finding(capsys)["evidence"]["measured"] == f"confirmed: {WHY} (on the processor)"
    write(EVIDENCE_FILE, measured("undecided"))
    assert len(read(EVIDENCE_FILE).measurements) == 2


def test_a_file_can_be_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("elsewhere.json", measured("refuted"))
    assert finding(capsys)["evidence"]["measured"] is None
    assert finding(capsys, "--evidence", "elsewhere.json")["severity"] == "info"


def test_an_earlier_measurement_does_not_weigh_a_new_one(project: Path) -> None:
    write(EVIDENCE_FILE, measured("refuted"))
    session = Session(("train.py",), Settings())
    for weigh, expected in ((True, "info"), (False, "warning")):
        found = {one.code: one for one in lint(session, weigh=weigh).findings}
        assert found["QL105"].severity.value == expected


def test_isolated_looks_for_none(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(EVIDENCE_FILE, measured("refuted"))
    assert finding(capsys, "--isolated")["severity"] == "warning"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 2, "measurements": []}',
        '{"format": 1}',
        '{"format": 1, "measurements": [{"source": "train.py"}]}',
        "[" * 200_000,
        "\udcff",
    ],
)
def test_what_is_no_evidence_file_is_one_sentence(
    project: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    Path("bad.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert main(["train.py", "--evidence", "bad.json"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("qlint: bad.json is not an evidence file")
    assert error.count("\n") == 1


def test_a_missing_file_is_one_sentence(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train.py", "--evidence", "none.json"]) == 2
    assert "cannot read evidence file none.json" in capsys.readouterr().err
