"""Shuffles, blocks, other sizes. Functions: functional/{shuffle,windows,resample}.py."""

from __future__ import annotations

from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.stateless import Stateless
from tinygrad_cl.tensor import Tensor

Sizes = int | tuple[int, ...]
Factors = float | tuple[float, ...]


class PixelShuffle(Stateless):
    """Channels into pixels, `(..., C * r * r, H, W)` to `(..., C, H * r, W * r)`."""

    upscale_factor: int

    def __init__(self, upscale_factor: int) -> None:
        super().__init__(upscale_factor=upscale_factor)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the result."""
        return F.pixel_shuffle(x, self.upscale_factor)


class PixelUnshuffle(Stateless):
    """Pixels into channels, the inverse of `PixelShuffle`."""

    downscale_factor: int

    def __init__(self, downscale_factor: int) -> None:
        super().__init__(downscale_factor=downscale_factor)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the result."""
        return F.pixel_unshuffle(x, self.downscale_factor)


class ChannelShuffle(Stateless):
    """The channels of all groups interleaved."""

    groups: int

    def __init__(self, groups: int) -> None:
        super().__init__(groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the result."""
        return F.channel_shuffle(x, self.groups)


class Unfold(Stateless):
    """The sliding blocks of images as columns."""

    kernel_size: Sizes
    dilation: Sizes
    padding: Sizes
    stride: Sizes

    def __init__(
        self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
    ) -> None:
        super().__init__(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the result."""
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)


class Fold(Stateless):
    """Images in which sliding blocks are added up."""

    output_size: Sizes
    kernel_size: Sizes
    dilation: Sizes
    padding: Sizes
    stride: Sizes

    def __init__(
        self,
        output_size: Sizes,
        kernel_size: Sizes,
        dilation: Sizes = 1,
        padding: Sizes = 0,
        stride: Sizes = 1,
    ) -> None:
        super().__init__(
            output_size=output_size,
            kernel_size=kernel_size,
            dilation=dilation,
            padding=padding,
            stride=stride,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns the result."""
        return F.fold(
            x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )


class Upsample(Stateless):
    """Another size of signals, images or volumes; see `functional.interpolate`."""

    size: Sizes | None
    scale_factor: Factors | None
    mode: str
    align_corners: bool | None
    recompute_scale_factor: bool | None

    def __init__(
        self,
        size: Sizes | None = None,
        scale_factor: Factors | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__(
            size=size,
            scale_factor=scale_factor,
            mode=mode,
            align_corners=align_corners,
            recompute_scale_factor=recompute_scale_factor,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns the result."""
        return F.interpolate(
            x,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )


class UpsamplingNearest2d(Upsample):
    """`Upsample` of images by repeating the nearest pixel.

    Args:
        size: the output's size; or
        scale_factor: how many times larger.
    """

    def __init__(self, size: Sizes | None = None, scale_factor: Factors | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of images by bilinear interpolation, corners aligned.

    Args:
        size: the output's size; or
        scale_factor: how many times larger.
    """

    def __init__(self, size: Sizes | None = None, scale_factor: Factors | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
