"""Measures a script whose training cannot be replayed: while it trains, in memory only."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

from qlint.errors import UsageError

from .capture import folders, unsupported
from .capture.failures import explained
from .capture.guards import guard
from .capture.live_loop import LiveLoop
from .capture.patches import Patches
from .capture.script import run_script
from .capture.stop import Stopper
from .dequantisation.modules import linear4bit_modules
from .early import interrupted_early
from .measurement import Measurement
from .probes import Wanted
from .progress import Progress


def measure_live(
    path: str,
    arguments: Sequence[str],
    wanted: Wanted,
    progress: Progress,
    why: str,
    instead: str,
) -> Measurement:
    """Let the script train for ``2 * wanted.steps`` steps and some, measure them, and stop it.

    Nothing of it is saved. ``why`` its steps are not replayed is why no other rates are tried.

    Raises:
        UsageError: It trains no model with 4-bit layers, for which ``instead`` is the sentence, or
            it raised an exception of its own, which has been shown.
    """
    stopper = Stopper()
    with tempfile.TemporaryDirectory(prefix="qlint-probe-") as folder, Patches() as patches:

        def say(seconds: float) -> None:
            total = seconds * (2 * wanted.steps + 3)
            progress.say(
                f"one step takes {seconds:.2g} s; measuring will take about {total:.0f} s."
            )

        guard(patches, folder)
        unsupported.refuse(patches, stopper)
        stopper.when_stopped(lambda: folders.freeze(patches))
        loop = LiveLoop(patches, stopper, wanted.steps, wanted.budget_seconds, say)
        result = Measurement()
        try:
            with explained(path):
                run_script(path, arguments, patches, stopper)
        except KeyboardInterrupt:
            result.interrupted = True
        live = loop.live
        if result.interrupted and live is None:
            interrupted_early(result, path)
            return result
        if live is None or loop.model is None or not linear4bit_modules(loop.model):
            raise UsageError(instead)
        live.close()
        result.name = f"training loop of {type(loop.model).__name__}, while it trained"
        live.fill(result, why)
        for name, key in (("dequant", "dequant"), ("activations", "activations")):
            if wanted.only and name not in wanted.only:
                result.probes[key] = {"skipped": "not asked for"}
    return result
