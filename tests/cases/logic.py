"""Cases of comparisons, logic, choosing and casts.   User side: functional/logic.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygrad_cl as tg
from cases.core import (
    ANY,
    EXACT,
    FLOATS,
    INTS,
    NUMBERS,
    Case,
    Draw,
    Sample,
    flipped,
    permuted,
    raises,
    sliced,
    tie,
)
from cases.elementwise import INF, NAN, Array, binary, unary, wild
from tinygrad_cl import Tensor
from tinygrad_cl.errors import DTypeError, ShapeError


def comparison(name: str, function: Callable[..., Any], meaning: Callable[..., Any]) -> Case:
    """A comparison: near ties, and with NaN and infinities."""

    def small(d: Draw, *shape: int) -> Array:
        return d.uniform(-2, 2, *shape).round() if d.is_float else d.uniform(0, 3, *shape)

    with_nan = ([0.0, NAN, NAN, INF, INF, -0.0, 1.0], [NAN, 0.0, NAN, INF, -INF, 0.0, INF])
    return binary(
        name,
        function,
        meaning,
        small,
        small,
        with_nan,
        numbers=(1,),
        dtypes=ANY,
        result="bool",
        gradient=False,
    )


def logical(
    name: str, function: Callable[..., Any], meaning: Callable[..., Any], dtypes: Any
) -> Case:
    no_strings: dict[str, Any] = {"errors": ()}
    return binary(
        name,
        function,
        meaning,
        Draw.zeros_and_ones,
        Draw.zeros_and_ones,
        dtypes=dtypes,
        result="bool",
        gradient=False,
        **no_strings,
    )


def truth(ufunc: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs: ufunc(*(np.asarray(x) != 0 for x in xs))


def where_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.mask(), d.normal(), d.normal())
    yield Sample(d.mask(0), d.normal(1), d.normal(0), grad=False)
    yield Sample(d.mask(4, 5), d.normal(4, 5), d.normal(4, 5))
    yield Sample(d.mask(4, 1), d.normal(5), d.normal(3, 1, 1))
    yield Sample(permuted(d.mask(6, 4)), sliced(d.normal(6, 4)), flipped(d.normal(6, 4)))
    if d.dtype.kind != "b":
        yield Sample(d.mask(3, 17), d.normal(17), 2)
        yield Sample(d.mask(33), 1, d.normal(33))


def fill_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(), d.mask(), 1)
    yield Sample(d.normal(4, 5), d.mask(4, 5), 2)
    yield Sample(d.normal(3, 4, 5), d.mask(5), 0)
    yield Sample(permuted(d.normal(5, 4)), d.mask(5, 1), 1)


def clamp_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(3, 17), 0, 1)
    yield Sample(d.normal(0), 0, 1, grad=False)
    yield Sample(d.normal(4, 5), min=0)
    yield Sample(d.normal(4, 5), max=1)
    yield Sample(sliced(d.normal(4, 5)), 1, 0)
    if d.dtype.kind != "u":
        yield Sample(d.normal(), -1, 1)
        yield Sample(
            d.distinct(4, 5), d.distinct(5) - d.array(1.03), d.distinct(4, 1) + d.array(1.05)
        )
    if d.is_float:
        wild = d.array([NAN, INF, -INF, 0.0])
        yield Sample(wild, -0.5, 0.5, grad=False)
        yield Sample(wild, min=0.5, grad=False)
        yield Sample(wild, max=0.5, grad=False)
        yield Sample(d.normal(4), min=wild, grad=False)


def clamp_oracle(x: Any, min: Any = None, max: Any = None) -> Any:
    lowered = x if min is None else np.maximum(x, min)
    return lowered if max is None else np.minimum(lowered, max)


def cast_case(target: str) -> Case:
    """From every dtype to `target`."""

    def samples(d: Draw) -> Iterator[Sample]:
        low = 0.0 if target == "uint8" else -90.0
        for shape in [(), (0,), (1,), (3, 17)]:
            yield Sample(d.uniform(low, 90.0, *shape), target, grad=False)
        yield Sample(permuted(d.uniform(low, 90.0, 4, 6)), target)
        yield Sample(sliced(d.uniform(low, 90.0, 4, 6)), target, grad=False)
        if target == "bool" and d.is_float:
            yield Sample(d.array([0.0, -0.0, NAN, INF, 0.25]), target, grad=False)
        if target in FLOATS and d.is_float:
            yield Sample(d.array([NAN, INF, -INF, 0.0, -0.0, 60000.0, 6e-8]), target, grad=False)
        if target in FLOATS and d.dtype.name in ("int32", "int64"):
            yield Sample(d.array([2**24 + 1, -(2**31), 2**31 - 1]), target, grad=False)

    return Case(
        f"cast_to_{target}",
        Tensor.to,
        lambda x, to: x.astype(to),
        samples,
        dtypes=ANY,
        result=target,
        oracle_dtype=True,
        gradient=target in FLOATS,
        # The values between are rounded to the target: a long step, and that many digits.
        check={} if target == "float64" else {"eps": 2.0, "rtol": 1e-2, "atol": 1e-2},
        covers=("cast",),
        tolerances={"float16": (1e-3, 0.0), "float32": (0.0, 0.0), "float64": (0.0, 0.0)},
    )


CASES = [
    # --- comparisons and logic
    comparison("eq", tg.eq, np.equal),
    comparison("ne", tg.ne, np.not_equal),
    comparison("lt", tg.lt, np.less),
    comparison("le", tg.le, np.less_equal),
    comparison("gt", tg.gt, np.greater),
    comparison("ge", tg.ge, np.greater_equal),
    unary(
        "logical_not",
        tg.logical_not,
        np.logical_not,
        specials=wild,
        draw=Draw.zeros_and_ones,
        dtypes=ANY,
        result="bool",
        gradient=False,
    ),
    logical("logical_and", tg.logical_and, truth(np.logical_and), ANY),
    logical("logical_or", tg.logical_or, truth(np.logical_or), ANY),
    logical("logical_xor", tg.logical_xor, truth(np.logical_xor), ANY),
    unary(
        "bitwise_not",
        tg.bitwise_not,
        np.invert,
        dtypes=(*INTS, "bool"),
        gradient=False,
        errors=(raises(DTypeError, "~: needs bools or integers", np.ones(2)),),
    ),
    # --- choosing
    Case(
        "where",
        tg.where,
        np.where,
        where_samples,
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(
                DTypeError, "where: the condition must be bool", np.ones(3), np.ones(3), np.ones(3)
            ),
            raises(ShapeError, "do not broadcast", np.ones(2, bool), np.ones(3), np.ones(3)),
        ),
        result=lambda d: d,
    ),
    Case(
        "masked_fill",
        tg.masked_fill,
        lambda x, mask, value: np.where(mask, np.array(value).astype(x.dtype), x),
        fill_samples,
        dtypes=ANY,
        tolerances=EXACT,
        errors=(raises(DTypeError, "masked_fill", np.ones(3), np.ones(3), 0),),
    ),
    Case(
        "clamp",
        tg.clamp,
        clamp_oracle,
        clamp_samples,
        dtypes=NUMBERS,
        tolerances=EXACT,
        ties=(
            tie(np.array([-1.0, 1.0, 0.5, 2.0]), -1, 1, gradients=([1.0, 1.0, 1.0, 0.0],)),
            tie(np.array([-1.0, NAN, 0.5, -INF]), min=-1, gradients=([1.0, 0.0, 1.0, 0.0],)),
            tie(np.array([1.0, NAN, 0.5, INF]), max=1, gradients=([1.0, 0.0, 1.0, 0.0],)),
            tie(
                np.array([0.0, 1.0, NAN, 2.0]),
                np.array([1.0, 1.0, 0.0, NAN]),
                gradients=([0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]),
            ),
        ),
        errors=(raises(DTypeError, "clamp", np.ones(3)),),
        covers=("clamp", "clip"),
    ),
    *(cast_case(target) for target in ANY),
]
