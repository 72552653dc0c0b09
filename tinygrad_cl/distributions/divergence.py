"""The Kullback-Leibler divergence, by a table of pairs of kinds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from tinygrad_cl.distributions.base import Distribution
from tinygrad_cl.distributions.continuous import Exponential, Laplace, Normal, Uniform
from tinygrad_cl.distributions.discrete import Bernoulli, Categorical
from tinygrad_cl.distributions.independent import Independent
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional import logic
from tinygrad_cl.tensor import Tensor

Rule = Callable[[Any, Any], Tensor]
R = TypeVar("R", bound=Rule)

_RULES: dict[tuple[type, type], Rule] = {}


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
