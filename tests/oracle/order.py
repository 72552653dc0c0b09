"""What sorting, order statistics, searching and counting mean: one line at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


def by_line(function: Callable[..., Any]) -> Callable[..., Any]:
    """An oracle from a function of one line: applied along `dim`, results side by side."""

    def run(x: Array, dim: int = -1, **options: Any) -> Any:
        lines = np.moveaxis(np.atleast_1d(x), dim if x.ndim else 0, -1)
        flat = lines.reshape(-1, lines.shape[-1]) if lines.size else lines.reshape(0, 0)
        if not len(flat):
            return x, np.zeros(x.shape, np.int64)
        found = [function(line, **options) for line in flat]
        shaped = []
        for values in zip(*found, strict=True):
            joined = np.stack(values).reshape(*lines.shape[:-1], -1)
            shaped.append(np.moveaxis(joined, -1, dim if x.ndim else 0))
        if x.ndim == 0:
            shaped = [values.reshape(()) for values in shaped]
        return tuple(shaped)

    return run


def sorted_line(line: Array, descending: bool = False, stable: bool = True) -> tuple[Array, Array]:
    """Stable, with NaN as the largest."""
    keys = [(bool(v != v), v if v == v else 0, i) for i, v in enumerate(line.tolist())]
    keys.sort(key=lambda key: key[:2], reverse=descending)
    places = np.array([i for _, _, i in keys], np.int64)
    return line[places], places


def median_line(line: Array, skip_nan: bool = False) -> tuple[Array, Array]:
    values, places = sorted_line(line)
    count = int((line == line).sum())
    if skip_nan:
        at = max(count - 1, 0) // 2
    else:
        at = (len(line) - 1) // 2 if count == len(line) else count
    return values[at : at + 1], places[at : at + 1]


def median(skip_nan: bool = False) -> Callable[..., Any]:
    def run(x: Array, dim: int | None = None, keepdim: bool = False) -> Any:
        if dim is None:
            return median_line(x.reshape(-1), skip_nan)[0].reshape(())
        if x.size == 0:
            shape = np.sum(x, axis=dim, keepdims=keepdim).shape
            return np.zeros(shape, x.dtype), np.zeros(shape, np.int64)
        found = by_line(median_line)(x, dim, skip_nan=skip_nan)
        if keepdim or x.ndim == 0:
            return found
        return tuple(values.squeeze(dim) for values in found)

    return run


def searchsorted(sequence: Array, values: Any, right: bool = False, **rest: Any) -> Array:
    side = rest.get("side") or ("right" if right else "left")
    if rest.get("sorter") is not None:
        sequence = np.take_along_axis(sequence, rest["sorter"], -1)
    given = np.asarray(values)
    if sequence.ndim == 1:
        return np.asarray(np.searchsorted(sequence, given, side=side))
    lines = sequence.reshape(-1, sequence.shape[-1])
    rows = given.reshape(len(lines), -1)
    found = [np.searchsorted(a, b, side=side) for a, b in zip(lines, rows, strict=True)]
    return np.stack(found).reshape(given.shape)


def repeat_interleave(x: Array, repeats: Any = None, dim: int | None = None, **_: Any) -> Array:
    return np.repeat(np.arange(len(x)), x) if repeats is None else np.repeat(x, repeats, axis=dim)
