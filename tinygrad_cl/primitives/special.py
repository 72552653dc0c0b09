"""More elementwise primitives.   Device side: ops/special.cl.   User side: functional/special.py.

Rows as in elementwise.py. What OpenCL C has a built-in for is that built-in; the `special_`
functions are in ops/special.cl, and their references in special_numpy.py.
"""

from __future__ import annotations

import math

import numpy as np

from tinygrad_cl.dtypes import bool_, float16
from tinygrad_cl.graph import Node, Primitive, lift
from tinygrad_cl.primitives import special_numpy as n
from tinygrad_cl.primitives.elementwise import (
    cos,
    eq,
    exp,
    flat,
    ge,
    gt,
    isnan,
    le,
    log,
    logical_and,
    logical_or,
    lt,
    row,
    rsqrt,
    sigmoid,
    sign,
    trunc,
    where,
)
from tinygrad_cl.primitives.rules import INTEGER

LN_2, LN_10 = math.log(2), math.log(10)
SLOPE = 2 / math.sqrt(math.pi)  # of erf at 0
SLOPE_LOG_NDTR = math.sqrt(2 / math.pi)

# ---- gradient rules that are more than one line


def _where(condition: Node, a: Node | float, b: Node | float, like: Node) -> Node:
    return where(condition, lift(a, like), lift(b, like))


def _zero(x: Node) -> Node:
    return eq(x, lift(0, x))


def _sinc_slope(g: Node, y: Node, x: Node) -> Node:
    # cos(pi x) / x - sin(pi x) / (pi x x), and 0 at 0
    safe = _where(_zero(x), 1, x, x)
    return _where(_zero(x), 0, g * ((cos(safe * math.pi) - sinc(safe)) / safe), g)


def _logit_slope(g: Node, y: Node, x: Node) -> Node:
    outside = logical_or(lt(x, lift(0, x)), gt(x, lift(1, x)))
    return _where(outside, math.nan, g / (x * (1 - x)), g)


def _xlogy_x(g: Node, y: Node, x: Node, z: Node) -> Node:
    return _where(logical_and(_zero(x), le(z, lift(0, z))), 0, xlogy(g, z), g)


def _xlog1py_x(g: Node, y: Node, x: Node, z: Node) -> Node:
    return _where(logical_and(_zero(x), le(z, lift(-1, z))), 0, xlog1py(g, z), g)


def _cross_entropy_x(g: Node, y: Node, x: Node, t: Node) -> Node:
    tiny = lift(6e-8 if x.dtype is float16 else 1e-12, x)
    spread = x * (1 - x)
    return g * (x - t) / where(lt(spread, tiny), tiny, spread)


def _log_above(x: Node, logarithm: Node) -> Node:
    return _where(gt(x, lift(math.exp(-100), x)), logarithm, -100, x)


def _copysign_x(g: Node, y: Node, a: Node, b: Node) -> Node:
    return _where(_zero(a), 0, g * (y / a), g)


def _first_wins(a: Node, b: Node, won: Node) -> Node:
    return logical_or(won, isnan(b))


def _over_square(numerator: Node, y: Node, x: Node) -> Node:
    square = y * y + x * x
    return numerator / _where(_zero(square), math.inf, square, square)


def _atan2_y(g: Node, out: Node, y: Node, x: Node) -> Node:
    return g * _over_square(x, y, x)  # 0 at the origin


def _atan2_x(g: Node, out: Node, y: Node, x: Node) -> Node:
    return g * _over_square(-y, y, x)


def trigamma(x: Node) -> Node:
    """Returns the derivative of digamma: zeta(2, x), and below 0 by reflection."""
    right = gt(x, lift(0, x))
    at = _where(right, x, 1 - x, x)
    mirror = 1 / (_where(right, 1, x, x) * sinc(_where(right, 0.5, x, x)))  # pi / sin(pi x)
    sums = zeta(lift(2, x), at)
    return where(right, sums, mirror * mirror - sums)


def _zeta_q(g: Node, y: Node, s: Node, q: Node) -> Node:
    return g * -s * zeta(s + 1, q)


def _i1e_slope(g: Node, y: Node, x: Node) -> Node:
    size = x * sign(x)
    tiny = le(size, lift(1e-15, x))  # 1 / x may overflow
    safe = _where(tiny, 1, x, x)
    return g * _where(tiny, 0.5 - size, i0e(x) - y * (sign(x) + 1 / safe), x)


# ---- the rows
# fmt: off

# trigonometry
tan   = row("tan",   np.tan,     "tan({0})",   lambda g, y, x: g * (1 + y * y))
acos  = row("acos",  np.arccos,  "acos({0})",  lambda g, y, x: -g * rsqrt(1 - x * x))
asin  = row("asin",  np.arcsin,  "asin({0})",  lambda g, y, x: g * rsqrt(1 - x * x))
atan  = row("atan",  np.arctan,  "atan({0})",  lambda g, y, x: g / (x * x + 1))
cosh: Primitive
sinh  = row("sinh",  np.sinh,    "sinh({0})",  lambda g, y, x: g * cosh(x))
cosh  = row("cosh",  np.cosh,    "cosh({0})",  lambda g, y, x: g * sinh(x))
asinh = row("asinh", np.arcsinh, "asinh({0})", lambda g, y, x: g * rsqrt(x * x + 1))
acosh = row("acosh", np.arccosh, "acosh({0})", lambda g, y, x: g * rsqrt(x * x - 1))
atanh = row("atanh", np.arctanh, "atanh({0})", lambda g, y, x: g / (1 - x * x))
atan2 = row("atan2", np.arctan2, "atan2({0}, {1})", _atan2_y, _atan2_x)
hypot = row("hypot", np.hypot,   "hypot({0}, {1})", lambda g, y, a, b: g * (a / y),
                                                    lambda g, y, a, b: g * (b / y))
sinc  = row("sinc",  n.sinc,     "special_sinc({0})", _sinc_slope)

# exponentials and logarithms
exp2  = row("exp2",  np.exp2,    "exp2({0})",  lambda g, y, x: g * y * LN_2)
expm1 = row("expm1", np.expm1,   "expm1({0})", lambda g, y, x: g * (y + 1))
log2  = row("log2",  np.log2,    "log2({0})",  lambda g, y, x: g / (x * LN_2))
log10 = row("log10", np.log10,   "log10({0})", lambda g, y, x: g / (x * LN_10))
log1p = row("log1p", np.log1p,   "log1p({0})", lambda g, y, x: g / (x + 1))
logit = row("logit", lambda x: np.log(x / (1 - x)), "log({0} / (1.0f - {0}))", _logit_slope)
entr  = row("entr",  n.entr,     "special_entr({0})", lambda g, y, x: g * (-1 - log(x)))
xlogy   = row("xlogy",   n.xlogy,   "special_xlogy({0}, {1})",
    _xlogy_x, lambda g, y, a, b: g * a / b)
xlog1py = row("xlog1py", n.xlog1py, "special_xlog1py({0}, {1})",
    _xlog1py_x, lambda g, y, a, b: g * a / (b + 1))
logaddexp  = row("logaddexp",  np.logaddexp,  "special_logaddexp({0}, {1})",
    lambda g, y, a, b: g * sigmoid(a - b), lambda g, y, a, b: g * sigmoid(b - a))
logaddexp2 = row("logaddexp2", np.logaddexp2, "special_logaddexp2({0}, {1})",
    lambda g, y, a, b: g * sigmoid((a - b) * LN_2), lambda g, y, a, b: g * sigmoid((b - a) * LN_2))

# the loss of a probability and a target; its logarithms stop at -100
binary_cross_entropy = row("binary_cross_entropy", n.binary_cross_entropy,
    "special_binary_cross_entropy({0}, {1})",
    _cross_entropy_x,
    lambda g, y, x, t: g * (_log_above(1 - x, log1p(-x)) - _log_above(x, log(x))))

# the error function's kin
erfc   = row("erfc",   n.erfc,   "erfc({0})",           lambda g, y, x: g * -SLOPE * exp(-(x * x)))
erfcx  = row("erfcx",  n.erfcx,  "special_erfcx({0})",  lambda g, y, x: g * (2 * x * y - SLOPE))
erfinv = row("erfinv", n.erfinv, "special_erfinv({0})", lambda g, y, x: g * exp(y * y) / SLOPE)
log_ndtr = row("log_ndtr", n.log_ndtr, "special_log_ndtr({0})",
    lambda g, y, x: g * SLOPE_LOG_NDTR / erfcx(x * -math.sqrt(0.5)))

# the gamma function's kin; zeta(s, q) is Hurwitz's, for s > 1 and q > 0
digamma: Primitive
lgamma  = row("lgamma",  n.lgamma,  "lgamma({0})",          lambda g, y, x: g * digamma(x))
digamma = row("digamma", n.digamma, "special_digamma({0})", lambda g, y, x: g * trigamma(x))
zeta    = row("zeta",    n.zeta,    "special_zeta({0}, {1})", None, _zeta_q)

# Bessel functions
i1e: Primitive
i0e = row("i0e", n.i0e, "special_i0e({0})", lambda g, y, x: g * (i1e(x) - sign(x) * y))
i1e = row("i1e", n.i1e, "special_i1e({0})", _i1e_slope)

# signs and remainders; NaN loses in fmax and fmin, and the first of two equal ones wins
copysign = row("copysign", np.copysign, "copysign({0}, {1})", _copysign_x, flat)
fmod     = row("fmod",     np.fmod,     "fmod({0}, {1})",
    lambda g, y, a, b: g, lambda g, y, a, b: -g * trunc(a / b))
fmax     = row("fmax",     np.fmax,     "fmax({0}, {1})",
    lambda g, y, a, b: _where(_first_wins(a, b, ge(a, b)), g, 0, g),
    lambda g, y, a, b: _where(_first_wins(a, b, ge(a, b)), 0, g, g))
fmin     = row("fmin",     np.fmin,     "fmin({0}, {1})",
    lambda g, y, a, b: _where(_first_wins(a, b, le(a, b)), g, 0, g),
    lambda g, y, a, b: _where(_first_wins(a, b, le(a, b)), 0, g, g))
signbit  = row("signbit",  np.signbit, "as_mask(signbit({0}))", result=bool_)

# integers, bit by bit; a shift by more than all bits leaves 0, or the sign of what is shifted right
bitwise_and = row("bitwise_and", np.bitwise_and, "{0} & {1}", kinds=INTEGER)
bitwise_or  = row("bitwise_or",  np.bitwise_or,  "{0} | {1}", kinds=INTEGER)
bitwise_xor = row("bitwise_xor", np.bitwise_xor, "{0} ^ {1}", kinds=INTEGER)
bitwise_left_shift  = row("bitwise_left_shift",  np.left_shift,  "SHIFT_LEFT_{t}({0}, {1})",
    kinds=INTEGER)
bitwise_right_shift = row("bitwise_right_shift", np.right_shift, "SHIFT_RIGHT_{t}({0}, {1})",
    kinds=INTEGER)

# fmt: on
