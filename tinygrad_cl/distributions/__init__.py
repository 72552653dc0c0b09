"""Random distributions under the names of `torch.distributions`: samples, densities, divergences.

Parameters are broadcast against each other, and nothing is looked at on the host: everything can be
captured by `tg.jit`, and parameters that make no sense (a negative scale) give NaN, not an error.
"""

from __future__ import annotations

from tinygrad_cl.distributions.base import Distribution
from tinygrad_cl.distributions.continuous import Exponential, Laplace, Normal, Uniform
from tinygrad_cl.distributions.discrete import Bernoulli, Categorical
from tinygrad_cl.distributions.divergence import kl_divergence, register_kl
from tinygrad_cl.distributions.independent import Independent

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
