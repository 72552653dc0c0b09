"""Pools over everything but samples and channels."""

from __future__ import annotations

from tinygrad_cl.errors import ShapeError
from tinygrad_cl.nn.stateless import Stateless
from tinygrad_cl.tensor import Tensor


class _Global(Stateless):
    keepdim: bool
    _dims = 0

    def __init__(self, keepdim: bool = False) -> None:
        super().__init__(keepdim=keepdim)

    def _over(self, x: Tensor) -> tuple[int, ...]:
        if x.ndim not in (self._dims + 1, self._dims + 2) or 0 in x.shape[-self._dims :]:
            raise ShapeError(
                f"{type(self).__name__}: needs (N, C) or (C), and {self._dims} dims that are not "
                f"empty behind it, got {x.shape}"
            )
        return tuple(range(-self._dims, 0))


class _GlobalAverage(_Global):
    def forward(self, x: Tensor) -> Tensor:
        """Returns the mean of each channel."""
        return x.mean(self._over(x), keepdim=self.keepdim)


class _GlobalMaximum(_Global):
    def forward(self, x: Tensor) -> Tensor:
        """Returns the maximum of each channel."""
        return x.amax(self._over(x), keepdim=self.keepdim)


class GlobalAvgPool1d(_GlobalAverage):
    """The mean of each channel of an `(N, C, L)` input; see `GlobalAvgPool2d`."""

    _dims = 1


class GlobalAvgPool2d(_GlobalAverage):
    """The mean of each channel of an `(N, C, H, W)` or `(C, H, W)` input.

    Args:
        keepdim: return (N, C, 1, 1), as `AdaptiveAvgPool2d(1)` does, instead of (N, C).

    Raises:
        ShapeError: when called, for inputs of other dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.GlobalAvgPool2d()(tg.ones(2, 3, 5, 4)).shape
        (2, 3)
    """

    _dims = 2


class GlobalAvgPool3d(_GlobalAverage):
    """The mean of each channel of an `(N, C, D, H, W)` input; see `GlobalAvgPool2d`."""

    _dims = 3


class GlobalMaxPool1d(_GlobalMaximum):
    """The maximum of each channel of an `(N, C, L)` input; see `GlobalAvgPool2d`."""

    _dims = 1


class GlobalMaxPool2d(_GlobalMaximum):
    """The maximum of each channel of an `(N, C, H, W)` input; see `GlobalAvgPool2d`."""

    _dims = 2


class GlobalMaxPool3d(_GlobalMaximum):
    """The maximum of each channel of an `(N, C, D, H, W)` input; see `GlobalAvgPool2d`."""

    _dims = 3
