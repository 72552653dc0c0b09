"""Dropout: elements or channels set to zero by chance.   Primitives: primitives/random.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.autograd.composed import composed
from tinygrad_cl.dtypes import float32
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.become import placed
from tinygrad_cl.functional.random import Generator, draw_numbers
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise
from tinygrad_cl.primitives import random as primitive
from tinygrad_cl.shapes import Shape

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

_SATURATED = -1.7580993408473766  # what `selu` comes to far below 0


def _dropped(op: str, x: Node, shape: Shape, p_drop: float, generator: Generator | None) -> Node:
    if not 0 <= p_drop <= 1:
        raise DTypeError(f"{op}: the probability must lie between 0 and 1, got {p_drop}")
    drawn = draw_numbers(primitive.random_uniform, shape, base.device_of(x), generator)
    scale = 1 / (1 - p_drop) if p_drop < 1 else 0.0
    return _kept(x, drawn, base.constant(p_drop, float32), base.constant(scale, x.dtype))


def _kept_node(x: Node, drawn: Node, p_drop: Node, scale: Node) -> Node:
    kept = elementwise.ge(drawn, p_drop)
    return elementwise.where(kept, x * scale, base.constant(0, x.dtype))


_kept = composed("dropout", _kept_node)


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Returns `input` with elements zeroed with probability `p`, the others times 1 / (1 - p).

    Args:
        input: any float tensor.
        p: the probability.
        training: if False, `input` is returned as it is.
        generator: where the random numbers come from; the default generator if None.
        inplace: give `input` itself the result.

    Raises:
        DTypeError: if `p` is no probability.

    Example:
        >>> import tinygrad_cl as tg
        >>> sorted(set(tg.nn.functional.dropout(tg.ones(100), 0.5).tolist()))
        [0.0, 2.0]
    """
    x = base.floating(unwrap("dropout", input))
    if not training or p == 0:
        return input
    return placed("dropout", input, wrap(_dropped("dropout", x, x.shape, p, generator)), inplace)


def dropout2d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Returns (N, C, ...) with whole channels set to zero with probability `p`, the others scaled.

    With `inplace` the result becomes the value of `input` itself.

    Raises:
        DTypeError: if `p` is no probability.
        ShapeError: if there are no channels.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.dropout2d(tg.ones(2, 3, 4, 4), 0.5).shape
        (2, 3, 4, 4)
    """
    x = base.floating(unwrap("dropout2d", input))
    if x.ndim < 3:
        raise ShapeError(f"dropout2d: needs (N, C, H, W) or (C, H, W), got {x.shape}")
    if not training or p == 0:
        return input
    channels = (*x.shape[:-2], 1, 1)
    return placed(
        "dropout2d", input, wrap(_dropped("dropout2d", x, channels, p, generator)), inplace
    )


def alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Returns `input` with elements set to the floor of `selu` with probability `p`.

    With `inplace` the result becomes the value of `input` itself.

    The result is shifted and scaled so that mean 0 and variance 1 stay (Klambauer et al. 2017).

    Raises:
        DTypeError: if `p` is no probability.

    Example:
        >>> import tinygrad_cl as tg
        >>> y = tg.nn.functional.alpha_dropout(tg.ones(100), 0.5, training=True)
        >>> len(set(y.tolist()))
        2
    """
    op = "alpha_dropout"
    x = base.floating(unwrap(op, input))
    result = _alpha_dropped(op, input, x, x.shape, p, training, generator)
    return placed(op, input, result, inplace and result is not input)


def _alpha_dropped(
    op: str,
    input: Tensor,
    x: Node,
    shape: Shape,
    p: float,
    training: bool,
    generator: Generator | None,
) -> Tensor:
    """Returns `x` with elements, or whole channels as `shape` says, set to the floor of `selu`."""
    if not 0 <= p <= 1:
        raise DTypeError(f"{op}: the probability must lie between 0 and 1, got {p}")
    if not training or p == 0:
        return input
    if p == 1:
        return wrap(x * 0.0)
    scale = ((1 - p) * (1 + p * _SATURATED**2)) ** -0.5
    drawn = draw_numbers(primitive.random_uniform, shape, base.device_of(x), generator)
    kept = elementwise.ge(drawn, base.constant(p, float32))
    shift = -scale * _SATURATED * p
    floor = base.constant(scale * _SATURATED + shift, x.dtype)
    return wrap(elementwise.where(kept, x * scale + shift, floor))


def _channels(
    op: str, input: Tensor, places: int, p: float, training: bool, generator: Generator | None
) -> Tensor:
    """Returns `input` with whole channels of `places` dims set to zero."""
    x = base.floating(unwrap(op, input))
    if x.ndim not in (places + 1, places + 2):
        raise ShapeError(f"{op}: needs {places + 2} dims, or {places + 1} without batch: {x.shape}")
    if not training or p == 0:
        return input
    shape = (*x.shape[: x.ndim - places], *(1,) * places)
    return wrap(_dropped(op, x, shape, p, generator))


def dropout1d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Returns (N, C, L) or (C, L) with whole channels set to zero with probability `p`.

    The others are scaled by `1 / (1 - p)`. With `inplace` the result becomes the value of `input`.

    Raises:
        DTypeError: if `p` is no probability.
        ShapeError: for other dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.dropout1d(tg.ones(2, 3, 4), 0.5).shape
        (2, 3, 4)
    """
    result = _channels("dropout1d", input, 1, p, training, generator)
    return placed("dropout1d", input, result, inplace and result is not input)


def dropout3d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Returns (N, C, D, H, W) or (C, D, H, W) with whole channels set to zero with probability `p`.

    The others are scaled by `1 / (1 - p)`. With `inplace` the result becomes the value of `input`.

    Raises:
        DTypeError: if `p` is no probability.
        ShapeError: for other dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.dropout3d(tg.ones(2, 3, 2, 2, 2), 0.5).shape
        (2, 3, 2, 2, 2)
    """
    result = _channels("dropout3d", input, 3, p, training, generator)
    return placed("dropout3d", input, result, inplace and result is not input)


def feature_alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Returns (N, C, ...) with whole channels set to the floor of `selu`; see `alpha_dropout`.

    With `inplace` the result becomes the value of `input` itself.

    Raises:
        DTypeError: if `p` is no probability.
        ShapeError: if there are no channels.

    Example:
        >>> import tinygrad_cl as tg
        >>> y = tg.nn.functional.feature_alpha_dropout(tg.ones(2, 8, 3), 0.5, training=True)
        >>> len(set(y[0, 0].tolist()))
        1
    """
    op = "feature_alpha_dropout"
    x = base.floating(unwrap(op, input))
    if x.ndim < 2:
        raise ShapeError(f"{op}: needs (N, C, ...), got {x.shape}")
    shape = (*x.shape[:2], *(1,) * (x.ndim - 2))
    result = _alpha_dropped(op, input, x, shape, p, training, generator)
    return placed(op, input, result, inplace and result is not input)
