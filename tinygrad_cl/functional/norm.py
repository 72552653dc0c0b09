"""Norms of tensors, and normalizing layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl import engine
from tinygrad_cl.autograd.modes import no_grad
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import rebind, unwrap, wrap
from tinygrad_cl.functional.logic import clamp
from tinygrad_cl.functional.reduce import any_empty, average, root, total
from tinygrad_cl.graph import Node, apply
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.primitives.normalize import normalize as normalized
from tinygrad_cl.primitives.normalize import standardize
from tinygrad_cl.shapes import Shape, normalize_dim, numel, reduced_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_cl.functional.base import Dims
    from tinygrad_cl.tensor import Tensor


def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    *,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns the vector norm `sum(|x|**p)**(1/p)` over `dim`.

    Args:
        input: any float tensor.
        p: the order; "fro" and None mean 2, inf and -inf the largest and the smallest |x|, 0 counts
            what is not zero.
        dim: the dims to reduce; all of them by default.
        keepdim: keep them with size 1.
        axis: NumPy's name of `dim`.
        keepdims: NumPy's name of `keepdim`.

    Raises:
        DTypeError: for other strings.
        ShapeError: for an infinite order of an empty tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([3.0, 4.0]).norm()
        tensor(5.)
    """
    x = base.floating(unwrap("norm", input))
    dims = base.listed_dims("norm", dim, axis, x.ndim)
    order = 2.0 if p in ("fro", None) else p
    if isinstance(order, str):
        raise DTypeError(f'norm: p must be a number or "fro", got {p!r}')
    assert order is not None
    return wrap(norm_node(x, float(order), dims, keepdim or keepdims))


def norm_node(x: Node, order: float, dims: Shape, keepdim: bool) -> Node:
    """Returns the norm of a node over dims."""
    if order == 2:
        return root(total(x * x, dims, keepdim))
    size = p.abs(x)
    if math.isinf(order):
        if any_empty(x.shape, dims):
            raise ShapeError(f"norm: {x.shape} is empty and has no norm of infinite order")
        fold = r.max if order > 0 else r.min
        return fold(size, dim=dims, keepdim=keepdim) if dims else size
    if order == 0:
        there = p.ne(x, base.constant(0, x.dtype))
        return total(base.cast(there, x.dtype), dims, keepdim)
    if order == 1:
        summed = total(size, dims, keepdim)
        return p.alias(summed) if summed is x else summed
    return _power(total(_power(size, order), dims, keepdim), 1 / order)


def _power(x: Node, exponent: float) -> Node:
    """Returns a power of what is not negative; where it is 0 the gradient is 0."""
    if exponent <= 0:
        return p.pow(x, base.constant(exponent, x.dtype))
    zero, one = base.constant(0, x.dtype), base.constant(1, x.dtype)
    nothing = p.eq(x, zero)
    return p.where(nothing, zero, p.pow(p.where(nothing, one, x), base.constant(exponent, x.dtype)))


def normalize(
    input: Tensor, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12
) -> Tensor:
    """Returns `input / max(norm(input), eps)` along `dim`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.normalize(tg.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    length = norm(input, p, dim, True)
    return wrap(input.node / clamp(length, min=eps).node)


def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False, *, keepdims: bool = False) -> Tensor:
    """Returns `log(sum(exp(input)))` over `dim`, without overflow.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.logsumexp(tg.tensor([100.0, 100.0]), dim=0)
        tensor(100.6931)
    """
    x = base.floating(unwrap("logsumexp", input))
    dims = base.listed_dims("logsumexp", dim, None, x.ndim)
    kept = keepdim or keepdims
    if not dims or any_empty(x.shape, dims):
        return wrap(p.log(total(p.exp(x), dims, kept)))
    top = apply(r.max, (x,), (dims, True))
    infinite = p.eq(p.abs(top), base.constant(math.inf, x.dtype))
    top = p.where(infinite, base.constant(0, x.dtype), top)  # inf - inf is NaN
    top.needs_grad = False
    result = p.log(total(p.exp(x - top), dims, True)) + top
    return wrap(base.reshape(result, reduced_shape(x.shape, dims, kept)))


# --- normalizing layers


def standardized(x: Node, dims: Shape, eps: float) -> tuple[Node, Node, Node]:
    """Returns x with mean 0 and variance 1 over dims, the mean, and the variance."""
    mean, variance = moments(x, dims)
    return standardize(x, mean, p.rsqrt(variance + eps)), mean, variance


def moments(x: Node, dims: Shape) -> tuple[Node, Node]:
    """Returns the mean and the biased variance over dims, which stay with size 1."""
    mean = average(x, dims, True)
    centered = apply(p.sub, (x, mean))
    return mean, average(apply(p.mul, (centered, centered)), dims, True)


def affine(op: str, y: Node, weight: Tensor | None, bias: Tensor | None, shape: Shape) -> Node:
    """Returns y * weight + bias with both in `shape`, a shape that broadcasts to that of y."""
    count = numel(shape)
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is None:
            continue
        node = base.cast(unwrap(op, tensor), y.dtype)
        if numel(node.shape) != count:
            raise ShapeError(f"{op}: {name} must have {count} elements, got {node.shape}")
        node = base.reshape(node, shape)
        y = y * node if name == "weight" else y + node
    return y


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Returns `(x - mean) / sqrt(var + eps) * weight + bias` over the last dims (Ba et al. 2016).

    Args:
        input: any float tensor.
        normalized_shape: the sizes of the dims to normalize over.
        weight: of that shape.
        bias: of that shape.
        eps: keeps the root away from zero.

    Raises:
        ShapeError: if the input does not end with `normalized_shape`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.layer_norm(tg.tensor([[1.0, 3.0]]), 2)
        tensor([[-1.0000,  1.0000]])
    """
    x = base.floating(unwrap("layer_norm", input))
    shape = base.size_argument("layer_norm", (normalized_shape,))
    if not shape or x.shape[-len(shape) :] != shape:
        raise ShapeError(f"layer_norm: input {x.shape} does not end with {shape}")
    dims = tuple(range(x.ndim - len(shape), x.ndim))
    y, _, _ = standardized(x, dims, eps)
    for tensor in (weight, bias):
        if tensor is not None and unwrap("layer_norm", tensor).shape != shape:
            raise ShapeError(
                f"layer_norm: weight and bias must be {shape}, got {tensor.node.shape}"
            )
    return wrap(affine("layer_norm", y, weight, bias, shape))


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Returns (N, C, ...) normalized over each group of channels and all places (Wu and He 2018).

    Raises:
        ShapeError: if the channels do not fall into so many groups.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.group_norm(tg.ones(1, 4, 2, 2), 2).shape
        (1, 4, 2, 2)
    """
    x = base.floating(unwrap("group_norm", input))
    if x.ndim < 2 or num_groups < 1 or x.shape[1] % num_groups:
        raise ShapeError(
            f"group_norm: the channels of {x.shape} do not fall into {num_groups} groups"
        )
    rest = numel(x.shape[1:]) // num_groups
    y, _, _ = standardized(m.reshape(x, shape=(x.shape[0], num_groups, rest)), (2,), eps)
    channels = (x.shape[1], *(1,) * (x.ndim - 2))
    return wrap(affine("group_norm", m.reshape(y, shape=x.shape), weight, bias, channels))


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Returns (N, C, ...) normalized per channel (Ioffe and Szegedy 2015).

    In training with the mean and the biased variance of this batch, and the running statistics move
    towards them: `running = (1 - momentum) * running + momentum * batch`, with the unbiased
    variance, as in PyTorch. Otherwise with the running statistics.

    Args:
        input: (N, C) or (N, C, ...).
        running_mean: (C), changed in place in training; may be None there.
        running_var: (C), likewise.
        weight: (C).
        bias: (C).
        training: whether to use this batch's statistics.
        momentum: the share of this batch in the running statistics, a number or a tensor ().
        eps: keeps the root away from zero.

    Raises:
        ShapeError: if there is one value per channel only in training, or sizes differ.
        DTypeError: if there are no running statistics outside of training.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.batch_norm(tg.tensor([[1.0], [3.0]]), None, None, training=True)
        tensor([[-1.0000],
                [ 1.0000]])
    """
    x = base.floating(unwrap("batch_norm", input))
    if x.ndim < 2:
        raise ShapeError(f"batch_norm: needs (N, C) or (N, C, ...), got {x.shape}")
    channels = (x.shape[1], *(1,) * (x.ndim - 2))
    if not training:
        if running_mean is None or running_var is None:
            raise DTypeError(
                "batch_norm: outside of training it needs running_mean and running_var"
            )
        mean, var = (_channels(t, x, channels) for t in (running_mean, running_var))
        y = (x - mean) * p.rsqrt(var + eps)
        return wrap(affine("batch_norm", y, weight, bias, channels))
    count = numel(x.shape) // max(x.shape[1], 1)
    if count <= 1:
        raise ShapeError(
            f"batch_norm: training needs more than one value per channel, got {x.shape}"
        )
    mean, var = moments(x, tuple(d for d in range(x.ndim) if d != 1))
    with no_grad():
        move_running(running_mean, mean, momentum)
        move_running(running_var, var * (count / (count - 1)), momentum)
    rstd = p.rsqrt(var + eps)
    if weight is None or bias is None:
        return wrap(affine("batch_norm", standardize(x, mean, rstd), weight, bias, channels))
    shape = (1, *channels)
    scale, shift = (_parameter(n, t, x, shape) for n, t in (("weight", weight), ("bias", bias)))
    return wrap(normalized(x, mean, rstd, scale, shift))


def _parameter(name: str, tensor: Tensor, x: Node, shape: Shape) -> Node:
    node = base.cast(unwrap("batch_norm", tensor), x.dtype)
    if numel(node.shape) != numel(shape):
        raise ShapeError(f"batch_norm: {name} must have {numel(shape)} elements, got {node.shape}")
    return base.reshape(node, shape)


def _channels(tensor: Tensor, x: Node, shape: Shape) -> Node:
    node = base.cast(unwrap("batch_norm", tensor), x.dtype)
    if node.shape != shape[:1]:
        raise ShapeError(f"batch_norm: running statistics must be {shape[:1]}, got {node.shape}")
    return m.reshape(node, shape=shape)


def move_running(running: Tensor | None, batch: Node, momentum: float | Tensor) -> None:
    """Moves a running statistic towards that of a batch, in place."""
    if running is None:
        return
    held = running.node
    if numel(held.shape) != numel(batch.shape):
        raise ShapeError(
            f"batch_norm: running statistics {held.shape} for {batch.shape[1]} channels"
        )
    fresh = base.cast(m.reshape(batch, shape=held.shape), held.dtype)
    share = momentum.node if isinstance(momentum, base.Handle) else momentum
    rebind(running, held * (1 - share) + fresh * share)
    engine.defer(running)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Returns `sum(x1 * x2) / (max(|x1|, eps) * max(|x2|, eps))` along `dim`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.cosine_similarity(tg.tensor([[3.0, 4.0]]), tg.tensor([[4.0, 3.0]]))
        tensor([0.9600])
    """
    a, b = base.operands("cosine_similarity", x1, x2)
    at = (normalize_dim("cosine_similarity", dim, max(a.ndim, b.ndim)),)
    a, b = base.floating(a), base.floating(b)
    shape = p.add(a, b).shape
    a, b = base.expand(a, shape), base.expand(b, shape)
    lengths = [clamp(wrap(norm_node(v, 2, at, True)), min=eps).node for v in (a, b)]
    return wrap(total((a / lengths[0]) * (b / lengths[1]), at, False))
