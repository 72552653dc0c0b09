"""What convolutions and pooling mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import signal

Array = np.ndarray


# --- convolution


def pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def conv2d(
    x: Array,
    w: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """One SciPy correlation per image and pair of channels, then every stride-th value."""
    if x.ndim == 3:
        return conv2d(x[None], w, bias, stride, padding, dilation, groups)[0]
    (sh, sw), (dh, dw) = pair(stride), pair(dilation)
    kh, kw = ((k - 1) * d + 1 for k, d in zip(w.shape[2:], (dh, dw), strict=True))
    if padding == "same":
        around = [((k - 1) // 2, k - 1 - (k - 1) // 2) for k in (kh, kw)]
    else:
        ph, pw = (0, 0) if padding == "valid" else pair(padding)
        around = [(ph, ph), (pw, pw)]
    x = np.pad(x, [(0, 0), (0, 0), *around])
    spread = np.zeros((*w.shape[:2], kh, kw), w.dtype)
    spread[:, :, ::dh, ::dw] = w
    outs, ins = w.shape[0] // groups, w.shape[1]
    height, width = x.shape[2] - kh + 1, x.shape[3] - kw + 1
    y = np.zeros((x.shape[0], w.shape[0], -(-height // sh), -(-width // sw)), x.dtype)
    for n in range(x.shape[0]):
        for o in range(w.shape[0]):
            for c in range(ins):
                image = x[n, o // outs * ins + c]
                y[n, o] += signal.correlate2d(image, spread[o, c], "valid")[::sh, ::sw]
    return y if bias is None else y + bias[:, None, None]


def conv1d(
    x: Array,
    w: Array,
    bias: Array | None = None,
    stride: int = 1,
    padding: Any = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Array:
    around = padding if isinstance(padding, str) else (0, padding)
    y = conv2d(x[..., None, :], w[..., None, :], bias, (1, stride), around, (1, dilation), groups)
    return y[..., 0, :]


def conv_transpose2d(
    x: Array,
    w: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    """Every input value stamps the filter, times itself, on the output."""
    if x.ndim == 3:
        return conv_transpose2d(
            x[None], w, bias, stride, padding, output_padding, groups, dilation
        )[0]
    steps, zeros, extra, spread = map(pair, (stride, padding, output_padding, dilation))
    kernel = w.shape[2:]
    full = [
        (x.shape[2 + d] - 1) * steps[d] + spread[d] * (kernel[d] - 1) + extra[d] + 1
        for d in range(2)
    ]
    outs, ins = w.shape[1], x.shape[1] // groups
    y = np.zeros((x.shape[0], outs * groups, *full), x.dtype)
    for g in range(groups):
        xs, ws = x[:, g * ins : (g + 1) * ins], w[g * ins : (g + 1) * ins]
        for i, j in np.ndindex(*kernel):
            top, left = i * spread[0], j * spread[1]
            rows = slice(top, top + (x.shape[2] - 1) * steps[0] + 1, steps[0])
            columns = slice(left, left + (x.shape[3] - 1) * steps[1] + 1, steps[1])
            stamped = np.einsum("nchw,co->nohw", xs, ws[:, :, i, j])
            y[:, g * outs : (g + 1) * outs, rows, columns] += stamped
    y = y[:, :, zeros[0] : full[0] - zeros[0], zeros[1] : full[1] - zeros[1]]
    return y if bias is None else y + bias[:, None, None]


def conv2d_input_grad(
    g: Array, w: Array, *, input_size: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Array:
    extra = [
        size - ((n - 1) * s - 2 * p + d * (k - 1) + 1)
        for size, n, s, p, d, k in zip(
            input_size, g.shape[2:], stride, padding, dilation, w.shape[2:], strict=True
        )
    ]
    return conv_transpose2d(g, w, None, stride, padding, extra, groups, dilation)


def conv2d_weight_grad(
    x: Array, g: Array, *, kernel_size: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Array:
    x = np.pad(x, [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2])
    outs, ins = g.shape[1] // groups, x.shape[1] // groups
    w = np.zeros((g.shape[1], ins, *kernel_size), x.dtype)
    for o, (i, j) in ((o, ij) for o in range(g.shape[1]) for ij in np.ndindex(*kernel_size)):
        top, left = i * dilation[0], j * dilation[1]
        seen = x[:, o // outs * ins : (o // outs + 1) * ins, top:, left:]
        seen = seen[:, :, :: stride[0], :: stride[1]][:, :, : g.shape[2], : g.shape[3]]
        w[o, :, i, j] = np.einsum("nchw,nhw->c", seen, g[:, o])
    return w


# --- pooling


def pooled_size(size: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """PyTorch's rule: a last window that would start behind the input is left out."""
    reach = size + 2 * p - d * (k - 1) - 1
    count = (-(-reach // s) if ceil_mode else reach // s) + 1
    return count - 1 if ceil_mode and (count - 1) * s >= size + p else count


def windows(
    x: Array, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Iterator[tuple[tuple[int, int], Array, Array]]:
    """Yields the place of each window in the output, and the rows and columns that it covers."""
    k, p, d = pair(kernel_size), pair(padding), pair(dilation)
    s = pair(kernel_size if stride is None else stride)
    size = [pooled_size(x.shape[-2 + i], k[i], s[i], p[i], d[i], ceil_mode) for i in range(2)]
    for place in np.ndindex(*size):
        lines = [[place[i] * s[i] - p[i] + j * d[i] for j in range(k[i])] for i in range(2)]
        rows, columns = (
            np.array([v for v in line if 0 <= v < x.shape[-2 + i]], np.int64)
            for i, line in enumerate(lines)
        )
        yield (place[0], place[1]), rows, columns


def max_pool2d(
    x: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    found: dict[tuple[int, int], tuple[Array, Array]] = {}
    for place, rows, columns in windows(x, kernel_size, stride, padding, dilation, ceil_mode):
        seen = x[..., rows[:, None], columns].reshape(*x.shape[:-2], rows.size * columns.size)
        where = (rows[:, None] * x.shape[-1] + columns).ravel()
        best = seen.argmax(-1)
        found[place] = (seen.max(-1), where[best])
    height, width = (max((p[i] for p in found), default=-1) + 1 for i in range(2))
    shape = (*x.shape[:-2], height, width)
    values, indices = np.zeros(shape, x.dtype), np.zeros(shape, np.int64)
    for (i, j), (value, index) in found.items():
        values[..., i, j], indices[..., i, j] = value, index
    return (values, indices) if return_indices else values


def max_pool2d_index(x: Array, **attrs: Any) -> Array:
    return np.asarray(max_pool2d(x, **attrs, return_indices=True)[1])


def max_pool2d_grad(g: Array, x: Array, **attrs: Any) -> Array:
    index = max_pool2d_index(x, **attrs)
    out = np.zeros((*x.shape[:-2], x.shape[-2] * x.shape[-1]), x.dtype)
    for lead in np.ndindex(*x.shape[:-2]):
        np.add.at(out[lead], index[lead].ravel(), g[lead].ravel())
    return out.reshape(x.shape)


def max_pool2d_gather(v: Array, x: Array, **attrs: Any) -> Array:
    index = max_pool2d_index(x, **attrs)
    flat = v.reshape(*v.shape[:-2], -1)
    return np.take_along_axis(flat, index.reshape(*index.shape[:-2], -1), -1).reshape(index.shape)


def max_pool2d_offset(x: Array, **attrs: Any) -> Array:
    index = max_pool2d_index(x, **attrs)
    (sh, sw), (ph, pw), (dh, dw) = (attrs[name] for name in ("stride", "padding", "dilation"))
    out = np.zeros(index.shape, np.uint8)
    for place in np.ndindex(*index.shape):
        h, w = divmod(int(index[place]), x.shape[-1])
        row, column = h - place[-2] * sh + ph, w - place[-1] * sw + pw
        out[place] = row // dh * attrs["kernel_size"][1] + column // dw
    return out


def _index_of(offset: Array, width: int, **attrs: Any) -> Array:
    (sh, sw), (ph, pw), (dh, dw) = (attrs[name] for name in ("stride", "padding", "dilation"))
    out = np.zeros(offset.shape, np.int64)
    for place in np.ndindex(*offset.shape):
        row, column = divmod(int(offset[place]), attrs["kernel_size"][1])
        h, w = place[-2] * sh - ph + row * dh, place[-1] * sw - pw + column * dw
        out[place] = h * width + w
    return out


def max_pool2d_spread(g: Array, offset: Array, input_size: Any, **attrs: Any) -> Array:
    index = _index_of(offset, input_size[1], **attrs)
    out = np.zeros((*g.shape[:-2], input_size[0] * input_size[1]), g.dtype)
    for lead in np.ndindex(*g.shape[:-2]):
        np.add.at(out[lead], index[lead].ravel(), g[lead].ravel())
    return out.reshape(*g.shape[:-2], *input_size)


def max_pool2d_take(v: Array, offset: Array, **attrs: Any) -> Array:
    index = _index_of(offset, v.shape[-1], **attrs)
    flat = v.reshape(*v.shape[:-2], -1)
    return np.take_along_axis(flat, index.reshape(*index.shape[:-2], -1), -1).reshape(index.shape)


def avg_pool2d(
    x: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    k, p = pair(kernel_size), pair(padding)
    s = pair(kernel_size if stride is None else stride)
    values = {}
    for place, rows, columns in windows(x, kernel_size, stride, padding, 1, ceil_mode):
        seen = x[..., rows[:, None], columns].sum((-2, -1))
        padded = [
            min(place[i] * s[i] - p[i] + k[i], x.shape[-2 + i] + p[i]) - (place[i] * s[i] - p[i])
            for i in range(2)
        ]
        count = padded[0] * padded[1] if count_include_pad else rows.size * columns.size
        values[place] = seen / (divisor_override or count)
    height, width = (max(q[i] for q in values) + 1 for i in range(2))
    out = np.zeros((*x.shape[:-2], height, width), x.dtype)
    for (i, j), value in values.items():
        out[..., i, j] = value
    return out


def avg_pool2d_grad(g: Array, *, input_size: Any, **attrs: Any) -> Array:
    """By linearity: at a pixel, what pooling makes of an image with only this pixel, times g."""
    out = np.zeros((*g.shape[:-2], *input_size), g.dtype)
    for i, j in np.ndindex(*input_size):
        image = np.zeros(tuple(input_size))
        image[i, j] = 1
        out[..., i, j] = (avg_pool2d(image, **attrs) * g).sum((-2, -1))
    return out


def max_pool1d(x: Array, kernel_size: int, **options: Any) -> Array:
    return np.asarray(_line(max_pool2d, x, kernel_size, options))


def avg_pool1d(x: Array, kernel_size: int, **options: Any) -> Array:
    return np.asarray(_line(avg_pool2d, x, kernel_size, options))


def _line(function: Callable[..., Any], x: Array, kernel: int, options: dict[str, Any]) -> Array:
    lead = {"stride": 1, "padding": 0, "dilation": 1}
    wide = {k: (lead[k], v) if k in lead else v for k, v in options.items()}
    return np.asarray(function(x[..., None, :], (1, kernel), **wide))[..., 0, :]


def adaptive_avg_pool2d(x: Array, output_size: Any) -> Array:
    sizes = output_size if isinstance(output_size, tuple) else (output_size, output_size)
    out = [x.shape[-2 + i] if size is None else size for i, size in enumerate(sizes)]
    y = np.zeros((*x.shape[:-2], *out), x.dtype)
    for i, j in np.ndindex(*out):
        rows = slice(i * x.shape[-2] // out[0], -(-(i + 1) * x.shape[-2] // out[0]))
        columns = slice(j * x.shape[-1] // out[1], -(-(j + 1) * x.shape[-1] // out[1]))
        y[..., i, j] = x[..., rows, columns].mean((-2, -1))
    return y
