"""Attention, and the bilinear form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl.dtypes import bool_, float32, float64
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.dropout import dropout
from tinygrad_cl.functional.matmul import product
from tinygrad_cl.functional.reduce import total
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import attention as a
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.shapes import broadcast, numel

if TYPE_CHECKING:
    from tinygrad_cl.functional.random import Generator
    from tinygrad_cl.tensor import Tensor

MAX_HEAD = 256  # elements of a head that the kernels take


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Returns `softmax(query @ key.mT * scale + mask) @ value` (Vaswani et al. 2017).

    Floats of 32 and 64 bits run in one kernel that never stores the scores, so that memory grows
    with L + S and not with L * S (Dao et al. 2022); with dropout, in float16, with heads of more
    than 256 elements, or where a float mask wants a gradient, the scores are written out.

    Shapes: query (..., L, E), key (..., S, E), value (..., S, V) -> (..., L, V); dims in front
    broadcast.

    Args:
        query: what asks.
        key: what is compared with it.
        value: what is averaged.
        attn_mask: broadcasts to (..., L, S): bool (True takes part) or float (added). A query whose
            keys are all masked gets zeros.
        dropout_p: the probability with which a weight is dropped.
        is_causal: let query i see the keys 0 to i only; excludes `attn_mask`.
        scale: by default `1 / sqrt(E)`.
        enable_gqa: let each head of key and value (dim -3) serve several heads of the query.
        generator: where the random numbers of dropout come from.

    Raises:
        ShapeError: if the shapes do not fit.
        ArgumentError: if there are two masks.

    Example:
        >>> import tinygrad_cl as tg
        >>> q, v = tg.zeros(1, 2, 4), tg.tensor([[[2.0], [4.0]]])
        >>> tg.nn.functional.scaled_dot_product_attention(q, q, v, is_causal=True)
        tensor([[[2.],
                 [3.]]])
    """
    op = "scaled_dot_product_attention"
    q, k, v = _checked(op, query, key, value, enable_gqa)
    factor = 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else scale
    if is_causal and attn_mask is not None:
        raise ArgumentError(f"{op}: give attn_mask or is_causal, not both")
    mask = None if attn_mask is None else _mask(op, attn_mask, q, k)
    if _is_fused(q, v, k, mask) and not dropout_p:
        return wrap(_fused(q, k, v, mask, is_causal, factor))
    turned = m.permute(k, dims=(*range(k.ndim - 2), k.ndim - 1, k.ndim - 2))
    scores = product(q * factor, turned)
    if is_causal:
        seen = p.ge(m.iota(shape=(scores.shape[-2], 1)), m.iota(shape=(scores.shape[-1],)))
        scores = p.where(seen, scores, base.constant(-math.inf, scores.dtype))
    elif mask is not None and mask.dtype is bool_:
        scores = p.where(mask, scores, base.constant(-math.inf, scores.dtype))
    elif mask is not None:
        scores = p.add(scores, mask)
    weights = _safe_softmax(scores)
    if dropout_p:
        weights = dropout(wrap(weights), dropout_p, generator=generator).node
    return wrap(product(weights, v))


def _mask(op: str, attn_mask: Tensor, q: Node, k: Node) -> Node:
    """Returns the mask in the dtype of the scores, or as bool."""
    mask, shape = unwrap(op, attn_mask), (*q.shape[:-1], k.shape[-2])
    if broadcast(op, shape, mask.shape) != shape:
        raise ShapeError(f"{op}: attn_mask {mask.shape} does not broadcast to {shape}")
    return mask if mask.dtype is bool_ else base.cast(mask, q.dtype)


def _is_fused(q: Node, v: Node, k: Node, mask: Node | None) -> bool:
    """Whether the kernels of ops/attention*.cl take these operands."""
    sizes = (*q.shape, k.shape[-2], v.shape[-1])
    fits = 0 not in sizes and max(q.shape[-1], v.shape[-1]) <= MAX_HEAD
    return fits and q.dtype in (float32, float64) and not (mask is not None and mask.needs_grad)


def _fused(q: Node, k: Node, v: Node, mask: Node | None, causal: bool, factor: float) -> Node:
    lead = q.shape[:-2]
    batch = (numel(lead[:-1]), *lead[-1:]) if lead else (1, 1)
    q, k, v = (base.reshape(x, (*batch, *x.shape[-2:])) for x in (q, k, v))
    scale = m.reshape(base.constant(factor, q.dtype), shape=(1,))
    inputs = [q, k, v, scale]
    if mask is not None:
        wide = base.expand(mask, (*lead, q.shape[-2], k.shape[-2]))
        inputs.append(base.reshape(wide, (*q.shape[:-1], k.shape[-2])))
    packed = a.attention(*inputs, causal=causal)
    return base.reshape(
        a.part(packed, 0, (*q.shape[:-1], v.shape[-1])), (*lead, *q.shape[-2:-1], v.shape[-1])
    )


def _checked(
    op: str, query: Tensor, key: Tensor, value: Tensor, shared: bool
) -> tuple[Node, Node, Node]:
    q, k, v = (base.floating(unwrap(op, t)) for t in (query, key, value))
    fits = min(q.ndim, k.ndim, v.ndim) > 1 and q.shape[-1] == k.shape[-1]
    if not fits or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"{op}: needs query (..., L, E), key (..., S, E) and value (..., S, V), got {q.shape}, "
            f"{k.shape} and {v.shape}"
        )
    if shared:
        k, v = _repeated(op, k, q), _repeated(op, v, q)
    batch = broadcast(op, q.shape[:-2], k.shape[:-2], v.shape[:-2])
    q, k, v = (base.expand(n, (*batch, *n.shape[-2:])) for n in (q, k, v))
    dtype = base.common(base.common(q.dtype, k.dtype, 2, 2), v.dtype, 2, 2)
    return base.cast(q, dtype), base.cast(k, dtype), base.cast(v, dtype)


def _repeated(op: str, node: Node, query: Node) -> Node:
    """Returns key or value with each head as often as heads of the query share it."""
    if node.ndim < 3 or query.ndim < 3 or query.shape[-3] % max(node.shape[-3], 1):
        raise ShapeError(
            f"{op}: with enable_gqa the heads of the query {query.shape} (dim -3) must be a "
            f"multiple of those of key and value {node.shape}"
        )
    *batch, heads, length, size = node.shape
    times = query.shape[-3] // max(heads, 1)
    apart = m.reshape(node, shape=(*batch, heads, 1, length, size))
    wide = m.expand(apart, shape=(*batch, heads, times, length, size))
    return m.reshape(wide, shape=(*batch, heads * times, length, size))


def _safe_softmax(x: Node) -> Node:
    """Returns softmax along the last dim, and zeros where everything is -inf."""
    if x.shape[-1] == 0:
        return x
    last = (x.ndim - 1,)
    top = r.max(x, dim=last, keepdim=True)
    nothing = p.eq(top, base.constant(-math.inf, x.dtype))
    top = p.where(nothing, base.constant(0, x.dtype), top)  # -inf - -inf is NaN
    top.needs_grad = False
    e = p.exp(x - top)
    return e / p.where(nothing, base.constant(1, x.dtype), total(e, last, True))


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Returns `input1 @ weight[o] @ input2` for each o, plus `bias`.

    Shapes: input1 (..., I), input2 (..., J), weight (O, I, J), bias (O) -> (..., O).

    Raises:
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> tg.nn.functional.bilinear(x, x, tg.ones(1, 2, 2))
        tensor([9.])
    """
    op = "bilinear"
    x, y = base.operands(op, input1, input2)
    w = base.cast(unwrap(op, weight), x.dtype)
    fits = w.ndim == 3 and x.ndim == y.ndim > 0 and x.shape[:-1] == y.shape[:-1]
    if not fits or (x.shape[-1], y.shape[-1]) != w.shape[1:]:
        raise ShapeError(
            f"{op}: needs inputs (..., I) and (..., J) and weight (O, I, J), got {x.shape}, "
            f"{y.shape} and {w.shape}"
        )
    rows, (outs, first, second) = numel(x.shape[:-1]), w.shape
    table = m.reshape(m.permute(w, dims=(1, 0, 2)), shape=(first, outs * second))
    mixed = product(base.reshape(x, (rows, first)), table)
    products = m.reshape(mixed, shape=(rows, outs, second)) * m.reshape(y, shape=(rows, 1, second))
    result = total(products, (2,), False)
    if bias is not None:
        b = base.cast(unwrap(op, bias), result.dtype)
        if b.shape != (outs,):
            raise ShapeError(f"{op}: needs bias ({outs},), got {b.shape}")
        result = p.add(result, b)
    return wrap(base.reshape(result, (*x.shape[:-1], outs)))
