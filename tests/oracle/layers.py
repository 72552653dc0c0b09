"""What further normalizing layers, attention, shuffles, padding and resampling mean."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from oracle.volumes import adaptive_pool

Array = np.ndarray


def instance_norm(
    x: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    use_input_stats: bool = True,
    eps: float = 1e-5,
) -> Array:
    axes, shape = tuple(range(2, x.ndim)), (1, -1, *(1,) * (x.ndim - 2))
    if use_input_stats:
        mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    else:
        assert running_mean is not None
        assert running_var is not None
        mean, var = running_mean.reshape(shape), running_var.reshape(shape)
    y = (x - mean) / np.sqrt(var + eps)
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def rms_norm(x: Array, shape: Any, weight: Array | None = None, eps: float = 0.0) -> Array:
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    y = x / np.sqrt((x * x).mean(axes, keepdims=True) + eps)
    return y if weight is None else y * weight


def local_response_norm(
    x: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    y = np.zeros(x.shape)
    for c in range(x.shape[1]):
        first, end = max(c - size // 2, 0), c - size // 2 + size
        y[:, c] = x[:, c] / (k + alpha * (x[:, first:end] ** 2).sum(1) / size) ** beta
    return y


def attention(
    q: Array,
    k: Array,
    v: Array,
    attn_mask: Array | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Array:
    if enable_gqa:
        k, v = (np.repeat(a, q.shape[-3] // a.shape[-3], axis=-3) for a in (k, v))
    scores = np.einsum("...le,...se->...ls", q, k)
    scores = scores * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = np.tril(np.ones(scores.shape[-2:], bool))
    if attn_mask is not None and attn_mask.dtype == bool:
        attn_mask = np.where(attn_mask, 0, -np.inf)
    if attn_mask is not None:
        scores = scores + attn_mask
    weights = np.nan_to_num(special.softmax(scores, axis=-1))
    return np.einsum("...ls,...sv->...lv", weights, v)


def bilinear(x: Array, y: Array, w: Array, bias: Array | None = None) -> Array:
    out = np.einsum("...i,oij,...j->...o", x, w, y)
    return out if bias is None else out + bias


def pixel_shuffle(x: Array, r: int) -> Array:
    *lead, c, h, w = x.shape
    y = np.zeros((*lead, c // (r * r), h * r, w * r), x.dtype)
    for i, j in np.ndindex(r, r):
        y[..., i::r, j::r] = x[..., i * r + j :: r * r, :, :]
    return y


def pixel_unshuffle(x: Array, r: int) -> Array:
    *lead, c, h, w = x.shape
    y = np.zeros((*lead, c * r * r, h // r, w // r), x.dtype)
    for i, j in np.ndindex(r, r):
        y[..., i * r + j :: r * r, :, :] = x[..., i::r, j::r]
    return y


def channel_shuffle(x: Array, groups: int) -> Array:
    each = x.shape[1] // groups
    return x[:, [g * each + i for i in range(each) for g in range(groups)]]


def pad(x: Array, widths: Any, mode: str) -> Array:
    """NumPy's own modes, after cutting; "reflect" reaches what is cut off."""
    names = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    for i in range(len(widths) // 2):
        axis, (before, after) = x.ndim - 1 - i, widths[2 * i : 2 * i + 2]
        cut = slice(max(-before, 0), x.shape[axis] - max(-after, 0))
        if mode == "circular":
            x = x[(slice(None),) * axis + (cut,)]
            cut = slice(None)
        around = [(0, 0)] * x.ndim
        around[axis] = (max(before, 0), max(after, 0))
        first, size = cut.start or 0, x.shape[axis]
        x = np.pad(x, around, mode=names[mode])
        end = size if cut.stop is None else cut.stop
        last = max(before, 0) + end + max(after, 0) + (size - end if after > 0 else 0)
        x = x[(slice(None),) * axis + (slice(first, last),)]
    return x


# --- resampling


def _kernel(name: str, a: float) -> Any:
    def linear(d: float) -> float:
        return max(1 - abs(d), 0.0)

    def cubic(d: float) -> float:
        d = abs(d)
        if d < 1:
            return (a + 2) * d**3 - (a + 3) * d**2 + 1
        return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0

    return (cubic, 2.0) if name == "bicubic" else (linear, 1.0)


def _matrix(n: int, out: int, step: float, mode: str, align: bool, smooth: bool) -> Array:
    """The matrix (out, n) of a filter: every element at a distance counts by the kernel."""
    matrix = np.zeros((out, n))
    kernel, reach = _kernel(mode, -0.5 if smooth else -0.75)
    for i in range(out):
        if mode == "nearest":
            matrix[i, min(int(np.floor(np.float32(i) * np.float32(step))), n - 1)] = 1
        elif mode == "nearest-exact":
            matrix[i, min(int(np.floor(np.float32(i + 0.5) * np.float32(step))), n - 1)] = 1
        elif smooth:
            wide, center = max(step, 1.0), step * (i + 0.5)
            first, end = int(center - reach * wide + 0.5), int(center + reach * wide + 0.5)
            taps = range(max(first, 0), min(end, n))
            matrix[i, list(taps)] = [kernel((j + 0.5 - center) / wide) for j in taps]
            matrix[i] /= matrix[i].sum()
        else:
            center = i * step if align else (i + 0.5) * step - 0.5
            center = center if mode == "bicubic" else min(max(center, 0), n - 1)
            for j in range(math.floor(center) - 1, math.floor(center) + 3):
                matrix[i, min(max(j, 0), n - 1)] += kernel(center - j)
    return matrix


def interpolate(
    x: Array,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Array:
    """One matrix per dim."""
    dims = x.ndim - 2
    for d in range(dims):
        n = x.shape[2 + d]
        if size is not None:
            out = size[d] if isinstance(size, tuple) else size
            step = n / out
        else:
            factor = scale_factor[d] if isinstance(scale_factor, tuple) else scale_factor
            out = math.floor(n * factor)
            step = n / out if recompute_scale_factor else 1 / factor
        if align_corners:
            step = (n - 1) / (out - 1) if out > 1 else 0.0
        if mode == "area":
            moved = np.moveaxis(x, 2 + d, -1)
            flat = adaptive_pool(1, True)(moved.reshape(1, -1, n), out)
            x = np.moveaxis(flat.reshape(*moved.shape[:-1], out), -1, 2 + d)
        else:
            matrix = _matrix(n, out, step, mode, bool(align_corners), antialias)
            x = np.moveaxis(np.tensordot(matrix, x, (1, 2 + d)), 0, 2 + d)
    return x
