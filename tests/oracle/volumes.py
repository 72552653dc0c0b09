"""What convolution, pooling and blocks mean in any number of dims: loops over the output."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from oracle.windows import pooled_size

Array = np.ndarray


def each(value: Any, dims: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * dims


def conv(
    x: Array,
    w: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """Every output element is a sum over its window of the padded input."""
    dims = w.ndim - 2
    if x.ndim == dims + 1:
        return conv(x[None], w, bias, stride, padding, dilation, groups)[0]
    steps, spread = each(stride, dims), each(dilation, dims)
    reach = [(k - 1) * d for k, d in zip(w.shape[2:], spread, strict=True)]
    if padding == "same":
        around = [(r // 2, r - r // 2) for r in reach]
    else:
        around = [(p, p) for p in each(0 if padding == "valid" else padding, dims)]
    x = np.pad(x, [(0, 0), (0, 0), *around])
    out = [(n - r - 1) // s + 1 for n, r, s in zip(x.shape[2:], reach, steps, strict=True)]
    y = np.zeros((x.shape[0], w.shape[0], *out))
    outs, ins = w.shape[0] // groups, w.shape[1]
    for place in np.ndindex(*out):
        window = tuple(
            slice(i * s, i * s + r + 1, d)
            for i, s, r, d in zip(place, steps, reach, spread, strict=True)
        )
        for g in range(groups):
            seen = x[(slice(None), slice(g * ins, (g + 1) * ins), *window)]
            taps = w[g * outs : (g + 1) * outs]
            total = np.tensordot(seen, taps, (range(1, w.ndim), range(1, w.ndim)))
            y[(slice(None), slice(g * outs, (g + 1) * outs), *place)] = total
    return y if bias is None else y + bias.reshape(-1, *(1,) * dims)


def conv_transpose(
    x: Array,
    w: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    """Every input element stamps the filter, times itself, on the output."""
    dims = w.ndim - 2
    if x.ndim == dims + 1:
        return conv_transpose(x[None], w, bias, stride, padding, output_padding, groups, dilation)[
            0
        ]
    steps, zeros = each(stride, dims), each(padding, dims)
    extra, spread = each(output_padding, dims), each(dilation, dims)
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], spread, strict=True)]
    full = [
        (n - 1) * s + r + e for n, s, r, e in zip(x.shape[2:], steps, reach, extra, strict=True)
    ]
    outs, ins = w.shape[1], x.shape[1] // groups
    y = np.zeros((x.shape[0], outs * groups, *full))
    for place in np.ndindex(*x.shape[2:]):
        window = tuple(
            slice(i * s, i * s + r, d)
            for i, s, r, d in zip(place, steps, reach, spread, strict=True)
        )
        for g in range(groups):
            stamp = np.tensordot(
                x[(slice(None), slice(g * ins, (g + 1) * ins), *place)],
                w[g * ins : (g + 1) * ins],
                1,
            )
            y[(slice(None), slice(g * outs, (g + 1) * outs), *window)] += stamp
    kept = tuple(slice(p, n - p) for p, n in zip(zeros, full, strict=True))
    y = y[(slice(None), slice(None), *kept)]
    return y if bias is None else y + bias.reshape(-1, *(1,) * dims)


# --- pooling

Windows = dict[tuple[int, ...], list[list[int]]]


def pool(x: Array, windows: Windows, dims: int, average: bool, divisors: Any = None) -> Any:
    """Means or maxima (with positions) over windows: lists of indices along each dim."""
    lead, have = x.shape[: x.ndim - dims], x.shape[x.ndim - dims :]
    out = tuple(max(place[d] for place in windows) + 1 for d in range(dims))
    values, indices = np.zeros((*lead, *out)), np.zeros((*lead, *out), np.int64)
    for place, lines in windows.items():
        boxes = list(itertools.product(*lines))
        flat = np.array([np.ravel_multi_index(box, have) for box in boxes])
        seen = x.reshape(*lead, int(np.prod(have)))[..., flat]
        if average:
            values[(..., *place)] = seen.sum(-1) / (divisors[place] if divisors else len(boxes))
        else:
            values[(..., *place)] = seen.max(-1)
            indices[(..., *place)] = flat[seen.argmax(-1)]
    return values if average else (values, indices)


def _sliding(x: Array, dims: int, k: Any, s: Any, p: Any, d: Any, ceil_mode: bool) -> Any:
    """The windows of sliding pooling, and their sizes with the padding counted."""
    have = x.shape[x.ndim - dims :]
    out = [pooled_size(have[i], k[i], s[i], p[i], d[i], ceil_mode) for i in range(dims)]
    windows, counts = {}, {}
    for place in np.ndindex(*out):
        starts = [place[i] * s[i] - p[i] for i in range(dims)]
        windows[place] = [
            [v for v in range(starts[i], starts[i] + k[i] * d[i], d[i]) if 0 <= v < have[i]]
            for i in range(dims)
        ]
        counts[place] = np.prod(
            [min(starts[i] + k[i], have[i] + p[i]) - starts[i] for i in range(dims)]
        )
    return windows, counts


def max_pool(dims: int) -> Any:
    def pooled(
        x: Array,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        k, p, d = (each(v, dims) for v in (kernel_size, padding, dilation))
        s = k if stride is None else each(stride, dims)
        found = pool(x, _sliding(x, dims, k, s, p, d, ceil_mode)[0], dims, False)
        return found if return_indices else found[0]

    return pooled


def avg_pool3d(
    x: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    k, p = each(kernel_size, 3), each(padding, 3)
    s = k if stride is None else each(stride, 3)
    windows, counts = _sliding(x, 3, k, s, p, (1, 1, 1), ceil_mode)
    if divisor_override:
        counts = dict.fromkeys(counts, divisor_override)
    return pool(x, windows, 3, True, counts if count_include_pad or divisor_override else None)


def adaptive_pool(dims: int, average: bool) -> Any:
    def pooled(x: Array, output_size: Any, return_indices: bool = False) -> Any:
        have = x.shape[x.ndim - dims :]
        out = [n if w is None else w for w, n in zip(each(output_size, dims), have, strict=True)]
        windows: Windows = {
            place: [
                list(range(i * n // w, -(-(i + 1) * n // w)))
                for i, n, w in zip(place, have, out, strict=True)
            ]
            for place in np.ndindex(*out)
        }
        found = pool(x, windows, dims, average)
        return found if average or return_indices else found[0]

    return pooled


# --- blocks


def unfold(
    x: Array, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Array:
    if x.ndim == 3:
        return unfold(x[None], kernel_size, dilation, padding, stride)[0]
    k, d, p, s = (each(v, 2) for v in (kernel_size, dilation, padding, stride))
    x = np.pad(x, [(0, 0), (0, 0), (p[0], p[0]), (p[1], p[1])])
    rows = range(0, x.shape[2] - d[0] * (k[0] - 1), s[0])
    columns = range(0, x.shape[3] - d[1] * (k[1] - 1), s[1])
    blocks = [
        x[:, :, i : i + d[0] * (k[0] - 1) + 1 : d[0], j : j + d[1] * (k[1] - 1) + 1 : d[1]]
        for i in rows
        for j in columns
    ]
    return np.stack([block.reshape(len(x), -1) for block in blocks], -1)


def fold(x: Array, output_size: Any, kernel_size: Any, **options: Any) -> Array:
    """The transpose of `unfold`: an element goes wherever `unfold` would have taken it from."""
    if x.ndim == 2:
        return fold(x[None], output_size, kernel_size, **options)[0]
    size, k = each(output_size, 2), each(kernel_size, 2)
    channels = x.shape[1] // (k[0] * k[1])
    count = channels * size[0] * size[1]
    sources = np.arange(1, count + 1).reshape(1, channels, *size)
    taken = unfold(sources, kernel_size, **options)[0]  # 0: padding
    y = np.zeros((len(x), count + 1))
    for n in range(len(x)):
        np.add.at(y[n], taken.ravel(), x[n].ravel())
    return y[:, 1:].reshape(len(x), channels, *size)
