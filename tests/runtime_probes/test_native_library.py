"""bitsandbytes without its functions for the card is one sentence, before anything is built."""

from __future__ import annotations

import importlib
import json
from _ctypes import CFuncPtr
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")

import torch

from qlint.__main__ import main

SHAPE = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
    "vocab_size": 100,
}


def problem(library: Any) -> str | None:
    module = importlib.import_module("qlint.runtime_probes.native_library")
    found: str | None = module.problem(library, "CUDA 13.0")
    return found


def test_what_stands_in_for_a_library_that_did_not_load_is_told_from_one_for_cuda() -> None:
    from bitsandbytes import cextension

    failed = cextension.ErrorHandlerMockBNBNativeLibrary("libcudart.so.13: cannot open")
    assert "no native functions for CUDA 13.0" in (problem(failed) or "")
    assert problem(cextension.CudaBNBNativeLibrary) is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="the library is the card's")
def test_no_model_is_built_on_a_card_that_bitsandbytes_cannot_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(SHAPE))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert main(["probe", "--model", str(config)]) == 2
    written = capsys.readouterr()
    assert "bitsandbytes has no native functions for CUDA" in written.err
    assert written.err.count("\n") == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="the library is the card's")
def test_only_functions_that_this_library_has_are_wrapped() -> None:
    """bitsandbytes has a stand-in, which raises, for each that it lacks."""
    native = importlib.import_module("qlint.runtime_probes.dequantisation.native")
    patches_module = importlib.import_module("qlint.runtime_probes.capture.patches")
    wrapped: dict[str, Any] = {}

    def around(name: str, function: Any) -> Any:
        wrapped[name] = function
        return function

    with patches_module.Patches() as patches:
        count = native.wrap_all(patches, around)
    assert count == len(wrapped) > 0
    assert "cdequantize_blockwise_cpu_nf4_fp32" in wrapped
    assert not [name for name in wrapped if "cpu" not in name]
    assert all(isinstance(function, CFuncPtr) for function in wrapped.values())


def test_a_model_that_does_not_fit_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**SHAPE, "hidden_size": 2**24, "intermediate_size": 2**24}))
    assert main(["probe", "--model", str(config)]) == 2
    written = capsys.readouterr()
    assert "does not fit into the memory that is free" in written.err
    assert "--model" in written.err
