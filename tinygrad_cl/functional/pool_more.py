"""Power-average pooling, fractional max pooling, and the way back from max pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.dtypes import int64
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional.activation import relu
from tinygrad_cl.functional.base import unwrap
from tinygrad_cl.functional.creation import arange, zeros
from tinygrad_cl.functional.index import gather
from tinygrad_cl.functional.pool import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from tinygrad_cl.functional.pool3d import avg_pool3d, max_pool3d
from tinygrad_cl.functional.random import rand
from tinygrad_cl.functional.writing import scatter
from tinygrad_cl.shapes import numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

    Sizes = int | Sequence[int]

_AVERAGES: dict[int, Any] = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}
_MAXIMA: dict[int, Any] = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}


def _listed(op: str, name: str, value: Any, dims: int) -> tuple[int, ...]:
    listed = (int(value),) * dims if hasattr(value, "__index__") else tuple(map(int, value))
    listed = listed * dims if len(listed) == 1 else listed
    if len(listed) != dims:
        raise ShapeError(f"{op}: {name} must be one int or {dims}, got {value}")
    return listed


# --- power averages


def _lp_pool(
    op: str,
    dims: int,
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None,
    ceil_mode: bool,
) -> Tensor:
    if norm_type == math.inf:
        found: Tensor = _MAXIMA[dims](input, kernel_size, stride, ceil_mode=ceil_mode)
        return found
    kernel = _listed(op, "kernel_size", kernel_size, dims)
    means = _AVERAGES[dims](input**norm_type, kernel_size, stride, 0, ceil_mode)
    powers: Tensor = (means.sign() * relu(means.abs())) * math.prod(kernel)
    return powers ** (1.0 / norm_type)


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Returns `sum(x**p)**(1/p)` of each window of signals; see `lp_pool2d`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.lp_pool1d(tg.tensor([[[3.0, 4.0]]]), 2, 2)
        tensor([[[5.]]])
    """
    return _lp_pool("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Returns `sum(x**p)**(1/p)` of each window of images.

    Shapes: (N, C, H, W) or (C, H, W) -> (N, C, OH, OW).

    Args:
        input: images.
        norm_type: p; infinity gives the maxima.
        kernel_size: size of the window.
        stride: its steps; by default its size.
        ceil_mode: let a last window hang over the end.

    Raises:
        ShapeError: if no window fits.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.lp_pool2d(tg.ones(1, 1, 2, 2), 2, 2)
        tensor([[[[2.]]]])
    """
    return _lp_pool("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Returns `sum(x**p)**(1/p)` of each window of volumes; see `lp_pool2d`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.lp_pool3d(tg.ones(1, 1, 2, 2, 2), 1, 2)
        tensor([[[[[8.]]]]])
    """
    return _lp_pool("lp_pool3d", 3, input, norm_type, kernel_size, stride, ceil_mode)


# --- back from maxima


def _unpooled(
    op: str,
    dims: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    output_size: Sequence[int] | None,
) -> Tensor:
    if unwrap(op, input).ndim not in (dims + 1, dims + 2) or indices.shape != input.shape:
        raise ShapeError(
            f"{op}: needs input of {dims + 2} dims, or {dims + 1} without a batch, and indices of "
            f"its shape, got {input.shape} and {indices.shape}"
        )
    kernel = _listed(op, "kernel_size", kernel_size, dims)
    steps = kernel if stride is None else _listed(op, "stride", stride, dims)
    around = _listed(op, "padding", padding, dims)
    usual = tuple(
        (size - 1) * step - 2 * pad + k
        for size, step, pad, k in zip(input.shape[-dims:], steps, around, kernel, strict=True)
    )
    out = usual if output_size is None else tuple(output_size)[-dims:]
    if len(out) != dims or any(
        abs(o - u) >= step for o, u, step in zip(out, usual, steps, strict=False)
    ):
        raise ArgumentError(
            f"{op}: output_size must differ from {usual} by less than the stride {steps}, got "
            f"{output_size}"
        )
    lead = input.shape[:-dims]
    flat = zeros((*lead, numel(out)), dtype=input.dtype, device=input.device)
    places = indices.reshape(*lead, -1)
    return scatter(flat, len(lead), places, input.reshape(*lead, -1)).reshape(*lead, *out)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Returns maxima of signals put back where they were, zeros elsewhere; see `max_unpool2d`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.max_unpool1d(tg.tensor([[[5.0]]]), tg.tensor([[[1]]]), 2)
        tensor([[[0., 5.]]])
    """
    return _unpooled("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Returns maxima of images put back where they were, zeros elsewhere.

    Args:
        input: what `max_pool2d` returned.
        indices: the places that it returned with `return_indices`.
        kernel_size: as there; so for the next two.
        stride: steps of the window; its size by default.
        padding: how far windows hung over.
        output_size: the size before pooling, where several are possible.

    Raises:
        ShapeError: if the shapes do not fit.
        ArgumentError: for an impossible `output_size`.
        IndexError: when computed, if a place is out of range.

    Example:
        >>> import tinygrad_cl as tg
        >>> F = tg.nn.functional
        >>> x = tg.tensor([[[[1.0, 2.0], [4.0, 3.0]]]])
        >>> y, places = F.max_pool2d(x, 2, return_indices=True)
        >>> F.max_unpool2d(y, places, 2)
        tensor([[[[0., 0.],
                  [4., 0.]]]])
    """
    return _unpooled("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Returns maxima of volumes put back where they were, zeros elsewhere; see `max_unpool2d`.

    Example:
        >>> import tinygrad_cl as tg
        >>> one = tg.ones(1, 1, 1, 1, 1)
        >>> tg.nn.functional.max_unpool3d(one, one.long(), 2).sum()
        tensor(1.)
    """
    return _unpooled("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


# --- windows of random steps


def _fractional(
    op: str,
    dims: int,
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None,
    output_ratio: Any,
    return_indices: bool,
    samples: Tensor | None,
) -> Any:
    if unwrap(op, input).ndim not in (dims + 1, dims + 2):
        raise ShapeError(f"{op}: needs {dims + 2} dims, or {dims + 1} without batch: {input.shape}")
    x = input if input.ndim == dims + 2 else input.unsqueeze(0)
    kernel = _listed(op, "kernel_size", kernel_size, dims)
    sizes = x.shape[2:]
    out = _wanted(op, dims, sizes, output_size, output_ratio)
    if any(o + k - 1 > s or o < 1 for o, k, s in zip(out, kernel, sizes, strict=True)):
        raise ShapeError(f"{op}: {out} windows of {kernel} do not fit into {sizes}")
    n, c = x.shape[:2]
    if samples is None:
        samples = rand(n, c, dims, device=x.device)
    order = list(range(dims)) if dims == 3 else [1, 0]  # samples of images begin with the width
    index: Tensor | None = None
    for d in range(dims):
        starts = _starts(samples[..., order[d]], sizes[d], out[d], kernel[d])
        taps = starts.unsqueeze(-1) + arange(kernel[d], device=x.device)
        shape = [n, c, *(1,) * (2 * dims)]
        shape[2 + d], shape[2 + dims + d] = out[d], kernel[d]
        taps = taps.reshape(*shape)
        index = taps if index is None else index * sizes[d] + taps
    assert index is not None
    count, window = numel(out), numel(kernel)
    places = index.expand(n, c, *out, *kernel).reshape(n, c, count * window)
    values = gather(x.reshape(n, c, -1), 2, places).reshape(n, c, count, window)
    best = values.detach().argmax(-1, keepdim=True)
    top = gather(values, 3, best).reshape(n, c, *out)
    where = gather(places.reshape(n, c, count, window), 3, best).reshape(n, c, *out)
    if input.ndim == dims + 1:
        top, where = top.squeeze(0), where.squeeze(0)
    return (top, where) if return_indices else top


def _wanted(
    op: str, dims: int, sizes: tuple[int, ...], output_size: Any, output_ratio: Any
) -> tuple[int, ...]:
    if (output_size is None) == (output_ratio is None):
        raise ArgumentError(f"{op}: give output_size or output_ratio, one of them")
    if output_size is not None:
        return _listed(op, "output_size", output_size, dims)
    ratios = (output_ratio,) * dims if isinstance(output_ratio, float) else tuple(output_ratio)
    if len(ratios) != dims or not all(0 < ratio < 1 for ratio in ratios):
        raise ArgumentError(f"{op}: output_ratio must lie between 0 and 1, got {output_ratio}")
    return tuple(int(size * ratio) for size, ratio in zip(sizes, ratios, strict=True))


def _starts(sample: Tensor, size: int, out: int, kernel: int) -> Tensor:
    """Returns where the windows of each channel begin, (N, C, out); the last stands at the end."""
    if out == 1:
        return (sample * 0).to(int64).unsqueeze(-1) + (size - kernel)
    alpha = np.float64(size - kernel) / (out - 1)
    i = arange(out, device=sample.device)
    u = sample.unsqueeze(-1)
    begin = ((u + i) * alpha).to(int64) - (u * alpha).to(int64)
    last = (i == out - 1).to(int64)
    return begin * (1 - last) + last * (size - kernel)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Returns the maxima of windows at random steps, so many as asked for (Graham 2014).

    Shapes: (N, C, H, W) or (C, H, W) -> (N, C, OH, OW).

    Args:
        input: images.
        kernel_size: size of the window.
        output_size: the size of the output; or
        output_ratio: its share of the input's size.
        return_indices: also return where the maxima are.
        _random_samples: (N, C, 2), the numbers that decide the steps, for width and height.

    Raises:
        ShapeError: if the windows do not fit.
        ArgumentError: if not one of size and ratio is given.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.fractional_max_pool2d(tg.ones(1, 2, 7, 7), 2, output_size=(3, 4)).shape
        (1, 2, 3, 4)
    """
    return _fractional(
        "fractional_max_pool2d",
        2,
        input,
        kernel_size,
        output_size,
        output_ratio,
        return_indices,
        _random_samples,
    )


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Returns the maxima of windows at random steps in volumes; see `fractional_max_pool2d`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.fractional_max_pool3d(tg.ones(1, 2, 7, 7, 7), 2, output_size=3).shape
        (1, 2, 3, 3, 3)
    """
    return _fractional(
        "fractional_max_pool3d",
        3,
        input,
        kernel_size,
        output_size,
        output_ratio,
        return_indices,
        _random_samples,
    )
