"""Batch norm, and running statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl import engine
from tinygrad_cl.autograd.composed import composed
from tinygrad_cl.autograd.modes import no_grad
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import rebind, unwrap, wrap
from tinygrad_cl.functional.norm import affine, moments
from tinygrad_cl.graph import Node, Primitive, lift
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives.normalize import normalize as normalized
from tinygrad_cl.primitives.normalize import standardize
from tinygrad_cl.shapes import Shape, numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


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
    with no_grad():
        move_running(running_mean, x, momentum, _moved_mean)
        move_running(running_var, x, momentum, _moved_variance)
    if weight is None or bias is None:
        y = _batch_standardized(x, eps=float(eps))
        return wrap(affine("batch_norm", y, weight, bias, channels))
    scale, shift = (_parameter(n, t, x) for n, t in (("weight", weight), ("bias", bias)))
    return wrap(_batch_normalized(x, scale, shift, eps=float(eps)))


def _batch_moments(x: Node) -> tuple[Node, Node]:
    return moments(x, tuple(d for d in range(x.ndim) if d != 1))


def _batch_standardized_node(x: Node, *, eps: float) -> Node:
    mean, var = _batch_moments(x)
    return standardize(x, mean, p.rsqrt(var + eps))


def _batch_normalized_node(x: Node, scale: Node, shift: Node, *, eps: float) -> Node:
    mean, var = _batch_moments(x)
    shape = mean.shape
    scale, shift = (base.reshape(base.cast(n, x.dtype), shape) for n in (scale, shift))
    return normalized(x, mean, p.rsqrt(var + eps), scale, shift)


_batch_standardized = composed("batch_norm", _batch_standardized_node, ("eps",))
_batch_normalized = composed("batch_norm", _batch_normalized_node, ("eps",))


def _parameter(name: str, tensor: Tensor, x: Node) -> Node:
    node = unwrap("batch_norm", tensor)
    if numel(node.shape) != x.shape[1]:
        raise ShapeError(f"batch_norm: {name} must have {x.shape[1]} elements, got {node.shape}")
    return node


def _channels(tensor: Tensor, x: Node, shape: Shape) -> Node:
    node = base.cast(unwrap("batch_norm", tensor), x.dtype)
    if node.shape != shape[:1]:
        raise ShapeError(f"batch_norm: running statistics must be {shape[:1]}, got {node.shape}")
    return m.reshape(node, shape=shape)


def _moved_node(held: Node, batch: Node, rest: Node, share: Node) -> Node:
    fresh = base.cast(m.reshape(batch, shape=held.shape), held.dtype)
    return held * rest + fresh * share


def _moved_mean_node(held: Node, x: Node, rest: Node, share: Node) -> Node:
    return _moved_node(held, _batch_moments(x)[0], rest, share)


def _moved_variance_node(held: Node, x: Node, rest: Node, share: Node) -> Node:
    count = numel(x.shape) // x.shape[1]
    return _moved_node(held, _batch_moments(x)[1] * (count / (count - 1)), rest, share)


_moved = composed("running", _moved_node)
_moved_mean = composed("running_mean", _moved_mean_node)
_moved_variance = composed("running_var", _moved_variance_node)


def move_running(
    running: Tensor | None, batch: Node, momentum: float | Tensor, moved: Primitive = _moved
) -> None:
    """Moves a running statistic towards that of a batch, in place.

    `moved(held, batch, rest, share)` makes the new value; by default `batch` is the statistic.
    """
    if running is None:
        return
    held = running.node
    if numel(held.shape) != batch.shape[1]:
        raise ShapeError(
            f"batch_norm: running statistics {held.shape} for {batch.shape[1]} channels"
        )
    share = lift(momentum.node if isinstance(momentum, base.Handle) else momentum, held)
    rest = 1 - share if share.scalar is None else lift(1 - share.scalar, held)
    rebind(running, moved(held, batch, rest, share))
    engine.defer(running)
