"""In-place forms of elementwise functions, made from these."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from tinygrad_cl.functional import activation, elementwise, logic, pairs, parts, special
from tinygrad_cl.functional.inplace import take

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

P = ParamSpec("P")


def in_place(
    function: Callable[Concatenate[Any, P], Tensor],
) -> Callable[Concatenate[Any, P], Tensor]:
    """Returns `function_`, which gives its first argument the result, and returns it."""
    name = f"{function.__name__}_"

    def changed(input: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        take(name, input, function(input, *args, **kwargs))
        return input

    changed.__name__ = changed.__qualname__ = name
    first = (function.__doc__ or "").partition("\n")[0]
    changed.__doc__ = f"Does `{function.__name__}` in place; returns the tensor. That: {first}"
    return changed


tan_ = in_place(special.tan)
acos_ = in_place(special.acos)
asin_ = in_place(special.asin)
atan_ = in_place(special.atan)
sinh_ = in_place(special.sinh)
cosh_ = in_place(special.cosh)
asinh_ = in_place(special.asinh)
acosh_ = in_place(special.acosh)
atanh_ = in_place(special.atanh)
sinc_ = in_place(special.sinc)
exp2_ = in_place(special.exp2)
expm1_ = in_place(special.expm1)
log1p_ = in_place(special.log1p)
log2_ = in_place(special.log2)
log10_ = in_place(special.log10)
erfc_ = in_place(special.erfc)
erfinv_ = in_place(special.erfinv)
lgamma_ = in_place(special.lgamma)
digamma_ = in_place(special.digamma)
logit_ = in_place(special.logit)

atan2_ = in_place(pairs.atan2)
hypot_ = in_place(pairs.hypot)
copysign_ = in_place(pairs.copysign)
xlogy_ = in_place(pairs.xlogy)
ldexp_ = in_place(pairs.ldexp)
float_power_ = in_place(pairs.float_power)
true_divide_ = in_place(pairs.true_divide)
fmod_ = in_place(pairs.fmod)
heaviside_ = in_place(pairs.heaviside)
bitwise_left_shift_ = in_place(pairs.bitwise_left_shift)
bitwise_right_shift_ = in_place(pairs.bitwise_right_shift)
addcmul_ = in_place(pairs.addcmul)
addcdiv_ = in_place(pairs.addcdiv)

frac_ = in_place(parts.frac)
sgn_ = in_place(parts.sgn)
rad2deg_ = in_place(parts.rad2deg)
deg2rad_ = in_place(parts.deg2rad)
nan_to_num_ = in_place(parts.nan_to_num)
clamp_min_ = in_place(parts.clamp_min)
clamp_max_ = in_place(parts.clamp_max)

floor_divide_ = in_place(elementwise.floor_divide)
remainder_ = in_place(elementwise.remainder)
square_ = in_place(elementwise.square)
reciprocal_ = in_place(elementwise.reciprocal)
sign_ = in_place(elementwise.sign)
floor_ = in_place(elementwise.floor)
ceil_ = in_place(elementwise.ceil)
round_ = in_place(elementwise.round)
trunc_ = in_place(elementwise.trunc)
rsqrt_ = in_place(elementwise.rsqrt)
sin_ = in_place(elementwise.sin)
cos_ = in_place(elementwise.cos)
erf_ = in_place(elementwise.erf)
lerp_ = in_place(elementwise.lerp)

eq_ = in_place(logic.eq)
ne_ = in_place(logic.ne)
lt_ = in_place(logic.lt)
le_ = in_place(logic.le)
gt_ = in_place(logic.gt)
ge_ = in_place(logic.ge)
logical_not_ = in_place(logic.logical_not)
logical_and_ = in_place(logic.logical_and)
logical_or_ = in_place(logic.logical_or)
logical_xor_ = in_place(logic.logical_xor)
bitwise_and_ = in_place(logic.bitwise_and)
bitwise_or_ = in_place(logic.bitwise_or)
bitwise_xor_ = in_place(logic.bitwise_xor)
bitwise_not_ = in_place(logic.bitwise_not)

sigmoid_ = in_place(activation.sigmoid)
tanh_ = in_place(activation.tanh)
