"""Rows of a table by index, one by one or summed up in bags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.autograd.function import Function
from tinygrad_cl.autograd.modes import no_grad
from tinygrad_cl.dtypes import int64
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.become import become
from tinygrad_cl.functional.index import index_node
from tinygrad_cl.functional.norm import norm_node
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import index as primitive
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.shapes import numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Returns the rows of `weight` that a tensor of indices names.

    Shapes: input (...), weight (V, D) -> (..., D).

    Args:
        input: indices from 0 to V - 1.
        weight: one row per index.
        padding_idx: a row that receives no gradient.
        max_norm: rows that are used and have a larger norm are scaled down to it, in place.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is used here.
        sparse: taken for compatibility; gradients are dense here.

    Raises:
        ShapeError: if the weight is no matrix.
        DTypeError: if the indices are no integers.
        IndexError: when computed, if an index is out of range.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.embedding(tg.tensor([2, 0]), tg.eye(3))
        tensor([[0., 0., 1.],
                [1., 0., 0.]])
    """
    places = index_node("embedding", input)
    if unwrap("embedding", weight).ndim != 2:
        raise ShapeError(f"embedding: weight must be (V, D), got {weight.shape}")
    line = base.reshape(places, (numel(places.shape),))
    if max_norm is not None:
        renormalize(weight, line, max_norm, norm_type)
    found = rows_at(weight.node, line, padding_idx, scale_grad_by_freq)
    return wrap(base.reshape(found, (*places.shape, weight.shape[1])))


def rows_at(rows: Node, line: Node, padding_idx: int | None, by_frequency: bool) -> Node:
    """Returns the rows that a line of indices names, with the gradient that is wanted."""
    found = primitive.index_select(rows, line, dim=0, op="embedding")
    if by_frequency:
        counts = _counts(line, rows.shape[0])
        share = 1 / base.cast(primitive.gather(counts, line, dim=0, op="embedding"), rows.dtype)
        found = _Scaled.apply(wrap(found), wrap(m.reshape(share, shape=(*line.shape, 1)))).node
    if padding_idx is not None:
        found = _without_gradient(found, line, padding_idx, rows.shape[0])
    return found


def _counts(line: Node, count: int) -> Node:
    """Returns how often each index stands in a line."""
    zeros = base.fill(0, (count,), int64, line.device)
    ones = base.fill(1, line.shape, int64, line.device)
    return primitive.scatter_add(zeros, line, ones, dim=0, op="embedding")


class _Scaled(Function):
    """Passes values on; the gradient is multiplied by a factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor) -> Tensor:
        """Returns the values."""
        ctx.save_for_backward(factor)
        return x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        """Returns the scaled gradient."""
        (factor,) = ctx.saved_tensors
        return g * factor, None


def renormalize(weight: Tensor, line: Node, limit: float, order: float) -> None:
    """Scales rows that are used and longer than a limit down to it, in place."""
    with no_grad():
        rows = weight.detach().node
        norms = norm_node(rows, float(order), (1,), True)
        used = p.gt(_counts(line, rows.shape[0]), base.constant(0, int64))
        long = p.gt(norms, base.constant(limit, rows.dtype))
        long = p.logical_and(long, m.reshape(used, shape=(rows.shape[0], 1)))
        shorter = rows * (base.constant(limit, rows.dtype) / (norms + 1e-7))
        become("embedding", weight, p.where(long, shorter, rows))
        engine.defer(weight)


def _without_gradient(found: Node, line: Node, padding: int, count: int) -> Node:
    """Returns the same rows, of which those at the padding index pass no gradient."""
    if not -count <= padding < count:
        raise ShapeError(f"embedding: padding_idx {padding} is no row of {count}")
    here = p.eq(line, base.constant(padding % count, int64))
    fixed = p.alias(found)
    fixed.needs_grad = False
    return p.where(m.reshape(here, shape=(*here.shape, 1)), fixed, found)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | Sequence[int] | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Returns sums, means or maxima of the rows of `weight` that bags of indices name.

    Shapes: input (B, N), or (N) with offsets (B); weight (V, D) -> (B, D). An empty bag gives 0.

    Args:
        input: indices from 0 to V - 1.
        weight: one row per index.
        offsets: where in a one-dimensional input each bag begins; read on the host.
        max_norm: as for `embedding`.
        norm_type: as for `embedding`.
        scale_grad_by_freq: as for `embedding`; not for "max".
        mode: "sum", "mean" or "max".
        sparse: taken for compatibility; gradients are dense here.
        per_sample_weights: one factor per index, for "sum".
        include_last_offset: the last offset is the length of the input.
        padding_idx: indices that count for nothing.

    Raises:
        ShapeError: if the shapes do not fit.
        ArgumentError: for another mode, or offsets or weights where there can be none.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.embedding_bag(tg.tensor([2, 0, 0]), tg.eye(3), tg.tensor([0, 1]))
        tensor([[0., 0., 1.],
                [1., 0., 0.]])
    """
    op = "embedding_bag"
    ids, count = _bags(op, input, offsets, include_last_offset)
    _check_bags(op, weight, mode, input, per_sample_weights)
    line = base.reshape(index_node(op, input), (len(ids),))
    if max_norm is not None:
        renormalize(weight, line, max_norm, norm_type)
    padding = None if padding_idx is None else padding_idx % weight.shape[0]
    found = rows_at(weight.node, line, padding, scale_grad_by_freq)
    counted: Node | None = None
    if padding is not None:
        counted = p.ne(line, base.constant(padding, int64))
    if mode == "max":
        return wrap(_largest(found, counted, ids, count))
    if per_sample_weights is not None:
        factor = base.reshape(per_sample_weights.node, (len(ids), 1))
        found = found * base.cast(factor, found.dtype)
    return wrap(_added(op, found, counted, ids, count, mode == "mean"))


def _check_bags(op: str, weight: Tensor, mode: str, input: Tensor, factors: Tensor | None) -> None:
    if unwrap(op, weight).ndim != 2:
        raise ShapeError(f"{op}: weight must be (V, D), got {weight.shape}")
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(f'{op}: mode must be "sum", "mean" or "max", got {mode!r}')
    if factors is not None and mode != "sum":
        raise ArgumentError(f'{op}: per_sample_weights are for mode "sum", got {mode!r}')
    if factors is not None and factors.shape != input.shape:
        raise ShapeError(
            f"{op}: per_sample_weights must have the shape of the input {input.shape}, got "
            f"{factors.shape}"
        )


def _bags(op: str, input: Tensor, offsets: Any, last: bool) -> tuple[np.ndarray, int]:
    """Returns the bag of each index, and the number of bags."""
    if input.ndim == 2:
        if offsets is not None:
            raise ArgumentError(f"{op}: offsets are for a one-dimensional input, not {input.shape}")
        rows, columns = input.shape
        return np.repeat(np.arange(rows), columns), rows
    if input.ndim != 1 or offsets is None:
        raise ShapeError(f"{op}: needs input (B, N), or (N) with offsets, got {input.shape}")
    starts = np.asarray(offsets.tolist() if hasattr(offsets, "tolist") else offsets, np.int64)
    ends = np.append(starts[1:], input.shape[0])
    starts, ends = (starts[:-1], ends[:-1]) if last else (starts, ends)
    if len(starts) and (starts[0] != 0 or (ends < starts).any() or ends[-1] > input.shape[0]):
        raise ArgumentError(
            f"{op}: offsets must begin with 0 and not fall, up to {input.shape[0]}, got "
            f"{starts.tolist()}"
        )
    ids = np.repeat(np.arange(len(starts)), ends - starts)
    return ids, len(starts)


def _added(
    op: str, found: Node, counted: Node | None, ids: np.ndarray, count: int, mean: bool
) -> Node:
    where = base.upload(ids, base.device_of(found))
    shape, dtype = (count, found.shape[1]), found.dtype
    if counted is not None:
        here = m.reshape(counted, shape=(*counted.shape, 1))
        found = p.where(here, found, base.constant(0, dtype))
    total = primitive.index_add(
        base.fill(0, shape, dtype, base.device_of(found)), where, found, dim=0, op=op
    )
    if not mean:
        return total
    ones = base.fill(1, ids.shape, dtype, base.device_of(found))
    shares = ones if counted is None else base.cast(counted, dtype)
    zeros = base.fill(0, (count,), dtype, base.device_of(found))
    sizes = primitive.scatter_add(zeros, where, shares, dim=0, op=op)
    sizes = p.maximum(sizes, base.constant(1, dtype))
    return total / m.reshape(sizes, shape=(count, 1))


def _largest(found: Node, counted: Node | None, ids: np.ndarray, count: int) -> Node:
    """Returns the maxima of bags, each filled up to the longest."""
    if not len(ids):
        return base.fill(0, (count, found.shape[1]), found.dtype, base.device_of(found))
    sizes = np.bincount(ids, minlength=count)
    longest = max(int(sizes.max(initial=0)), 1)
    places = np.cumsum(np.append(0, sizes))[:count, None] + np.arange(longest)
    inside = np.arange(longest) < sizes[:, None]
    device = base.device_of(found)
    line = base.upload(np.where(inside, places, 0).reshape(-1), device)
    wide = primitive.index_select(found, line, dim=0, op="embedding_bag")
    here = base.upload(inside.reshape(-1), device)
    if counted is not None:
        chosen = primitive.index_select(counted, line, dim=0, op="embedding_bag")
        here = p.logical_and(here, chosen)
    low = base.constant(-np.inf, found.dtype)
    wide = p.where(m.reshape(here, shape=(*here.shape, 1)), wide, low)
    top = r.max(m.reshape(wide, shape=(count, longest, found.shape[1])), dim=(1,), keepdim=False)
    return p.where(p.eq(top, low), base.constant(0, found.dtype), top)
