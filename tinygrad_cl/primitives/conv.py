"""Convolution and its gradients.   Device side: ops/conv*.cl.   User side: functional/conv.py.

The three are closed under differentiation: the gradient of any of them with respect to any of its
inputs is one of the others. Activations are NCHW, weights (O, C / groups, KH, KW).
`conv2d_input_grad` is also the transposed convolution: `input_size` may be any size that the
forward convolution maps to g's. The plans are in plans_conv.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.graph import Primitive, TensorSpec, register
from tinygrad_cl.lowering import Template, cut_first
from tinygrad_cl.primitives.choices_conv import (
    choices_conv2d,
    choices_input_grad,
    choices_weight_grad,
)
from tinygrad_cl.primitives.plans_conv import plan_conv2d, plan_input_grad, plan_weight_grad
from tinygrad_cl.primitives.rules import widen

Array = NDArray[Any]
Pair = tuple[int, int]


def conv_output_size(
    op: str, size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Pair:
    """Returns the height and width of a convolution's output.

    Raises:
        ShapeError: if the kernel does not fit the padded input, or a number makes no sense.
    """
    if min(*stride, *dilation, *kernel) < 1 or min(padding) < 0:
        raise ShapeError(
            f"{op}: stride, dilation and kernel sizes must be at least 1 and padding at least 0, "
            f"got stride {stride}, dilation {dilation}, kernel {kernel}, padding {padding}"
        )
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    padded = [s + 2 * p for s, p in zip(size, padding, strict=True)]
    if padded[0] < reach[0] or padded[1] < reach[1]:
        raise ShapeError(
            f"{op}: the kernel covers {tuple(reach)} elements and the padded input has only "
            f"{tuple(padded)}; use a smaller kernel or more padding"
        )
    height, width = ((p - r) // s + 1 for p, r, s in zip(padded, reach, stride, strict=True))
    return height, width


def _check(op: str, a: TensorSpec, b: TensorSpec, what: str, groups: int) -> None:
    if a.dtype is not b.dtype or not a.dtype.is_floating_point:
        raise DTypeError(
            f"{op}: needs two inputs of one float dtype, got {a.dtype.name} and {b.dtype.name}; "
            "cast one of them with .to(...)"
        )
    if len(a.shape) != 4 or len(b.shape) != 4:
        raise ShapeError(f"{op}: needs {what}, got shapes {a.shape} and {b.shape}")
    if groups < 1:
        raise ShapeError(f"{op}: groups must be at least 1, got {groups}")


def _check_groups(op: str, channels: int, outputs: int, per_group: int, groups: int) -> None:
    if outputs % groups or channels != per_group * groups:
        raise ShapeError(
            f"{op}: {channels} input channels in {groups} groups need a weight of "
            f"{channels / groups:g} channels and outputs divisible by {groups}, got a weight of "
            f"{per_group} channels and {outputs} outputs"
        )


def _conv_spec(
    x: TensorSpec, w: TensorSpec, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> TensorSpec:
    op = "conv2d"
    _check(op, x, w, "an input (N, C, H, W) and a weight (O, C / groups, KH, KW)", groups)
    (n, c, *size), (o, per_group, *kernel) = x.shape, w.shape
    _check_groups(op, c, o, per_group, groups)
    out = conv_output_size(op, _pair(size), _pair(kernel), stride, padding, dilation)
    return TensorSpec((n, o, *out), x.dtype)


def _input_grad_spec(
    g: TensorSpec,
    w: TensorSpec,
    input_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> TensorSpec:
    op = "conv2d_input_grad"
    _check(op, g, w, "a cotangent (N, O, OH, OW) and a weight (O, C / groups, KH, KW)", groups)
    (n, o, *size), (rows, per_group, *kernel) = g.shape, w.shape
    if o != rows or o % groups:
        raise ShapeError(
            f"{op}: the cotangent's {o} channels must equal the weight's {rows} outputs "
            f"and be divisible by {groups} groups"
        )
    _check_size(op, input_size, _pair(kernel), _pair(size), stride, padding, dilation)
    return TensorSpec((n, per_group * groups, *input_size), g.dtype)


def _weight_grad_spec(
    x: TensorSpec,
    g: TensorSpec,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> TensorSpec:
    op = "conv2d_weight_grad"
    _check(op, x, g, "an input (N, C, H, W) and a cotangent (N, O, OH, OW)", groups)
    (n, c, *size), (batch, o, *out) = x.shape, g.shape
    if n != batch or c % groups or o % groups:
        raise ShapeError(
            f"{op}: batch sizes must be equal and channels divisible by {groups} groups, "
            f"got {x.shape} and {g.shape}"
        )
    _check_size(op, _pair(size), kernel_size, _pair(out), stride, padding, dilation)
    return TensorSpec((o, c // groups, *kernel_size), x.dtype)


def _pair(sizes: list[int]) -> Pair:
    return sizes[0], sizes[1]


def _check_size(
    op: str, size: Pair, kernel: Pair, out: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> None:
    made = conv_output_size(op, size, kernel, stride, padding, dilation)
    if made != out:
        raise ShapeError(
            f"{op}: an input of size {size} gives an output of size {made}, "
            f"but the cotangent has {out}"
        )


# --- NumPy references: one im2col, three products ------------------------------------------------


def _columns(x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Array:
    """Returns the windows of `x` as a view (N, C, KH, KW, OH, OW)."""
    (ph, pw), (sh, sw), (dh, dw) = padding, stride, dilation
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw))) if ph or pw else x
    reach = (dh * (kernel[0] - 1) + 1, dw * (kernel[1] - 1) + 1)
    windows = sliding_window_view(padded, reach, axis=(2, 3))
    return windows[:, :, ::sh, ::sw, ::dh, ::dw].transpose(0, 1, 4, 5, 2, 3)


def _conv_reference(
    x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    columns = _columns(widen(x), (w.shape[2], w.shape[3]), stride, padding, dilation)
    n, c, kh, kw, oh, ow = columns.shape
    o, depth = w.shape[0], c // groups * kh * kw
    rows = widen(w).reshape(groups, o // groups, depth)
    with np.errstate(all="ignore"):
        out: Array = np.matmul(rows, columns.reshape(n, groups, depth, oh * ow))
        return out.reshape(n, o, oh, ow).astype(x.dtype, copy=False)


def _input_grad_reference(
    g: Array,
    w: Array,
    input_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Array:
    (n, o, oh, ow), (_, per_group, kh, kw) = g.shape, w.shape
    (h, wd), (ph, pw), (sh, sw), (dh, dw) = input_size, padding, stride, dilation
    rows = widen(w).reshape(groups, o // groups, per_group * kh * kw)
    cotangent = widen(g).reshape(n, groups, o // groups, oh * ow)
    with np.errstate(all="ignore"):
        taps = np.matmul(rows.swapaxes(1, 2), cotangent)
        taps = taps.reshape(n, groups * per_group, kh, kw, oh, ow)
        out = np.zeros((n, groups * per_group, h + 2 * ph, wd + 2 * pw), taps.dtype)
        for i in range(kh):
            for j in range(kw):
                rows_i = slice(i * dh, i * dh + (oh - 1) * sh + 1, sh)
                columns_j = slice(j * dw, j * dw + (ow - 1) * sw + 1, sw)
                out[:, :, rows_i, columns_j] += taps[:, :, i, j]
        return np.ascontiguousarray(out[:, :, ph : ph + h, pw : pw + wd], dtype=g.dtype)


def _weight_grad_reference(
    x: Array,
    g: Array,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Array:
    columns = _columns(widen(x), kernel_size, stride, padding, dilation)
    n, c, kh, kw, oh, ow = columns.shape
    o, depth, pixels = g.shape[1], c // groups * kh * kw, n * oh * ow
    panel = columns.transpose(1, 2, 3, 0, 4, 5).reshape(groups, depth, pixels)
    cotangent = widen(g).transpose(1, 0, 2, 3).reshape(groups, o // groups, pixels)
    with np.errstate(all="ignore"):
        out: Array = np.matmul(cotangent, panel.swapaxes(1, 2))
        return out.reshape(o, c // groups, kh, kw).astype(x.dtype, copy=False)


# --- Rows ----------------------------------------------------------------------------------------

_SHARED = ("stride", "padding", "dilation", "groups")


def _size(node: Any) -> Pair:
    return node.shape[2], node.shape[3]


conv2d: Primitive = register(
    Primitive(
        "conv2d",
        _conv_spec,
        _conv_reference,
        Template(plan_conv2d, cut=cut_first, choices=choices_conv2d),
        vjps=(
            lambda g, y, x, w, **attrs: conv2d_input_grad(g, w, input_size=_size(x), **attrs),
            lambda g, y, x, w, **attrs: conv2d_weight_grad(x, g, kernel_size=_size(w), **attrs),
        ),
        attrs=_SHARED,
    )
)

conv2d_input_grad: Primitive = register(
    Primitive(
        "conv2d_input_grad",
        _input_grad_spec,
        _input_grad_reference,
        Template(plan_input_grad, cut=cut_first, choices=choices_input_grad),
        # y is linear in both: for a cotangent u of y, <u, input_grad(g, w)> = <conv(u, w), g>.
        vjps=(
            lambda u, y, g, w, input_size, **attrs: conv2d(u, w, **attrs),
            lambda u, y, g, w, input_size, **attrs: conv2d_weight_grad(
                u, g, kernel_size=_size(w), **attrs
            ),
        ),
        attrs=("input_size", *_SHARED),
    )
)

conv2d_weight_grad: Primitive = register(
    Primitive(
        "conv2d_weight_grad",
        _weight_grad_spec,
        _weight_grad_reference,
        Template(plan_weight_grad, summed=True, choices=choices_weight_grad),
        # For a cotangent u of y, <u, weight_grad(x, g)> = <conv(x, u), g>.
        vjps=(
            lambda u, y, x, g, kernel_size, **attrs: conv2d_input_grad(
                g, u, input_size=_size(x), **attrs
            ),
            lambda u, y, x, g, kernel_size, **attrs: conv2d(x, u, **attrs),
        ),
        attrs=("kernel_size", *_SHARED),
    )
)
