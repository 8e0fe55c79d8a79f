"""A run whose edge is known exactly: plain gradient descent on a quadratic."""

from __future__ import annotations

import importlib
from typing import Any

import torch

STEEPNESS = 0.5
EDGE = 2 / STEEPNESS
"""Gradient descent diverges on a quadratic above this learning rate."""


def window(number: int) -> Any:
    """Four unknowns, each with a target of its own; the loss has the same steepness in all."""
    module = importlib.import_module("qlint.runtime_probes.replay.window")
    targets = torch.linspace(1.0, 1.3, 4) + 0.01 * (number % 3)
    return module.Window(({"inputs": torch.eye(4), "targets": targets},))


class QuadraticRun:
    """Has everything that probes ask of a run."""

    name = "quadratic"

    def __init__(self, learning_rate: float, steps: int = 12, held_out: int = 3) -> None:
        self.model = torch.nn.Linear(4, 1, bias=False)
        torch.nn.init.zeros_(self.model.weight)
        self.windows = [window(number) for number in range(steps)]
        self.held_out = [window(number) for number in range(held_out)]
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=learning_rate)

    def save(self) -> Any:
        module = importlib.import_module("qlint.runtime_probes.replay.state")
        return module.State(self.model, self.optimizer, None, None)

    def forward_backward(self, window: Any) -> float:
        loss = self._loss(window)
        loss.backward()
        return float(loss)

    def update(self) -> Any:
        module = importlib.import_module("qlint.runtime_probes.replay.run")
        rate = self.optimizer.param_groups[0]["lr"]
        self.optimizer.step()
        self.optimizer.zero_grad()
        return module.Stepped(None, rate, False)

    def evaluate(self, window: Any) -> float:
        with torch.no_grad():
            return float(self._loss(window))

    def _loss(self, window: Any) -> Any:
        inputs = window.inputs[0]
        return (self.model(inputs["inputs"])[:, 0] - inputs["targets"]).square().mean()
