"""Properties against NumPy, on shapes and indices that nobody thought of; `--long` tries more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_cl as tg
from tinygrad_cl import tensor
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.testing import assert_close

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
FULL_SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=5)


def array(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def check(device: str, function: Any, meaning: Any, *arrays: np.ndarray, rtol: float = 0) -> None:
    """The same expression on tensors and on arrays."""
    actual = function(*(tensor(a, device=device) for a in arrays))
    assert_close(actual, np.asarray(meaning(*arrays)), rtol=rtol, atol=rtol, equal_nan=True)


@given(shapes=hnp.mutually_broadcastable_shapes(num_shapes=3, min_side=0, max_side=5, max_dims=4))
def test_broadcasting(device: str, shapes: Any) -> None:
    a, b, c = (array(shape, i) for i, shape in enumerate(shapes.input_shapes))
    check(device, lambda a, b, c: a * b + c, lambda a, b, c: a * b + c, a, b, c, rtol=1e-6)


@given(a=SHAPES, b=SHAPES)
def test_broadcasting_fails_where_numpy_does(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    x, y = tensor(array(a), device="numpy"), tensor(array(b), device="numpy")
    try:
        expected = np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(ShapeError, match="do not broadcast"):
            x + y
    else:
        assert (x + y).shape == expected


@given(data=st.data(), shape=SHAPES, keepdim=st.booleans())
def test_reductions(
    device: str, data: st.DataObject, shape: tuple[int, ...], keepdim: bool
) -> None:
    dims = data.draw(st.sets(st.integers(0, len(shape) - 1)) if shape else st.just(set()))
    signs = tuple(d - len(shape) if data.draw(st.booleans()) else d for d in sorted(dims))
    axis = tuple(dims) or None
    check(
        device,
        lambda x: x.sum(signs or None, keepdim),
        lambda x: x.sum(axis, keepdims=keepdim),
        array(shape),
        rtol=1e-5,
    )
    if 0 not in [shape[d] for d in (dims or range(len(shape)))]:
        check(
            device,
            lambda x: x.amax(signs or None, keepdim),
            lambda x: x.max(axis, keepdims=keepdim),
            array(shape),
        )


def moves(draw: Any, a: np.ndarray, x: Any) -> tuple[np.ndarray, Any]:
    """One random view of an array and of a tensor."""
    kinds = ["permute", "flip", "slice", "reshape", "expand", "pad", "diagonal", "unfold"]
    kind = draw(st.sampled_from(kinds))
    if kind == "permute":
        dims = draw(st.permutations(range(a.ndim)))
        return a.transpose(dims), x.permute(*dims)
    if kind == "flip" and a.ndim:
        dims = tuple(draw(st.sets(st.integers(0, a.ndim - 1), min_size=1)))
        return np.flip(a, dims), x.flip(*dims)
    if kind == "slice" and a.ndim:
        key = tuple(draw(st.slices(max(size, 1))) for size in a.shape)
        return a[key], x[key]
    if kind == "reshape":
        return a.reshape(-1), x.reshape(-1)
    if kind == "expand" and a.ndim < 4 and a.size < 200:
        size = draw(st.integers(1, 3))
        return np.broadcast_to(a, (size, *a.shape)), x.expand(size, *a.shape)
    if kind == "pad" and a.ndim and a.size < 200:
        before, after = draw(st.integers(0, 2)), draw(st.integers(0, 2))
        around = [(0, 0)] * (a.ndim - 1) + [(before, after)]
        return np.pad(a, around), tg.nn.functional.pad(x, (before, after))
    if kind == "diagonal" and a.ndim > 1:
        dims, offset = draw(st.permutations(range(a.ndim)))[:2], draw(st.integers(-2, 2))
        return np.diagonal(a, offset, *dims), x.diagonal(offset, *dims)
    if kind == "unfold" and 0 < a.ndim < 4 and a.size < 200:
        dim, step = draw(st.integers(0, a.ndim - 1)), draw(st.integers(1, 3))
        size = draw(st.integers(0, a.shape[dim]))
        cut = np.lib.stride_tricks.sliding_window_view(a, size, dim) if size else None
        if cut is not None:
            return cut[(slice(None),) * dim + (slice(None, None, step),)], x.unfold(dim, size, step)
    return a, x


@given(data=st.data(), shape=FULL_SHAPES)
def test_chains_of_views(device: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    a = array(shape)
    x = tensor(a, device=device)
    for _ in range(data.draw(st.integers(1, 5))):
        a, x = moves(data.draw, a, x)
    assert_close(x, np.ascontiguousarray(a), rtol=0, atol=0)
    assert_close(
        (x + 1).sum(), np.asarray((a + 1).sum(dtype=np.float64), np.float32), rtol=1e-4, atol=1e-4
    )


@given(data=st.data(), shape=FULL_SHAPES)
def test_basic_indexing(device: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    check(
        device,
        lambda x: x[key],
        lambda x: np.ascontiguousarray(x[key]).reshape(x[key].shape),
        array(shape),
    )


@given(data=st.data(), shape=FULL_SHAPES)
def test_integer_array_indexing(device: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    key = data.draw(
        hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=4))
    )
    lead = data.draw(st.integers(1, len(key)))
    key = key[:lead]
    check(device, lambda x: x[key], lambda x: x[key], array(shape))


@given(data=st.data(), shape=FULL_SHAPES)
def test_masks(device: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    ndim = data.draw(st.integers(1, len(shape)))
    mask = data.draw(hnp.arrays(bool, shape[:ndim]))
    check(device, lambda x: x[mask], lambda x: x[mask], array(shape))


@given(data=st.data(), shape=FULL_SHAPES)
def test_assignment(device: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    key = data.draw(hnp.basic_indices(shape))
    a = array(shape)
    value = array(a[key].shape, 1)
    x = tensor(a, device=device)
    old = x + 0
    x[key] = tensor(value, device=device)
    expected = a.copy()
    expected[key] = value
    assert_close(x, expected, rtol=0, atol=0)
    assert_close(old, a, rtol=0, atol=0)


@given(
    batch=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3),
    sizes=st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)),
)
def test_matrix_products(device: str, batch: Any, sizes: tuple[int, int, int]) -> None:
    m, k, n = sizes
    left, right = batch.input_shapes
    check(
        device,
        lambda a, b: a @ b,
        np.matmul,
        array((*left, m, k)),
        array((*right, k, n), 1),
        rtol=1e-5,
    )


@given(data=st.data(), shape=FULL_SHAPES)
def test_gradients_of_broadcasting_have_the_shapes_of_the_inputs(
    data: st.DataObject, shape: tuple[int, ...]
) -> None:
    small = tuple(size if data.draw(st.booleans()) else 1 for size in shape)
    small = small[data.draw(st.integers(0, len(small))) :]
    a = tensor(array(shape), device="numpy", requires_grad=True)
    b = tensor(array(small, 1), device="numpy", requires_grad=True)
    (a * b).sum().backward()
    assert a.grad is not None
    assert b.grad is not None
    assert_close(a.grad, np.broadcast_to(array(small, 1), shape))
    lead = tuple(range(len(shape) - len(small)))
    summed = array(shape).sum(lead) if lead else array(shape)
    ones = tuple(d for d, size in enumerate(small) if size == 1)
    assert_close(b.grad, np.asarray(summed.sum(ones, keepdims=True)), rtol=1e-5, atol=1e-5)
