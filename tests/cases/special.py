"""Cases of special functions of one operand.   Primitives and user side: */special.py."""

from __future__ import annotations

import numpy as np
import oracle
from scipy import special

import tinygrad_cl as tg
from cases.core import FLOATS, Case, Const, Sample, raises, tie
from cases.elementwise import to_float, unary
from tinygrad_cl.errors import DTypeError
from tinygrad_cl.functional.base import wrap
from tinygrad_cl.primitives import special as primitives

INF, NAN = float("inf"), float("nan")

float_like = {"dtypes": (*FLOATS, "int32", "bool"), "result": to_float}
wild = (0.0, -0.0, INF, -INF, NAN, 80.0, -80.0, 1e4, -1e4)
ratio = (0.0, -0.0, 1.0, -1.0, 1.5, -1.5, INF, NAN)
steep = {"tolerances": {"float32": (4e-6, 2e-6)}}
# Ten steps of a recurrence, and a root that float32 cannot come close to.
rough = {"tolerances": {"float32": (4e-6, 4e-6), "float64": (1e-12, 1e-12)}}


def logit_held(x: np.ndarray, eps: float) -> np.ndarray:
    return np.asarray(special.logit(np.clip(x, eps, 1 - eps)))


CASES = [
    # --- angles
    unary("tan", tg.tan, np.tan, -1.2, 1.2, (0.0, -0.0, INF, NAN, 100.0), **float_like),
    unary("acos", tg.acos, np.arccos, -0.9, 0.9, ratio, **float_like),
    unary("asin", tg.asin, np.arcsin, -0.9, 0.9, ratio, **float_like),
    unary("atan", tg.atan, np.arctan, specials=wild, **float_like),
    unary("sinh", tg.sinh, np.sinh, specials=wild, **float_like),
    unary("cosh", tg.cosh, np.cosh, specials=wild, **float_like),
    unary("asinh", tg.asinh, np.arcsinh, specials=wild, **float_like),
    unary("acosh", tg.acosh, np.arccosh, 1.5, 4, (1.0, 0.5, -2.0, INF, NAN, 1e4), **float_like),
    unary("atanh", tg.atanh, np.arctanh, -0.9, 0.9, ratio, **float_like),
    unary(
        "sinc",
        tg.sinc,
        np.sinc,
        0.2,
        3,
        (0.0, -0.0, 1e-3, 0.5, -2.5, INF, NAN),
        ties=(tie(np.array([0.0, 1.0]), gradients=([0.0, -1.0],)),),
        **float_like,
    ),
    # --- exponentials and logarithms
    unary("exp2", tg.exp2, np.exp2, specials=(*wild, 0.5, 15.0), **float_like),
    unary("expm1", tg.expm1, np.expm1, specials=(*wild, 1e-3, -1e-3), **float_like),
    unary("log1p", tg.log1p, np.log1p, -0.8, 4, (0.0, -0.0, 1e-3, -1.0, -2.0, INF), **float_like),
    unary("log2", tg.log2, np.log2, 0.2, 4, (0.0, -1.0, INF, NAN, 8.0, 6e4), **float_like),
    unary("log10", tg.log10, np.log10, 0.2, 4, (0.0, -1.0, INF, NAN, 1e3, 6e4), **float_like),
    unary("entr", tg.special.entr, special.entr, 0.2, 4, (0.0, -1.0, INF, NAN), **float_like),
    unary("logit", tg.logit, oracle.logit, 0.1, 0.9, (0.0, 1.0, -0.5, 1.5, NAN), **float_like),
    Case(
        "logit_held",
        tg.logit,
        logit_held,
        lambda d: [Sample(d.uniform(0.2, 0.8, 3, 5), 0.1), Sample(d.uniform(0.2, 0.8), eps=1e-3)],
        covers=("logit",),
        ties=(tie(np.array([0.0, 0.5, 1.5]), 0.1, gradients=([0.0, 4.0, 0.0],)),),
    ),
    # --- the error function's kin
    unary("erfc", tg.erfc, special.erfc, specials=(*wild, 0.9, 1.1, 2.9, -2.9), **float_like),
    unary(
        "erfcx", tg.special.erfcx, special.erfcx, specials=(0.0, 3.9, 4.1, 30.0, INF), **float_like
    ),
    unary(
        "erfinv",
        tg.erfinv,
        special.erfinv,
        -0.9,
        0.9,
        (*ratio, 1e-3, 0.499, 0.501, -0.999),
        **float_like,
        **steep,
    ),
    unary("ndtr", tg.special.ndtr, special.ndtr, specials=wild, **float_like),
    unary(
        "log_ndtr",
        tg.special.log_ndtr,
        special.log_ndtr,
        specials=(0.0, -0.999, -1.001, -10.0, -30.0, 5.0, INF, -INF, NAN),
        **float_like,
    ),
    # --- the gamma function's kin, and Bessel functions
    unary(
        "lgamma",
        tg.lgamma,
        special.gammaln,
        0.3,
        5,
        (0.0, -1.0, -0.5, -1.5, -2.25, 100.0, 1.0, 2.0, INF, NAN),
        **float_like,
        **rough,
    ),
    unary(
        "digamma",
        tg.digamma,
        special.digamma,
        0.3,
        5,
        (0.0, -0.0, -1.0, -0.5, -1.5, -2.25, 100.0, INF, NAN),
        **float_like,
        **rough,
    ),
    Case(
        "digamma_below_0",
        tg.digamma,
        special.digamma,
        lambda d: [Sample(d.array([[-0.4, -1.6], [-2.3, -0.2]]))],
        dtypes=("float64", "float32"),
        covers=("digamma", "lgamma"),
        tolerances={"float32": (2e-5, 2e-5), "float64": (1e-12, 1e-12)},
    ),
    unary(
        "i0e",
        tg.special.i0e,
        special.i0e,
        0.2,
        3,
        (0.0, -0.0, -2.0, 9.9, 10.1, 19.0, 21.0, -50.0, 1e4, INF, NAN),
        **float_like,
    ),
    unary(
        "i1e",
        tg.special.i1e,
        special.i1e,
        0.2,
        3,
        (0.0, -0.0, -2.0, 9.9, 10.1, 19.0, 21.0, -50.0, 1e4, INF, NAN),
        ties=(tie(np.array([0.0, 1e-310, -1e-310]), gradients=([0.5, 0.5, 0.5],)),),
        **float_like,
    ),
    Case(
        "zeta",
        lambda s, q: wrap(primitives.zeta(s.node, q.node)),
        special.zeta,
        lambda d: [
            Sample(Const(d.array([[2.0], [3.0], [5.5]])), d.uniform(0.4, 6, 3, 7)),
            Sample(Const(d.array(2.0)), d.array([1e3, INF, NAN]), grad=False),
        ],
        **steep,
    ),
    Case(
        "i0e_of_large",
        tg.special.i0e,
        special.i0e,
        lambda d: [Sample(d.array([[-0.4, -3.0, 5.0], [12.0, 25.0, -25.0]]))],
        covers=("i0e",),
        ties=(tie(np.array([0.0]), gradients=([0.0],)),),
    ),
    Case(
        "special_aliases",
        lambda x: [
            tg.special.expit(x),
            tg.special.psi(x),
            tg.special.gammaln(x),
            tg.special.xlogy(x, x),
        ],
        lambda x: [special.expit(x), special.psi(x), special.gammaln(x), special.xlogy(x, x)],
        lambda d: [Sample(d.uniform(0.5, 4, 7))],
        errors=(raises(DTypeError, "needs a Tensor", 3.0),),
        **rough,
    ),
]
