"""Pooling of volumes: of its images first, then along the depth.

A window is a box and its sum and maximum separate: the order of the elements does too, so the first
maximum of a box is in the first image that has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_cl.dtypes import int64
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.conv3d import triple
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import index as indexing
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import pool as primitive
from tinygrad_cl.shapes import Shape, numel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_cl.tensor import Tensor

    Sizes = int | Sequence[int]


def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Returns the largest element of each window; the gradient goes to its first maximum.

    Shapes: (N, C, D, H, W) or (C, D, H, W) -> (N, C, OD, OH, OW).

    Args:
        input: volumes.
        kernel_size: size of the window, one int or three.
        stride: its steps; by default its size.
        padding: how far windows may hang over each side, at most half of the window.
        dilation: distance of the window's elements.
        ceil_mode: let a last window hang over the end.
        return_indices: also return where the maxima are, as positions in D * H * W.

    Raises:
        ShapeError: if no window fits.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.max_pool3d(tg.arange(8.0).reshape(1, 1, 2, 2, 2), 2).item()
        7.0
    """
    op = "max_pool3d"
    x = _volumes(op, input)
    given = _window(op, kernel_size, stride, padding)
    given["dilation"] = triple(op, "dilation", dilation)
    images, depth = _attrs(given, {"ceil_mode": bool(ceil_mode)})
    flat = primitive.max_pool2d(_images(x), **images)
    columns = _columns(flat, x.shape)
    values = primitive.max_pool2d(columns, **depth)
    shape = (*x.shape[:-3], values.shape[-2], *flat.shape[-2:])
    pooled = wrap(m.reshape(values, shape=shape))
    if not return_indices:
        return pooled
    inside = _columns(primitive.max_pool2d_index(_images(x), **images), x.shape)
    chosen = primitive.max_pool2d_index(columns, **depth)
    return pooled, wrap(m.reshape(_positions(chosen, inside, x.shape), shape=shape))


def _positions(chosen: Node, inside: Node, shape: Shape) -> Node:
    """Returns positions in volumes, from those in (D, OH * OW) and those in each image."""
    planes, depth, places = inside.shape
    flat = m.reshape(inside, shape=(planes, depth * places))
    picked = m.reshape(chosen, shape=(planes, numel(chosen.shape[1:])))
    found = indexing.gather(flat, picked, dim=1, op="max_pool3d")
    image = p.floor_divide(picked, base.constant(places, int64))
    return found + image * numel(shape[-2:])


def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Returns the mean of each window.

    Shapes: (N, C, D, H, W) or (C, D, H, W) -> (N, C, OD, OH, OW).

    Args:
        input: volumes.
        kernel_size: size of the window, one int or three.
        stride: its steps; by default its size.
        padding: zeros on each side, at most half of the window.
        ceil_mode: let a last window hang over the end.
        count_include_pad: count the zeros of the padding.
        divisor_override: what to divide sums by instead of the count.

    Raises:
        ShapeError: if no window fits.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.avg_pool3d(tg.arange(8.0).reshape(1, 1, 2, 2, 2), 2).item()
        3.5
    """
    op = "avg_pool3d"
    x = _volumes(op, input)
    if divisor_override == 0:
        raise ShapeError(f"{op}: divisor_override must not be 0; None counts the elements")
    options = {"ceil_mode": bool(ceil_mode), "count_include_pad": bool(count_include_pad)}
    images, depth = _attrs(_window(op, kernel_size, stride, padding), options)
    # Counts multiply as the sums do; a given divisor divides once.
    images["divisor_override"] = None if divisor_override is None else 1
    depth["divisor_override"] = divisor_override
    flat = primitive.avg_pool2d(_images(x), **images)
    values = primitive.avg_pool2d(_columns(flat, x.shape), **depth)
    shape = (*x.shape[:-3], values.shape[-2], *flat.shape[-2:])
    return wrap(m.reshape(values, shape=shape))


def _volumes(op: str, input: Tensor) -> Node:
    x = unwrap(op, input)
    if x.ndim not in (4, 5) or 0 in x.shape[-4:]:
        raise ShapeError(f"{op}: needs (N, C, D, H, W) or (C, D, H, W), not empty, got {x.shape}")
    return x


def _window(
    op: str, kernel_size: Sizes, stride: Sizes | None, padding: Sizes
) -> dict[str, tuple[int, int, int]]:
    kernel = triple(op, "kernel_size", kernel_size)
    given = stride is not None and stride != ()
    return {
        "kernel_size": kernel,
        "stride": triple(op, "stride", stride) if given and stride is not None else kernel,
        "padding": triple(op, "padding", padding),
    }


def _attrs(
    window: dict[str, tuple[int, int, int]], options: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the attrs of pooling over images, and of pooling over columns (D, OH * OW)."""
    images: dict[str, Any] = {name: value[1:] for name, value in window.items()}
    depth: dict[str, Any] = {
        name: (value[0], 0 if name == "padding" else 1) for name, value in window.items()
    }
    return images | options, depth | options


def _images(x: Node) -> Node:
    return m.reshape(x, shape=(numel(x.shape[:-2]), 1, *x.shape[-2:]))


def _columns(pooled: Node, shape: Shape) -> Node:
    """Returns pooled images as (N * C, D, OH * OW)."""
    return m.reshape(pooled, shape=(numel(shape[:-3]), shape[-3], numel(pooled.shape[-2:])))
