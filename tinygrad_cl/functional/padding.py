"""Padding with the elements themselves: reflected, repeated, or from the other side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import movement as m

Piece = Callable[[Node, int, int, bool], Node]


def mirrored(node: Node, widths: Sequence[tuple[int, int]], mode: str) -> Node:
    """Returns a node with its last dims padded by its own elements.

    Args:
        node: the elements.
        widths: before and after, per dim, from the last dim on; negative ones cut off.
        mode: "reflect", "replicate" or "circular".

    Raises:
        ArgumentError: for another mode.
        ShapeError: if the widths do not fit.
    """
    if mode not in _PIECES:
        raise ArgumentError(
            f'pad: mode must be "constant", "reflect", "replicate" or "circular", got {mode!r}'
        )
    if not 1 <= len(widths) <= 3 or node.ndim - len(widths) not in (1, 2):
        raise ShapeError(
            f'pad: mode "{mode}" pads the last 1, 2 or 3 dims of a tensor with one or two dims '
            f"more, got {len(widths)} pairs of widths for {node.shape}"
        )
    for i, (before, after) in enumerate(widths):
        node = _along(node, node.ndim - 1 - i, before, after, mode)
    return node


def _along(x: Node, dim: int, before: int, after: int, mode: str) -> Node:
    """Returns `x` padded along one dim."""
    size = x.shape[dim]
    first, kept = max(-before, 0), size + min(before, 0) + min(after, 0)
    if kept < 0 or size + before + after < 1:
        raise ShapeError(f"pad: nothing would be left of dim {dim} of {x.shape}")
    middle = x if kept == size else _cut(x, dim, first, kept)
    source = middle if mode == "circular" else x  # as PyTorch
    limit = {"reflect": size - 1, "replicate": max(before, after), "circular": kept}[mode]
    if max(before, after) > limit or (size == 0 and max(before, after) > 0):
        raise ShapeError(
            f"pad: mode {mode!r} can put at most {limit} elements beside dim {dim} of {x.shape}, "
            f"got {(before, after)}"
        )
    piece = _PIECES[mode]
    parts = [piece(source, dim, before, False)] if before > 0 else []
    parts += [middle] if kept else []
    parts += [piece(source, dim, after, True)] if after > 0 else []
    return m.cat(*parts, dim=dim) if len(parts) > 1 else parts[0]


def _cut(x: Node, dim: int, start: int, length: int, step: int = 1) -> Node:
    starts = tuple(start if d == dim else 0 for d in range(x.ndim))
    steps = tuple(step if d == dim else 1 for d in range(x.ndim))
    shape = (*x.shape[:dim], length, *x.shape[dim + 1 :])
    return m.slice(x, starts=starts, steps=steps, shape=shape)


def _reflected(x: Node, dim: int, width: int, after: bool) -> Node:
    return _cut(x, dim, x.shape[dim] - 2 if after else width, width, -1)


def _repeated(x: Node, dim: int, width: int, after: bool) -> Node:
    edge = _cut(x, dim, x.shape[dim] - 1 if after else 0, 1)
    return m.expand(edge, shape=(*x.shape[:dim], width, *x.shape[dim + 1 :]))


def _from_the_other_side(x: Node, dim: int, width: int, after: bool) -> Node:
    return _cut(x, dim, 0 if after else x.shape[dim] - width, width)


_PIECES: dict[str, Piece] = {
    "reflect": _reflected,
    "replicate": _repeated,
    "circular": _from_the_other_side,
}
