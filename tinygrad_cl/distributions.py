"""Random distributions under the names of `torch.distributions`: samples, densities, divergences.

Parameters are broadcast against each other, and nothing is looked at on the host: everything can be
captured by `tg.jit`, and parameters that make no sense (a negative scale) give NaN, not an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.dtypes import float32
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional import (
    activation,
    creation,
    elementwise,
    index,
    logic,
    loss,
    random,
    special,
    views,
)
from tinygrad_cl.functional import norm as norms
from tinygrad_cl.shapes import Shape
from tinygrad_cl.tensor import Tensor

Number = Tensor | float
Rule = Callable[[Any, Any], Tensor]
R = TypeVar("R", bound=Rule)

_LOG_2PI = math.log(2 * math.pi)
_RULES: dict[tuple[type, type], Rule] = {}


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


def _together(*parameters: Number) -> list[Tensor]:
    """Parameters as tensors of one shape."""
    like = next((p for p in parameters if isinstance(p, Tensor)), None)
    dtype, device = (float32, None) if like is None else (like.dtype, like.device)
    made = [p if isinstance(p, Tensor) else creation.tensor(p, dtype, device) for p in parameters]
    return list(views.broadcast_tensors(*made))


class _LocationScale(Distribution):
    has_rsample = True

    def __init__(self, loc: Number, scale: Number, validate_args: bool | None = None) -> None:
        self.loc, self.scale = _together(loc, scale)
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
        self.low, self.high = _together(low, high)
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
        (self.rate,) = _together(rate)
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
            (self.probs,) = _together(probs)
            self.logits = self.probs.log() - special.log1p(-self.probs)
        else:
            assert logits is not None
            (self.logits,) = _together(logits)
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


# ---- divergences


def register_kl(type_p: type, type_q: type) -> Callable[[R], R]:
    """Returns a decorator for the function that computes the divergence of two kinds.

    Example:
        >>> class Mine(Normal):
        ...     pass
        >>> @register_kl(Mine, Mine)
        ... def zero(p, q):
        ...     return p.loc * 0
        >>> kl_divergence(Mine(0.0, 1.0), Mine(1.0, 1.0))
        tensor(0.)
    """

    def register(rule: R) -> R:
        _RULES[type_p, type_q] = rule
        return rule

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """Returns the Kullback-Leibler divergence KL(p || q), in nats.

    Raises:
        ArgumentError: if none is known for these kinds of distributions.

    Example:
        >>> import tinygrad_cl as tg
        >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
        tensor(0.5000)
    """
    for kind_p in type(p).__mro__:
        for kind_q in type(q).__mro__:
            rule = _RULES.get((kind_p, kind_q))
            if rule is not None:
                return rule(p, q)
    raise ArgumentError(
        f"kl_divergence: none is known from {type(p).__name__} to {type(q).__name__}; define it "
        "with register_kl"
    )


@register_kl(Normal, Normal)
def _normals(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())


@register_kl(Bernoulli, Bernoulli)
def _bernoullis(p: Bernoulli, q: Bernoulli) -> Tensor:
    return -q.log_prob(p.probs) - p.entropy()


@register_kl(Categorical, Categorical)
def _categoricals(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    return logic.where(p.probs > 0, terms, 0.0).sum(-1)


@register_kl(Exponential, Exponential)
def _exponentials(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Laplace, Laplace)
def _laplaces(p: Laplace, q: Laplace) -> Tensor:
    ratio, far = p.scale / q.scale, (p.loc - q.loc).abs()
    return far / q.scale + ratio * (-far / p.scale).exp() - ratio.log() - 1


@register_kl(Uniform, Uniform)
def _uniforms(p: Uniform, q: Uniform) -> Tensor:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return logic.where((q.low > p.low) | (q.high < p.high), math.inf, found)


@register_kl(Independent, Independent)
def _independents(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise ShapeError("kl_divergence: the two have events of other numbers of dims")
    return p._summed(kl_divergence(p.base_dist, q.base_dist))


__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "Exponential",
    "Independent",
    "Laplace",
    "Normal",
    "Uniform",
    "kl_divergence",
    "register_kl",
]
