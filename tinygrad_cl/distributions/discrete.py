"""Distributions of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.distributions.base import Distribution, Number, together
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional import activation, index, logic, loss, random, special, views
from tinygrad_cl.functional import norm as norms
from tinygrad_cl.tensor import Tensor


def _one(name: str, probs: Any, logits: Any) -> None:
    if (probs is None) == (logits is None):
        raise ArgumentError(f"{name}: give probs or logits, and not both")


class Bernoulli(Distribution):
    """Ones with a probability, else zeros.

    Args:
        probs: the probability of a one.
        logits: or its logarithm of odds.
        validate_args: taken over from PyTorch; parameters are not looked at.

    Raises:
        ArgumentError: unless one of the two is given.

    Example:
        >>> import tinygrad_cl as tg
        >>> Bernoulli(probs=tg.tensor([0.25])).log_prob(tg.ones(1))
        tensor([-1.3863])
    """

    def __init__(
        self,
        probs: Number | None = None,
        logits: Number | None = None,
        validate_args: bool | None = None,
    ) -> None:
        _one("Bernoulli", probs, logits)
        if probs is not None:
            (self.probs,) = together(probs)
            self.logits = self.probs.log() - special.log1p(-self.probs)
        else:
            assert logits is not None
            (self.logits,) = together(logits)
            self.probs = activation.sigmoid(self.logits)
        super().__init__(self.probs.shape)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns zeros and ones."""
        with no_grad():
            return random.bernoulli(views.broadcast_to(self.probs, self._sizes(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns the logarithm of the probability."""
        logits, value = views.broadcast_tensors(self.logits, value.to(self.logits.dtype))
        return -loss.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        """Returns the entropy, in nats."""
        return -self.log_prob(self.probs)

    @property
    def mean(self) -> Tensor:
        """The probability of a one."""
        return self.probs

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.probs * (1 - self.probs)


class Categorical(Distribution):
    """One of several classes.

    Args:
        probs: weights of the classes along the last dim; they are divided by their sum.
        logits: or their logarithms, up to a constant.
        validate_args: taken over from PyTorch; parameters are not looked at.

    Raises:
        ArgumentError: unless one of the two is given.
        ShapeError: if it has no dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> weather = Categorical(tg.tensor([0.5, 0.25, 0.25]))
        >>> weather.sample((4,)).shape, weather.log_prob(tg.tensor([0, 2])), weather.entropy()
        ((4,), tensor([-0.6931, -1.3863]), tensor(1.0397))
    """

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        _one("Categorical", probs, logits)
        given = logits if probs is None else probs
        assert given is not None
        if given.ndim == 0:
            raise ShapeError("Categorical: needs a dim of classes, got a tensor without dims")
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
            self.logits = self.probs.log()
        else:
            self.logits = given - norms.logsumexp(given, -1, keepdim=True)
            self.probs = self.logits.exp()
        super().__init__(given.shape[:-1])

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns classes: where the logarithms with Gumbel noise are largest."""
        size = (*self._sizes(sample_shape), self.logits.shape[-1])
        with no_grad():
            u = random.rand(size, dtype=self.logits.dtype, device=self.logits.device)
            return (self.logits - (-special.log1p(-u)).log()).argmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns the logarithm of the probability of classes."""
        value = value.long()
        lead = views.broadcast_tensors(value, self.logits[..., 0])[0]
        logits = views.broadcast_to(self.logits, (*lead.shape, self.logits.shape[-1]))
        return index.gather(logits, -1, lead.unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        """Returns the entropy, in nats; classes of probability 0 add nothing."""
        return -logic.where(self.probs > 0, self.probs * self.logits, 0.0).sum(-1)

    @property
    def mode(self) -> Tensor:
        """The most probable class."""
        return self.probs.argmax(-1)
