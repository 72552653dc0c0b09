"""Connectionist temporal classification: the loss of label sequences without alignment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.loss import check_reduction, reduced
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import index as primitive
from tinygrad_cl.primitives import movement as m

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

    Lengths = Tensor | Sequence[int] | int

_NEVER = -1e30  # the logarithm of 0: minus infinity would make NaN of differences


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Returns minus the log-likelihood of label sequences over all alignments (Graves 2006).

    Shapes: log_probs (T, N, C), or (T, C); targets (N, S), or all joined in one dim.

    Targets and lengths are read on the host. The gradient is that of the formula, which behind
    `log_softmax` is what PyTorch's is.

    Args:
        log_probs: logarithms of probabilities per step.
        targets: classes, none of them blank.
        input_lengths: steps of each sequence.
        target_lengths: labels of each sequence.
        blank: the class that means "no label".
        reduction: "mean" (over labels, then sequences), "sum" or "none".
        zero_infinity: give 0, and no gradient, for targets that are too long for their input.

    Raises:
        ShapeError: if the shapes do not fit.
        ArgumentError: if lengths or classes are out of range.

    Example:
        >>> import tinygrad_cl as tg
        >>> log_probs = tg.full((4, 1, 3), 1 / 3).log()
        >>> loss = tg.nn.functional.ctc_loss(log_probs, tg.tensor([[1, 2]]), [4], [2])
        >>> round(loss.item(), 4)
        0.8432
    """
    op = "ctc_loss"
    check_reduction(op, reduction)
    x = base.floating(unwrap(op, log_probs))
    single = x.ndim == 2
    x = m.reshape(x, shape=(x.shape[0], 1, x.shape[1])) if single else x
    if x.ndim != 3:
        raise ShapeError(f"{op}: log_probs must be (T, N, C) or (T, C), got {x.shape}")
    steps, sizes = _listed(input_lengths), _listed(target_lengths)
    labels = _labels(op, x, targets, steps, sizes, blank)
    losses = _likelihood(x, labels, steps, sizes, blank)
    far = p.gt(losses, base.constant(-_NEVER / 10, x.dtype))
    beyond = base.constant(0.0 if zero_infinity else np.inf, x.dtype)
    losses = p.where(far, beyond, losses)
    if single:
        losses = m.reshape(losses, shape=())
    if reduction == "mean":
        counts = base.upload(np.maximum(sizes, 1).astype(x.dtype.numpy), base.device_of(x))
        losses = losses / base.reshape(counts, losses.shape)
    return reduced(op, losses, reduction)


def _listed(lengths: Any) -> np.ndarray:
    values = lengths.tolist() if hasattr(lengths, "tolist") else lengths
    return np.atleast_1d(np.asarray(values, np.int64))


def _labels(
    op: str, x: Node, targets: Tensor, steps: np.ndarray, sizes: np.ndarray, blank: int
) -> np.ndarray:
    """Returns the labels as (N, longest), after checking everything."""
    length, batch, classes = x.shape
    if len(steps) != batch or len(sizes) != batch:
        raise ShapeError(f"{op}: needs {batch} input and target lengths, got {steps} and {sizes}")
    if (steps > length).any() or (steps < 0).any() or (sizes < 0).any():
        raise ArgumentError(
            f"{op}: lengths out of range: {steps} steps of {length}, {sizes} labels"
        )
    if not 0 <= blank < classes:
        raise ArgumentError(f"{op}: blank must be a class from 0 to {classes - 1}, got {blank}")
    given = targets.detach().numpy()
    longest = int(sizes.max(initial=0))
    found = np.full((batch, longest), blank, np.int64)
    starts = np.cumsum(np.append(0, sizes))
    joined = given.ndim == 1
    if (joined and given.shape[0] < starts[-1]) or (
        not joined and (given.ndim != 2 or given.shape[0] != batch or given.shape[1] < longest)
    ):
        raise ShapeError(f"{op}: targets {given.shape} do not hold {sizes} labels")
    for i, size in enumerate(sizes):
        found[i, :size] = given[starts[i] : starts[i] + size] if joined else given[i, :size]
    if found.size and (found.min() < 0 or found.max() >= classes):
        raise ArgumentError(f"{op}: targets must be classes from 0 to {classes - 1}")
    return found


def _likelihood(
    x: Node, labels: np.ndarray, steps: np.ndarray, sizes: np.ndarray, blank: int
) -> Node:
    """Returns minus the logarithms of the likelihoods, (N), by the forward recursion."""
    length, batch, _ = x.shape
    places = 2 * labels.shape[1] + 1  # blank, label, blank, ..., blank
    wide = np.full((batch, places), blank, np.int64)
    wide[:, 1::2] = labels
    skips = np.zeros((batch, places), bool)
    skips[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    device = base.device_of(x)
    index = m.expand(base.upload(wide[None], device), shape=(length, batch, places))
    emitted = primitive.gather(x, index, dim=2, op="ctc_loss")
    never = base.constant(_NEVER, x.dtype)
    begin = base.upload(np.broadcast_to(np.arange(places) < 2, (batch, places)).copy(), device)
    may_skip = base.upload(skips, device)
    running = base.upload(np.arange(length)[:, None] < steps, device)
    first = m.reshape(_row(emitted, 0), shape=(batch, places))
    alpha = p.where(begin, first, never)
    for t in range(1, length):
        one = _moved(alpha, 1, never)
        two = p.where(may_skip, _moved(alpha, 2, never), never)
        fresh = _log_sum(alpha, one, two) + m.reshape(_row(emitted, t), shape=(batch, places))
        active = m.reshape(_row(running, t), shape=(batch, 1))
        alpha = p.where(active, fresh, alpha)
    ends = np.arange(places)
    last = (ends == 2 * sizes[:, None]) | ((ends == 2 * sizes[:, None] - 1) & (sizes[:, None] > 0))
    last &= steps[:, None] > 0
    kept = p.where(base.upload(last, device), alpha, never)
    return -wrap(kept).logsumexp(1).node


def _row(x: Node, t: int) -> Node:
    return m.slice(
        x, starts=(t, *(0,) * (x.ndim - 1)), steps=(1,) * x.ndim, shape=(1, *x.shape[1:])
    )


def _moved(alpha: Node, by: int, never: Node) -> Node:
    """Returns rows moved to the right, "never" in front."""
    batch, places = alpha.shape
    if places <= by:
        return m.expand(m.reshape(never, shape=(1, 1)), shape=(batch, places))
    kept = m.slice(alpha, starts=(0, 0), steps=(1, 1), shape=(batch, places - by))
    front = m.expand(m.reshape(never, shape=(1, 1)), shape=(batch, by))
    return m.cat(front, kept, dim=1)


def _log_sum(a: Node, b: Node, c: Node) -> Node:
    top = p.maximum(p.maximum(a, b), c)
    top.needs_grad = False
    return top + p.log(p.exp(a - top) + p.exp(b - top) + p.exp(c - top))
