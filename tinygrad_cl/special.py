"""Special functions, under the names of `torch.special`."""

from __future__ import annotations

from tinygrad_cl.functional.activation import log_softmax as log_softmax
from tinygrad_cl.functional.activation import sigmoid as expit
from tinygrad_cl.functional.activation import softmax as softmax
from tinygrad_cl.functional.elementwise import erf as erf
from tinygrad_cl.functional.elementwise import round as round
from tinygrad_cl.functional.norm import logsumexp as logsumexp
from tinygrad_cl.functional.pairs import xlog1py as xlog1py
from tinygrad_cl.functional.pairs import xlogy as xlogy
from tinygrad_cl.functional.special import digamma as digamma
from tinygrad_cl.functional.special import digamma as psi
from tinygrad_cl.functional.special import entr as entr
from tinygrad_cl.functional.special import erfc as erfc
from tinygrad_cl.functional.special import erfcx as erfcx
from tinygrad_cl.functional.special import erfinv as erfinv
from tinygrad_cl.functional.special import exp2 as exp2
from tinygrad_cl.functional.special import expm1 as expm1
from tinygrad_cl.functional.special import i0e as i0e
from tinygrad_cl.functional.special import i1e as i1e
from tinygrad_cl.functional.special import lgamma as gammaln
from tinygrad_cl.functional.special import log1p as log1p
from tinygrad_cl.functional.special import log_ndtr as log_ndtr
from tinygrad_cl.functional.special import logit as logit
from tinygrad_cl.functional.special import ndtr as ndtr
from tinygrad_cl.functional.special import sinc as sinc

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammaln",
    "i0e",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "ndtr",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
]
