"""The logarithm of cosh as a loss, cross-entropy of a dense layer, and distances of all pairs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.grids import triu_indices
from tinygrad_cl.functional.index import index_select
from tinygrad_cl.functional.loss import cross_entropy, reduced, same_shape
from tinygrad_cl.functional.matmul import linear
from tinygrad_cl.functional.norm import norm_node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import special
from tinygrad_cl.shapes import numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def log_cosh_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Returns `log(cosh(input - target))`: half the square near 0, the distance less log 2 far off.

    Far off it is `|d| + log(1 + exp(-2 |d|)) - log(2)`, near 0 `log(1 + sinh(d)**2) / 2`; neither
    overflows nor cancels. The gradient is `tanh(d)`.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> x, y = tg.tensor([1000.0, 0.0]), tg.tensor([0.0, 0.0])
        >>> tg.nn.functional.log_cosh_loss(x, y, reduction="none").tolist()
        [999.3068237304688, 0.0]
    """
    x, t = same_shape("log_cosh_loss", input, target)
    d = x - t
    far = p.abs(d)
    near = p.lt(far, base.constant(1, d.dtype))
    small = p.where(near, d, base.constant(0, d.dtype))
    sinh = special.sinh(small)
    around_zero = special.log1p(sinh * sinh) * 0.5
    beyond = far + special.log1p(p.exp(far * -2.0)) - math.log(2)
    return reduced("log_cosh_loss", p.where(near, around_zero, beyond), reduction)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """Returns `cross_entropy(linear(input, linear_weight, linear_bias), target, ...)`.

    Shapes: input (N, F) or (F), linear_weight (C, F) or (C, ..., F), linear_bias (C, ...); target
    as for `cross_entropy`.

    Args:
        input: features.
        linear_weight: of the dense layer.
        target: class indices or probabilities.
        linear_bias: of the dense layer.
        weight: (C), one factor per class.
        reduction: "mean", "sum" or "none".
        ignore_index: a class index that counts for nothing; -100 by default.
        label_smoothing: the share of the target that is spread over all classes.
        options: taken for compatibility; the plan decides what is kept in memory.

    Raises:
        ShapeError: if the shapes do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> x, w = tg.ones(2, 3), tg.zeros(4, 3)
        >>> tg.nn.functional.linear_cross_entropy(x, w, tg.tensor([1, 3]))
        tensor(1.3863)
    """
    op = "linear_cross_entropy"
    w = unwrap(op, linear_weight)
    if w.ndim < 2:
        raise ShapeError(f"{op}: linear_weight must be (C, ..., F), got {w.shape}")
    rows = (numel(w.shape[:-1]), w.shape[-1])
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = linear(input, linear_weight.reshape(rows), bias)
    if w.ndim > 2:
        logits = logits.reshape(*input.shape[:-1], *w.shape[:-1])
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(logits, target, weight, ignored, reduction, label_smoothing)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Returns the distances of all pairs of rows: (N, D) -> (N * (N - 1) / 2).

    Args:
        input: vectors as rows.
        p: the order of the norm.

    Raises:
        ShapeError: if the input is no matrix.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.pdist(tg.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
        tensor([5.0000, 1.0000, 4.2426])
    """
    x = base.floating(unwrap("pdist", input))
    if x.ndim != 2:
        raise ShapeError(f"pdist: needs (N, D), got {x.shape}")
    pairs = triu_indices(x.shape[0], x.shape[0], 1, device=base.device_of(x))
    first, second = (index_select(input, 0, pairs[i]) for i in range(2))
    return wrap(norm_node(base.floating((first - second).node), p, (1,), False))
