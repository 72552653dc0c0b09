"""Matmul and conv on NumPy: shape rules, references, gradient rules of first and second order."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tinygrad_cl.dtypes import dtype, float32, int64
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.graph import Node, Primitive, TensorSpec, data, toposort
from tinygrad_cl.primitives.conv import (
    conv2d,
    conv2d_input_grad,
    conv2d_weight_grad,
    conv_output_size,
)
from tinygrad_cl.primitives.matmul import matmul

Array = NDArray[Any]
CONFIGS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    (
        (2, 3, 6, 5),
        (4, 3, 3, 2),
        {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1},
    ),
    (
        (2, 4, 7, 8),
        (6, 2, 3, 2),
        {"stride": (2, 3), "padding": (1, 2), "dilation": (2, 1), "groups": 2},
    ),
    (
        (1, 3, 6, 6),
        (3, 1, 2, 2),
        {"stride": (3, 2), "padding": (0, 1), "dilation": (1, 1), "groups": 3},
    ),
]


def random(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def output(x: tuple[int, ...], w: tuple[int, ...], attrs: dict[str, Any]) -> tuple[int, ...]:
    size, kernel = (x[2], x[3]), (w[2], w[3])
    steps = attrs["stride"], attrs["padding"], attrs["dilation"]
    return (x[0], w[0], *conv_output_size("conv2d", size, kernel, *steps))


def loops(x: Array, w: Array, attrs: dict[str, Any]) -> Array:
    """The definition of a convolution."""
    out = np.zeros(output(x.shape, w.shape, attrs))
    groups, per_group = attrs["groups"], w.shape[1]
    for n, o, i, j in itertools.product(*map(range, out.shape)):
        first = o // (w.shape[0] // groups) * per_group
        for c, a, b in itertools.product(*map(range, w.shape[1:])):
            y = i * attrs["stride"][0] - attrs["padding"][0] + a * attrs["dilation"][0]
            z = j * attrs["stride"][1] - attrs["padding"][1] + b * attrs["dilation"][1]
            if 0 <= y < x.shape[2] and 0 <= z < x.shape[3]:
                out[n, o, i, j] += x[n, first + c, y, z] * w[o, c, a, b]
    return out


@pytest.mark.parametrize(("x_shape", "w_shape", "attrs"), CONFIGS)
def test_conv_is_its_definition(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], attrs: dict[str, Any]
) -> None:
    x, w = random(x_shape), random(w_shape)
    np.testing.assert_allclose(conv2d.reference(x, w, **attrs), loops(x, w, attrs), atol=1e-12)


@pytest.mark.parametrize(("x_shape", "w_shape", "attrs"), CONFIGS)
def test_gradients_are_adjoint(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], attrs: dict[str, Any]
) -> None:
    x, w, g = random(x_shape), random(w_shape), random(output(x_shape, w_shape, attrs))
    y = conv2d.reference(x, w, **attrs)
    dx = conv2d_input_grad.reference(g, w, input_size=x_shape[2:], **attrs)
    dw = conv2d_weight_grad.reference(x, g, kernel_size=w_shape[2:], **attrs)
    assert dx.shape == x.shape
    assert dw.shape == w.shape
    np.testing.assert_allclose([np.vdot(x, dx), np.vdot(w, dw)], np.vdot(y, g), rtol=1e-10)


# Gradient rules.


class Graph:
    """Nodes over arrays, evaluated with the references."""

    def __init__(self) -> None:
        self.values: dict[Node, Array] = {}

    def leaf(self, value: Array) -> Node:
        node = data(None, value.shape, dtype(value.dtype), None)  # type: ignore[arg-type]
        self.values[node] = value
        return node

    def value(self, root: Node) -> Array:
        for node in toposort([root], lambda n: () if n in self.values else n.inputs):
            if node not in self.values:
                inputs = [self.values[i] for i in node.inputs]
                found = node.primitive.reference(*inputs, **node.signature.kwargs)
                assert found.shape == node.shape
                assert dtype(found.dtype) is node.dtype
                self.values[node] = found
        return self.values[root]


def conv_applications() -> list[tuple[Primitive, list[tuple[int, ...]], dict[str, Any]]]:
    found: list[tuple[Primitive, list[tuple[int, ...]], dict[str, Any]]] = []
    for x, w, attrs in CONFIGS:
        g = output(x, w, attrs)
        found.append((conv2d, [x, w], attrs))
        found.append((conv2d_input_grad, [g, w], {"input_size": x[2:], **attrs}))
        found.append((conv2d_weight_grad, [x, g], {"kernel_size": w[2:], **attrs}))
    found.append((matmul, [(5, 4), (4, 3)], {}))
    found.append((matmul, [(2, 3, 5, 4), (2, 3, 4, 6)], {}))
    return found


def gradient(y: Node, g: Node, position: int) -> Node:
    rule = y.primitive.vjp(position)
    assert rule is not None
    found = rule(g, y, *y.inputs, **y.signature.kwargs)
    assert found is not None
    assert found.signature.spec == y.inputs[position].signature.spec
    return found


def slope(primitive: Primitive, inputs: list[Array], at: int, v: Array, attrs: Any) -> Array:
    """The directional derivative; exact, because the primitives are linear in each input."""
    ends = [
        primitive.reference(*[a + s * v if i == at else a for i, a in enumerate(inputs)], **attrs)
        for s in (1, -1)
    ]
    return np.asarray(ends[0] - ends[1]) / 2


@pytest.mark.parametrize(("primitive", "shapes", "attrs"), conv_applications())
def test_gradient_rules(
    primitive: Primitive, shapes: list[tuple[int, ...]], attrs: dict[str, Any]
) -> None:
    arrays = [random(shape, i) for i, shape in enumerate(shapes)]
    graph = Graph()
    inputs = [graph.leaf(a) for a in arrays]
    y = primitive(*inputs, **attrs)
    g = graph.leaf(random(y.shape, 7))
    for at in range(2):
        first = gradient(y, g, at)
        v = random(shapes[at], 8)
        change = slope(primitive, arrays, at, v, attrs)
        np.testing.assert_allclose(
            np.vdot(graph.value(first), v), np.vdot(graph.values[g], change), rtol=1e-9
        )


@pytest.mark.parametrize(("primitive", "shapes", "attrs"), conv_applications())
def test_second_gradient_rules(
    primitive: Primitive, shapes: list[tuple[int, ...]], attrs: dict[str, Any]
) -> None:
    """The gradient is itself differentiable: its value moves as its own rules say."""
    graph = Graph()
    inputs = [graph.leaf(random(shape, i)) for i, shape in enumerate(shapes)]
    y = primitive(*inputs, **attrs)
    g = graph.leaf(random(y.shape, 7))
    for at in range(2):
        first = gradient(y, g, at)
        node = first
        while node.primitive.name == "permute":
            node = node.inputs[0]
        u = graph.leaf(random(node.shape, 9))
        for position in range(2):
            second = gradient(node, u, position)
            graph.value(node)
            below = [graph.value(i) for i in node.inputs]
            v = random(node.inputs[position].shape, 10)
            change = slope(node.primitive, below, position, v, node.signature.kwargs)
            np.testing.assert_allclose(
                np.vdot(graph.value(second), v), np.vdot(graph.values[u], change), rtol=1e-9
            )


# Dtypes, empty inputs, errors.


def test_float16_accumulates_in_float32() -> None:
    ones = np.full((1, 4096), 1, np.float16)
    tenth = np.full((4096, 1), 0.1, np.float16)
    found = matmul.reference(ones, tenth)
    assert found.dtype == np.float16
    assert abs(float(found[0, 0]) - 409.5) < 0.5


def test_integer_matmul_keeps_its_dtype() -> None:
    a = np.arange(6).reshape(2, 3)
    found = matmul.reference(a, a.T)
    assert found.dtype == np.int64
    assert found.tolist() == [[5, 14], [14, 50]]


@pytest.mark.parametrize(("m", "n", "k"), [(0, 3, 4), (3, 0, 4), (3, 4, 0)])
def test_empty_products_are_zero(m: int, n: int, k: int) -> None:
    found = matmul.reference(np.ones((m, k), np.float32), np.ones((k, n), np.float32))
    assert found.shape == (m, n)
    assert not found.any()


def test_empty_convolutions_are_zero() -> None:
    attrs = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    for x, w in (((0, 2, 5, 5), (3, 2, 3, 3)), ((2, 0, 5, 5), (3, 0, 3, 3))):
        a, b = np.ones(x, np.float32), np.ones(w, np.float32)
        y = conv2d.reference(a, b, **attrs)
        assert y.shape == (x[0], 3, 5, 5)
        assert not y.any()
        dx = conv2d_input_grad.reference(y, b, input_size=(5, 5), **attrs)
        dw = conv2d_weight_grad.reference(a, y, kernel_size=(3, 3), **attrs)
        assert (dx.shape, dw.shape) == (x, w)
        assert not dx.any()
        assert not dw.any()


def spec(*shape: int, of: Any = float32) -> TensorSpec:
    return TensorSpec(shape, of)


ATTRS: dict[str, Any] = {
    "stride": (1, 1),
    "padding": (0, 0),
    "dilation": (1, 1),
    "groups": 1,
}


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (spec(3, 4), spec(3, 5), "inner sizes differ"),
        (spec(3, 4), spec(5, 4), "did you mean a @ b.T"),
        (spec(4), spec(4, 5), "needs"),
        (spec(2, 3, 4), spec(3, 4, 5), "equal batch"),
    ],
)
def test_wrong_products(a: TensorSpec, b: TensorSpec, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        matmul.spec(a, b)


def test_wrong_dtypes() -> None:
    with pytest.raises(DTypeError, match="one numeric dtype"):
        matmul.spec(spec(2, 3), spec(3, 2, of=int64))
    with pytest.raises(DTypeError, match="float dtype"):
        conv2d.spec(spec(1, 1, 3, 3, of=int64), spec(1, 1, 2, 2, of=int64), **ATTRS)


@pytest.mark.parametrize(
    ("x", "w", "changed", "words"),
    [
        (spec(1, 3, 8, 8), spec(4, 2, 3, 3), {}, "input channels"),
        (spec(1, 3, 8, 8), spec(4, 1, 3, 3), {"groups": 3}, "divisible"),
        (spec(1, 3, 2, 8), spec(4, 3, 3, 3), {}, "smaller kernel or more padding"),
        (spec(3, 8, 8), spec(4, 3, 3, 3), {}, "needs an input"),
        (spec(1, 3, 8, 8), spec(4, 3, 3, 3), {"stride": (0, 1)}, "at least 1"),
        (spec(1, 3, 8, 8), spec(4, 3, 3, 3), {"groups": 0}, "groups must be"),
    ],
)
def test_wrong_convolutions(
    x: TensorSpec, w: TensorSpec, changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(ShapeError, match=words):
        conv2d.spec(x, w, **(ATTRS | changed))


def test_gradients_check_the_size_of_the_cotangent() -> None:
    with pytest.raises(ShapeError, match="gives an output of size"):
        conv2d_input_grad.spec(spec(1, 4, 5, 5), spec(4, 3, 3, 3), **ATTRS, input_size=(9, 9))
    with pytest.raises(ShapeError, match="gives an output of size"):
        conv2d_weight_grad.spec(spec(1, 3, 8, 8), spec(1, 4, 5, 5), **ATTRS, kernel_size=(3, 3))
