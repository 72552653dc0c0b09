"""Cases of elementwise ops.   Primitives and user side: */elementwise.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import oracle
from scipy import special

import tinygrad_cl as tg
from cases.core import (
    ANY,
    EXACT,
    FLOATS,
    NUMBERS,
    Case,
    Draw,
    Sample,
    flipped,
    inner,
    permuted,
    raises,
    sliced,
    tie,
)
from tinygrad_cl.errors import DTypeError, ShapeError

INF, NAN = float("inf"), float("nan")
Array = np.ndarray


def to_float(dtype: str) -> str:
    """The dtype of ops that give floats: integers and bools become float32."""
    return dtype if dtype in FLOATS else "float32"


def unary(
    name: str,
    function: Callable[..., Any],
    meaning: Callable[..., Any],
    low: float = -3.0,
    high: float = 3.0,
    specials: tuple[float, ...] = (),
    draw: Callable[..., Array] | None = None,
    **options: Any,
) -> Case:
    """An op of one tensor, on every layout; at `specials` only values are checked."""

    def samples(d: Draw) -> Iterator[Sample]:
        def x(*shape: int) -> Array:
            return draw(d, *shape) if draw else d.uniform(low, high, *shape)

        yield Sample(x())
        yield Sample(x(0), grad=False)
        yield Sample(x(2, 0, 3), grad=False)
        yield Sample(x(1))
        yield Sample(x(3, 17))
        yield Sample(permuted(x(4, 6)))
        yield Sample(sliced(x(5, 9)))
        yield Sample(flipped(x(2, 33)), grad=False)
        yield Sample(inner(x(3, 5)), grad=False)
        if d.is_float and specials:
            yield Sample(d.array(specials), grad=False)

    def exact(x: Array) -> Any:
        return meaning(x.astype(np.float64) if options.get("result") is to_float else x)

    return Case(name, function, exact, samples, **options)


def pairs(
    a: Callable[..., Array], b: Callable[..., Array], extra: tuple[Sample, ...] = ()
) -> Iterator[Sample]:
    """Two operands in every way of broadcasting, and in different layouts."""
    yield Sample(a(), b())
    yield Sample(a(0), b(1), grad=False)
    yield Sample(a(1, 3), b(0, 3), grad=False)
    yield Sample(a(1), b(1))
    yield Sample(a(4, 5), b(4, 5))
    yield Sample(a(4, 1), b(1, 5))
    yield Sample(a(17), b(3, 17))
    yield Sample(a(2, 3, 4), b(3, 1))
    yield Sample(a(35), b(), grad=False)
    yield Sample(permuted(a(4, 6)), b(4, 6))
    yield Sample(sliced(a(3, 8)), flipped(b(3, 8)))
    yield Sample(inner(a(3, 7)), permuted(b(7)), grad=False)
    yield from extra


def binary(
    name: str,
    function: Callable[..., Any],
    meaning: Callable[..., Any],
    a: Callable[..., Array] = Draw.normal,
    b: Callable[..., Array] = Draw.normal,
    specials: tuple[list[float], list[float]] | None = None,
    numbers: tuple[float, ...] = (),
    **options: Any,
) -> Case:
    """An op of two tensors; `numbers` are Python operands; `specials` are checked by value only."""

    def samples(d: Draw) -> Iterator[Sample]:
        yield from pairs(lambda *s: a(d, *s), lambda *s: b(d, *s))
        for number in numbers if d.dtype.kind != "b" or options.get("result") == "bool" else ():
            if d.is_float or isinstance(number, int):
                yield Sample(a(d, 3, 4), number)
                yield Sample(number, b(d, 3, 4))
        if d.is_float and specials:
            yield Sample(d.array(specials[0]), d.array(specials[1]), grad=False)

    errors = (
        raises(ShapeError, f"{name}: shapes", np.ones((2, 3)), np.ones((2, 4))),
        raises(ShapeError, "do not broadcast", np.ones((0,)), np.ones((3,))),
        raises(DTypeError, name, np.ones(3), "three"),
    )
    return Case(name, function, meaning, samples, **{"errors": errors} | options)


def at_least(low: float, high: float = 3.0) -> Callable[..., Array]:
    return lambda d, *shape: d.uniform(low, high, *shape)


def tiny_ints(d: Draw, *shape: int) -> Array:
    return d.uniform(1, 3, *shape)


def rounding(name: str, function: Callable[..., Any], meaning: Callable[..., Any]) -> Case:
    specials = (0.5, 1.5, 2.5, -0.5, -1.5, 0.0, -0.0, INF, -INF, NAN, 1e4, -3.0)
    draw = Draw.away
    return unary(
        name,
        function,
        meaning,
        specials=specials,
        draw=lambda d, *s: draw(d, *s) if d.is_float else d.normal(*s),
        dtypes=NUMBERS,
        tolerances=EXACT,
    )


wild = (0.0, -0.0, INF, -INF, NAN, 88.0, -88.0, 1e4, -1e4)
huge = (0.0, -0.0, 100.0, 1e3, 6e4, -6e4, NAN)
float_like = {"dtypes": (*FLOATS, "int32", "bool"), "result": to_float}
over = {"dtypes": NUMBERS}

CASES = [
    # --- one operand, to floats
    unary("exp", tg.exp, np.exp, specials=wild, **float_like),
    unary("log", tg.log, np.log, 0.2, 4, (0.0, -1.0, INF, NAN, 1e-4, 6e4), **float_like),
    unary("sqrt", tg.sqrt, np.sqrt, 0.2, 4, (0.0, -1.0, INF, NAN, 6e4), **float_like),
    unary("rsqrt", tg.rsqrt, lambda x: 1 / np.sqrt(x), 1, 4, (0.0, -1.0, INF, NAN), **float_like),
    unary("sin", tg.sin, np.sin, specials=huge, **float_like),
    unary("cos", tg.cos, np.cos, specials=huge, **float_like),
    unary("tanh", tg.tanh, np.tanh, specials=wild, **float_like),
    unary("sigmoid", tg.sigmoid, special.expit, specials=wild, **float_like),
    unary("erf", tg.erf, special.erf, specials=(*wild, 1e-4, 0.9, 1.1, 2.9, -2.9), **float_like),
    unary("isnan", tg.isnan, np.isnan, specials=wild, dtypes=ANY, result="bool", gradient=False),
    unary("isinf", tg.isinf, np.isinf, specials=wild, dtypes=ANY, result="bool", gradient=False),
    unary(
        "isfinite",
        tg.isfinite,
        np.isfinite,
        specials=wild,
        dtypes=ANY,
        result="bool",
        gradient=False,
    ),
    unary("reciprocal", tg.reciprocal, lambda x: 1 / x, 0.5, 4, (0.0, INF, NAN), dtypes=FLOATS),
    # --- one operand, numbers
    unary("neg", tg.neg, np.negative, specials=wild, tolerances=EXACT, **over),
    unary("clone", tg.clone, np.copy, specials=wild, **over),
    unary("square", tg.square, np.square, specials=wild, **over),
    Case(
        "bool_to_int64",
        lambda x: (tg.square(x), tg.pow(x, 2)),
        lambda x: (x.astype(np.int64), x.astype(np.int64)),
        lambda d: [Sample(d.mask(3, 5)), Sample(d.mask())],
        dtypes=("bool",),
        result="int64",
        gradient=False,
        covers=("square", "pow"),
    ),
    Case(
        "sign_of_bool",
        tg.sign,
        np.copy,
        lambda d: [Sample(d.mask(3, 5))],
        dtypes=("bool",),
        gradient=False,
        oracle_dtype=True,
        covers=("sign",),
    ),
    unary(
        "abs",
        tg.abs,
        np.abs,
        specials=wild,
        draw=lambda d, *s: d.away(*s) if d.is_float else d.normal(*s),
        tolerances=EXACT,
        ties=(tie(np.array([0.0, -0.0, 2.0, -3.0]), gradients=([0.0, 0.0, 1.0, -1.0],)),),
        **over,
    ),
    unary(
        "sign",
        tg.sign,
        oracle.sign,
        specials=wild,
        draw=lambda d, *s: d.away(*s) if d.is_float else d.normal(*s),
        tolerances=EXACT,
        ties=(tie(np.array([0.0, 2.0]), gradients=([0.0, 0.0],)),),
        **over,
    ),
    unary(
        "relu",
        tg.relu,
        lambda x: np.maximum(x, 0),
        specials=wild,
        draw=lambda d, *s: d.away(*s) if d.is_float else d.normal(*s),
        tolerances=EXACT,
        ties=(tie(np.array([0.0, -0.0, 2.0, -3.0]), gradients=([0.0, 0.0, 1.0, 0.0],)),),
    ),
    rounding("floor", tg.floor, np.floor),
    rounding("ceil", tg.ceil, np.ceil),
    rounding("round", tg.round, np.rint),
    rounding("trunc", tg.trunc, np.trunc),
    # --- two operands
    binary(
        "add",
        tg.add,
        np.add,
        dtypes=ANY,
        numbers=(2, 0.5),
        specials=([INF, INF, NAN, 6e4], [1.0, -INF, 0.0, 6e4]),
        result=lambda d: d,
    ),
    binary("sub", tg.sub, np.subtract, dtypes=NUMBERS, numbers=(2, 0.5)),
    binary(
        "mul",
        tg.mul,
        np.multiply,
        dtypes=ANY,
        numbers=(2, 0.5),
        specials=([INF, 0.0, NAN, 6e4], [0.0, -1.0, 0.0, 6e4]),
    ),
    binary(
        "div",
        tg.div,
        np.divide,
        b=at_least(1, 4),
        numbers=(2, 0.5),
        dtypes=(*NUMBERS, "bool"),
        result=to_float,
        specials=([1.0, -1.0, 0.0, INF, 1.0], [0.0, 0.0, 0.0, INF, INF]),
    ),
    Case(
        "div_rounded",
        tg.div,
        oracle.div_rounded,
        lambda d: [
            Sample(d.normal(4, 5), d.uniform(1, 4, 5), rounding_mode=mode)
            for mode in ("trunc", "floor")
        ],
        dtypes=NUMBERS,
        covers=("div",),
        ties=(
            tie(
                np.array([0.0, 1.0, INF]),
                np.array([0.0, 0.0, 2.0]),
                rounding_mode="trunc",
                gradients=([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
            ),
        ),
        errors=(raises(DTypeError, "rounding_mode", np.ones(2), 2, rounding_mode="up"),),
    ),
    binary(
        "floor_divide",
        tg.floor_divide,
        np.floor_divide,
        b=at_least(1, 4),
        numbers=(2,),
        dtypes=NUMBERS,
        specials=([1.0, -1.0, 7.5, -7.5, NAN], [0.0, 0.0, -2.0, 2.0, 1.0]),
    ),
    binary(
        "remainder",
        tg.remainder,
        np.remainder,
        b=at_least(1, 4),
        numbers=(2,),
        dtypes=NUMBERS,
        specials=([7.5, -7.5, 7.5, -7.5, NAN], [2.0, 2.0, -2.0, -2.0, 1.0]),
    ),
    binary(
        "pow",
        tg.pow,
        np.power,
        a=at_least(1, 3),
        b=lambda d, *s: d.uniform(-2, 3, *s) if d.is_float else d.uniform(0, 4, *s),
        dtypes=NUMBERS,
        specials=(
            [0.0, 0.0, -2.0, -2.0, INF, 2.0, 1.0, 0.0, -8.0],
            [0.0, 2.0, 3.0, 0.5, -1.0, 1e4, NAN, -1.0, 2.0],
        ),
        tolerances={"float32": (4e-6, 1e-6)},
        ties=(
            tie(
                np.array([0.0, 0.0, 0.0, 2.0]),
                np.array([2.0, 0.0, 1.0, 0.0]),
                gradients=([0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, np.log(2.0)]),
            ),
            tie(np.array([1e-310, -1e-310, NAN]), 0, gradients=([0.0, 0.0, 0.0],)),
            tie(
                np.array([0.0, -0.0, INF, -INF, 4.0]),
                -0.5,
                gradients=([-INF, -INF, 0.0, 0.0, -1 / 16],),
            ),
        ),
    ),
    Case(
        "pow_number",
        tg.pow,
        np.power,
        lambda d: [
            Sample(d.uniform(1, 3, 3, 5), number)
            for number in ((2, 3, 0, 1) if not d.is_float else (2, 3, 0, 1, 0.5, -0.5, -1, 2.5, -2))
        ],
        dtypes=NUMBERS,
        tolerances={"float32": (4e-6, 1e-6)},
        covers=("pow",),
        errors=(raises(DTypeError, "negative power", np.ones(2, np.int32), -1),),
    ),
    Case(
        "number_to_the_power",
        tg.pow,
        np.power,
        lambda d: [Sample(2.0, d.normal(3, 5)), Sample(0.5, d.normal())],
        tolerances={"float32": (4e-6, 1e-6)},
        covers=("pow",),
    ),
    binary(
        "maximum",
        tg.maximum,
        np.maximum,
        a=Draw.distinct,
        b=lambda d, *s: d.distinct(*s) + d.array(0.03 if d.is_float else 1),
        dtypes=(*NUMBERS, "bool"),
        tolerances=EXACT,
        specials=([NAN, 1.0, INF, -INF], [1.0, NAN, 2.0, INF]),
        ties=(tie(np.array([1.0, 2.0]), np.array([1.0, 3.0]), gradients=([0.5, 0.0], [0.5, 1.0])),),
    ),
    binary(
        "minimum",
        tg.minimum,
        np.minimum,
        a=Draw.distinct,
        b=lambda d, *s: d.distinct(*s) + d.array(0.03 if d.is_float else 1),
        dtypes=(*NUMBERS, "bool"),
        tolerances=EXACT,
        specials=([NAN, 1.0, INF, -INF], [1.0, NAN, 2.0, INF]),
        ties=(tie(np.array([1.0, 2.0]), np.array([1.0, 3.0]), gradients=([0.5, 1.0], [0.5, 0.0])),),
    ),
    Case(
        "add_scaled",
        tg.add,
        lambda a, b, alpha: a + alpha * b,
        lambda d: [Sample(d.normal(3, 5), d.normal(5), alpha=2)],
        dtypes=NUMBERS,
        covers=("add",),
    ),
    Case(
        "sub_scaled",
        tg.sub,
        lambda a, b, alpha: a - alpha * b,
        lambda d: [Sample(d.normal(3, 5), d.normal(5), alpha=2)],
        dtypes=NUMBERS,
        covers=("sub",),
    ),
    Case(
        "rsub",
        lambda a, b: b - a,
        lambda a, b: b - a,
        lambda d: [Sample(d.normal(3, 5), d.normal(5)), Sample(d.normal(3, 5), 2)],
        dtypes=NUMBERS,
    ),
    Case(
        "lerp",
        tg.lerp,
        oracle.lerp,
        lambda d: [
            Sample(d.normal(3, 5), d.normal(5), 0.3),
            Sample(d.normal(3, 5), d.normal(5), 0.75),
            Sample(d.normal(4), d.normal(4), d.normal(4)),
            *[
                Sample(
                    d.array([INF, 1.0, -INF, INF]), d.array([1.0, INF, 2.0, -INF]), w, grad=False
                )
                for w in (0.0, 0.25, 0.5, 0.75, 1.0, -1.0, d.array([0.25, 0.75, 0.5, -1.0]))
            ],
        ],
        ties=(
            tie(
                np.array([1.0, INF]),
                np.array([INF, 1.0]),
                np.array([0.25, 0.75]),
                gradients=([0.75, 0.25], [0.25, 0.75], [INF, -INF]),
            ),
        ),
    ),
]
