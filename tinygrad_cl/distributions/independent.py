"""Distributions of whole vectors or images, made of those of their elements."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_cl.distributions.base import Distribution
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.tensor import Tensor


class Independent(Distribution):
    """Takes the last batch dims of a distribution for one event: log-probabilities are summed.

    Args:
        base_distribution: the distribution.
        reinterpreted_batch_ndims: how many dims.
        validate_args: taken over from PyTorch; parameters are not looked at.

    Raises:
        ShapeError: if it has fewer.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl.distributions import Normal
        >>> both = Independent(Normal(tg.zeros(3, 2), tg.ones(3, 2)), 1)
        >>> both.batch_shape, both.event_shape, both.log_prob(tg.zeros(3, 2)).shape
        ((3,), (2,), (3,))
    """

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        shape = base_distribution.batch_shape
        cut = len(shape) - reinterpreted_batch_ndims
        if cut < 0:
            raise ShapeError(
                f"Independent: needs {reinterpreted_batch_ndims} batch dims, got {shape}"
            )
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        super().__init__(shape[:cut], shape[cut:] + base_distribution.event_shape)
        self.has_rsample = base_distribution.has_rsample

    def _summed(self, value: Tensor) -> Tensor:
        dims = tuple(range(-self.reinterpreted_batch_ndims, 0))
        return value.sum(dims) if dims else value

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns samples."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns samples through which gradients flow."""
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns the logarithm of the density of events."""
        return self._summed(self.base_dist.log_prob(value))

    def entropy(self) -> Tensor:
        """Returns the entropy, in nats."""
        return self._summed(self.base_dist.entropy())

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.base_dist.variance
