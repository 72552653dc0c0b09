"""What diagonals, windows and block matrices mean: element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray


def block_diag(xs: list[Array]) -> Array:
    blocks = [np.atleast_2d(x) for x in xs]
    out = np.zeros(tuple(sum(b.shape[d] for b in blocks) for d in (0, 1)), blocks[0].dtype)
    row = column = 0
    for block in blocks:
        for (i, j), value in np.ndenumerate(block):
            out[row + i, column + j] = value
        row, column = row + block.shape[0], column + block.shape[1]
    return out


def diagonal_set(x: Array, value: Array, offset: int, dim1: int, dim2: int) -> Array:
    out = x.copy()
    turned = np.moveaxis(out, (dim1, dim2), (-2, -1))
    for place in np.ndindex(*value.shape):
        i = place[-1]
        turned[(*place[:-1], i - min(offset, 0), i + max(offset, 0))] = value[place]
    return out


def diag_embed(x: Array, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Array:
    size = x.shape[-1] + abs(offset)
    out = np.zeros((*x.shape[:-1], size, size), x.dtype)
    for place in np.ndindex(*x.shape):
        i = place[-1]
        out[(*place[:-1], i - min(offset, 0), i + max(offset, 0))] = x[place]
    return np.array(np.moveaxis(out, (-2, -1), (dim1, dim2)))


def unfolded(x: Array, dim: int, size: int, step: int) -> Array:
    """Every window of a dim, as a further last dim."""
    if x.ndim == 0:
        return np.full((size,), x)
    starts = range(0, x.shape[dim] - size + 1, step)
    cut = [np.moveaxis(x.take(range(a, a + size), axis=dim), dim, -1) for a in starts]
    return np.stack(cut, axis=dim % x.ndim)


def sum_to_size(x: Array, size: Any) -> Array:
    lead = x.ndim - len(size)
    x = x.sum(axis=tuple(range(lead)), dtype=x.dtype) if lead else x
    dims = tuple(d for d, s in enumerate(size) if s == 1)
    return x.sum(axis=dims, keepdims=True, dtype=x.dtype) if dims else x
