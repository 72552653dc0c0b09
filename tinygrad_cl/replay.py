"""Replay: a recorded call, run again without its Python code.

Per plan there is a row of cells, one per position, that stand in for the captured nodes (see
`tinygrad_cl.bound`). Tensors that the call updates in place keep their node and buffer; the others
show a new node.

A plan that overwrites a leaf may do so only while nobody else can see the leaf's buffer. The
references are counted before every replay, as the engine does for every plan. A replay that finds
all tensors as the last one has left them (`tinygrad_cl.steady`) fills no cells but those of
arguments and of earlier results, and sets no others.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from operator import attrgetter
from typing import Any

from tinygrad_cl import engine, graph
from tinygrad_cl.autograd.handle import Handle, wrap
from tinygrad_cl.bound import BoundRun
from tinygrad_cl.graph import Node, Signature
from tinygrad_cl.guards import Guards
from tinygrad_cl.recording import Effect, Recording, Source
from tinygrad_cl.steady import Steady, is_exclusive, own_gradient
from tinygrad_cl.tracing import tracing

_ANY: Any = object()  # some gradient
HELD = "somebody else holds a value that would be overwritten"
_OTHER_GRADIENT = "a gradient is there, or not, unlike at the captured call"


class Replay:
    """A recording that is ready to run.

    The first replay sets everything; later ones leave as it is what `Steady` finds unchanged.

    Args:
        recording: what the call did.
        guards: what its Python code depends on.
        form: that of its result.
    """

    def __init__(self, recording: Recording, guards: Guards, form: Any) -> None:
        self.recording = recording
        self.guards = guards
        self.form = form
        self._devices = list({run.device.name: run.device for run in recording.runs}.values())
        for run in recording.runs:  # from now on their plans must not change
            settle = getattr(run.executable, "settle", None)
            if settle is not None:
                settle()
        self._runs = [BoundRun(run) for run in recording.runs]
        self._arrays = [(array, content.tobytes()) for array, content in recording.arrays]
        self._state = _state_tensors(recording)
        self._donated = [t for t, donated in self._state if donated]
        self._read = {id(t) for t, _ in self._state}
        self._grads = [
            (t, None if before is None else self._expected(before()))
            for t, before in recording.grads_before
        ]
        self._kinds = [
            (t, t.node.signature.leaf, t.node.leaf, t.node.needs_grad, _hooks(t.node))
            for t, _ in self._state
        ]
        self._effects = [
            (e, graph.data_signature(e.spec)) for e in recording.effects if not self._stays(e)
        ]
        self._outputs = [(s, graph.data_signature(spec)) for s, spec in recording.outputs]
        self._targets = self._find_targets()
        self._is_steady = False
        self._prepare()

    def _expected(self, grad: Handle | None) -> Any:
        """The gradient that must be there: that one if the plans read it, else any."""
        return grad if id(grad) in self._read else _ANY

    def _stays(self, effect: Effect) -> bool:
        """Whether a tensor's buffer is overwritten with its new value, so that nothing changes."""
        source = effect.source
        if effect.grad or source.kind != "result":
            return False
        bound = self._runs[source.what]
        if bound.plan is None:
            return False
        place = bound.plan.storage[bound.home(source.at)]
        leaf = bound.run.leaves.get(place.at) if place.kind == "donated" else None
        return leaf is not None and leaf.kind == "tensor" and leaf.what is effect.tensor

    def _find_targets(self) -> list[tuple[BoundRun, int, Effect]]:
        """Results that go to buffers of their own, and the tensors that get them."""
        found = []
        for effect, _ in self._effects:
            tensor = effect.tensor._grad if effect.grad else effect.tensor
            if effect.source.kind != "result" or id(tensor) in self._read:
                continue
            bound = self._runs[effect.source.what]
            home = bound.home(effect.source.at)
            if bound.plan is not None and bound.plan.storage[home].kind == "fresh":
                found.append((bound, home, effect))
        return found

    def _prepare(self) -> None:
        """Finds out what a replay changes of which nobody but it can tell."""
        used = [source for source, _ in self._outputs]
        used += [source for run in self.recording.runs for source in run.leaves.values()]
        shown = [effect.source for effect, _ in self._effects]
        read = set(self._homes(used))
        read |= {home for home, times in Counter(self._homes(shown)).items() if times > 1}
        steady = [
            (bound, home, effect)
            for bound, home, effect in self._targets
            if effect.grad and (effect.source.what, home) not in read
        ]
        kept = {id(effect) for _, _, effect in steady}
        self._moving = [(e, signature) for e, signature in self._effects if id(e) not in kept]
        self._own = [target for target in self._targets if id(target[2]) not in kept]
        renewed = {id(e.tensor) for e, _ in self._moving if not e.grad}
        owners = [effect.tensor for _, _, effect in steady]
        known = {id(tensor) for tensor in owners}
        self._other_grads = [pair for pair in self._grads if id(pair[0]) not in known]
        self._steady = Steady(
            [t for t, _ in self._state if id(t) not in renewed],
            [t for t, _ in self._state if id(t) in renewed],
            self._donated,
            owners,
        )
        moving = [effect.source for effect, _ in self._moving]
        for number, bound in enumerate(self._runs):
            homes = {home for target, home, _ in steady if target is bound}
            bound.wanted = bound.asked(number, [*shown, *used])
            bound.prepare(renewed, homes, bound.asked(number, [*moving, *used]))
        self._agains = [bound.again for bound in self._runs]

    def _homes(self, sources: Sequence[Source]) -> list[tuple[int, int]]:
        """The runs of some results, and the positions whose storage they have."""
        return [(s.what, self._runs[s.what].home(s.at)) for s in sources if s.kind == "result"]

    # ---- before a replay

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """To be held from `refusal` until it has run: no other thread may use its plans."""
        if len(self._devices) == 1:
            lock: AbstractContextManager[Any] = self._devices[0].lock
            return lock
        stack = ExitStack()
        for device in sorted(self._devices, key=attrgetter("name")):  # in every thread the same
            stack.enter_context(device.lock)
        return stack

    def refusal(self) -> str:
        """Returns why the call must not be replayed now, or ""."""
        for event in self.recording.events:
            reason = event.check()
            if reason:
                return reason
        for array, content in self._arrays:
            if array.tobytes() != content:  # bit by bit: NaN is equal to itself
                return "an array that it makes a tensor of has other values now"
        steady = self._steady
        is_known = steady.rebinds == tracing.rebinds
        if not is_known:
            reason = self._other_kind()
            if reason:
                return reason
        for tensor, before in self._other_grads:
            if tensor._grad is not before and (before is not _ANY or tensor._grad is None):
                return _OTHER_GRADIENT
        self._is_steady = (is_known or steady.accept()) and steady.is_alone()
        for again in self._agains:
            if again is None or not again.is_current:
                self._is_steady = False
        return "" if self._is_steady else self._unsteady_refusal()

    def _unsteady_refusal(self) -> str:
        for tensor, before in self._grads:
            if tensor._grad is not before and (before is not _ANY or tensor._grad is None):
                return _OTHER_GRADIENT
        for tensor in self._donated:
            if not is_exclusive(tensor):
                return HELD
        return ""

    def _other_kind(self) -> str:
        """Realizes the tensors that are read; returns which is of another kind now, or ""."""
        for tensor, kind, leaf, needs_grad, hooks in self._kinds:
            node = tensor.node
            if node.buffer is None:
                engine.realize([node])
            signature = node.signature
            if signature.leaf is not kind or node.leaf != leaf or node.needs_grad != needs_grad:
                return f"a tensor of it was {kind.spec} and is {node} now"
            if (node.hooks or hooks) and _hooks(node) != hooks:
                return f"a tensor of it has other hooks now: {node}"
        return ""

    # ---- the replay

    def __call__(self, arguments: Sequence[Handle]) -> list[Handle]:
        """Runs the plans; returns the tensors that the call would have returned."""
        drawn = [event.draw() for event in self.recording.events]
        results: list[dict[int, Any]] = []
        if self._is_steady:
            effects = self._moving
            self._take_own(self._own)
            for bound in self._runs:
                results.append(bound.run_again(arguments, results, drawn))
        else:
            effects = self._effects
            self._take_own(self._targets)
            for bound in self._runs:
                results.append(bound.run_whole(arguments, results, drawn))
        for effect, signature in effects:
            self._show(effect, signature, arguments, results)
        outputs: list[Handle] = [
            wrap(self._node(s, sig, arguments, results)) for s, sig in self._outputs
        ]
        if not self._is_steady:
            self._steady.renew()
        return outputs

    def _take_own(self, targets: list[tuple[BoundRun, int, Effect]]) -> None:
        for bound, home, effect in targets:
            buffer = _own_buffer(effect)
            if buffer is not None:
                bound.given[home] = buffer

    def _show(
        self,
        effect: Effect,
        signature: Signature,
        arguments: Sequence[Handle],
        results: list[dict[int, Any]],
    ) -> None:
        """Lets a tensor show its new value."""
        tensor = effect.tensor
        shown = tensor._grad if effect.grad else tensor
        buffer = self._buffer(effect.source, arguments, results)
        if shown is not None and shown.node.buffer is buffer:
            return
        node = self._node(effect.source, signature, arguments, results)
        if effect.grad:
            tensor._grad = wrap(node)
            return
        old = tensor.node
        node.leaf, node.needs_grad, node.hooks = old.leaf, old.needs_grad, old.hooks
        tensor.node, node.owner = node, weakref.ref(tensor)
        tracing.rebinds += 1
        self._steady.rebinds += 1

    def _node(
        self,
        source: Source,
        signature: Signature,
        arguments: Sequence[Handle],
        results: list[dict[int, Any]],
    ) -> Node:
        buffer = self._buffer(source, arguments, results)
        node = Node(signature, (), buffer.device, False)
        node.buffer = buffer
        return node

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
            if bound.plan is not None:
                yield str(bound.plan).splitlines()[0]
        specs = [str(t.node.signature.spec) for t in self._donated]
        yield f"overwritten: {', '.join(specs) or 'nothing'}"
        others = [str(t.node.signature.spec) for t, donated in self._state if not donated]
        yield f"read: {', '.join(others) or 'nothing else'}"
        shown = [f"{'gradient ' if e.grad else ''}{e.spec}" for e, _ in self._effects]
        yield f"renewed: {', '.join(shown) or 'nothing'}"
        for event in self.recording.events:
            yield f"drawn for each call: {event}"


def _hooks(node: Node) -> tuple[Any, ...]:
    """What tells a node's hooks from others."""
    return tuple((node.hooks or {}).items())


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
    tensor = effect.tensor
    if effect.grad:
        return own_gradient(tensor, effect.spec)
    if tensor.node.buffer is None or tensor.node.signature.spec != effect.spec:
        return None
    return tensor.node.buffer if is_exclusive(tensor) else None
