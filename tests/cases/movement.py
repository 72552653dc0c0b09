"""Cases of movement ops.   Primitives and user side: */movement.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import oracle

import tinygrad_cl as tg
import tinygrad_cl.nn.functional as F
from cases.core import ANY, EXACT, Case, Draw, Sample, flipped, permuted, raises, sliced
from tinygrad_cl import Tensor, graph
from tinygrad_cl.autograd.handle import wrap
from tinygrad_cl.errors import ShapeError

X = np.ones((2, 3))


def primitive(name: str) -> Callable[..., Any]:
    """A primitive as a function of tensors."""

    def function(*inputs: Any, **attrs: Any) -> Any:
        return wrap(graph.PRIMITIVES[name](*(x.node for x in inputs), **attrs))

    function.__name__ = name
    return function


def row(
    name: str,
    function: Callable[..., Any],
    meaning: Callable[..., Any],
    samples: Callable[[Draw], Any],
    *errors: Any,
    **options: Any,
) -> Case:
    """An op that moves elements and computes nothing: every dtype, every bit."""
    return Case(
        name,
        function,
        meaning,
        samples,
        errors=errors,
        **{"dtypes": ANY, "tolerances": EXACT} | options,
    )


def layouts(d: Draw, *shape: int) -> Iterator[Any]:
    yield d.normal(*shape)
    yield permuted(d.normal(*shape))
    yield sliced(d.normal(*shape))
    yield flipped(d.normal(*shape))


def cat_samples(d: Draw) -> Iterator[Sample]:
    yield Sample([d.normal(2, 3), d.normal(1, 3), d.normal(4, 3)], dim=0)
    yield Sample([d.normal(2, 3), d.normal(2, 17)], dim=-1)
    yield Sample([d.normal(2, 0, 3), d.normal(2, 2, 3)], dim=1)
    yield Sample([permuted(d.normal(3, 4)), flipped(d.normal(3, 4)), sliced(d.normal(3, 4))], dim=1)
    yield Sample([d.normal(5)])
    yield Sample([d.normal(0), d.normal(0)], grad=False)
    yield Sample((d.normal(2, 3, 2), d.normal(2, 1, 2)), dim=1)


def stack_samples(d: Draw) -> Iterator[Sample]:
    yield Sample([d.normal(), d.normal(), d.normal()])
    yield Sample([d.normal(3, 4), permuted(d.normal(3, 4))], dim=1)
    yield Sample([d.normal(3, 4), d.normal(3, 4)], dim=-1)
    yield Sample([d.normal(0, 2)] * 2, dim=0, grad=False)


def basic_slices(d: Draw) -> Iterator[Sample]:
    keys: list[Any] = [
        slice(1, 3),
        slice(None, None, 2),
        (slice(None), slice(1, 6, 3)),
        (slice(3, 1), slice(None)),
        2,
        -1,
        (1, 2),
        (..., 0),
        (None, 1, ..., None),
        (slice(None), None, slice(-3, None)),
        (),
        ...,
        (slice(5, 100), slice(-100, 2)),
    ]
    for key in keys:
        yield Sample(d.normal(4, 7), key)
    yield Sample(permuted(d.normal(3, 4, 5)), (1, slice(1, 4), slice(None, None, 2)))
    yield Sample(d.normal(), ...)
    yield Sample(d.normal(0, 3), slice(None), grad=False)


def chain(x: Any) -> Any:
    """Views of views, as one layout or as copies: the values must not depend on which."""
    a = x.permute(2, 0, 1)[1:, :, ::2].reshape(-1, 4)
    b = a.flip(0).transpose(0, 1).expand(3, 4, -1)
    return b.reshape(6, -1).flip(1)[::2]


def chain_oracle(x: np.ndarray) -> np.ndarray:
    a = x.transpose(2, 0, 1)[1:, :, ::2].reshape(-1, 4)
    b = np.broadcast_to(a[::-1].T, (3, 4, a.shape[0]))
    return b.reshape(6, -1)[:, ::-1][::2]


def slice_oracle(x: np.ndarray, starts: Any, steps: Any, shape: Any) -> np.ndarray:
    for axis, (start, step, count) in enumerate(zip(starts, steps, shape, strict=True)):
        x = x.take([start + i * step for i in range(count)], axis=axis)
    return x


def scatter_oracle(base: np.ndarray, value: np.ndarray, starts: Any, steps: Any) -> np.ndarray:
    out = base.copy()
    for place in np.ndindex(*value.shape):
        out[tuple(a + i * s for a, i, s in zip(starts, place, steps, strict=True))] = value[place]
    return out


def pieces(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: tuple(
        np.ascontiguousarray(p) for p in function(*args, **options)
    )


def split_oracle(x: np.ndarray, size: Any, dim: int = 0) -> Any:
    whole = x.shape[dim]
    cuts = range(size, whole, size) if isinstance(size, int) else np.cumsum(size)[:-1]
    return np.split(x, cuts, axis=dim)


def chunk_oracle(x: np.ndarray, chunks: int, dim: int = 0) -> Any:
    return split_oracle(x, -(-x.shape[dim] // chunks), dim)


CASES = [
    row(
        "reshape",
        tg.reshape,
        np.reshape,
        lambda d: [
            *(Sample(x, (2, -1)) for x in layouts(d, 4, 6)),
            Sample(d.normal(), (1, 1)),
            Sample(d.normal(1), ()),
            Sample(d.normal(0, 4), (2, 0), grad=False),
            Sample(d.normal(2, 3, 4), (3, 2, 4)),
        ],
        raises(ShapeError, "(2, 3) has 6 elements", X, (4,)),
        raises(ShapeError, "cannot become", X, (4, -1)),
        raises(ShapeError, "at most one size may be -1", X, (-1, -1)),
    ),
    row("view", Tensor.view, np.reshape, lambda d: [Sample(permuted(d.normal(4, 6)), (8, 3))]),
    row(
        "permute",
        tg.permute,
        np.transpose,
        lambda d: [
            *(Sample(x, (2, 0, 1)) for x in layouts(d, 3, 4, 5)),
            Sample(d.normal(), ()),
            Sample(d.normal(0, 3), (1, 0), grad=False),
            Sample(d.normal(2, 3, 4, 5), (-1, -3, -2, 0)),
        ],
        raises(ShapeError, "permute", X, (0, 0)),
        raises(ShapeError, "permute", X, (0,)),
    ),
    row(
        "transpose",
        tg.transpose,
        np.swapaxes,
        lambda d: [Sample(x, 0, -1) for x in layouts(d, 3, 4, 5)],
        raises(ShapeError, "out of range", X, 0, 2),
    ),
    row("t", tg.t, np.transpose, lambda d: [Sample(d.normal(3, 5)), Sample(d.normal(4))]),
    row(
        "movedim",
        tg.movedim,
        np.moveaxis,
        lambda d: [Sample(d.normal(2, 3, 4), 0, 2), Sample(d.normal(2, 3, 4), (0, 1), (1, 2))],
    ),
    row(
        "expand",
        Tensor.expand,
        lambda x, size: np.broadcast_to(
            x, [x.shape[i - len(size)] if s == -1 else s for i, s in enumerate(size)]
        ),
        lambda d: [
            Sample(d.normal(), (3, 4)),
            Sample(d.normal(1, 4), (3, 4)),
            Sample(d.normal(3, 1), (2, -1, 5)),
            Sample(permuted(d.normal(3, 1)), (2, 3, 17)),
            Sample(d.normal(1), (0,), grad=False),
            Sample(flipped(d.normal(1, 4, 1)), (3, 4, 5)),
        ],
        raises(ShapeError, "expand", X, (2, 4)),
        raises(ShapeError, "expand", X, (3,)),
    ),
    row(
        "expand_as",
        Tensor.expand_as,
        lambda x, y: np.broadcast_to(x, y.shape),
        lambda d: [Sample(d.normal(1, 4), d.normal(3, 4))],
    ),
    row("broadcast_to", tg.broadcast_to, np.broadcast_to, lambda d: [Sample(d.normal(4), (3, 4))]),
    row(
        "broadcast_tensors",
        tg.broadcast_tensors,
        pieces(lambda *xs: np.broadcast_arrays(*xs)),
        lambda d: [Sample(d.normal(4, 1), d.normal(3), d.normal())],
    ),
    row(
        "squeeze",
        tg.squeeze,
        lambda x, dim=None: x.reshape(
            [s for i, s in enumerate(x.shape) if s != 1 or (dim is not None and i != dim)]
        ),
        lambda d: [
            Sample(d.normal(1, 3, 1)),
            Sample(d.normal(1, 3, 1), 2),
            Sample(d.normal(2, 3), 0),
        ],
        raises(ShapeError, "out of range", X, 5),
    ),
    row(
        "unsqueeze",
        tg.unsqueeze,
        np.expand_dims,
        lambda d: [Sample(d.normal(2, 3), i) for i in (0, 1, -1)] + [Sample(d.normal(), 0)],
        raises(ShapeError, "out of range", X, 4),
    ),
    row(
        "flatten",
        tg.flatten,
        lambda x, start_dim=0, end_dim=-1: x.reshape(
            *x.shape[:start_dim], -1, *x.shape[x.ndim if end_dim == -1 else end_dim + 1 :]
        ),
        lambda d: [
            Sample(d.normal(2, 3, 4)),
            Sample(permuted(d.normal(2, 3, 4)), 1),
            Sample(d.normal(2, 3, 4), 0, 1),
            Sample(d.normal()),
        ],
        raises(ShapeError, "flatten", X, 1, 0),
    ),
    row("ravel", tg.ravel, np.ravel, lambda d: [Sample(permuted(d.normal(2, 3)))]),
    row(
        "unflatten",
        tg.unflatten,
        lambda x, dim, sizes: x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :]),
        lambda d: [Sample(d.normal(2, 12), 1, (3, 4)), Sample(d.normal(12, 2), 0, (2, -1))],
    ),
    row(
        "slice",
        primitive("slice"),
        slice_oracle,
        lambda d: [
            Sample(d.normal(5, 6), starts=(4, 1), steps=(-1, 2), shape=(5, 3)),
            Sample(d.normal(7), starts=(6,), steps=(-3,), shape=(3,)),
            Sample(permuted(d.normal(5, 6)), starts=(0, 5), steps=(2, -2), shape=(2, 3)),
            Sample(d.normal(5), starts=(0,), steps=(1,), shape=(0,), grad=False),
            Sample(d.normal(), starts=(), steps=(), shape=()),
        ],
    ),
    row(
        "getitem",
        lambda x, key: x[key],
        lambda x, key: x[key],
        basic_slices,
        raises(IndexError, "", X, 2),
        raises(IndexError, "", X, (0, 0, 0)),
        raises(IndexError, "", X, (slice(None), -4)),
    ),
    row(
        "slice_scatter",
        primitive("slice_scatter"),
        scatter_oracle,
        lambda d: [
            Sample(d.normal(5, 6), d.normal(5, 3), starts=(4, 1), steps=(-1, 2)),
            Sample(permuted(d.normal(5, 6)), flipped(d.normal(2, 2)), starts=(1, 1), steps=(2, 3)),
            Sample(d.normal(5), d.normal(0), starts=(0,), steps=(1,)),
            Sample(d.normal(), d.normal(), starts=(), steps=()),
        ],
    ),
    row(
        "narrow",
        tg.narrow,
        lambda x, dim, start, length: x.take(range(start, start + length), axis=dim),
        lambda d: [Sample(d.normal(4, 7), 1, 2, 3)],
        raises(ShapeError, "narrow", X, 1, 2, 3),
    ),
    row(
        "select",
        tg.select,
        lambda x, dim, index: x.take(index, axis=dim),
        lambda d: [Sample(d.normal(4, 7), 1, -2), Sample(d.normal(4), 0, 1)],
        raises(IndexError, "select", X, 0, 2),
    ),
    row(
        "unbind",
        tg.unbind,
        pieces(lambda x, dim=0: [x.take(i, axis=dim) for i in range(x.shape[dim])]),
        lambda d: [Sample(d.normal(3, 4)), Sample(d.normal(3, 4), dim=1)],
    ),
    row(
        "split",
        tg.split,
        pieces(split_oracle),
        lambda d: [Sample(d.normal(7, 3), 3), Sample(d.normal(3, 7), [2, 4, 1], dim=1)],
        raises(ShapeError, "do not add up", X, [1, 2]),
        raises(ShapeError, "must be positive", X, 0),
    ),
    row(
        "chunk",
        tg.chunk,
        pieces(chunk_oracle),
        lambda d: [Sample(d.normal(7, 3), 3), Sample(d.normal(3, 8), 2, dim=1)],
        raises(ShapeError, "chunk", X, 0),
    ),
    row(
        "flip",
        tg.flip,
        np.flip,
        lambda d: [
            *(Sample(x, (0,)) for x in layouts(d, 3, 17)),
            Sample(d.normal(2, 3, 4), (0, -1)),
        ],
        raises(ShapeError, "out of range", X, (2,)),
    ),
    row(
        "roll",
        tg.roll,
        np.roll,
        lambda d: [
            Sample(d.normal(4, 5), 2),
            Sample(d.normal(4, 5), -3, 1),
            Sample(permuted(d.normal(4, 5)), (1, 7), (0, 1)),
            Sample(d.normal(4), 0),
        ],
        raises(ShapeError, "roll", X, (1, 2), (0,)),
    ),
    row(
        "repeat",
        tg.repeat,
        np.tile,
        lambda d: [
            Sample(d.normal(2, 3), (2, 2)),
            Sample(d.normal(3), (2, 1, 2)),
            Sample(d.normal(3), (0,), grad=False),
        ],
    ),
    row(
        "tile",
        tg.tile,
        np.tile,
        lambda d: [Sample(d.normal(2, 3), (2,)), Sample(d.normal(3), (2, 2))],
    ),
    row(
        "pad",
        F.pad,
        oracle.pad,
        lambda d: [
            *(Sample(x, (1, 2)) for x in layouts(d, 3, 5)),
            Sample(d.normal(3, 5), (1, 0, 0, 2)),
            Sample(d.normal(3, 5), (1, 1, 2, 2), value=1),
            Sample(d.normal(3, 5), (-1, 2, 1, -1)),
            Sample(d.normal(0, 2), (1, 1, 1, 1)),
            Sample(d.normal(2, 3, 4), (0, 17)),
        ],
        raises(ShapeError, "pad", X, (1,)),
        raises(ShapeError, "cut off", X, (-2, -2)),
    ),
    row(
        "cat",
        tg.cat,
        lambda xs, dim=0: np.concatenate(xs, dim),
        cat_samples,
        raises(ShapeError, "cat", [X, np.ones((2, 4))]),
        raises(ShapeError, "cat", [X, np.ones(3)]),
        raises(ShapeError, "cat", []),
    ),
    row(
        "stack",
        tg.stack,
        lambda xs, dim=0: np.stack(xs, dim),
        stack_samples,
        raises(ShapeError, "stack", [X, np.ones((2, 4))]),
        raises(ShapeError, "stack", []),
    ),
    row(
        "views_of_views",
        chain,
        chain_oracle,
        lambda d: [Sample(d.normal(4, 3, 5)), Sample(permuted(d.normal(4, 3, 5)))],
    ),
    row(
        "alias",
        primitive("alias"),
        lambda x: x,
        lambda d: [Sample(d.normal(3, 5)), Sample(d.normal())],
    ),
]
