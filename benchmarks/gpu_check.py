"""Checks the probes and the planner on a CUDA card: one run of some minutes, one JSON.

    python benchmarks/gpu_check.py [--budget-seconds 440] [--output results/gpu_check.json]

Models have the shapes of known ones and random NF4 weights that are built on the card; nothing is
downloaded. Without a card only ``--dry-run`` makes sense: the same with tiny shapes on whatever
there is. What the budget leaves no time for is ``skipped``, and what does not fit is
``out of memory``: both are results. ``summary`` compares with the criteria. The JSON is written
after every case, so that a run that is killed has left all it measured, with ``complete`` false;
each case is a line on standard error, with the traceback where it failed.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import gpu_cases
import gpu_memory
import torch
from gpu_cases import Case
from gpu_summary import summary
from measuring import machine

from qlint.errors import UsageError
from qlint.memory.predict import predict

WARM_UP, ROUNDS = 2, 3
OVERHEAD_ROUNDS = 6
"""A fiftieth of a step is to be told from none."""
RESULTS = Path(__file__).parent / "results" / "gpu_check.json"
OUT_OF_MEMORY = "out of memory"
NO_TIME = "the time budget was spent"


def _probes(name: str) -> Any:
    return importlib.import_module(f"qlint.runtime_probes.{name}")


class Section(NamedTuple):
    """Cases that are measured alike, and the seconds that the first of them may need."""

    cases: Iterable[Case]
    measure: Callable[[Any, Case], dict[str, Any]]
    seconds: float


class Check:
    """Builds models one at a time and steps them, until the budget is spent."""

    def __init__(self, budget_seconds: float, *, dry_run: bool) -> None:
        self.device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        self.on_card = self.device.type == "cuda"
        self.dry_run = dry_run
        self._end = time.monotonic() + budget_seconds

    def each(self, section: Section) -> Iterator[dict[str, Any]]:
        """What is found for each case, with the case and the reason where nothing was.

        A case begins only if as much time is left as the longest of its kind took.
        """
        longest = 0.0 if self.dry_run else section.seconds
        for case in section.cases:
            began = time.monotonic()
            if began + longest > self._end:
                found: dict[str, Any] = {"skipped": NO_TIME}
            else:
                found = self._one(case, section.measure)
                self._clean()
            took = round(time.monotonic() - began, 1)
            longest = max(longest, took)
            yield {**_described(case), **found, "case_seconds": took}

    def _one(self, case: Case, measure: Callable[[Any, Case], dict[str, Any]]) -> dict[str, Any]:
        case = case.small() if self.dry_run else case
        reason = OUT_OF_MEMORY
        try:
            with self._run(case) as run:
                return {"skipped": None, **measure(run, case)}
        except torch.cuda.OutOfMemoryError:
            pass
        except Exception as error:
            reason = _reported(error)
        return {"skipped": reason}

    @contextmanager
    def _run(self, case: Case) -> Iterator[Any]:
        """A run of this case."""
        shaped = _probes("shaped_model")
        model_shape = gpu_cases.shape(case.model, dry_run=self.dry_run)
        dtype = torch.bfloat16 if self.on_card else torch.float32
        model = shaped.build_model(
            model_shape.config, model_shape.layers, self.device, dtype, quantised=case.quantised
        )
        model = shaped.adapted(model, case.rank, case.targets, 0.0)
        shaped.checkpointed(model, on=case.checkpointing)
        trained = [one for one in model.parameters() if one.requires_grad]
        optimizer = _optimizer(case.optimizer, trained)
        yield shaped.random_run(
            model, optimizer, steps=WARM_UP + ROUNDS, batch=case.batch, length=case.length
        )

    def _clean(self) -> None:
        gc.collect()
        if self.on_card:
            torch.cuda.empty_cache()

    def step(self, run: Any, case: Case) -> dict[str, Any]:
        """Time and memory of a step, beside the prediction; bytes and seconds."""
        clock = _probes("dequantisation.clock")
        times = []
        for number, window in enumerate(run.windows):

            def work(window: Any = window) -> None:
                run.forward_backward(window)
                run.update()

            if number == WARM_UP and self.on_card:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            times.append(clock.step_seconds(self.device, work))
        seconds = median(times[WARM_UP:])
        measured = {
            "step_seconds": seconds,
            "spread": (max(times[WARM_UP:]) - min(times[WARM_UP:])) / seconds,
            "tokens_per_second": case.batch * case.length / seconds,
        }
        job = case.job(gpu_cases.shape(case.model, dry_run=self.dry_run), on_card=self.on_card)
        found = {**measured, **gpu_memory.memory(predict(job), on_card=self.on_card)}
        if seconds < gpu_memory.SHORT_SECONDS:
            found["made_of"] = gpu_memory.made_of(run, self.device)
        return found

    def share(self, run: Any, case: Case) -> dict[str, Any]:
        """Dequantisation measured directly and by the profiler, in kernel seconds of a step."""
        rounds, profiled = _probes("dequantisation.rounds"), _probes("dequantisation.profiled")
        modules = _probes("dequantisation.modules").linear4bit_modules(run.model)
        direct = _probes("dequantisation.shares").Direct(self.device, modules)
        settings = {"step": rounds.unchanged, "direct": direct.install}
        taken = rounds.alternate(run, settings, OVERHEAD_ROUNDS)
        shares = direct.shares(taken["direct"])
        saved, noise = rounds.paired(taken["step"], taken["direct"])
        found: dict[str, Any] = {
            "share": shares.by_phase(),
            "problem": shares.problem(),
            "overhead": -saved,
            "overhead_noise": noise,
            "direct_seconds": shares.seconds,
            "step_seconds": median(one.wall_seconds for one in taken["step"]),
        }
        if self.on_card:

            def work() -> None:
                run.forward_backward(run.windows[0])
                run.update()

            kernels = profiled.profiled_step(work)
            found["profiler_seconds"] = kernels.dequantisation
            found["kernel_seconds"] = kernels.busy
            found["busy"] = kernels.busy / found["step_seconds"]
            apart = shares.seconds - kernels.dequantisation
            found["points_apart"] = 100 * apart / found["step_seconds"]
        return found

    def probes(self, run: Any, case: Case) -> dict[str, Any]:
        """The two probes themselves, as ``qlint probe`` runs them."""
        state = run.save()
        found: dict[str, Any] = {}
        for name in ("dequantisation", "activations"):
            try:
                found[name] = _probes(f"{name}.probe").measure(run, ROUNDS).as_json()
            except Exception as error:
                found[name] = {"skipped": _reported(error)}
            state.restore()
        return found


def check(
    budget_seconds: float, *, dry_run: bool, save: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    """Run everything, what has a criterion first, and ``save`` what there is after each case."""
    running = Check(budget_seconds, dry_run=dry_run)
    watch_module, environment = _probes("gpu_watch"), _probes("environment")
    began = time.monotonic()
    planned = {
        "steps": Section(gpu_cases.steps(), running.step, 8),
        "adapters": Section(gpu_cases.adapters(), running.step, 8),
        "against_lora": Section(gpu_cases.against_lora(), running.step, 8),
        # Behind what is timed alone: a profiler that was once used may cost later steps time.
        "shares": Section(gpu_cases.shares(), running.share, 20),
        "probes": Section(gpu_cases.probed(), running.probes, 60),
        "recipes": Section(gpu_cases.recipes(), running.step, 8),
    }
    sections: dict[str, list[dict[str, Any]]] = {name: [] for name in planned}

    def result(*, complete: bool) -> dict[str, Any]:
        return {
            "complete": complete,
            "machine": machine(),
            "environment": environment.environment(running.device, watch, WARM_UP),
            "dry_run": dry_run,
            "seconds": round(time.monotonic() - began, 1),
            "summary": summary(sections),
            **sections,
        }

    with (
        _probes("silence").quiet_libraries(),
        watch_module.GpuWatch(environment.gpu_index(running.device)) as watch,
    ):
        for name, section in planned.items():
            for found in running.each(section):
                sections[name].append(found)
                save(result(complete=False))
                print(_line(name, found), file=sys.stderr, flush=True)
    return result(complete=True)


def _optimizer(name: str, trained: list[Any]) -> Any:
    if name == "adamw_torch":
        return torch.optim.AdamW(trained, lr=1e-4)
    from bitsandbytes import optim

    kinds = {"adamw_8bit": optim.AdamW8bit, "paged_adamw_8bit": optim.PagedAdamW8bit}
    return kinds[name](trained, lr=1e-4)


def _reported(error: Exception) -> str:
    """The error in a line, with its traceback on standard error."""
    traceback.print_exception(error)
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def _described(case: Case) -> dict[str, Any]:
    targets = case.targets if isinstance(case.targets, str) else list(case.targets)
    return {
        "model": case.model,
        "batch": case.batch,
        "length": case.length,
        "checkpointing": case.checkpointing,
        "rank": case.rank,
        "targets": targets,
        "optimizer": case.optimizer,
        "quantised": case.quantised,
    }


def _line(section: str, found: dict[str, Any]) -> str:
    what = "checkpointed" if found["checkpointing"] else "not checkpointed"
    case = f"{found['model']} {found['batch']} x {found['length']} {what}"
    took = found["skipped"] or f"{found['case_seconds']} s"
    return f"{section}: {case}, r {found['rank']}: {took}"


def main(arguments: list[str] | None = None) -> int:
    """Check and write the JSON; 1 without a card, 2 where something else is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--budget-seconds", type=float, default=440.0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--dry-run", action="store_true", help="tiny shapes, on any device")
    options = parser.parse_args(arguments)
    if not options.dry_run and not torch.cuda.is_available():
        print("gpu_check: there is no CUDA card; --dry-run tries everything with tiny shapes.")
        return 1
    try:
        _probes("requirements").require()
        _probes("native_library").require()
    except UsageError as error:
        print(f"gpu_check: {error}")
        return 2

    def save(result: dict[str, Any]) -> None:
        _write(options.output, result)

    result = check(options.budget_seconds, dry_run=options.dry_run, save=save)
    save(result)
    print(json.dumps(result["summary"], indent=2))
    return 0


def _write(path: Path, result: dict[str, Any]) -> None:
    """Whole or not at all, whenever the process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)


if __name__ == "__main__":
    raise SystemExit(main())
