"""What torch's FSDP keeps alive in a backward, which the memory model counts on."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.utils.checkpoint import checkpoint

LAYERS = 3


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A group of one process on the processor."""
    store = dist.FileStore(str(Path(tmp_path_factory.mktemp("fsdp")) / "store"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def sharded(module: torch.nn.Module) -> torch.nn.Module:
    """The module in FSDP's first version."""
    wrapped: torch.nn.Module = FullyShardedDataParallel(module, device_id=torch.device("cpu"))
    return wrapped


class Layer(torch.nn.Module):  # type: ignore[misc]
    """A frozen layer with something trained inside, which may checkpoint itself."""

    def __init__(self, seen: list[Any], inside: bool) -> None:
        super().__init__()
        self.frozen = torch.nn.Linear(8, 8).requires_grad_(False)
        self.trained = sharded(torch.nn.Linear(8, 8))
        self.seen = seen
        self.inside = inside

    def run(self, hidden: torch.Tensor) -> torch.Tensor:
        """The layer itself."""
        if torch.is_grad_enabled():
            self.seen.append(weakref.ref(hidden))
        added: torch.Tensor = hidden + self.frozen(hidden) + self.trained(hidden)
        return added

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """With the checkpoint inside of FSDP's module, or not."""
        if not self.inside:
            return self.run(hidden)
        result: torch.Tensor = checkpoint(self.run, hidden, use_reentrant=True)
        return result


class Model(torch.nn.Module):  # type: ignore[misc]
    """Layers one after another, with a look at what is alive when the last of them went back."""

    def __init__(self, inside: bool) -> None:
        super().__init__()
        self.seen: list[Any] = []
        self.alive: list[int] = []
        self.inside = inside
        self.layers = torch.nn.ModuleList(sharded(Layer(self.seen, inside)) for _ in range(LAYERS))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Each layer, checkpointed by itself or from outside."""
        for number, layer in enumerate(self.layers):
            if self.inside:
                hidden = layer(hidden)
            else:
                hidden = checkpoint(layer.__call__, hidden, use_reentrant=True)
            if number == 0:
                hidden.register_hook(lambda _: self.alive.append(_with_gradient(self.seen)))
        return hidden


@pytest.mark.slow
@pytest.mark.usefixtures("alone")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("inside", "kept"), [(False, LAYERS - 1), (True, 0)])
def test_inputs_outlive_the_backward_where_the_checkpoint_is_around_fsdp(
    inside: bool, kept: int
) -> None:
    model = Model(inside)
    sharded(model)(torch.randn(4, 8, requires_grad=True)).sum().backward()
    assert model.alive == [kept]


def _with_gradient(seen: list[Any]) -> int:
    """Inputs of layers that went backwards already, and still hold their gradient."""
    tensors = [reference() for reference in seen]
    return sum(one is not None and one.is_leaf and one.grad is not None for one in tensors)
