"""The running loss and metrics of an epoch, which wait for no device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_cl import engine
from tinygrad_cl.autograd import no_grad
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train.metrics import MetricFunction, Running, running


class Totals:
    """The loss and the metrics of the batches so far."""

    def __init__(self, functions: Mapping[str, MetricFunction]) -> None:
        self.loss = Running()
        self.metrics = {name: running(function) for name, function in functions.items()}

    def add(self, loss: Tensor, output: Any, target: Any, count: int) -> None:
        """Takes note of a batch of `count` samples."""
        with no_grad():
            self.loss.add_value(loss, count)
            for metric in self.metrics.values():
                metric.add(output, target)

    def launch(self) -> None:
        """Has the device compute what waits and is not yet computed; does not wait for it."""
        engine.realize([node for part in self._parts() for node in part.pending()])

    def result(self, prefix: str = "") -> dict[str, float]:
        """Returns the averages so far by name; this waits for the device."""
        values = {"loss": self.loss.result()}
        values |= {name: metric.result() for name, metric in self.metrics.items()}
        return {prefix + name: value for name, value in values.items()}

    def _parts(self) -> list[Running]:
        return [self.loss, *self.metrics.values()]
