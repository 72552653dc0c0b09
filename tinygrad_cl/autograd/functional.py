"""Derivatives of functions: `jacobian`, `hessian`, and their products with vectors.

    f: R^n -> R^m    jacobian J = df/dx (m x n)    vjp: v^T J    jvp: J v
    f: R^n -> R      hessian  H = J(J(f)^T)        vhp: v^T H    hvp: H v

`jvp` and `hvp` differentiate twice: v^T J is linear in v, and its derivative with respect to v
is J.
The rows of a Jacobian are backward passes of one structure, so that one plan serves them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.autograd.handle import Handle, own, wrap
from tinygrad_cl.autograd.modes import enable_grad, no_grad
from tinygrad_cl.autograd.walk import full, walk
from tinygrad_cl.errors import ArgumentError, DTypeError, GradientError, ShapeError
from tinygrad_cl.graph import PRIMITIVES, Node
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.shapes import Shape, numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

    Function = Callable[..., Any]
    Tensors = Tensor | Sequence[Tensor]

_CAT = 32  # inputs of one cat: wider ones are cut into a tree


def vjp(
    func: Function,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns the value of a function, and the product of a vector with its Jacobian.

    Args:
        func: takes the inputs; returns a tensor or a tuple of tensors.
        inputs: one tensor, or a tuple of tensors.
        v: the vector, of the shapes of the outputs; may be left out for one output of one element.
        create_graph: make both results differentiable.
        strict: raise where an output or a result does not depend on the inputs; else it is zero.

    Returns:
        `(output, vjp)`; the second has the form of `inputs`.

    Raises:
        GradientError: with `strict`, if there is no dependence.
        ShapeError: if `v` does not fit the outputs.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> vjp(lambda x: x * x, x, tg.tensor([1.0, 10.0]))
        (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    call = _Call("vjp", func, inputs, create_graph, strict)
    vector = call.vector(v, call.outputs, "outputs")
    found = call.pull(call.outputs, call.inputs, vector, create=create_graph)
    return call.answer(call.outputs, call.several_out), call.answer(found, call.several_in)


def jvp(
    func: Function,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns the value of a function, and the product of its Jacobian with a vector.

    Args:
        func: takes the inputs; returns a tensor or a tuple of tensors.
        inputs: one tensor, or a tuple of tensors.
        v: the vector, of the shapes of the inputs; may be left out for one input of one element.
        create_graph: make both results differentiable.
        strict: raise where an output or a result does not depend on the inputs; else it is zero.

    Returns:
        `(output, jvp)`; the second has the form of the output.

    Raises:
        GradientError: with `strict`, if there is no dependence.
        ShapeError: if `v` does not fit the inputs.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> jvp(lambda x: x.prod(), x, tg.tensor([1.0, 10.0]))
        (tensor(2.), tensor(12.))
    """
    call = _Call("jvp", func, inputs, create_graph, strict)
    vector = call.vector(v, call.inputs, "inputs")
    found = call.push(call.outputs, call.inputs, vector)
    return call.answer(call.outputs, call.several_out), call.answer(found, call.several_out)


def hvp(
    func: Function,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns the value of a scalar function, and the product of its Hessian with a vector.

    `vhp` gives the same for functions whose second derivatives are continuous, and is cheaper.

    Args:
        func: takes the inputs; returns a tensor of one element.
        inputs: one tensor, or a tuple of tensors.
        v: the vector, of the shapes of the inputs; may be left out for one input of one element.
        create_graph: make both results differentiable.
        strict: raise where the output or a result does not depend on the inputs; else it is zero.

    Returns:
        `(output, hvp)`; the second has the form of `inputs`.

    Raises:
        GradientError: if the output has several elements; with `strict`, if there is no dependence.
        ShapeError: if `v` does not fit the inputs.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> hvp(lambda x: (x**3).sum(), x, tg.tensor([1.0, 10.0]))
        (tensor(9.), tensor([  6., 120.]))
    """
    call = _Call("hvp", func, inputs, create_graph, strict)
    vector = call.vector(v, call.inputs, "inputs")
    found = call.push(call.gradients(), call.inputs, vector)
    return call.answer(call.outputs, False), call.answer(found, call.several_in)


def vhp(
    func: Function,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns the value of a scalar function, and the product of a vector with its Hessian.

    Args:
        func: takes the inputs; returns a tensor of one element.
        inputs: one tensor, or a tuple of tensors.
        v: the vector, of the shapes of the inputs; may be left out for one input of one element.
        create_graph: make both results differentiable.
        strict: raise where the output or a result does not depend on the inputs; else it is zero.

    Returns:
        `(output, vhp)`; the second has the form of `inputs`.

    Raises:
        GradientError: if the output has several elements; with `strict`, if there is no dependence.
        ShapeError: if `v` does not fit the inputs.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> vhp(lambda x: (x**3).sum(), x, tg.tensor([1.0, 10.0]))
        (tensor(9.), tensor([  6., 120.]))
    """
    call = _Call("vhp", func, inputs, create_graph, strict)
    vector = call.vector(v, call.inputs, "inputs")
    found = call.pull(call.gradients(), call.inputs, vector, create=create_graph)
    return call.answer(call.outputs, False), call.answer(found, call.several_in)


def jacobian(
    func: Function,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Returns the Jacobian of a function: `J[i..., j...] = d output[i...] / d input[j...]`.

    Args:
        func: takes the inputs; returns a tensor or a tuple of tensors.
        inputs: one tensor, or a tuple of tensors.
        create_graph: make the result differentiable.
        strict: raise where an output or a result does not depend on the inputs; else it is zero.
        vectorize: accepted, changes nothing: all rows share one plan anyway.
        strategy: "reverse-mode" (a row per element of the outputs) or "forward-mode" (a column per
            element of the inputs, by differentiating twice).

    Returns:
        A tensor of shape `output.shape + input.shape`; for a tuple of inputs a tuple of them, for a
        tuple of outputs a tuple of these.

    Raises:
        GradientError: with `strict`, if there is no dependence.
        ArgumentError: if the strategy is unknown.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> jacobian(lambda x: x * x, x)
        tensor([[2., 0.],
                [0., 4.]])
    """
    _check_strategy("jacobian", strategy)
    call = _Call("jacobian", func, inputs, create_graph, strict)
    rows = call.columns if strategy == "forward-mode" else call.rows
    table = [[wrap(node) for node in row] for row in rows(call.outputs)]
    answers = [tuple(row) if call.several_in else row[0] for row in table]
    return tuple(answers) if call.several_out else answers[0]


def hessian(
    func: Function,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Returns the Hessian of a scalar function: `H[i..., j...] = d2 f / d x[i...] d x[j...]`.

    Args:
        func: takes the inputs; returns a tensor of one element.
        inputs: one tensor, or a tuple of tensors.
        create_graph: make the result differentiable.
        strict: raise where the output or a result does not depend on the inputs; else it is zero.
        vectorize: accepted, changes nothing: all rows share one plan anyway.
        outer_jacobian_strategy: as `strategy` of `jacobian`.

    Returns:
        A tensor of shape `input.shape + input.shape`; for a tuple of inputs a tuple of tuples.

    Raises:
        GradientError: if the output has several elements; with `strict`, if there is no dependence.
        ArgumentError: if the strategy is unknown.

    Example:
        >>> import tinygrad_cl as tg
        >>> hessian(lambda x: x.prod(), tg.tensor([1.0, 2.0, 4.0]))
        tensor([[0., 4., 2.],
                [4., 0., 1.],
                [2., 1., 0.]])
    """
    _check_strategy("hessian", outer_jacobian_strategy)
    call = _Call("hessian", func, inputs, create_graph, strict)
    rows = call.columns if outer_jacobian_strategy == "forward-mode" else call.rows
    table = [tuple(wrap(node) for node in row) for row in rows(call.gradients())]
    return tuple(table) if call.several_in else table[0][0]


def _check_strategy(op: str, strategy: str) -> None:
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ArgumentError(f"{op}: strategy {strategy!r}; use 'reverse-mode' or 'forward-mode'")


# ---- one call of a user's function


class _Call:
    """A function called with inputs of our own: other uses of the same tensors do not count."""

    def __init__(
        self, op: str, func: Function, inputs: Tensors, create_graph: bool, strict: bool
    ) -> None:
        self.op = op
        self.create_graph = create_graph
        self.strict = strict
        self.several_in = not isinstance(inputs, Handle)
        self.inputs = [
            fresh_input(node, create_graph)
            for node in nodes_of(op, "inputs", inputs, floating=True)
        ]
        with enable_grad():
            returned = func(*[wrap(node) for node in self.inputs])
        self.several_out = not isinstance(returned, Handle)
        self.outputs = nodes_of(op, "outputs of the function", returned)
        if strict:
            for number, node in enumerate(self.outputs):
                if not node.needs_grad:
                    raise GradientError(
                        f"{op}: output {number} does not depend on the inputs; "
                        "strict=False gives zeros for it"
                    )

    def vector(self, v: Tensors | None, like: list[Node], what: str) -> list[Node]:
        """Returns the vector as nodes of the shapes and dtypes of `like`."""
        if v is None:
            if len(like) == 1 and numel(like[0].shape) == 1:
                return [full(1.0, like[0])]
            raise GradientError(f"{self.op}: needs v, as the {what} have several elements")
        given = nodes_of(self.op, "v", v)
        if [node.shape for node in given] != [node.shape for node in like]:
            raise ShapeError(
                f"{self.op}: v must have the shapes of the {what}, "
                f"{[node.shape for node in like]}, got {[node.shape for node in given]}"
            )
        if self.create_graph:
            return given
        with no_grad():
            return [PRIMITIVES["alias"](node) for node in given]

    def gradients(self) -> list[Node]:
        """Returns the gradient of the one output, differentiable."""
        if self.several_out or numel(self.outputs[0].shape) != 1:
            shapes = [node.shape for node in self.outputs]
            raise GradientError(
                f"{self.op}: the function must return one tensor of one element, got {shapes}"
            )
        return self.pull(self.outputs, self.inputs, [full(1.0, self.outputs[0])], create=True)

    def pull(
        self, outputs: list[Node], inputs: list[Node], vector: list[Node], create: bool
    ) -> list[Node]:
        """Returns the vector-Jacobian product, with zeros where there is no dependence."""
        return [
            self._checked(g, number) or full(0.0, node)
            for number, (g, node) in enumerate(
                zip(pull_back(outputs, inputs, vector, create), inputs, strict=True)
            )
        ]

    def push(self, outputs: list[Node], inputs: list[Node], vector: list[Node]) -> list[Node]:
        """Returns the Jacobian-vector product: the derivative of the other one by its vector."""
        duals = [_dual(node) for node in outputs]
        forms = pull_back(outputs, inputs, duals, create=True)
        pairs = [
            (f, v) for f, v in zip(forms, vector, strict=True) if f is not None and f.needs_grad
        ]
        found: list[Node | None] = [None] * len(duals)
        if pairs:
            found = pull_back(
                [f for f, _ in pairs], duals, [v for _, v in pairs], self.create_graph
            )
        return [
            self._checked(g, number) or full(0.0, node)
            for number, (g, node) in enumerate(zip(found, outputs, strict=True))
        ]

    def _checked(self, g: Node | None, number: int) -> Node | None:
        if g is None and self.strict:
            raise GradientError(
                f"{self.op}: result {number} does not depend on the inputs; "
                "strict=False gives zeros for it"
            )
        return g

    def rows(self, outputs: list[Node]) -> list[list[Node]]:
        """Returns the Jacobian of each output by each input, row by row."""
        table = []
        for output in outputs:
            rows: list[list[Node]] = [
                self._kept(self.pull([output], self.inputs, [unit], self.create_graph))
                for unit in _units(output)
            ]
            shapes = [output.shape + node.shape for node in self.inputs]
            table.append(
                [
                    self._joined([row[k] for row in rows], shape, node, 0)
                    for k, (shape, node) in enumerate(zip(shapes, self.inputs, strict=True))
                ]
            )
        return table

    def columns(self, outputs: list[Node]) -> list[list[Node]]:
        """Returns the Jacobian of each output by each input, column by column."""
        table: list[list[Node]] = [[] for _ in outputs]
        for k, node in enumerate(self.inputs):
            columns: list[list[Node]] = []
            for unit in _units(node):
                vector = [full(0.0, other) for other in self.inputs]
                vector[k] = unit
                columns.append(self._kept(self.push(outputs, self.inputs, vector)))
            for number, output in enumerate(outputs):
                found = [column[number] for column in columns]
                shape = output.shape + node.shape
                table[number].append(self._joined(found, shape, output, 1))
        return table

    def _kept(self, nodes: list[Node]) -> list[Node]:
        """Computes one row or column now: the next one has the same structure, so the same plan."""
        engine.realize(nodes)
        return nodes

    def _joined(self, parts: list[Node], shape: Shape, like: Node, dim: int) -> Node:
        """Returns rows (dim 0) or columns (dim 1), each of any shape, as one node of `shape`."""
        if not parts or not self.create_graph:
            arrays = [engine.numpy(part).reshape(-1) for part in parts]
            values = np.stack(arrays, dim) if arrays else np.zeros(shape)
            values = np.ascontiguousarray(values, like.dtype.numpy).reshape(shape)
            return engine.upload(values, like.device or get_device(None))
        size = numel(parts[0].shape)
        flat = (1, size) if dim == 0 else (size, 1)
        with enable_grad():
            return _reshape(_cat([_reshape(part, flat) for part in parts], dim), shape)

    def answer(self, nodes: list[Node], several: bool) -> Any:
        """Returns nodes in the form in which the user gave or returned tensors."""
        with enable_grad():
            shown = [own(node) if self.create_graph else detached(node) for node in nodes]
        return tuple(shown) if several else shown[0]


def fresh_input(node: Node, connected: bool) -> Node:
    """Returns a node of the same value that can be told from all other uses of it.

    With `connected` the way back stays open if there is one; else it is a leaf.
    """
    if connected and node.needs_grad:
        with enable_grad():
            return PRIMITIVES["alias"](node)
    with no_grad():
        fresh = PRIMITIVES["alias"](node)
    fresh.leaf = fresh.needs_grad = True
    return fresh


def detached(node: Node) -> Tensor:
    """Returns a tensor of the same value through which no gradient flows."""
    with no_grad():
        return wrap(PRIMITIVES["alias"](node))


def pull_back(
    outputs: Sequence[Node], inputs: Sequence[Node], vector: Sequence[Node], create: bool
) -> list[Node | None]:
    """Returns the cotangents of the inputs, None where the outputs do not depend on one."""
    pairs = [(out, v) for out, v in zip(outputs, vector, strict=True) if out.needs_grad]
    roots, cotangents = [out for out, _ in pairs], [v for _, v in pairs]
    found = {id(node): g for node, g in walk(roots, cotangents, inputs, True, create)}
    return [found.get(id(node)) for node in inputs]


def nodes_of(op: str, what: str, tensors: object, floating: bool = False) -> list[Node]:
    """Returns the nodes of one tensor, or of a sequence of tensors.

    Raises:
        GradientError: if there is something else among them.
        DTypeError: if they must be floating point, and are not.
    """
    listed = tensors if isinstance(tensors, tuple | list) else (tensors,)
    for tensor in listed:
        if not isinstance(tensor, Handle):
            raise GradientError(f"{op}: the {what} must be Tensors, got {type(tensor).__name__}")
        if floating and not tensor.node.dtype.is_floating_point:
            raise DTypeError(
                f"{op}: the {what} must be floating point, got {tensor.node.dtype.name}"
            )
    return [tensor.node for tensor in listed]


def _dual(node: Node) -> Node:
    """A differentiable cotangent for a node; its value does not matter, as it enters linearly."""
    zeros = np.zeros(node.shape, node.dtype.numpy)
    dual = engine.upload(zeros, node.device or get_device(None))
    dual.leaf = dual.needs_grad = True
    return dual


def _units(node: Node) -> Iterator[Node]:
    """Per element of a node, a cotangent that is 1 there and 0 elsewhere."""
    for place in range(numel(node.shape)):
        unit = np.zeros(node.shape, node.dtype.numpy)
        unit.reshape(-1)[place] = 1
        yield engine.upload(unit, node.device or get_device(None))


def _reshape(node: Node, shape: Shape) -> Node:
    return node if node.shape == shape else PRIMITIVES["reshape"](node, shape=shape)


def _cat(parts: list[Node], dim: int) -> Node:
    while len(parts) > 1:
        chunks = [parts[i : i + _CAT] for i in range(0, len(parts), _CAT)]
        parts = [PRIMITIVES["cat"](*chunk, dim=dim) for chunk in chunks]
    return parts[0]


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
