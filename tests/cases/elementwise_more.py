"""Cases of elementwise functions of several operands.   User side: functional/{pairs,parts}.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import oracle
from scipy import special

import tinygrad_cl as tg
from cases.core import ANY, EXACT, FLOATS, INTS, NUMBERS, Case, Draw, Sample, raises, tie
from cases.elementwise import at_least, binary, to_float, unary
from tinygrad_cl.errors import DTypeError

INF, NAN = float("inf"), float("nan")
Array = np.ndarray

wild = (0.0, -0.0, INF, -INF, NAN, 88.0, -88.0, 1e4, -1e4)
float_like = {"dtypes": (*FLOATS, "int32"), "result": to_float}
bools = {"result": "bool", "gradient": False}
# Rounded to float16 after every step on "numpy".
rounded = {"tolerances": {"float16": (4e-3, 2e-3)}}
no_numbers = {"errors": (raises(DTypeError, "needs numbers, got bools", np.array([True]), True),)}
# Every pair of these stands in two columns.
EDGES = [0.0, -0.0, 1.0, -2.0, INF, -INF, NAN]
LEFT, RIGHT = (list(column) for column in zip(*[(a, b) for a in EDGES for b in EDGES], strict=True))
edges = {"specials": (LEFT, RIGHT)}


def as_float(meaning: Callable[..., Any]) -> Callable[..., Any]:
    """An oracle that computes in float64, whatever it is given."""
    return lambda *arrays: meaning(*(np.asarray(a, np.float64) for a in arrays))


def away(d: Draw, *shape: int) -> Array:
    return d.away(*shape) if d.is_float else d.normal(*shape)


def apart(d: Draw, *shape: int) -> Array:
    return d.distinct(*shape) + d.array(0.03 if d.is_float else 1)


def clamps(d: Draw, bound: int) -> list[Sample]:
    if d.dtype.kind == "b":
        return [Sample(d.mask(3, 5), d.mask(5))]
    return [Sample(d.distinct(3, 5), bound), Sample(d.distinct(4), apart(d, 4))]


def shifts(d: Draw) -> list[Sample]:
    bits = {1: 8, 4: 32, 8: 64}[d.dtype.itemsize]
    edge = [0, 1, bits - 2, bits - 1, bits, 100]
    edge += [] if d.dtype.kind == "u" else [-1, -100]
    values = d.array([1, 5, 127, 64])[:, None]
    samples = [Sample(values, d.array(edge)), Sample(d.normal(3, 5), 2), Sample(3, d.array([0, 4]))]
    return samples if d.dtype.kind == "u" else [*samples, Sample(-values, d.array(edge))]


def addcdiv(x: Array, a: Array, b: Array, value: float = 1) -> Array:
    return x + value * a / b


def addcmul(x: Array, a: Array, b: Array, value: float = 1) -> Array:
    return (x + value * a * b).astype(x.dtype)


def nan_to_num(x: Array, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Array:
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


def bitwise(name: str, function: Callable[..., Any], meaning: Callable[..., Any]) -> Case:
    return binary(
        name,
        function,
        meaning,
        dtypes=(*INTS, "bool"),
        numbers=(5,),
        gradient=False,
        errors=(raises(DTypeError, "needs bools or integers", np.ones(2), np.ones(2)),),
    )


def shift(name: str, function: Callable[..., Any], meaning: Callable[..., Any]) -> Case:
    return Case(
        name,
        function,
        meaning,
        shifts,
        dtypes=INTS,
        gradient=False,
        errors=(raises(DTypeError, "needs integer tensors", np.ones(2), 1),),
    )


def heaviside(x: Array, values: Array) -> Array:
    return np.where(np.isnan(x), 0, np.heaviside(x, values)).astype(x.dtype)


CASES = [
    # --- two operands, to floats
    binary(
        "atan2",
        tg.atan2,
        as_float(np.arctan2),
        a=away,
        b=away,
        numbers=(2, 0.5),
        ties=(
            tie(
                np.array([0.0, 1.0, 0.0]),
                np.array([0.0, 0.0, -1.0]),
                gradients=([0.0, 0.0, -1.0], [0.0, -1.0, 0.0]),
            ),
        ),
        **edges,
        **float_like,
    ),
    binary("hypot", tg.hypot, as_float(np.hypot), a=away, b=away, **edges, **float_like),
    binary(
        "copysign",
        tg.copysign,
        as_float(np.copysign),
        a=away,
        b=away,
        tolerances=EXACT,
        numbers=(-2,),
        ties=(
            tie(
                np.array([0.0, -2.0, 3.0]),
                np.array([-1.0, 1.0, -0.0]),
                gradients=([0.0, -1.0, -1.0], [0.0, 0.0, 0.0]),
            ),
        ),
        **edges,
        **float_like,
    ),
    binary(
        "xlogy",
        tg.xlogy,
        as_float(special.xlogy),
        b=at_least(1, 4),
        numbers=(2,),
        ties=(
            tie(
                np.array([0.0, 1.0]),
                np.array([-1.0, 2.0]),
                gradients=([0.0, np.log(2.0)], [0.0, 0.5]),
            ),
        ),
        **edges,
        **float_like,
    ),
    binary(
        "xlog1py",
        tg.special.xlog1py,
        as_float(special.xlog1py),
        b=at_least(0, 4),
        numbers=(2,),
        **edges,
        **float_like,
    ),
    binary("logaddexp", tg.logaddexp, as_float(np.logaddexp), **edges, **float_like),
    binary("logaddexp2", tg.logaddexp2, as_float(np.logaddexp2), **edges, **float_like),
    binary("ldexp", tg.ldexp, as_float(lambda x, n: x * 2.0**n), **float_like),
    binary(
        "float_power",
        tg.float_power,
        lambda x, n: np.float_power(x.astype(np.float64) if hasattr(x, "astype") else x, n),
        a=at_least(1, 3),
        b=at_least(-2, 3),
        numbers=(2,),
        dtypes=("float32", "float64", "int32"),
        result="float64",
    ),
    binary(
        "true_divide",
        tg.true_divide,
        np.divide,
        b=at_least(1, 4),
        dtypes=NUMBERS,
        result=to_float,
        errors=(),
    ),
    binary(
        "rsub_function",
        tg.rsub,
        lambda a, b: b - a,
        dtypes=NUMBERS,
        numbers=(2,),
        covers=("rsub",),
        errors=(),
    ),
    Case(
        "rsub_scaled",
        tg.rsub,
        lambda a, b, alpha: b - alpha * a,
        lambda d: [Sample(d.normal(3, 5), d.normal(5), alpha=2), Sample(d.normal(4), 7, alpha=3)],
        dtypes=NUMBERS,
        covers=("rsub",),
    ),
    # --- two operands, numbers
    binary(
        "fmod",
        tg.fmod,
        np.fmod,
        b=at_least(1, 4),
        numbers=(2,),
        dtypes=NUMBERS,
        **edges,
        **no_numbers,
    ),
    binary(
        "fmax",
        tg.fmax,
        np.fmax,
        a=Draw.distinct,
        b=apart,
        dtypes=(*NUMBERS, "bool"),
        tolerances=EXACT,
        ties=(
            tie(
                np.array([1.0, NAN, 2.0, NAN]),
                np.array([1.0, 1.0, NAN, NAN]),
                gradients=([1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0]),
            ),
        ),
        **edges,
    ),
    binary(
        "fmin",
        tg.fmin,
        np.fmin,
        a=Draw.distinct,
        b=apart,
        dtypes=(*NUMBERS, "bool"),
        tolerances=EXACT,
        ties=(
            tie(
                np.array([1.0, NAN, 2.0, NAN]),
                np.array([1.0, 1.0, NAN, NAN]),
                gradients=([1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0]),
            ),
        ),
        **edges,
    ),
    binary(
        "heaviside",
        tg.heaviside,
        heaviside,
        a=away,
        dtypes=NUMBERS,
        tolerances=EXACT,
        gradient=False,
        **edges,
    ),
    bitwise("bitwise_and", tg.bitwise_and, np.bitwise_and),
    bitwise("bitwise_or", tg.bitwise_or, np.bitwise_or),
    bitwise("bitwise_xor", tg.bitwise_xor, np.bitwise_xor),
    shift("bitwise_left_shift", tg.bitwise_left_shift, np.left_shift),
    shift("bitwise_right_shift", tg.bitwise_right_shift, np.right_shift),
    # --- three operands
    Case(
        "addcmul",
        tg.addcmul,
        addcmul,
        lambda d: [
            Sample(d.normal(3, 5), d.normal(5), d.normal(3, 1)),
            Sample(d.normal(3, 5), d.normal(3, 5), d.normal(3, 5), value=2),
            Sample(d.normal(), d.normal(), d.normal()),
        ],
        dtypes=NUMBERS,
        **rounded,
        errors=(raises(DTypeError, "value must be", *[np.ones(2, np.int32)] * 3, value=0.5),),
    ),
    Case(
        "addcdiv",
        tg.addcdiv,
        addcdiv,
        lambda d: [
            Sample(d.normal(3, 5), d.normal(5), d.away(3, 1)),
            Sample(d.normal(3, 5), d.normal(3, 5), d.away(3, 5), value=-0.5),
        ],
        **rounded,
        errors=(raises(DTypeError, "quotient of integers", *[np.ones(2, np.int32)] * 3),),
    ),
    # --- parts and signs
    unary("rad2deg", tg.rad2deg, np.rad2deg, specials=(0.0, INF, NAN), **float_like),
    unary("deg2rad", tg.deg2rad, np.deg2rad, specials=(0.0, INF, NAN), **float_like),
    unary(
        "frac",
        tg.frac,
        lambda x: x - np.trunc(x),
        0.1,
        0.9,
        (1.5, -1.5, -0.25, 2.0, INF, NAN),
        errors=(raises(DTypeError, "needs floats", np.ones(2, np.int32)),),
    ),
    unary("sgn", tg.sgn, oracle.sign, draw=away, specials=wild, tolerances=EXACT, dtypes=NUMBERS),
    unary(
        "positive",
        tg.positive,
        np.positive,
        specials=wild,
        tolerances=EXACT,
        dtypes=NUMBERS,
        errors=(raises(DTypeError, "needs numbers", np.array([True])),),
    ),
    unary("signbit", tg.signbit, oracle.signbit, specials=wild[:4] + wild[5:], dtypes=ANY, **bools),
    unary("isposinf", tg.isposinf, lambda x: x == INF, specials=wild, dtypes=ANY, **bools),
    unary("isneginf", tg.isneginf, lambda x: x == -INF, specials=wild, dtypes=ANY, **bools),
    unary("isreal", tg.isreal, np.isreal, specials=wild, dtypes=ANY, **bools),
    Case(
        "isclose",
        tg.isclose,
        np.isclose,
        lambda d: [
            Sample(d.normal(3, 5), d.normal(5)),
            Sample(d.normal(3, 5), d.normal(3, 5), rtol=0.5, atol=1),
            Sample(d.normal(3, 5), d.normal(3, 5), 0.0, 0.0),
            *[
                Sample(d.array(LEFT), d.array(RIGHT), equal_nan=nan)
                for nan in (True, False)
                if d.is_float
            ],
        ],
        dtypes=NUMBERS,
        errors=(raises(DTypeError, "differ", np.ones(2), np.ones(2, np.int64)),),
        **bools,
    ),
    Case(
        "nan_to_num",
        tg.nan_to_num,
        nan_to_num,
        lambda d: [
            Sample(d.normal(3, 5)),
            Sample(d.normal()),
            *[
                Sample(d.array([NAN, INF, -INF, 1.0]), *given, grad=False)
                for given in ((), (2.0,), (2.0, 3.0), (2.0, 3.0, 4.0))
                if d.is_float
            ],
        ],
        dtypes=NUMBERS,
        oracle_dtype=True,
        tolerances=EXACT,
        ties=(tie(np.array([NAN, INF, -INF, 1.0]), gradients=([0.0, 0.0, 0.0, 1.0],)),),
    ),
    Case(
        "clamp_min",
        tg.clamp_min,
        np.maximum,
        lambda d: clamps(d, 0),
        dtypes=ANY,
        tolerances=EXACT,
    ),
    Case(
        "clamp_max",
        tg.clamp_max,
        np.minimum,
        lambda d: clamps(d, 1),
        dtypes=ANY,
        tolerances=EXACT,
    ),
]
