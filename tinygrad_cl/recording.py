"""Recording: one call of a function, as the plans that it ran and where their leaves came from.

A recording says, for every leaf of every plan, whether it is an argument, a tensor that lives on
between calls, a result of an earlier plan of the same call, or a constant; and for every run-time
number whether it is fixed or drawn anew (a rate, a step count, a position of random numbers). Two
calls with equal recordings can be told apart by nothing but arguments, tensors and drawn numbers:
then the next call may be replayed.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.autograd.handle import Handle
from tinygrad_cl.compiler.structure import DONOR
from tinygrad_cl.graph import Node, TensorSpec
from tinygrad_cl.tracing import Numbers


class Source(NamedTuple):
    """Where a value comes from.

    Kinds: "argument" (number `what`), "tensor" (what tensor `what` shows), "result" (value `at` of
    run `what`), "constant" (the buffer `what`).
    """

    kind: str
    what: Any
    at: int = 0


class Number(NamedTuple):
    """A run-time number: fixed, or number `place` of what event `event` draws."""

    value: Any
    event: int = -1
    place: int = 0


class Run(NamedTuple):
    """One plan of the call: its leaves and numbers by position."""

    executable: Any
    device: Any
    size: int
    leaves: dict[int, Source]
    numbers: dict[int, Number]
    donors: frozenset[int]


class Effect(NamedTuple):
    """A tensor that shows another value after the call; `grad`: its gradient does."""

    tensor: Handle
    grad: bool
    source: Source
    spec: TensorSpec


class Recording(NamedTuple):
    """What one call did.

    Attributes:
        runs: the plans in order.
        events: where numbers come from, in the order in which they are drawn.
        outputs: sources and specs of the tensors that the call returned.
        effects: what else it changed.
        constants: contents of the uploads, by the identity of their buffers.
        arrays: what was uploaded, the user's own arrays among them, with these contents.
        grads_before: per parameter, its gradient when the call began, which need not live on.
    """

    runs: list[Run]
    events: list[Numbers]
    outputs: list[tuple[Source, TensorSpec]]
    effects: list[Effect]
    constants: dict[int, np.ndarray]
    arrays: list[tuple[np.ndarray, np.ndarray]]
    grads_before: list[tuple[Handle, weakref.ref[Handle] | None]]


class Recorder:
    """Listens to one call; see `tinygrad_cl.tracing`.

    Args:
        arguments: the tensors that the call receives, realized.
        parameters: tensors whose gradients are watched from the beginning.

    Attributes:
        reason: why the call cannot be replayed, or "".
    """

    def __init__(self, arguments: Sequence[Handle], parameters: Sequence[Handle]) -> None:
        self._thread = threading.get_ident()
        self.reason = ""
        self._arguments = {id(tensor.node): i for i, tensor in enumerate(arguments)}
        self._given = {id(tensor) for tensor in arguments}
        self._grads_before: list[tuple[Handle, weakref.ref[Handle] | None]] = [
            (p, None if p._grad is None else weakref.ref(p._grad)) for p in parameters
        ]
        self._nodes_before = {
            id(p): None if p._grad is None else weakref.ref(p._grad.node) for p in parameters
        }
        self._runs: list[Run] = []
        self._events: list[Numbers] = []
        self._drawn: dict[int, tuple[Node, int, int]] = {}
        self._results: dict[int, tuple[weakref.ref[Node], int, int]] = {}
        self._before: dict[int, tuple[weakref.ref[Node], weakref.ref[Any]]] = {}
        self._rebound: dict[int, weakref.ref[Any]] = {}
        self._same: dict[int, tuple[weakref.ref[Node], Source]] = {}
        self._graded: dict[int, weakref.ref[Any]] = {}
        self._looked: dict[int, weakref.ref[Any]] = {}
        self._uploads: dict[int, tuple[Node, np.ndarray, np.ndarray]] = {}
        self._tensors: dict[int, Handle] = {}
        self._constants: dict[int, np.ndarray] = {}
        self._arrays: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        if any(tensor.node.needs_grad for tensor in arguments):
            self.refuse("an argument requires grad")

    def _is_mine(self) -> bool:
        return threading.get_ident() == self._thread

    def refuse(self, reason: str) -> None:
        """Says why the call cannot be replayed; the first reason counts."""
        if self._is_mine():
            self.reason = self.reason or reason

    # ---- what the rooms report

    def numbers(self, nodes: Sequence[Node], source: Numbers) -> None:
        """Remembers where numbers come from."""
        if self._is_mine():
            for place, node in enumerate(nodes):
                self._drawn[id(node)] = (node, len(self._events), place)
            self._events.append(source)

    def uploaded(self, node: Node, array: np.ndarray) -> None:
        """Remembers an array of the host: a constant, if the next call uploads the same."""
        if self._is_mine():
            self._uploads[id(node)] = (node, array, np.array(array))

    def read(self, node: Node) -> None:
        """Refuses: what the host reads would be the number of this call for ever."""
        if self._is_mine():
            self.refuse(
                f"it reads a value of shape {node.shape} on the host (item, numpy, bool, print, "
                "a mask as index, ...); return the tensor and read it outside"
            )

    def rebound(self, tensor: Any, old: Node) -> None:
        """Remembers which tensor showed a node, and that it shows another one now."""
        if self._is_mine():
            reference = weakref.ref(tensor)
            self._rebound.setdefault(id(tensor), reference)
            self._before.setdefault(id(old), (weakref.ref(old), reference))

    def shown(self, node: Node, other: Node) -> None:
        """Remembers that a leaf has the value of another node."""
        if self._is_mine():
            self._same[id(node)] = (weakref.ref(node), self._source(other))

    def graded(self, tensor: Any) -> None:
        """Remembers a leaf whose gradient changes."""
        if self._is_mine():
            self._graded.setdefault(id(tensor), weakref.ref(tensor))

    def looked(self, tensor: Any) -> None:
        """Remembers a tensor of whose gradient the code knows whether it is there."""
        if self._is_mine():
            self._looked.setdefault(id(tensor), weakref.ref(tensor))
            if id(tensor) in self._given:
                self.refuse("it asks for the gradient of an argument")

    def ran(
        self, executable: Any, nodes: Sequence[Node], flags: list[int], buffers: dict[int, Any]
    ) -> None:
        """Remembers a plan with its leaves."""
        if not self._is_mine():
            return
        leaves: dict[int, Source] = {}
        numbers: dict[int, Number] = {}
        number = len(self._runs)
        for at, node in enumerate(nodes):
            if node.scalar is not None and node.buffer is None:
                _, event, place = self._drawn.get(id(node), (node, -1, 0))
                numbers[at] = Number(node.scalar if event < 0 else None, event, place)
            elif node.buffer is not None:
                leaves[at] = self._source(node)
        donors = frozenset(at for at in leaves if flags[at] == DONOR)
        for at in donors:
            if leaves[at].kind in ("constant", "argument"):
                self.refuse("a plan overwrites a value that the next call needs")
        for at in buffers:
            self._results[id(nodes[at])] = (weakref.ref(nodes[at]), number, at)
        self._runs.append(Run(executable, executable.device, len(nodes), leaves, numbers, donors))

    def _source(self, node: Node) -> Source:
        """Where the value of a realized node comes from."""
        name = id(node)
        if name in self._results and self._results[name][0]() is node:
            return Source("result", *self._results[name][1:])
        if name in self._same and self._same[name][0]() is node:
            return self._same[name][1]
        if name in self._arguments:
            return Source("argument", self._arguments[name])
        if name in self._uploads:
            _, array, content = self._uploads[name]
            self._constants[id(node.buffer)] = content
            self._arrays[id(node.buffer)] = (array, content)
            return Source("constant", node.buffer)
        tensor: Any = None
        if name in self._before and self._before[name][0]() is node:
            tensor = self._before[name][1]()
        if tensor is None and node.owner is not None:
            tensor = node.owner()
            tensor = tensor if tensor is not None and tensor.node is node else None
        if tensor is None:
            return Source("constant", node.buffer)
        self._tensors[id(tensor)] = tensor
        return Source("tensor", tensor)

    # ---- the end of the call

    @property
    def parameters(self) -> list[Handle]:
        """The tensors whose gradients matter: leaves of plans, and whose were set or asked for."""
        found = {id(t): t for t in self._tensors.values() if t.node.needs_grad}
        known = {**self._graded, **self._looked}
        alive = {name: t for name, ref in known.items() if (t := ref()) is not None}
        return list((found | alive).values())

    def finish(self, outputs: Sequence[Handle]) -> Recording:
        """Realizes what is pending; returns the recording. `reason` tells whether it is of use."""
        for tensor in outputs:
            node = tensor.node
            if node.needs_grad and not (node.leaf or node.released):
                self.refuse(
                    f"it returns a value of shape {node.shape} whose backward pass is still to "
                    "come; call backward inside it, or return `.detach()`, or use `no_grad`"
                )
        returned = {id(tensor) for tensor in outputs}
        changed = [t for t in (ref() for ref in self._rebound.values()) if t is not None]
        if any(id(t) in self._given for t in changed):
            self.refuse("it changes an argument in place")
        made = {id(p._grad) for p in self.parameters} - self._tensors.keys()  # by this call
        changed = [t for t in changed if id(t) not in returned | made]
        pending = [t.node for t in (*outputs, *changed)]
        regraded = self._regraded([*changed, *self.parameters])
        pending += [grad.node for _, grad in regraded]
        by_device: dict[Any, list[Node]] = {}
        for node in pending:
            by_device.setdefault(node.device, []).append(node)
        for nodes in by_device.values():
            engine.realize(nodes)
        effects = [Effect(t, False, self._source(t.node), t.node.signature.spec) for t in changed]
        effects += [
            Effect(t, True, self._source(g.node), g.node.signature.spec) for t, g in regraded
        ]
        own = [e for e in effects if not (e.source.kind == "tensor" and e.source.what is e.tensor)]
        results = [(self._source(t.node), t.node.signature.spec) for t in outputs]
        arrays = list(self._arrays.values())
        return Recording(
            self._runs, self._events, results, own, self._constants, arrays, self._grads_before
        )

    def _regraded(self, tensors: Sequence[Handle]) -> list[tuple[Handle, Handle]]:
        """The tensors that have another gradient than before, or whose gradient has changed."""
        found = {}
        for tensor in tensors:
            grad, name = tensor._grad, id(tensor)
            before = self._nodes_before.get(name)
            if grad is None:
                if before is not None:
                    self.refuse("it drops a gradient that was there before")
            elif name not in self._nodes_before:
                if name in self._graded:
                    found[name] = (tensor, grad)
            elif before is None or before() is not grad.node:
                found[name] = (tensor, grad)
        return list(found.values())


def difference(first: Recording, second: Recording) -> str:
    """Returns what differs between two calls besides arguments and drawn numbers, or ""."""
    if [id(run.executable) for run in first.runs] != [id(run.executable) for run in second.runs]:
        return "it builds another graph from call to call"
    if len(first.events) != len(second.events):
        return "it draws numbers another number of times from call to call"
    for a, b in zip(first.runs, second.runs, strict=True):
        for at, number in a.numbers.items():
            other = b.numbers[at]
            if number[1:] != other[1:] or not _equal(number.value, other.value):
                return (
                    f"a number in it changes from call to call ({number.value}, then "
                    f"{other.value}); pass it as a tensor"
                )
        for at, source in a.leaves.items():
            if not _same_source(source, b.leaves[at], first, second):
                return "it computes with other tensors or other arrays from call to call"
    kinds = [[(id(e.tensor), e.grad, e.source[0]) for e in r.effects] for r in (first, second)]
    if kinds[0] != kinds[1]:
        return "it changes other tensors from call to call"
    pairs = list(zip(first.outputs, second.outputs, strict=False))
    same = all(_same_source(a, b, first, second) for (a, _), (b, _) in pairs)
    if len(first.outputs) != len(second.outputs) or not same:
        return "it returns other tensors from call to call"
    return ""


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b or (a != a and b != b))


def _same_source(a: Source, b: Source, first: Recording, second: Recording) -> bool:
    if a.kind != b.kind:
        return False
    if a.kind == "tensor":
        return a.what is b.what
    if a.kind != "constant" or a.what is b.what:
        return a.kind == "constant" or a == b
    mine, other = first.constants.get(id(a.what)), second.constants.get(id(b.what))
    if mine is None or other is None:
        return False
    return mine.dtype == other.dtype and mine.tobytes() == other.tobytes()
