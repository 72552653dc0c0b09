"""Activations: compositions that fuse into one kernel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl.autograd.composed import composed
from tinygrad_cl.dtypes import DType
from tinygrad_cl.dtypes import dtype as as_dtype
from tinygrad_cl.errors import DTypeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unary_float, unwrap, wrap
from tinygrad_cl.functional.become import placed
from tinygrad_cl.functional.reduce import any_empty, total
from tinygrad_cl.graph import Node, apply
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.primitives import special
from tinygrad_cl.primitives.normalize import share
from tinygrad_cl.shapes import normalize_dim

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _float(op: str, input: Tensor) -> Node:
    return base.floating(unwrap(op, input))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Returns `max(input, 0)`; the gradient at 0 is 0.

    With `inplace` the result becomes the value of `input` itself.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.relu(tg.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    node = unwrap("relu", input)
    if node.dtype.is_floating_point:
        return placed("relu", input, wrap(apply(p.relu, (node,))), inplace)
    return placed("relu", input, wrap(p.maximum(node, base.constant(0, node.dtype))), inplace)


def sigmoid(input: Tensor) -> Tensor:
    """Returns `1 / (1 + exp(-input))`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.sigmoid(tg.tensor([0.0]))
        tensor([0.5000])
    """
    return unary_float(p.sigmoid, input)


def tanh(input: Tensor) -> Tensor:
    """Returns the hyperbolic tangent.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tanh(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7616])
    """
    return unary_float(p.tanh, input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Returns `input` where it is positive, and `negative_slope * input` elsewhere.

    With `inplace` the result becomes the value of `input` itself.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.leaky_relu(tg.tensor([-1.0, 2.0]), 0.1)
        tensor([-0.1000,  2.0000])
    """
    x = _float("leaky_relu", input)
    return placed(
        "leaky_relu",
        input,
        wrap(p.where(p.gt(x, base.constant(0, x.dtype)), x, x * negative_slope)),
        inplace,
    )


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Returns `input` held between 0 and 6.

    With `inplace` the result becomes the value of `input` itself.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.relu6(tg.tensor([-1.0, 3.0, 9.0]))
        tensor([0., 3., 6.])
    """
    return placed("relu6", input, hardtanh(input, 0, 6), inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """Returns `input` held between two numbers; the gradient is 0 at both of them.

    With `inplace` the result becomes the value of `input` itself.

    Integers stay integers.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.hardtanh(tg.tensor([-2.0, 0.5]))
        tensor([-1.0000,  0.5000])
    """
    x = unwrap("hardtanh", input)
    low, high = base.constant(min_val, x.dtype), base.constant(max_val, x.dtype)
    if not x.dtype.is_floating_point:
        return placed("hardtanh", input, wrap(p.clamp(x, low, high)), inplace)
    inside = p.logical_and(p.gt(x, low), p.lt(x, high))
    held = p.clamp(x, low, high)
    held.needs_grad = False
    return placed("hardtanh", input, wrap(p.where(inside, x, held)), inplace)


def _elu(x: Node, alpha: float) -> Node:
    # The exponent is held at 0: an infinity on the side that is not chosen would make the gradient
    # NaN.
    zero = base.constant(0, x.dtype)
    falling = p.le(x, zero)
    return p.where(falling, special.expm1(p.where(falling, x, zero)) * alpha, x)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Returns `input` where it is positive, and `alpha * (exp(input) - 1)` elsewhere.

    With `inplace` the result becomes the value of `input` itself.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.elu(tg.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """
    return placed("elu", input, wrap(_elu(_float("elu", input), alpha)), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Returns the scaled `elu` that keeps mean 0 and variance 1 (Klambauer et al. 2017).

    With `inplace` the result becomes the value of `input` itself.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.selu(tg.tensor([1.0]))
        tensor([1.0507])
    """
    return placed(
        "selu", input, wrap(_elu(_float("selu", input), _SELU_ALPHA) * _SELU_SCALE), inplace
    )


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Returns `input * P(X <= input)` for a standard normal X (Hendrycks and Gimpel 2016).

    Args:
        input: any float tensor.
        approximate: "none" for the error function, "tanh" for
            `0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))`.

    Raises:
        DTypeError: if `approximate` is something else.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.gelu(tg.tensor([1.0]))
        tensor([0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise DTypeError(f'gelu: approximate must be "none" or "tanh", got {approximate!r}')
    x = _float("gelu", input)
    return wrap(_gelu(x) if approximate == "none" else _gelu_tanh(x))


def _gelu_node(x: Node) -> Node:
    return x * 0.5 * (p.erf(x * math.sqrt(0.5)) + 1)


def _gelu_tanh_node(x: Node) -> Node:
    """(1 + tanh(u)) / 2 is sigmoid(2 u), in which nothing cancels."""
    doubled = (x + x * x * x * 0.044715) * (2 * math.sqrt(2 / math.pi))
    return x * p.sigmoid(doubled)


_gelu = composed("gelu", _gelu_node)
_gelu_tanh = composed("gelu", _gelu_tanh_node)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Returns `input * sigmoid(input)`.

    With `inplace` the result becomes the value of `input` itself.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.silu(tg.tensor([1.0]))
        tensor([0.7311])
    """
    x = _float("silu", input)
    return placed("silu", input, wrap(apply(p.mul, (x, apply(p.sigmoid, (x,))))), inplace)


def softplus_node(x: Node) -> Node:
    """Returns `log(1 + exp(x))` without overflow, smooth everywhere; its derivative is sigmoid."""
    return apply(special.logaddexp, (x, base.constant(0, x.dtype)))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Returns `log(1 + exp(beta * input)) / beta`, a smooth `relu`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.softplus(tg.tensor([0.0, 1000.0]))
        tensor([6.9315e-01, 1.0000e+03])
    """
    x = _float("softplus", input)
    if beta == 1 and threshold == 20:
        return wrap(softplus_node(x))  # above 20 both are equal to rounding
    scaled = x * beta
    above = p.gt(scaled, base.constant(threshold, x.dtype))
    return wrap(p.where(above, x, softplus_node(scaled) * (1 / beta)))


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Returns `input * tanh(softplus(input))`.

    With `inplace` the result becomes the value of `input` itself.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.mish(tg.tensor([1.0]))
        tensor([0.8651])
    """
    x = _float("mish", input)
    return placed("mish", input, wrap(x * p.tanh(softplus_node(x))), inplace)


def logsigmoid(input: Tensor) -> Tensor:
    """Returns `log(sigmoid(input))` without overflow.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.logsigmoid(tg.tensor([0.0]))
        tensor([-0.6931])
    """
    return wrap(-softplus_node(-_float("logsigmoid", input)))


def softsign(input: Tensor) -> Tensor:
    """Returns `input / (1 + |input|)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.softsign(tg.tensor([1.0, -3.0]))
        tensor([ 0.5000, -0.7500])
    """
    x = _float("softsign", input)
    return wrap(x / (p.abs(x) + 1))


# --- over a dim


def _centered(x: Node, dim: int) -> Node:
    """Returns `x` minus its largest element along a dim, which is held constant."""
    top = apply(r.max, (x,), ((dim,), True))
    top.needs_grad = False
    return apply(p.sub, (x, top))


def _prepare(
    op: str, input: Tensor, dim: int | None, dtype: DType | str | None
) -> tuple[Node, int]:
    x = _float(op, input) if dtype is None else base.cast(unwrap(op, input), as_dtype(dtype))
    if dim is None:
        raise DTypeError(f"{op}: give the dim along which the results add up to 1, e.g. dim=-1")
    return x, normalize_dim(op, dim, x.ndim)


def softmax(input: Tensor, dim: int | None = None, dtype: DType | str | None = None) -> Tensor:
    """Returns `exp(input) / sum(exp(input))` along a dim, without overflow.

    Raises:
        DTypeError: if no dim is given.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.softmax(tg.tensor([0.0, 0.0]), dim=0)
        tensor([0.5000, 0.5000])
    """
    x, at = _prepare("softmax", input, dim, dtype)
    return wrap(_softmax(x, dim=at))


def _softmax_node(x: Node, *, dim: int) -> Node:
    if x.ndim == 0 or any_empty(x.shape, (dim,)):
        return p.exp(x - x)
    e = p.exp(_centered(x, dim))
    return share(x, e, total(e, (dim,), True))


_softmax = composed("softmax", _softmax_node, ("dim",))


def log_softmax_parts(x: Node, dim: int) -> tuple[Node, Node]:
    """Returns two nodes whose difference is `log_softmax`: x - m and log(sum(exp(x - m))).

    m is the maximum along the dim, which the second node keeps with size 1.
    """
    if x.ndim == 0 or any_empty(x.shape, (dim,)):
        return x, x
    d = _centered(x, dim)
    return d, apply(p.log, (total(apply(p.exp, (d,)), (dim,), True),))


def _log_softmax_node(x: Node, *, dim: int) -> Node:
    return p.sub(*log_softmax_parts(x, dim))


_log_softmax = composed("log_softmax", _log_softmax_node, ("dim",))


def log_softmax_node(x: Node, dim: int) -> Node:
    """Returns x - m - log(sum(exp(x - m))) along a dim, with m the maximum."""
    return _log_softmax(x, dim=dim)


def log_softmax(input: Tensor, dim: int | None = None, dtype: DType | str | None = None) -> Tensor:
    """Returns `log(softmax(input))` along a dim, without overflow.

    Raises:
        DTypeError: if no dim is given.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.log_softmax(tg.tensor([0.0, 0.0]), dim=0)
        tensor([-0.6931, -0.6931])
    """
    return wrap(log_softmax_node(*_prepare("log_softmax", input, dim, dtype)))
