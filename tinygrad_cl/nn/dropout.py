"""Dropout: zeros at random while training."""

from __future__ import annotations

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Tensor


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"{type(self).__name__}: p must be in [0, 1], got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Returns the rate."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Sets elements to zero at random while training.

    Each is zero with probability `p`; the others are scaled by `1 / (1 - p)`. In evaluation mode
    the layer passes its input on.

    Args:
        p: probability of a zero.
        inplace: taken for compatibility; the result is a new value either way.

    Raises:
        ArgumentError: if `p` is outside [0, 1].

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> sorted(set(nn.Dropout(0.5)(tg.ones(100)).tolist()))
        [0.0, 2.0]
        >>> nn.Dropout(0.5).eval()(tg.ones(2)).tolist()
        [1.0, 1.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns `x` with zeros."""
        return F.dropout(x, self.p, self.training)


class Dropout1d(_Dropout):
    """Sets whole channels of an `(N, C, L)` input to zero while training.

    Args:
        p: probability of a zero channel.
        inplace: taken for compatibility; the result is a new value either way.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns `x` with zero channels."""
        return F.dropout1d(x, self.p, self.training)


class Dropout3d(_Dropout):
    """Sets whole channels of an `(N, C, D, H, W)` input to zero while training.

    Args:
        p: probability of a zero channel.
        inplace: taken for compatibility; the result is a new value either way.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns `x` with zero channels."""
        return F.dropout3d(x, self.p, self.training)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean 0 and variance 1 behind `SELU`, while training.

    Args:
        p: probability with which an element is dropped.
        inplace: taken for compatibility; the result is a new value either way.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns `x` with dropped elements."""
        return F.alpha_dropout(x, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels of an `(N, C, ...)` input.

    Args:
        p: probability with which a channel is dropped.
        inplace: taken for compatibility; the result is a new value either way.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns `x` with dropped channels."""
        return F.feature_alpha_dropout(x, self.p, self.training)


class Dropout2d(_Dropout):
    """Sets whole channels of an `(N, C, H, W)` input to zero while training.

    Args:
        p: probability of a zero channel.
        inplace: taken for compatibility; the result is a new value either way.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns `x` with zero channels."""
        return F.dropout2d(x, self.p, self.training)
