"""Traces: one call of a user's function, and derivatives of its outputs by its inputs.

What `autograd.functional` and `func` share. All values are nodes in flat lists; the form in which
users give and get tensors is the business of those two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.autograd.handle import Handle, own, wrap
from tinygrad_cl.autograd.modes import enable_grad, no_grad
from tinygrad_cl.autograd.walk import full, sources, walk
from tinygrad_cl.errors import DTypeError, GradientError, ShapeError
from tinygrad_cl.graph import PRIMITIVES, Node, grad_mode, toposort
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.shapes import Shape, numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

_CAT = 32  # inputs of one cat: wider ones are cut into a tree


class Trace:
    """A function called with inputs of our own: other uses of the same tensors do not count.

    Args:
        op: the name for errors.
        function: takes tensors; returns a sequence of tensors.
        inputs: the nodes to differentiate by.
        create: whether derivatives are differentiable themselves; None: if there is anything else
            than the inputs by which they could be differentiated.
        strict: raise where an output does not depend on an input; else derivatives are zero there.

    Attributes:
        inputs: the nodes that stand for them.
        outputs: the nodes that the function returned.
        create: whether derivatives are differentiable.
    """

    def __init__(
        self,
        op: str,
        function: Callable[[list[Tensor]], Sequence[Tensor]],
        inputs: Sequence[Node],
        create: bool | None,
        strict: bool = False,
    ) -> None:
        self.op = op
        self.strict = strict
        self.inputs = [_fresh(op, node, create is not False) for node in inputs]
        self._open = create is None and grad_mode.enabled
        with enable_grad():
            self.outputs = [value.node for value in function([wrap(n) for n in self.inputs])]
        self.create = bool(create) or (self._open and self._reaches_outside())
        for number, node in enumerate(self.outputs):
            if strict and not node.needs_grad:
                raise self._independent(f"output {number}")

    def _reaches_outside(self) -> bool:
        """Whether outputs depend on leaves that are none of the inputs."""
        mine = {id(node) for node in self.inputs}
        roots = [node for node in self.outputs if node.needs_grad]
        found = toposort(roots, sources)
        return any(node.leaf and id(node) not in mine for node in found)

    def _independent(self, what: str) -> GradientError:
        return GradientError(
            f"{self.op}: {what} does not depend on the inputs; strict=False gives zeros"
        )

    def check_vector(self, vector: Sequence[Node], like: Sequence[Node], what: str) -> list[Node]:
        """Returns a user's vector, cut off from its own past unless derivatives keep theirs.

        Raises:
            ShapeError: if it has not the shapes of `like`.
        """
        given, needed = [node.shape for node in vector], [node.shape for node in like]
        if given != needed:
            raise ShapeError(
                f"{self.op}: the vector must have the shapes of the {what}, {needed}, got {given}"
            )
        self.create |= self._open and any(node.needs_grad for node in vector)
        if self.create:
            return list(vector)
        with no_grad():
            return [PRIMITIVES["alias"](node) for node in vector]

    def gradients(self) -> list[Node]:
        """Returns the gradient of the one output, differentiable.

        Raises:
            GradientError: if there are several outputs, or several elements.
        """
        shapes = [node.shape for node in self.outputs]
        if len(shapes) != 1 or numel(shapes[0]) != 1:
            raise GradientError(
                f"{self.op}: the function must return one tensor of one element, got {shapes}"
            )
        return self.pull(self.outputs, [full(1.0, self.outputs[0])], create=True)

    def pull(
        self, outputs: Sequence[Node], vector: Sequence[Node], create: bool | None = None
    ) -> list[Node]:
        """Returns `v^T J`: a cotangent per input, zeros where there is no dependence."""
        keep = self.create if create is None else create
        found = pull_back(outputs, self.inputs, vector, keep)
        return self._filled(found, self.inputs)

    def push(self, outputs: Sequence[Node], vector: Sequence[Node]) -> list[Node]:
        """Returns `J v`, one value per output: `v^T J` is linear in v, and J is its derivative."""
        duals = [_dual(node) for node in outputs]
        forms = pull_back(outputs, self.inputs, duals, create=True)
        pairs = [(f, v) for f, v in zip(forms, vector, strict=True) if f is not None]
        found = pull_back([f for f, _ in pairs], duals, [v for _, v in pairs], self.create)
        return self._filled(found, outputs)

    def _filled(self, found: Sequence[Node | None], like: Sequence[Node]) -> list[Node]:
        filled = []
        for number, (g, node) in enumerate(zip(found, like, strict=True)):
            if g is None and self.strict:
                raise self._independent(f"result {number}")
            filled.append(full(0.0, node) if g is None else g)
        return filled

    def rows(self, outputs: Sequence[Node]) -> list[list[Node]]:
        """Returns the Jacobian of each output by each input, a backward pass per row."""
        table = []
        for output in outputs:
            rows = [self._computed(self.pull([output], [unit])) for unit in _units(output)]
            table.append(
                [
                    self._joined([row[k] for row in rows], output.shape + node.shape, node, 0)
                    for k, node in enumerate(self.inputs)
                ]
            )
        return table

    def columns(self, outputs: Sequence[Node]) -> list[list[Node]]:
        """Returns the Jacobian of each output by each input, a `push` per column."""
        table: list[list[Node]] = [[] for _ in outputs]
        for k, node in enumerate(self.inputs):
            vector = [full(0.0, other) for other in self.inputs]
            columns = []
            for unit in _units(node):
                vector[k] = unit
                columns.append(self._computed(self.push(outputs, vector)))
            for number, output in enumerate(outputs):
                parts = [column[number] for column in columns]
                table[number].append(self._joined(parts, output.shape + node.shape, output, 1))
        return table

    def _computed(self, nodes: list[Node]) -> list[Node]:
        """Computes a row or column now: the next one has the same structure, so the same plan."""
        engine.realize(nodes)
        return nodes

    def _joined(self, parts: list[Node], shape: Shape, like: Node, dim: int) -> Node:
        """Returns rows (dim 0) or columns (dim 1), each of any shape, as one node of `shape`."""
        if not parts or not self.create:
            arrays = [engine.numpy(part).reshape(-1) for part in parts]
            values = np.stack(arrays, dim) if arrays else np.zeros(shape)
            values = np.ascontiguousarray(values, like.dtype.numpy).reshape(shape)
            return engine.upload(values, like.device or get_device(None))
        size = numel(parts[0].shape)
        flat = (1, size) if dim == 0 else (size, 1)
        with enable_grad():
            return _reshape(_cat([_reshape(part, flat) for part in parts], dim), shape)

    def show(self, nodes: Sequence[Node]) -> list[Tensor]:
        """Returns nodes as tensors for the user, without a past unless derivatives keep theirs."""
        if self.create:
            with enable_grad():
                return [own(node) for node in nodes]
        with no_grad():
            return [wrap(PRIMITIVES["alias"](node)) for node in nodes]


def pull_back(
    outputs: Sequence[Node], inputs: Sequence[Node], vector: Sequence[Node], create: bool
) -> list[Node | None]:
    """Returns the cotangents of the inputs, None where the outputs do not depend on one."""
    pairs = [(out, v) for out, v in zip(outputs, vector, strict=True) if out.needs_grad]
    roots, cotangents = [out for out, _ in pairs], [v for _, v in pairs]
    found = {id(node): g for node, g in walk(roots, cotangents, inputs, True, create)}
    return [found.get(id(node)) for node in inputs]


def nodes_of(op: str, what: str, tensors: Sequence[object]) -> list[Node]:
    """Returns the nodes of tensors.

    Raises:
        GradientError: if there is something else among them.
    """
    nodes = []
    for tensor in tensors:
        if not isinstance(tensor, Handle):
            raise GradientError(f"{op}: the {what} must be Tensors, got {type(tensor).__name__}")
        nodes.append(tensor.node)
    return nodes


def _fresh(op: str, node: Node, connected: bool) -> Node:
    """A node of the same value that can be told from all other uses of it.

    With `connected` the way back stays open if there is one; else it is a leaf.
    """
    if not node.dtype.is_floating_point:
        raise DTypeError(f"{op}: inputs must be floating point, got {node.dtype.name}")
    if connected and node.needs_grad:
        with enable_grad():
            return PRIMITIVES["alias"](node)
    with no_grad():
        fresh = PRIMITIVES["alias"](node)
    fresh.leaf = fresh.needs_grad = True
    return fresh


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


__all__ = ["Trace", "nodes_of", "pull_back"]
