"""Reading small scripts from text, as a user's file with its neighbours would be read."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from qlint.readers import read
from qlint.readers.commands import Argument
from qlint.readers.request import Request
from qlint.recipe import Field, Json, Reading, Recipe, State

SCRIPT = "train.py"


def read_script(
    text: str,
    *,
    files: Mapping[str, str] | None = None,
    argv: Sequence[str] = (),
    target_versions: Mapping[str, str] | None = None,
    name: str = SCRIPT,
) -> Reading:
    """Read a script with ``files`` beside it, as ``qlint name -- argv`` does in its project.

    Text is dedented first. Paths in the reading are relative to the folder of the project; give
    ``name`` with a folder in it to let the script stand deeper.
    """
    request = Request(
        arguments=tuple(Argument(word) for word in argv),
        target_versions=dict(target_versions or {}),
        display_path=name,
    )
    return _read(text, request, files, name)


def _read(text: str, request: Request, files: Mapping[str, str] | None, name: str) -> Reading:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        data = textwrap.dedent(text).encode()
        for relative, content in {**(files or {}), name: text}.items():
            path = root / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content), encoding="utf-8")
        return read(str(root / name), data, replace(request, root=folder))


def read_started(
    text: str,
    arguments: Sequence[Argument] = (),
    environment: Mapping[str, Argument] | None = None,
    files: Mapping[str, str] | None = None,
) -> Reading:
    """Read a script as a launcher starts it, with words that know where they are written."""
    request = Request(
        arguments=tuple(arguments), environment=dict(environment or {}), display_path=SCRIPT
    )
    return _read(text, request, files, SCRIPT)


def read_recipe(
    text: str,
    *,
    files: Mapping[str, str] | None = None,
    argv: Sequence[str] = (),
    target_versions: Mapping[str, str] | None = None,
    name: str = SCRIPT,
) -> Recipe:
    """The one run of a script; fails where there is not exactly one."""
    reading = read_script(text, files=files, argv=argv, target_versions=target_versions, name=name)
    return only_recipe(reading)


def only_recipe(reading: Reading) -> Recipe:
    """The one run of a reading; fails where there is not exactly one."""
    assert not [problem for problem in reading.problems if problem.fatal], reading.problems
    assert len(reading.recipes) == 1, [recipe.id for recipe in reading.recipes]
    return reading.recipes[0]


def assert_set(recipe: Recipe, **expected: Json) -> None:
    """The input decides these fields, and these are their values."""
    _assert_state(recipe, State.SET, expected)


def assert_default(recipe: Recipe, **expected: Json) -> None:
    """A library's default decides these fields, and these are their values."""
    _assert_state(recipe, State.DEFAULT, expected)


def _assert_state(recipe: Recipe, state: State, expected: Mapping[str, Json]) -> None:
    read = {name: (recipe[name].state.value, recipe[name].value) for name in expected}
    why = {name: recipe[name].reason for name in expected}
    assert read == {name: (state.value, value) for name, value in expected.items()}, why


def lines(field: Field) -> list[int | None]:
    """The lines of a field's stations, from where it was decided to where it is used."""
    return [origin.line for origin in field.origin]


def vias(field: Field) -> list[str]:
    """What the stations of a field say they did."""
    return [origin.via for origin in field.origin if origin.via]


IMPORTS = """\
import argparse, dataclasses, enum, json, os, sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, List, Literal, Optional

import torch, yaml
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM, BitsAndBytesConfig, HfArgumentParser, Trainer, TrainingArguments,
)
from trl import ModelConfig, ScriptArguments, SFTConfig, SFTTrainer, TrlParser
"""
FIRST_LINE = IMPORTS.count("\n") + 1
"""The line on which the body of :func:`training_script` starts."""


def training_script(body: str, arguments: str = "", adapter: str = "", load: str = "") -> str:
    """A script that runs ``body`` and then trains with what it has made.

    ``arguments`` are those of TrainingArguments, ``adapter`` those of LoraConfig where there is
    one, and ``load`` those of the model's ``from_pretrained``.
    """
    wrapped = f"model = get_peft_model(model, LoraConfig({adapter}))\n" if adapter else ""
    return (
        IMPORTS
        + textwrap.dedent(body).strip("\n")
        + f'\nmodel = AutoModelForCausalLM.from_pretrained("some/model", {load})\n'
        + wrapped
        + f'Trainer(model=model, args=TrainingArguments("out", {arguments})).train()\n'
    )
