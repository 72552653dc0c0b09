"""Methods of Tensor that are special functions, functions of pairs and parts, and statistics."""

from __future__ import annotations

from tinygrad_cl.functional import differences, pairs, parts, special, statistics
from tinygrad_cl.functional import inplace_math as inplace
from tinygrad_cl.functional.methods_older import OlderMethods


class MathMethods(OlderMethods):
    """Functions as methods; each is documented where it is defined."""

    __slots__ = ()

    tan = special.tan
    acos = special.acos
    asin = special.asin
    atan = special.atan
    sinh = special.sinh
    cosh = special.cosh
    asinh = special.asinh
    acosh = special.acosh
    atanh = special.atanh
    sinc = special.sinc
    exp2 = special.exp2
    expm1 = special.expm1
    log1p = special.log1p
    log2 = special.log2
    log10 = special.log10
    erfc = special.erfc
    erfinv = special.erfinv
    lgamma = special.lgamma
    digamma = special.digamma
    logit = special.logit

    atan2 = pairs.atan2
    hypot = pairs.hypot
    copysign = pairs.copysign
    xlogy = pairs.xlogy
    logaddexp = pairs.logaddexp
    logaddexp2 = pairs.logaddexp2
    ldexp = pairs.ldexp
    float_power = pairs.float_power
    true_divide = pairs.true_divide
    fmod = pairs.fmod
    fmax = pairs.fmax
    fmin = pairs.fmin
    heaviside = pairs.heaviside
    bitwise_left_shift = pairs.bitwise_left_shift
    bitwise_right_shift = pairs.bitwise_right_shift
    addcmul = pairs.addcmul
    addcdiv = pairs.addcdiv

    frac = parts.frac
    sgn = parts.sgn
    signbit = parts.signbit
    positive = parts.positive
    rad2deg = parts.rad2deg
    deg2rad = parts.deg2rad
    nan_to_num = parts.nan_to_num
    isposinf = parts.isposinf
    isneginf = parts.isneginf
    isreal = parts.isreal
    isclose = parts.isclose
    clamp_min = parts.clamp_min
    clamp_max = parts.clamp_max

    nansum = statistics.nansum
    nanmean = statistics.nanmean
    aminmax = statistics.aminmax
    corrcoef = statistics.corrcoef
    cov = statistics.cov
    histc = statistics.histc
    diff = differences.diff
    dist = differences.dist

    tan_ = inplace.tan_
    acos_ = inplace.acos_
    asin_ = inplace.asin_
    atan_ = inplace.atan_
    sinh_ = inplace.sinh_
    cosh_ = inplace.cosh_
    asinh_ = inplace.asinh_
    acosh_ = inplace.acosh_
    atanh_ = inplace.atanh_
    sinc_ = inplace.sinc_
    exp2_ = inplace.exp2_
    expm1_ = inplace.expm1_
    log1p_ = inplace.log1p_
    log2_ = inplace.log2_
    log10_ = inplace.log10_
    erfc_ = inplace.erfc_
    erfinv_ = inplace.erfinv_
    lgamma_ = inplace.lgamma_
    digamma_ = inplace.digamma_
    logit_ = inplace.logit_

    atan2_ = inplace.atan2_
    hypot_ = inplace.hypot_
    copysign_ = inplace.copysign_
    xlogy_ = inplace.xlogy_
    ldexp_ = inplace.ldexp_
    float_power_ = inplace.float_power_
    true_divide_ = inplace.true_divide_
    fmod_ = inplace.fmod_
    heaviside_ = inplace.heaviside_
    bitwise_left_shift_ = inplace.bitwise_left_shift_
    bitwise_right_shift_ = inplace.bitwise_right_shift_
    addcmul_ = inplace.addcmul_
    addcdiv_ = inplace.addcdiv_

    frac_ = inplace.frac_
    sgn_ = inplace.sgn_
    rad2deg_ = inplace.rad2deg_
    deg2rad_ = inplace.deg2rad_
    nan_to_num_ = inplace.nan_to_num_
    clamp_min_ = inplace.clamp_min_
    clamp_max_ = inplace.clamp_max_

    floor_divide_ = inplace.floor_divide_
    remainder_ = inplace.remainder_
    square_ = inplace.square_
    reciprocal_ = inplace.reciprocal_
    sign_ = inplace.sign_
    floor_ = inplace.floor_
    ceil_ = inplace.ceil_
    round_ = inplace.round_
    trunc_ = inplace.trunc_
    rsqrt_ = inplace.rsqrt_
    sin_ = inplace.sin_
    cos_ = inplace.cos_
    erf_ = inplace.erf_
    lerp_ = inplace.lerp_

    eq_ = inplace.eq_
    ne_ = inplace.ne_
    lt_ = inplace.lt_
    le_ = inplace.le_
    gt_ = inplace.gt_
    ge_ = inplace.ge_
    logical_not_ = inplace.logical_not_
    logical_and_ = inplace.logical_and_
    logical_or_ = inplace.logical_or_
    logical_xor_ = inplace.logical_xor_
    bitwise_and_ = inplace.bitwise_and_
    bitwise_or_ = inplace.bitwise_or_
    bitwise_xor_ = inplace.bitwise_xor_
    bitwise_not_ = inplace.bitwise_not_

    sigmoid_ = inplace.sigmoid_
    tanh_ = inplace.tanh_
