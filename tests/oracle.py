"""What ops mean, in NumPy and SciPy: written for the tests, and not from the library's own references."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import signal, special

Array = np.ndarray


# --- elementwise


def sign(x: Array) -> Array:
    """As PyTorch: the sign of NaN is 0."""
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)


def div_rounded(a: Array, b: Array, rounding_mode: str) -> Array:
    if rounding_mode == "floor":
        return np.floor_divide(a, b)
    return np.trunc(a / b) if a.dtype.kind == "f" else np.trunc(a / b).astype(a.dtype)


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
    """One SciPy correlation per image and pair of channels, with a spread filter, then every stride-th value."""
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
    """PyTorch's rule: a last window that would start in the padding behind the input is left out."""
    reach = size + 2 * p - d * (k - 1) - 1
    count = (-(-reach // s) if ceil_mode else reach // s) + 1
    return count - 1 if ceil_mode and (count - 1) * s >= size + p else count


def windows(
    x: Array, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Iterator[tuple[tuple[int, int], Array, Array]]:
    """Yields the place of each window in the output, and the rows and columns of the input that it covers."""
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
    """By linearity: the gradient at a pixel is what pooling makes of an image with only this pixel, times g."""
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


# --- activations and losses


def gelu(x: Array, approximate: str = "none") -> Array:
    if approximate == "none":
        return x * special.ndtr(x)
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    return np.where(x * beta > threshold, x, np.logaddexp(0, x * beta) / beta)


def reduced(value: Array, reduction: str) -> Array:
    if reduction == "none":
        return value
    return np.asarray(value.sum() if reduction == "sum" else value.mean())


def cross_entropy(
    logits: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """As PyTorch defines it; classes are dim 1 (or 0 without a batch)."""
    dim = 1 if logits.ndim > 1 else 0
    logp = np.moveaxis(special.log_softmax(logits, axis=dim), dim, -1)
    classes = logp.shape[-1]
    w = np.ones(classes) if weight is None else weight
    if target.dtype.kind == "f":
        p = np.moveaxis(target, dim, -1)
        p = p * (1 - label_smoothing) + label_smoothing / classes
        value = -(w * p * logp).sum(-1)
        count = value.size
        return value if reduction == "none" else value.sum() / (count if reduction == "mean" else 1)
    keep = target != ignore_index
    safe = np.where(keep, target, 0)
    picked = np.take_along_axis(logp, safe[..., None], -1)[..., 0]
    nll = -w[safe] * picked * keep
    smooth = -(w * logp).sum(-1) * keep / classes
    value = (1 - label_smoothing) * nll + label_smoothing * smooth
    if reduction == "none":
        return value
    return value.sum() / ((w[safe] * keep).sum() if reduction == "mean" else 1)


def nll_loss(
    logp: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    dim = 1 if logp.ndim > 1 else 0
    moved = np.moveaxis(logp, dim, -1)
    w = np.ones(moved.shape[-1]) if weight is None else weight
    keep = target != ignore_index
    safe = np.where(keep, target, 0)
    value = -w[safe] * np.take_along_axis(moved, safe[..., None], -1)[..., 0] * keep
    if reduction == "none":
        return value
    return value.sum() / ((w[safe] * keep).sum() if reduction == "mean" else 1)


def huber(x: Array, y: Array, reduction: str = "mean", delta: float = 1.0) -> Array:
    return reduced(special.huber(delta, x - y), reduction)


def smooth_l1(x: Array, y: Array, reduction: str = "mean", beta: float = 1.0) -> Array:
    d = np.abs(x - y)
    return reduced(np.where(d < beta, 0.5 * d * d / beta if beta else d, d - 0.5 * beta), reduction)


def bce(p: Array, y: Array, weight: Array | None = None, reduction: str = "mean") -> Array:
    value = -(y * np.maximum(np.log(p), -100) + (1 - y) * np.maximum(np.log1p(-p), -100))
    return reduced(value if weight is None else value * weight, reduction)


def bce_with_logits(
    x: Array,
    y: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> Array:
    positive = 1 if pos_weight is None else pos_weight
    value = -(positive * y * special.log_expit(x) + (1 - y) * special.log_expit(-x))
    return reduced(value if weight is None else value * weight, reduction)


def layer_norm(
    x: Array, shape: Any, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Array:
    axes = tuple(range(x.ndim - len(tuple(shape)), x.ndim))
    y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def batch_norm(
    x: Array,
    mean: Array | None,
    var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    axes = (0, *range(2, x.ndim))
    shape = (1, -1, *[1] * (x.ndim - 2))
    if training or mean is None or var is None:
        mean, var = x.mean(axes), x.var(axes)
    y = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps)
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def group_norm(
    x: Array, groups: int, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Array:
    split = x.reshape(x.shape[0], groups, -1)
    y = (split - split.mean(-1, keepdims=True)) / np.sqrt(split.var(-1, keepdims=True) + eps)
    y, shape = y.reshape(x.shape), (1, -1, *[1] * (x.ndim - 2))
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


# --- random numbers


def philox4x32(counter: int, key: int) -> list[int]:
    """Ten rounds of Philox4x32 (Salmon et al. 2011) in Python's integers; 32-bit words, the lowest first."""
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
    return (_blocks(seed, before, shape)[..., 0] >> np.uint64(8)) / 2.0**24


def randn(seed: int, before: int, shape: Any) -> Array:
    """Box and Muller's transform of two words."""
    words = _blocks(seed, before, shape)
    u = (words[..., 0] + 0.5) / 2.0**32
    v = (words[..., 1] >> np.uint64(8)) / 2.0**24
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)
