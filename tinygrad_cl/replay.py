"""Replay: a recorded call, run again without its Python code.

Per plan there is a row of cells, one per position, that stand in for the captured nodes: before the
plan runs, the cells of its leaves get the buffers of arguments, tensors and earlier results, and
the cells of drawn numbers their new values. Tensors that the call updates in place keep their node
and buffer; the others show a new node.

A plan that overwrites a leaf may do so only while nobody else can see the leaf's buffer. The
references are counted before every replay, as the engine does for every plan.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from sys import getrefcount
from typing import Any

from tinygrad_cl import engine, graph
from tinygrad_cl.autograd.handle import Handle, wrap
from tinygrad_cl.graph import TensorSpec
from tinygrad_cl.recording import Effect, Recording, Run, Source

_ANY: Any = object()  # some gradient
HELD = "somebody else holds a value that would be overwritten"


class Cell:
    """What stands for a node at one position of a plan."""

    __slots__ = ("buffer", "device", "scalar")

    def __init__(self) -> None:
        self.buffer: Any = None
        self.scalar: Any = None
        self.device: Any = None


class Replay:
    """A recording that is ready to run.

    Args:
        recording: what the call did.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        for run in recording.runs:  # from now on their plans must not change
            settle = getattr(run.executable, "settle", None)
            if settle is not None:
                settle()
        self._runs = [
            _BoundRun(run, number, recording) for number, run in enumerate(recording.runs)
        ]
        self._drawn: list[list[tuple[Cell, int]]] = [[] for _ in recording.events]
        for bound in self._runs:
            for at, number in bound.run.numbers.items():
                if number.event < 0:
                    bound.cells[at].scalar = number.value
                else:
                    self._drawn[number.event].append((bound.cells[at], number.place))
        self._state = _state_tensors(recording)
        self._donated = [t for t, donated in self._state if donated]
        read = {id(t) for t, _ in self._state}
        self._grads = [
            (t, before if before is None or id(before) in read else _ANY)
            for t, before in recording.grads_before
        ]
        self._kinds = [
            (t, t.node.signature.leaf, t.node.leaf, t.node.needs_grad) for t, _ in self._state
        ]
        self._effects = [e for e in recording.effects if not self._stays(e)]
        self._targets = self._find_targets()
        self._choose_results()

    def _choose_results(self) -> None:
        """Asks each plan only for what is shown afterwards or read by a later plan."""
        sources = [effect.source for effect in self._effects]
        sources += [source for source, _ in self.recording.outputs]
        sources += [source for run in self.recording.runs for source in run.leaves.values()]
        for number, bound in enumerate(self._runs):
            plan = getattr(bound.run.executable, "plan", None)
            chosen = {s.at for s in sources if s.kind == "result" and s.what == number}
            if plan is not None:
                bound.wanted = [(at, plan.home(at)) for at in sorted(chosen)]

    def _stays(self, effect: Effect) -> bool:
        """Whether a tensor's buffer is overwritten with its new value, so that nothing changes."""
        source = effect.source
        if effect.grad or source.kind != "result":
            return False
        run = self.recording.runs[source.what]
        storage = getattr(run.executable, "plan", None)
        if storage is None:
            return False
        place = storage.storage[storage.home(source.at)]
        leaf = run.leaves.get(place.at) if place.kind == "donated" else None
        return leaf is not None and leaf.kind == "tensor" and leaf.what is effect.tensor

    def _find_targets(self) -> list[tuple[_BoundRun, int, Effect]]:
        """Results that go to buffers of their own, and the tensors that get them."""
        read = {id(t) for t, _ in self._state}
        found = []
        for effect in self._effects:
            tensor = effect.tensor.grad if effect.grad else effect.tensor
            if effect.source.kind != "result" or id(tensor) in read:
                continue
            bound = self._runs[effect.source.what]
            plan = getattr(bound.run.executable, "plan", None)
            if plan is not None and plan.storage[effect.source.at].kind == "fresh":
                found.append((bound, effect.source.at, effect))
        return found

    # ---- before a replay

    def refusal(self) -> str:
        """Returns why the call must not be replayed now, or ""."""
        for event in self.recording.events:
            reason = event.check()
            if reason:
                return reason
        for tensor, before in self._grads:
            if tensor.grad is not before and (before is not _ANY or tensor.grad is None):
                return "a gradient is there, or not, unlike at the captured call"
        reason = self._other_kind()
        if reason:
            return reason
        for tensor in self._donated:
            if not _is_exclusive(tensor):
                return HELD
        return ""

    def _other_kind(self) -> str:
        """Realizes the tensors that are read; returns which is of another kind now, or ""."""
        for tensor, kind, leaf, needs_grad in self._kinds:
            node = tensor.node
            if node.buffer is None:
                engine.realize([node])
            signature = node.signature
            if signature.leaf is not kind or node.leaf != leaf or node.needs_grad != needs_grad:
                return f"a tensor of it was {kind.spec} and is {node} now"
        return ""

    # ---- the replay

    def __call__(self, arguments: Sequence[Handle]) -> list[Handle]:
        """Runs the plans; returns the tensors that the call would have returned."""
        for event, cells in zip(self.recording.events, self._drawn, strict=True):
            values = event.draw()
            for cell, place in cells:
                cell.scalar = values[place]
        for bound, at, effect in self._targets:
            buffer = _own_buffer(effect)
            if buffer is not None:
                bound.given[at] = buffer
        results: list[dict[int, Any]] = []
        for bound in self._runs:
            results.append(bound(arguments, results))
        for effect in self._effects:
            self._show(effect, arguments, results)
        outputs: list[Handle] = []
        for source, spec in self.recording.outputs:
            outputs.append(wrap(self._node(source, spec, arguments, results)))
        for bound in self._runs:
            bound.forget()
        return outputs

    def _show(
        self, effect: Effect, arguments: Sequence[Handle], results: list[dict[int, Any]]
    ) -> None:
        tensor = effect.tensor
        shown = tensor.grad if effect.grad else tensor
        buffer = self._buffer(effect.source, arguments, results)
        if shown is not None and shown.node.buffer is buffer:
            return
        node = self._node(effect.source, effect.spec, arguments, results)
        if effect.grad:
            tensor.grad = wrap(node)
            return
        old = tensor.node
        node.leaf, node.needs_grad, node.hooks = old.leaf, old.needs_grad, old.hooks
        tensor.node, node.owner = node, weakref.ref(tensor)

    def _node(
        self,
        source: Source,
        spec: TensorSpec,
        arguments: Sequence[Handle],
        results: list[dict[int, Any]],
    ) -> Any:
        buffer = self._buffer(source, arguments, results)
        device = self._runs[source.what].run.device if source.kind == "result" else buffer.device
        return graph.data(buffer, spec.shape, spec.dtype, device)

    def _buffer(
        self, source: Source, arguments: Sequence[Handle], results: list[dict[int, Any]]
    ) -> Any:
        if source.kind == "result":
            return results[source.what][source.at]
        if source.kind == "argument":
            return arguments[source.what].node.buffer
        return source.what.node.buffer if source.kind == "tensor" else source.what

    # ---- looking at it

    def describe(self) -> Iterator[str]:
        """Yields what was captured, a line each."""
        for bound in self._runs:
            plan = getattr(bound.run.executable, "plan", None)
            if plan is not None:
                yield str(plan).splitlines()[0]
        specs = [str(t.node.signature.spec) for t in self._donated]
        yield f"overwritten: {', '.join(specs) or 'nothing'}"
        others = [str(t.node.signature.spec) for t, donated in self._state if not donated]
        yield f"read: {', '.join(others) or 'nothing else'}"
        shown = [f"{'gradient ' if e.grad else ''}{e.spec}" for e in self._effects]
        yield f"renewed: {', '.join(shown) or 'nothing'}"
        for event in self.recording.events:
            yield f"drawn for each call: {event}"


class _BoundRun:
    """A plan with its cells."""

    def __init__(self, run: Run, number: int, recording: Recording) -> None:
        self.run = run
        self.cells = [Cell() for _ in range(run.size)]
        self.given: dict[int, Any] = {}
        self.wanted: list[tuple[int, int]] = []
        leaves = run.leaves.items()
        self._arguments = [(self.cells[at], s.what) for at, s in leaves if s.kind == "argument"]
        self._tensors = [(self.cells[at], s.what) for at, s in leaves if s.kind == "tensor"]
        self._results = [(self.cells[at], s.what, s.at) for at, s in leaves if s.kind == "result"]
        for at, source in leaves:
            if source.kind == "constant":
                self.cells[at].buffer = source.what
        self._changing = [self.cells[at] for at, source in leaves if source.kind != "constant"]

    def __call__(
        self, arguments: Sequence[Handle], results: list[dict[int, Any]]
    ) -> dict[int, Any]:
        for cell, number in self._arguments:
            cell.buffer = arguments[number].node.buffer
        for cell, tensor in self._tensors:
            cell.buffer = tensor.node.buffer
        for cell, number, at in self._results:
            cell.buffer = results[number][at]
        with self.run.device.lock:
            found: dict[int, Any] = self.run.executable.run(self.cells, self.given, self.wanted)
        return found

    def forget(self) -> None:
        """Lets go of all buffers, so that their references can be counted."""
        self.given.clear()
        for cell in self._changing:
            cell.buffer = None


def _state_tensors(recording: Recording) -> list[tuple[Handle, bool]]:
    """The tensors that the plans read, and whether they overwrite them."""
    found: dict[int, tuple[Handle, bool]] = {}
    for run in recording.runs:
        for at, source in run.leaves.items():
            if source.kind == "tensor":
                before = found.get(id(source.what), (source.what, False))[1]
                found[id(source.what)] = (source.what, before or at in run.donors)
    return list(found.values())


def _own_buffer(effect: Effect) -> Any:
    """The buffer of a tensor or gradient that nobody else can see, or None."""
    tensor = effect.tensor.grad if effect.grad else effect.tensor
    if tensor is None or tensor.node.buffer is None or tensor.node.signature.spec != effect.spec:
        return None
    if effect.grad and getrefcount(tensor) > _HELD_BY_ONE:
        return None
    return tensor.node.buffer if _is_exclusive(tensor) else None


def _is_exclusive(tensor: Handle) -> bool:
    """Whether a tensor alone holds its node, and the node alone its buffer."""
    node = tensor.node
    if getrefcount(node) > _HELD_BY_ONE:
        return False
    buffer = node.buffer
    return buffer is not None and not buffer.foreign and getrefcount(buffer) <= _HELD_BY_ONE


def _count_one() -> int:
    """What `sys.getrefcount` says of a local that one attribute holds; interpreters differ."""
    holder = Cell()
    holder.buffer = object()
    held = holder.buffer
    return getrefcount(held)


_HELD_BY_ONE = _count_one()
