"""Distances between vectors, and losses that are made of them.

`reduction` is "mean", "sum" or "none" everywhere. Where PyTorch broadcasts, so do these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.loss import reduced
from tinygrad_cl.functional.margin_loss import above_zero, float_pair
from tinygrad_cl.functional.norm import norm_node
from tinygrad_cl.functional.reduce import total
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.shapes import broadcast

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """Returns the norm of `x1 - x2 + eps` along the last dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> a = tg.tensor([[3.0, 4.0]])
        >>> tg.nn.functional.pairwise_distance(a, tg.zeros(1, 2))
        tensor([5.0000])
    """
    a, b = float_pair("pairwise_distance", x1, x2)
    return wrap(_distance(a, b, p, eps, keepdim))


def _distance(a: Node, b: Node, order: float, eps: float, keepdim: bool = False) -> Node:
    difference = a - b + eps
    if difference.ndim == 0:
        raise ShapeError("pairwise_distance: needs at least one dim, got two numbers")
    return norm_node(difference, order, (difference.ndim - 1,), keepdim)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Returns `1 - cos` where the target is 1, and `max(0, cos - margin)` where it is -1.

    Shapes: inputs (N, D) and target (N), or (D) and ().

    Raises:
        ShapeError: if the shapes do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> a, b = tg.tensor([3.0, 4.0]), tg.tensor([4.0, 3.0])
        >>> tg.nn.functional.cosine_embedding_loss(a, b, tg.tensor(-1))
        tensor(0.9600)
    """
    op = "cosine_embedding_loss"
    a, b = float_pair(op, input1, input2)
    t = base.cast(unwrap(op, target), a.dtype)
    if t.ndim > 1 or a.ndim != t.ndim + 1 or b.ndim != t.ndim + 1:
        raise ShapeError(
            f"{op}: needs inputs (N, D) and target (N), or (D) and (), got {a.shape}, {b.shape} "
            f"and {t.shape}"
        )
    last = (t.ndim,)
    lengths = (total(a * a, last, False) + 1e-12) * (total(b * b, last, False) + 1e-12)
    cosine = total(a * b, last, False) / p.sqrt(lengths)
    zero = base.constant(0, a.dtype)
    together = p.where(p.eq(t, base.constant(1, t.dtype)), 1 - cosine, zero)
    apart = p.where(p.eq(t, base.constant(-1, t.dtype)), above_zero(cosine - margin), zero)
    return reduced(op, together + apart, reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Returns `max(0, d(anchor, positive) - d(anchor, negative) + margin)` (Balntas et al. 2016).

    Args:
        anchor: (N, D) or (D).
        positive: what should be near.
        negative: what should be far.
        margin: by how much farther.
        p: the order of the norm that measures distances.
        eps: added to differences.
        swap: use d(positive, negative) where it is smaller than d(anchor, negative).
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the numbers of dims differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> near, far = tg.zeros(1, 2), tg.tensor([[3.0, 4.0]])
        >>> tg.nn.functional.triplet_margin_loss(near, far, near)
        tensor(6.0000)
    """
    op = "triplet_margin_loss"

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return wrap(_distance(*float_pair(op, a, b), p, eps))

    return _triplet(op, anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Returns `triplet_margin_loss` with a distance of your own; else `pairwise_distance`.

    Raises:
        ShapeError: if the numbers of dims differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> a = tg.zeros(1, 2)
        >>> tg.nn.functional.triplet_margin_with_distance_loss(
        ...     a, a + 3, a, distance_function=lambda x, y: (x - y).abs().sum(dim=1)
        ... )
        tensor(7.)
    """
    op = "triplet_margin_with_distance_loss"
    distance = distance_function or pairwise_distance
    return _triplet(op, anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    op: str,
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    shapes = [unwrap(op, t).shape for t in (anchor, positive, negative)]
    if len({len(shape) for shape in shapes}) != 1:
        raise ShapeError(f"{op}: all three need equally many dims, got {shapes}")
    broadcast(op, *shapes)
    if margin < 0:
        raise ArgumentError(f"{op}: margin must not be negative, got {margin}")
    near, far = distance(anchor, positive).node, distance(anchor, negative).node
    if swap:
        far = p.minimum(far, distance(positive, negative).node)
    return reduced(op, above_zero(near - far + margin), reduction)
