"""What writing by an index means: one element, or one slice, after another."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray


def scatter(
    x: Array, dim: int, index: Array, src: Any = None, value: Any = None, reduce: Any = None
) -> Array:
    out = np.atleast_1d(np.array(x))
    given = np.asarray(src if value is None else value)
    for place in np.ndindex(*np.atleast_1d(index).shape):
        to = list(place)
        to[dim] = int(np.atleast_1d(index)[place])
        new = given if given.ndim == 0 else given[place]
        old = out[tuple(to)]
        joined = {None: new, "add": old + new, "multiply": old * new}[reduce]
        out[tuple(to)] = joined
    return out.reshape(x.shape)


def index_fill(x: Array, dim: int, index: Array, value: Any) -> Array:
    out = np.atleast_1d(np.array(x))
    np.moveaxis(out, dim, 0)[index] = value
    return out.reshape(x.shape)


def index_copy(x: Array, dim: int, index: Array, source: Array) -> Array:
    out = np.array(x)
    for k, place in enumerate(index):
        np.moveaxis(out, dim, 0)[place] = np.moveaxis(source, dim, 0)[k]
    return out


def index_put(x: Array, indices: Any, values: Array, accumulate: bool = False) -> Array:
    out = np.array(x)
    key = tuple(slice(None) if i is None else i for i in indices)
    if accumulate:
        np.add.at(out, key, values)
    else:
        out[key] = values
    return out


def masked_scatter(x: Array, mask: Array, source: Array) -> Array:
    shape = np.broadcast_shapes(x.shape, mask.shape)
    out, where = np.array(np.broadcast_to(x, shape)), np.broadcast_to(mask, shape)
    out[where] = source.reshape(-1)[: where.sum()]
    return out


def select_scatter(x: Array, src: Array, dim: int, index: int) -> Array:
    out = np.array(x)
    np.moveaxis(out, dim, 0)[index] = src
    return out


def slice_scatter(
    x: Array, src: Array, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Array:
    out = np.array(x)
    np.moveaxis(out, dim, 0)[start:end:step] = np.moveaxis(src, dim, 0)
    return out


def diagonal_scatter(x: Array, src: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    out = np.array(x)
    turned = np.moveaxis(out, (dim1, dim2), (-2, -1))
    for k in range(src.shape[-1]):
        turned[..., k + max(-offset, 0), k + max(offset, 0)] = src[..., k]
    return out
