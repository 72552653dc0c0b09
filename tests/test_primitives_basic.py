"""Rows of the elementwise, reduction and movement families: specs, references, gradients, views.

Gradients are computed with NumPy in float64: against differences at ordinary points, first and
second order, and against PyTorch's values where a formula breaks: zeros, ties, NaN, infinities.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_shapes import read

from tinygrad_cl import dtypes, engine
from tinygrad_cl.autograd.walk import walk
from tinygrad_cl.dtypes import ALL, DType
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.graph import PRIMITIVES, Node, TensorSpec
from tinygrad_cl.lowering import Assemble, View
from tinygrad_cl.primitives import elementwise as ew
from tinygrad_cl.primitives import movement as mv
from tinygrad_cl.primitives import reduce as rd
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.shapes import Layout

Array = np.ndarray
Function = Callable[..., Node]
INF, NAN = float("inf"), float("nan")
HOST = get_device("numpy")


def leaf(values: Any) -> Node:
    node = engine.upload(np.array(values, np.float64), HOST)
    node.leaf = node.needs_grad = True
    return node


def constant(values: Any) -> Node:
    return engine.upload(np.array(values), HOST)


def gradients(function: Function, inputs: list[Node], weights: Any = None) -> list[Node]:
    """The cotangents of the inputs, for the sum of the outputs weighted with `weights`."""
    y = function(*inputs)
    seed = np.ones(y.shape) if weights is None else weights
    found = dict(walk([y], [constant(seed)], inputs, True, True))
    return [found.get(x, mv.zeros(x)) for x in inputs]


def first_order(function: Function, *values: Any) -> list[list[Any]]:
    return [engine.numpy(g).tolist() for g in gradients(function, [leaf(v) for v in values])]


def second_order(function: Function, *values: Any) -> list[list[list[Any]]]:
    """Row i: the derivatives of the sum of the i-th gradient."""
    inputs = [leaf(v) for v in values]
    found = gradients(function, inputs)
    rows = []
    for g in found:
        if not g.needs_grad:
            rows.append([np.zeros(x.shape).tolist() for x in inputs])
            continue
        again = dict(walk([g], [constant(np.ones(g.shape))], inputs, True, False))
        rows.append([engine.numpy(again.get(x, mv.zeros(x))).tolist() for x in inputs])
    return rows


# ---- gradients against differences


def points(low: float, high: float, *shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(low, high, shape)


A, B = points(-2, 2, 3, 4), points(-2, 2, 3, 4, seed=1)
POSITIVE, ROW = points(0.3, 3, 3, 4), points(0.3, 2, 4, seed=2)
CUBE = points(-2, 2, 2, 3, 4)
MASK = constant(A > 0)

# name, function, inputs: every vjp rule of the three families
DIFFERENTIABLE: list[tuple[str, Function, tuple[Array, ...]]] = [
    *(
        (name, PRIMITIVES[name], (A,))
        for name in ["exp", "sin", "cos", "tanh", "sigmoid", "erf", "relu", "neg", "abs"]
    ),
    *((name, PRIMITIVES[name], (POSITIVE,)) for name in ["log", "sqrt", "rsqrt"]),
    *((name, PRIMITIVES[name], (A,)) for name in ["sign", "floor", "ceil", "round", "trunc"]),
    *(
        (name, PRIMITIVES[name], (A, ROW))
        for name in ["add", "sub", "mul", "div", "maximum", "minimum"]
    ),
    *((name, PRIMITIVES[name], (A, ROW + 3)) for name in ["remainder", "floor_divide"]),
    ("pow", ew.pow, (POSITIVE, ROW)),
    ("clamp", ew.clamp, (A, np.array(-1.0), np.array(0.7))),
    ("where", lambda a, b: ew.where(MASK, a, b), (A, B)),
    ("cast", lambda a: ew.cast(a, dtype=dtypes.float64), (A,)),
    ("alias", ew.alias, (A,)),
    *(
        (
            f"{fold.name} {dim} {keep}",
            lambda x, f=fold, d=dim, k=keep: f(x, dim=d, keepdim=k),
            (CUBE,),
        )
        for fold in (rd.sum, rd.prod, rd.max, rd.min)
        for dim, keep in (((), False), ((1,), True), ((0, 2), False), ((0, 1, 2), False))
    ),
    ("reshape", lambda x: mv.reshape(x, shape=(4, 6)), (CUBE,)),
    ("permute", lambda x: mv.permute(x, dims=(2, 0, 1)), (CUBE,)),
    ("expand", lambda x: mv.expand(x, shape=(2, 3, 4)), (A[:, :1],)),
    ("slice", lambda x: mv.slice(x, starts=(1, 3), steps=(1, -1), shape=(2, 4)), (A,)),
    ("slice by 2", lambda x: mv.slice(x, starts=(2, 0), steps=(-2, 3), shape=(2, 2)), (A,)),
    ("pad", lambda x: mv.pad(x, before=(0, 2), after=(1, 0)), (A,)),
    ("cat", lambda a, b: mv.cat(a, b, a, dim=1), (A, B[:, :2])),
    (
        "slice_scatter",
        lambda a, b: mv.slice_scatter(a, b, starts=(2, 0), steps=(-2, 3)),
        (A, B[:2, :2]),
    ),
]


@pytest.mark.parametrize(
    ("function", "values"),
    [row[1:] for row in DIFFERENTIABLE],
    ids=[row[0] for row in DIFFERENTIABLE],
)
def test_gradients_are_the_slopes(function: Function, values: tuple[Array, ...]) -> None:
    inputs = [leaf(v) for v in values]
    weights = points(-1, 1, *function(*inputs).shape, seed=8)
    ways = [points(-1, 1, *v.shape, seed=9 + i) for i, v in enumerate(values)]

    def slope(of: Callable[[list[Node]], Array], step: float = 1e-5) -> Array:
        """The derivative along `ways`, by differences."""
        ahead, behind = (
            of([leaf(v + sign * step * way) for v, way in zip(values, ways, strict=True)])
            for sign in (1, -1)
        )
        return (ahead - behind) / (2 * step)

    def along(nodes: list[Node]) -> Array:
        """The gradient along `ways`."""
        found = gradients(function, nodes, weights)
        return np.array(sum((engine.numpy(g) * w).sum() for g, w in zip(found, ways, strict=True)))

    first = along(inputs)
    by_difference = slope(lambda nodes: np.array((engine.numpy(function(*nodes)) * weights).sum()))
    np.testing.assert_allclose(first, by_difference, rtol=1e-6, atol=1e-8)

    def directional(*nodes: Node) -> Node:
        terms = [
            g * constant(w)
            for g, w in zip(gradients(function, list(nodes), weights), ways, strict=True)
        ]
        totals = [rd.sum(t, dim=tuple(range(t.ndim)), keepdim=False) for t in terms]
        for total in totals[1:]:
            totals[0] = totals[0] + total
        return totals[0]

    if directional(*inputs).needs_grad:
        second = gradients(directional, inputs)
        value = sum((engine.numpy(g) * w).sum() for g, w in zip(second, ways, strict=True))
        np.testing.assert_allclose(value, slope(along), rtol=1e-5, atol=1e-6)


# ---- gradients where formulas break: PyTorch's values


def test_pow_at_zero() -> None:
    base, exponent = (
        [0.0, 0.0, 0.0, 2.0, 2.0, -1.0, 0.0, 1.5],
        [0.0, 1.0, 2.0, 0.0, 3.0, 2.0, 3.0, -1.0],
    )
    by_base, by_exponent = first_order(ew.pow, base, exponent)
    np.testing.assert_allclose(by_base, [0, 1, 0, 0, 12, -2, 0, -4 / 9])
    np.testing.assert_allclose(
        by_exponent, [0, 0, 0, np.log(2), 8 * np.log(2), NAN, 0, np.log(1.5) / 1.5]
    )
    (twice, mixed), (_, exponents) = second_order(ew.pow, base, exponent)
    # 0 ** 0 differentiated twice: PyTorch says NaN, the limit along the base is 0
    np.testing.assert_allclose(twice, [0, 0, 2, 0, 12, 2, 0, 2 / 1.5**3])
    np.testing.assert_allclose(np.array(mixed)[[1, 3, 4, 6]], [1, 0.5, 12.317766166719343, 0])
    np.testing.assert_allclose(
        np.array(exponents)[[0, 3, 4]], [0, np.log(2) ** 2, 8 * np.log(2) ** 2]
    )


def test_pow_of_nan_and_negative_zero_powers() -> None:
    by_base, by_exponent = first_order(ew.pow, [NAN, 0.0], [0.0, -1.0])
    np.testing.assert_array_equal(by_base, [0, -INF])
    np.testing.assert_array_equal(by_exponent, [NAN, -INF])


@pytest.mark.parametrize(
    ("values", "first", "second"),
    [
        ([0.0, 2.0, 3.0], [6, 0, 0], [5, 3, 2]),
        ([0.0, 2.0, 0.0, 3.0], [0, 0, 0, 0], [6, 0, 6, 0]),
        ([0.0, 0.0, 0.0, 3.0], [0, 0, 0, 0], [0, 0, 0, 0]),
        ([2.0, 3.0, 4.0], [12, 8, 6], [7, 6, 5]),
        ([5.0], [1], [0]),
    ],
)
def test_prod_at_zeros(values: list[float], first: list[float], second: list[float]) -> None:
    def prod(x: Node) -> Node:
        return rd.prod(x, dim=(0,), keepdim=False)

    assert first_order(prod, values) == [first]
    assert second_order(prod, values) == [[second]]


def test_prod_over_two_dims_with_zeros() -> None:
    x = np.array([[[1.0, 0.0], [2.0, 3.0]], [[0.0, 5.0], [0.0, 7.0]]])

    def others(k: int) -> Array:
        out = np.ones((2, 2))
        for i, j in itertools.product(range(2), range(2)):
            rest = [
                x[a, k, b] for a, b in itertools.product(range(2), range(2)) if (a, b) != (i, j)
            ]
            out[i, j] = np.prod(rest)
        return out

    (found,) = first_order(lambda n: rd.prod(n, dim=(0, 2), keepdim=False), x)
    np.testing.assert_array_equal(found, np.stack([others(0), others(1)], axis=1))


def test_ties_share_the_cotangent() -> None:
    a, b = [1.0, 2.0, 3.0, NAN, 1.0], [2.0, 2.0, 1.0, 1.0, NAN]
    assert first_order(ew.maximum, a, b) == [[0, 0.5, 1, 1, 1], [1, 0.5, 0, 1, 1]]
    assert first_order(ew.minimum, a, b) == [[1, 0.5, 0, 1, 1], [0, 0.5, 1, 1, 1]]
    x = [[3.0, 1.0, 3.0], [0.0, 0.0, 0.0], [NAN, 1.0, NAN]]
    (found,) = first_order(lambda n: rd.max(n, dim=(1,), keepdim=False), x)
    np.testing.assert_allclose(found, [[0.5, 0, 0.5], [1 / 3] * 3, [0.5, 0, 0.5]])


def test_kinks() -> None:
    x = [0.0, -0.0, -1.0, 1.0, NAN, INF, -INF]
    assert first_order(ew.relu, x) == [[0, 0, 0, 1, 1, 1, 0]]
    assert first_order(ew.abs, [0.0, -2.0, 3.0]) == [[0, -1, 1]]
    assert first_order(ew.sqrt, [0.0, 4.0]) == [[INF, 0.25]]
    assert first_order(ew.sigmoid, [-1000.0, 1000.0, 0.0]) == [[0, 0, 0.25]]
    low, high = [0.0, 0.0, 0.0, 0.0, 0.0], [2.0, 2.0, -1.0, 2.0, 2.0]
    by_x, by_low, by_high = first_order(ew.clamp, [1.0, 3.0, -2.0, 0.0, NAN], low, high)
    assert by_x == [1, 0, 0, 1, 0]
    assert by_low == [0, 0, 0, 0, 0]
    assert by_high == [0, 1, 1, 0, 0]


# ---- spec rules and references


def spec(shape: tuple[int, ...], dtype: DType = dtypes.float32) -> TensorSpec:
    return TensorSpec(shape, dtype)


def test_inputs_of_two_dtypes_are_refused() -> None:
    with pytest.raises(DTypeError, match="add: needs inputs of one dtype, got float32, int64"):
        ew.add.spec(spec(()), spec((), dtypes.int64))
    with pytest.raises(DTypeError, match="where: needs a bool condition, got float32"):
        ew.where.spec(spec(()), spec(()), spec(()))


@pytest.mark.parametrize("name", ["exp", "log", "sigmoid", "erf", "relu", "div", "isnan"])
def test_float_ops_refuse_integers(name: str) -> None:
    count = 2 if name == "div" else 1
    with pytest.raises(
        DTypeError, match=rf"{name}: needs float16, bfloat16, float32, float64, got int32"
    ):
        PRIMITIVES[name].spec(*[spec((2,), dtypes.int32)] * count)


@pytest.mark.parametrize("name", ["neg", "sub", "pow", "floor", "clamp", "abs"])
def test_arithmetic_refuses_bools(name: str) -> None:
    count = {"sub": 2, "pow": 2, "clamp": 3}.get(name, 1)
    with pytest.raises(DTypeError, match="got bool"):
        PRIMITIVES[name].spec(*[spec((2,), dtypes.bool_)] * count)


def test_shapes_that_do_not_broadcast() -> None:
    with pytest.raises(ShapeError, match=r"add: shapes \(3,\) and \(4,\) do not broadcast"):
        ew.add.spec(spec((3,)), spec((4,)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mv.reshape.spec(spec((2, 3)), shape=(5,)), "6 elements"),
        (lambda: mv.permute.spec(spec((2, 3)), dims=(0, 0)), "each dim"),
        (lambda: mv.expand.spec(spec((2, 3)), shape=(4, 3)), "do not broadcast"),
        (lambda: mv.expand.spec(spec((2, 3)), shape=(3,)), "cannot grow"),
        (lambda: mv.slice.spec(spec((3,)), starts=(1,), steps=(1,), shape=(3,)), "not inside"),
        (lambda: mv.slice.spec(spec((3,)), starts=(1,), steps=(-1,), shape=(3,)), "not inside"),
        (lambda: mv.slice.spec(spec((3,)), starts=(1,), steps=(0,), shape=(1,)), "not inside"),
        (lambda: mv.slice.spec(spec((3,)), starts=(1, 0), steps=(1,), shape=(1,)), "do not fit"),
        (lambda: mv.pad.spec(spec((3,)), before=(-1,), after=(0,)), "width >= 0"),
        (lambda: mv.cat.spec(spec((2, 3)), spec((3, 3)), dim=1), "differ in more than dim 1"),
        (lambda: mv.cat.spec(spec((2,)), dim=1), "out of range"),
        (lambda: rd.sum.spec(spec((2,)), dim=(1,), keepdim=False), "are not dims"),
        (lambda: rd.max.spec(spec((0, 2)), dim=(0,), keepdim=False), "is empty and has no max"),
        (lambda: rd.argmax.spec(spec((2, 2)), dim=(0, 1), keepdim=False), "exactly one dim"),
    ],
)
def test_movement_and_reductions_refuse(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()


ONE_INPUT = [
    "exp",
    "log",
    "sqrt",
    "rsqrt",
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "erf",
    "relu",
    "neg",
    "abs",
    "sign",
    "floor",
    "ceil",
    "round",
    "trunc",
]
TWO_INPUTS = [
    "add",
    "sub",
    "mul",
    "div",
    "pow",
    "maximum",
    "minimum",
    "floor_divide",
    "remainder",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
]


# References never see bfloat16: `Primitive.compute` hands them float32.
@pytest.mark.parametrize("dtype", [d for d in ALL if d is not dtypes.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (2, 3)], ids=str)
def test_references_keep_shape_and_dtype(dtype: DType, shape: tuple[int, ...]) -> None:
    array = np.ones(shape, dtype.numpy)
    given = TensorSpec(shape, dtype)
    calls: list[tuple[Any, tuple[Array, ...], dict[str, Any]]] = [
        *((PRIMITIVES[name], (array,), {}) for name in [*ONE_INPUT, "isnan", "logical_not"]),
        *((PRIMITIVES[name], (array, array), {}) for name in [*TWO_INPUTS, "logical_xor"]),
        *((ew.cast, (array,), {"dtype": to}) for to in ALL),
        *((fold, (array,), {"dim": (0,), "keepdim": False}) for fold in (rd.sum, rd.prod, rd.any)),
        *((fold, (array,), {"dim": (0,), "keepdim": True}) for fold in (rd.max, rd.argmin)),
        (rd.sum, (array,), {"dim": (), "keepdim": False}),
        (ew.clamp, (array, array, array), {}),
        (mv.cat, (array, array), {"dim": 0}),
        (mv.pad, (array,), {"before": (1,) * len(shape), "after": (0,) * len(shape)}),
    ]
    for primitive, arrays, attrs in calls:
        try:
            expected = primitive.spec(*[given] * len(arrays), **attrs)
        except (DTypeError, ShapeError):
            continue
        value = primitive.reference(*arrays, **attrs)
        assert isinstance(value, np.ndarray), primitive
        assert (value.shape, value.dtype) == (expected.shape, expected.dtype.numpy), primitive


def test_integers_divided_by_zero_give_zero() -> None:
    for dtype in (np.uint8, np.int32, np.int64):
        a, b = np.array([7, 0], dtype), np.zeros(2, dtype)
        assert ew.floor_divide.reference(a, b).tolist() == [0, 0]
        assert ew.remainder.reference(a, b).tolist() == [0, 0]


def test_negative_powers_of_integers() -> None:
    a, b = np.array([2, -2, 1, -1, -1, 0]), np.array([-1, -1, -1, -1, -2, -1])
    assert ew.pow.reference(a, b).tolist() == [0, 0, 1, -1, 1, 0]


def test_check_index_wraps_and_refuses() -> None:
    size = np.asarray(3)
    assert ew.check_index.reference(np.array([-3, -1, 2]), size, op="x").tolist() == [0, 2, 2]
    assert ew.check_index.reference(np.asarray(-1), size, op="x").tolist() == 2
    with pytest.raises(IndexError, match="take: index 3 is out of range for a dim of size 3"):
        ew.check_index.reference(np.array([0, 3]), size, op="take")
    with pytest.raises(DTypeError, match="take: needs int64 indices, got float32"):
        ew.check_index.spec(spec((2,)), spec((), dtypes.int64), op="take")


def test_nan_wins_and_the_first_maximum_wins() -> None:
    x = np.array([[1.0, NAN, 3.0], [2.0, 2.0, 1.0]])
    assert rd.argmax.reference(x, dim=(1,), keepdim=False).tolist() == [1, 0]
    assert np.isnan(rd.max.reference(x, dim=(0, 1), keepdim=False))
    assert ew.sign.reference(np.array([NAN, -0.0, -3.0])).tolist() == [0, 0, -1]


def test_half_sums_in_single_precision() -> None:
    x = np.ones(5000, np.float16)
    assert rd.sum.reference(x, dim=(0,), keepdim=False) == 5000  # steps of 1 end at 2048 in float16


# ---- lowerings that are layouts

VIEWS: list[tuple[str, dict[str, Any]]] = [
    ("reshape", {"shape": (6, 4)}),
    ("permute", {"dims": (2, 0, 1)}),
    ("slice", {"starts": (1, 2, 0), "steps": (-1, -2, 3), "shape": (2, 2, 2)}),
    ("pad", {"before": (1, 0, 2), "after": (0, 1, 0)}),
    ("alias", {}),
]


@pytest.mark.parametrize(("name", "attrs"), VIEWS, ids=[name for name, _ in VIEWS])
def test_views_read_what_the_reference_computes(name: str, attrs: dict[str, Any]) -> None:
    x = np.arange(1, 25).reshape(2, 3, 4)
    primitive = PRIMITIVES[name]
    assert isinstance(primitive.lowering, View)
    expected = primitive.reference(x, **attrs)
    layout = primitive.lowering.apply(Layout.contiguous(x.shape), expected.shape, attrs)
    assert layout is not None
    np.testing.assert_array_equal(read(layout, x.reshape(-1)), expected)


def test_expand_is_a_view() -> None:
    x = np.arange(3).reshape(3, 1)
    lowering = mv.expand.lowering
    assert isinstance(lowering, View)
    layout = lowering.apply(Layout.contiguous((3, 1)), (2, 3, 4), {"shape": (2, 3, 4)})
    assert layout is not None
    np.testing.assert_array_equal(read(layout, x.reshape(-1)), np.broadcast_to(x, (2, 3, 4)))


@pytest.mark.parametrize(
    ("primitive", "arrays", "attrs"),
    [
        (mv.cat, (A, B[:, :1], B), {"dim": 1}),
        (mv.cat, (A, B[:0]), {"dim": 0}),
        (mv.slice_scatter, (A, B[:2, :2]), {"starts": (2, 0), "steps": (-2, 3)}),
    ],
    ids=["cat 1", "cat 0", "slice_scatter"],
)
def test_parts_assemble_what_the_reference_computes(
    primitive: Any, arrays: tuple[Array, ...], attrs: dict[str, Any]
) -> None:
    lowering = primitive.lowering
    assert isinstance(lowering, Assemble)
    expected = primitive.reference(*arrays, **attrs)
    out = np.full(expected.size, NAN)
    parts = lowering.parts(tuple(a.shape for a in arrays), expected.shape, attrs)
    for array, layout in zip(arrays, parts, strict=True):
        assert layout.shape == array.shape
        for index in np.ndindex(array.shape):
            out[layout.offset + sum(i * s for i, s in zip(index, layout.strides, strict=True))] = (
                array[index]
            )
    np.testing.assert_array_equal(out.reshape(expected.shape), expected)
