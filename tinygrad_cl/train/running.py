"""The running loss and metrics of an epoch, which wait for no device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_cl import engine
from tinygrad_cl.errors import StateError
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train.metrics.running import Loss, Metric

Values = tuple[Tensor, ...]


class Totals:
    """The loss and the metrics of the batches so far."""

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self.loss = Loss()
        self.metrics = {name: metric.fresh() for name, metric in metrics.items()}

    def take(self, loss: Tensor, values: Sequence[Values], counts: Sequence[int]) -> None:
        """Takes note of a step.

        Args:
            loss: that of the step.
            values: what was measured of each of its batches, by the metrics in order.
            counts: the samples of each batch.
        """
        self.loss.take(loss, sum(counts))
        for measured, count in zip(values, counts, strict=True):
            for metric, value in zip(self.metrics.values(), measured, strict=True):
                metric.take(value, count)

    def launch(self) -> None:
        """Has the device compute what waits and is not yet computed; does not wait for it."""
        engine.realize([node for part in self._parts() for node in part.pending()])

    def result(self, prefix: str = "") -> dict[str, Any]:
        """Returns the averages so far by name; this waits for the device."""
        values: dict[str, Any] = {"loss": self.loss.result()}
        values |= {name: metric.result() for name, metric in self.metrics.items()}
        return {prefix + name: value for name, value in values.items()}

    def state_dict(self) -> dict[str, Any]:
        """Returns what was added up so far; this waits for the device."""
        return {
            "loss": self.loss.state_dict(),
            "metrics": {name: metric.state_dict() for name, metric in self.metrics.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` gave.

        Raises:
            StateError: if the metrics are others.
        """
        if set(state["metrics"]) != set(self.metrics):
            raise StateError(
                f"fit: the checkpoint is of an epoch with the metrics {_listed(state['metrics'])}, "
                f"the model has {_listed(self.metrics)}"
            )
        self.loss.load_state_dict(state["loss"])
        for name, metric in self.metrics.items():
            metric.load_state_dict(state["metrics"][name])

    def _parts(self) -> list[Metric]:
        return [self.loss, *self.metrics.values()]


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names) or "none"
