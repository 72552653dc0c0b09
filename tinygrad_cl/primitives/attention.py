"""Attention.   Device side: ops/attention*.cl.   User side: functional/attention.py.

    s = q @ k.mT * scale + mask    p = softmax(s)    y = p @ v

A node has one output, so each of the two primitives packs several arrays into one flat one:

    attention       y (..., queries, head_v), then the log-sum-exp of each row of s
    attention_grad  dk (..., keys, head), then dv (..., keys, head_v), then dq (..., queries, head)

`part` reads an array back. A query that sees no key gets zeros, and a log-sum-exp of 0. Nothing is
differentiated by the log-sum-exp, the scale or the mask. The gradient's own gradients are written
as matrix products and softmax.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_cl.dtypes import bool_, float32, float64
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.graph import Node, Primitive, TensorSpec, register
from tinygrad_cl.graph import scalar as number
from tinygrad_cl.lowering import Template
from tinygrad_cl.primitives import plans_attention as plans
from tinygrad_cl.primitives.elementwise import add, eq, exp, where
from tinygrad_cl.primitives.elementwise import ge as at_least
from tinygrad_cl.primitives.joint import Joint
from tinygrad_cl.primitives.matmul import matmul, transposed
from tinygrad_cl.primitives.movement import expand, iota, reshape, slice
from tinygrad_cl.primitives.reduce import max as largest
from tinygrad_cl.primitives.reduce import sum as total
from tinygrad_cl.shapes import Shape, numel

Array = NDArray[Any]


# Spec rules.


def _check(q: TensorSpec, k: TensorSpec, v: TensorSpec, scale: TensorSpec, mask: Any) -> None:
    dtypes = {x.dtype for x in (q, k, v, scale)}
    if len(dtypes) > 1 or q.dtype not in (float32, float64):
        found = ", ".join(x.dtype.name for x in (q, k, v, scale))
        raise DTypeError(f"attention: needs float32 or float64 inputs of one dtype, got {found}")
    fits = len(q.shape) == 4 and q.shape[:2] == k.shape[:2] == v.shape[:2] and scale.shape == (1,)
    if not fits or q.shape[3] != k.shape[3] or k.shape[2] != v.shape[2]:
        raise ShapeError(
            f"attention: needs query (B, H, L, E), key (B, H, S, E), value (B, H, S, V) and scale "
            f"(1,), got {q.shape}, {k.shape}, {v.shape} and {scale.shape}"
        )
    scores = (*q.shape[:3], k.shape[2])
    if mask and (mask[0].shape != scores or mask[0].dtype not in (bool_, q.dtype)):
        raise ShapeError(
            f"attention: needs a mask {scores} of bool or {q.dtype.name}, got {mask[0]}"
        )


def _spec(
    q: TensorSpec, k: TensorSpec, v: TensorSpec, scale: TensorSpec, *mask: TensorSpec, causal: bool
) -> TensorSpec:
    _check(q, k, v, scale, mask)
    return TensorSpec((numel(q.shape[:3]) * (v.shape[3] + 1),), q.dtype)


def _grad_spec(
    q: TensorSpec,
    k: TensorSpec,
    v: TensorSpec,
    scale: TensorSpec,
    y: TensorSpec,
    g: TensorSpec,
    *mask: TensorSpec,
    causal: bool,
) -> TensorSpec:
    expected = _spec(q, k, v, scale, *mask, causal=causal)
    if y != expected or g.dtype is not q.dtype or g.shape != (*q.shape[:3], v.shape[3]):
        raise ShapeError(
            f"attention_grad: needs the output {expected} and its cotangent "
            f"{(*q.shape[:3], v.shape[3])}, got {y} and {g}"
        )
    return TensorSpec((sum(numel(x.shape) for x in (k, v, q)),), q.dtype)


# NumPy references.


def _weights(
    q: Array, k: Array, scale: Array, mask: tuple[Array, ...], causal: bool
) -> tuple[Array, Array]:
    """Returns the softmax of the scores, and the log-sum-exp of its rows."""
    scores = q @ np.swapaxes(k, -1, -2) * scale
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    for m in mask:
        scores = np.where(m, scores, -np.inf) if m.dtype == bool else scores + m
    top = scores.max(-1, keepdims=True)
    shift = np.where(top == -np.inf, 0, top)
    e = np.exp(scores - shift)
    sums = e.sum(-1, keepdims=True)
    safe = np.where(sums == 0, 1, sums)
    return e / safe, np.where(sums == 0, 0, shift + np.log(safe))


def _flat(arrays: tuple[Array, ...], dtype: Any) -> Array:
    return np.concatenate([a.reshape(-1) for a in arrays]).astype(dtype, copy=False)


def _reference(q: Array, k: Array, v: Array, scale: Array, *mask: Array, causal: bool) -> Array:
    with np.errstate(all="ignore"):
        weights, lse = _weights(q, k, scale, mask, causal)
        return _flat((weights @ v, lse), q.dtype)


def _grad_reference(
    q: Array, k: Array, v: Array, scale: Array, y: Array, g: Array, *mask: Array, causal: bool
) -> Array:
    with np.errstate(all="ignore"):
        weights, _ = _weights(q, k, scale, mask, causal)
        slopes = g @ np.swapaxes(v, -1, -2)
        slopes = weights * (slopes - (weights * slopes).sum(-1, keepdims=True))
        dk = np.swapaxes(slopes, -1, -2) @ q * scale
        dv = np.swapaxes(weights, -1, -2) @ g
        return _flat((dk, dv, slopes @ k * scale), q.dtype)


# Gradients.


def part(packed: Node, start: int, shape: Shape) -> Node:
    """Returns an array that a packed one holds from element `start` on."""
    flat = slice(packed, starts=(start,), steps=(1,), shape=(numel(shape),))
    return reshape(flat, shape=shape)


_joint = Joint()


def _gradients(g: Node, y: Node, inputs: tuple[Node, ...], causal: bool) -> Node:
    """Returns the packed gradients: one node for the rules of q, k and v."""

    def make() -> tuple[Node]:
        q, k, v, scale, *mask = inputs
        cotangent = part(g, 0, (*q.shape[:3], v.shape[3]))
        return (attention_grad(q, k, v, scale, y, cotangent, *mask, causal=causal),)

    return _joint.get(y, g, make)[0]


def _query_vjp(g: Node, y: Node, *inputs: Node, causal: bool) -> Node:
    q, k, v = inputs[:3]
    start = numel(k.shape) + numel(v.shape)
    return part(_gradients(g, y, inputs, causal), start, q.shape)


def _key_vjp(g: Node, y: Node, *inputs: Node, causal: bool) -> Node:
    return part(_gradients(g, y, inputs, causal), 0, inputs[1].shape)


def _value_vjp(g: Node, y: Node, *inputs: Node, causal: bool) -> Node:
    k, v = inputs[1:3]
    return part(_gradients(g, y, inputs, causal), numel(k.shape), v.shape)


# The gradients' gradients. For the cotangent c = (ck, cv, cq) of the packed gradients, the scores s
# move in the direction t = (cq @ k.mT + q @ ck.mT) * scale, and
#     <c, gradients> = <g, w @ v + p @ cv>    with w = p * (t - rowsum(p * t))
# is what the rules below differentiate. Everything is written out, in matrices of all scores.


class _Second(NamedTuple):
    """What the rules of the second derivative share."""

    p: Node  # weights
    w: Node  # their change
    s: Node  # slopes: the first derivative by the scores
    e: Node  # the derivative of <c, gradients> by the scores
    cotangents: tuple[Node, Node, Node]  # ck, cv, cq
    scale: Node


def _row_sum(x: Node) -> Node:
    return expand(total(x, dim=(x.ndim - 1,), keepdim=True), shape=x.shape)


def _slopes(p: Node, by_weights: Node) -> Node:
    """The derivative by the scores, from that by their softmax."""
    return p * (by_weights - _row_sum(p * by_weights))


def _softmax(q: Node, k: Node, scale: Node, mask: list[Node], causal: bool) -> Node:
    scores = matmul(q, transposed(k)) * scale
    nothing = number(-np.inf, q.dtype)
    for m in mask:
        scores = where(m, scores, nothing) if m.dtype is bool_ else add(scores, m)
    if causal:
        seen = at_least(iota(shape=(q.shape[2], 1)), iota(shape=(k.shape[2],)))
        scores = where(seen, scores, nothing)
    top = largest(scores, dim=(3,), keepdim=True)
    empty = eq(top, nothing)
    shift = where(empty, number(0.0, q.dtype), top)
    shift.needs_grad = False
    sums = total(e := exp(scores - shift), dim=(3,), keepdim=True)
    return e / where(empty, number(1.0, q.dtype), sums)


def _second(c: Node, inputs: tuple[Node, ...], causal: bool) -> _Second:
    q, k, v, scale, _, g, *mask = inputs
    sizes = [numel(x.shape) for x in (k, v)]
    ck, cv = part(c, 0, k.shape), part(c, sizes[0], v.shape)
    cq = part(c, sum(sizes), q.shape)
    p = _softmax(q, k, scale, mask, causal)
    t = (matmul(cq, transposed(k)) + matmul(q, transposed(ck))) * scale
    r = _row_sum(p * t)
    by_weights = matmul(g, transposed(v))
    by_change = matmul(g, transposed(cv))
    mean = _row_sum(p * by_weights)
    e = _slopes(p, by_weights * t - t * mean - r * by_weights + by_change)
    return _Second(p, p * (t - r), _slopes(p, by_weights), e, (ck, cv, cq), scale)


def _second_query_vjp(c: Node, y: Node, *inputs: Node, causal: bool) -> Node:
    x = _second(c, inputs, causal)
    return (matmul(x.e, inputs[1]) + matmul(x.s, x.cotangents[0])) * x.scale


def _second_key_vjp(c: Node, y: Node, *inputs: Node, causal: bool) -> Node:
    x = _second(c, inputs, causal)
    by_scores, by_change = (
        matmul(transposed(x.e), inputs[0]),
        matmul(transposed(x.s), x.cotangents[2]),
    )
    return (by_scores + by_change) * x.scale


def _second_value_vjp(c: Node, y: Node, *inputs: Node, causal: bool) -> Node:
    return matmul(transposed(_second(c, inputs, causal).w), inputs[5])


def _cotangent_vjp(c: Node, y: Node, *inputs: Node, causal: bool) -> Node:
    x = _second(c, inputs, causal)
    return matmul(x.w, inputs[2]) + matmul(x.p, x.cotangents[1])


# The rows.

attention = register(
    Primitive(
        "attention",
        _spec,
        _reference,
        Template(plans.plan_attention, plans.accepts),
        (_query_vjp, _key_vjp, _value_vjp, None),
        ("causal",),
    )
)
attention_grad = register(
    Primitive(
        "attention_grad",
        _grad_spec,
        _grad_reference,
        Template(plans.plan_attention_grad, plans.accepts),
        (_second_query_vjp, _second_key_vjp, _second_value_vjp, None, None, _cotangent_vjp, None),
        ("causal",),
    )
)
