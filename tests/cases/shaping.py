"""Cases of joining, cutting, turning, diagonals and grids.   User side: functional/."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import oracle

import tinygrad_cl as tg
from cases.core import (
    ANY,
    FLOATS,
    NUMBERS,
    Case,
    Const,
    Draw,
    Sample,
    flipped,
    permuted,
    raises,
    sliced,
)
from cases.movement import layouts, primitive, row
from tinygrad_cl.errors import DTypeError, ShapeError

X = np.ones((2, 3))


def mixed(*shapes: tuple[int, ...]) -> Callable[[Draw], Iterator[Sample]]:
    """One sample per shape, the tensor alone."""

    def samples(d: Draw) -> Iterator[Sample]:
        for shape in shapes:
            yield Sample(d.normal(*shape), grad=0 not in shape)
        yield Sample(permuted(d.normal(3, 4)))
        yield Sample(flipped(d.normal(2, 3)))

    return samples


def several(*groups: tuple[tuple[int, ...], ...]) -> Callable[[Draw], Iterator[Sample]]:
    """One sample per group of shapes, a list of tensors."""

    def samples(d: Draw) -> Iterator[Sample]:
        for shapes in groups:
            yield Sample([d.normal(*s) for s in shapes], grad=all(0 not in s for s in shapes))
        yield Sample([permuted(d.normal(3, 3)), flipped(d.normal(3, 3))])

    return samples


def atleast(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs: function(*xs[0]) if isinstance(xs[0], list) else function(*xs)


def atleast_samples(d: Draw) -> Iterator[Sample]:
    for shape in [(), (3,), (2, 3), (2, 3, 2), (1, 2, 3, 2)]:
        yield Sample(d.normal(*shape))
    yield Sample([d.normal(), permuted(d.normal(3, 4))])
    yield Sample(d.normal(), d.normal(2))
    yield Sample(d.normal(0), grad=False)


def diagonal_samples(d: Draw) -> Iterator[Sample]:
    for offset in (0, 1, -2, 2):
        yield Sample(d.normal(4, 5), offset)
    yield Sample(d.normal(4, 5), 9, grad=False)
    yield Sample(d.normal(2, 3, 4))
    yield Sample(d.normal(2, 3, 4), 1, 2, 0)
    yield Sample(d.normal(2, 3, 4, 3), -1, -1, -3)
    for x in layouts(d, 4, 6):
        yield Sample(x, 1)
    yield Sample(d.normal(0, 3), grad=False)


def padded_diagonal(x: Any, offset: int) -> Any:
    """The diagonal of a matrix with zeros around it, which no buffer holds."""
    return tg.diagonal(tg.constant_pad_nd(x, (2, 1, 1, 2)), offset)


def embed_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(3))
    yield Sample(d.normal(3), 2)
    yield Sample(d.normal(2, 3), -1)
    yield Sample(d.normal(2, 3), 1, 0, 2)
    yield Sample(permuted(d.normal(2, 3)), 0, 2, 0)
    yield Sample(d.normal(0), grad=False)
    yield Sample(d.normal(0), 2, grad=False)


def diag_samples(d: Draw) -> Iterator[Sample]:
    for offset in (0, 1, -1):
        yield Sample(d.normal(3), offset)
        yield Sample(d.normal(3, 4), offset)
    yield Sample(permuted(d.normal(3, 4)))


def trace_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(3, 3))
    yield Sample(permuted(d.normal(3, 5)))
    yield Sample(d.normal(0, 3), grad=False)


def split_samples(d: Draw) -> Iterator[Sample]:
    for sections in (2, 3, 7, [1, 3], [0, 2, 9], [-2], [3, 1]):
        yield Sample(d.normal(5, 2), sections)
    yield Sample(permuted(d.normal(3, 4)), 3, -1)
    yield Sample(d.normal(5), np.array([1, 4]))
    yield Sample(d.normal(0, 2), 2, grad=False)


def split_oracle(x: np.ndarray, sections: Any, dim: int = 0) -> Any:
    return np.array_split(x, sections, axis=dim)


def window_samples(d: Draw) -> Iterator[Sample]:
    for size, step in [(3, 1), (3, 2), (2, 3), (4, 4), (7, 1), (1, 5), (5, 3), (0, 1)]:
        yield Sample(d.normal(7), 0, size, step, grad=size > 0)
    yield Sample(d.normal(3, 8, 2), 1, 3, 2)
    yield Sample(permuted(d.normal(6, 5)), -2, 4, 1)
    yield Sample(flipped(d.normal(6, 5)), 1, 2, 2)
    yield Sample(sliced(d.normal(2, 6)), 1, 3, 1)
    yield Sample(d.normal(), 0, 1, 1)


def chain(x: Any) -> Any:
    """Windows and diagonals through padded, turned and cut views."""
    padded = tg.constant_pad_nd(x, (1, 2)).transpose(0, 1)
    return padded.unfold(1, 2, 1).diagonal(1, 0, 1).flip(0)[:, ::2]


def chain_oracle(x: np.ndarray) -> np.ndarray:
    padded = np.pad(x, ((0, 0), (1, 2))).T
    return np.diagonal(oracle.unfolded(padded, 1, 2, 1), 1, 0, 1)[::-1, ::2]


def rot_samples(d: Draw) -> Iterator[Sample]:
    for k in range(-2, 5):
        yield Sample(d.normal(2, 3), k)
    yield Sample(d.normal(2, 3, 4), 1, (1, 2))
    yield Sample(d.normal(2, 3, 4), 3, [2, 0])
    yield Sample(permuted(d.normal(3, 4)), 1, (-1, 0))


def rot_oracle(x: np.ndarray, k: int = 1, dims: Any = (0, 1)) -> np.ndarray:
    return np.rot90(x, k, tuple(dims))


def sum_to_samples(d: Draw) -> Iterator[Sample]:
    for size in [(2, 3, 4), (3, 4), (1, 4), (1, 1), (4,), (), (2, 1, 1)]:
        yield Sample(d.normal(2, 3, 4), size)
    yield Sample(permuted(d.normal(3, 4)), (1, 4))


def fill_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(2, 3), 1)
    yield Sample(d.normal(2, 3), d.normal(), grad=False)
    yield Sample(d.normal(), 0)


def grid_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(3), d.normal(2))
    yield Sample(d.normal(3), d.normal(2), d.normal(4), indexing="xy")
    yield Sample([d.normal(3), d.normal()])
    yield Sample(d.normal(2), indexing="xy")
    yield Sample(d.normal(0), d.normal(2), grad=False)


def grid_oracle(*xs: Any, indexing: str = "ij") -> Any:
    listed = xs[0] if isinstance(xs[0], list) else xs
    return [np.array(g) for g in np.meshgrid(*listed, indexing=indexing)]


def choose_oracle(x: np.ndarray, r: int = 2, with_replacement: bool = False) -> np.ndarray:
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    if r == 0:
        return np.zeros(0, x.dtype)
    return np.array(list(choose(x.tolist(), r)), x.dtype).reshape(-1, r)


def choose_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4))
    yield Sample(d.normal(4), 3)
    yield Sample(d.normal(3), 2, True)
    yield Sample(d.normal(2), 3, grad=False)
    yield Sample(d.normal(2), 0, grad=False)


def index_samples(d: Draw) -> Iterator[Sample]:
    for given in [(3, 3), (3, 4, 1), (4, 3, -1), (2, 2, 9), (0, 3)]:
        yield Sample(*given, dtype=d.dtype.name)


def logspace_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(0, 3, 4, dtype=d.dtype.name)
    yield Sample(-1.5, 2.0, 7, 2.0, dtype=d.dtype.name)
    yield Sample(3, 0, 1, dtype=d.dtype.name)
    yield Sample(0, 1, 0, dtype=d.dtype.name)


def logspace_oracle(
    start: float, end: float, steps: int, base: float = 10, dtype: Any = None
) -> Any:
    return np.logspace(start, end, steps, base=base)


def new_samples(d: Draw) -> Iterator[Sample]:
    for shape in [(), (3,), (2, 0), (2, 3)]:
        yield Sample(d.normal(2), shape)


def scatter_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(3, 4), d.normal(3), offset=1, dim1=0, dim2=1)
    yield Sample(permuted(d.normal(3, 4)), flipped(d.normal(2)), offset=-1, dim1=0, dim2=1)
    yield Sample(d.normal(2, 3, 3), d.normal(3, 2), offset=-1, dim1=2, dim2=0)


CASES = [
    row("atleast_1d", tg.atleast_1d, atleast(np.atleast_1d), atleast_samples),
    row("atleast_2d", tg.atleast_2d, atleast(np.atleast_2d), atleast_samples),
    row("atleast_3d", tg.atleast_3d, atleast(np.atleast_3d), atleast_samples),
    row(
        "hstack",
        tg.hstack,
        np.hstack,
        several(((), ()), ((3,), (2,)), ((2, 3), (2, 1)), ((2, 0), (2, 2))),
        raises(ShapeError, "hstack: needs a list", []),
        raises(ShapeError, "differ in more than dim 1", [X, np.ones((3, 3))]),
    ),
    row(
        "vstack",
        tg.vstack,
        np.vstack,
        several(((), ()), ((3,), (3,)), ((2, 3), (3,)), ((2, 3, 2), (1, 3, 2))),
        raises(ShapeError, "vstack: needs a list", X),
    ),
    row("dstack", tg.dstack, np.dstack, several(((), ()), ((3,), (3,)), ((2, 3), (2, 3)))),
    row(
        "column_stack",
        tg.column_stack,
        np.column_stack,
        several(((), ()), ((3,), (3,)), ((2,), (2, 3))),
        raises(ShapeError, "column_stack: needs a list", []),
    ),
    row(
        "block_diag",
        lambda xs: tg.block_diag(*xs),
        oracle.block_diag,
        several(((), (2,)), ((2, 3), (3, 1), (1, 1)), ((2, 2),), ((0, 2), (2, 1))),
        raises(ShapeError, "block_diag: needs matrices", [np.ones((1, 2, 3))]),
        raises(ShapeError, "at least one matrix", []),
    ),
    row(
        "diagonal",
        tg.diagonal,
        lambda x, *given: np.array(np.diagonal(x, *given)),
        diagonal_samples,
        raises(ShapeError, "diagonal: needs two different dims, got 0 and -2", X, 0, 0, -2),
        raises(ShapeError, "diagonal: needs at least two dims", np.ones(3)),
        raises(ShapeError, "out of range", X, 0, 0, 2),
    ),
    row(
        "diagonal_padded",
        padded_diagonal,
        lambda x, k: np.array(np.diagonal(np.pad(x, ((1, 2), (2, 1))), k)),
        lambda d: [Sample(d.normal(3, 4), k) for k in (-2, -1, 0, 1, 3, 6)],
    ),
    row(
        "diagonal_scatter_primitive",
        primitive("diagonal_scatter"),
        oracle.diagonal_set,
        scatter_samples,
        raises(ShapeError, "the diagonal of (2, 3)", X, np.ones(3), offset=0, dim1=0, dim2=1),
    ),
    row(
        "diag_embed",
        tg.diag_embed,
        oracle.diag_embed,
        embed_samples,
        raises(ShapeError, "diag_embed: needs two different dims", X, 0, 1, 1),
        raises(ShapeError, "diag_embed: needs at least one dim", np.ones(())),
    ),
    row(
        "diag",
        tg.diag,
        lambda x, k=0: np.array(np.diag(x, k)),
        diag_samples,
        raises(ShapeError, "diag: needs one or two dims", np.ones((1, 2, 3))),
    ),
    row(
        "diagflat",
        tg.diagflat,
        np.diagflat,
        lambda d: [Sample(d.normal(2, 3), 1), Sample(d.normal()), Sample(permuted(d.normal(2, 2)))],
    ),
    Case(
        "trace",
        tg.trace,
        np.trace,
        trace_samples,
        dtypes=ANY,
        result=lambda name: name if name.startswith("float") else "int64",
        errors=(raises(ShapeError, "trace: needs a matrix", np.ones(3)),),
    ),
    row(
        "split_with_sizes",
        tg.split_with_sizes,
        lambda x, sizes, dim=0: np.split(x, np.cumsum(sizes)[:-1], axis=dim),
        lambda d: [
            Sample(d.normal(5, 2), [2, 3]),
            Sample(permuted(d.normal(3, 4)), [0, 1, 3], -1),
        ],
        raises(ShapeError, "do not add up", X, [1, 2], 0),
    ),
    row(
        "tensor_split",
        tg.tensor_split,
        split_oracle,
        split_samples,
        raises(ShapeError, "into 0 pieces", X, 0),
        raises(ShapeError, "no dim to cut", np.ones(()), 2),
    ),
    row(
        "unfold_dim",
        tg.Tensor.unfold,
        oracle.unfolded,
        window_samples,
        raises(ShapeError, "unfold: windows of 4 elements", X, 1, 4, 1),
        raises(ShapeError, "unfold: windows of 2 elements, 0 apart", X, 1, 2, 0),
        covers=("windows",),
    ),
    row(
        "views_of_diagonals",
        chain,
        chain_oracle,
        lambda d: [Sample(d.normal(6, 5)), Sample(permuted(d.normal(7, 4)))],
    ),
    row(
        "reshape_as",
        tg.Tensor.reshape_as,
        lambda x, y: x.reshape(y.shape),
        lambda d: [
            Sample(d.normal(2, 6), d.normal(3, 4)),
            Sample(permuted(d.normal(2, 3)), d.normal(6)),
        ],
        raises(ShapeError, "reshape", X, np.ones(5)),
    ),
    row(
        "view_as",
        tg.Tensor.view_as,
        lambda x, y: x.reshape(y.shape),
        lambda d: [Sample(d.normal(2, 6), d.normal(3, 4))],
    ),
    row(
        "swapaxes",
        tg.swapaxes,
        np.swapaxes,
        lambda d: [Sample(d.normal(2, 3, 4), 0, -1), Sample(d.normal(2, 3), 1, 1)],
        raises(ShapeError, "swapaxes: dim 2 is out of range", X, 0, 2),
    ),
    row(
        "swapdims",
        tg.swapdims,
        np.swapaxes,
        lambda d: [Sample(d.normal(2, 3, 4), 0, -1)],
    ),
    row(
        "fliplr",
        tg.fliplr,
        np.fliplr,
        mixed((2, 3), (2, 3, 2), (2, 0)),
        raises(ShapeError, "fliplr: needs at least two dims", np.ones(3)),
    ),
    row(
        "flipud",
        tg.flipud,
        np.flipud,
        mixed((3,), (2, 3, 2)),
        raises(ShapeError, "flipud: needs at least one dim", np.ones(())),
    ),
    row(
        "rot90",
        tg.rot90,
        rot_oracle,
        rot_samples,
        raises(ShapeError, "rot90: needs two different dims", X, 1, (0, 0)),
        raises(ShapeError, "rot90: needs two dims", X, 1, (0,)),
    ),
    Case(
        "sum_to_size",
        tg.Tensor.sum_to_size,
        oracle.sum_to_size,
        sum_to_samples,
        dtypes=NUMBERS,
        errors=(
            raises(ShapeError, "(2,) does not broadcast to (2, 3)", X, 2),
            raises(ShapeError, "does not broadcast", np.ones(3), (1, 3)),
        ),
    ),
    row(
        "constant_pad_nd",
        tg.constant_pad_nd,
        lambda x, pad, value=0: np.pad(x, ((0, 0), tuple(pad)), constant_values=value),
        lambda d: [Sample(d.normal(2, 3), (1, 2)), Sample(d.normal(2, 3), (0, 1), 1)],
    ),
    row(
        "fill",
        tg.fill,
        lambda x, value: np.full_like(x, value),
        fill_samples,
        raises(ShapeError, "fill: needs a number or a zero-dimensional tensor", X, np.ones(2)),
        raises(DTypeError, "does not fit", np.ones(2, np.int64), np.ones(())),
        gradient=False,
    ),
    row(
        "fill_tensor",
        tg.fill,
        lambda x, value: np.full_like(x, value),
        lambda d: [Sample(Const(d.normal(2, 3)), d.normal())],
        dtypes=FLOATS,
    ),
    row(
        "meshgrid",
        tg.meshgrid,
        grid_oracle,
        grid_samples,
        raises(ShapeError, "meshgrid: needs vectors", X),
        raises(DTypeError, 'must be "ij" or "xy"', np.ones(2), indexing="yx"),
        raises(DTypeError, "needs one dtype", np.ones(2), np.ones(2, np.int64)),
    ),
    row(
        "cartesian_prod",
        tg.cartesian_prod,
        lambda *xs: xs[0] if len(xs) == 1 else np.array(list(itertools.product(*xs)), xs[0].dtype),
        lambda d: [
            Sample(d.normal(3), d.normal(2)),
            Sample(d.normal(2), d.normal(2), flipped(d.normal(3))),
            Sample(d.normal(3)),
        ],
        raises(ShapeError, "cartesian_prod: needs vectors", X),
    ),
    row(
        "combinations",
        tg.combinations,
        choose_oracle,
        choose_samples,
        raises(ShapeError, "combinations: needs a vector", X),
    ),
    Case(
        "tril_indices",
        tg.tril_indices,
        lambda n, m, k=0, dtype=None: np.stack(np.tril_indices(n, k, m)),
        index_samples,
        dtypes=("int64", "int32"),
        gradient=False,
        wants_device=True,
        errors=(raises(ShapeError, "tril_indices: sizes must not be negative", -1, 2),),
    ),
    Case(
        "triu_indices",
        tg.triu_indices,
        lambda n, m, k=0, dtype=None: np.stack(np.triu_indices(n, k, m)),
        index_samples,
        dtypes=("int64", "int32"),
        gradient=False,
        wants_device=True,
    ),
    Case(
        "logspace",
        tg.logspace,
        logspace_oracle,
        logspace_samples,
        gradient=False,
        wants_device=True,
        errors=(raises(ShapeError, "logspace: sizes must not be negative", 0, 1, -1),),
    ),
    row(
        "new_full",
        lambda x, size: x.new_full(size, 1),
        lambda x, size: np.ones(size, x.dtype),
        new_samples,
        gradient=False,
    ),
    row(
        "new_ones",
        tg.Tensor.new_ones,
        lambda x, size: np.ones(size, x.dtype),
        new_samples,
        gradient=False,
    ),
    row(
        "new_zeros",
        tg.Tensor.new_zeros,
        lambda x, size: np.zeros(size, x.dtype),
        new_samples,
        gradient=False,
    ),
]
