"""Metrics over the batches of an epoch: they wait for no device until they are read."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import ShapeError, StateError
from tinygrad_cl.functional.movement import stack
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train.metrics.functions import MetricFunction, same_shape

if TYPE_CHECKING:
    from tinygrad_cl.graph import Node

Self = TypeVar("Self", bound="Metric")


class Metric:
    """The base of metrics that follow a net's outputs over batches.

    A subclass measures one batch with graph code (`measure`), adds what was measured up on the host
    (`_take`), and makes the value of it (`result`). What is added up is kept in the attributes that
    `totals` names, so that a run that goes on in the middle of an epoch has the same value.

    Attributes:
        LIMIT: how many measured values wait on the device before they are read.
        name: under which `Model` shows the metric; the class's name if it is empty.
        scalar: whether `result` is one number.
    """

    LIMIT = 64
    name = ""
    scalar = True
    totals: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Starts anew; subclasses set their totals to nothing."""
        self._waiting: list[tuple[Tensor, int]] = []

    def fresh(self: Self) -> Self:
        """Returns a metric of the same settings that has seen nothing."""
        made = copy.copy(self)
        made.reset()
        return made

    def add(self, output: Tensor, target: Tensor) -> None:
        """Takes note of a batch."""
        with no_grad():
            value = self.measure(output, target)
        self.take(value, len(target))

    def measure(self, output: Any, target: Any) -> Tensor:
        """Returns what is to be known of a batch, computed when it is read."""
        raise NotImplementedError(f"{type(self).__name__} must define measure")

    def take(self, value: Tensor, count: int) -> None:
        """Takes note of what was measured of `count` samples."""
        engine.defer(value)  # computed along with the next step, read later
        self._waiting.append((value, count))
        if len(self._waiting) >= self.LIMIT:
            self.read()

    def read(self) -> None:
        """Adds up what waits; this waits for the device."""
        engine.realize(self.pending())
        waiting, self._waiting = self._waiting, []
        for value, count in waiting:
            self._take(value.numpy(), count)

    def result(self) -> Any:
        """Returns the value for all batches so far; this waits for the device."""
        raise NotImplementedError(f"{type(self).__name__} must define result")

    def pending(self) -> list[Node]:
        """Returns the nodes of values that are not yet computed."""
        return [value.node for value, _ in self._waiting if value.node.buffer is None]

    def state_dict(self) -> dict[str, Any]:
        """Returns the totals so far; this waits for the device."""
        self.read()
        return {name: getattr(self, name) for name in self.totals}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over totals that `state_dict` gave.

        Raises:
            StateError: if they are those of another metric.
        """
        if set(state) != set(self.totals):
            raise StateError(
                f"{type(self).__name__}.load_state_dict: needs {', '.join(self.totals)}, "
                f"got {', '.join(map(str, state))}"
            )
        self.reset()
        for name, value in state.items():
            setattr(self, name, value.numpy() if isinstance(value, Tensor) else value)

    def _take(self, value: np.ndarray, count: int) -> None:
        raise NotImplementedError(f"{type(self).__name__} must define _take")


class Running(Metric):
    """The average of a function over the batches of an epoch, each weighted by its size.

    For functions that average over samples this is the value for all samples together.

    Args:
        function: returns one number for the outputs and targets of a batch.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl.train.metrics import mae
        >>> running = Running(mae)
        >>> running.add(tg.tensor([1.0]), tg.tensor([2.0]))
        >>> running.add(tg.tensor([0.0, 0.0]), tg.tensor([4.0, 4.0]))
        >>> running.result()
        3.0
    """

    totals: tuple[str, ...] = ("total", "count")

    def __init__(self, function: MetricFunction | None = None) -> None:
        self.function = function
        self.name = str(getattr(function, "__name__", ""))
        super().__init__()

    def reset(self) -> None:
        """Starts anew."""
        super().reset()
        self.total = 0.0
        self.count = 0

    def __bool__(self) -> bool:
        """Whether there was a batch."""
        return bool(self.count or self._waiting)

    def measure(self, output: Any, target: Any) -> Tensor:
        """Returns the function's value for a batch.

        Raises:
            ShapeError: if it is not one number.
        """
        assert self.function is not None
        return one_number(self.function(output, target))

    def result(self) -> float:
        """Returns the average so far; NaN of nothing."""
        self.read()
        return self.total / self.count if self.count else float("nan")

    def _take(self, value: np.ndarray, count: int) -> None:
        self.total += float(value.reshape(())) * count
        self.count += count


class Loss(Running):
    """The running loss, of which the value of every batch is kept in `values`, too."""

    totals = ("total", "count", "values")

    def reset(self) -> None:
        """Starts anew."""
        super().reset()
        self.values: list[float] = []

    def _take(self, value: np.ndarray, count: int) -> None:
        super()._take(value, count)
        self.values.append(float(value.reshape(())))


class R2(Metric):
    """`r2` over all samples of an epoch, which is not the mean of the batches' values.

    Per column, the mean of the targets, their squared distances from it and the squared errors of
    each batch are joined in float64 (Chan, Golub and LeVeque 1979), so that a mean that is large
    against the spread costs no more digits than float32 targets have.

    Example:
        >>> import tinygrad_cl as tg
        >>> running = R2()
        >>> running.add(tg.tensor([1.0]), tg.tensor([1.0]))
        >>> running.add(tg.tensor([2.0, 4.0]), tg.tensor([2.0, 3.0]))
        >>> running.result()
        0.5
    """

    name = "r2"
    totals = ("count", "mean", "spread", "error")

    def reset(self) -> None:
        """Starts anew."""
        super().reset()
        self.count = 0
        self.mean: Any = 0.0
        self.spread: Any = 0.0
        self.error: Any = 0.0

    def measure(self, output: Any, target: Any) -> Tensor:
        """Returns mean, spread and error of a batch, (3, ...)."""
        same_shape("r2", output, target)
        target = target.to(output.dtype)
        mean = target.mean(0)
        return stack([mean, (target - mean).square().sum(0), (target - output).square().sum(0)])

    def result(self) -> float:
        """Returns the coefficient so far; NaN of nothing."""
        self.read()
        if not self.count:
            return float("nan")
        constant = self.spread <= 1e-12 * (self.spread + self.count * np.square(self.mean))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(constant, (self.error == 0) * 1.0, 1 - self.error / self.spread)
        return float(np.mean(found))

    def _take(self, value: np.ndarray, count: int) -> None:
        mean, spread, error = value.astype(np.float64)
        apart = mean - self.mean
        share = count / (self.count + count)
        self.spread = self.spread + spread + np.square(apart) * self.count * share
        self.mean = self.mean + apart * share
        self.error = self.error + error
        self.count += count


def one_number(value: Any) -> Tensor:
    """Returns the detached value of a loss or metric.

    Raises:
        ShapeError: if it is not a tensor of one number.
    """
    if not isinstance(value, Tensor) or value.numel() != 1:
        shape = getattr(value, "shape", type(value).__name__)
        raise ShapeError(f"a loss or metric must be a tensor of one number, got {shape}")
    return value.detach()
