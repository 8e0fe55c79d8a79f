"""YAML files that describe jobs: what their commands start, joined to the script of the project."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from launcher_reading import pointed_at

from qlint.readers import read
from qlint.readers.request import Request
from qlint.recipe import Reading, Recipe

SCRIPT = """\
import argparse
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments
from peft import LoraConfig, get_peft_model
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
given = parser.parse_args()
model = AutoModelForCausalLM.from_pretrained("gpt2")
model = get_peft_model(model, LoraConfig(r=8))
args = TrainingArguments("out", learning_rate=given.lr, per_device_train_batch_size=2)
Trainer(model=model, args=args).train()
"""

SKYPILOT = """\
resources:
  accelerators: A100:8
num_nodes: 2
envs:
  LR: 2e-4
setup: |
  pip install trl
run: |
  echo training

  torchrun --nnodes $SKYPILOT_NUM_NODES --nproc_per_node $SKYPILOT_NUM_GPUS_PER_NODE \\
    train.py --lr $LR
"""
DSTACK = """\
type: task
env:
  - LR=2e-4
commands:
  - pip install trl
  - cd .
  - python train.py --lr $LR
"""
AZURE = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
code: .
command: python train.py --lr 2e-4
"""
RAY = """\
entrypoint: python train.py --lr 2e-4
runtime_env: {pip: [trl]}
"""
DVC = """\
stages:
  prepare:
    cmd: python prepare.py
  train:
    cmd:
      - echo start
      - python train.py --lr 2e-4
    deps: [train.py]
"""
COMPOSE = """\
services:
  database: {image: postgres}
  trainer:
    build: .
    environment: {LR: 2e-4}
    command: ["python", "train.py", "--lr", "2e-4"]
"""
KUBERNETES = """\
apiVersion: batch/v1
kind: Job
spec:
  template:
    spec:
      containers:
        - name: train
          image: me/train
          command: ["python", "train.py"]
          args: ["--lr", "$(LR)"]
          env:
            - {name: LR, value: "2e-4"}
"""
POD_WITH_SHELL = """\
apiVersion: v1
kind: Pod
spec:
  containers:
    - image: me/train
      command: [bash, -c]
      args:
        - |
          set -e
          python train.py --lr 2e-4
"""
VERTEX = """\
workerPoolSpecs:
  containerSpec:
    imageUri: me/train
    command: [python, train.py]
    args: [--lr=2e-4]
"""


def read_in(folder: Path, text: str, name: str = "job.yaml") -> Reading:
    folder.joinpath("train.py").write_text(SCRIPT)
    path = folder / name
    request = Request(root=str(folder), display_path=name)
    return read(str(path), text.encode(), request)


def only(reading: Reading) -> Recipe:
    assert len(reading.recipes) == 1, reading
    return reading.recipes[0]


@pytest.mark.parametrize(
    "text",
    [SKYPILOT, DSTACK, AZURE, RAY, DVC, COMPOSE, KUBERNETES, POD_WITH_SHELL, VERTEX],
    ids=["skypilot", "dstack", "azure", "ray", "dvc", "compose", "kubernetes", "pod", "vertex"],
)
def test_a_job_is_joined_to_its_script(tmp_path: Path, text: str) -> None:
    recipe = only(read_in(tmp_path, text))
    field = recipe["learning_rate"]
    assert field.value == 2e-4
    assert field.origin[0].path == "job.yaml"
    assert pointed_at(text, field.origin[0]).strip("\"'").removeprefix("--lr=") in (
        "2e-4",
        "LR=2e-4",
    )
    assert ("train.py", 5) in [(one.path, one.line) for one in field.origin]
    assert "train.py" in recipe.inputs


def test_a_task_of_skypilot_knows_its_devices(tmp_path: Path) -> None:
    recipe = only(read_in(tmp_path, SKYPILOT))
    assert recipe.value("world_size") == 16
    assert recipe.value("effective_batch_size") == 32
    assert recipe.source.line == 11


def test_a_stage_and_a_service_are_premises(tmp_path: Path) -> None:
    assert "it runs if dvc repro train" in only(read_in(tmp_path, DVC)).assumptions
    assert "it runs if service trainer" in only(read_in(tmp_path, COMPOSE)).assumptions


def test_workers_that_start_the_same_are_one_run(tmp_path: Path) -> None:
    container = (
        "template: {spec: {containers: [{image: i, command: [python, train.py, --lr, '2e-4']}]}}"
    )
    text = (
        "apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nspec:\n  pytorchReplicaSpecs:\n"
        f"    Master: {{{container}}}\n    Worker: {{{container}}}\n"
    )
    assert only(read_in(tmp_path, text)).value("learning_rate") == 2e-4


def test_what_only_the_cluster_gives_is_unknown(tmp_path: Path) -> None:
    text = KUBERNETES.replace('            - {name: LR, value: "2e-4"}', "            []")
    field = only(read_in(tmp_path, text))["learning_rate"]
    assert field.value is None
    assert "$(LR) is given where the job runs" in (field.reason or "")


def test_a_workflow_of_continuous_integration_is_no_run(tmp_path: Path) -> None:
    text = (
        "on: push\njobs:\n  smoke:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - run: python train.py --lr 2e-4\n"
    )
    assert read_in(tmp_path, text) == Reading("job.yaml")


def test_a_job_that_trains_nothing_is_no_run(tmp_path: Path) -> None:
    text = "type: task\ncommands:\n  - python serve.py --model lora\n"
    assert read_in(tmp_path, text) == Reading("job.yaml")


NAMES = st.sampled_from(
    [
        "run",
        "setup",
        "resources",
        "commands",
        "type",
        "command",
        "entrypoint",
        "code",
        "stages",
        "cmd",
        "services",
        "image",
        "args",
        "env",
        "kind",
        "apiVersion",
        "containers",
        "workdir",
        "envs",
        "name",
        "value",
        "do",
        "wdir",
    ]
)
SCALARS = st.one_of(
    st.sampled_from(
        ["python train.py --lr 2e-4", "$(LR)", "$(LR", "'\"", "bash", "-c", "|", "../..", ""]
    ),
    st.integers(),
    st.none(),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, TREES, max_size=6))
def test_no_tree_breaks_the_reader(tree: dict[str, object]) -> None:
    for style in (None, "|", ">", '"'):
        text = "# train.py lora\n" + yaml.safe_dump(tree, default_style=style)
        reading = read("/nowhere/job.yaml", text.encode(), Request(root="/nowhere"))
        assert isinstance(reading, Reading)
