"""Training steps in plain NumPy: dense layers with ReLU, Adam, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import nets
from benchmarks.nets import Net
from benchmarks.timing import Step

_BETAS = (0.9, 0.999)
_EPS = 1e-8


class Unsupported(Exception):
    """A net that nobody would write in NumPy."""


def step(net: Net, size: int, variant: str) -> Step:
    """A step of a net of dense layers."""
    if any(row[0] not in ("linear", "relu") for row in net.rows) or net.optimizer != "adam":
        raise Unsupported("only nets of dense layers are written in NumPy")
    parameters = nets.initial_parameters(net)
    weights = list(zip(parameters[::2], parameters[1::2], strict=True))
    inputs, classes = nets.batch(net, size)
    adam = _Adam(parameters, net.rate)

    def run() -> Any:
        values = [inputs]
        for at, (w, b) in enumerate(weights):
            y = values[-1] @ w.T
            y += b
            if at + 1 < len(weights):
                np.maximum(y, 0, out=y)
            values.append(y)
        loss, g = _cross_entropy(values.pop(), classes)
        gradients: list[np.ndarray] = []
        for at in range(len(weights) - 1, -1, -1):
            gradients[:0] = [g.T @ values[at], g.sum(0)]
            if at:
                g = g @ weights[at][0]
                g *= values[at] > 0
        adam.step(gradients)
        return loss

    return Step(run, lambda: None)


def _cross_entropy(logits: np.ndarray, classes: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss and its gradient, which overwrites the logits."""
    rows = np.arange(len(classes))
    logits -= logits.max(1, keepdims=True)
    chosen = logits[rows, classes].copy()
    np.exp(logits, out=logits)
    total = logits.sum(1, keepdims=True)
    logits /= total
    logits[rows, classes] -= 1
    logits /= len(classes)
    return float((np.log(total[:, 0]) - chosen).mean()), logits


class _Adam:
    """Adam (Kingma and Ba 2015) in place."""

    def __init__(self, parameters: list[np.ndarray], rate: float) -> None:
        self.parameters = parameters
        self.rate = rate
        self.means = [np.zeros_like(p) for p in parameters]
        self.squares = [np.zeros_like(p) for p in parameters]
        self.count = 0

    def step(self, gradients: list[np.ndarray]) -> None:
        """Moves all parameters."""
        self.count += 1
        b1, b2 = _BETAS
        rate = self.rate / (1 - b1**self.count)
        correction = (1 - b2**self.count) ** 0.5
        states = zip(self.parameters, gradients, self.means, self.squares, strict=True)
        for p, g, mean, square in states:
            mean += (1 - b1) * (g - mean)
            square += (1 - b2) * (g * g - square)
            p -= rate * mean / (np.sqrt(square) / correction + _EPS)
