"""Convolutions.   Primitives: primitives/conv.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_cl.autograd.composed import composed
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import wrap
from tinygrad_cl.functional.movement import padded
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import conv as primitive
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_cl.tensor import Tensor

    Sizes = int | Sequence[int]
    Pair = tuple[int, int]


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Returns the two-dimensional cross-correlation of images with filters.

    Shapes: input (N, C, H, W) or (C, H, W), weight (O, C / groups, KH, KW), bias (O) -> (N, O, OH,
    OW) with OH = (H + 2 * padding - dilation * (KH - 1) - 1) // stride + 1.

    Args:
        input: images.
        weight: filters.
        bias: added to each output channel.
        stride: steps of the window, one int or two.
        padding: zeros on each side; "valid" for none, "same" to keep the size (stride 1 only; an
            odd zero goes after).
        dilation: distance of the window's elements.
        groups: in how many groups the channels fall; each is filtered by itself.

    Raises:
        ShapeError: if shapes, channels or groups do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.conv2d(tg.ones(1, 1, 3, 3), tg.ones(1, 1, 2, 2))
        tensor([[[[4., 4.],
                  [4., 4.]]]])
    """
    x, w = base.operands("conv2d", input, weight)
    x, single = batched("conv2d", x, w, 4)
    check_channels("conv2d", x, w, groups)
    attrs: dict[str, Any] = {
        "stride": base.pair("conv2d", "stride", stride),
        "dilation": base.pair("conv2d", "dilation", dilation),
        "groups": groups,
    }
    x, attrs["padding"] = _pad("conv2d", x, w, padding, attrs["stride"], attrs["dilation"])
    if bias is None:
        return wrap(finish("conv2d", primitive.conv2d(x, w, **attrs), bias, single))
    y = _conv2d_bias(x, w, base.unwrap("conv2d", bias), **attrs)
    return wrap(m.reshape(y, shape=y.shape[1:]) if single else y)


def _conv2d_bias_node(x: Node, w: Node, b: Node, **attrs: Any) -> Node:
    return biased("conv2d", primitive.conv2d(x, w, **attrs), b)


_conv2d_bias = composed(
    "conv2d_bias", _conv2d_bias_node, ("stride", "padding", "dilation", "groups")
)


def check_channels(op: str, x: Node, w: Node, groups: int) -> None:
    """Refuses a weight that does not fit the input's channels and the groups."""
    if groups < 1 or x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        raise ShapeError(
            f"{op}: input {x.shape} in {groups} groups does not fit weight {w.shape}; weight must "
            "be (O, C / groups, ...) with O divisible by groups: this one takes inputs of "
            f"{w.shape[1] * groups} channels, and dim 1 of the input has {x.shape[1]}"
        )


def batched(op: str, x: Node, w: Node, ndim: int) -> tuple[Node, bool]:
    """Returns input with a batch dim, and whether it had none."""
    if w.ndim != ndim or x.ndim not in (ndim, ndim - 1):
        raise ShapeError(
            f"{op}: needs input of {ndim} dims (or {ndim - 1} without batch) and weight of {ndim}, "
            f"got {x.shape} and {w.shape}"
        )
    if x.ndim == ndim:
        return x, False
    return m.reshape(x, shape=(1, *x.shape)), True


def _pad(
    op: str, x: Node, w: Node, padding: Any, stride: Pair, dilation: Pair
) -> tuple[Node, Pair]:
    """Returns input and padding; uneven zeros of "same" are put around the input here."""
    if not isinstance(padding, str):
        return x, base.pair(op, "padding", padding)
    if padding == "valid":
        return x, (0, 0)
    if padding != "same":
        raise ShapeError(f'{op}: padding must be ints, "same" or "valid", got {padding!r}')
    if stride != (1, 1):
        raise ShapeError(f'{op}: padding="same" needs stride 1, got {stride}')
    totals = [d * (k - 1) for d, k in zip(dilation, w.shape[2:], strict=True)]
    odd = [total % 2 for total in totals]
    if any(odd):
        x = padded(x, [(0, 0), (0, 0), (0, odd[0]), (0, odd[1])], 0)
    return x, (totals[0] // 2, totals[1] // 2)


def finish(op: str, y: Node, bias: Tensor | None, single: bool) -> Node:
    """Returns a convolution's output with its bias, without the batch dim if there was none."""
    if bias is not None:
        y = biased(op, y, base.unwrap(op, bias))
    return m.reshape(y, shape=y.shape[1:]) if single else y


def biased(op: str, y: Node, bias: Node) -> Node:
    """Returns a convolution's output with a bias per channel."""
    if bias.shape != y.shape[1:2]:
        raise ShapeError(f"{op}: needs bias ({y.shape[1]},), got {bias.shape}")
    shape = (1, y.shape[1], *(1,) * (y.ndim - 2))
    return p.add(y, m.reshape(base.cast(bias, y.dtype), shape=shape))


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Returns the one-dimensional cross-correlation of signals with filters.

    Shapes: input (N, C, L) or (C, L), weight (O, C / groups, K), bias (O) -> (N, O, OL).

    Raises:
        ShapeError: if shapes, channels or groups do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.conv1d(tg.tensor([[[1.0, 2.0, 3.0]]]), tg.ones(1, 1, 2))
        tensor([[[3., 5.]]])
    """
    x, w = base.operands("conv1d", input, weight)
    x, single = batched("conv1d", x, w, 3)
    check_channels("conv1d", x, w, groups)
    steps = (1, one("conv1d", "stride", stride))
    spread = (1, one("conv1d", "dilation", dilation))
    around = padding if isinstance(padding, str) else (0, one("conv1d", "padding", padding))
    x, w = _as_2d(x), _as_2d(w)
    x, zeros = _pad("conv1d", x, w, around, steps, spread)
    y = primitive.conv2d(x, w, stride=steps, padding=zeros, dilation=spread, groups=groups)
    return wrap(finish("conv1d", m.reshape(y, shape=(*y.shape[:2], y.shape[3])), bias, single))


def one(op: str, name: str, value: Any) -> int:
    """Returns one int, or a list of one, as an int."""
    if hasattr(value, "__index__"):
        return int(value)
    (only,) = value if len(value) == 1 else (None,)
    if only is None:
        raise ShapeError(f"{op}: {name} must be one int, got {value}")
    return int(only)


def _as_2d(node: Node) -> Node:
    return m.reshape(node, shape=(*node.shape[:2], 1, node.shape[2]))


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Returns the transposed convolution: the input's gradient of `conv2d`, as an op.

    Shapes: input (N, C, H, W) or (C, H, W), weight (C, O / groups, KH, KW), bias (O) ->
    (N, O, OH, OW) with
    OH = (H - 1) * stride - 2 * padding + dilation * (KH - 1) + output_padding + 1.

    Raises:
        ShapeError: if shapes, channels or groups do not fit, or `output_padding` is not smaller
            than the stride or the dilation.

    Example:
        >>> import tinygrad_cl as tg
        >>> ones = tg.ones(1, 1, 2, 2)
        >>> tg.nn.functional.conv_transpose2d(ones, ones, stride=2).shape
        (1, 1, 4, 4)
    """
    op = "conv_transpose2d"
    x, w = base.operands(op, input, weight)
    x, single = batched(op, x, w, 4)
    steps, zeros = base.pair(op, "stride", stride), base.pair(op, "padding", padding)
    spread = base.pair(op, "dilation", dilation)
    size = _transposed_size(
        x, w, steps, zeros, spread, base.pair(op, "output_padding", output_padding)
    )
    if groups < 1 or x.shape[1] != w.shape[0] or w.shape[0] % groups:
        raise ShapeError(
            f"{op}: needs input (N, C, H, W) and weight (C, O / {groups}, KH, KW), "
            f"got {x.shape} and {w.shape}"
        )
    y = primitive.conv2d_input_grad(
        x, w, input_size=size, stride=steps, padding=zeros, dilation=spread, groups=groups
    )
    return wrap(finish(op, y, bias, single))


def _transposed_size(
    x: Node, w: Node, stride: Pair, padding: Pair, dilation: Pair, output_padding: Pair
) -> Pair:
    sizes = []
    for d in range(2):
        if not 0 <= output_padding[d] < max(stride[d], dilation[d]):
            raise ShapeError(
                f"conv_transpose2d: output_padding {output_padding} must be smaller than "
                "stride or dilation"
            )
        reach = dilation[d] * (w.shape[2 + d] - 1) + output_padding[d] + 1
        sizes.append((x.shape[2 + d] - 1) * stride[d] - 2 * padding[d] + reach)
    if min(sizes) < 1:
        raise ShapeError(
            f"conv_transpose2d: the output of {x.shape} would have size {tuple(sizes)}"
        )
    return sizes[0], sizes[1]
