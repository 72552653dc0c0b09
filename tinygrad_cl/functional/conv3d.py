"""Convolutions of volumes, and transposed ones of signals and volumes: made of those of images.

The depth of the filter becomes channels: a volume turns into one image per output depth whose
channels are the input's channels at every tap of the depth, so one convolution does it all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import wrap
from tinygrad_cl.functional.conv import batched, check_channels, finish, one
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import conv as primitive
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import Shape

if TYPE_CHECKING:
    from tinygrad_cl.functional.conv import Sizes
    from tinygrad_cl.tensor import Tensor

    Triple = tuple[int, int, int]


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Returns the three-dimensional cross-correlation of volumes with filters.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), weight (O, C / groups, KD, KH, KW), bias (O) ->
    (N, O, OD, OH, OW), sizes as in `conv2d`.

    Raises:
        ShapeError: if shapes, channels or groups do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.conv3d(tg.ones(1, 1, 2, 2, 2), tg.ones(1, 1, 2, 2, 2)).item()
        8.0
    """
    op = "conv3d"
    x, w = base.operands(op, input, weight)
    x, single = batched(op, x, w, 5)
    check_channels(op, x, w, groups)
    steps, spread = triple(op, "stride", stride), triple(op, "dilation", dilation)
    before, after = _zeros(op, w, padding, steps, spread)
    _check_sizes(op, x, w, steps, spread, before, after)
    x = m.pad(x, before=(0, 0, *before), after=(0, 0, *after))
    images, depth = _depth_as_channels(x, w.shape[2], steps[0], spread[0])
    outs, taps = w.shape[0], w.shape[1] * w.shape[2]
    y = primitive.conv2d(
        images,
        m.reshape(w, shape=(outs, taps, *w.shape[3:])),
        stride=steps[1:],
        padding=(0, 0),
        dilation=spread[1:],
        groups=groups,
    )
    y = m.reshape(y, shape=(x.shape[0], depth, outs, *y.shape[2:]))
    return wrap(finish(op, m.permute(y, dims=(0, 2, 1, 3, 4)), bias, single))


def triple(op: str, name: str, value: Sizes) -> Triple:
    """Returns one int, or three, as three ints.

    Raises:
        ShapeError: if it is neither.
    """
    listed = (int(value),) * 3 if isinstance(value, int) else tuple(map(int, value))
    if len(listed) == 1:
        listed *= 3
    if len(listed) != 3:
        raise ShapeError(f"{op}: {name} must be one int or three, got {value}")
    return listed[0], listed[1], listed[2]


def _zeros(
    op: str, w: Node, padding: Sizes | str, stride: Triple, dilation: Triple
) -> tuple[Shape, Shape]:
    """Returns how many zeros stand before and after the input's depth, height and width."""
    if not isinstance(padding, str):
        around = triple(op, "padding", padding)
        return around, around
    if padding == "valid":
        return (0, 0, 0), (0, 0, 0)
    if padding != "same":
        raise ShapeError(f'{op}: padding must be ints, "same" or "valid", got {padding!r}')
    if stride != (1, 1, 1):
        raise ShapeError(f'{op}: padding="same" needs stride 1, got {stride}')
    totals = [d * (k - 1) for d, k in zip(dilation, w.shape[2:], strict=True)]
    return tuple(t // 2 for t in totals), tuple(t - t // 2 for t in totals)


def _check_sizes(
    op: str, x: Node, w: Node, stride: Triple, dilation: Triple, before: Shape, after: Shape
) -> None:
    if min(*stride, *dilation, *w.shape[2:]) < 1 or min(*before, *after) < 0:
        raise ShapeError(
            f"{op}: stride, dilation and kernel sizes must be at least 1 and padding at least 0, "
            f"got stride {stride}, dilation {dilation}, kernel {w.shape[2:]}, padding {before}"
        )
    sizes = [s + a + b for s, a, b in zip(x.shape[2:], before, after, strict=True)]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True)]
    if any(s < r for s, r in zip(sizes, reach, strict=True)):
        raise ShapeError(
            f"{op}: the kernel covers {tuple(reach)} elements and the padded input has only "
            f"{tuple(sizes)}; use a smaller kernel or more padding"
        )


def _depth_as_channels(x: Node, taps: int, stride: int, dilation: int) -> tuple[Node, int]:
    """Returns (N * OD, C * taps, H, W) and OD: channel c * taps + k is channel c at tap k."""
    n, c, size, height, width = x.shape
    depth = (size - dilation * (taps - 1) - 1) // stride + 1
    pieces = [
        m.reshape(
            m.slice(
                x,
                starts=(0, 0, k * dilation, 0, 0),
                steps=(1, 1, stride, 1, 1),
                shape=(n, c, depth, height, width),
            ),
            shape=(n, c, 1, depth, height, width),
        )
        for k in range(taps)
    ]
    stacked = m.cat(*pieces, dim=2) if taps > 1 else pieces[0]
    turned = m.permute(stacked, dims=(0, 3, 1, 2, 4, 5))
    return m.reshape(turned, shape=(n * depth, c * taps, height, width)), depth


# --- transposed


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Returns the transposed convolution of volumes: the input's gradient of `conv3d`, as an op.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), weight (C, O / groups, KD, KH, KW), bias (O) ->
    (N, O, OD, OH, OW), sizes as in `conv_transpose2d`.

    Raises:
        ShapeError: if shapes, channels or groups do not fit, or `output_padding` is not smaller
            than the stride or the dilation.

    Example:
        >>> import tinygrad_cl as tg
        >>> ones = tg.ones(1, 1, 2, 2, 2)
        >>> tg.nn.functional.conv_transpose3d(ones, ones, stride=2).shape
        (1, 1, 4, 4, 4)
    """
    op = "conv_transpose3d"
    x, w = base.operands(op, input, weight)
    x, single = batched(op, x, w, 5)
    _check_groups(op, x, w, groups)
    steps, zeros = triple(op, "stride", stride), triple(op, "padding", padding)
    spread, extra = triple(op, "dilation", dilation), triple(op, "output_padding", output_padding)
    size = _transposed_size(op, x, w, steps, zeros, spread, extra)
    n, c, depth, height, width = x.shape
    taps = w.shape[2]
    images = m.reshape(m.permute(x, dims=(0, 2, 1, 3, 4)), shape=(n * depth, c, height, width))
    y = primitive.conv2d_input_grad(
        images,
        m.reshape(w, shape=(c, w.shape[1] * taps, *w.shape[3:])),
        input_size=size[1:],
        stride=steps[1:],
        padding=zeros[1:],
        dilation=spread[1:],
        groups=groups,
    )
    outs = w.shape[1] * groups
    y = m.reshape(y, shape=(n, depth, outs, taps, *size[1:]))
    y = m.permute(y, dims=(0, 2, 3, 1, 4, 5))
    return wrap(finish(op, _overlaid(y, size[0], steps[0], zeros[0], spread[0]), bias, single))


def _overlaid(y: Node, size: int, stride: int, padding: int, dilation: int) -> Node:
    """Returns (N, O, size, H, W): tap k of depth d is added at d * stride + k * dilation."""
    n, outs, taps, depth, height, width = y.shape
    whole = size + 2 * padding
    shape = (n, outs, max(whole, (depth - 1) * stride + dilation * (taps - 1) + 1), height, width)
    zeros = base.fill(0, shape, y.dtype, y.device)
    summed: Node | None = None
    for k in range(taps):
        tap = m.slice(
            y,
            starts=(0, 0, k, 0, 0, 0),
            steps=(1,) * 6,
            shape=(n, outs, 1, depth, height, width),
        )
        tap = m.reshape(tap, shape=(n, outs, depth, height, width))
        starts, steps = (0, 0, k * dilation, 0, 0), (1, 1, stride, 1, 1)
        placed = m.slice_scatter(zeros, tap, starts=starts, steps=steps)
        summed = placed if summed is None else p.add(summed, placed)
    assert summed is not None
    kept = (n, outs, size, height, width)
    return m.slice(summed, starts=(0, 0, padding, 0, 0), steps=(1,) * 5, shape=kept)


def _check_groups(op: str, x: Node, w: Node, groups: int) -> None:
    if groups < 1 or x.shape[1] != w.shape[0] or w.shape[0] % groups:
        raise ShapeError(
            f"{op}: needs input (N, C, ...) and weight (C, O / {groups}, ...) with C divisible by "
            f"{groups}, got {x.shape} and {w.shape}"
        )


def _transposed_size(
    op: str,
    x: Node,
    w: Node,
    stride: Shape,
    padding: Shape,
    dilation: Shape,
    output_padding: Shape,
) -> Shape:
    sizes = []
    for d, extra in enumerate(output_padding):
        if not 0 <= extra < max(stride[d], dilation[d]):
            raise ShapeError(
                f"{op}: output_padding {output_padding} must be smaller than stride or dilation"
            )
        reach = dilation[d] * (w.shape[2 + d] - 1) + extra + 1
        sizes.append((x.shape[2 + d] - 1) * stride[d] - 2 * padding[d] + reach)
    if min(sizes) < 1:
        raise ShapeError(f"{op}: the output of {x.shape} would have size {tuple(sizes)}")
    return tuple(sizes)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Returns the transposed convolution of signals: the input's gradient of `conv1d`, as an op.

    Shapes: input (N, C, L) or (C, L), weight (C, O / groups, K), bias (O) -> (N, O, OL).

    Raises:
        ShapeError: if shapes, channels or groups do not fit, or `output_padding` is not smaller
            than the stride or the dilation.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.conv_transpose1d(tg.tensor([[[1.0, 2.0]]]), tg.ones(1, 1, 2))
        tensor([[[1., 3., 2.]]])
    """
    op = "conv_transpose1d"
    x, w = base.operands(op, input, weight)
    x, single = batched(op, x, w, 3)
    _check_groups(op, x, w, groups)
    step, zeros = one(op, "stride", stride), one(op, "padding", padding)
    spread, extra = one(op, "dilation", dilation), one(op, "output_padding", output_padding)
    (size,) = _transposed_size(op, x, w, (step,), (zeros,), (spread,), (extra,))
    y = primitive.conv2d_input_grad(
        m.reshape(x, shape=(*x.shape[:2], 1, x.shape[2])),
        m.reshape(w, shape=(*w.shape[:2], 1, w.shape[2])),
        input_size=(1, size),
        stride=(1, step),
        padding=(0, zeros),
        dilation=(1, spread),
        groups=groups,
    )
    return wrap(finish(op, m.reshape(y, shape=(*y.shape[:2], size)), bias, single))
