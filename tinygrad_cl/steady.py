"""Steady: what stays as it is from one replay to the next, seen without looking at all of it.

After a step with large kernels nothing of Python's is in the processor's caches, and each object
that is touched costs as much as many lines of code. So a replay does not ask its tensors one by one
what they are: as long as `tracing.rebinds` has not moved, every tensor shows the node that it
showed, and nodes do not change. What no counter tells are references: a buffer may be overwritten
only while nobody else can see it. Those are counted, all in one sum.
"""

from __future__ import annotations

import weakref
from array import array
from collections.abc import Sequence
from operator import attrgetter, is_
from sys import getrefcount
from typing import Any

from tinygrad_cl.autograd.handle import Handle
from tinygrad_cl.dtypes import float32
from tinygrad_cl.graph import Node, TensorSpec, data_signature
from tinygrad_cl.tracing import tracing

_node, _buffer, _grad = attrgetter("node"), attrgetter("buffer"), attrgetter("_grad")
_referent = weakref.ReferenceType.__call__


class Steady:
    """The tensors of a replay, and whether they are as the last replay has left them.

    Args:
        tensors: all that the plans read and that should go on showing their nodes.
        moving: all that the plans read and that the replay gives new nodes.
        donated: those of both whose buffers are overwritten.
        owners: tensors whose gradients are written where they are.

    Attributes:
        rebinds: `tracing.rebinds` when all was known. While it is the same, no tensor at all has
            got another node. A replay that gives tensors new nodes adds their number.
    """

    def __init__(
        self,
        tensors: Sequence[Handle],
        moving: Sequence[Handle],
        donated: Sequence[Handle],
        owners: Sequence[Handle],
    ) -> None:
        self._tensors = tensors
        self._moving = moving
        self._donated = donated
        self._owners = owners
        self.rebinds = -1
        self._nodes: list[weakref.ref[Node]] = []
        self._grads: list[weakref.ref[Any]] = []
        self._names = _names([])  # of the gradients, true while all of them live
        self._dead: list[Any] = []

    def renew(self) -> None:
        """Takes all as it is now for what it should be."""
        self.rebinds = tracing.rebinds
        grads = list(map(_grad, self._owners))
        self._dead = []
        self._nodes = list(map(weakref.ref, map(_node, self._tensors)))
        self._grads = [weakref.ref(grad, self._dead.append) for grad in grads]
        self._names = _names(grads)

    def accept(self) -> bool:
        """Whether others were rebound than these tensors; if so, all is known again."""
        now = tracing.rebinds
        if self.rebinds < 0 or any(tensor.node.buffer.foreign for tensor in self._moving):  # type: ignore[union-attr]
            return False
        if not all(map(is_, map(_node, self._tensors), map(_referent, self._nodes))):
            return False
        self.rebinds = now
        return True

    def is_alone(self) -> bool:
        """Whether nobody else holds what the plans write, and gradients are those of last time."""
        grads = list(map(_grad, self._owners))
        if grads and (self._dead or _names(grads) != self._names):
            return False
        written = len(self._donated) * _DONATED + len(grads) * _OWNED
        return _references(self._donated, grads) == written


def _references(donated: Sequence[Handle], grads: list[Any]) -> int:
    """The references to gradients, and to the nodes and buffers of gradients and tensors.

    No object can have fewer than when it is held once, so that one sum tells it of all.
    """
    nodes = list(map(_node, donated))
    nodes += map(_node, grads)
    return sum(map(getrefcount, [*map(_buffer, nodes), *nodes, *grads]))


def _names(objects: Sequence[object]) -> array[int]:
    return array("Q", map(id, objects))


def is_exclusive(tensor: Handle) -> bool:
    """Whether a tensor alone holds its node, and the node alone its buffer."""
    node = tensor.node
    if getrefcount(node) > _HELD:
        return False
    buffer = node.buffer
    return buffer is not None and not buffer.foreign and getrefcount(buffer) <= _HELD


def own_gradient(tensor: Handle, spec: TensorSpec) -> Any:
    """The buffer of a tensor's gradient of that spec that nobody else can see, or None."""
    grad = tensor._grad
    if grad is None or grad.node.buffer is None or grad.node.signature.spec != spec:
        return None
    return grad.node.buffer if getrefcount(grad) <= _HELD and is_exclusive(grad) else None


def _count_references() -> tuple[int, int, int]:
    """What is counted of things that are held once; interpreters differ.

    Of an attribute's object in a local; of a donated tensor, and of a gradient, in `_references`.
    """
    tensor: Any = Handle()
    tensor.node = Node(data_signature(TensorSpec((), float32)), (), None, False)
    tensor.node.buffer = object()
    tensor._grad = Handle()
    held = tensor.node.buffer
    local = getrefcount(held)
    del held
    donated = _references([tensor], [])
    tensor._grad.node = Node(data_signature(TensorSpec((), float32)), (), None, False)
    tensor._grad.node.buffer = object()
    return local, donated, _references([], list(map(_grad, [tensor])))


_HELD, _DONATED, _OWNED = _count_references()
