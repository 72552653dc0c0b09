"""Distributions of real numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinygrad_cl.distributions.base import Distribution, Number, together
from tinygrad_cl.functional import elementwise, logic, random, special
from tinygrad_cl.tensor import Tensor

_LOG_2PI = math.log(2 * math.pi)


class _LocationScale(Distribution):
    has_rsample = True

    def __init__(self, loc: Number, scale: Number, validate_args: bool | None = None) -> None:
        self.loc, self.scale = together(loc, scale)
        super().__init__(self.loc.shape)

    @property
    def mean(self) -> Tensor:
        """The location."""
        return self.loc

    def _standard(self, value: Tensor) -> Tensor:
        return (value - self.loc) / self.scale


class Normal(_LocationScale):
    """The normal distribution.

    Args:
        loc: the mean.
        scale: the standard deviation.
        validate_args: taken over from PyTorch; parameters are not looked at.

    Example:
        >>> import tinygrad_cl as tg
        >>> normal = Normal(tg.zeros(2), tg.ones(2))
        >>> normal.rsample((3,)).shape, normal.log_prob(tg.zeros(2))
        ((3, 2), tensor([-0.9189, -0.9189]))
    """

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns `loc + scale * noise`."""
        noise = random.randn(
            self._sizes(sample_shape), dtype=self.loc.dtype, device=self.loc.device
        )
        return self.loc + self.scale * noise

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns the logarithm of the density."""
        z = self._standard(value)
        return z * z * -0.5 - self.scale.log() - 0.5 * _LOG_2PI

    def cdf(self, value: Tensor) -> Tensor:
        """Returns the probability of at most `value`."""
        return 0.5 * (1 + elementwise.erf(self._standard(value) / math.sqrt(2)))

    def icdf(self, value: Tensor) -> Tensor:
        """Returns the quantiles of probabilities."""
        return self.loc + self.scale * special.erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Tensor:
        """Returns the entropy, in nats."""
        return self.scale.log() + 0.5 * (1 + _LOG_2PI)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.scale * self.scale


class Laplace(_LocationScale):
    """The Laplace distribution: exponential on both sides.

    Args:
        loc: the mean.
        scale: the mean distance from it.
        validate_args: taken over from PyTorch; parameters are not looked at.

    Example:
        >>> import tinygrad_cl as tg
        >>> Laplace(0.0, 1.0).log_prob(tg.tensor(0.0))
        tensor(-0.6931)
    """

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns samples made of uniform numbers."""
        size = self._sizes(sample_shape)
        u = random.rand(size, dtype=self.loc.dtype, device=self.loc.device) - 0.5
        return self.loc - self.scale * u.sign() * special.log1p(-2 * u.abs())

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns the logarithm of the density."""
        return -self._standard(value).abs() - (2 * self.scale).log()

    def entropy(self) -> Tensor:
        """Returns the entropy, in nats."""
        return 1 + (2 * self.scale).log()

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return 2 * self.scale * self.scale


class Uniform(Distribution):
    """The uniform distribution on `[low, high)`.

    Args:
        low: where it begins.
        high: where it ends.
        validate_args: taken over from PyTorch; parameters are not looked at.

    Example:
        >>> import tinygrad_cl as tg
        >>> Uniform(0.0, 4.0).log_prob(tg.tensor([1.0, 5.0]))
        tensor([-1.3863,    -inf])
    """

    has_rsample = True

    def __init__(self, low: Number, high: Number, validate_args: bool | None = None) -> None:
        self.low, self.high = together(low, high)
        super().__init__(self.low.shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns samples."""
        size = self._sizes(sample_shape)
        u = random.rand(size, dtype=self.low.dtype, device=self.low.device)
        return self.low + (self.high - self.low) * u

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns the logarithm of the density."""
        inside = (value >= self.low) & (value < self.high)
        return logic.where(inside, -(self.high - self.low).log(), -math.inf)

    def entropy(self) -> Tensor:
        """Returns the entropy, in nats."""
        return (self.high - self.low).log()

    @property
    def mean(self) -> Tensor:
        """The middle."""
        return (self.low + self.high) / 2

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return (self.high - self.low).square() / 12


class Exponential(Distribution):
    """The exponential distribution.

    Args:
        rate: one over the mean.
        validate_args: taken over from PyTorch; parameters are not looked at.

    Example:
        >>> import tinygrad_cl as tg
        >>> Exponential(2.0).log_prob(tg.tensor(0.0))
        tensor(0.6931)
    """

    has_rsample = True

    def __init__(self, rate: Number, validate_args: bool | None = None) -> None:
        (self.rate,) = together(rate)
        super().__init__(self.rate.shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns samples."""
        size = self._sizes(sample_shape)
        u = random.rand(size, dtype=self.rate.dtype, device=self.rate.device)
        return -special.log1p(-u) / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns the logarithm of the density."""
        return self.rate.log() - self.rate * value

    def entropy(self) -> Tensor:
        """Returns the entropy, in nats."""
        return 1 - self.rate.log()

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return 1 / self.rate

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return 1 / self.rate.square()
