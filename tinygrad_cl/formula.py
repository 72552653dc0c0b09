"""Formulas: several ops that were written down once and stand in the graph as one node.

What a layer or an update builds depends only on shapes, dtypes and settings, step after step. So it
is recorded once, on placeholders, and from then on a call of it is one node: a *composed* primitive
(one output), or a `call` of a formula with a `part` per output. The compiler does not know of them:
when a plan is made, what they stand for is put in their place (see `expansion`).

While nodes remember the line that made them, composed primitives build their ops at once, so that
each op can be named.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np

from tinygrad_cl import origins
from tinygrad_cl.dtypes import number_array
from tinygrad_cl.errors import DeviceError
from tinygrad_cl.graph import (
    DATA,
    Node,
    Primitive,
    Signature,
    TensorSpec,
    apply,
    data_signature,
    grad_mode,
    toposort,
    unshared_signature,
)
from tinygrad_cl.lowering import Composition

K = TypeVar("K")
V = TypeVar("V")
Build = Callable[..., Any]  # makes a node, or a tuple of nodes, from nodes


class _State:
    """How many formulas are being written; what is composed is written out in them.

    Other threads write theirs out as well meanwhile, which changes no value.
    """

    lock = threading.Lock()
    writing = 0


def is_written_out() -> bool:
    """Tells whether each op is to be a node of its own now, here or to be named."""
    return _State.writing > 0 or origins.active()


@contextmanager
def writing() -> Iterator[None]:
    """Lets each op be a node of its own in a block."""
    with _State.lock:
        _State.writing += 1
    try:
        yield
    finally:
        with _State.lock:
            _State.writing -= 1


def placeholder(spec: TensorSpec) -> Node:
    """Returns a node that stands for any value of a spec."""
    node = Node(data_signature(spec), (), None, spec.dtype.is_floating_point)
    node.leaf = node.needs_grad
    return node


class Formula:
    """Nodes from placeholders to outputs.

    Attributes:
        inputs: the placeholders.
        outputs: the results.
        order: the nodes between them, inputs before their users.
        read: the inputs on which the outputs depend, by number.
        is_single: whether the node of a call is its one output; else each has a node of its own.
    """

    __slots__ = ("_parts", "_pick", "_shared", "inputs", "is_single", "order", "outputs", "read")

    def __init__(self, inputs: Sequence[Node], outputs: Sequence[Node]) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        place = {id(node): at for at, node in enumerate(inputs)}
        found = toposort(outputs, lambda node: () if id(node) in place else node.inputs)
        self.order = [node for node in found if id(node) not in place]
        self.read = sorted(place[id(node)] for node in found if id(node) in place)
        self._pick = itemgetter(*self.read) if len(self.read) > 1 else None
        specs = tuple([inputs[at].signature.spec for at in self.read])
        self._shared = unshared_signature(CALL, (self,), specs)
        shared = (self._shared.spec,)
        self.is_single = len(outputs) == 1 and id(outputs[0]) not in place
        self._parts: list[int | Signature] = [
            place[id(node)] if id(node) in place else unshared_signature(PART, (self, at), shared)
            for at, node in enumerate(outputs)
        ]

    @staticmethod
    def write(build: Build, specs: Sequence[TensorSpec]) -> Formula:
        """Returns what `build` makes of values of these specs; it records gradients."""
        inputs = [placeholder(spec) for spec in specs]
        before, grad_mode.enabled = grad_mode.enabled, True
        try:
            with writing():
                made = build(*inputs)
        finally:
            grad_mode.enabled = before
        return Formula(inputs, made if isinstance(made, tuple) else (made,))

    def __call__(self, inputs: Sequence[Node]) -> list[Node]:
        """Returns the outputs over inputs of the specs of the placeholders; records no gradients.

        Raises:
            DeviceError: if the inputs are on different devices.
        """
        device = None
        for node in inputs:
            if node.device is not device and node.device is not None:
                if device is not None:
                    raise DeviceError(
                        f"a value is on {device}, another one on {node.device}; move the net "
                        "first and create its optimizer then"
                    )
                device = node.device
        given = self._pick(inputs) if self._pick else tuple([inputs[at] for at in self.read])
        if self.is_single:
            return [Node(self._shared, given, device, False)]
        shared = Node(self._shared, given, device, False) if self.order else None
        # Each part has a tuple of its own: who holds the call is found by counting references.
        return [
            inputs[part] if type(part) is int else Node(part, (shared,), device, False)  # type: ignore[arg-type]
            for part in self._parts
        ]

    def evaluate(self, arrays: Sequence[Any]) -> list[np.ndarray[Any, Any]]:
        """Returns the outputs of arrays, by the NumPy references."""
        values = {id(node): array for node, array in zip(self.inputs, arrays, strict=True)}
        for node in self.order:
            if node.scalar is not None:
                values[id(node)] = number_array(node.scalar, node.dtype)
                continue
            inputs = [values[id(child)] for child in node.inputs]
            found = node.primitive.compute(inputs, node.signature.kwargs)
            values[id(node)] = np.asarray(found, dtype=node.dtype.numpy).reshape(node.shape)
        return [values[id(node)] for node in self.outputs]

    def __repr__(self) -> str:
        return f"<formula of {len(self.order)} nodes>"


def _call_spec(*specs: TensorSpec, formula: Formula) -> TensorSpec:
    """A call has no value of its own; it bears the spec of its first output."""
    return formula.outputs[0].signature.spec


def _part_spec(shared: TensorSpec, formula: Formula, number: int) -> TensorSpec:
    return formula.outputs[number].signature.spec


def _call_reference(*arrays: Any, formula: Formula, number: int = 0) -> Any:
    given = dict(zip(formula.read, arrays, strict=True))
    return formula.evaluate([given.get(at) for at in range(len(formula.inputs))])[number]


_HERE = Composition(lambda *nodes, formula: formula(nodes))
CALL = Primitive("call", _call_spec, _call_reference, _HERE, attrs=("formula",))
PART = Primitive("part", _part_spec, _call_reference, _HERE, attrs=("formula", "number"))


def arguments(node: Node) -> tuple[Node, ...]:
    """Returns what the reference of a node takes: its inputs; of a part, those of its call."""
    return node.inputs[0].inputs if node.signature.primitive is PART else node.inputs


MAX_FORMULAS = 4096  # that are remembered; a program with ever new shapes must not grow for ever

_FORMULAS: dict[Signature, Formula] = {}  # of composed primitives


def formula_of(signature: Signature) -> Formula | None:
    """Returns what a signature stands for; None if it stands for itself, or is a part."""
    primitive = signature.primitive
    if primitive is DATA or not isinstance(primitive.lowering, Composition) or primitive is PART:
        return None
    if primitive is CALL:
        formula: Formula = signature.attrs[0]
        return formula
    found = _FORMULAS.get(signature)
    if found is None:
        build = partial(primitive.lowering.build, **signature.kwargs)
        found = remembered(_FORMULAS, signature, Formula.write(build, signature.inputs))
    return found


def remembered(table: dict[K, V], key: K, value: V) -> V:
    """Adds what was written to a table and returns it; a full table lets go of the oldest."""
    while len(table) >= MAX_FORMULAS:
        table.pop(next(iter(table)))
    table[key] = value
    return value


class Composed(Primitive):
    """A primitive that stands for other primitives; calling it builds one node for all of them."""

    __slots__ = ()

    def __call__(self, *inputs: Node, **attrs: Any) -> Node:
        """Returns the node of this primitive applied to `inputs`."""
        if is_written_out():
            build: Any = self.lowering
            node: Node = build.build(*inputs, **attrs)
            return node
        return apply(self, inputs, tuple([attrs[name] for name in self.attrs]) if attrs else ())


__all__ = [
    "CALL",
    "PART",
    "Composed",
    "Formula",
    "arguments",
    "formula_of",
    "is_written_out",
    "placeholder",
    "remembered",
    "writing",
]
