"""Norms of tensors, and normalizing layers; batch norm stands in batch_norm.py."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl.autograd.composed import composed
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.logic import clamp
from tinygrad_cl.functional.reduce import any_empty, average, root, total
from tinygrad_cl.graph import Node, apply
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import reduce as r
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
    for tensor in (weight, bias):
        if tensor is not None and unwrap("layer_norm", tensor).shape != shape:
            raise ShapeError(
                f"layer_norm: weight and bias must be {shape}, got {tensor.node.shape}"
            )
    if weight is None or bias is None:
        y = _standardized(x, dims=dims, eps=float(eps))
        return wrap(affine("layer_norm", y, weight, bias, shape))
    return wrap(_layer_norm(x, weight.node, bias.node, dims=dims, eps=float(eps)))


def _standardized_node(x: Node, *, dims: Shape, eps: float) -> Node:
    return standardized(x, dims, eps)[0]


def _layer_norm_node(x: Node, weight: Node, bias: Node, *, dims: Shape, eps: float) -> Node:
    y = standardized(x, dims, eps)[0]
    return y * base.cast(weight, y.dtype) + base.cast(bias, y.dtype)


_standardized = composed("standardized", _standardized_node, ("dims", "eps"))
_layer_norm = composed("layer_norm", _layer_norm_node, ("dims", "eps"))


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
