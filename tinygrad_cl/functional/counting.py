"""Counting and repeating: results whose shape, or content, is a matter of how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.dtypes import float32, float64, int64
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_cl.functional import base, host
from tinygrad_cl.functional.base import Handle, unwrap, wrap
from tinygrad_cl.functional.random import draw_numbers
from tinygrad_cl.functional.sorting import order
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import index as index_primitives
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import random as random_primitives
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.primitives import scan as scan_primitives
from tinygrad_cl.primitives import sort as sort_primitives
from tinygrad_cl.shapes import normalize_dim, numel

if TYPE_CHECKING:
    from tinygrad_cl.functional.random import Generator
    from tinygrad_cl.tensor import Tensor


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Tensor | tuple[Tensor, ...]:
    """Returns the different elements, or slices of a dim, in order; this computes the input now.

    Args:
        input: any tensor; every NaN differs from every other.
        sorted: they always are.
        return_inverse: also return, for each element, the index of what it became.
        return_counts: also return how often each one was there.
        dim: compare the slices of this dim; None compares elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.unique(tg.tensor([3, 1, 3]), return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
    """
    node = unwrap("unique", input)
    at = None if dim is None else normalize_dim("unique", dim, node.ndim)
    values = host.values("unique", node)
    if node.ndim == 0:
        values, at = values.reshape(1), None
    found, inverse, counts = np.unique(
        values, return_inverse=True, return_counts=True, axis=at, equal_nan=False
    )
    inverse = inverse.reshape(node.shape if at is None else node.shape[at : at + 1])
    wanted: list[Any] = [found]
    wanted += [inverse.astype(np.int64)] if return_inverse else []
    wanted += [counts.astype(np.int64)] if return_counts else []
    wanted[0] = found.astype(node.dtype.numpy, copy=False)
    results = tuple(wrap(base.upload(np.asarray(a, order="C"), node.device)) for a in wanted)
    return results if len(results) > 1 else results[0]


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Returns how often each integer from 0 on is there; this computes the largest one now.

    Args:
        input: a vector of integers that are not negative.
        weights: add these up instead of ones; float32, or taken as float64.
        minlength: the result is at least as long as this.

    Raises:
        DTypeError: if the input holds no integers.
        ShapeError: if it is no vector, or the weights have another shape.
        ArgumentError: if an integer is negative.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.bincount(tg.tensor([0, 2, 2]))
        tensor([1, 0, 2])
    """
    node = unwrap("bincount", input)
    if not node.dtype.is_integer:
        raise DTypeError(f"bincount: needs integers, got {node.dtype.name}; use .long()")
    if node.ndim != 1:
        raise ShapeError(f"bincount: needs a vector, got shape {node.shape}")
    if minlength < 0:
        raise ArgumentError(f"bincount: minlength must not be negative, got {minlength}")
    length = max(minlength, _largest(node) + 1)
    device = base.device_of(node)
    if weights is None:
        given = base.fill(1, node.shape, int64, device)
    else:
        given = unwrap("bincount", weights)
        wide = float32 if given.dtype is float32 or not device.supports(float64) else float64
        given = base.cast(given, wide)
        if given.shape != node.shape:
            raise ShapeError(f"bincount: weights {given.shape} do not fit input {node.shape}")
    zeros = base.fill(0, (length,), given.dtype, device)
    places = base.cast(node, int64)
    return wrap(index_primitives.index_add(zeros, places, given, dim=0, op="bincount"))


def _largest(node: Node) -> int:
    """Returns the largest integer of a vector, -1 if it is empty, after a look at the smallest."""
    if node.shape == (0,):
        return -1
    ends = r.max(node, dim=(0,), keepdim=False), r.min(node, dim=(0,), keepdim=False)
    engine.realize(ends)
    largest, smallest = (int(engine.numpy(end)) for end in ends)
    if smallest < 0:
        raise ArgumentError(f"bincount: {smallest} cannot be counted; integers start at 0")
    return largest


def repeat_interleave(
    input: Tensor,
    repeats: int | Tensor | None = None,
    dim: int | None = None,
    *,
    output_size: int | None = None,
) -> Tensor:
    """Returns every element, or slice of a dim, several times in a row.

    `repeat_interleave(repeats)` gives the indices: each one as often as the tensor says.

    Args:
        input: any tensor.
        repeats: how often: one number, or one for each slice; a tensor is computed now.
        dim: whose slices; None takes the elements of the flat input.
        output_size: the size that comes out, if it is known; it is checked.

    Raises:
        ShapeError: if there are not as many repeats as slices.
        ArgumentError: if a number of repeats is negative.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.repeat_interleave(tg.tensor([5, 7]), 2)
        tensor([5, 5, 7, 7])
    """
    op, node = "repeat_interleave", unwrap("repeat_interleave", input)
    if repeats is None:
        return wrap(base.upload(_repeated(node, numel(node.shape)), node.device))
    x = base.reshape(node, (numel(node.shape),)) if dim is None or node.ndim == 0 else node
    at = normalize_dim(op, 0 if dim is None else dim, x.ndim)
    if isinstance(repeats, Handle):
        line = base.upload(_repeated(repeats.node, x.shape[at]), node.device)
        found = index_primitives.index_select(x, line, dim=at, op=op)
    else:
        found = _times(x, at, int(repeats))
    if output_size is not None and found.shape[at] != output_size:
        raise ShapeError(f"{op}: output_size {output_size} is not the size {found.shape[at]}")
    return wrap(p.alias(found) if found is node else found)


def _times(x: Node, dim: int, repeats: int) -> Node:
    if repeats < 0:
        raise ArgumentError(f"repeat_interleave: repeats must not be negative, got {repeats}")
    outer, size, inner = x.shape[:dim], x.shape[dim], x.shape[dim + 1 :]
    apart = base.reshape(x, (*outer, size, 1, *inner))
    many = base.expand(apart, (*outer, size, repeats, *inner))
    return base.reshape(many, (*outer, size * repeats, *inner))


def _repeated(repeats: Node, size: int) -> np.ndarray[Any, Any]:
    """Returns the indices 0 to size - 1, each as often as the node says."""
    if not repeats.dtype.is_integer or repeats.ndim > 1:
        raise DTypeError(
            "repeat_interleave: repeats must be integers in at most one dim, "
            f"got {repeats.dtype.name} {repeats.shape}"
        )
    counts = host.values("repeat_interleave", repeats).reshape(-1)
    if counts.size not in (1, size):
        raise ShapeError(f"repeat_interleave: {counts.size} repeats do not fit {size} slices")
    if (counts < 0).any():
        raise ArgumentError("repeat_interleave: repeats must not be negative")
    return np.repeat(np.arange(size, dtype=np.int64), counts)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Returns random indices of each row, with probabilities in proportion to its elements.

    The rows are looked at now, so that bad ones are an error here.

    Args:
        input: one row of weights, or several: not negative, finite, not all zero.
        num_samples: how many indices to draw from each.
        replacement: an index may be drawn again.
        generator: the stream of random numbers; None takes the default one.

    Raises:
        DTypeError: if the weights are no floats.
        ShapeError: if there are more than two dims, or too few indices without replacement.
        ArgumentError: if weights are negative, not finite, or all zero.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.multinomial(tg.tensor([0.0, 1.0, 0.0]), 3, replacement=True)
        tensor([1, 1, 1])
    """
    node = unwrap("multinomial", input)
    if not node.dtype.is_floating_point:
        raise DTypeError(f"multinomial: weights must be floats, got {node.dtype.name}")
    if node.ndim not in (1, 2) or node.shape[-1] == 0:
        raise ShapeError(f"multinomial: needs one row of weights or several, got {node.shape}")
    if num_samples < 1 or (num_samples > node.shape[-1] and not replacement):
        raise ShapeError(
            f"multinomial: cannot draw {num_samples} of {node.shape[-1]} indices; "
            "with replacement=True any positive number can be drawn"
        )
    rows = base.cast(base.reshape(node, (numel(node.shape[:-1]), node.shape[-1])), float32)
    rows = p.alias(rows)
    rows.needs_grad = False
    _check_weights(rows)
    draw = _with_replacement if replacement else _without_replacement
    return wrap(base.reshape(draw(rows, num_samples, generator), (*node.shape[:-1], num_samples)))


def _check_weights(rows: Node) -> None:
    zero, infinity = base.constant(0, float32), base.constant(float("inf"), float32)
    good = p.logical_and(p.ge(rows, zero), p.lt(rows, infinity))
    some = r.any(p.gt(rows, zero), dim=(1,), keepdim=False)
    checks = r.all(good, dim=(0, 1), keepdim=False), r.all(some, dim=(0,), keepdim=False)
    engine.realize(checks)
    for check, problem in zip(checks, ("negative or not finite", "all zero"), strict=True):
        if not bool(engine.numpy(check)):
            raise ArgumentError(f"multinomial: the weights of a row are {problem}")


def _with_replacement(rows: Node, count: int, generator: Generator | None) -> Node:
    """Where uniform numbers fall among the running sums of the weights."""
    sums = scan_primitives.cumsum(rows, dim=1, reverse=False)
    n, size = rows.shape
    total = m.slice(sums, starts=(0, size - 1), steps=(1, 1), shape=(n, 1))
    kind, device = random_primitives.random_uniform, base.device_of(rows)
    uniform = draw_numbers(kind, (n, count), device, generator)
    return sort_primitives.searchsorted(sums, uniform * total, right=True)


def _without_replacement(rows: Node, count: int, generator: Generator | None) -> Node:
    """The winners of a race of exponential clocks, which run at the speed of the weights."""
    kind, device = random_primitives.random_uniform, base.device_of(rows)
    uniform = draw_numbers(kind, rows.shape, device, generator)
    waiting = p.maximum(-p.log(1 - uniform), base.constant(1e-30, float32))
    first = order("multinomial", p.div(rows, waiting), 1, True)
    return m.slice(first, starts=(0, 0), steps=(1, 1), shape=(rows.shape[0], count))
