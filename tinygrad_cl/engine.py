"""Realizing nodes: the only caller of the compiler.

`realize(nodes)` walks the unrealized part of the graph once, hashes its structure, finds or builds
the plan, binds the leaves' buffers to it, runs it, and attaches the results to the nodes. Realizing
attaches buffers and changes no value. What nobody can need any more (the inputs of a realized node
through which no gradient may flow) is dropped, so a training loop does not grow its history.
"""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tinygrad_cl import dtypes, graph
from tinygrad_cl.capture import Capture, is_plain_op
from tinygrad_cl.compiler.structure import KEEP, WANTED, Structure, Value
from tinygrad_cl.compiler.watching import watching
from tinygrad_cl.errors import DeviceError
from tinygrad_cl.expansion import Expansion
from tinygrad_cl.graph import Leaf, Node
from tinygrad_cl.lowering import DeviceTraits
from tinygrad_cl.runtime.device import Device, get_device
from tinygrad_cl.runtime.memory import Buffer
from tinygrad_cl.tracing import tracing

if TYPE_CHECKING:
    from tinygrad_cl.compiler.plan import Plan

MAX_PLANS = 1024  # of a device; a program with ever new shapes must not grow for ever


class Executable(Protocol):
    """A plan that is ready to run on its device.

    Attributes:
        expansion: how captured nodes become those of the plan.
    """

    expansion: Expansion

    @property
    def one_result(self) -> object:
        """Not None if `run_for_one` can run the plan."""

    def run(
        self,
        nodes: Sequence[Leaf],
        given: Mapping[int, Buffer] | None = None,
        wanted: Sequence[tuple[int, int]] = (),
        captured: bool = False,
    ) -> dict[int, Buffer]:
        """Runs the plan; returns the new buffers by position.

        Args:
            nodes: a node per value, or what holds the buffers and numbers of the leaves among them.
            given: buffers that results may be written to; a device may use them or not.
            wanted: positions (and homes, see `Plan.home`) to return at least; all, if empty.
            captured: whether nodes, and positions in the answer, are those of the capture.
        """

    def run_for_one(self, nodes: Sequence[Leaf]) -> Buffer:
        """Runs a plan whose one result is the first of the captured nodes."""

    def release(self) -> None:
        """Lets go of memory that others may use."""


def realize(nodes: Sequence[Node]) -> None:
    """Computes nodes now, all of them in one plan.

    Living tensors that show other nodes of the same graph are computed along with them.

    Raises:
        DeviceError: if the nodes live on different devices.
    """
    pending = [node for node in nodes if node.buffer is None]
    if not pending:
        return
    device = pending[0].device
    if device is None or len(pending) > 1:
        device = _common_device(pending)
    elif pending[0].signature.id in device.plans and _realize_op(pending[0], device):
        return
    if _deferred.tensors:
        pending += _take_deferred(device, pending[0])
    with device.lock:
        captured = Capture(pending, device.kind != "host" and not inspection.modes)
        executable = device.plans.get(captured.key) or _planned(captured, device)
        nodes = captured.nodes
        if executable.one_result is not None and not _is_observed():
            buffers = {0: executable.run_for_one(nodes)}
        else:
            buffers = executable.run(nodes, captured=True)
            if inspection.results is not None or tracing.active is not None:
                _tell(executable, nodes, buffers)
        _attach(nodes, buffers, device)


def _realize_op(node: Node, device: Device) -> bool:
    """Computes one op over leaves if that is all and was done before; tells whether it did."""
    executable, inputs = device.plans.get(node.signature.id), node.inputs
    if executable is None or executable.one_result is None or not is_plain_op(inputs, True):
        return False
    if _deferred.tensors or _is_observed():
        return False
    with device.lock:
        node.buffer = executable.run_for_one((node, *inputs))
        if not node.needs_grad or node.released or node.leaf:
            node.inputs = ()
    return True


def _is_observed() -> bool:
    """Whether somebody looks at what plans compute."""
    return tracing.active is not None or inspection.modes > 0 or watching.step is not None


def _planned(captured: Capture, device: Device) -> Executable:
    """Makes the plan of a capture and remembers it."""
    while len(device.plans) >= MAX_PLANS:  # the oldest: shapes that never come back
        device.plans.pop(next(iter(device.plans)))
    with _collector_paused():
        executable = device.plans[captured.key] = _build(captured.expanded(), device)
    return executable


def _tell(executable: Executable, captured: Sequence[Node], found: dict[int, Buffer]) -> None:
    """Tells modes and tracers what a plan has computed, value by value."""
    expansion = executable.expansion
    nodes, flags = expansion.spread(captured), expansion.flags
    buffers = {at: found[i] for at, i in enumerate(expansion.sources) if i in found}
    if inspection.results is not None:
        inspection.results(nodes, flags, buffers)
    tracer = tracing.active
    if tracer is not None:
        tracer.ran(executable, nodes, flags, buffers)


def explain(nodes: Sequence[Node]) -> Plan:
    """Returns the plan that `realize(nodes)` would run now, without running it.

    On the "numpy" device, which fuses nothing, it is the plan of a CPU.
    """
    from tinygrad_cl.compiler.plan import make_plan

    pending = [node for node in nodes if node.buffer is None]
    device = _common_device(pending)
    with device.lock:
        captured = Capture(pending, donate=False)
        if device.kind == "host":
            return make_plan(captured.structure(), DeviceTraits())
        from tinygrad_cl.compiler.tuning import choice_of

        choose = choice_of(device, measure=False)
        return make_plan(captured.structure(), device.traits, choose=choose)


class Inspection:
    """What debugging modes ask of the engine: `autograd.detect_anomaly`, `testing.shadow`.

    Attributes:
        modes: how many are on. While there is one, no plan overwrites a buffer that it read: what
            a mode has stopped can be looked at, and can run again.
        results: called with the nodes of each plan, their flags and their new buffers by position,
            before these are attached; it may raise.
    """

    modes = 0
    results: Callable[[Sequence[Node], list[int], dict[int, Buffer]], None] | None = None


inspection = Inspection()


class _Deferred(threading.local):
    """What a thread has asked for; its steps do not depend on those of others."""

    def __init__(self) -> None:
        self.tensors: dict[int, weakref.ref[Any]] = {}


_deferred = _Deferred()


def defer(tensor: Any) -> None:
    """Asks for the value of a tensor along with the next plan of its device.

    It is for values that are rarely looked at first, but share work with what is: gradients, a
    loss, weights updated by hand, running statistics. They are neither computed at once, nor each
    in a plan of its own with all that it needs, nor left to grow a chain of nodes.
    """
    _deferred.tensors[id(tensor)] = weakref.ref(tensor)


def catch_up() -> None:
    """Computes all values that were deferred."""
    for reference in list(_deferred.tensors.values()):
        tensor = reference()
        if tensor is not None and tensor.node.buffer is None:
            realize([tensor.node])


def _take_deferred(device: Device, first: Node) -> list[Node]:
    """The deferred values of a device, but for the first one that is asked for anyway."""
    nodes, others = [], {}
    for key, reference in _deferred.tensors.items():
        tensor = reference()
        if tensor is not None and (node := tensor.node).buffer is None:
            if node.device is not device:
                others[key] = reference
            elif node is not first:
                nodes.append(node)
    _deferred.tensors = others
    return nodes


def numpy(node: Node) -> np.ndarray:
    """Returns the value of a node; a read-only view where the device shares the host's memory."""
    tracer = tracing.active
    if tracer is not None:
        tracer.read(node)
    realize([node])
    assert node.buffer is not None
    assert node.device is not None
    return node.device.view(node.buffer, node.shape, node.dtype)


def item(node: Node) -> Any:
    """Returns the value of a node of one element as a Python number."""
    tracer = tracing.active
    if tracer is not None:
        tracer.read(node)
    realize([node])
    assert node.buffer is not None
    assert node.device is not None
    return node.device.item(node.buffer, node.dtype)


def upload(array: np.ndarray, device: Device, copy: bool = True) -> Node:
    """Returns a realized node that holds an array.

    Args:
        array: any array of a supported dtype.
        device: where the value will live.
        copy: if False, a device that shares the host's memory shows the array itself, uncopied.
    """
    dtype = dtypes.dtype(array.dtype)
    if not array.dtype.isnative:  # from a file of another kind of machine
        array = array.astype(array.dtype.newbyteorder("="))
    buffer = device.upload(array) if copy else device.wrap(array)
    node = graph.data(buffer, array.shape, dtype, device)
    tracer = tracing.active
    if tracer is not None:
        tracer.uploaded(node, array)
    return node


def _common_device(nodes: list[Node]) -> Device:
    device = None
    for node in nodes:
        if node.device is not None and node.device is not device:
            if device is not None:
                raise DeviceError(f"realize: nodes are on {device} and on {node.device}")
            device = node.device
    return device or get_device(None)


def _attach(nodes: Sequence[Node], buffers: dict[int, Buffer], device: Device) -> None:
    for at, buffer in buffers.items():
        node = nodes[at]
        node.buffer = buffer
        if node.device is None:
            node.device = device
        if not node.needs_grad or node.released or node.leaf:
            node.inputs = ()


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keeps Python from looking for garbage: a plan is many objects, and most of them stay."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _build(expansion: Expansion, device: Device) -> Executable:
    executable: Executable
    if device.kind == "host":
        executable = HostExecutable(expansion.structure, device)
    else:
        # Here, so that `import tinygrad_cl` and programs on the "numpy" device do without the
        # compiler.
        from tinygrad_cl.compiler.execute import DeviceExecutable
        from tinygrad_cl.compiler.tuning import choice_of

        executable = DeviceExecutable(expansion.structure, device, choice_of(device))
    executable.expansion = expansion
    return executable


class HostExecutable:
    """A plan of the "numpy" device: one reference call per value."""

    expansion: Expansion
    one_result = None

    def __init__(self, structure: Structure, device: Device) -> None:
        self.structure = structure
        self.device = device
        self.last_use = {i: at for at, value in enumerate(structure) for i in value.inputs}

    def run(
        self,
        nodes: Sequence[Leaf],
        given: Mapping[int, Buffer] | None = None,
        wanted: Sequence[tuple[int, int]] = (),
        captured: bool = False,
    ) -> dict[int, Buffer]:
        """Runs the references in order; every result is a new array."""
        if captured:
            sources = self.expansion.sources
            found = self.run(self.expansion.spread(nodes))
            return {_of_capture(sources[at]): buffer for at, buffer in found.items()}
        arrays: dict[int, np.ndarray] = {}
        buffers: dict[int, Buffer] = {}
        for at, (node, value) in enumerate(zip(nodes, self.structure, strict=True)):
            arrays[at] = self._compute(node, value, arrays)
            if value.flag in (KEEP, WANTED):
                kept = arrays[at]
                if value.is_scalar:
                    kept = np.asarray(kept, dtype=value.dtype.numpy)
                buffers[at] = self.device.wrap(kept)
            for i in value.inputs:
                if self.last_use[i] == at:
                    arrays.pop(i, None)
        return buffers

    def run_for_one(self, nodes: Sequence[Leaf]) -> Buffer:
        """It is of no use: `one_result` is None."""
        raise NotImplementedError

    def release(self) -> None:
        """Does nothing: it holds no memory between runs."""

    def _compute(self, node: Leaf, value: Value, arrays: dict[int, np.ndarray]) -> np.ndarray:
        if node.buffer is not None:
            return self.device.view(node.buffer, value.shape, value.dtype)
        with np.errstate(all="ignore"):
            if value.is_scalar:
                return dtypes.number_array(node.scalar, value.dtype)
            inputs = [arrays[i] for i in value.inputs]
            result = value.signature.primitive.compute(inputs, value.signature.kwargs)
        return np.ascontiguousarray(result, dtype=value.dtype.numpy).reshape(value.shape)


def _of_capture(source: int | None) -> int:
    assert source is not None  # what is kept is shown by a node, and so none inside a formula
    return source
