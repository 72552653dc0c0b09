"""Tensor: construction, operators, dtypes, indexing, assignment, in-place operations, printing."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from odd_devices import gpu as gpu

import tinygrad_cl as tg
from tinygrad_cl import DTypeError, GradientError, ShapeError, Tensor, tensor
from tinygrad_cl.autograd.handle import own
from tinygrad_cl.runtime import device as devices
from tinygrad_cl.runtime.device import get_device

Array = np.ndarray[Any, Any]
nan, inf = math.nan, math.inf


@pytest.fixture(autouse=True)
def _on(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that take `device` make their tensors there; the others on "numpy"."""
    params = getattr(getattr(request.node, "callspec", None), "params", {})
    before = tg.get_default_device()
    tg.set_default_device(params.get("device", "numpy"))
    yield
    tg.set_default_device(before)


def same(actual: Tensor, expected: Any, dtype: tg.DType | None = None) -> None:
    """Compares values, shape, and the dtype: `dtype`, or that of the expected array."""
    expected = np.asarray(expected)
    found = actual.detach().numpy()
    assert actual.dtype is (tg.dtypes.dtype(expected.dtype) if dtype is None else dtype)
    assert found.dtype == actual.dtype.numpy
    assert found.shape == actual.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


# --- construction


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (3, tg.int64),
        (3.5, tg.float32),
        (True, tg.bool_),
        ([1, 2.5], tg.float32),
        ([[1, 2], [3, 4]], tg.int64),
        ([True, False], tg.bool_),
        ([], tg.float32),
        ([[], []], tg.float32),
        (np.float64(2.0), tg.float64),
        (np.arange(3, dtype=np.int32), tg.int32),
        ([np.float64(2.0), np.float64(3.0)], tg.float64),
        ((1.0, 2.0), tg.float32),
        (range(3), tg.int64),
    ],
)
def test_tensor_takes_data(device: str, data: Any, dtype: tg.DType) -> None:
    x = tensor(data)
    assert x.device is get_device(device)
    same(x, np.asarray(data).astype(dtype.numpy), dtype)


def test_tensor_copies_its_data(device: str) -> None:
    array = np.zeros(100, np.float32)
    x, y = tensor(array), tg.as_tensor(array)
    array[:] = 1
    same(x, np.zeros(100, np.float32))
    same(y, np.zeros(100, np.float32))


def test_tensor_from_tensors(device: str) -> None:
    x = tensor([1.0, 2.0])
    same(tensor(x), np.array([1, 2], np.float32))
    assert tensor(x) is not x
    same(tensor([x[0], x[1]]), np.array([1, 2], np.float32))
    assert tg.as_tensor(x) is x
    assert tg.as_tensor(x, dtype="float64").dtype is tg.float64
    assert tg.as_tensor(x, device="numpy").device.name == "numpy"


def test_from_numpy_keeps_dtype_and_layout(device: str) -> None:
    array = np.arange(12.0).reshape(3, 4)
    for view in (array, array.T, array[::-1, ::2], array[1:1], np.float32(3) + np.zeros(())):
        same(tg.from_numpy(np.asarray(view)), view)


@pytest.mark.parametrize("dtype", ["complex64", "uint16", "int8", "U3", "object"])
def test_foreign_dtypes_are_errors(dtype: str) -> None:
    array = np.array([1]).astype(dtype)
    with pytest.raises(DTypeError, match="not supported"):
        tg.from_numpy(array)
    with pytest.raises(DTypeError):
        tensor(array)


def test_ragged_lists_and_big_integers_are_errors() -> None:
    with pytest.raises(ShapeError, match="equal lengths"):
        tensor([[1, 2], [3]])
    with pytest.raises(DTypeError):
        tensor([2**70])
    with pytest.raises(DTypeError):
        tensor("text")


def test_factories(device: str) -> None:
    same(tg.zeros(2, 3), np.zeros((2, 3), np.float32))
    same(tg.zeros((2, 3), dtype=tg.int32), np.zeros((2, 3), np.int32))
    same(tg.ones(()), np.ones((), np.float32))
    same(tg.full((2,), True), np.array([True, True]))
    same(tg.full([2, 2], 1.5), np.full((2, 2), 1.5, np.float32))
    same(tg.arange(2, 11, 3), np.arange(2, 11, 3))
    same(tg.arange(5, 0, -2), np.arange(5, 0, -2))
    same(tg.arange(0.0, 1.0, 0.1), np.arange(0, 1, 0.1).astype(np.float32))
    same(tg.arange(3, dtype="float64"), np.arange(3.0))
    same(tg.arange(0), np.arange(0))
    same(tg.linspace(-1, 1, 5), np.linspace(-1, 1, 5, dtype=np.float32))
    same(tg.eye(2, 4), np.eye(2, 4, dtype=np.float32))
    same(tg.zeros_like(tensor([1, 2])), np.zeros(2, np.int64))
    same(tg.ones_like(tensor([1, 2]), dtype=tg.uint8), np.ones(2, np.uint8))
    same(tg.full_like(tensor([1.5]), 7), np.array([7], np.float32))
    assert tg.empty(2, 0, 3).shape == (2, 0, 3)
    assert tg.zeros(2, requires_grad=True).is_leaf


def test_factories_refuse_bad_sizes() -> None:
    for call in (
        lambda: tg.zeros(-1),
        lambda: tg.ones(2.5),
        lambda: tg.arange(0, 3, 0),
        lambda: tg.arange(0, 3, -1),
        lambda: tg.linspace(0, 1, -1),
        lambda: tg.eye(-1),
    ):
        with pytest.raises(ShapeError):
            call()
    with pytest.raises(DTypeError, match="gradients"):
        tg.zeros(2, dtype=tg.int64, requires_grad=True)
    with pytest.raises(DTypeError):
        tg.full((2,), "a")  # type: ignore[arg-type]


# --- random numbers


def test_random_numbers_follow_the_seed(device: str) -> None:
    first = [tg.manual_seed(3) and f(50).tolist() for f in (tg.rand, tg.randn)]
    assert first == [tg.manual_seed(3) and f(50).tolist() for f in (tg.rand, tg.randn)]
    assert tg.rand(50).tolist() != tg.rand(50).tolist()
    assert tg.manual_seed(4)
    assert tg.rand(50).tolist() != first[0]


def test_generators_are_streams(device: str) -> None:
    g = tg.Generator().manual_seed(5)
    whole = tg.rand(10, generator=g).tolist()
    g.manual_seed(5)
    state = g.get_state()
    assert tg.rand(4, generator=g).tolist() + tg.rand(6, generator=g).tolist() == whole
    assert tg.rand(4, generator=g.set_state(state)).tolist() == whole[:4]
    assert g.initial_seed() == 5
    assert g.seed() == g.initial_seed()
    negative = tg.Generator(-(2**70) - 3)
    assert tg.rand(3, generator=negative).shape == (3,)


def test_distributions(device: str) -> None:
    tg.manual_seed(0)
    u, n = tg.rand(20000).numpy(), tg.randn(20000).numpy()
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < 0.01
    assert abs(u.var() - 1 / 12) < 0.005
    assert abs(n.mean()) < 0.03
    assert abs(n.std() - 1) < 0.03
    assert abs((n**3).mean()) < 0.1
    i = tg.randint(-3, 4, (7000,)).numpy()
    assert i.dtype == np.int64
    assert (np.bincount(i + 3, minlength=7) > 850).all()
    assert i.min() == -3
    assert i.max() == 3
    wide = tg.randint(0, 2**40, (1000,)).numpy()
    assert wide.max() > 2**39
    assert wide.min() >= 0
    assert sorted(tg.randperm(50).tolist()) == list(range(50))
    assert tg.randperm(50).tolist() != tg.randperm(50).tolist()
    assert tg.bernoulli(tg.full((4000,), 0.25)).mean().item() == pytest.approx(0.25, abs=0.03)
    assert tg.normal(3.0, 2.0, (8000,)).mean().item() == pytest.approx(3, abs=0.1)
    x = tg.empty(100, requires_grad=True).uniform_(2, 3)
    assert x.is_leaf
    assert x.requires_grad
    assert x.min().item() >= 2
    assert x.max().item() <= 3
    with pytest.raises(ShapeError):
        tg.randint(3, 3, (2,))
    with pytest.raises(DTypeError):
        tg.rand(2, dtype=tg.int64)


def test_dropout_scales_and_can_be_off(device: str) -> None:
    x = tg.ones(4000, requires_grad=True)
    y = tg.nn.functional.dropout(x, 0.25)
    kept = y.detach().numpy() != 0
    assert abs(kept.mean() - 0.75) < 0.03
    np.testing.assert_allclose(y.detach().numpy()[kept], 1 / 0.75, rtol=1e-6)
    y.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), kept / 0.75, rtol=1e-6)
    assert tg.nn.functional.dropout(x, 0.25, training=False) is x
    z = tg.nn.functional.dropout(x, 1.0)
    assert tg.autograd.grad(z.sum(), x)[0].sum().item() == z.sum().item() == 0
    with pytest.raises(DTypeError):
        tg.nn.functional.dropout(x, 1.5)


def test_subclasses(device: str) -> None:
    class Named(Tensor):
        name = "mine"

    x = Named([1.0, 2.0], requires_grad=True)
    assert isinstance(x, Named)
    assert x.is_leaf
    assert type(x * 2) is Tensor
    (x * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2, 2]
    assert Tensor([1]).tolist() == [1]


# --- operators and dtypes

PROMOTIONS = [
    (tg.uint8, tg.int32, tg.int32),
    (tg.int64, tg.float16, tg.float16),
    (tg.bool_, tg.uint8, tg.uint8),
    (tg.float32, tg.float64, tg.float64),
    (tg.float16, tg.float32, tg.float32),
]


@pytest.mark.parametrize(("a", "b", "expected"), PROMOTIONS, ids=str)
def test_promotion(device: str, a: tg.DType, b: tg.DType, expected: tg.DType) -> None:
    x, y = tg.ones(2, dtype=a), tg.ones(2, dtype=b)
    for z in (x + y, y + x, tg.where(x > 0, x, y), tg.cat([x, y])):
        assert z.dtype is expected
    assert (x == y).dtype is tg.bool_


def test_zero_dimensional_tensors_are_weak_within_a_category(device: str) -> None:
    wide = tensor(2.0, dtype=tg.float64)
    assert (tg.ones(2) * wide).dtype is tg.float32
    assert (wide * tg.ones(2)).dtype is tg.float32
    assert (tg.ones(2, dtype=tg.int32) * tensor(2)).dtype is tg.int32
    assert (tg.ones(2, dtype=tg.int32) * wide).dtype is tg.float64
    assert (tensor(1.0) * wide).dtype is tg.float64


@pytest.mark.parametrize(
    ("dtype", "scalar", "expected"),
    [
        (tg.float16, 2.5, tg.float16),
        (tg.int32, 2, tg.int32),
        (tg.int32, 2.5, tg.float32),
        (tg.uint8, True, tg.uint8),
        (tg.bool_, 1, tg.int64),
        (tg.bool_, 1.5, tg.float32),
        (tg.float64, 1, tg.float64),
        (tg.float32, np.float64(2), tg.float32),
        (tg.int32, np.int64(2), tg.int32),
        (tg.int32, np.float32(2), tg.float32),
    ],
    ids=str,
)
def test_scalars_are_weak(device: str, dtype: tg.DType, scalar: Any, expected: tg.DType) -> None:
    x = tg.ones(2, dtype=dtype)
    assert (x + scalar).dtype is expected
    assert (scalar + x).dtype is expected
    same(scalar + x, np.full(2, 1 + scalar).astype(expected.numpy))


def test_integers_that_do_not_fit_are_errors_and_compare_right(device: str) -> None:
    x = tensor([1, 200], dtype=tg.uint8)
    with pytest.raises(DTypeError, match="uint8"):
        x + 300
    same(x > -1, [True, True])
    same(x < 300, [True, True])
    same(tg.lt(-1, x), [True, True])
    same(x == 256, [False, False])


def test_division_is_true_division(device: str) -> None:
    same(tensor([1, 2]) / 2, np.array([0.5, 1], np.float32))
    same(1 / tensor([1, 2]), np.array([1, 0.5], np.float32))
    same(tensor([7, -7]) // 2, np.array([3, -4]))
    same(tensor([7, -7]) % 3, np.array([1, 2]))
    same(7 // tensor([2, -2]), np.array([3, -4]))
    same(tg.div(tensor([7, -7]), 2, rounding_mode="trunc"), np.array([3, -3]))
    with pytest.raises(DTypeError, match="rounding_mode"):
        tg.div(tensor([1]), 2, rounding_mode="up")


def test_numpy_on_the_other_side(device: str) -> None:
    x = tensor([1.0, 2.0])
    array = np.array([10.0, 20.0], np.float32)
    for y in (x + array, array + x, x * 1 + array):
        assert isinstance(y, Tensor)
    same(array - x, np.array([9, 18], np.float32))
    same(np.float64(2) * x, np.array([2, 4], np.float32))
    same(np.int32(3) - x, np.array([2, 1], np.float32))
    same(array < x, [False, False])
    same(np.ones((2, 2), np.float32) @ x, np.array([3, 3], np.float32))
    np.testing.assert_array_equal(np.exp(x), np.exp(array / 10))
    np.testing.assert_array_equal(np.asarray(x, dtype=np.float64), [1, 2])
    assert np.array(x).flags.writeable


def test_operators(device: str) -> None:
    a, b = tensor([6, 7]), tensor([4, 2])
    t, f = tensor([True, False]), tensor([True, True])
    same(-a, [-6, -7])
    same(+a, [6, 7])
    same(abs(-a), [6, 7])
    same(a**2, [36, 49])
    same(2**b, [16, 4])
    same(t & f, [True, False])
    same(t | f, [True, True])
    same(t ^ f, [False, True])
    same(~t, [False, True])
    same(~a, [-7, -8])
    same(True & t, [True, False])
    same(tensor([[1.0, 2.0], [3.0, 4.0]]) @ a, np.array([20, 46], np.float32))
    same((a != b) & (a >= b), [True, True])
    same(a & b, [4, 2])
    with pytest.raises(DTypeError, match="float"):
        a.float() & b
    with pytest.raises(DTypeError, match="negative power"):
        a**-1


def test_operators_leave_other_types_to_themselves() -> None:
    class Other:
        def __radd__(self, left: Any) -> str:
            return "mine"

        def __eq__(self, other: object) -> Any:
            return "equal"

        __hash__ = None  # type: ignore[assignment]

    x = tensor([1.0])
    assert x + Other() == "mine"
    assert (x == Other()) == "equal"
    for wrong in ("text", None, [1.0], 1j):
        with pytest.raises(TypeError):
            x + wrong  # type: ignore[operator]
    assert (x == None) is False  # noqa: E711
    assert x != "text"
    with pytest.raises(DTypeError, match="add"):
        tg.add(x, "text")  # type: ignore[arg-type]
    with pytest.raises(DTypeError, match="needs a Tensor"):
        tg.exp(1.0)  # type: ignore[arg-type]


def test_tensors_on_two_devices_do_not_mix(opencl_device: str) -> None:
    with pytest.raises(tg.DeviceError, match=r"\.to\("):
        tensor([1.0], device="numpy") + tensor([1.0], device=opencl_device)


# --- what a tensor is


def test_attributes(device: str) -> None:
    x = tg.zeros(2, 3, dtype=tg.float64)
    assert x.shape == x.size() == (2, 3)
    assert (x.ndim, x.dim(), x.numel(), len(x)) == (2, 2, 6, 2)
    assert (x.size(-1), x.size(0)) == (3, 2)
    assert (x.element_size(), x.itemsize, x.nbytes) == (8, 8, 48)
    assert x.dtype is tg.float64
    assert x.is_floating_point()
    assert x.device is get_device(device)
    assert x.T.shape == x.mT.shape == x.t().shape == (3, 2)
    assert x.contiguous() is x
    assert x.is_contiguous()
    assert hash(x) == hash(x)
    assert x in {x}
    with pytest.raises(ShapeError):
        x.size(2)
    with pytest.raises(ShapeError):
        tg.zeros(3).mT  # noqa: B018


def test_conversions(device: str) -> None:
    x = tensor([1.7, -2.2, 0.0])
    same(x.int(), np.array([1, -2, 0], np.int32))
    same(x.long(), np.array([1, -2, 0]))
    same(x.bool(), [True, True, False])
    same(x.double(), x.numpy().astype(np.float64))
    same(x.half(), x.numpy().astype(np.float16))
    same(tensor([1, 2]).float(), np.array([1, 2], np.float32))
    assert x.float() is x
    assert x.to(tg.float32) is x
    assert x.to(device) is x
    assert x.to("int").dtype is tg.int32
    assert x.to(np.int64).dtype is tg.int64
    assert x.to(tensor([1])).dtype is tg.int64
    assert x.type_as(tensor([True])).dtype is tg.bool_
    assert x.to("numpy", tg.float64).dtype is tg.float64
    with pytest.raises(DTypeError):
        x.to(np.complex64)
    with pytest.raises(tg.DeviceError):
        x.to("no-such-device")


def test_numbers_come_out(device: str) -> None:
    assert tensor([[2.5]]).item() == 2.5
    assert isinstance(tensor(3).item(), int)
    assert isinstance(tensor(True).item(), bool)
    assert tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert tensor(1.5).tolist() == 1.5
    assert (float(tensor(2)), int(tensor(2.7)), bool(tensor([0.0]))) == (2.0, 2, False)
    assert [10, 20, 30][tensor(1)] == 20
    assert list(range(tensor(3))) == [0, 1, 2]
    assert 2 in tensor([1, 2])
    assert 5 not in tensor([1, 2])
    assert f"{tensor(2.0):.3f}" == "2.000"
    assert f"{tensor([1, 2])}" == "tensor([1, 2])"
    assert [v.item() for v in tensor([5, 6])] == [5, 6]
    for call in (
        lambda: tensor([1, 2]).item(),
        lambda: bool(tensor([1, 2])),
        lambda: float(tg.zeros(0)),
    ):
        with pytest.raises(ShapeError):
            call()
    with pytest.raises(TypeError):
        len(tensor(1))
    with pytest.raises(TypeError):
        iter(tensor(1))
    with pytest.raises(DTypeError):
        [1, 2][tensor(1.0)]  # type: ignore[call-overload]


def test_numpy_of_what_requires_grad_is_an_error() -> None:
    x = tensor([1.0], requires_grad=True)
    with pytest.raises(GradientError, match="detach"):
        x.numpy()
    with pytest.raises(GradientError):
        np.asarray(x)
    same(x.detach(), np.array([1], np.float32))
    assert x.numpy(force=True)[0] == 1
    assert x.item() == 1
    assert x.tolist() == [1]


def test_arrays_outlive_their_tensors(device: str) -> None:
    x = tg.arange(1000.0) + 1
    array = x.numpy()
    del x
    gc.collect()
    others = [tg.zeros(1000).add_(i).realize() for i in range(5)]
    np.testing.assert_array_equal(array, np.arange(1000) + 1)
    del others


# --- printing

PRINTED = [
    (3.5, "tensor(3.5000)"),
    (5, "tensor(5)"),
    (True, "tensor(True)"),
    ([1.0, 2.0], "tensor([1., 2.])"),
    ([0.5, -2.0], "tensor([ 0.5000, -2.0000])"),
    ([1, -200], "tensor([   1, -200])"),
    ([True, False], "tensor([ True, False])"),
    ([1e-5, 1.0], "tensor([1.0000e-05, 1.0000e+00])"),
    ([1e9, 2e9], "tensor([1.0000e+09, 2.0000e+09])"),
    ([1.5, nan, -inf], "tensor([1.5000,    nan,   -inf])"),
    ([1.0, nan, inf], "tensor([1., nan, inf])"),
    ([], "tensor([])"),
    (np.zeros((2, 0), np.float32), "tensor([], size=(2, 0))"),
    (np.zeros(0, np.int64), "tensor([], dtype=tinygrad_cl.int64)"),
    (np.array([1, 2], np.int32), "tensor([1, 2], dtype=tinygrad_cl.int32)"),
    (np.array([0.1, 0.25], np.float16), "tensor([0.1000, 0.2500], dtype=tinygrad_cl.float16)"),
    ([[1.0, 2.0], [3.0, 4.0]], "tensor([[1., 2.],\n        [3., 4.]])"),
    (np.arange(2000), "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"),
]


@pytest.mark.parametrize(("data", "text"), PRINTED, ids=[text for _, text in PRINTED])
def test_repr(data: Any, text: str) -> None:
    """The texts are those that PyTorch prints, but for the dtypes' names."""
    assert repr(tensor(data)) == text


def test_repr_of_gradients_and_devices(opencl_device: str) -> None:
    x = tensor([1.0], requires_grad=True)
    assert repr(x) == "tensor([1.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2.], grad_fn=<mul>)"
    assert repr(tg.nn.Parameter(x)) == "Parameter containing:\n" + repr(x)
    there = tensor([1], device=opencl_device)
    assert repr(there) == f"tensor([1], device='{there.device.name}')"


# --- copies


def test_pickle_and_deepcopy(device: str) -> None:
    for x in (tensor([1.0, 2.0], requires_grad=True), tensor([[1, 2]]), tg.zeros(2, 0)):
        for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
            same(y, x.detach().numpy())
            assert (y.requires_grad, y.is_leaf, type(y)) == (x.requires_grad, True, Tensor)
    p = tg.nn.Parameter(tg.ones(2))
    (p * 3).sum().backward()
    q = copy.deepcopy(p)
    assert isinstance(q, tg.nn.Parameter)
    assert q.requires_grad
    assert q.grad is None, "a parameter's gradient stays behind, as in PyTorch"
    x = tensor([1.0, 2.0], requires_grad=True)
    (x * 3).sum().backward()
    assert copy.deepcopy(x).grad.tolist() == [3, 3]
    assert isinstance(pickle.loads(pickle.dumps(p)), tg.nn.Parameter)
    both = copy.deepcopy([p, p])
    assert both[0] is both[1]
    with tg.no_grad():
        p += 1
    assert q.tolist() == [1, 1]
    with pytest.raises(GradientError, match="leaves"):
        copy.deepcopy(p * 2)


def test_detach_and_clone(device: str) -> None:
    x = tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    for d in (y.detach(), y.realize().detach(), x.detach(), x.data):
        assert not d.requires_grad
        assert d.is_leaf
    d = x.detach()
    d += 5
    same(x, np.array([1, 2], np.float32))
    c = x.clone()
    assert c.requires_grad
    assert not c.is_leaf
    y.detach_()
    assert y.is_leaf
    assert not y.requires_grad
    x.data = tensor([7.0, 8.0])
    assert x.tolist() == [7, 8]
    assert x.is_leaf
    assert x.requires_grad


def test_data_is_another_handle_of_the_same_values(device: str) -> None:
    x = tensor([1.0, -2.0, 3.0], requires_grad=True)
    shown = x.data
    x.data.clamp_(min=0.0)
    assert shown.tolist() == x.tolist() == [1, 0, 3]
    shown[0] = 5
    x.data -= 1
    assert shown.tolist() == x.tolist() == [4, -1, 2]
    assert x.is_leaf
    assert not shown.requires_grad
    (x * x).sum().backward()
    assert x.grad is not None
    x.grad.data.zero_()
    assert x.grad.tolist() == [0, 0, 0]
    for other in (copy.deepcopy(shown), pickle.loads(pickle.dumps(shown)), shown.clone()):
        assert type(other) is Tensor
        other.zero_()
    assert shown.tolist() == x.tolist() == [4, -1, 2]


def test_values_are_put_back_by_data(device: str) -> None:
    """As classes do it that show averaged weights for a while."""
    x = tensor([1.0, 2.0], requires_grad=True)
    kept = x.data
    x.data = tensor([5.0, 6.0])
    x.data += 1
    assert kept.tolist() == [1, 2]
    kept.add_(1)
    assert x.tolist() == [6, 7]
    x.data = kept
    assert x.tolist() == [2, 3]
    assert x.requires_grad


def test_data_can_have_another_shape_and_dtype(device: str) -> None:
    x = tensor([1.0, 2.0, 3.0], requires_grad=True)
    x.data = x.data[:2]
    (x * x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2, 4]
    x.data = x.data.double()
    assert x.dtype is tg.float64
    with pytest.raises(DTypeError, match=r"needs floats, got int64; use \.float\(\)"):
        x.data = tensor([1, 2])
    with pytest.raises(tg.TinygradError, match="data: needs a Tensor, got list"):
        x.data = [1.0]  # type: ignore[assignment]
    assert x.tolist() == [1, 2]


def test_data_of_a_computed_value_leaves_its_gradient(device: str) -> None:
    """The straight-through estimator, as it is often written."""
    x = tensor([0.5, -2.0], requires_grad=True)
    y = x * 3
    y.data = y.data.sign()
    (y * tensor([10.0, 20.0])).sum().backward()
    assert y.tolist() == [1, -1]
    assert x.grad is not None
    assert x.grad.tolist() == [30, 60]
    y = x * 3
    with pytest.raises(ShapeError, match=r"data: \(1,\) cannot take the place"):
        y.data = y.data[:1]


def test_data_in_captured_steps(device: str) -> None:
    """Weights that are clipped after each step, as in a Wasserstein GAN."""
    seen = []
    for wrap in (lambda f: f, tg.jit):
        w = tg.tensor([0.5, -0.5], requires_grad=True)
        optimizer = tg.optim.SGD([w], lr=0.25)

        def step(x: Tensor, w: Tensor = w, optimizer: Any = optimizer) -> None:
            optimizer.zero_grad()
            (w * x).sum().backward()
            optimizer.step()
            w.data.clamp_(-1, 1)

        step = wrap(step)
        rows = []
        for _ in range(8):
            step(tensor([1.0, -0.5]))
            rows.append(w.tolist())
        seen.append(rows)
    assert seen[0] == seen[1]
    assert seen[0][-1] == [-1.0, 0.5]
    assert "replayed 5 times" in str(step)


# --- writing to what nobody holds


def test_writing_to_a_part_of_a_part_is_refused() -> None:
    """In PyTorch it changes the whole; here it would be lost."""
    x = tg.zeros(2, 3)
    with pytest.raises(tg.TinygradError, match=r"Write x\[i, j\] = v instead of x\[i\]\[j\] = v"):
        x[0][1] = 5
    with pytest.raises(tg.TinygradError, match="views do not alias"):
        x.view(-1)[2] = 5
    row = x[0]
    row[1] = 5
    x[1] += 1
    x[1, 2] = 7
    x.__setitem__((0, 0), 4)
    x.data[0, 1] = 3
    assert x.tolist() == [[4, 3, 0], [1, 1, 7]]
    assert row.tolist() == [0, 5, 0]


def test_fill_takes_a_tensor_without_dims(device: str) -> None:
    x, k = tg.zeros(2), tensor(3.0, requires_grad=True)
    x.fill_(k)
    assert x.tolist() == [3, 3]
    x.sum().backward()
    assert k.grad is not None
    assert k.grad.item() == 2
    with pytest.raises(ShapeError, match="without dims, got shape"):
        x.fill_(tg.ones(2))


OLD_TYPES = {
    "Bool": tg.bool,
    "Byte": tg.uint8,
    "Double": tg.float64,
    "Float": tg.float32,
    "Half": tg.float16,
    "Int": tg.int32,
    "Long": tg.int64,
}


@pytest.mark.parametrize("name", OLD_TYPES)
def test_old_constructors_make_their_dtype(name: str) -> None:
    make = getattr(tg, f"{name}Tensor")
    made = make([1, 0])
    assert made.dtype is OLD_TYPES[name]
    assert made.tolist() == [1, 0]
    assert make(2, 3).shape == (2, 3)


def test_second_names_are_the_same_functions() -> None:
    for pair in (
        "absolute abs",
        "arccos acos",
        "arctan2 atan2",
        "concatenate cat",
        "divide div",
        "greater gt",
        "less_equal le",
        "moveaxis movedim",
        "not_equal ne",
        "subtract sub",
    ):
        second, first = pair.split()
        assert getattr(tg, second) is getattr(tg, first)
    x = tg.tensor([[2.0, 1.0], [1.0, 1.0]])
    assert tg.det(x).item() == pytest.approx(1)
    assert tg.matrix_power(x, 2).tolist() == (x @ x).tolist()
    assert tg.inverse(x).tolist() == [[1, -1], [-1, 2]]


def test_names_that_ask_what_tensors_are() -> None:
    assert tg.is_floating_point(tg.ones(1))
    assert not tg.is_floating_point(tg.ones(1, dtype=tg.int32))
    assert not tg.is_complex(tg.ones(1))
    assert tg.is_nonzero(tg.tensor([2.0]))
    with pytest.raises(ShapeError, match="is_nonzero: needs one element"):
        tg.is_nonzero(tg.ones(2))
    assert tg.scalar_tensor(3).dtype is tg.float32
    assert tg.scalar_tensor(3, dtype=tg.int64).item() == 3
    tg.use_deterministic_algorithms(True)


def test_names_that_older_programs_use() -> None:
    assert tg.LongTensor(2, 3).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert tg.ones(2).new(3).shape == (3,)
    assert tg.ones(2).new([4.0]).tolist() == [4]
    assert tg.is_tensor(tg.ones(1))
    assert not tg.is_tensor(1)
    assert tg.ones(2, 3).nelement() == tg.numel(tg.ones(2, 3)) == 6
    assert tg.concat([tg.ones(1), tg.ones(2)]).shape == (3,)
    x = tg.autograd.Variable(tg.ones(2), requires_grad=True)
    (g,) = tg.autograd.grad(
        outputs=x.mul(3), inputs=x, grad_outputs=tg.ones(2), only_inputs=True, create_graph=True
    )
    assert g.tolist() == [3, 3]
    with pytest.raises(ShapeError, match="one list"):
        tg.FloatTensor([1], [2])


def test_modes_decorate_with_and_without_parentheses() -> None:
    x = tg.ones(1, requires_grad=True)

    @tg.no_grad
    def plain() -> Tensor:
        return x * 2

    @tg.inference_mode()
    def called() -> Tensor:
        return x * 2

    @tg.inference_mode
    def named() -> Tensor:
        return x * 2

    assert not any(f().requires_grad for f in (plain, called, named))
    with tg.inference_mode(False):
        assert (x * 2).requires_grad


def only_gpus(monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    """Lets these devices be the only GPUs, and forgets which "cuda" was opened before."""
    monkeypatch.setattr("tinygrad_cl.runtime.discovery.gpus", lambda: names)
    kept = {name: device for name, device in devices._registry.opened.items() if "cuda" not in name}
    monkeypatch.setattr(devices._registry, "opened", kept)


def test_cuda_is_the_opencl_gpu(gpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    only_gpus(monkeypatch, [gpu])
    assert tg.cuda.is_available()
    assert tg.cuda.device_count() == 1
    device = tg.device("cuda" if tg.cuda.is_available() else "cpu")
    assert device is tg.device("cuda:0") is tg.device(gpu)
    x = tg.ones(3).to(device)
    assert x.is_cuda
    assert not x.is_cpu
    assert tg.ones(1).cuda().device is tg.ones(1).cuda(0).device is device
    net = tg.nn.Linear(3, 2).cuda()
    assert net(x).device is device
    tg.cuda.synchronize(device)
    assert not net(x).cpu().is_cuda
    with pytest.raises(tg.DeviceError, match="through OpenCL, and 1 can be used here"):
        tg.ones(1).cuda(1)


def test_without_a_gpu_programs_take_their_other_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    only_gpus(monkeypatch, [])
    device = tg.device("cuda" if tg.cuda.is_available() else "cpu")
    assert device.type == "cpu"
    assert not tg.ones(1, device=device).is_cuda
    for call in (tg.ones(1).cuda, tg.nn.Linear(1, 1).cuda, lambda: tg.device("cuda:0")):
        with pytest.raises(tg.DeviceError, match="reached through OpenCL, and none can be used"):
            call()
    tg.backends.cudnn.benchmark = True
    tg.cuda.manual_seed_all(3)
    assert tg.initial_seed() == 3


# --- indexing, against NumPy


def check_index(array: Array, index: Any, on_tensor: Any = None) -> None:
    x = tensor(array)
    try:
        expected = array[index]
    except IndexError:
        with pytest.raises(IndexError):
            x[index if on_tensor is None else on_tensor].realize()
        return
    same(x[index if on_tensor is None else on_tensor], expected)


INDICES = [
    np.s_[1],
    np.s_[-1, 2],
    np.s_[1:, None, ..., 2],
    np.s_[::-1, ::-2],
    np.s_[..., None, 0],
    np.s_[5:1],
    np.s_[:, 1:100:3],
    np.s_[[0, 2, -1]],
    np.s_[[0, 1], [2, 3]],
    np.s_[[[0], [1]], [2, 3]],
    np.s_[0, :, [1, 2]],
    np.s_[[0, 1], :, [1, 2]],
    np.s_[:, [1, 2], 0],
    np.s_[:, [1, 2], None, [0, 5]],
    np.s_[None, [1, 2], None],
    np.s_[::2, [3, 0], ::-1],
    np.s_[[], :],
    np.s_[np.array([[True, False, True, False]] * 1)[0]],
    np.s_[:, np.array([True, False, True, False, True])],
    np.s_[True],
    np.s_[False, ..., 1],
    np.s_[()],
    np.s_[...],
    np.s_[4],
    np.s_[[0, 4]],
    np.s_[0, 0, 0, 0],
    np.s_[np.int32(1), np.uint8(2)],
]


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_indexing(device: str, index: Any) -> None:
    check_index(np.arange(120, dtype=np.float32).reshape(4, 5, 6), index)


def _as_tensors(index: Any) -> Any:
    items = index if isinstance(index, tuple) else (index,)
    out = tuple(tensor(i) if isinstance(i, np.ndarray) else i for i in items)
    return out if isinstance(index, tuple) else out[0]


@st.composite
def arrays_and_indices(draw: st.DrawFn) -> tuple[Array, Any]:
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    entries: list[Any] = []
    for size in shape:
        kind = draw(st.sampled_from(["int", "slice", "array", "mask", "none", "stop"]))
        if kind == "stop":
            break
        if kind == "none":
            entries.append(None)
        if kind == "int":
            entries.append(draw(st.integers(-size, size - 1)))
        elif kind == "array":
            inner = draw(st.sampled_from([(), (2,), (1, 2), (3, 1)]))
            entries.append(draw(hnp.arrays(np.int64, inner, elements=st.integers(-size, size - 1))))
        elif kind == "mask":
            entries.append(draw(hnp.arrays(np.bool_, (size,))))
        else:
            entries.append(draw(st.slices(size)))
    if draw(st.booleans()):
        entries.insert(draw(st.integers(0, len(entries))), Ellipsis)
    return array, tuple(entries)


@given(case=arrays_and_indices())
def test_any_index(device: str, case: tuple[Array, Any]) -> None:
    array, index = case
    try:
        expected = array[index]
    except IndexError:  # masks that select numbers of elements that do not broadcast
        with pytest.raises(IndexError):
            tensor(array)[index]
        return
    same(tensor(array)[index], expected)
    same(tensor(array)[_as_tensors(index)], expected)


@given(case=arrays_and_indices(), scalar=st.booleans())
def test_any_assignment(device: str, case: tuple[Array, Any], scalar: bool) -> None:
    array, index = case
    try:
        place = array[index]
    except IndexError:
        assume(False)
    value = -np.arange(place.size, dtype=np.float32).reshape(place.shape) - 1
    expected, x = array.copy(), tensor(array)
    expected[index] = -1.0 if scalar else value
    before = x.clone()
    x[_as_tensors(index)] = -1.0 if scalar else tensor(value)
    same(x, expected)
    same(before, array)


@given(case=arrays_and_indices())
def test_gradients_of_any_index(case: tuple[Array, Any]) -> None:
    array, index = case
    x = tensor(array, requires_grad=True)
    try:
        place = array[index]
    except IndexError:
        assume(False)
    weight = np.cos(np.arange(place.size)).reshape(place.shape).astype(np.float32)
    expected = np.zeros_like(array)
    np.add.at(expected, index, weight)
    y = x[index]
    (g,) = tg.autograd.grad(y, x, tensor(weight))
    np.testing.assert_allclose(g.numpy(), expected, rtol=1e-6, atol=1e-6)


def test_masks(device: str) -> None:
    array = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32)
    x = tensor(array)
    same(x[x > 0], array[array > 0])
    same(x[x.sum(1) > 0], array[array.sum(1) > 0])
    same(x[x > 100], array[array > 100])
    y = x.clone()
    y[y > 0] = 0
    same(y, np.where(array > 0, 0, array).astype(np.float32))
    y[x[:, 0] > 0] = tg.arange(5)
    expected = np.where(array > 0, 0, array)
    expected[array[:, 0] > 0] = np.arange(5)
    same(y, expected.astype(np.float32))


def test_tensor_indices_are_checked_on_the_device(device: str) -> None:
    x = tg.arange(10)
    same(x[tensor([1, -1])], [1, 9])
    y = x[tensor([1, 10])]
    with pytest.raises(IndexError, match="10"):
        y.realize().device.synchronize()
    with pytest.raises(IndexError):
        x[[1, 10]]
    with pytest.raises(IndexError):
        x[10]
    with pytest.raises(IndexError, match="too many"):
        x[1, 2]
    with pytest.raises(IndexError, match="mask"):
        x[np.array([True])]
    with pytest.raises(IndexError, match="broadcast"):
        tg.zeros(3, 3)[[0, 1], [0, 1, 2]]
    with pytest.raises(IndexError):
        x[..., ...]
    with pytest.raises(DTypeError, match="integers"):
        x[tensor([1.0])]
    with pytest.raises(TypeError):
        x["a"]
    with pytest.raises(TypeError):
        x[1.0]


def test_assignment(device: str) -> None:
    x = tg.zeros(3, 4)
    x[1] = tensor([1, 2, 3, 4])
    x[:, -1] = 9.5
    x[0, ::2] += 5
    x[[2, 2], [0, 1]] = tensor([7.0, 8.0])
    same(x, np.array([[5, 0, 5, 9.5], [1, 2, 3, 9.5], [7, 8, 0, 9.5]], np.float32))
    x[[1, 1, 1]] = tensor([[1.0], [2.0], [3.0]])  # the last one stays
    same(x[1], np.full(4, 3, np.float32))
    x[:] = np.ones((3, 4), np.float32)
    same(x, np.ones((3, 4), np.float32))
    x[...] = [1, 2, 3, 4]
    same(x[2], np.array([1, 2, 3, 4], np.float32))
    i = tg.zeros(2, dtype=tg.int64)
    i[0] = 3.9  # cast, as NumPy and PyTorch do
    same(i, [3, 0])
    with pytest.raises(ShapeError, match="broadcast"):
        x[0] = tg.zeros(3)
    with pytest.raises(IndexError):
        x[tensor([5])] = 1.0


def test_assignment_passes_gradients(device: str) -> None:
    x, v = tg.ones(4, requires_grad=True), tg.ones(2, requires_grad=True)
    y = x * 2
    y[1:3] = v * 3
    y[[0, 0]] = v * 5  # the second one stays
    (y * tg.arange(4.0).add_(1)).sum().backward()
    assert x.grad is not None
    assert v.grad is not None
    same(x.grad, np.array([0, 0, 0, 8], np.float32))
    same(v.grad, np.array([6, 9 + 5], np.float32))


# --- in-place operations


def test_in_place_operations_rebind(device: str) -> None:
    x = tensor([1.0, 2.0])
    view, held = x[:1], x
    x += 1
    assert held is x
    same(x, np.array([2, 3], np.float32))
    same(view, np.array([1], np.float32))
    x -= tensor([1, 1])
    x *= 4
    x /= 2
    x **= 2
    same(x, np.array([4, 16], np.float32))
    x //= 3
    x %= 2
    same(x, np.array([1, 1], np.float32))
    b = tensor([True, False])
    b &= tensor([True, True])
    b |= True
    b ^= tensor([True, False])
    same(b, [False, True])


def test_in_place_methods(device: str) -> None:
    x = tensor([1.0, -4.0])
    assert x.add_(1, alpha=2) is x
    same(x.abs_().mul_(2).sub_(1), np.array([5, 3], np.float32))
    same(x.clamp_(max=4).neg_(), np.array([-4, -3], np.float32))
    same(x.copy_(tensor([9, 16])).sqrt_(), np.array([3, 4], np.float32))
    same(x.masked_fill_(x > 3, 0).relu_(), np.array([3, 0], np.float32))
    same(x.fill_(2).zero_().exp_().log_(), np.array([0, 0], np.float32))
    source = tensor([1.0, 2.0])
    x.copy_(source)
    source += 1
    same(x, np.array([1, 2], np.float32))


def test_in_place_keeps_dtype_and_shape(device: str) -> None:
    x = tensor([1, 2], dtype=tg.int32)
    x += tensor([1, 1])
    assert x.dtype is tg.int32
    with pytest.raises(DTypeError, match="float32"):
        x += 1.5
    with pytest.raises(DTypeError):
        x /= 2
    y = tg.zeros(2, dtype=tg.float16)
    y += tensor([1.5, 2.5], dtype=tg.float64)
    assert y.dtype is tg.float16
    with pytest.raises(ShapeError, match="does not fit"):
        y += tg.ones(3, 2, dtype=tg.float16)
    z = tg.zeros(2, 2)
    z.copy_(tensor([1.0, 2.0]))
    same(z, np.array([[1, 2], [1, 2]], np.float32))


def test_in_place_on_a_leaf_that_requires_grad() -> None:
    x = tensor([1.0], requires_grad=True)
    for change in (lambda: x.add_(1), lambda: x.zero_(), lambda: x.__setitem__(0, 2)):
        with pytest.raises(GradientError, match="no_grad"):
            change()
    with tg.no_grad():
        x += 1
    assert x.is_leaf
    assert x.requires_grad
    assert x.item() == 2
    (x * 3).backward()
    assert x.grad is not None
    assert x.grad.item() == 3


def test_old_values_stay_right_for_gradients(device: str) -> None:
    x = tensor([3.0], requires_grad=True)
    y = x * 1
    z = y * y
    y += 100  # z still multiplies the old value
    z.backward()
    assert x.grad is not None
    assert x.grad.item() == 6
    w = tensor([2.0], requires_grad=True)
    loss = w * w
    with tg.no_grad():
        w += 10
    loss.backward()
    assert w.grad is not None
    assert w.grad.item() == 4


def test_a_chain_of_in_place_operations_keeps_no_intermediates() -> None:
    x = tg.zeros(3)
    first = weakref.ref(x.node)
    for _ in range(3):
        x += 1
    x.realize()
    assert first() is None
    assert own(x.node).tolist() == [3, 3, 3]


def test_numbers_are_rounded_once_to_the_dtype_that_is_asked_for() -> None:
    assert tg.tensor([0.1], dtype=tg.float64).tolist() == [0.1]
    assert tg.tensor(1e200, dtype=tg.float64).item() == 1e200
    assert tg.tensor([2**60 + 0.0, 16777217.0], dtype=tg.int64).tolist() == [2**60, 16777217]
    assert tg.tensor([0.1]).dtype is tg.float32
    assert tg.tensor([1e200]).tolist() == [float("inf")]
