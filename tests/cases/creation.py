"""Cases of creation ops and random numbers.   User side: functional/{creation,random}.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import oracle

import tinygrad_cl as tg
from cases.core import ANY, EXACT, NUMBERS, Case, Draw, Sample, permuted, raises
from cases.movement import primitive
from tinygrad_cl.errors import ShapeError

SHAPES = [(), (0,), (3,), (2, 0, 3), (3, 17)]


def sized(d: Draw) -> Iterator[Sample]:
    for shape in SHAPES:
        yield Sample(shape, dtype=d.dtype.name)


def filled(d: Draw) -> Iterator[Sample]:
    for shape in SHAPES:
        yield Sample(shape, 1, dtype=d.dtype.name)
    if d.is_float:
        yield Sample((5,), float("nan"), dtype=d.dtype.name)
        yield Sample((5,), -float("inf"), dtype=d.dtype.name)
        yield Sample((5,), 0.1, dtype=d.dtype.name)
    if d.dtype.name == "int64":
        yield Sample((5,), 2**53 + 1, dtype="int64")


def alike(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(3, 17))
    yield Sample(permuted(d.normal(4, 5)))
    yield Sample(d.normal())
    yield Sample(d.normal(0, 2))


def data(d: Draw) -> Iterator[Sample]:
    for shape in SHAPES:
        yield Sample(d.normal(*shape))
    yield Sample(permuted(d.normal(4, 5)))


def ranges(d: Draw) -> Iterator[Sample]:
    for limits in [(7,), (2, 9), (0, 10, 3), (9, 0, -2), (0,), (3, 3)]:
        if d.dtype.name != "uint8" or len(limits) < 3 or limits[2] > 0:
            yield Sample(*limits, dtype=d.dtype.name)
    if d.is_float:
        yield Sample(0.5, 3.0, 0.25, dtype=d.dtype.name)


def seeded(function: Any) -> Any:
    """Draws after seeding: the seed, what was drawn before, then the arguments."""

    def drawn(seed: int, before: int, *args: Any, device: str, **options: Any) -> Any:
        tg.manual_seed(seed)
        tg.rand(before)
        return function(*args, device=device, **options)

    return drawn


def streams(d: Draw) -> Iterator[Sample]:
    for seed, before, shape in [(0, 0, (5,)), (7, 3, (3, 17)), (2**40 + 5, 1, ()), (-1, 0, (33,))]:
        yield Sample(seed, before, shape)


CASES = [
    Case(
        "zeros",
        tg.zeros,
        lambda size, dtype: np.zeros(size, dtype),
        sized,
        dtypes=ANY,
        tolerances=EXACT,
        gradient=False,
        wants_device=True,
        errors=(raises(ShapeError, "negative", (-1,)),),
        covers=("zeros", "empty"),
    ),
    Case(
        "ones",
        tg.ones,
        lambda size, dtype: np.ones(size, dtype),
        sized,
        dtypes=ANY,
        tolerances=EXACT,
        gradient=False,
        wants_device=True,
        errors=(raises(ShapeError, "integers", 2.5),),
    ),
    Case(
        "full",
        tg.full,
        lambda size, value, dtype: np.full(size, value, dtype),
        filled,
        dtypes=ANY,
        tolerances=EXACT,
        gradient=False,
        wants_device=True,
    ),
    Case(
        "eye",
        tg.eye,
        lambda n, m=None, dtype=None: np.eye(n, m, dtype=dtype),
        lambda d: [
            Sample(*size, dtype=d.dtype.name) for size in [(3,), (3, 17), (5, 2), (0,), (0, 3)]
        ],
        dtypes=ANY,
        gradient=False,
        wants_device=True,
        tolerances=EXACT,
        errors=(raises(ShapeError, "negative", -1),),
    ),
    Case(
        "arange",
        tg.arange,
        lambda *limits, dtype: np.arange(*limits).astype(dtype),
        ranges,
        dtypes=NUMBERS,
        gradient=False,
        wants_device=True,
        errors=(
            raises(ShapeError, "does not lead", 0, 5, -1),
            raises(ShapeError, "does not lead", 0, 5, 0),
        ),
    ),
    Case(
        "linspace",
        tg.linspace,
        lambda a, b, n, dtype: np.linspace(a, b, n).astype(dtype),
        lambda d: [
            Sample(a, b, n, dtype=d.dtype.name)
            for a, b, n in [(0, 1, 5), (-2.5, 7, 17), (1, 1, 1), (0, 1, 0)]
        ],
        gradient=False,
        wants_device=True,
        errors=(raises(ShapeError, "negative", 0, 1, -1),),
    ),
    Case(
        "zeros_like",
        tg.zeros_like,
        np.zeros_like,
        alike,
        dtypes=ANY,
        tolerances=EXACT,
        gradient=False,
        covers=("zeros_like", "empty_like"),
    ),
    Case(
        "ones_like", tg.ones_like, np.ones_like, alike, dtypes=ANY, tolerances=EXACT, gradient=False
    ),
    Case(
        "full_like",
        tg.full_like,
        np.full_like,
        lambda d: [Sample(d.normal(3, 5), 1), Sample(d.normal(), 0)],
        dtypes=ANY,
        tolerances=EXACT,
        gradient=False,
    ),
    Case(
        "tensor",
        lambda x: tg.tensor(x.numpy(), device=x.device),
        lambda x: x,
        data,
        dtypes=ANY,
        tolerances=EXACT,
        gradient=False,
        covers=("tensor",),
    ),
    Case(
        "from_numpy",
        lambda x: tg.from_numpy(np.array(x.numpy()), device=x.device),
        lambda x: x,
        data,
        dtypes=ANY,
        tolerances=EXACT,
        gradient=False,
    ),
    Case(
        "as_tensor",
        lambda x: tg.as_tensor(x),
        lambda x: x,
        data,
        dtypes=ANY,
        tolerances=EXACT,
        gradient=False,
    ),
    Case(
        "iota",
        primitive("iota"),
        lambda shape: np.arange(np.prod(shape, dtype=np.int64)).reshape(shape),
        lambda d: [Sample(shape=shape) for shape in SHAPES],
        dtypes=("int64",),
        gradient=False,
    ),
    # --- random numbers: the bits are those of Philox4x32-10
    Case(
        "rand",
        seeded(tg.rand),
        oracle.rand,
        streams,
        dtypes=("float32",),
        tolerances=EXACT,
        gradient=False,
        wants_device=True,
        covers=("rand",),
    ),
    Case(
        "randn",
        seeded(tg.randn),
        oracle.randn,
        streams,
        dtypes=("float32",),
        tolerances={"float32": (1e-5, 2e-6)},
        gradient=False,
        wants_device=True,
        covers=("randn",),
    ),
]
