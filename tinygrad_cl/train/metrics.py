"""Metrics: functions of outputs and targets, and `Running`, which averages them over an epoch.

Every function returns a tensor of one number, computed when it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.autograd import no_grad
from tinygrad_cl.dtypes import float32
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_cl.functional.creation import arange
from tinygrad_cl.functional.movement import stack
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.graph import Node

MetricFunction = Callable[[Tensor, Tensor], Tensor]

__all__ = [
    "R2",
    "MetricFunction",
    "Running",
    "accuracy",
    "binary_accuracy",
    "mae",
    "mape",
    "r2",
    "top_k_accuracy",
]


def accuracy(output: Tensor, target: Tensor) -> Tensor:
    """Returns the share of samples whose largest score is that of their class.

    Shapes: output (N, C, ...) scores; target (N, ...) class indices, or of the output's shape
    (one-hot or probabilities).

    Raises:
        ShapeError: if the shapes do not fit.
        DTypeError: if class indices are not integers.

    Example:
        >>> import tinygrad_cl as tg
        >>> accuracy(tg.tensor([[0.9, 0.1], [0.3, 0.7]]), tg.tensor([0, 0])).item()
        0.5
    """
    labels = _labels("accuracy", output, target)
    return (output.argmax(1) == labels).to(float32).mean()


def top_k_accuracy(output: Tensor, target: Tensor, k: int = 5) -> Tensor:
    """Returns the share of samples whose class is among the k largest scores.

    Of equal scores, those of lower classes come first; with k = 1 it is `accuracy`.

    Shapes: as those of `accuracy`.

    Raises:
        ArgumentError: if k is not at least 1.
        ShapeError: if the shapes do not fit.
        DTypeError: if class indices are not integers.

    Example:
        >>> import tinygrad_cl as tg
        >>> top_k_accuracy(tg.tensor([[0.5, 0.3, 0.2]]), tg.tensor([1]), k=2).item()
        1.0
    """
    if k < 1:
        raise ArgumentError(f"top_k_accuracy: k must be at least 1, got {k}")
    labels = _labels("top_k_accuracy", output, target).unsqueeze(1)
    own = output.gather(1, labels)
    classes = arange(output.shape[1], device=output.device)
    classes = classes.reshape((1, -1) + (1,) * (output.ndim - 2))
    # "not smaller or equal" is also true for NaN, which must not count as a hit
    ahead = (output <= own).logical_not() | ((output == own) & (classes < labels))
    return (ahead.to(float32).sum(1) < k).to(float32).mean()


def binary_accuracy(output: Tensor, target: Tensor, threshold: float = 0.5) -> Tensor:
    """Returns the share of elements that are on the same side as their target, 0 or 1.

    Args:
        output: probabilities; for logits take the threshold 0.
        target: of the same shape, below 0.5 for the one class and above for the other.
        threshold: outputs above it count as 1.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> binary_accuracy(tg.tensor([0.9, 0.2, 0.8]), tg.tensor([1.0, 0.0, 0.0])).item()
        0.6666...
    """
    _same_shape("binary_accuracy", output, target)
    right = (output > threshold) == (target.to(float32) > 0.5)
    return (right & (output == output)).to(float32).mean()


def mae(output: Tensor, target: Tensor) -> Tensor:
    """Returns the mean absolute error.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> mae(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 5.0])).item()
        1.5
    """
    _same_shape("mae", output, target)
    return (output - target).abs().mean()


def mape(output: Tensor, target: Tensor) -> Tensor:
    """Returns the mean absolute percentage error, as a fraction: 0.1 for ten per cent.

    A target closer to 0 than 1e-6 counts as 1e-6.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> mape(tg.tensor([3.0, 2.0]), tg.tensor([2.0, 2.0])).item()
        0.25
    """
    _same_shape("mape", output, target)
    return ((output - target).abs() / target.to(float32).abs().clamp(min=1e-6)).mean()


def r2(output: Tensor, target: Tensor) -> Tensor:
    """Returns the coefficient of determination: 1 - squared error / variance of the targets.

    Of several columns, the mean of their coefficients. A column of constant targets counts as 1 if
    it is met exactly, and as 0 if not.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> r2(tg.tensor([1.0, 2.0, 4.0]), tg.tensor([1.0, 2.0, 3.0])).item()
        0.5
    """
    _same_shape("r2", output, target)
    target = target.to(output.dtype)
    error = ((target - output) ** 2).sum(0)
    spread = ((target - target.mean(0, keepdim=True)) ** 2).sum(0)
    constant = (spread == 0).to(output.dtype)
    missed = (error != 0).to(output.dtype)
    return (1 - (1 - constant) * error / (spread + constant) - constant * missed).mean()


FUNCTIONS: dict[str, MetricFunction] = {
    "accuracy": accuracy,
    "acc": accuracy,
    "binary_accuracy": binary_accuracy,
    "mae": mae,
    "mape": mape,
    "r2": r2,
    "top_k_accuracy": top_k_accuracy,
    "top_5_accuracy": partial(top_k_accuracy, k=5),
    "top_3_accuracy": partial(top_k_accuracy, k=3),
}


class Running:
    """The average of a metric over the batches of an epoch, each weighted by its size.

    `add` waits for nothing: values are read when there are many, or when `result` is asked for.

    Args:
        function: returns one number for the outputs and targets of a batch.

    Example:
        >>> import tinygrad_cl as tg
        >>> running = Running(mae)
        >>> running.add(tg.tensor([1.0]), tg.tensor([2.0]))
        >>> running.add(tg.tensor([0.0, 0.0]), tg.tensor([4.0, 4.0]))
        >>> running.result()
        3.0
    """

    LIMIT = 64  # values that wait to be read

    def __init__(self, function: MetricFunction | None = None) -> None:
        self.function = function
        self.reset()

    def reset(self) -> None:
        """Starts anew."""
        self._waiting: list[tuple[Tensor, int]] = []
        self._total = 0.0
        self._count = 0

    def __bool__(self) -> bool:
        """Whether there was a batch."""
        return bool(self._count or self._waiting)

    def add(self, output: Tensor, target: Tensor) -> None:
        """Takes note of a batch."""
        assert self.function is not None
        with no_grad():
            self.add_value(self.function(output, target), len(target))

    def add_value(self, value: Tensor, count: int) -> None:
        """Takes note of the mean `value` of `count` samples.

        Raises:
            ShapeError: if the value is not one number.
        """
        if not isinstance(value, Tensor) or value.numel() != 1:
            shape = getattr(value, "shape", type(value).__name__)
            raise ShapeError(f"a loss or metric must be a tensor of one number, got {shape}")
        self._later(value.detach(), count)

    def result(self) -> float:
        """Returns the average so far; NaN of nothing."""
        self._read()
        return self._total / self._count if self._count else float("nan")

    def pending(self) -> list[Node]:
        """Returns the nodes of values that are not yet computed."""
        return [value.node for value, _ in self._waiting if value.node.buffer is None]

    def _later(self, value: Tensor, count: int) -> None:
        engine.defer(value)  # computed along with the next step, read later
        self._waiting.append((value, count))
        if len(self._waiting) >= self.LIMIT:
            self._read()

    def _read(self) -> None:
        engine.realize(self.pending())
        for value, count in self._waiting:
            self._take(np.asarray(value.numpy(), np.float64), count)
        self._waiting = []

    def _take(self, value: np.ndarray, count: int) -> None:
        self._total += float(value.reshape(())) * count
        self._count += count


class R2(Running):
    """`r2` over all samples of an epoch, which is not the mean of the batches' values.

    Kept are, per column, the sum, the sum of squares and the squared error. Targets are taken
    relative to the mean of the first batch, so that a large mean costs no digits.

    Example:
        >>> import tinygrad_cl as tg
        >>> running = R2()
        >>> running.add(tg.tensor([1.0]), tg.tensor([1.0]))
        >>> running.add(tg.tensor([2.0, 4.0]), tg.tensor([2.0, 3.0]))
        >>> running.result()
        0.5
    """

    def reset(self) -> None:
        """Starts anew."""
        super().reset()
        self._center: Tensor | None = None
        self._sums: np.ndarray | None = None

    def add(self, output: Tensor, target: Tensor) -> None:
        """Takes note of a batch."""
        _same_shape("r2", output, target)
        with no_grad():
            target = target.to(output.dtype)
            if self._center is None:
                self._center = target.mean(0)
                engine.realize([self._center.node])
            apart = target - self._center
            sums = [apart.sum(0), (apart * apart).sum(0), ((target - output) ** 2).sum(0)]
            self._later(stack(sums), len(target))

    def result(self) -> float:
        """Returns the coefficient so far; NaN of nothing."""
        self._read()
        if self._sums is None:
            return float("nan")
        total, squares, error = self._sums
        spread = np.maximum(squares - total * total / self._count, 0.0)
        constant = spread <= 1e-12 * squares
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.mean(np.where(constant, (error == 0) * 1.0, 1 - error / spread)))

    def _take(self, value: np.ndarray, count: int) -> None:
        self._sums = value if self._sums is None else self._sums + value
        self._count += count


def running(function: MetricFunction) -> Running:
    """Returns what averages a metric over an epoch in the way that is right for it."""
    return R2() if function is r2 else Running(function)


def _labels(op: str, output: Tensor, target: Tensor) -> Tensor:
    """Class indices (N, ...) for scores (N, C, ...)."""
    if output.ndim < 2:
        raise ShapeError(f"{op}: needs scores of shape (N, C, ...), got {output.shape}")
    if target.shape == output.shape and target.dtype.is_floating_point:
        return target.argmax(1)
    if target.shape != (output.shape[0], *output.shape[2:]):
        raise ShapeError(
            f"{op}: for scores of shape {output.shape} the targets must be of shape "
            f"{(output.shape[0], *output.shape[2:])}, got {target.shape}"
        )
    if not target.dtype.is_integer:
        raise DTypeError(f"{op}: class indices must be integers, got {target.dtype.name}")
    return target.long()


def _same_shape(op: str, output: Tensor, target: Tensor) -> None:
    if output.shape != target.shape or output.ndim == 0:
        raise ShapeError(
            f"{op}: outputs of shape {output.shape} and targets of shape {target.shape} differ; "
            "reshape one of them"
        )
