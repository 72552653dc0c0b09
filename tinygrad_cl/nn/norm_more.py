"""More normalization layers. Functions: functional/channel_norm.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional.creation import ones
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.module import Module
from tinygrad_cl.nn.norm import BatchNorm2d, _NormBase
from tinygrad_cl.nn.stateless import Stateless
from tinygrad_cl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.runtime.device import Device


class RMSNorm(Module):
    """Divides by the root of the mean square over the last dims of each sample.

    Args:
        normalized_shape: sizes of the dims to normalize over.
        eps: added to the mean square; by default the dtype's machine epsilon.
        elementwise_affine: if False, there is no weight.
        device: where the weight lives.
        dtype: its dtype.

    Attributes:
        weight: of `normalized_shape`, or None.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.RMSNorm(2)(tg.tensor([[3.0, -3.0]])).tolist()
        [[1.0, -1.0]]
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        sizes = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        self.normalized_shape = tuple(sizes)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = ones(self.normalized_shape, device=device, dtype=dtype)
        self.register_parameter("weight", Parameter(weight) if elementwise_affine else None)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the normalized `x`, of the same shape."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Returns the settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class LocalResponseNorm(Stateless):
    """Divides by a power of the mean square over `size` neighboring channels.

    Arguments as those of `functional.local_response_norm`.
    """

    size: int
    alpha: float
    beta: float
    k: float

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__(size=size, alpha=alpha, beta=beta, k=k)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the normalized `x`, of the same shape."""
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)


class CrossMapLRN2d(LocalResponseNorm):
    """`LocalResponseNorm` of `(N, C, H, W)`, under the older name."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__(size, alpha, beta, k)


class BatchNorm3d(BatchNorm2d):
    """Batch norm of an `(N, C, D, H, W)` input; see `BatchNorm2d`."""

    allowed_dims = (5,)


class _InstanceNorm(_NormBase):
    """Normalizes every channel of every sample over its places."""

    places = 0

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Device | str | None = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns the normalized `x`, of the same shape; a batch dim may be missing."""
        single = x.ndim == self.places + 1
        if (x.ndim != self.places + 2 and not single) or x.shape[
            -self.places - 1
        ] != self.num_features:
            raise ShapeError(
                f"{type(self).__name__}: expected {self.places + 2} dims, or one less without a "
                f"batch, with {self.num_features} channels, got shape {x.shape}"
            )
        y = F.instance_norm(
            x.unsqueeze(0) if single else x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return y.squeeze(0) if single else y


class InstanceNorm1d(_InstanceNorm):
    """Instance norm of an `(N, C, L)` or `(C, L)` input; see `InstanceNorm2d`."""

    places = 1


class InstanceNorm2d(_InstanceNorm):
    """Normalizes every channel of every image of an `(N, C, H, W)` or `(C, H, W)` input.

    Args:
        num_features: number of channels.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics.
        affine: whether there are a weight and a bias.
        track_running_stats: whether there are running statistics, used in evaluation mode.
        device: where parameters and statistics live.
        dtype: their dtype.
        bias: if False, there is no bias.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.InstanceNorm2d(1)(tg.tensor([[[[1.0, 3.0]]]])).round().tolist()
        [[[[-1.0, 1.0]]]]
    """

    places = 2


class InstanceNorm3d(_InstanceNorm):
    """Instance norm of an `(N, C, D, H, W)` or `(C, D, H, W)` input; see `InstanceNorm2d`."""

    places = 3
