"""Layers that take the sizes of their inputs from the first one they see."""

from __future__ import annotations

from typing import Any

from tinygrad_cl.dtypes import int64
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional.creation import zeros
from tinygrad_cl.nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Sizes,
    _check_channels,
    _Conv,
)
from tinygrad_cl.nn.lazy_base import LazyModuleMixin
from tinygrad_cl.nn.linear import Linear
from tinygrad_cl.nn.norm import BatchNorm1d, BatchNorm2d, _NormBase
from tinygrad_cl.nn.norm_more import BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from tinygrad_cl.nn.uninitialized import UninitializedBuffer, is_lazy
from tinygrad_cl.tensor import Tensor


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` whose `in_features` is the size of the first input's last dim.

    Args:
        out_features: size of the output's last dim.
        bias: if False, there is none.
        device: where the parameters live.
        dtype: their dtype.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> net = nn.Sequential(nn.LazyLinear(3), nn.ReLU())
        >>> net[0]
        LazyLinear(in_features=0, out_features=3, bias=True)
        >>> y = net(tg.zeros(2, 5))
        >>> net[0]
        Linear(in_features=5, out_features=3, bias=True)
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, **where: Any) -> None:
        super().__init__(0, 0, bias=False)
        self.out_features = out_features
        self._declare({"weight": True, "bias": bias}, where)

    def reset_parameters(self) -> None:
        """Draws new initial values, if there is a shape yet."""
        if not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, x: Tensor) -> None:
        """Takes `in_features` from an input."""
        fresh = self.has_uninitialized_params()
        if is_lazy(self.weight):
            self.weight.materialize((self.out_features, x.shape[-1]))  # type: ignore[attr-defined]
        if is_lazy(self.bias):
            self.bias.materialize((self.out_features,))  # type: ignore[union-attr]
        self.in_features = self.weight.shape[1]
        if fresh:
            self.reset_parameters()


class _LazyConv(LazyModuleMixin, _Conv):
    """What the lazy convolutions share."""

    def _declare_all(self, out_channels: int, bias: bool, where: dict[str, Any]) -> None:
        _check_channels(type(self).__name__, 0, out_channels, self.groups)
        self.out_channels = out_channels
        self._declare({"weight": True, "bias": bias}, where)

    def reset_parameters(self) -> None:
        """Draws new initial values, if there is a shape yet."""
        if not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, x: Tensor, *args: Any, **kwargs: Any) -> None:
        """Takes `in_channels` from an input."""
        name = type(self).__name__
        if x.ndim not in (self.dims + 1, self.dims + 2):
            raise ShapeError(
                f"{name}: needs an input of {self.dims + 2} dims, or {self.dims + 1} without a "
                f"batch, got shape {x.shape}"
            )
        fresh = self.has_uninitialized_params()
        if is_lazy(self.weight):
            channels = x.shape[-self.dims - 1]
            _check_channels(name, channels, self.out_channels, self.groups)
            pair = (self.out_channels, channels)[:: -1 if self.transposed else 1]
            shape = (pair[0], pair[1] // self.groups, *self.kernel_size)
            self.weight.materialize(shape)  # type: ignore[attr-defined]
        if is_lazy(self.bias):
            self.bias.materialize((self.out_channels,))  # type: ignore[union-attr]
        per_group = self.weight.shape[1] * self.groups
        self.in_channels = self.weight.shape[0] if self.transposed else per_group
        if fresh:
            self.reset_parameters()


class _LazyForward(_LazyConv):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        **where: Any,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode)
        self._declare_all(out_channels, bias, where)


class _LazyTransposed(_LazyConv):
    def __init__(
        self,
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
        super().__init__(
            0,
            0,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            False,
            dilation,  # type: ignore[arg-type]
            padding_mode,
        )
        self._declare_all(out_channels, bias, where)


class LazyConv1d(_LazyForward, Conv1d):
    """A `Conv1d` whose `in_channels` the first input tells; see `LazyConv2d`."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyForward, Conv2d):
    """A `Conv2d` whose `in_channels` the first input tells; further arguments as there.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> layer = nn.LazyConv2d(4, 3)
        >>> layer(tg.zeros(1, 2, 5, 5)).shape, layer.weight.shape
        ((1, 4, 3, 3), (4, 2, 3, 3))
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyForward, Conv3d):
    """A `Conv3d` whose `in_channels` the first input tells; see `LazyConv2d`."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyTransposed, ConvTranspose1d):
    """A `ConvTranspose1d` whose `in_channels` the first input tells."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyTransposed, ConvTranspose2d):
    """A `ConvTranspose2d` whose `in_channels` the first input tells; arguments as there."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyTransposed, ConvTranspose3d):
    """A `ConvTranspose3d` whose `in_channels` the first input tells."""

    cls_to_become = ConvTranspose3d


class _LazyNorm(LazyModuleMixin, _NormBase):
    """What the lazy norms share."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        **where: Any,
    ) -> None:
        super().__init__(0, eps, momentum, False, False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._declare({"weight": self.affine, "bias": self.affine and bias}, where)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**where)
            self.running_var = UninitializedBuffer(**where)
            self.num_batches_tracked = zeros((), dtype=int64, device=where.get("device"))

    def reset_parameters(self) -> None:
        """Starts anew, if there is a shape yet."""
        if not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, x: Tensor) -> None:
        """Takes `num_features` from an input."""
        if x.ndim < 2:
            raise ShapeError(f"{type(self).__name__}: needs (N, C, ...), got shape {x.shape}")
        held = (self.weight, self.bias, self.running_mean, self.running_var)
        fresh = self.has_uninitialized_params()
        features = x.shape[self._channel_dim(x)]
        for tensor in held:
            if is_lazy(tensor):
                tensor.materialize((features,))  # type: ignore[union-attr]
        self.num_features = next((t.shape[0] for t in held if t is not None), features)
        if fresh:
            self.reset_parameters()

    def _channel_dim(self, x: Tensor) -> int:
        return 1


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A `BatchNorm1d` whose `num_features` the first input tells; further arguments as there."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A `BatchNorm2d` whose `num_features` the first input tells; further arguments as there.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> layer = nn.LazyBatchNorm2d()
        >>> layer(tg.ones(2, 3, 4, 4)).shape, layer.running_mean.shape
        ((2, 3, 4, 4), (3,))
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A `BatchNorm3d` whose `num_features` the first input tells; further arguments as there."""

    cls_to_become = BatchNorm3d


class _LazyInstance(_LazyNorm):
    places: int

    def _channel_dim(self, x: Tensor) -> int:
        return x.ndim - 1 - self.places


class LazyInstanceNorm1d(_LazyInstance, InstanceNorm1d):
    """An `InstanceNorm1d` whose `num_features` the first input tells."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstance, InstanceNorm2d):
    """An `InstanceNorm2d` whose `num_features` the first input tells."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstance, InstanceNorm3d):
    """An `InstanceNorm3d` whose `num_features` the first input tells."""

    cls_to_become = InstanceNorm3d
