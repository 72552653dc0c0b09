"""What sampling grids, further pools, bags of rows and label sequences mean, in plain loops."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

Array = np.ndarray


def affine_grid(theta: Array, size: Any, align_corners: bool = False) -> Array:
    dims = len(size) - 2
    out = np.zeros((size[0], *size[2:], dims))
    for at in itertools.product(*(range(s) for s in size[2:])):
        point = []
        for d in reversed(range(dims)):
            n = size[2 + d]
            if align_corners:
                point.append(0.0 if n == 1 else 2 * at[d] / (n - 1) - 1)
            else:
                point.append((2 * at[d] + 1) / n - 1)
        out[(slice(None), *at)] = theta @ np.array([*point, 1.0])
    return out


def place(g: float, size: int, aligned: bool) -> float:
    return (g + 1) / 2 * (size - 1) if aligned else ((g + 1) * size - 1) / 2


def moved(c: float, size: int, padding: str, aligned: bool) -> float:
    if padding == "reflection":
        low, high = (0.0, size - 1.0) if aligned else (-0.5, size - 0.5)
        if high == low:
            return 0.0
        while not low <= c <= high:
            c = 2 * low - c if c < low else 2 * high - c
    return c if padding == "zeros" else min(max(c, 0.0), size - 1.0)


def value(image: Array, at: Any) -> Array:
    inside = all(0 <= i < s for i, s in zip(at, image.shape[1:], strict=True))
    return image[(slice(None), *(int(i) for i in at))] if inside else np.zeros(image.shape[0])


def linear(image: Array, at: list[float], padding: str, aligned: bool) -> Array:
    at = [moved(c, s, padding, aligned) for c, s in zip(at, image.shape[1:], strict=True)]
    low = [math.floor(c) for c in at]
    total = np.zeros(image.shape[0])
    for corner in itertools.product((0, 1), repeat=len(at)):
        share = math.prod(
            c - f if b else 1 - c + f for b, c, f in zip(corner, at, low, strict=True)
        )
        total = total + share * value(image, [f + b for f, b in zip(low, corner, strict=True)])
    return total


def nearest(image: Array, at: list[float], padding: str, aligned: bool) -> Array:
    at = [moved(c, s, padding, aligned) for c, s in zip(at, image.shape[1:], strict=True)]
    return value(image, [round(c) for c in at])


def keys(t: float) -> float:
    a, t = -0.75, abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a


def cubic(image: Array, at: list[float], padding: str, aligned: bool) -> Array:
    low = [math.floor(c) for c in at]
    total = np.zeros(image.shape[0])
    for i, j in itertools.product(range(-1, 3), repeat=2):
        tap = [low[0] + i, low[1] + j]
        share = keys(at[0] - tap[0]) * keys(at[1] - tap[1])
        inside = [
            math.floor(moved(float(c), s, padding, aligned))
            for c, s in zip(tap, image.shape[1:], strict=True)
        ]
        total = total + share * value(image, inside)
    return total


def grid_sample(
    x: Array,
    grid: Array,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Array:
    read = {"bilinear": linear, "nearest": nearest, "bicubic": cubic}[mode]
    out = np.zeros((*x.shape[:2], *grid.shape[1:-1]))
    for at in np.ndindex(*grid.shape[:-1]):
        g = grid[at][::-1]
        where = [place(c, s, align_corners) for c, s in zip(g, x.shape[2:], strict=True)]
        out[(at[0], slice(None), *at[1:])] = read(x[at[0]], where, padding_mode, align_corners)
    return out


# --- pools


def lp_pool(x: Array, p: float, kernel: Any, stride: Any = None) -> Array:
    dims = x.ndim - 2
    kernel = (kernel,) * dims if isinstance(kernel, int) else tuple(kernel)
    steps = kernel if stride is None else (stride,) * dims
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=tuple(range(2, x.ndim)))
    windows = windows[(slice(None), slice(None), *(slice(None, None, s) for s in steps))]
    last = tuple(range(-dims, 0))
    return windows.max(last) if p == math.inf else (windows**p).sum(last) ** (1 / p)


def max_unpool(
    x: Array,
    places: Array,
    kernel: Any,
    stride: Any = None,
    padding: int = 0,
    output_size: Any = None,
) -> Array:
    dims = x.ndim - 2
    step = kernel if stride is None else stride
    usual = tuple((s - 1) * step - 2 * padding + kernel for s in x.shape[2:])
    out = np.zeros((*x.shape[:2], math.prod(output_size or usual)))
    for n, c in np.ndindex(*x.shape[:2]):
        out[n, c, places[n, c].reshape(-1)] = x[n, c].reshape(-1)
    assert dims == len(usual)
    return out.reshape(*x.shape[:2], *(output_size or usual))


def starts(u: float, size: int, out: int, kernel: int) -> list[int]:
    alpha = (size - kernel) / (out - 1) if out > 1 else 0.0
    return [int((i + u) * alpha) - int(u * alpha) for i in range(out - 1)] + [size - kernel]


def fractional_max_pool(
    x: Array,
    kernel: int,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    dims = x.ndim - 2
    out = output_size or tuple(int(s * output_ratio) for s in x.shape[2:])
    top, where = np.zeros((*x.shape[:2], *out)), np.zeros((*x.shape[:2], *out), np.int64)
    for n, c in np.ndindex(*x.shape[:2]):
        draw = _random_samples[n, c] if dims == 3 else _random_samples[n, c][::-1]
        begins = [starts(draw[d], x.shape[2 + d], out[d], kernel) for d in range(dims)]
        for at in np.ndindex(*out):
            corner = [begins[d][at[d]] for d in range(dims)]
            part = x[(n, c, *(slice(b, b + kernel) for b in corner))]
            best = np.unravel_index(part.argmax(), part.shape)
            top[(n, c, *at)] = part[best]
            whole = tuple(b + i for b, i in zip(corner, best, strict=True))
            where[(n, c, *at)] = np.ravel_multi_index(whole, x.shape[2:])
    return (top, where) if return_indices else top


# --- rows


def embedding_bag(
    index: Array,
    weight: Array,
    offsets: Any = None,
    mode: str = "mean",
    per_sample_weights: Array | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Array:
    if index.ndim == 2:
        bags = list(index)
        factors = [None] * len(bags) if per_sample_weights is None else list(per_sample_weights)
    else:
        ends = [*list(offsets)[1:], len(index)]
        begins = list(offsets)
        if include_last_offset:
            begins, ends = begins[:-1], ends[:-1]
        bags = [index[a:b] for a, b in zip(begins, ends, strict=True)]
        factors = [None] * len(bags)
    out = np.zeros((len(bags), weight.shape[1]))
    for i, (bag, factor) in enumerate(zip(bags, factors, strict=True)):
        rows = weight[bag] if factor is None else weight[bag] * factor[:, None]
        if padding_idx is not None:
            rows = rows[bag != padding_idx % weight.shape[0]]
        if len(rows):
            out[i] = {"sum": rows.sum, "mean": rows.mean, "max": rows.max}[mode](0)
    return out


# --- label sequences


def collapse(path: tuple[int, ...], blank: int) -> list[int]:
    kept = [c for i, c in enumerate(path) if i == 0 or c != path[i - 1]]
    return [c for c in kept if c != blank]


def ctc(
    x: Array,
    targets: Array,
    steps: Any,
    sizes: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Array:
    """The sum over every path that collapses to the labels."""
    losses = []
    for n in range(x.shape[1]):
        label = [int(c) for c in targets[n][: sizes[n]]]
        total = 0.0
        for path in itertools.product(range(x.shape[2]), repeat=int(steps[n])):
            if collapse(path, blank) == label:
                total += math.exp(sum(x[t, n, c] for t, c in enumerate(path)))
        losses.append(-math.log(total) if total else (0.0 if zero_infinity else math.inf))
    found = np.array(losses)
    if reduction == "mean":
        return (found / np.maximum(sizes, 1)).mean()
    return found.sum() if reduction == "sum" else found
