"""qlint finds what will ruin a QLoRA run before the GPU hour is spent."""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def probe(model: Any, batches: Iterable[Any], **settings: Any) -> Any:
    """Measure ``model`` on ``batches`` inside a ``with`` block; needs the extra ``probe``.

    ``with qlint.probe(model, batches, optimizer=optimizer) as probe: print(probe.text())``.
    ``settings`` are those of ``qlint.runtime_probes.api.Probe``: optimizer, scheduler, loss (called
    with the model and a batch), gradient_accumulation_steps, max_grad_norm, steps, only,
    budget_seconds, quiet. Afterwards model and optimizer are what they were.
    """
    return _runtime("api").Probe(model, batches, **settings)


def probe_callback(steps: int = 20) -> Any:
    """A callback for transformers' trainers that measures a run without stopping it.

    Its ``report`` is the report, as soon as some ``2 * steps`` steps were measured. The run is what
    it would have been; a run that is broken off within these steps leaves some of them hooked until
    ``close()`` is called.
    """
    return _runtime("callback").ProbeCallback(steps)


def _runtime(name: str) -> Any:
    """A module that needs the extra ``probe``. Raises UsageError where that is not installed."""
    import importlib

    importlib.import_module("qlint.runtime_probes.requirements").require()
    return importlib.import_module(f"qlint.runtime_probes.{name}")
