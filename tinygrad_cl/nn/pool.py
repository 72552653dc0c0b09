"""Pooling layers. Primitives: primitives/pool.py. Functions: functional/pool.py."""

from __future__ import annotations

from typing import Any

from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Tensor

Sizes = int | tuple[int, int]


class MaxPool2d(Module):
    """The largest value of each window of an `(N, C, H, W)` input.

    Where a window holds its largest value twice, the first one receives the whole gradient.

    Args:
        kernel_size: one size or a pair `(height, width)`; so for the next three.
        stride: steps of the window; `kernel_size` by default.
        padding: rows and columns of minus infinity on both sides; at most half a window.
        dilation: distance between the window's elements.
        return_indices: return the positions of the maxima in each image, too.
        ceil_mode: count windows that begin inside and end outside, too.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.MaxPool2d(2)(tg.arange(16.0).reshape(1, 1, 4, 4)).tolist()
        [[[[5.0, 7.0], [13.0, 15.0]]]]
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Any:
        """Returns the pooled tensor, and the positions if they are wanted."""
        return F.max_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        """Returns the sizes."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(Module):
    """The largest value of each window of an `(N, C, L)` input.

    Args:
        kernel_size: length of the window.
        stride: steps of the window; `kernel_size` by default.
        padding: places of minus infinity on both sides; at most half a window.
        dilation: distance between the window's elements.
        return_indices: return the positions of the maxima, too.
        ceil_mode: count windows that begin inside and end outside, too.
    """

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: int = 0,
        dilation: int = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Any:
        """Returns the pooled tensor; with `return_indices`, a pair with the positions."""
        return F.max_pool1d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    extra_repr = MaxPool2d.extra_repr


class AvgPool2d(Module):
    """The mean of each window of an `(N, C, H, W)` input.

    Args:
        kernel_size: one size or a pair `(height, width)`; so for the next two.
        stride: steps of the window; `kernel_size` by default.
        padding: rows and columns of zeros on both sides.
        ceil_mode: count windows that begin inside and end outside, too.
        count_include_pad: if False, the padding's zeros do not count in the mean.
        divisor_override: divide by this instead.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.AvgPool2d(2)(tg.arange(16.0).reshape(1, 1, 4, 4)).tolist()
        [[[[2.5, 4.5], [10.5, 12.5]]]]
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x: Tensor) -> Tensor:
        """Returns the pooled tensor."""
        return F.avg_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """Returns the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(Module):
    """The mean of each window of an `(N, C, L)` input.

    Args:
        kernel_size: length of the window.
        stride: steps of the window; `kernel_size` by default.
        padding: zeros on both sides.
        ceil_mode: count windows that begin inside and end outside, too.
        count_include_pad: if False, the padding's zeros do not count in the mean.
    """

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: int = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        """Returns the pooled tensor."""
        return F.avg_pool1d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self) -> str:
        """Returns the sizes."""
        return (
            f"kernel_size=({self.kernel_size},), stride=({self.stride},), padding=({self.padding},)"
        )


class AdaptiveAvgPool2d(Module):
    """Means over windows that divide the image into a given number of rows and columns.

    Args:
        output_size: one size or a pair; `None` in a pair keeps that size of the input.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.AdaptiveAvgPool2d(1)(tg.ones(2, 3, 5, 7)).shape
        (2, 3, 1, 1)
    """

    def __init__(self, output_size: int | tuple[int | None, int | None] | None) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """Returns the pooled tensor."""
        return F.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        """Returns the output's size."""
        return f"output_size={self.output_size}"
