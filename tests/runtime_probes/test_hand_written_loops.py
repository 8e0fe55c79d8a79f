"""A hand-written loop is captured before it trains, and replayed as it would have trained."""

from __future__ import annotations

import importlib
import runpy
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("accelerate")

import tiny_loops
import tiny_runs
from tiny_loops import probed

from qlint.errors import UsageError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loop")
    tiny_runs.prepare(folder)
    return folder


def replayed(run: Any) -> list[float]:
    losses = []
    for window in run.windows:
        losses.append(run.forward_backward(window))
        run.update()
    return losses


@pytest.mark.parametrize(
    ("loop", "each"),
    [
        (tiny_loops.PLAIN, tiny_runs.ACCUMULATION),
        (tiny_loops.ACCELERATE, tiny_runs.ACCUMULATION),
        (tiny_loops.SCALED, 1),
        (tiny_loops.WRAPPED, 1),
    ],
    ids=["plain", "accelerate", "scaled", "wrapped"],
)
def test_replay_repeats_the_uninterrupted_loop(loop: str, each: int, material: Path) -> None:
    script = tiny_loops.write(material, loop)
    seen = runpy.run_path(str(script))["losses"]
    expected = [sum(seen[at : at + each]) for at in range(0, len(seen), each)]

    run, stopped = probed(script, tiny_runs.STEPS)
    state = run.save()
    first = replayed(run)
    state.restore()
    second = replayed(run)

    assert stopped
    assert len(first) == tiny_runs.STEPS
    assert first == pytest.approx(expected, abs=1e-5)
    assert second == first
    assert first[0] != first[-1]


@pytest.mark.parametrize(
    ("loop", "reason"),
    [
        (tiny_loops.OWN_LOSS, "computes the loss from the model's output itself"),
        (tiny_loops.ADDED_TERM, "adds terms of its own"),
        (tiny_loops.OWN_CLIPPING, "changes gradients by hand"),
        (tiny_loops.SEVERAL_FORWARDS, "several forward passes"),
        (tiny_loops.CLOSURE, "a closure"),
        (tiny_loops.COMPILED_AROUND, "compiles a module around the model"),
        (tiny_loops.NO_TRAINING, "ended without a training step"),
    ],
)
def test_what_cannot_be_replayed_is_said_in_one_sentence(
    loop: str, reason: str, material: Path
) -> None:
    with pytest.raises(UsageError, match=reason):
        probed(tiny_loops.write(material, loop), 3)


def test_a_loop_shorter_than_asked_is_measured_at_its_end(material: Path) -> None:
    run, stopped = probed(tiny_loops.write(material, tiny_loops.TWO_STEPS), 9)

    assert not stopped
    assert len(run.windows) == 2
    assert len(set(replayed(run))) == 2


def test_judging_a_held_out_window_leaves_the_run_able_to_train(material: Path) -> None:
    run, _ = probed(tiny_loops.write(material, tiny_loops.PLAIN), 6, held_out=2)

    assert (len(run.windows), len(run.held_out)) == (6, 2)
    first = run.evaluate(run.held_out[0])
    assert replayed(run)[0] != first
    assert run.evaluate(run.held_out[0]) != first
    assert run.model.training


def test_a_compiled_model_is_replayed_compiled(material: Path) -> None:
    run, _ = probed(tiny_loops.write(material, tiny_loops.COMPILED, checkpointing=False), 2)

    assert type(run.model).__name__ == "OptimizedModule"
    assert len(set(replayed(run))) == 2


def test_a_script_that_starts_a_trainer_is_left_to_its_capture(material: Path) -> None:
    trainers = importlib.import_module("qlint.runtime_probes.capture.trainers")
    patches = importlib.import_module("qlint.runtime_probes.capture.patches")
    running = importlib.import_module("qlint.runtime_probes.capture.script")
    stopper = importlib.import_module("qlint.runtime_probes.capture.stop").Stopper()
    losses: list[float] = []
    with patches.Patches() as changes:
        trainers.install(changes, 3, 0, lambda run: losses.extend(replayed(run)), stopper)
        loop = importlib.import_module("qlint.runtime_probes.capture.loops")
        loop.install(changes, 3, 0, lambda _: pytest.fail("There is no loop."), stopper)
        script = tiny_loops.write(material, tiny_loops.TRAINER)
        stopped = running.run_script(str(script), [], changes, stopper)

    assert stopped
    assert len(set(losses)) == 3


def test_nothing_stays_patched(material: Path) -> None:
    import torch
    import transformers
    from peft import PeftModel

    owners = [
        torch.autograd,
        torch.nn.utils,
        torch.nn.utils.clip_grad,
        torch.amp.GradScaler,
        transformers.PreTrainedModel,
        transformers.Trainer,
        PeftModel,
        importlib.import_module("torch.optim.optimizer")._global_optimizer_pre_hooks,
    ]
    before = [dict(owner) if isinstance(owner, dict) else dict(vars(owner)) for owner in owners]

    probed(tiny_loops.write(material, tiny_loops.PLAIN), 2)
    with pytest.raises(UsageError):
        probed(tiny_loops.write(material, tiny_loops.OWN_LOSS), 2)

    after = [dict(owner) if isinstance(owner, dict) else dict(vars(owner)) for owner in owners]
    assert after == before
