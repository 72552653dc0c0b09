"""More normalizing layers: per instance, by root mean square, across neighboring channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygrad_cl.autograd.modes import no_grad
from tinygrad_cl.dtypes import float32
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.batch_norm import batch_norm, move_running
from tinygrad_cl.functional.norm import affine, standardized
from tinygrad_cl.functional.reduce import average
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import pool as primitive
from tinygrad_cl.shapes import numel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_cl.tensor import Tensor


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Returns (N, C, ...) normalized per instance and channel (Ulyanov et al. 2016).

    Args:
        input: (N, C, ...) with at least one dim of places.
        running_mean: (C), moved towards the mean over the batch in place; or used.
        running_var: (C), likewise, with unbiased variances.
        weight: (C).
        bias: (C).
        use_input_stats: use the statistics of each instance; else the running ones.
        momentum: the share of this batch in the running statistics.
        eps: keeps the root away from zero.

    Raises:
        ShapeError: if there is only one place, or sizes differ.
        DTypeError: if running statistics are wanted and missing.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.instance_norm(tg.tensor([[[1.0, 3.0]]]))
        tensor([[[-1.0000,  1.0000]]])
    """
    op = "instance_norm"
    x = base.floating(unwrap(op, input))
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    count = numel(x.shape[2:])
    if x.ndim < 3 or count == 1:
        raise ShapeError(
            f"{op}: needs (N, C, ...) with more than one place per channel, got {x.shape}"
        )
    y, mean, var = standardized(x, tuple(range(2, x.ndim)), eps)
    with no_grad():
        move_running(running_mean, average(mean, (0,), True), momentum)
        if running_var is not None and count > 1:
            unbiased = average(var, (0,), True) * (count / (count - 1))
            move_running(running_var, unbiased, momentum)
    return wrap(affine(op, y, weight, bias, (x.shape[1], *(1,) * (x.ndim - 2))))


def rms_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Returns `x / sqrt(mean(x**2) + eps) * weight` over the last dims (Zhang and Sennrich 2019).

    Args:
        input: any float tensor.
        normalized_shape: the sizes of the dims to normalize over.
        weight: of that shape.
        eps: by default the dtype's machine epsilon (float32's for 16 bits).

    Raises:
        ShapeError: if the input does not end with `normalized_shape`, or the weight differs.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.rms_norm(tg.tensor([[3.0, -3.0]]), 2)
        tensor([[ 1., -1.]])
    """
    op = "rms_norm"
    x = base.floating(unwrap(op, input))
    shape = base.size_argument(op, (normalized_shape,))
    if not shape or x.shape[-len(shape) :] != shape:
        raise ShapeError(f"{op}: input {x.shape} does not end with {shape}")
    if weight is not None and unwrap(op, weight).shape != shape:
        raise ShapeError(f"{op}: weight must be {shape}, got {weight.node.shape}")
    wide = base.cast(x, float32) if x.dtype.is_half else x
    small = float(np.spacing(wide.dtype.numpy.type(1))) if eps is None else eps
    dims = tuple(range(x.ndim - len(shape), x.ndim))
    y = wide * p.rsqrt(average(wide * wide, dims, True) + small)
    return wrap(base.cast(affine(op, y, weight, None, shape), x.dtype))


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Returns `x / (k + alpha * mean)**beta`, the mean of squares over neighboring channels.

    A channel's neighbors are `size` channels around it, zeros beyond the first and the last
    (Krizhevsky et al. 2012, with the sum divided by `size`).

    Args:
        input: (N, C, ...) with at least one dim of places.
        size: how many channels are neighbors.
        alpha: the share of the mean.
        beta: the exponent.
        k: what is added.

    Raises:
        ShapeError: if there are fewer than three dims, or `size` is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.local_response_norm(tg.ones(1, 1, 2), 2, alpha=2.0, beta=1.0)
        tensor([[[0.5000, 0.5000]]])
    """
    x = base.floating(unwrap("local_response_norm", input))
    if x.ndim < 3 or size < 1:
        raise ShapeError(
            f"local_response_norm: needs (N, C, L), (N, C, H, W) or more, and size of at least 1, "
            f"got {x.shape} and size {size}"
        )
    if numel(x.shape) == 0:
        return wrap(p.alias(x))
    means = _over_neighbors(x * x, size)
    return wrap(x / p.pow(means * alpha + k, base.constant(beta, x.dtype)))


def _over_neighbors(x: Node, size: int) -> Node:
    """Returns means over `size` channels around each one."""
    n, c = x.shape[:2]
    planes = m.reshape(x, shape=(n, 1, c, numel(x.shape[2:])))
    wide = m.pad(planes, before=(0, 0, size // 2, 0), after=(0, 0, (size - 1) // 2, 0))
    pooled = primitive.avg_pool2d(
        wide,
        kernel_size=(size, 1),
        stride=(1, 1),
        padding=(0, 0),
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
    )
    return m.reshape(pooled, shape=x.shape)
