"""Losses of margins, and likelihoods of counts and of normal variables.

`reduction` is "mean", "sum" or "none" everywhere. Where PyTorch broadcasts, so do these.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl.autograd.modes import no_grad
from tinygrad_cl.dtypes import int64
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.activation import softplus_node
from tinygrad_cl.functional.base import unwrap
from tinygrad_cl.functional.index import check_labels
from tinygrad_cl.functional.loss import check_reduction, reduced, same_shape, with_weight
from tinygrad_cl.functional.reduce import average, total
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import index as primitive
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import reduce as r

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def _number(value: float, like: Node) -> Node:
    return base.constant(value, like.dtype)


def above_zero(x: Node) -> Node:
    """Returns max(x, 0) whose gradient at 0 is 1, as that of PyTorch's `clamp_min`."""
    return p.clamp(x, _number(0, x), _number(math.inf, x))


def float_pair(op: str, input: Tensor, target: Tensor) -> tuple[Node, Node]:
    """Returns two tensors that broadcast, as float nodes."""
    x, t = base.operands(op, input, target)
    return base.floating(x), base.floating(t)


# --- likelihoods


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Returns minus the log-likelihood of counts under Poisson distributions.

    `exp(input) - target * input`, or `input - target * log(input + eps)` without `log_input`.

    Args:
        input: the logarithms of the expected counts, or the expected counts.
        target: the counts.
        log_input: whether the input is in logarithms.
        full: add Stirling's `t * log(t) - t + log(2 * pi * t) / 2` for targets above 1.
        eps: keeps the logarithm away from 0.
        reduction: "mean", "sum" or "none".

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.poisson_nll_loss(tg.tensor([0.0]), tg.tensor([2.0]))
        tensor(1.)
    """
    x, t = float_pair("poisson_nll_loss", input, target)
    losses = p.exp(x) - t * x if log_input else x - t * p.log(x + eps)
    if full:
        large = p.gt(t, _number(1, t))
        safe = p.where(large, t, _number(1, t))
        stirling = safe * p.log(safe) - safe + p.log(safe * (2 * math.pi)) * 0.5
        losses = losses + p.where(large, stirling, _number(0, t))
    return reduced("poisson_nll_loss", losses, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Returns minus the log-likelihood of targets under normal distributions.

    `(log(var) + (input - target)**2 / var) / 2`, where variances below `eps` count as `eps` but
    receive the gradient of the formula.

    Args:
        input: the means.
        target: the observations; broadcasts.
        var: the variances: one number, or a tensor of the input's shape, or of that shape without
            its last dim or with size 1 there.
        full: add `log(2 * pi) / 2`.
        eps: the smallest variance, positive.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if `var` does not fit.
        ArgumentError: if a number for `var` is negative, or `eps` is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> one = tg.tensor([1.0])
        >>> tg.nn.functional.gaussian_nll_loss(one, one + 2, one)
        tensor(2.)
    """
    op = "gaussian_nll_loss"
    x, t = float_pair(op, input, target)
    if eps <= 0:
        raise ArgumentError(f"{op}: eps must be positive, got {eps}")
    v = _variances(op, var, x)
    with no_grad():
        lift = p.maximum(v, _number(eps, v)) - v
    v = v + lift
    difference = x - t
    losses = (p.log(v) + difference * difference / v) * 0.5
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced(op, losses, reduction)


def _variances(op: str, var: Tensor | float, x: Node) -> Node:
    if isinstance(var, int | float):
        if var < 0:
            raise ArgumentError(f"{op}: var must not be negative, got {var}")
        return base.expand(_number(var, x), x.shape)
    v = base.cast(unwrap(op, var), x.dtype)
    if v.shape == x.shape[:-1] and v.ndim < x.ndim:
        return m.reshape(v, shape=(*v.shape, 1))
    if v.ndim != x.ndim or v.shape[:-1] != x.shape[:-1] or v.shape[-1:] not in ((1,), x.shape[-1:]):
        raise ShapeError(
            f"{op}: var {v.shape} must have the shape of input {x.shape}, or size 1 in the last dim"
        )
    return v


# --- margins


def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Returns `log(1 + exp(-target * input))`, without overflow, for targets 1 and -1.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.soft_margin_loss(tg.tensor([0.0]), tg.tensor([1.0]))
        tensor(0.6931)
    """
    x, t = same_shape("soft_margin_loss", input, target)
    return reduced("soft_margin_loss", softplus_node(-(t * x)), reduction)


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Returns `input` where the target is 1, and `max(0, margin - input)` where it is -1.

    Example:
        >>> import tinygrad_cl as tg
        >>> x, t = tg.tensor([0.25, 0.25]), tg.tensor([1, -1])
        >>> tg.nn.functional.hinge_embedding_loss(x, t, reduction="none")
        tensor([0.2500, 0.7500])
    """
    x, t = float_pair("hinge_embedding_loss", input, target)
    zero = _number(0, x)
    apart = p.where(p.ne(t, _number(1, t)), above_zero(margin - x), zero)
    together = p.where(p.ne(t, _number(-1, t)), x, zero)
    return reduced("hinge_embedding_loss", apart + together, reduction)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Returns `max(0, margin - target * (input1 - input2))` for targets 1 and -1.

    Raises:
        ShapeError: if the numbers of dims differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> one = tg.tensor([1.0])
        >>> tg.nn.functional.margin_ranking_loss(one, one + 2, one)
        tensor(2.)
    """
    op = "margin_ranking_loss"
    a, b = float_pair(op, input1, input2)
    t = base.cast(unwrap(op, target), a.dtype)
    if not a.ndim == b.ndim == t.ndim:
        raise ShapeError(
            f"{op}: all three need equally many dims, got {a.shape}, {b.shape} and {t.shape}"
        )
    return reduced(op, above_zero(margin - t * (a - b)), reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Returns `sum(max(0, margin - input[target] + input[i])**p) / C` over the other classes i.

    Shapes: input (N, C) and target (N), or (C) and ().

    Args:
        input: scores.
        target: class indices.
        p: 1 or 2.
        margin: by how much the target's score must be larger.
        weight: (C), one factor per class, that of the target is used.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes do not fit.
        ArgumentError: if `p` is neither 1 nor 2.
        IndexError: when computed, if a target is no class.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.multi_margin_loss(tg.tensor([0.0, 1.0]), tg.tensor(1))
        tensor(0.)
    """
    op = "multi_margin_loss"
    if p not in (1, 2):
        raise ArgumentError(f"{op}: p must be 1 or 2, got {p}")
    x, labels = base.floating(unwrap(op, input)), unwrap(op, target)
    check_reduction(op, reduction)
    if x.ndim not in (1, 2) or labels.shape != x.shape[:-1] or 0 in x.shape[-1:]:
        raise ShapeError(
            f"{op}: needs input (N, C) and target (N), or (C) and (), got {x.shape} "
            f"and {labels.shape}"
        )
    if not labels.dtype.is_integer:
        raise DTypeError(f"{op}: targets must be integers, got {labels.dtype.name}; use .long()")
    losses = _class_margins(op, x, labels, p, margin, weight)
    return reduced(op, losses, reduction)


def _class_margins(
    op: str, x: Node, labels: Node, order: int, margin: float, weight: Tensor | None
) -> Node:
    classes, last = x.shape[-1], (x.ndim - 1,)
    checked = check_labels(op, base.cast(labels, int64), classes)
    chosen = p.eq(m.reshape(checked, shape=(*labels.shape, 1)), m.iota(shape=(classes,)))
    zero = _number(0, x)
    z = p.relu(margin - total(p.where(chosen, x, zero), last, True) + x)
    z = p.where(chosen, zero, z * z if order == 2 else z)
    losses = total(z, last, False) * (1 / classes)
    if weight is None:
        return losses
    factors = base.cast(unwrap(op, weight), x.dtype)
    if factors.shape != (classes,):
        raise ShapeError(f"{op}: weight must be ({classes},), got {factors.shape}")
    return losses * total(p.where(chosen, factors, zero), last, False)


def multilabel_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Returns `sum(max(0, 1 - (input[j] - input[i]))) / C` over targets j and other classes i.

    Shapes: input and target (N, C) or (C). The targets of a row end at its first -1.

    Raises:
        ShapeError: if the shapes do not fit.
        DTypeError: if targets are not integers.
        IndexError: when computed, if a target is no class.

    Example:
        >>> import tinygrad_cl as tg
        >>> x, t = tg.tensor([0.0, 1.0]), tg.tensor([1, -1])
        >>> tg.nn.functional.multilabel_margin_loss(x, t)
        tensor(0.)
    """
    op = "multilabel_margin_loss"
    x, t = base.floating(unwrap(op, input)), unwrap(op, target)
    if x.ndim not in (1, 2) or x.shape != t.shape:
        raise ShapeError(
            f"{op}: needs input and target of one shape, (N, C) or (C), got {x.shape} and {t.shape}"
        )
    if not t.dtype.is_integer:
        raise DTypeError(f"{op}: targets must be integers, got {t.dtype.name}; use .long()")
    check_reduction(op, reduction)
    classes, batch = x.shape[-1], x.shape[:-1]
    if classes == 0:
        return reduced(op, total(x, (x.ndim - 1,), False), reduction)
    t = base.cast(t, int64)
    counts, labels = _labels_before_the_end(op, t, classes)
    picked = primitive.gather(x, labels, dim=x.ndim - 1, op=op)
    # Rows j are targets, columns i classes.
    column = m.reshape(labels, shape=(*batch, classes, 1))
    real = m.reshape(counts, shape=(*batch, classes, 1))
    same = p.logical_and(real, p.eq(column, m.iota(shape=(classes,))))
    others = p.logical_not(r.any(same, dim=(x.ndim - 1,), keepdim=True))
    z = p.relu(1 - m.reshape(picked, shape=column.shape) + m.reshape(x, shape=(*batch, 1, classes)))
    z = p.where(p.logical_and(real, others), z, _number(0, x))
    return reduced(op, total(z, (x.ndim - 1, x.ndim), False) * (1 / classes), reduction)


def _labels_before_the_end(op: str, t: Node, classes: int) -> tuple[Node, Node]:
    """Returns which targets stand before the first -1, and the targets, 0 after it."""
    ended = base.cast(p.lt(t, base.constant(0, int64)), int64)
    numbers = m.iota(shape=(classes,))
    none = base.constant(classes, int64)
    ends = p.where(p.ne(ended, base.constant(0, int64)), numbers, none)
    counts = p.lt(numbers, r.min(ends, dim=(t.ndim - 1,), keepdim=True))
    labels = p.where(counts, t, base.constant(0, int64))
    return counts, check_labels(op, labels, classes)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Returns the binary cross-entropy of `sigmoid(input)`, averaged over the classes.

    Shapes: input and target (N, C) or (C).

    Args:
        input: logits.
        target: of the same shape, between 0 and 1.
        weight: one factor per class; broadcasts.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes differ, or there is no dim of classes.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.multilabel_soft_margin_loss(tg.tensor([0.0]), tg.tensor([1.0]))
        tensor(0.6931)
    """
    op = "multilabel_soft_margin_loss"
    x, t = same_shape(op, input, target)
    if x.ndim == 0:
        raise ShapeError(f"{op}: needs a dim of classes, got {x.shape}")
    losses = with_weight(op, softplus_node(-x) * t + softplus_node(x) * (1 - t), weight)
    return reduced(op, average(losses, (losses.ndim - 1,), False), reduction)
