"""Normalization layers: over the batch, over features, over groups of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinygrad_cl import engine
from tinygrad_cl.autograd import no_grad
from tinygrad_cl.dtypes import int64
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional.creation import ones, zeros
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn import init
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.runtime.device import Device


def _affine(
    module: Module,
    shape: tuple[int, ...],
    affine: bool,
    bias: bool,
    device: Device | str | None,
    dtype: DType | None,
) -> None:
    """Gives a layer its weight of ones and its bias of zeros, or declares them absent."""
    for name, make, there in (("weight", ones, affine), ("bias", zeros, affine and bias)):
        param = Parameter(make(shape, device=device, dtype=dtype)) if there else None
        module.register_parameter(name, param)


class _NormBase(Module):
    """What batch and instance norm share: their parameters and statistics."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Device | str | None = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        _affine(self, (num_features,), affine, bias, device, dtype)
        track = track_running_stats
        for name, make in (("running_mean", zeros), ("running_var", ones)):
            self.register_buffer(
                name, make(num_features, device=device, dtype=dtype) if track else None
            )
        self.register_buffer(
            "num_batches_tracked", zeros((), dtype=int64, device=device) if track else None
        )
        for buffer in self.buffers():
            engine.defer(
                buffer
            )  # there before the first step, which then has the form of all others

    def reset_running_stats(self) -> None:
        """Forgets what was seen: mean 0, variance 1, no batches."""
        for buffer, value in (
            (self.running_mean, 0.0),
            (self.running_var, 1.0),
            (self.num_batches_tracked, 0),
        ):
            if buffer is not None:
                init.constant_(buffer, value)

    def reset_parameters(self) -> None:
        """Starts anew: weight 1, bias 0, no statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def extra_repr(self) -> str:
        """Returns the settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormBase):
    """Normalizes every channel over batch and positions.

    While training, mean and (biased) variance are those of the batch, and the running statistics
    follow them: `running = (1 - momentum) * running + momentum * batch`, with the unbiased
    variance. In evaluation mode the running statistics are used. They are lazy like everything
    else, and computed together with the step.
    """

    allowed_dims: tuple[int, ...] = ()

    def forward(self, x: Tensor) -> Tensor:
        """Returns the normalized `x`, of the same shape."""
        self._check(x)
        if not self.training or self.num_batches_tracked is None:
            use_batch = self.training or self.running_mean is None
            return self._normalized(x, use_batch, 0.0)
        share: float | Tensor = 0.0 if self.momentum is None else self.momentum
        if self.momentum is None and self.running_mean is not None:
            with no_grad():
                share = 1.0 / (self.num_batches_tracked + 1).to(self.running_mean.dtype)
        y = self._normalized(x, True, share)
        self.num_batches_tracked.add_(1)  # now that the batch is known to be good
        engine.defer(self.num_batches_tracked)
        return y

    def _normalized(self, x: Tensor, use_batch: bool, share: float | Tensor) -> Tensor:
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            use_batch,
            share,
            self.eps,
        )

    def _check(self, x: Tensor) -> None:
        if x.ndim not in self.allowed_dims or x.shape[1] != self.num_features:
            dims = " or ".join(str(d) for d in self.allowed_dims)
            raise ShapeError(
                f"{type(self).__name__}: expected {dims} dims with {self.num_features} channels in "
                f"dim 1, got shape {x.shape}"
            )


class BatchNorm1d(_BatchNorm):
    """Batch norm of an `(N, C)` or `(N, C, L)` input; see `BatchNorm2d`."""

    allowed_dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalizes every channel of an `(N, C, H, W)` input over the batch and its pixels.

    `y = (x - mean) / sqrt(var + eps) * weight + bias`. While training, `mean` and `var` (biased)
    are the batch's, and the running statistics move towards them (the variance unbiased); in
    evaluation mode they are used instead.

    Args:
        num_features: number of channels.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics; None: plain mean over all
        batches. affine: if False, there is no weight and no bias.
        track_running_stats: if False, the batch's statistics are always used.
        device: where parameters and statistics live.
        dtype: their dtype.
        bias: if False, there is no bias.

    Raises:
        ShapeError: for another number of dims or channels, or a single value per channel while
        training.

    Attributes:
        weight, bias: `(num_features,)`, or None.
        running_mean, running_var: `(num_features,)`, buffers.
        num_batches_tracked: number of batches seen, a buffer.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> layer = nn.BatchNorm2d(1)
        >>> y = layer(tg.tensor([[[[1.0, 3.0]]]]))
        >>> [round(v, 3) for v in y.flatten().tolist()], round(layer.running_mean.item(), 3)
        ([-1.0, 1.0], 0.2)
    """

    allowed_dims = (4,)


class LayerNorm(Module):
    """Normalizes over the last dims of each sample.

    Args:
        normalized_shape: sizes of the dims to normalize over.
        eps: added to the variance (biased).
        elementwise_affine: if False, there is no weight and no bias.
        bias: if False, there is no bias.
        device: where the parameters live.
        dtype: their dtype.

    Attributes:
        weight, bias: of `normalized_shape`, or None.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> y = nn.LayerNorm(2)(tg.tensor([[1.0, 3.0], [0.0, 10.0]]))
        >>> [[round(v, 3) for v in row] for row in y.tolist()]
        [[-1.0, 1.0], [-1.0, 1.0]]
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        sizes = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        self.normalized_shape = tuple(sizes)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        _affine(self, self.normalized_shape, elementwise_affine, bias, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the normalized `x`, of the same shape."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Returns the settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """Normalizes each sample over groups of its channels.

    Args:
        num_groups: number of groups; divides `num_channels`.
        num_channels: number of channels, dim 1 of the input.
        eps: added to the variance (biased).
        affine: if False, there is no weight and no bias.
        device: where the parameters live.
        dtype: their dtype.
        bias: if False, there is no bias.

    Raises:
        ArgumentError: if the groups do not divide the channels.

    Attributes:
        weight, bias: `(num_channels,)`, or None.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.GroupNorm(2, 4)(tg.ones(1, 4, 3, 3)).abs().max().item()
        0.0
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Device | str | None = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ArgumentError(
                f"GroupNorm: {num_groups} groups do not divide {num_channels} channels"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        _affine(self, (num_channels,), affine, bias, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the normalized `x`, of the same shape."""
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Returns the settings."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
