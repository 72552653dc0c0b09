"""Losses.

Every loss takes `reduction`: "mean", "sum", or "none" for one value per element. Predictions and
targets must have the same shape: nothing broadcasts silently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.autograd.composed import composed
from tinygrad_cl.dtypes import float32, float64, int64
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.activation import log_softmax_parts, softplus_node
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.index import check_labels
from tinygrad_cl.functional.reduce import average, total
from tinygrad_cl.graph import Node, apply
from tinygrad_cl.primitives import cross_entropy as ce
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import special

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def check_reduction(op: str, reduction: str) -> None:
    """Refuses any other word.

    Raises:
        DTypeError: if the reduction is not "mean", "sum" or "none".
    """
    if reduction not in ("mean", "sum", "none"):
        raise DTypeError(f'{op}: reduction must be "mean", "sum" or "none", got {reduction!r}')


def reduced(op: str, losses: Node, reduction: str) -> Tensor:
    """Returns losses, or their mean or sum."""
    check_reduction(op, reduction)
    if reduction == "none":
        return wrap(losses)
    dims = tuple(range(losses.ndim))
    if reduction == "mean":
        return wrap(average(losses, dims, False))
    return wrap(total(losses, dims, False))


def same_shape(op: str, input: Tensor, target: Tensor) -> tuple[Node, Node]:
    """Returns both as float nodes, after checking that their shapes are equal."""
    x, t = base.operands(op, input, target)
    if x.shape != t.shape:
        raise ShapeError(
            f"{op}: input {x.shape} and target {t.shape} must have the same shape; "
            "reshape or expand one"
        )
    return base.floating(x), base.floating(t)


# --- classes


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Returns minus the log-probability of the target class.

    Shapes: input (N, C, ...) log-probabilities, target (N, ...) class indices; or (C) and ().

    Args:
        input: log-probabilities.
        target: integers from 0 to C - 1, or `ignore_index`.
        weight: (C), one factor per class; "mean" divides by the sum of the factors used.
        ignore_index: a target that counts for nothing.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes do not fit.
        DTypeError: if the targets are not integers.
        IndexError: when computed, if a target is no class.

    Example:
        >>> import tinygrad_cl as tg
        >>> logp = tg.tensor([[0.25, 0.75]]).log()
        >>> tg.nn.functional.nll_loss(logp, tg.tensor([1]))
        tensor(0.2877)
    """
    x = base.floating(unwrap("nll_loss", input))
    check_reduction("nll_loss", reduction)
    labels = _labels("nll_loss", x, unwrap("nll_loss", target))
    factors = None if weight is None else unwrap("nll_loss", weight)
    return _picked("nll_loss", x, labels, factors, ignore_index, reduction)


def _labels(op: str, x: Node, target: Node) -> Node:
    """Returns class indices as int64, after checking that they belong to `x`."""
    if x.ndim == 0:
        raise ShapeError(f"{op}: input must be (C) or (N, C, ...), got {x.shape}")
    if not target.dtype.is_integer:
        raise DTypeError(
            f"{op}: class indices must be integers, got {target.dtype.name} of shape "
            f"{target.shape}; use target.long(), or probabilities in the shape of the input"
        )
    expected = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    if target.shape != expected:
        hint = (
            "; use target.squeeze(1)" if target.shape == (*expected[:1], 1, *expected[1:]) else ""
        )
        raise ShapeError(
            f"{op}: input {x.shape} needs class indices of shape {expected}, "
            f"got {target.shape}{hint}"
        )
    return base.cast(target, int64)


def _class_dim(x: Node) -> int:
    return 1 if x.ndim > 1 else 0


def _picked(
    op: str,
    logp: Node,
    labels: Node,
    weight: Node | None,
    ignore: int,
    reduction: str,
    smoothing: float = 0.0,
    norm: Node | None = None,
) -> Tensor:
    """The loss for class indices; the class is picked by comparing, which fuses.

    With `norm`, the log-probabilities are `logp - norm`. It is subtracted from what was picked, so
    that the backward pass needs no sum over the classes.
    """
    dim = _class_dim(logp)
    classes = logp.shape[dim]
    chosen = check_labels(op, labels, classes, ignore)
    column = m.reshape(chosen, shape=(*labels.shape[:dim], 1, *labels.shape[dim:]))
    numbers = m.iota(shape=(classes, *(1,) * (logp.ndim - 1 - dim)))
    mask = apply(p.eq, (column, numbers))  # nowhere true for an ignored target
    valid = apply(p.ge, (chosen, base.constant(0, int64)))
    nothing = base.constant(0, logp.dtype)

    def pick(values: Node) -> Node:
        return total(apply(p.where, (mask, values, nothing)), (dim,), False)

    factors = None if weight is None else _class_weight(op, weight, logp, dim)
    counted = base.cast(valid, logp.dtype) if factors is None else pick(factors)
    if norm is not None:
        lost = m.reshape(norm, shape=labels.shape) - pick(logp)
        losses = apply(p.where, (valid, lost, nothing))
        losses = losses if factors is None else losses * counted
    else:
        weighted = logp if factors is None else logp * factors
        losses = -pick(weighted)
        if smoothing:
            smooth = p.where(valid, total(weighted, (dim,), False), nothing)
            losses = losses * (1 - smoothing) - smooth * (smoothing / classes)
    if reduction != "mean":
        return reduced(op, losses, reduction)
    dims = tuple(range(losses.ndim))
    return wrap(total(losses, dims, False) / total(counted, dims, False))


def _class_weight(op: str, weight: Node, logp: Node, dim: int) -> Node:
    node = base.cast(weight, logp.dtype)
    if node.shape != (logp.shape[dim],):
        raise ShapeError(f"{op}: weight must be ({logp.shape[dim]},), got {node.shape}")
    return m.reshape(node, shape=(logp.shape[dim], *(1,) * (logp.ndim - 1 - dim)))


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Returns the cross-entropy of logits with classes or with probabilities.

    `-log(softmax(input)[target])` for class indices; `-sum(target * log(softmax(input)))` for
    probabilities.

    Shapes: input (N, C, ...) or (C); target (N, ...) or () of integers, or of the input's shape and
    float.

    Args:
        input: logits, not probabilities: softmax is taken here.
        target: class indices or probabilities.
        weight: (C), one factor per class.
        ignore_index: a class index that counts for nothing.
        reduction: "mean", "sum" or "none".
        label_smoothing: the share of the target that is spread over all classes.

    Raises:
        ShapeError: if the shapes do not fit.
        DTypeError: if class indices are not integers.
        IndexError: when computed, if an index is no class.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.cross_entropy(tg.tensor([[0.0, 0.0]]), tg.tensor([1]))
        tensor(0.6931)
    """
    op = "cross_entropy"
    x, t = base.floating(unwrap(op, input)), unwrap(op, target)
    check_reduction(op, reduction)
    if not 0 <= label_smoothing <= 1:
        raise DTypeError(f"{op}: label_smoothing must lie between 0 and 1, got {label_smoothing}")
    nodes = (x, t) if weight is None else (x, t, unwrap(op, weight))
    return wrap(
        _cross_entropy(
            *nodes, ignore=int(ignore_index), reduction=reduction, smoothing=label_smoothing
        )
    )


def _cross_entropy_node(
    x: Node, t: Node, weight: Node | None = None, *, ignore: int, reduction: str, smoothing: float
) -> Node:
    op = "cross_entropy"
    probabilities = t.dtype.is_floating_point and t.shape == x.shape and x.ndim > 0
    labels = t if probabilities else _labels(op, x, t)
    if not (probabilities or smoothing) and x.ndim <= 2 and 0 not in x.shape:
        return _classified(op, x, labels, weight, ignore, reduction).node
    d, norm = log_softmax_parts(x, _class_dim(x))
    if probabilities:
        return _expected(d - norm, labels, weight, reduction, smoothing).node
    if smoothing or norm.shape == x.shape:  # of one class or none: nothing to gain
        return _picked(op, d - norm, labels, weight, ignore, reduction, smoothing).node
    return _picked(op, d, labels, weight, ignore, reduction, norm=norm).node


def _classified(
    op: str, x: Node, labels: Node, weight: Node | None, ignore: int, reduction: str
) -> Tensor:
    """The loss for class indices and rows of logits, which one kernel finds with its gradient."""
    rows, classes = (1, *x.shape)[-2:]
    column = m.reshape(labels, shape=(rows,))
    losses = ce.class_loss(m.reshape(x, shape=(rows, classes)), column, op=op, ignore=ignore)
    if weight is None:
        wide = float64 if x.dtype is float64 else float32
        count = base.cast(ce.class_count(column, ignore=ignore, dtype=wide), x.dtype)
    else:
        factors = _class_weight(op, weight, x, _class_dim(x))
        chosen = m.reshape(check_labels(op, column, classes, ignore), shape=(rows, 1))
        mask = apply(p.eq, (chosen, m.iota(shape=(classes,))))
        used = total(apply(p.where, (mask, factors, base.constant(0, x.dtype))), (1,), False)
        count, losses = total(used, (0,), False), losses * used
    if reduction == "mean":
        return wrap(total(losses, (0,), False) / count)
    return reduced(op, m.reshape(losses, shape=labels.shape), reduction)


_cross_entropy = composed(
    "cross_entropy", _cross_entropy_node, ("ignore", "reduction", "smoothing")
)


def _expected(
    logp: Node, target: Node, weight: Node | None, reduction: str, smoothing: float
) -> Tensor:
    """The loss for probabilities."""
    dim = _class_dim(logp)
    share = base.cast(target, logp.dtype)
    if smoothing:
        share = share * (1 - smoothing) + smoothing / logp.shape[dim]
    products = logp * share
    if weight is not None:
        products = products * _class_weight("cross_entropy", weight, logp, dim)
    losses = -total(products, (dim,), False)
    return reduced("cross_entropy", losses, reduction)


# --- two classes


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Returns `-(t * log(x) + (1 - t) * log(1 - x))` of probabilities; logarithms stop at -100.

    The gradient is `(x - t) / max(x * (1 - x), 1e-12)`, so 0 where x is t, even at 0 and 1.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.binary_cross_entropy(tg.tensor([0.5]), tg.tensor([1.0]))
        tensor(0.6931)
    """
    op = "binary_cross_entropy"
    x, t = same_shape(op, input, target)
    losses = special.binary_cross_entropy(x, t)
    return reduced(op, with_weight(op, losses, weight), reduction)


def with_weight(op: str, losses: Node, weight: Tensor | None) -> Node:
    """Returns losses times a weight that broadcasts, if there is one."""
    if weight is None:
        return losses
    return p.mul(losses, base.cast(unwrap(op, weight), losses.dtype))


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Returns the binary cross-entropy of `sigmoid(input)`, without overflow.

    `(1 - t) * x + (1 + (pos_weight - 1) * t) * log(1 + exp(-x))`.

    Args:
        input: logits.
        target: of the same shape, between 0 and 1.
        weight: one factor per element; broadcasts.
        reduction: "mean", "sum" or "none".
        pos_weight: one factor for positive targets per class; broadcasts.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.binary_cross_entropy_with_logits(tg.tensor([0.0]), tg.tensor([1.0]))
        tensor(0.6931)
    """
    op = "binary_cross_entropy_with_logits"
    x, t = same_shape(op, input, target)
    hits, factor = t, None
    if pos_weight is not None:
        hits = t * base.cast(unwrap(op, pos_weight), x.dtype)
        factor = hits + (1 - t)
    # log(1 + exp(-|x|)), and what is straight on either side of 0: infinities never meet.
    above = p.gt(x, base.constant(0, x.dtype))
    bend = softplus_node(p.where(above, -x, x))
    losses = p.where(above, 1 - t, -hits) * x + (bend if factor is None else bend * factor)
    return reduced(op, with_weight(op, losses, weight), reduction)


# --- distances


def weighted(op: str, losses: Node, weight: Tensor | None, reduction: str) -> Tensor:
    """Returns losses times weights, or their sum, or the weighted mean.

    Raises:
        ShapeError: if the weights have another shape.
    """
    if weight is None:
        return reduced(op, losses, reduction)
    factors = base.cast(unwrap(op, weight), losses.dtype)
    if factors.shape != losses.shape:
        raise ShapeError(f"{op}: weight must be {losses.shape}, got {factors.shape}")
    if reduction != "mean":
        return reduced(op, losses * factors, reduction)
    dims = tuple(range(losses.ndim))
    return wrap(total(losses * factors, dims, False) / total(factors, dims, False))


def mse_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """Returns the squared differences, times `weight` if given, when a mean is the weighted one.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.mse_loss(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0]))
        tensor(2.)
    """
    x, t = same_shape("mse_loss", input, target)
    d = apply(p.sub, (x, t))
    return weighted("mse_loss", apply(p.mul, (d, d)), weight, reduction)


def l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """Returns the absolute differences, times `weight` if given, when a mean is the weighted one.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.l1_loss(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0]))
        tensor(1.)
    """
    x, t = same_shape("l1_loss", input, target)
    return weighted("l1_loss", p.abs(x - t), weight, reduction)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Returns `d * d / 2` for |d| < delta, and `delta * (|d| - delta / 2)` beyond (Huber 1964).

    Raises:
        ShapeError: if the shapes differ.
        DTypeError: if delta is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.huber_loss(tg.tensor([1.0, 4.0]), tg.tensor([0.0, 0.0]))
        tensor(2.)
    """
    if delta <= 0:
        raise DTypeError(f"huber_loss: delta must be positive, got {delta}")
    x, t = same_shape("huber_loss", input, target)
    d = x - t
    slope = p.clamp(d, base.constant(-delta, x.dtype), base.constant(delta, x.dtype))
    losses = slope * (d - slope * 0.5)
    if weight is not None:
        losses = weighted("huber_loss", losses, weight, "none").node
    return reduced("huber_loss", losses, reduction)


def smooth_l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """Returns `d * d / (2 * beta)` for |d| < beta, and `|d| - beta / 2` beyond.

    Raises:
        ShapeError: if the shapes differ.
        DTypeError: if beta is negative.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.smooth_l1_loss(tg.tensor([1.0, 4.0]), tg.tensor([0.0, 0.0]))
        tensor(2.)
    """
    if beta < 0:
        raise DTypeError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction)
    x, t = same_shape("smooth_l1_loss", input, target)
    d = x - t
    slope = p.clamp(d * (1 / beta), base.constant(-1, x.dtype), base.constant(1, x.dtype))
    return reduced("smooth_l1_loss", slope * (d - slope * (beta / 2)), reduction)


def kl_div(
    input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """Returns `target * (log(target) - input)`, the divergence of log-probabilities from a target.

    Where the target is 0, `target * log(target)` counts as a constant 0, for the target's gradient
    too, which is `-input` there (in PyTorch NaN).

    Args:
        input: log-probabilities.
        target: probabilities (0 counts for nothing), or log-probabilities with `log_target`.
        reduction: "mean", "sum", "none", or "batchmean" for the sum over the first size.
        log_target: whether the target is in logarithms.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> q, p = tg.tensor([0.5, 0.5]), tg.tensor([1.0, 0.0])
        >>> tg.nn.functional.kl_div(q.log(), p, reduction="sum")
        tensor(0.6931)
    """
    x, t = same_shape("kl_div", input, target)
    if log_target:
        losses = p.exp(t) * (t - x)
    else:
        nothing = p.eq(t, base.constant(0, t.dtype))
        safe = p.where(nothing, base.constant(1, t.dtype), t)
        losses = p.where(nothing, base.constant(0, t.dtype), t * p.log(safe)) - t * x
    if reduction == "batchmean":
        return wrap(
            total(losses, tuple(range(x.ndim)), False) * (1 / x.shape[0] if x.ndim else 1.0)
        )
    return reduced("kl_div", losses, reduction)
