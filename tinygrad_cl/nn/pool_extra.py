"""Power-average pools, random ones, and the way back from maxima.

Functions: functional/pool_more.py.
"""

from __future__ import annotations

from typing import Any

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.module import Module
from tinygrad_cl.nn.stateless import Stateless
from tinygrad_cl.tensor import Tensor

Sizes = int | tuple[int, ...]


class _LPPool(Stateless):
    norm_type: float
    kernel_size: Sizes
    stride: Sizes | None
    ceil_mode: bool

    def __init__(
        self,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(
            norm_type=norm_type, kernel_size=kernel_size, stride=stride, ceil_mode=ceil_mode
        )

    def _settings_in_order(self) -> tuple[Any, ...]:
        return self.norm_type, self.kernel_size, self.stride, self.ceil_mode


class LPPool1d(_LPPool):
    """`sum(x**p)**(1/p)` of each window of an `(N, C, L)` input; see `LPPool2d`."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the pooled tensor."""
        return F.lp_pool1d(x, *self._settings_in_order())


class LPPool2d(_LPPool):
    """`sum(x**p)**(1/p)` of each window of an `(N, C, H, W)` input.

    Args:
        norm_type: p; infinity gives the maxima.
        kernel_size: one size or a pair.
        stride: steps of the window; `kernel_size` by default.
        ceil_mode: count windows that begin inside and end outside, too.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.LPPool2d(2, 2)(tg.ones(1, 1, 2, 2)).item()
        2.0
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns the pooled tensor."""
        return F.lp_pool2d(x, *self._settings_in_order())


class LPPool3d(_LPPool):
    """`sum(x**p)**(1/p)` of each window of an `(N, C, D, H, W)` input; see `LPPool2d`."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the pooled tensor."""
        return F.lp_pool3d(x, *self._settings_in_order())


class _MaxUnpool(Module):
    dims = 2

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        self.kernel_size = self._listed(kernel_size)
        self.stride = self._listed(kernel_size if stride is None else stride)
        self.padding = self._listed(padding)

    def _listed(self, value: Sizes) -> tuple[int, ...]:
        listed = (value,) * self.dims if isinstance(value, int) else tuple(value)
        if len(listed) != self.dims:
            raise ArgumentError(
                f"{type(self).__name__}: sizes must be an int or {self.dims} ints, got {value!r}"
            )
        return listed

    def extra_repr(self) -> str:
        """Returns the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Puts maxima of `MaxPool1d` back where they were; see `MaxUnpool2d`."""

    dims = 1

    def forward(self, x: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """Returns the tensor before pooling, zeros where no maximum was."""
        sizes = (self.kernel_size, self.stride, self.padding)
        return F.max_unpool1d(x, indices, *sizes, output_size)


class MaxUnpool2d(_MaxUnpool):
    """Puts maxima of `MaxPool2d` back where they were; zeros elsewhere.

    Args:
        kernel_size: as of the pool; so for the next two.
        stride: steps of the window; `kernel_size` by default.
        padding: how far windows hung over.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> y, places = nn.MaxPool2d(2, return_indices=True)(tg.tensor([[[[1.0, 2], [4, 3]]]]))
        >>> nn.MaxUnpool2d(2)(y, places).tolist()
        [[[[0.0, 0.0], [4.0, 0.0]]]]
    """

    def forward(self, x: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """Returns the tensor before pooling, zeros where no maximum was."""
        sizes = (self.kernel_size, self.stride, self.padding)
        return F.max_unpool2d(x, indices, *sizes, output_size)


class MaxUnpool3d(_MaxUnpool):
    """Puts maxima of `MaxPool3d` back where they were; see `MaxUnpool2d`."""

    dims = 3

    def forward(self, x: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """Returns the tensor before pooling, zeros where no maximum was."""
        sizes = (self.kernel_size, self.stride, self.padding)
        return F.max_unpool3d(x, indices, *sizes, output_size)


class _Fractional(Stateless):
    kernel_size: Sizes
    output_size: Sizes | None
    output_ratio: float | tuple[float, ...] | None
    return_indices: bool
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: float | tuple[float, ...] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        if (output_size is None) == (output_ratio is None):
            raise ArgumentError(
                f"{type(self).__name__}: give output_size or output_ratio, one of them"
            )
        super().__init__(
            kernel_size=kernel_size,
            output_size=output_size,
            output_ratio=output_ratio,
            return_indices=return_indices,
        )
        self.register_buffer("_random_samples", _random_samples, persistent=False)


class FractionalMaxPool2d(_Fractional):
    """Maxima of windows at random steps (Graham 2014), drawn anew in every call.

    Args:
        kernel_size: one size or a pair.
        output_size: how many windows; or
        output_ratio: which share of the input's size.
        return_indices: also return where the maxima are.

    Raises:
        ArgumentError: if not one of size and ratio is given.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.FractionalMaxPool2d(2, output_ratio=0.5)(tg.ones(1, 3, 9, 8)).shape
        (1, 3, 4, 4)
    """

    def forward(self, x: Tensor) -> Any:
        """Returns the pooled tensor, and the positions if they are wanted."""
        return F.fractional_max_pool2d(
            x,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            self._random_samples,
        )


class FractionalMaxPool3d(_Fractional):
    """Maxima of windows at random steps in volumes; see `FractionalMaxPool2d`."""

    def forward(self, x: Tensor) -> Any:
        """Returns the pooled tensor, and the positions if they are wanted."""
        return F.fractional_max_pool3d(
            x,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            self._random_samples,
        )
