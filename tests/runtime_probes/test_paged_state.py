"""The state of paged optimizers is asked for once, however often a run is put back."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

torch = pytest.importorskip("torch")
bitsandbytes = pytest.importorskip("bitsandbytes")

paged: Any = importlib.import_module("qlint.runtime_probes.replay.paged")
Patches: Any = importlib.import_module("qlint.runtime_probes.capture.patches").Patches
State: Any = importlib.import_module("qlint.runtime_probes.replay.state").State
pytestmark = pytest.mark.filterwarnings("ignore:Paged optimizers are not supported on CPU")


class Training:
    def __init__(self, kind: str = "PagedAdamW8bit") -> None:
        torch.manual_seed(3)
        self.model = torch.nn.Linear(128, 64, bias=False)
        self.optimizer = getattr(bitsandbytes.optim, kind)(self.model.parameters(), lr=1e-2)

    def step(self) -> None:
        self.model(torch.ones(2, 128)).sum().backward()
        self.optimizer.step()

    def moments(self) -> list[Any]:
        state = self.optimizer.state[self.model.weight]
        return [state["state1"], state["state2"]]

    def trained(self) -> Any:
        self.step()
        self.step()
        return self.model.weight.detach().clone()


def pointers(tensors: list[Any]) -> list[int]:
    return [tensor.data_ptr() for tensor in tensors]


def test_a_dropped_state_is_used_again_from_zero() -> None:
    run = Training()
    state = State(run.model, run.optimizer, None, None)
    with Patches() as patches:
        paged.keep_pages(patches, run.optimizer)
        first = run.trained()
        moments = run.moments()
        state.restore()
        assert not run.optimizer.state[run.model.weight]
        second = run.trained()
        again = run.moments()

    assert torch.equal(first, second)
    assert pointers(again) == pointers(moments)
    assert again[0].data_ptr() != again[1].data_ptr()
    assert torch.equal(first, Training().trained())
    assert "get_state_buffer" not in vars(run.optimizer)


def test_state_that_is_in_use_is_not_handed_out() -> None:
    run = Training()
    with Patches() as patches:
        paged.keep_pages(patches, run.optimizer)
        run.step()
        other = run.optimizer.get_state_buffer(run.model.weight, dtype=torch.uint8)

    assert other.data_ptr() not in pointers(run.moments())


def test_other_optimizers_are_left_alone() -> None:
    for run in (Training("AdamW8bit"), Training("AdamW32bit")):
        with Patches() as patches:
            paged.keep_pages(patches, run.optimizer)
            assert "get_state_buffer" not in vars(run.optimizer)


def test_no_more_is_asked_for_than_a_card_has_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Managed memory beyond that can hang the card."""

    class OnCard:
        """A parameter, as far as the check looks at it."""

        device = torch.device("cuda", 0)

        def numel(self) -> int:
            return 50 * 2**20

    emptied = []
    free = [40 * 2**20]

    def empty_cache() -> None:
        emptied.append(True)
        free[0] += 8 * 2**20

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free[0], 2**34))
    monkeypatch.setattr(torch.cuda, "empty_cache", empty_cache)

    with pytest.raises(paged.TooLargeToPage, match="50 MiB more and 48 MiB of the card are free"):
        paged._check_room(OnCard(), torch.uint8)
    paged._check_room(OnCard(), torch.uint8)  # What was cached is given back, and is enough.
    assert len(emptied) == 2
