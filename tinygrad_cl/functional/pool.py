"""Pooling.   Primitives: primitives/pool.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import pool as primitive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_cl.tensor import Tensor

    Sizes = int | Sequence[int]


def _window(op: str, kernel_size: Sizes, stride: Sizes | None, padding: Sizes) -> dict[str, Any]:
    kernel = base.pair(op, "kernel_size", kernel_size)
    given = stride is not None and stride != ()
    return {
        "kernel_size": kernel,
        "stride": base.pair(op, "stride", stride) if given else kernel,
        "padding": base.pair(op, "padding", padding),
    }


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Returns the largest element of each window; the gradient goes to its first maximum.

    Shapes: (N, C, H, W) or (C, H, W) -> (N, C, OH, OW).

    Args:
        input: images.
        kernel_size: size of the window, one int or two.
        stride: its steps; by default its size.
        padding: how far windows may hang over each side, at most half of the window.
        dilation: distance of the window's elements.
        ceil_mode: let a last window hang over the end.
        return_indices: also return where the maxima are, as positions in H * W.

    Raises:
        ShapeError: if no window fits.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.max_pool2d(tg.arange(16.0).reshape(1, 1, 4, 4), 2)
        tensor([[[[ 5.,  7.],
                  [13., 15.]]]])
    """
    node = unwrap("max_pool2d", input)
    attrs = _window("max_pool2d", kernel_size, stride, padding)
    attrs |= {
        "dilation": base.pair("max_pool2d", "dilation", dilation),
        "ceil_mode": bool(ceil_mode),
    }
    values = wrap(primitive.max_pool2d(node, **attrs))
    return (values, wrap(primitive.max_pool2d_index(node, **attrs))) if return_indices else values


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Returns the mean of each window.

    Shapes: (N, C, H, W) or (C, H, W) -> (N, C, OH, OW).

    Args:
        input: images.
        kernel_size: size of the window, one int or two.
        stride: its steps; by default its size.
        padding: zeros on each side, at most half of the window.
        ceil_mode: let a last window hang over the end.
        count_include_pad: count the zeros of the padding.
        divisor_override: what to divide sums by instead of the count.

    Raises:
        ShapeError: if no window fits.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.avg_pool2d(tg.arange(16.0).reshape(1, 1, 4, 4), 2)
        tensor([[[[ 2.5000,  4.5000],
                  [10.5000, 12.5000]]]])
    """
    node = unwrap("avg_pool2d", input)
    attrs = _window("avg_pool2d", kernel_size, stride, padding)
    attrs |= {
        "ceil_mode": bool(ceil_mode),
        "count_include_pad": bool(count_include_pad),
        "divisor_override": divisor_override,
    }
    return wrap(primitive.avg_pool2d(node, **attrs))


def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Returns the largest element of each window of signals, (N, C, L) or (C, L) -> (N, C, OL).

    Arguments as those of `max_pool2d`; with `return_indices` also where the maxima are.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.max_pool1d(tg.tensor([[[1.0, 3.0, 2.0, 4.0]]]), 2)
        tensor([[[3., 4.]]])
    """
    flat = unwrap("max_pool1d", input)
    attrs = _line("max_pool1d", flat, kernel_size, stride, padding)
    attrs |= {"dilation": (1, _int(dilation)), "ceil_mode": bool(ceil_mode)}
    rows = _with_rows(flat)
    values = wrap(_without_rows(primitive.max_pool2d(rows, **attrs)))
    if not return_indices:
        return values
    return values, wrap(_without_rows(primitive.max_pool2d_index(rows, **attrs)))


def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Returns the mean of each window of signals, (N, C, L) or (C, L) -> (N, C, OL).

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.avg_pool1d(tg.tensor([[[1.0, 3.0, 2.0, 4.0]]]), 2)
        tensor([[[2., 3.]]])
    """
    flat = unwrap("avg_pool1d", input)
    attrs = _line("avg_pool1d", flat, kernel_size, stride, padding)
    attrs |= {"ceil_mode": bool(ceil_mode), "count_include_pad": bool(count_include_pad)}
    pooled = primitive.avg_pool2d(_with_rows(flat), divisor_override=None, **attrs)
    return wrap(_without_rows(pooled))


def _int(value: Any) -> int:
    return int(value) if hasattr(value, "__index__") else int(value[0])


def _line(
    op: str, node: Node, kernel_size: Sizes, stride: Sizes | None, padding: Sizes
) -> dict[str, Any]:
    if node.ndim not in (2, 3):
        raise ShapeError(f"{op}: needs (N, C, L) or (C, L), got {node.shape}")
    kernel = _int(kernel_size)
    step = kernel if stride is None or stride == () else _int(stride)
    return {"kernel_size": (1, kernel), "stride": (1, step), "padding": (0, _int(padding))}


def _with_rows(node: Node) -> Node:
    return m.reshape(node, shape=(*node.shape[:-1], 1, node.shape[-1]))


def _without_rows(node: Node) -> Node:
    return m.reshape(node, shape=(*node.shape[:-2], node.shape[-1]))
