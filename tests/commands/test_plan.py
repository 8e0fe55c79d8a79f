"""``qlint plan`` as users call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from qlint.__main__ import main
from qlint.schema import schema_text

FIXTURES = Path(__file__).parents[2] / "fixtures"
PITFALLS = str(FIXTURES / "pitfalls" / "train.py")
GOOD = str(FIXTURES / "good" / "train.py")


def planned(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, Any]:
    status = main(["plan", "--isolated", "--output-format", "json", *argv])
    captured = capsys.readouterr()
    document = json.loads(captured.out) if captured.out else captured.err
    if captured.out:
        jsonschema.Draft202012Validator(json.loads(schema_text())).validate(document)
    return status, document


def test_the_recommended_recipe_beside_its_budget(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--model", "llama-2-7b", "--gpu", "24GB"]) == 0
    text = capsys.readouterr().out
    assert "NF4 with double quantisation, computing in bfloat16, LoRA r 8" in text
    assert "it fits, with" in text
    assert "A 24 GB budget often planned with" in text
    assert "nearer to a run without" in text


def test_a_run_that_does_not_fit_and_what_makes_it_fit(capsys: pytest.CaptureFixture[str]) -> None:
    status, document = planned(capsys, PITFALLS, "--gpu", "rtx4090")
    plan = document["plan"]
    assert status == 1
    assert plan["fits"] is False
    assert plan["margin_bytes"] < 0
    assert plan["options"][-1]["fits"] is True
    assert sum(one["bytes"] for one in plan["components"]) == plan["peak"]["allocated_bytes"]
    assert document["recipes"][0]["source"]["path"].endswith("train.py")


def test_a_good_run_fits_and_its_room_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    status, document = planned(capsys, GOOD, "--gpu", "24GB")
    assert status == 0
    assert document["plan"]["max_seq_length"] >= 1024
    assert document["plan"]["frontier"][0]["per_device_train_batch_size"] == 1


def test_set_changes_what_is_planned(capsys: pytest.CaptureFixture[str]) -> None:
    lean = planned(capsys, GOOD, "--gpu", "24GB")[1]["plan"]
    longer = planned(capsys, GOOD, "--gpu", "24GB", "--set", "max_seq_length=8192")[1]["plan"]
    assert longer["peak"]["allocated_bytes"] > lean["peak"]["allocated_bytes"]


def test_several_cards_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    status, document = planned(capsys, "--model", "llama-2-7b", "--gpus", "2x24GB")
    strategies = document["plan"]["strategies"]
    assert status == 0
    assert len(strategies) == 5
    assert [one["name"] for one in strategies if one["recommended"]] == ["LoRA 16-bit + DDP"]
    assert document["plan"]["gpu"]["count"] == 2


def test_without_a_card_there_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    status, document = planned(capsys, "--model", "llama-2-7b")
    assert status == 0
    assert document["plan"]["fits"] is None
    assert document["plan"]["gpu"] is None


def test_the_card_of_the_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("qlint.toml").write_text('gpu = "T4"\n')
    assert main(["plan", "--model", "llama-2-7b"]) == 0
    text = capsys.readouterr().out
    assert "on T4" in text
    assert "float16" in text


def test_a_configuration_of_a_model_on_disk(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from qlint.knowledge.models import find_model

    model = find_model("llama-2-7b")
    assert model is not None
    path = tmp_path / "config.json"
    path.write_text(json.dumps(dict(model.config)))
    by_path = planned(capsys, "--model", str(path), "--gpu", "24GB")[1]["plan"]
    by_name = planned(capsys, "--model", "llama-2-7b", "--gpu", "24GB")[1]["plan"]
    assert by_path["components"] == by_name["components"]


def test_write(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    argv = ["plan", "--model", "llama-2-7b", "--gpu", "24GB", "--write", "train.py"]
    assert main(argv) == 0
    assert "wrote train.py" in capsys.readouterr().err
    assert main(["check", "--isolated", "--fail-on", "info", "train.py"]) == 0
    capsys.readouterr()
    assert main(argv) == 2
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], "needs a script or a configuration, or a model"),
        (["--model", "llama-2-7c"], "the model 'llama-2-7c' is not known"),
        (["--model", "llama-2-7b", "--gpu", "rtx9999"], "'rtx9999' is not known"),
        (["--model", "llama-2-7b", "--gpu=-24GB"], "is not known"),
        (["--model", "llama-2-7b", "--gpus", "0x24GB"], "is not known"),
        (["--model", "llama-2-7b", "--gpu", "24GB", "--gpus", "2x24GB"], "give one of them"),
        (["--model", "llama-2-7b", "--set", "lora_rnak=8"], "did you mean lora_r"),
        (["--model", "llama-2-7b", "--set", "max_seq_length=-1"], "at least 1"),
        (["--model", "llama-2-7b", "--set", "gradient_checkpointing=maybe"], "true or false"),
        (["--model", "llama-2-7b", "--set", "lora_r"], "field=value"),
        (["--model", "no/such/config.json"], "no configuration"),
        ([PITFALLS, "--run", "nope"], "no run is called 'nope'"),
    ],
)
def test_bad_input_is_one_sentence(
    capsys: pytest.CaptureFixture[str], argv: list[str], sentence: str
) -> None:
    status = main(["plan", "--isolated", *argv])
    error = capsys.readouterr().err
    assert status == 2
    assert sentence in error
    assert error.count("\n") == 1


def test_nothing_to_plan(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "empty.py"
    path.write_text("print(1)\n")
    assert main(["plan", "--isolated", str(path)]) == 2
    assert "no training run was found" in capsys.readouterr().err


@pytest.mark.slow
def test_simulate_agrees_with_the_closed_form(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("bitsandbytes")
    argv = ["--model", "llama-2-7b", "--gpu", "24GB"]
    formula = planned(capsys, *argv)[1]["plan"]
    simulated = planned(capsys, *argv, "--simulate")[1]["plan"]
    assert (formula["method"], simulated["method"]) == ("closed form", "simulation")
    both = [one["peak"]["allocated_bytes"] for one in (formula, simulated)]
    assert both[1] == pytest.approx(both[0], rel=0.04)
    assert sum(one["bytes"] for one in simulated["components"]) == both[1]


def test_simulate_without_its_libraries_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "qlint.runtime_probes.simulation.simulated", None)
    assert main(["plan", "--model", "llama-2-7b", "--gpu", "24GB", "--simulate"]) == 2
    error = capsys.readouterr().err
    assert "qlint[probe]" in error
    assert error.count("\n") == 1
