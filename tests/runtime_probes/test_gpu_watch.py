"""What is said of the card, as the driver's library answers."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")


class NVMLError(Exception):
    """As pynvml has it."""


def refuses(*_: Any) -> Any:
    raise NVMLError("Not Supported")


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A card that is half busy at 1500 MHz, used by this process in a container."""
    library: Any = ModuleType("pynvml")
    library.NVMLError = NVMLError
    library.NVML_CLOCK_SM = 1
    library.nvmlInit = library.nvmlShutdown = lambda: None
    library.nvmlDeviceGetHandleByUUID = lambda uuid: uuid
    library.nvmlDeviceGetDeviceHandleFromMigDeviceHandle = lambda handle: f"card of {handle}"
    library.nvmlDeviceGetUtilizationRates = lambda _: SimpleNamespace(gpu=50)
    library.nvmlDeviceGetClockInfo = lambda *_: 1500
    library.nvmlDeviceGetCurrentClocksThrottleReasons = lambda _: 0
    library.nvmlClocksThrottleReasonSwPowerCap = 4
    library.nvmlDeviceGetComputeRunningProcesses = lambda _: [SimpleNamespace(pid=987654)]
    monkeypatch.setitem(sys.modules, "pynvml", library)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="1-2-3")
    )
    return library


def watched(sample: Callable[[Any], None] = lambda watch: watch._sample()) -> dict[str, Any]:
    watch: Any = importlib.import_module("qlint.runtime_probes.gpu_watch").GpuWatch(0)
    with watch:
        sample(watch)
    found: dict[str, Any] = watch.as_json()
    return found


def test_this_process_is_no_foreign_one_whatever_its_number_is_outside(driver: Any) -> None:
    found = watched()
    assert found["foreign_processes"] == 0
    assert found["busy"] == 0.5
    assert found["clock_mhz"] == {"low": 1500, "high": 1500}
    assert found["throttled"] == []


def test_others_and_throttling_are_told(driver: Any) -> None:
    several = [SimpleNamespace(pid=number) for number in (1, 2, 3)]
    driver.nvmlDeviceGetComputeRunningProcesses = lambda _: several
    driver.nvmlDeviceGetCurrentClocksThrottleReasons = lambda _: 4
    found = watched()
    assert found["foreign_processes"] == 2
    assert found["throttled"] == ["power cap"]


def test_a_slice_of_a_card_has_no_utilisation_and_is_called_one(driver: Any) -> None:
    def by_uuid(uuid: str) -> str:
        return refuses() if uuid.startswith("GPU-") else uuid

    driver.nvmlDeviceGetHandleByUUID = by_uuid
    driver.nvmlDeviceGetUtilizationRates = refuses
    found = watched()
    assert found["mig"] is True
    assert "busy" not in found
    assert found["skipped"] is None


def test_a_driver_that_does_not_answer_is_a_reason(driver: Any) -> None:
    driver.nvmlInit = refuses
    assert watched(lambda _: None)["skipped"] == (
        "the driver's library does not answer: Not Supported"
    )


def test_asked_before_the_first_sample_it_answers_the_second_time(driver: Any) -> None:
    watch: Any = importlib.import_module("qlint.runtime_probes.gpu_watch").GpuWatch(0)
    with watch:
        assert watch.as_json() == {"skipped": "no sample was taken"}
        watch._sample()
        assert watch.as_json()["busy"] == 0.5
