"""What all distributions have in common."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.dtypes import float32
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional import creation, views
from tinygrad_cl.shapes import Shape
from tinygrad_cl.tensor import Tensor

Number = Tensor | float


class Distribution:
    """The base of distributions.

    Attributes:
        batch_shape: the shape of the parameters: so many distributions stand side by side.
        event_shape: the shape of one sample of one of them.
        has_rsample: whether gradients flow through samples to the parameters.
    """

    has_rsample = False

    def __init__(self, batch_shape: Shape, event_shape: Shape = ()) -> None:
        self.batch_shape = tuple(batch_shape)
        self.event_shape = tuple(event_shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(batch_shape={self.batch_shape})"

    def _sizes(self, sample_shape: Sequence[int]) -> Shape:
        return (*sample_shape, *self.batch_shape, *self.event_shape)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns samples, through which no gradient flows, of shape `sample_shape` + its own."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns samples through which gradients flow to the parameters.

        Raises:
            ArgumentError: if the distribution has none.
        """
        raise ArgumentError(
            f"{type(self).__name__}.rsample: gradients do not flow through its samples; use "
            "sample() and log_prob()"
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns the logarithm of the density, or of the probability, at values."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """Returns the entropy, in nats."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise NotImplementedError

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()


def together(*parameters: Number) -> list[Tensor]:
    """Parameters as tensors of one shape."""
    like = next((p for p in parameters if isinstance(p, Tensor)), None)
    dtype, device = (float32, None) if like is None else (like.dtype, like.device)
    made = [p if isinstance(p, Tensor) else creation.tensor(p, dtype, device) for p in parameters]
    return list(views.broadcast_tensors(*made))
