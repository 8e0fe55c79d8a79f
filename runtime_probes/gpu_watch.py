"""What the card does while a probe measures: clocks, throttling, and who else uses it."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

_INTERVAL_SECONDS = 0.2
_THROTTLES = {
    "SwPowerCap": "power cap",
    "HwSlowdown": "hardware slowdown",
    "SwThermalSlowdown": "thermal slowdown",
    "HwThermalSlowdown": "hardware thermal slowdown",
    "HwPowerBrakeSlowdown": "power brake",
}
"""Reasons that make a figure doubtful, by their name in NVML; being idle is none of them."""


class GpuWatch:
    """Samples the card in a thread while the ``with`` block runs.

    Without a CUDA card, or without nvidia-ml-py, it watches nothing and says why.
    """

    def __init__(self, index: int | None) -> None:
        self._busy: list[int] = []
        self._clocks: list[int] = []
        self._samples = 0
        self._throttled: set[str] = set()
        self._others = 0
        self._mig = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._library: Any = None
        self._handle: Any = None
        self._card: Any = None
        """The whole card, of which the handle may be a slice that has no clocks of its own."""
        self.skipped: str | None = None
        """Why nothing is known of the card."""
        if index is None:
            self.skipped = "no CUDA card"
        else:
            self._open(index)

    def _open(self, index: int) -> None:
        try:
            import pynvml
        except ImportError:
            self.skipped = "nvidia-ml-py is not installed"
            return
        try:
            pynvml.nvmlInit()
            self._handle = self._card = self._find(pynvml, index)
            if self._mig:
                self._card = pynvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self._handle)
            self._library = pynvml
        except Exception as error:
            self.skipped = f"the driver's library does not answer: {error}"

    def _find(self, library: Any, index: int) -> Any:
        """CUDA_VISIBLE_DEVICES may number cards as NVML does not; their UUID is the same."""
        import torch

        uuid = getattr(torch.cuda.get_device_properties(index), "uuid", None)
        if uuid is None:
            return library.nvmlDeviceGetHandleByIndex(index)
        text = str(uuid)
        try:
            return library.nvmlDeviceGetHandleByUUID(f"GPU-{text.removeprefix('GPU-')}")
        except library.NVMLError:
            self._mig = True
            return library.nvmlDeviceGetHandleByUUID(f"MIG-{text.removeprefix('MIG-')}")

    def __enter__(self) -> GpuWatch:
        if self._library is not None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._library.nvmlShutdown()

    def as_json(self) -> dict[str, Any]:
        """What was seen: the fraction of time that the card was busy, clocks in MHz."""
        if self.skipped is not None:
            return {"skipped": self.skipped}
        if not self._samples:
            return {"skipped": "no sample was taken"}  # So far: the block may go on.
        known: dict[str, Any] = {}
        if self._busy and self._clocks:
            known["busy"] = round(sum(self._busy) / len(self._busy) / 100, 3)
            known["clock_mhz"] = {"low": min(self._clocks), "high": max(self._clocks)}
        return {
            **known,
            "throttled": sorted(self._throttled),
            "foreign_processes": self._others,
            "mig": self._mig,
            "skipped": None,
        }

    def _run(self) -> None:
        try:
            while not self._stop.wait(_INTERVAL_SECONDS):
                self._sample()
        except Exception as error:
            self.skipped = f"the driver's library stopped answering: {error}"

    def _sample(self) -> None:
        library = self._library
        busy = self._ask(library.nvmlDeviceGetUtilizationRates, self._handle)
        clock = self._ask(library.nvmlDeviceGetClockInfo, self._card, library.NVML_CLOCK_SM)
        if busy is not None:
            self._busy.append(busy.gpu)
        if clock is not None:
            self._clocks.append(clock)
        reasons = self._ask(library.nvmlDeviceGetCurrentClocksThrottleReasons, self._card) or 0
        for name, words in _THROTTLES.items():
            if reasons & getattr(library, f"nvmlClocksThrottleReason{name}", 0):
                self._throttled.add(words)
        processes = self._ask(library.nvmlDeviceGetComputeRunningProcesses, self._handle) or ()
        # One of them is this one, by another number where it runs in a container.
        self._others = max(self._others, len({process.pid for process in processes}) - 1)
        self._samples += 1

    def _ask(self, function: Any, *arguments: Any) -> Any:
        """None where the driver does not tell: slices of a card have no utilisation."""
        try:
            return function(*arguments)
        except self._library.NVMLError:
            return None
