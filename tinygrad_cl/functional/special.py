"""Special functions of one operand.   Primitives: primitives/special.py."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unary_float, wrap
from tinygrad_cl.functional.logic import clamp
from tinygrad_cl.primitives import special as s

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def tan(input: Tensor) -> Tensor:
    """Returns the tangent of an angle in radians.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tan(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 1.5574])
    """
    return unary_float(s.tan, input)


def acos(input: Tensor) -> Tensor:
    """Returns the angle in radians whose cosine is `input`; NaN outside of -1 to 1.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.acos(tg.tensor([0.0, 1.0]))
        tensor([1.5708, 0.0000])
    """
    return unary_float(s.acos, input)


def asin(input: Tensor) -> Tensor:
    """Returns the angle in radians whose sine is `input`; NaN outside of -1 to 1.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.asin(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 1.5708])
    """
    return unary_float(s.asin, input)


def atan(input: Tensor) -> Tensor:
    """Returns the angle in radians, between -pi/2 and pi/2, whose tangent is `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.atan(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7854])
    """
    return unary_float(s.atan, input)


def sinh(input: Tensor) -> Tensor:
    """Returns the hyperbolic sine.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.sinh(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 1.1752])
    """
    return unary_float(s.sinh, input)


def cosh(input: Tensor) -> Tensor:
    """Returns the hyperbolic cosine.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.cosh(tg.tensor([0.0, 1.0]))
        tensor([1.0000, 1.5431])
    """
    return unary_float(s.cosh, input)


def asinh(input: Tensor) -> Tensor:
    """Returns the inverse of the hyperbolic sine.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.asinh(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8814])
    """
    return unary_float(s.asinh, input)


def acosh(input: Tensor) -> Tensor:
    """Returns the inverse of the hyperbolic cosine; NaN below 1.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.acosh(tg.tensor([1.0, 2.0]))
        tensor([0.0000, 1.3170])
    """
    return unary_float(s.acosh, input)


def atanh(input: Tensor) -> Tensor:
    """Returns the inverse of the hyperbolic tangent; NaN outside of -1 to 1.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.atanh(tg.tensor([0.0, 0.5]))
        tensor([0.0000, 0.5493])
    """
    return unary_float(s.atanh, input)


def sinc(input: Tensor) -> Tensor:
    """Returns `sin(pi * input) / (pi * input)`, and 1 at 0.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.sinc(tg.tensor([0.0, 0.5]))
        tensor([1.0000, 0.6366])
    """
    return unary_float(s.sinc, input)


def exp2(input: Tensor) -> Tensor:
    """Returns 2 to the power of `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.exp2(tg.tensor([0.0, 3.0]))
        tensor([1., 8.])
    """
    return unary_float(s.exp2, input)


def expm1(input: Tensor) -> Tensor:
    """Returns `exp(input) - 1`, exact for small `input` too.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.expm1(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 1.7183])
    """
    return unary_float(s.expm1, input)


def log1p(input: Tensor) -> Tensor:
    """Returns `log(1 + input)`, exact for small `input` too; NaN below -1.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.log1p(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.6931])
    """
    return unary_float(s.log1p, input)


def log2(input: Tensor) -> Tensor:
    """Returns the logarithm to base 2; NaN below 0.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.log2(tg.tensor([1.0, 8.0]))
        tensor([0., 3.])
    """
    return unary_float(s.log2, input)


def log10(input: Tensor) -> Tensor:
    """Returns the logarithm to base 10; NaN below 0.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.log10(tg.tensor([1.0, 100.0]))
        tensor([0., 2.])
    """
    return unary_float(s.log10, input)


def entr(input: Tensor) -> Tensor:
    """Returns the entropy `-input * log(input)`: 0 at 0, minus infinity below.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.special.entr(tg.tensor([0.0, 0.5]))
        tensor([0.0000, 0.3466])
    """
    return unary_float(s.entr, input)


def erfc(input: Tensor) -> Tensor:
    """Returns `1 - erf(input)`, exact where that is small.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.erfc(tg.tensor([0.0, 1.0]))
        tensor([1.0000, 0.1573])
    """
    return unary_float(s.erfc, input)


def erfcx(input: Tensor) -> Tensor:
    """Returns `exp(input * input) * erfc(input)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.special.erfcx(tg.tensor([0.0, 1.0]))
        tensor([1.0000, 0.4276])
    """
    return unary_float(s.erfcx, input)


def erfinv(input: Tensor) -> Tensor:
    """Returns the inverse of `erf`; infinite at -1 and 1, NaN outside.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.erfinv(tg.tensor([0.0, 0.5]))
        tensor([0.0000, 0.4769])
    """
    return unary_float(s.erfinv, input)


def log_ndtr(input: Tensor) -> Tensor:
    """Returns the logarithm of `ndtr`, exact for very negative `input` too.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.special.log_ndtr(tg.tensor([0.0, -10.0]))
        tensor([ -0.6931, -53.2313])
    """
    return unary_float(s.log_ndtr, input)


def lgamma(input: Tensor) -> Tensor:
    """Returns the logarithm of the absolute value of the gamma function.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.lgamma(tg.tensor([1.0, 4.0]))
        tensor([0.0000, 1.7918])
    """
    return unary_float(s.lgamma, input)


def digamma(input: Tensor) -> Tensor:
    """Returns the derivative of `lgamma`; NaN at negative whole numbers.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.digamma(tg.tensor([1.0, 2.0]))
        tensor([-0.5772,  0.4228])
    """
    return unary_float(s.digamma, input)


def i0e(input: Tensor) -> Tensor:
    """Returns the modified Bessel function of order 0, times `exp(-|input|)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.special.i0e(tg.tensor([0.0, 1.0]))
        tensor([1.0000, 0.4658])
    """
    return unary_float(s.i0e, input)


def i1e(input: Tensor) -> Tensor:
    """Returns the modified Bessel function of order 1, times `exp(-|input|)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.special.i1e(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.2079])
    """
    return unary_float(s.i1e, input)


def ndtr(input: Tensor) -> Tensor:
    """Returns the normal distribution function: the share of its values below `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.special.ndtr(tg.tensor([0.0, 1.0]))
        tensor([0.5000, 0.8413])
    """
    x = base.floating(base.unwrap("ndtr", input))
    return wrap(s.erfc(x * -math.sqrt(0.5)) * 0.5)


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """Returns `log(input / (1 - input))`, the inverse of `sigmoid`.

    Args:
        input: any tensor; outside of 0 to 1 the result is NaN.
        eps: hold `input` between `eps` and `1 - eps` first.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.logit(tg.tensor([0.5, 0.9]))
        tensor([0.0000, 2.1972])
    """
    if eps is None:
        return unary_float(s.logit, input)
    x = base.floating(base.unwrap("logit", input))
    return unary_float(s.logit, clamp(base.show(x), eps, 1 - eps))
