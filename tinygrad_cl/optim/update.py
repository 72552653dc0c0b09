"""How parameters get new values: one formula for all of a group, written once and repeated.

All parameters of a group share the same scalar nodes, so that the compiler sees the same formula
for each and runs it in one launch; numbers are arguments of that launch, so a rate that changes
compiles nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from operator import is_, itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.autograd.handle import rebind, wrap
from tinygrad_cl.dtypes import DType, float32
from tinygrad_cl.formula import Formula, is_written_out
from tinygrad_cl.graph import Node, TensorSpec, scalar
from tinygrad_cl.optim.options import Counted, Group, State, put
from tinygrad_cl.primitives.elementwise import cast as cast_node
from tinygrad_cl.primitives.elementwise import mul, neg
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.tracing import tracing

if TYPE_CHECKING:
    from tinygrad_cl.optim.optimizer import Optimizer
    from tinygrad_cl.runtime.device import Device

UNSCALE = "unscale"  # the number that undoes the scale of a loss

# By optimizer and truth of its settings, then by spec of the parameter: all that a formula may
# depend on.
_FORMULAS: dict[tuple[Any, ...], dict[TensorSpec, Formula]] = {}


def update_group(optimizer: Optimizer, group: Group, fresh: list[Node]) -> None:
    """Gives the parameters of a group that have a gradient new values, and their states too.

    The new nodes are added to `fresh`; nothing is computed yet.
    """
    slots, memory = optimizer._slots(group), optimizer._memory(group)
    formulas = _FORMULAS.setdefault(_form(optimizer, group), {})
    written = is_written_out()
    shared: dict[tuple[Any, ...], _Shared] = {}
    for p in group["params"]:
        grad = p._grad
        if grad is None:
            continue
        state = _ready_state(optimizer, p, slots, memory)
        step = state["step"] + 1
        put(state, "step", step)
        old = p.node
        dtype = working_dtype(old.signature.spec.dtype)
        key = (dtype, step, *[state[name] for name in memory]) if memory else (dtype, step)
        common = shared.get(key)
        if common is None:
            common = shared[key] = _Shared(*_numbers(optimizer, group, state, memory, dtype))
        common.members.append((p, state))
        if memory:
            state.update(common.remembered)
        held = [state[name] for name in slots]
        inputs = [old, grad.node, *[tensor.node for tensor in held], *common.nodes]
        if written:
            new: Sequence[Node] = _written(optimizer, group, common.names, inputs)
        else:
            new = _formula(optimizer, group, common.names, inputs, formulas)(inputs)
        replace(p, new[0])
        for tensor, node in zip(held, new[1:], strict=True):
            rebind(tensor, node)
        fresh += new
    tracing.states += 1
    tracer = tracing.active
    if tracer is not None:
        for common in shared.values():
            tracer.numbers(
                tuple(common.nodes), _StepNumbers(optimizer, group, common.members, memory)
            )


class _Shared:
    """What parameters of one dtype, at one step, have in common.

    Attributes:
        names: of the numbers of the formula.
        nodes: the numbers.
        remembered: the states that are plain numbers, after the step.
        members: the parameters with their states.
    """

    __slots__ = ("members", "names", "nodes", "remembered")

    def __init__(self, numbers: dict[str, Node], remembered: dict[str, float]) -> None:
        self.names = list(numbers)
        self.nodes = list(numbers.values())
        self.remembered = remembered
        self.members: list[tuple[Tensor, State]] = []


class _StepNumbers:
    """Where the numbers of a captured step come from: settings and step counts of that moment."""

    def __init__(
        self,
        optimizer: Optimizer,
        group: Group,
        members: list[tuple[Tensor, State]],
        memory: dict[str, float],
    ) -> None:
        self._optimizer = weakref.ref(optimizer)  # which may hold who holds this
        self._group = group
        self._params = [p for p, _ in members]
        self._members = [state for _, state in members]
        self._memory = memory
        self._form = _form(optimizer, group)
        self._pick = itemgetter(*optimizer.defaults)
        self._settings: tuple[Any, ...] = ()
        self._groups, self._size = len(optimizer.param_groups), len(group["params"])
        self._tensors = [[v for v in s.values() if isinstance(v, Tensor)] for s in self._members]
        self._counted = all(isinstance(state, Counted) for state in self._members)
        self._holder: object = None
        self._states = -1

    def check(self) -> str:
        """Returns what changed in the settings or states, apart from numbers."""
        optimizer, group = self._optimizer(), self._group
        if optimizer is None:
            return "its optimizer is gone"
        settings = (optimizer.grad_scale is None, self._pick(group))
        if settings != self._settings or group["penalty"] is not None:
            if _form(optimizer, group) != self._form:
                return f"the settings of {type(optimizer).__name__} changed"
            self._settings = settings
        if len(optimizer.param_groups) != self._groups or len(group["params"]) != self._size:
            return f"the groups of {type(optimizer).__name__} changed"
        if self._states == tracing.states and self._holder is optimizer.state:
            return ""
        reason = self._check_states(optimizer)
        if self._counted and isinstance(optimizer.state, Counted) and not reason:
            self._states, self._holder = tracing.states, optimizer.state
        return reason

    def _check_states(self, optimizer: Optimizer) -> str:
        """Returns what is wrong with the states, of which some have changed."""
        name = type(optimizer).__name__
        first = self._members[0]
        if not all(map(is_, map(optimizer.state.get, self._params), self._members)):
            return f"the states of {name} were replaced"
        for state, tensors in zip(self._members, self._tensors, strict=True):
            held = [value for value in state.values() if isinstance(value, Tensor)]
            if len(held) != len(tensors) or not all(map(is_, held, tensors)):
                return f"the states of {name} were replaced"
            if any(state.get(key) != first.get(key) for key in ("step", *self._memory)):
                return f"the parameters of {name} are at different steps"
        return ""

    def draw(self) -> list[float]:
        """Returns the numbers of the next step, and counts it."""
        optimizer, first = self._optimizer(), self._members[0]
        assert optimizer is not None
        step = first["step"] + 1
        for state in self._members:  # all alike, as `check` has found
            put(state, "step", step)
        found, remembered = _drawn(optimizer, self._group, first, self._memory)
        for name, value in remembered.items():
            for state in self._members:
                put(state, name, value)
        return list(found.values())

    def __str__(self) -> str:
        optimizer = self._optimizer()
        if optimizer is None:
            return "numbers of an optimizer that is gone"
        names = _drawn(optimizer, self._group, self._members[0], self._memory)[0]
        return f"{', '.join(names)} of {type(optimizer).__name__}"


def _form(optimizer: Optimizer, group: Group) -> tuple[Any, ...]:
    truths = [bool(group[key]) for key in optimizer.defaults]
    penalty = group["penalty"]
    scaled = optimizer.grad_scale is not None
    return (type(optimizer), scaled, None if penalty is None else penalty.form, *truths)


def _ready_state(
    optimizer: Optimizer, p: Tensor, slots: dict[str, float], memory: dict[str, float]
) -> State:
    state = optimizer.state.get(p)
    if state is None:
        state = optimizer.state[p] = State(step=0)
    for name in slots:
        if state.get(name) is None:
            state[name] = _filled(p.node, slots[name])
    for name in memory:
        state.setdefault(name, memory[name])
    return state


def _numbers(
    optimizer: Optimizer, group: Group, state: State, memory: dict[str, float], dtype: DType
) -> tuple[dict[str, Node], dict[str, float]]:
    """The numbers of a step as nodes, and what is to be remembered of them."""
    found, remembered = _drawn(optimizer, group, state, memory)
    return {name: scalar(value, dtype) for name, value in found.items()}, remembered


def _drawn(
    optimizer: Optimizer, group: Group, state: State, memory: dict[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """The numbers of a step, and what is to be remembered of them."""
    remembered = {name: state[name] for name in memory}
    found = optimizer._numbers(group, state["step"], remembered)
    if optimizer.grad_scale is not None:
        found[UNSCALE] = 1 / optimizer.grad_scale
    if group["penalty"] is not None:
        found |= group["penalty"].numbers()
    return {name: float(value) for name, value in found.items()}, remembered


def _formula(
    optimizer: Optimizer,
    group: Group,
    names: list[str],
    inputs: Sequence[Node],
    formulas: dict[TensorSpec, Formula],
) -> Formula:
    """The formula of parameters of a spec, written down at its first use."""
    spec = inputs[0].signature.spec
    formula = formulas.get(spec)
    if formula is None:
        specs = [node.signature.spec for node in inputs]
        formula = formulas[spec] = Formula.write(
            lambda *nodes: _written(optimizer, group, names, nodes), specs
        )
    return formula


def _written(
    optimizer: Optimizer, group: Group, names: list[str], inputs: Sequence[Node]
) -> tuple[Node, ...]:
    """Returns the new parameter and states, by way of the optimizer's formula."""
    old, g = inputs[:2]
    slots = list(optimizer._slots(group))
    states = dict(zip(slots, inputs[2:], strict=False))
    numbers = dict(zip(names, inputs[2 + len(slots) :], strict=True))
    dtype, p = working_dtype(old.dtype), old
    if dtype is not old.dtype:
        p, g = cast_node(p, dtype=dtype), cast_node(g, dtype=dtype)
    if UNSCALE in numbers:
        g = mul(g, numbers[UNSCALE])
    if group["maximize"]:
        g = neg(g)
    if group["penalty"] is not None:
        g = group["penalty"].added(g, p, numbers)
    new = optimizer._formula(group, p, g, states, numbers)
    if dtype is not old.dtype:
        new = cast_node(new, dtype=old.dtype)
    return (new, *[states[name] for name in slots])


def replace(p: Tensor, new: Node) -> None:
    """Gives a parameter a new value; it stays the leaf that it was, with its hooks."""
    old = p.node
    new.leaf, new.needs_grad, new.hooks = old.leaf, old.needs_grad, old.hooks
    rebind(p, new)


def working_dtype(dtype: DType) -> DType:
    """Half-precision parameters are updated in float32, and so are their states."""
    return float32 if dtype.is_half else dtype


def _filled(like: Node, value: float) -> Tensor:
    """A state that is realized at once, so that the first step has the form of all others."""
    device = like.device or get_device(None)
    array = np.full(like.shape, value, dtype=working_dtype(like.dtype).numpy)
    return wrap(engine.upload(array, device))


def realize_all(nodes: list[Node]) -> None:
    """Computes nodes in one plan per device; empties the list."""
    devices: dict[Device | None, list[Node]] = {}
    while nodes:
        node = nodes.pop()
        devices.setdefault(node.device, []).append(node)
    for waiting in devices.values():
        engine.realize(waiting)
