"""`x[...]` and `x[...] = value` with any mix of entries, against NumPy; `--long` tries more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_cl as tg
from tinygrad_cl import tensor
from tinygrad_cl.testing import assert_close

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)


def array(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def entry(draw: Any, size: int, line: tuple[int, ...]) -> Any:
    """One entry of an index, for a dim of this size; index arrays broadcast to `line`."""
    kind = draw(st.sampled_from(["int", "slice", "all", "array", "list"]))
    if kind == "int":
        return draw(st.integers(-size, size - 1))
    if kind == "slice":
        return draw(st.slices(size))
    if kind == "all":
        return slice(None)
    shape = line if draw(st.booleans()) else (1,) * len(line)
    found = draw(hnp.arrays(np.int64, shape, elements=st.integers(-size, size - 1)))
    return found if kind == "array" else found.tolist()


def mixed(draw: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """A random index: ints, slices with any steps, None, ..., arrays and masks."""
    line = draw(st.sampled_from([(1,), (2,), (3,), (2, 3), (2, 1)]))
    entries: list[Any] = []
    dim, last = 0, draw(st.integers(0, len(shape)))
    while dim < last:
        if draw(st.integers(0, 9)) == 0:
            width = draw(st.integers(1, min(2, last - dim)))
            mask = draw(hnp.arrays(bool, shape[dim : dim + width]))
            if mask.sum() in (1, line[-1]):  # else it does not broadcast with the other arrays
                entries.append(mask)
                dim += width
                continue
        entries.append(entry(draw, shape[dim], line))
        dim += 1
    for _ in range(draw(st.integers(0, 2))):
        entries.insert(draw(st.integers(0, len(entries))), None)
    if draw(st.booleans()):
        entries.insert(draw(st.integers(0, len(entries))), Ellipsis)
    return tuple(entries)


def fits(a: np.ndarray, key: tuple[Any, ...]) -> bool:
    try:
        a[key]
    except IndexError:  # an ellipsis in front moved entries to dims of other sizes
        return False
    return True


def as_tensors(key: tuple[Any, ...], device: str, draw: Any) -> tuple[Any, ...]:
    """The same index with some of its arrays as tensors."""
    return tuple(
        tensor(k, device=device) if isinstance(k, np.ndarray) and draw(st.booleans()) else k
        for k in key
    )


@given(data=st.data(), shape=SHAPES)
def test_reading(device: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    a = array(shape)
    key = mixed(data.draw, shape)
    if not fits(a, key):
        return
    x = tensor(a, device=device)
    assert_close(
        x[as_tensors(key, device, data.draw)], np.array(a[key]), rtol=0, atol=0, name=str(key)
    )


def assigned(a: np.ndarray, key: Any, value: np.ndarray) -> np.ndarray:
    out = a.copy()
    out[key] = value
    return out


@given(data=st.data(), shape=SHAPES)
def test_assignment(device: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    a = array(shape)
    key = mixed(data.draw, shape)
    if not fits(a, key):
        return
    place = a[key].shape
    shown = tuple(1 if data.draw(st.integers(0, 4)) == 0 else s for s in place)
    value = array(shown[data.draw(st.integers(0, len(shown))) :], 1)
    x = tensor(a, device=device)
    x[as_tensors(key, device, data.draw)] = tensor(value, device=device)
    assert_close(x, assigned(a, key, value), rtol=0, atol=0, name=str(key))


@given(data=st.data(), shape=SHAPES)
def test_gradients_arrive_where_elements_came_from(
    data: st.DataObject, shape: tuple[int, ...]
) -> None:
    a = array(shape)
    key = mixed(data.draw, shape)
    if not fits(a, key):
        return
    x = tensor(a, device="numpy", requires_grad=True)
    g = array(a[key].shape, 2)
    y = x[key] * tensor(g, device="numpy")
    y.sum().backward()
    expected = np.zeros_like(a)
    np.add.at(expected, key, g)
    assert x.grad is not None
    assert_close(x.grad, expected, rtol=1e-5, atol=1e-5, name=str(key))


@given(data=st.data(), shape=SHAPES)
def test_gradients_of_assignment(data: st.DataObject, shape: tuple[int, ...]) -> None:
    a = array(shape)
    key = mixed(data.draw, shape)
    if not fits(a, key):
        return
    count = np.zeros(shape, np.int64)
    np.add.at(count, key, 1)
    if count.max(initial=0) > 1:  # which of several values stays is nobody's promise
        return
    x = tensor(a, device="numpy", requires_grad=True)
    v = tensor(array(a[key].shape, 1), device="numpy", requires_grad=True)
    y = x + 0
    y[key] = v
    g = array(shape, 3)
    (y * tensor(g, device="numpy")).sum().backward()
    kept = np.where(count, 0, g).astype(np.float32)
    for leaf, expected in ((x, kept), (v, np.array(g[key]))):
        if leaf.grad is None:  # nothing of it is left
            assert not expected.any()
        else:
            assert_close(leaf.grad, expected, rtol=0, atol=0, name=str(key))


def test_operators_in_place_and_reflected(device: str) -> None:
    a = np.array([7, -8, 9])
    for symbol in ("+", "-", "*", "//", "%", "&", "|", "^"):
        scope = {"a": a, "x": tensor(a, device=device), "y": tensor(a, device=device)}
        assert_close(eval(f"x {symbol} 3", scope), eval(f"a {symbol} 3", scope))
        assert_close(eval(f"100 {symbol} x", scope), eval(f"100 {symbol} a", scope))
        exec(f"y {symbol}= 5", scope)
        assert_close(scope["y"], eval(f"a {symbol} 5", scope))
    for symbol in ("<<", ">>", "**"):
        scope = {"a": abs(a), "x": tensor(abs(a), device=device)}
        scope["y"] = scope["x"] + 0
        assert_close(eval(f"x {symbol} 2", scope), eval(f"a {symbol} 2", scope))
        assert_close(eval(f"2 {symbol} x", scope), eval(f"2 {symbol} a", scope))
        exec(f"y {symbol}= 2", scope)
        assert_close(scope["y"], eval(f"a {symbol} 2", scope))
    m = tensor(np.eye(2, dtype=np.float32) * 2, device=device)
    assert_close(np.ones((1, 2), np.float32) @ m, np.full((1, 2), 2, np.float32))
    m @= m
    assert_close(m, np.eye(2, dtype=np.float32) * 4)
    assert_close(~tensor(a, device=device), ~a)


def test_in_place_forms_that_change_the_shape(device: str) -> None:
    x = tg.arange(6, device=device).reshape(2, 3)
    old = x + 0
    assert x.t_() is x
    assert x.unsqueeze_(0).shape == (1, 3, 2)
    assert x.transpose_(1, 2).shape == (1, 2, 3)
    assert x.squeeze_(0).swapaxes_(0, 1).swapdims_(0, 1).shape == (2, 3)
    assert x.tolist() == old.tolist()
    leaf = tg.ones(2, 3, device=device, requires_grad=True)
    with pytest.raises(tg.GradientError, match="t_: a leaf"):
        leaf.t_()
    with tg.no_grad():
        leaf.t_()
    assert leaf.shape == (3, 2)
    assert leaf.requires_grad
    assert leaf.is_leaf
    assert tg.ones(2, 2, device=device).tril_().tolist() == [[1, 0], [1, 1]]
    assert tg.ones(2, 2, device=device).addmm_(*[tg.ones(2, 2, device=device)] * 2).sum() == 12


def test_to_and_type(device: str) -> None:
    x = tg.tensor([1.5, -2.5], device=device)
    assert x.type() == "float32"
    assert x.type(tg.int64).tolist() == [1, -2]
    assert x.to(tg.float32) is x
    assert x.to(tg.float32, copy=True) is not x
    assert x.to(tg.float32, False, True) is not x
    assert x.to(tg.int32, non_blocking=True).dtype is tg.int32
    assert x.new_ones((2, 1)).device is x.device
    assert x.new_tensor([1, 2]).dtype is tg.float32
    assert x.double().new_full((2,), 3).dtype is tg.float64
