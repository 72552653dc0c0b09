"""Metrics of one batch: each returns a tensor of one number, computed when it is read."""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_cl.dtypes import float32
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_cl.functional.creation import arange
from tinygrad_cl.tensor import Tensor

MetricFunction = Callable[[Tensor, Tensor], Tensor]


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
    labels = class_labels("accuracy", output, target)
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
    labels = class_labels("top_k_accuracy", output, target).unsqueeze(1)
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
    same_shape("binary_accuracy", output, target)
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
    same_shape("mae", output, target)
    return (output - target).abs().mean()


def mse(output: Tensor, target: Tensor) -> Tensor:
    """Returns the mean squared error.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> mse(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 5.0])).item()
        4.5
    """
    same_shape("mse", output, target)
    return (output - target).square().mean()


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
    same_shape("mape", output, target)
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
    same_shape("r2", output, target)
    target = target.to(output.dtype)
    error = ((target - output) ** 2).sum(0)
    spread = ((target - target.mean(0, keepdim=True)) ** 2).sum(0)
    constant = (spread == 0).to(output.dtype)
    missed = (error != 0).to(output.dtype)
    return (1 - (1 - constant) * error / (spread + constant) - constant * missed).mean()


def class_labels(op: str, output: Tensor, target: Tensor) -> Tensor:
    """Returns class indices (N, ...) for scores (N, C, ...).

    Raises:
        ShapeError: if the shapes do not fit.
        DTypeError: if class indices are not integers.
    """
    if output.ndim < 2:
        raise ShapeError(f"{op}: needs scores of shape (N, C, ...), got {output.shape}")
    if target.shape == output.shape and target.dtype.is_floating_point:
        return target.argmax(1)
    needed = (output.shape[0], *output.shape[2:])
    if target.shape != needed:
        column = target.shape == (needed[0], 1, *needed[1:])
        raise ShapeError(
            f"{op}: for scores of shape {output.shape} the targets must be of shape {needed}, "
            f"got {target.shape}" + ("; use target.squeeze(1)" if column else "")
        )
    if not target.dtype.is_integer:
        raise DTypeError(f"{op}: class indices must be integers, got {target.dtype.name}")
    return target.long()


def same_shape(op: str, output: Tensor, target: Tensor) -> None:
    """Refuses shapes that differ: nothing broadcasts silently.

    Raises:
        ShapeError: if they do.
    """
    if output.shape != target.shape or output.ndim == 0:
        raise ShapeError(
            f"{op}: outputs of shape {output.shape} and targets of shape {target.shape} differ; "
            "reshape one of them"
        )
