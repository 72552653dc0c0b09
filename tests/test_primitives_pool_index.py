"""The rows of pooling and indexing: references against PyTorch's numbers, errors, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pool_index_rows import Array, average, run, window

from tinygrad_cl import graph
from tinygrad_cl.dtypes import dtype
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.graph import PRIMITIVES, Node, TensorSpec
from tinygrad_cl.primitives.windows import output_size

# What PyTorch 2.13 computes from `grid` images, as (sum, weighted sum) of each result.
# size, kernel, stride, padding, dilation, ceil_mode, output size, values, positions, gradient
TORCH_MAX = [
    ((5, 7), (2, 2), (2, 2), (0, 0), (1, 1), False, (2, 3), (3065.0, 17371.0), (446.0, 2313.0),
     (211.0, 1486.0)),
    ((5, 7), (2, 2), (2, 2), (0, 0), (1, 1), True, (3, 4), (5541.0, 33460.0), (1392.0, 8086.0),
     (420.0, 2582.0)),
    ((6, 9), (3, 3), (2, 2), (1, 1), (1, 1), False, (3, 5), (8008.0, 47517.0),
     (1928.0, 11202.0), (540.0, 3317.0)),
    ((6, 9), (3, 3), (2, 2), (1, 1), (1, 1), True, (4, 5), (10413.0, 62520.0),
     (3397.0, 20229.0), (710.0, 4301.0)),
    ((7, 8), (3, 2), (1, 3), (1, 0), (1, 1), False, (7, 3), (10649.0, 63152.0),
     (2957.0, 17387.0), (746.0, 4607.0)),
    ((7, 8), (3, 2), (1, 3), (1, 1), (2, 3), False, (5, 3), (6154.0, 36907.0),
     (1952.0, 11864.0), (540.0, 3176.0)),
    ((8, 8), (2, 3), (3, 4), (1, 1), (2, 1), True, (3, 3), (4175.0, 24268.0), (1551.0, 9333.0),
     (319.0, 1672.0)),
    ((4, 4), (1, 1), (3, 3), (0, 0), (1, 1), True, (2, 2), (1275.0, 7413.0), (180.0, 960.0),
     (138.0, 850.0)),
    ((9, 5), (4, 5), (4, 5), (2, 2), (1, 1), True, (3, 2), (3331.0, 18943.0), (757.0, 4242.0),
     (211.0, 1314.0)),
    ((10, 10), (3, 3), (5, 5), (1, 1), (3, 3), True, (2, 2), (1337.0, 7693.0), (855.0, 4708.0),
     (138.0, 857.0)),
]  # fmt: skip
# size, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override, output size,
# values, gradient
TORCH_AVERAGE = [
    ((5, 7), (2, 2), (2, 2), (0, 0), False, True, None, (2, 3), (1808.5, 10339.5),
     (211.0, 1273.75)),
    ((5, 7), (2, 2), (2, 2), (0, 0), True, True, None, (3, 4), (3560.5, 21295.25), (420.0, 2590.0)),
    ((6, 9), (3, 3), (2, 2), (1, 1), False, True, None, (3, 5), (3465.111, 20506.111),
     (416.0, 2509.0)),
    ((6, 9), (3, 3), (2, 2), (1, 1), False, False, None, (3, 5), (4490.333, 26723.806),
     (540.0, 3243.028)),
    ((6, 9), (3, 3), (2, 2), (1, 1), True, True, None, (4, 5), (4132.778, 24525.111),
     (486.056, 2889.667)),
    ((6, 9), (3, 3), (2, 2), (1, 1), True, False, None, (4, 5), (6040.167, 36080.944),
     (710.0, 4201.722)),
    ((7, 8), (3, 2), (1, 3), (1, 0), False, False, 7, (7, 3), (4995.0, 29287.286),
     (581.714, 3423.857)),
    ((8, 8), (4, 5), (3, 4), (2, 1), True, True, None, (4, 3), (1958.25, 12292.35),
     (215.05, 1284.333)),
    ((8, 8), (4, 5), (3, 4), (2, 1), True, False, None, (4, 3), (3651.6, 21076.112),
     (420.0, 2516.225)),
    ((8, 8), (4, 5), (3, 4), (2, 1), True, False, -3, (4, 3), (-11028.667, -69549.0),
     (-1201.0, -7182.667)),
    ((4, 4), (1, 1), (3, 3), (0, 0), True, True, None, (2, 2), (1275.0, 7413.0), (138.0, 850.0)),
]  # fmt: skip


def grid(size: tuple[int, int]) -> Array:
    return (np.arange(6 * size[0] * size[1]) * 37 % 101).reshape(2, 3, *size).astype(np.float64)


def cotangent(shape: tuple[int, ...]) -> Array:
    return (np.arange(np.prod(shape)) * 7 % 13).reshape(shape).astype(np.float64)


def sums(y: Array) -> tuple[float, float]:
    flat = y.reshape(-1).astype(np.float64)
    return float(flat.sum()), float((flat * (np.arange(flat.size) % 11 + 1)).sum())


@pytest.mark.parametrize("row", TORCH_MAX, ids=str)
def test_max_pool_equals_pytorch(row: Any) -> None:
    size, kernel, stride, padding, dilation, ceil_mode, out, values, positions, gradient = row
    x, attrs = grid(size), window(kernel, stride, padding, dilation, ceil_mode)
    y = run("max_pool2d", x, **attrs)
    assert y.shape == (2, 3, *out)
    assert sums(y) == pytest.approx(values, abs=2e-3)
    assert sums(run("max_pool2d_index", x, **attrs)) == positions
    grad = run("max_pool2d_grad", cotangent(y.shape), x, **attrs)
    assert sums(grad) == pytest.approx(gradient, abs=2e-3)
    assert np.array_equal(run("max_pool2d_gather", x, x, **attrs), y)


@pytest.mark.parametrize("row", TORCH_AVERAGE, ids=str)
def test_average_pool_equals_pytorch(row: Any) -> None:
    size, kernel, stride, padding, ceil_mode, include, divisor, out, values, gradient = row
    attrs = average(window(kernel, stride, padding, 1, ceil_mode), include, divisor)
    y = run("avg_pool2d", grid(size), **attrs)
    assert y.shape == (2, 3, *out)
    assert sums(y) == pytest.approx(values, abs=2e-3)
    grad = run("avg_pool2d_grad", cotangent(y.shape), input_size=size, **attrs)
    assert sums(grad) == pytest.approx(gradient, abs=2e-3)


def test_the_last_window_of_ceil_mode_starts_inside() -> None:
    assert output_size(5, 2, 2, 0, 1, ceil_mode=True) == 3
    assert output_size(4, 1, 3, 0, 1, ceil_mode=True) == 2
    # The third window would start in the right padding.
    assert output_size(3, 2, 2, 1, 1, ceil_mode=True) == 2


def test_a_window_of_dilated_taps_may_meet_nothing() -> None:
    attrs = window(2, 1, 1, 2)
    x = np.ones((1, 1, 1, 1))
    assert run("max_pool2d", x, **attrs).item() == -np.inf
    assert run("max_pool2d_index", x, **attrs).item() == -1
    assert run("max_pool2d_gather", x, x, **attrs).item() == 0
    assert run("max_pool2d_grad", x, x, **attrs).item() == 0


POOL_ERRORS: list[tuple[type[Exception], str, tuple[int, ...], str, dict[str, Any]]] = [
    (ShapeError, "smaller than the window", (1, 1, 1, 1), "float32", window(2)),
    (ShapeError, "at most half", (1, 1, 8, 8), "float32", window(2, 2, 2)),
    (ShapeError, "at least 1", (1, 1, 8, 8), "float32", window((2, 0), 2)),
    (ShapeError, "at least 0", (1, 1, 8, 8), "float32", window(2, 2, -1)),
    (ShapeError, "N, C, H, W", (8, 8), "float32", window(2)),
    (DTypeError, "bool", (1, 1, 8, 8), "bool", window(2)),
]


@pytest.mark.parametrize(("error", "message", "shape", "name", "attrs"), POOL_ERRORS)
def test_bad_windows_are_refused(
    error: type[Exception], message: str, shape: Any, name: str, attrs: Any
) -> None:
    with pytest.raises(error, match=message):
        PRIMITIVES["max_pool2d"].spec(TensorSpec(shape, dtype(name)), **attrs)


def test_average_pool_refuses_integers_and_a_divisor_of_zero() -> None:
    spec = TensorSpec((1, 1, 4, 4), dtype("float32"))
    with pytest.raises(ShapeError, match="divisor_override"):
        PRIMITIVES["avg_pool2d"].spec(spec, **average(window(2), divisor=0))
    with pytest.raises(DTypeError, match="float"):
        PRIMITIVES["avg_pool2d"].spec(spec._replace(dtype=dtype("int64")), **average(window(2)))
    with pytest.raises(ShapeError, match="g must have shape"):
        PRIMITIVES["max_pool2d_grad"].spec(spec, spec, **window(2))


def test_indexing_follows_numpy() -> None:
    x = np.arange(12.0).reshape(3, 4)
    index = np.array([[2, 0], [1, 1]])
    assert np.array_equal(run("gather", x, index, dim=0, op=""), [[8, 1], [4, 5]])
    src = np.ones((2, 3))
    found = run("scatter_add", x, index, src, dim=0, op="") - x
    assert np.array_equal(found, [[0, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
    half = run("index_add", np.zeros(1, np.float16), np.zeros(4096, int), np.ones(4096, np.float16),
               dim=0, op="")  # fmt: skip
    assert half.item() == 4096  # summed in float32: float16 stops at 2048


def specs(*given: tuple[tuple[int, ...], str]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(shape, dtype(name)) for shape, name in given)


INDEX_ERRORS: list[tuple[type[Exception], str, str, tuple[TensorSpec, ...], int]] = [
    (DTypeError, "int64", "gather", specs(((3,), "float32"), ((3,), "float32")), 0),
    (ShapeError, "larger than input", "gather", specs(((3, 3), "float32"), ((3, 4), "int64")), 0),
    (ShapeError, "1-d", "index_select", specs(((3,), "float32"), ((1, 1), "int64")), 0),
    (ShapeError, "out of range", "index_select", specs(((3,), "float32"), ((1,), "int64")), 1),
    (
        ShapeError,
        "source must have shape",
        "index_add",
        specs(((3,), "float32"), ((2,), "int64"), ((3,), "float32")),
        0,
    ),
    (
        DTypeError,
        "differ",
        "scatter_add",
        specs(((3,), "float32"), ((3,), "int64"), ((3,), "float64")),
        0,
    ),
    (
        DTypeError,
        "bool",
        "index_add",
        specs(((3,), "bool"), ((3,), "int64"), ((3,), "bool")),
        0,
    ),
]


@pytest.mark.parametrize(("error", "message", "name", "given", "dim"), INDEX_ERRORS)
def test_bad_indexing_is_refused(
    error: type[Exception], message: str, name: str, given: tuple[TensorSpec, ...], dim: int
) -> None:
    with pytest.raises(error, match=message):
        PRIMITIVES[name].spec(*given, dim=dim, op=name)


# Gradients.


def evaluate(root: Node, known: dict[Node, Array]) -> Array:
    """Computes a node from the values of its leaves."""
    for node in graph.toposort([root], lambda n: () if n in known else n.inputs):
        if node in known:
            continue
        if node.scalar is not None:
            known[node] = np.array(node.scalar, node.dtype.numpy)
        else:
            arrays = [known[i] for i in node.inputs]
            known[node] = np.asarray(node.primitive.reference(*arrays, **node.signature.kwargs))
    return known[root]


def leaf(array: Array) -> Node:
    return graph.data(None, array.shape, dtype(array.dtype), None)  # type: ignore[arg-type]


def check_gradient(name: str, position: int, *arrays: Array, **attrs: Any) -> None:
    """Compares a gradient rule with a central difference along a random direction."""
    rng = np.random.default_rng(8)
    inputs = [leaf(a) for a in arrays]
    y = PRIMITIVES[name](*inputs, **attrs)
    known = dict(zip(inputs, arrays, strict=True))
    value = evaluate(y, known)
    g = leaf(rng.standard_normal(value.shape))
    known[g] = rng.standard_normal(value.shape)
    rule = PRIMITIVES[name].vjp(position)
    assert rule is not None
    result = rule(g, y, *inputs, **attrs)
    assert result is not None
    gradient = evaluate(result, known)
    assert gradient.shape == arrays[position].shape
    direction, step = rng.standard_normal(arrays[position].shape), 1e-6
    moved = []
    for sign in (1, -1):
        changed = [
            a + sign * step * direction if i == position else a for i, a in enumerate(arrays)
        ]
        moved.append((PRIMITIVES[name].reference(*changed, **attrs) * known[g]).sum())
    numeric = (moved[0] - moved[1]) / (2 * step)
    assert (gradient * direction).sum() == pytest.approx(numeric, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(
    "attrs", [window(2), window(3, 2, 1, ceil_mode=True), window((2, 3), 1, 1, 2)]
)
def test_gradients_of_max_pooling_to_every_order(attrs: dict[str, Any]) -> None:
    rng = np.random.default_rng(9)
    x = rng.permutation(6 * 7 * 9).reshape(2, 3, 7, 9).astype(np.float64)
    y = run("max_pool2d", x, **attrs)
    check_gradient("max_pool2d", 0, x, **attrs)
    check_gradient("max_pool2d_grad", 0, rng.standard_normal(y.shape), x, **attrs)
    check_gradient("max_pool2d_gather", 0, rng.standard_normal(x.shape), x, **attrs)
    assert PRIMITIVES["max_pool2d_grad"].vjp(1) is None
    assert PRIMITIVES["max_pool2d_index"].vjp(0) is None


@pytest.mark.parametrize("options", [(True, None), (False, None), (False, 5)])
def test_gradients_of_average_pooling_to_every_order(options: tuple[bool, int | None]) -> None:
    attrs = average(window(3, 2, 1, ceil_mode=True), *options)
    x = np.random.default_rng(10).standard_normal((2, 3, 7, 10))
    y = run("avg_pool2d", x, **attrs)
    check_gradient("avg_pool2d", 0, x, **attrs)
    check_gradient("avg_pool2d_grad", 0, y, input_size=(7, 10), **attrs)


def test_gradients_of_indexing() -> None:
    rng = np.random.default_rng(11)
    x, given = rng.standard_normal((4, 5, 3)), {"dim": 1, "op": ""}
    index = rng.integers(0, 5, (4, 7, 2))
    wide = rng.standard_normal((4, 8, 3))
    check_gradient("gather", 0, x, index, **given)
    check_gradient("scatter_add", 0, x, index, wide, **given)
    check_gradient("scatter_add", 2, x, index, wide, **given)
    rows = rng.integers(0, 5, 8)
    check_gradient("index_select", 0, x, rows, **given)
    check_gradient("index_add", 0, x, rows, wide, **given)
    check_gradient("index_add", 2, x, rows, wide, **given)
