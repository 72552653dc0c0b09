"""What elementwise ops, reductions, movement, indexing and random numbers mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


# --- elementwise


def sign(x: Array) -> Array:
    """As PyTorch: the sign of NaN is 0."""
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)


def signbit(x: Array) -> Array:
    return np.signbit(x) if x.dtype.kind == "f" else np.less(x, np.zeros_like(x))


def logit(x: Array) -> Array:
    return np.log(x / (1 - x))


def div_rounded(a: Array, b: Array, rounding_mode: str) -> Array:
    if rounding_mode == "floor":
        return np.floor_divide(a, b)
    return np.trunc(a / b) if a.dtype.kind == "f" else np.trunc(a / b).astype(a.dtype)


def lerp(a: Array, b: Array, w: Any) -> Array:
    """From the end that is nearer: it stays finite where only the other is not."""
    return np.where(np.abs(w) < 0.5, a + w * (b - a), b - (1 - w) * (b - a))


# --- reductions


def over(function: Callable[..., Any]) -> Callable[..., Any]:
    """A NumPy reduction with PyTorch's arguments: no dims, or an empty tuple, means all of them."""

    def reduced(x: Array, dim: Any = None, keepdim: bool = False, **options: Any) -> Array:
        if isinstance(dim, list | tuple):
            dim = tuple(dim) or None
        if isinstance(dim, int) and x.ndim == 0:
            dim = None
        return np.asarray(function(x, axis=dim, keepdims=keepdim, **options))

    return reduced


def extreme(values: Callable[..., Any], index: Callable[..., Any]) -> Callable[..., Any]:
    """`max` and `min` with a dim: values and indices."""

    def both(x: Array, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return values(x)
        if x.ndim == 0:
            return x, np.zeros((), np.int64)
        return values(x, axis=dim, keepdims=keepdim), index(x, axis=dim, keepdims=keepdim)

    return both


def position(index: Callable[..., Any]) -> Callable[..., Any]:
    def found(x: Array, dim: Any = None, keepdim: bool = False) -> Array:
        return np.asarray(index(x, axis=None if x.ndim == 0 else dim, keepdims=keepdim))

    return found


def cumsum(x: Array, dim: int) -> Array:
    return np.cumsum(x, axis=dim) if x.ndim else x


# --- movement


def pad(x: Array, widths: Any, value: float = 0) -> Array:
    """PyTorch's `pad`: from the last dim on, negative widths cut off."""
    for i in range(len(widths) // 2):
        axis = x.ndim - 1 - i
        before, after = widths[2 * i], widths[2 * i + 1]
        first, end = max(-before, 0), x.shape[axis] - max(-after, 0)
        x = x.take(range(first, end), axis=axis)
        around = [(0, 0)] * x.ndim
        around[axis] = (max(before, 0), max(after, 0))
        x = np.pad(x, around, constant_values=value)
    return x


# --- indices


def gather(x: Array, dim: int, index: Array) -> Array:
    out = np.zeros(index.shape, x.dtype)
    for place in np.ndindex(*index.shape):
        source = list(place)
        source[dim] = index[place]
        out[place] = x[tuple(source)]
    return out


def scatter_add(x: Array, dim: int, index: Array, src: Array) -> Array:
    out = x.copy()
    for place in np.ndindex(*index.shape):
        target = list(place)
        target[dim] = index[place]
        out[tuple(target)] += src[place]
    return out


def scatter(x: Array, dim: int, index: Array, src: Any) -> Array:
    out = x.copy()
    for place in np.ndindex(*index.shape):
        target = list(place)
        target[dim] = index[place]
        out[tuple(target)] = src[place] if isinstance(src, np.ndarray) else src
    return out


def index_select(x: Array, dim: int, index: Array) -> Array:
    return np.take(x, index, axis=dim)


def index_add(x: Array, dim: int, index: Array, source: Array, alpha: float = 1) -> Array:
    out = np.moveaxis(x.copy(), dim, 0)
    for i, piece in zip(index, np.moveaxis(source, dim, 0), strict=True):
        out[i] += (alpha * piece).astype(x.dtype)
    return np.moveaxis(out, 0, dim)


def one_hot(index: Array, num_classes: int = -1) -> Array:
    count = int(index.max()) + 1 if num_classes == -1 else num_classes
    return (index[..., None] == np.arange(count)).astype(np.int64)


# --- random numbers


def philox4x32(counter: int, key: int) -> list[int]:
    """Ten rounds of Philox4x32 (Salmon et al. 2011) in Python's integers, lowest word first."""
    c = [counter >> (32 * i) & 0xFFFFFFFF for i in range(4)]
    k = [key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ k[0], b & 0xFFFFFFFF, a >> 32 ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def _blocks(seed: int, before: int, shape: Any) -> Array:
    count = int(np.prod(shape, dtype=np.int64))
    words = [philox4x32(before + i, seed % 2**64) for i in range(count)]
    return np.array(words, np.uint64).reshape(*shape, 4)


def rand(seed: int, before: int, shape: Any) -> Array:
    """Four numbers share a block; those blocks' counters begin at 2**64."""
    count = int(np.prod(shape, dtype=np.int64))
    numbers = [divmod(before + i, 4) for i in range(count)]
    words = [philox4x32(2**64 + block, seed % 2**64)[word] for block, word in numbers]
    return (np.array(words, np.uint64).reshape(shape) >> np.uint64(8)) / 2.0**24


def randn(seed: int, before: int, shape: Any) -> Array:
    """Box and Muller's transform of two words."""
    words = _blocks(seed, before, shape)
    u = (words[..., 0] + 0.5) / 2.0**32
    v = (words[..., 1] >> np.uint64(8)) / 2.0**24
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)
