"""Convolution layers. Primitives: primitives/conv.py. Functions: functional/{conv,conv3d}.py."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional.creation import empty
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.linear import init_uniform_by_fan_in
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.runtime.device import Device

Sizes = int | tuple[int, ...]


class _Conv(Module):
    """What the convolutions share: sizes, the two parameters, their start values, the repr."""

    dims = 2
    transposed = False
    weight: Parameter
    bias: Parameter | None
    padding: tuple[int, ...] | str

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        _check_channels(name, in_channels, out_channels, groups)
        self._check_mode(padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = self._sizes("kernel_size", kernel_size)
        self.stride = self._sizes("stride", stride)
        self.padding = self._padding(padding)
        self.dilation = self._sizes("dilation", dilation)
        self.groups = groups
        self.padding_mode = padding_mode
        pair = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (pair[0], pair[1] // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        self.register_parameter(
            "bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new initial values."""
        fan_in = math.prod(self.weight.shape[1:])
        init_uniform_by_fan_in(self.weight, self.bias, fan_in)

    def _sizes(self, what: str, value: Sizes) -> tuple[int, ...]:
        sizes = (value,) * self.dims if isinstance(value, int) else tuple(value)
        least = 0 if what.endswith("padding") else 1
        if len(sizes) != self.dims or any(size < least for size in sizes):
            raise ArgumentError(
                f"{type(self).__name__}: {what} must be an int or {self.dims} ints of at least "
                f"{least}, got {value!r}"
            )
        return sizes

    def _padding(self, padding: Sizes | str) -> tuple[int, ...] | str:
        if not isinstance(padding, str):
            return self._sizes("padding", padding)
        if padding not in ("same", "valid"):
            raise ArgumentError(
                f'{type(self).__name__}: padding must be ints, "same" or "valid", got {padding!r}'
            )
        if padding == "same" and any(step != 1 for step in self.stride):
            raise ArgumentError(
                f'{type(self).__name__}: padding="same" needs stride 1, got stride {self.stride}'
            )
        return padding

    def _check_mode(self, padding_mode: str) -> None:
        known = ("zeros",) if self.transposed else ("zeros", "reflect", "replicate", "circular")
        if padding_mode not in known:
            listed = ", ".join(f'"{mode}"' for mode in known)
            raise ArgumentError(
                f"{type(self).__name__}: padding_mode must be {listed}, got {padding_mode!r}"
            )

    def _padded(self, x: Tensor) -> tuple[Tensor, tuple[int, ...] | str]:
        """Returns the input, padded if the mode is not "zeros", and what is left to pad."""
        if self.padding_mode == "zeros":
            return x, self.padding
        widths: list[int] = []
        for d in reversed(range(self.dims)):
            if self.padding == "same":
                total = self.dilation[d] * (self.kernel_size[d] - 1)
                widths += [total // 2, total - total // 2]
            elif self.padding != "valid":
                widths += [int(self.padding[d])] * 2
        padded = F.pad(x, widths, self.padding_mode) if any(widths) else x
        return padded, (0,) * self.dims

    def _middle_of_repr(self) -> str:
        return ""

    def extra_repr(self) -> str:
        """Returns channels and sizes, as PyTorch prints them."""
        ones = (1,) * self.dims
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0,) * self.dims:
            text += f", padding={self.padding}"
        if self.dilation != ones:
            text += f", dilation={self.dilation}"
        text += self._middle_of_repr()
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text if self.padding_mode == "zeros" else f"{text}, padding_mode={self.padding_mode}"


def _check_channels(name: str, in_channels: int, out_channels: int, groups: int) -> None:
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise ArgumentError(
            f"{name}: groups must divide in_channels and out_channels, got "
            f"{in_channels} -> {out_channels} in {groups} groups"
        )


class Conv1d(_Conv):
    """A convolution over the last dim of an `(N, C, L)` input.

    Arguments as for `Conv2d`, with one size each.

    Attributes:
        weight: `(out_channels, in_channels / groups, kernel_size)`.
        bias: `(out_channels,)`, or None.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.Conv1d(2, 4, 3)(tg.zeros(1, 2, 10)).shape
        (1, 4, 8)
    """

    dims = 1

    def forward(self, x: Tensor) -> Tensor:
        """Returns the convolution of `x`, shape `(N, out_channels, L')`."""
        x, padding = self._padded(x)
        return F.conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Conv):
    """A convolution (cross-correlation) over the last two dims of an `(N, C, H, W)` input.

    Both parameters start uniformly in `+-1 / sqrt(fan_in)`, as in PyTorch.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: one size or a pair `(height, width)`; so for the next three.
        stride: steps of the kernel.
        padding: what is added on both sides of each dim, or "same" (stride 1 only), or "valid".
        dilation: distance between the kernel's taps.
        groups: channels are split into so many groups that do not mix.
        bias: if False, there is none.
        padding_mode: "zeros", "reflect" (mirrored at the edges), "replicate" (the edges' values) or
            "circular" (the other side).
        device: where the parameters live.
        dtype: their dtype.

    Raises:
        ArgumentError: for sizes or channels that do not fit, or another mode.

    Attributes:
        weight: `(out_channels, in_channels / groups, height, width)`.
        bias: `(out_channels,)`, or None.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.Conv2d(1, 6, 5)(tg.zeros(2, 1, 28, 28)).shape
        (2, 6, 24, 24)
        >>> nn.Conv2d(1, 6, (3, 5), padding="same")(tg.zeros(2, 1, 9, 7)).shape
        (2, 6, 9, 7)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns the convolution of `x`, shape `(N, out_channels, H', W')`."""
        x, padding = self._padded(x)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv3d(_Conv):
    """A convolution over the last three dims of an `(N, C, D, H, W)` input.

    Arguments as for `Conv2d`, with one size or three each.

    Attributes:
        weight: `(out_channels, in_channels / groups, depth, height, width)`.
        bias: `(out_channels,)`, or None.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.Conv3d(1, 2, 3)(tg.zeros(1, 1, 4, 5, 6)).shape
        (1, 2, 2, 3, 4)
    """

    dims = 3

    def forward(self, x: Tensor) -> Tensor:
        """Returns the convolution of `x`, shape `(N, out_channels, D', H', W')`."""
        x, padding = self._padded(x)
        return F.conv3d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class _ConvTranspose(_Conv):
    """What the transposed convolutions share: their arguments and their repr."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        **where: Any,
    ) -> None:
        if isinstance(padding, str):
            raise ArgumentError(f"{type(self).__name__}: padding must be ints, got {padding!r}")
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            **where,
        )
        self.output_padding = self._sizes("output_padding", output_padding)

    def _middle_of_repr(self) -> str:
        plain = self.output_padding == (0,) * self.dims
        return "" if plain else f", output_padding={self.output_padding}"


class ConvTranspose2d(_ConvTranspose):
    """The transpose of a convolution: the map that `Conv2d`'s input gradient applies.

    An input of height `H` gives `(H - 1) * stride - 2 * padding + dilation * (kernel_size - 1) +
    output_padding + 1` rows.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: one size or a pair; so for the next four.
        stride: steps of the kernel in the output.
        padding: rows and columns that are cut off on both sides of the output.
        output_padding: rows and columns added at the end of the output; below stride or dilation.
        groups: channels are split into so many groups that do not mix.
        bias: if False, there is none.
        dilation: distance between the kernel's taps.
        padding_mode: "zeros".
        device: where the parameters live.
        dtype: their dtype.

    Attributes:
        weight: `(in_channels, out_channels / groups, height, width)`.
        bias: `(out_channels,)`, or None.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.ConvTranspose2d(4, 3, 2, stride=2)(tg.zeros(1, 4, 5, 6)).shape
        (1, 3, 10, 12)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns the transposed convolution of `x`."""
        assert not isinstance(self.padding, str)
        return F.conv_transpose2d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_ConvTranspose):
    """The transpose of a convolution of an `(N, C, L)` input; see `ConvTranspose2d`."""

    dims = 1

    def forward(self, x: Tensor) -> Tensor:
        """Returns the transposed convolution of `x`."""
        assert not isinstance(self.padding, str)
        return F.conv_transpose1d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )


class ConvTranspose3d(_ConvTranspose):
    """The transpose of a convolution of an `(N, C, D, H, W)` input; see `ConvTranspose2d`."""

    dims = 3

    def forward(self, x: Tensor) -> Tensor:
        """Returns the transposed convolution of `x`."""
        assert not isinstance(self.padding, str)
        return F.conv_transpose3d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )
