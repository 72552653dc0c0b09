"""More activations that are made of pieces; at a joint the gradient is that of PyTorch's piece."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl.autograd.modes import no_grad
from tinygrad_cl.dtypes import DType, Scalar, float32
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.activation import softmax
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.become import placed
from tinygrad_cl.functional.random import Generator, draw_numbers
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import random as primitive
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.primitives import special
from tinygrad_cl.shapes import normalize_dim, numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def _float(op: str, input: Tensor) -> Node:
    return base.floating(unwrap(op, input))


def _number(value: Scalar, like: Node) -> Node:
    return base.constant(value, like.dtype)


def _held_outside(x: Node, low: float, high: float) -> Node:
    """Returns `x`, through which a gradient flows only strictly between two numbers."""
    inside = p.logical_and(p.gt(x, _number(low, x)), p.lt(x, _number(high, x)))
    fixed = p.alias(x)
    fixed.needs_grad = False
    return p.where(inside, x, fixed)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """Returns `relu6(input + 3) / 6`, a sigmoid of three straight pieces.

    With `inplace` the result becomes the value of `input` itself.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.hardsigmoid(tg.tensor([-4.0, 0.0, 4.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    return placed("hardsigmoid", input, wrap(_hardsigmoid(_float("hardsigmoid", input))), inplace)


def _hardsigmoid(x: Node) -> Node:
    moved = _held_outside(x, -3, 3) + 3
    return p.clamp(moved, _number(0, x), _number(6, x)) * (1 / 6)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Returns `input * hardsigmoid(input)` (Howard et al. 2019).

    With `inplace` the result becomes the value of `input` itself.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.hardswish(tg.tensor([-4.0, 0.0, 4.0]))
        tensor([-0.,  0.,  4.])
    """
    x = _float("hardswish", input)
    return placed("hardswish", input, wrap(x * _hardsigmoid(x)), inplace)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Returns `input` where its magnitude is above `lambd`, and 0 elsewhere.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.hardshrink(tg.tensor([-1.0, 0.2, 0.7]))
        tensor([-1.0000,  0.0000,  0.7000])
    """
    x = _float("hardshrink", input)
    outside = p.gt(p.abs(x), _number(lambd, x))
    return wrap(p.where(outside, x, _zero_or_nan(x)))


def _zero_or_nan(x: Node) -> Node:
    """Returns NaN where `x` is NaN, and 0 elsewhere, without a gradient."""
    return p.where(p.isnan(x), _number(math.nan, x), _number(0, x))


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Returns `input` moved towards 0 by `lambd`, and 0 where it would pass it.

    Raises:
        ArgumentError: if `lambd` is negative.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.softshrink(tg.tensor([-1.0, 0.2, 0.75]))
        tensor([-0.5000,  0.0000,  0.2500])
    """
    if lambd < 0:
        raise ArgumentError(f"softshrink: lambd must not be negative, got {lambd}")
    x = _float("softshrink", input)
    below, above = p.lt(x, _number(-lambd, x)), p.gt(x, _number(lambd, x))
    moved = x + p.where(above, _number(-lambd, x), _number(lambd, x))
    return wrap(p.where(p.logical_or(below, above), moved, _zero_or_nan(x)))


def tanhshrink(input: Tensor) -> Tensor:
    """Returns `input - tanh(input)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.tanhshrink(tg.tensor([1.0]))
        tensor([0.2384])
    """
    x = _float("tanhshrink", input)
    return wrap(x - p.tanh(x))


def threshold(input: Tensor, threshold: Scalar, value: Scalar, inplace: bool = False) -> Tensor:
    """Returns `input` where it is above `threshold`, and `value` elsewhere.

    With `inplace` the result becomes the value of `input` itself.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.threshold(tg.tensor([0.5, 2.0]), 1.0, -9.0)
        tensor([-9.,  2.])
    """
    x = unwrap("threshold", input)
    return placed(
        "threshold",
        input,
        wrap(p.where(p.le(x, _number(threshold, x)), _number(value, x), x)),
        inplace,
    )


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Returns `input` above 0, and `alpha * (exp(input / alpha) - 1)` below (Barron 2017).

    With `inplace` the result becomes the value of `input` itself.

    Raises:
        ArgumentError: if `alpha` is 0.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.celu(tg.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """
    if alpha == 0:
        raise ArgumentError("celu: alpha must not be 0; a small number comes close to relu")
    x = _float("celu", input)
    below = p.le(x, _number(0, x))
    scaled = p.where(below, x, _number(0, x)) * (1 / alpha)
    return placed("celu", input, wrap(p.where(below, special.expm1(scaled) * alpha, x)), inplace)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Returns `input` where it is positive, and `weight * input` elsewhere (He et al. 2015).

    Args:
        input: any float tensor.
        weight: one number, or one for each channel (dim 1 of the input).

    Raises:
        ShapeError: if there are neither one nor as many weights as channels.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.prelu(tg.tensor([-1.0, 2.0]), tg.tensor([0.25]))
        tensor([-0.2500,  2.0000])
    """
    x, w = base.operands("prelu", input, weight)
    x, w = base.floating(x), base.floating(w)
    channels = x.shape[1] if x.ndim > 1 else 1
    if w.ndim > 1 or numel(w.shape) not in (1, channels):
        raise ShapeError(
            f"prelu: weight must hold 1 number, or {channels} for input {x.shape}, got {w.shape}"
        )
    count = numel(w.shape)
    around = (1, count, *(1,) * (x.ndim - 2)) if x.ndim > 1 else (1,) * x.ndim
    above = p.gt(x, _number(0, x))
    # The product sees only what it is chosen for: an infinity above would make w's gradient NaN.
    return wrap(p.where(above, x, p.where(above, _number(0, x), x) * base.reshape(w, around)))


def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Returns `input` where it is positive, and a random share of it elsewhere (Xu et al. 2015).

    Args:
        input: any float tensor.
        lower: the least share.
        upper: the largest share.
        training: if False, the share is `(lower + upper) / 2` everywhere.
        generator: where the random numbers come from; the default generator if None.
        inplace: give `input` itself the result.

    Raises:
        ArgumentError: if `lower` is above `upper`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.rrelu(tg.tensor([-1.0, 2.0]), 0.25, 0.75)
        tensor([-0.5000,  2.0000])
    """
    if not lower <= upper:
        raise ArgumentError(f"rrelu: lower {lower} must not be above upper {upper}")
    x = _float("rrelu", input)
    share = _number((lower + upper) / 2, x)
    if training:
        drawn = draw_numbers(primitive.random_uniform, x.shape, base.device_of(x), generator)
        share = base.cast(drawn * (upper - lower) + lower, x.dtype)
    return placed(
        "rrelu", input, wrap(p.where(p.gt(x, _number(0, x)), x, p.mul(x, share))), inplace
    )


# --- gates


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Returns `a * sigmoid(b)` of the two halves of a dim (Dauphin et al. 2017).

    Raises:
        ShapeError: if the dim has no two equal halves.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.glu(tg.tensor([3.0, 0.0]))
        tensor([1.5000])
    """
    x = _float("glu", input)
    if x.ndim == 0:
        raise ShapeError("glu: a zero-dimensional tensor cannot be halved")
    at = base.listed_dims("glu", dim, None, x.ndim)[0]
    if x.shape[at] % 2:
        raise ShapeError(f"glu: dim {dim} of {x.shape} must be even: one half gates the other")
    half = x.shape[at] // 2
    shape = (*x.shape[:at], half, *x.shape[at + 1 :])
    starts = tuple(half if d == at else 0 for d in range(x.ndim))
    ones = (1,) * x.ndim
    a = m.slice(x, starts=(0,) * x.ndim, steps=ones, shape=shape)
    return wrap(a * p.sigmoid(m.slice(x, starts=starts, steps=ones, shape=shape)))


def softmin(input: Tensor, dim: int | None = None, dtype: DType | str | None = None) -> Tensor:
    """Returns `softmax(-input)` along a dim.

    Raises:
        DTypeError: if no dim is given.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.softmin(tg.tensor([0.0, 0.0]), dim=0)
        tensor([0.5000, 0.5000])
    """
    return softmax(wrap(-unwrap("softmin", input)), dim, dtype)


def gumbel_softmax(
    logits: Tensor,
    tau: float = 1.0,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Returns samples of a relaxed categorical distribution (Jang et al. 2017).

    Args:
        logits: log-probabilities, up to a constant, along `dim`.
        tau: the temperature; small ones come close to one-hot vectors.
        hard: return one-hot vectors, with the gradient of the soft ones.
        eps: taken for compatibility with PyTorch; without effect, as there.
        dim: the dim of the classes.
        generator: where the random numbers come from; the default generator if None.

    Raises:
        ArgumentError: if `tau` is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.gumbel_softmax(tg.zeros(2, 3), hard=True).sum(dim=1)
        tensor([1., 1.])
    """
    if tau <= 0:
        raise ArgumentError(f"gumbel_softmax: tau must be positive, got {tau}")
    x = _float("gumbel_softmax", logits)
    drawn = draw_numbers(primitive.random_uniform, x.shape, base.device_of(x), generator)
    # Uniform numbers are multiples of 2**-24 below 1; 0 has no logarithm.
    noise = -p.log(-p.log(p.maximum(drawn, base.constant(2**-25, float32))))
    soft = softmax(wrap((x + base.cast(noise, x.dtype)) * (1 / tau)), dim)
    return straight_through(soft, dim) if hard else soft


def straight_through(soft: Tensor, dim: int) -> Tensor:
    """Returns one-hot vectors of the largest elements, with the gradient of `soft`."""
    y = soft.node
    if y.ndim == 0 or 0 in y.shape:
        return soft
    at = normalize_dim("gumbel_softmax", dim, y.ndim)
    with no_grad():
        best = r.argmax(y, dim=(at,), keepdim=True)
        numbers = m.iota(shape=(y.shape[at], *(1,) * (y.ndim - 1 - at)))
        lift = base.cast(p.eq(best, numbers), y.dtype) - y
    return wrap(y + lift)
