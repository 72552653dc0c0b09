"""More pooling layers. Functions: functional/{pool3d,adaptive}.py."""

from __future__ import annotations

from typing import Any

from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.stateless import Stateless
from tinygrad_cl.tensor import Tensor

Sizes = int | tuple[int, ...]
Wanted = int | tuple[int | None, ...] | None


class MaxPool3d(Stateless):
    """The largest value of each window of an `(N, C, D, H, W)` input; see `MaxPool2d`."""

    kernel_size: Sizes
    stride: Sizes | None
    padding: Sizes
    dilation: Sizes
    return_indices: bool
    ceil_mode: bool

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            return_indices=return_indices,
            ceil_mode=ceil_mode,
        )

    def forward(self, x: Tensor) -> Any:
        """Returns the result."""
        return F.max_pool3d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )


class AvgPool3d(Stateless):
    """The mean of each window of an `(N, C, D, H, W)` input; see `AvgPool2d`."""

    kernel_size: Sizes
    stride: Sizes | None
    padding: Sizes
    ceil_mode: bool
    count_include_pad: bool
    divisor_override: int | None

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
            divisor_override=divisor_override,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns the result."""
        return F.avg_pool3d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AdaptiveAvgPool1d(Stateless):
    """Means over windows that divide signals into a given size."""

    output_size: Wanted

    def __init__(self, output_size: Wanted) -> None:
        super().__init__(output_size=output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the result."""
        return F.adaptive_avg_pool1d(x, self.output_size)


class AdaptiveAvgPool3d(Stateless):
    """Means over windows that divide volumes into a given size."""

    output_size: Wanted

    def __init__(self, output_size: Wanted) -> None:
        super().__init__(output_size=output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the result."""
        return F.adaptive_avg_pool3d(x, self.output_size)


class AdaptiveMaxPool1d(Stateless):
    """Maxima over windows that divide signals into a given size."""

    output_size: Wanted
    return_indices: bool

    def __init__(self, output_size: Wanted, return_indices: bool = False) -> None:
        super().__init__(output_size=output_size, return_indices=return_indices)

    def forward(self, x: Tensor) -> Any:
        """Returns the result."""
        return F.adaptive_max_pool1d(x, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(Stateless):
    """Maxima over windows that divide images into a given size."""

    output_size: Wanted
    return_indices: bool

    def __init__(self, output_size: Wanted, return_indices: bool = False) -> None:
        super().__init__(output_size=output_size, return_indices=return_indices)

    def forward(self, x: Tensor) -> Any:
        """Returns the result."""
        return F.adaptive_max_pool2d(x, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(Stateless):
    """Maxima over windows that divide volumes into a given size."""

    output_size: Wanted
    return_indices: bool

    def __init__(self, output_size: Wanted, return_indices: bool = False) -> None:
        super().__init__(output_size=output_size, return_indices=return_indices)

    def forward(self, x: Tensor) -> Any:
        """Returns the result."""
        return F.adaptive_max_pool3d(x, self.output_size, self.return_indices)
