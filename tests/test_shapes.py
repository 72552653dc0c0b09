"""Shapes and layouts: whatever a `Layout` says must be what NumPy's views show."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_cl.errors import ShapeError
from tinygrad_cl.shapes import (
    Layout,
    broadcast,
    contiguous_strides,
    infer_reshape,
    normalize_dim,
    normalize_dims,
    numel,
    reduced_shape,
)

Array = np.ndarray

SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
FILLED = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


def read(layout: Layout, buffer: Array) -> Array:
    """What a kernel would read through a layout, element by element."""
    out = np.zeros(layout.shape, buffer.dtype)
    bounds = layout.bounds or tuple((0, n) for n in layout.shape)
    for index in itertools.product(*map(range, layout.shape)):
        if all(low <= i < end for i, (low, end) in zip(index, bounds, strict=True)):
            at = layout.offset + sum(i * s for i, s in zip(index, layout.strides, strict=True))
            assert 0 <= at < buffer.size, f"{layout} reads outside at {index}"
            out[index] = buffer[at]
    return out


class Walk:
    """A random walk of views, taken by an array and a layout side by side."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.restart(np.arange(1, numel(shape) + 1).reshape(shape))

    def restart(self, array: Array) -> None:
        self.array = array
        self.buffer = np.ascontiguousarray(array).reshape(-1)
        self.layout = Layout.contiguous(array.shape)

    def step(self, array: Array, layout: Layout | None) -> None:
        if layout is None:  # a copy is needed
            self.restart(array)
            return
        self.array, self.layout = array, layout
        assert layout.shape == array.shape
        np.testing.assert_array_equal(read(layout, self.buffer), array)

    def permute(self, draw: Any) -> None:
        dims = tuple(draw(st.permutations(range(self.array.ndim))))
        self.step(self.array.transpose(dims), self.layout.permute(dims))

    def expand(self, draw: Any) -> None:
        if self.array.ndim > 4:
            return
        lead = tuple(draw(st.lists(st.integers(1, 2), max_size=1)))
        sizes = [draw(st.integers(0, 3)) if n == 1 else n for n in self.array.shape]
        shape = (*lead, *sizes)
        self.step(np.broadcast_to(self.array, shape), self.layout.expand(shape))

    def slice(self, draw: Any) -> None:
        starts, steps, counts, index = [], [], [], []
        for n in self.array.shape:
            count = draw(st.integers(0, n))
            step = draw(st.sampled_from([-2, -1, 1, 2, 3]))
            if count:
                step = step if (count - 1) * abs(step) < n else (1 if step > 0 else -1)
                room = n - 1 - (count - 1) * abs(step)
                start = draw(st.integers(0, room)) + (0 if step > 0 else (count - 1) * -step)
            else:
                start = 0
            starts.append(start)
            steps.append(step)
            counts.append(count)
            index.append([start + i * step for i in range(count)])
        array = self.array[np.ix_(*index)] if index else self.array
        self.step(array, self.layout.slice(tuple(starts), tuple(steps), tuple(counts)))

    def pad(self, draw: Any) -> None:
        widths = [(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in self.array.shape]
        array = np.pad(self.array, widths) if widths else self.array
        before = tuple(w for w, _ in widths)
        self.step(array, self.layout.pad(before, array.shape))

    def reshape(self, draw: Any) -> None:
        shape = draw(shapes_of(self.array.size))
        layout = self.layout.reshape(shape)
        if self.layout.bounds is None and self.array.size:
            strided = np.lib.stride_tricks.as_strided(
                self.buffer[self.layout.offset :],
                self.layout.shape,
                tuple(s * self.buffer.itemsize for s in self.layout.strides),
            )
            assert (layout is not None) == is_view(strided, shape), (self.layout, shape)
        self.step(self.array.reshape(shape), layout)


def is_view(array: Array, shape: tuple[int, ...]) -> bool:
    """Tells whether NumPy reshapes without a copy."""
    return np.shares_memory(array, array.reshape(shape))


@st.composite
def shapes_of(draw: Any, size: int) -> tuple[int, ...]:
    """A shape of so many elements."""
    shape, rest = [], size
    while rest > 1 and draw(st.booleans()):
        divisors = [d for d in range(1, rest + 1) if rest % d == 0]
        shape.append(draw(st.sampled_from(divisors)))
        rest //= shape[-1]
    shape.append(rest)
    shape += [1] * draw(st.integers(0, 1))
    if size == 0:
        shape += draw(st.lists(st.integers(0, 3), max_size=2))
    return tuple(draw(st.permutations(shape)))


@settings(max_examples=300, deadline=None)
@given(st.data(), SHAPES)
def test_layouts_are_numpys_views(data: st.DataObject, shape: tuple[int, ...]) -> None:
    walk = Walk(shape)
    for _ in range(data.draw(st.integers(1, 5))):
        if walk.array.size > 3000:
            return
        move = data.draw(st.sampled_from(["permute", "expand", "slice", "pad", "reshape"]))
        getattr(walk, move)(data.draw)


@given(st.lists(FILLED, min_size=1, max_size=3))
def test_broadcast_is_numpys(shapes: list[tuple[int, ...]]) -> None:
    try:
        expected = np.broadcast_shapes(*shapes)
    except ValueError:
        with pytest.raises(ShapeError, match=r"op: shapes .* do not broadcast"):
            broadcast("op", *shapes)
    else:
        assert broadcast("op", *shapes) == expected


def test_broadcast_of_empty_and_zero_dimensional_shapes() -> None:
    assert broadcast("op") == ()
    assert broadcast("op", (), (0, 3)) == (0, 3)
    assert broadcast("op", (1, 1), (0, 3)) == (0, 3)
    with pytest.raises(ShapeError):
        broadcast("op", (2, 3), (0, 3))


@given(SHAPES)
def test_strides_are_numpys(shape: tuple[int, ...]) -> None:
    filled = tuple(n + 1 for n in shape)
    array = np.empty(filled, np.uint8)
    assert contiguous_strides(filled) == array.strides
    assert Layout.contiguous(shape).is_contiguous
    assert numel(shape) == math.prod(shape)


def test_dense_and_contiguous() -> None:
    rows = Layout.contiguous((4, 3)).slice((1, 0), (1, 1), (2, 3))
    assert rows.is_dense
    assert not rows.is_contiguous
    assert not Layout.contiguous((4, 3)).permute((1, 0)).is_dense
    assert Layout.contiguous((1, 5)).permute((1, 0)).is_contiguous
    assert not Layout.contiguous((5,)).pad((1,), (6,)).is_dense
    assert Layout.contiguous((5,)).pad((1,), (7,)).slice((1,), (1,), (5,)).is_contiguous


@given(FILLED, st.booleans(), st.data())
def test_reduced_shapes_are_numpys(
    shape: tuple[int, ...], keepdim: bool, data: st.DataObject
) -> None:
    dims = data.draw(st.sets(st.integers(0, len(shape) - 1)))
    expected = np.sum(np.zeros(shape), axis=tuple(dims), keepdims=keepdim).shape
    assert reduced_shape(shape, tuple(sorted(dims)), keepdim) == expected


def test_dims_count_from_both_ends() -> None:
    assert [normalize_dim("op", d, 3) for d in (-3, -1, 0, 2)] == [0, 2, 0, 2]
    assert normalize_dim("op", -1, 0) == 0
    assert normalize_dims("op", (-1, 0), 3) == (0, 2)
    assert normalize_dims("op", None, 2) == normalize_dims("op", (), 2) == (0, 1)
    assert normalize_dims("op", -1, 0) == ()
    with pytest.raises(ShapeError, match=r"op: dim 3 is out of range; a 3-d tensor has -3 to 2"):
        normalize_dim("op", 3, 3)
    with pytest.raises(ShapeError, match="name a dim twice"):
        normalize_dims("op", (1, -1), 2)


@given(st.data(), FILLED)
def test_reshape_infers_one_size(data: st.DataObject, shape: tuple[int, ...]) -> None:
    wanted = list(data.draw(shapes_of(math.prod(shape))))
    full = tuple(wanted)
    wanted[data.draw(st.integers(0, len(wanted) - 1))] = -1
    assert infer_reshape(shape, wanted) == full
    assert infer_reshape(shape, full) == full


@pytest.mark.parametrize("wanted", [(-1, -1), (5, -1), (7,), (0, -1), (-2, 3), ()])
def test_reshape_refuses(wanted: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="reshape"):
        infer_reshape((2, 3), wanted)


def test_reshape_of_nothing() -> None:
    assert infer_reshape((0, 3), (3, 0)) == (3, 0)
    assert infer_reshape((0, 3), (5, -1)) == (5, 0)
    with pytest.raises(ShapeError):
        infer_reshape((0, 3), (0, -1))
    assert infer_reshape((), (-1,)) == (1,)
