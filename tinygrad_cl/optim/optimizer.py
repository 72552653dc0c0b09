"""`Optimizer`: groups of parameters, their states, and the step that realizes everything at once.

A subclass names its numbers (`_numbers`), its states (`_slots`) and its formula (`_formula`). The
formula is written on nodes and builds one new value per parameter. All parameters of a group share
the same scalar nodes, so that the compiler sees the same formula for each and runs it in one
launch; numbers are arguments of that launch, so a rate that changes compiles nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.autograd import enable_grad, no_grad
from tinygrad_cl.autograd.handle import rebind, wrap
from tinygrad_cl.dtypes import DType, float16, float32
from tinygrad_cl.errors import ArgumentError, GradientError
from tinygrad_cl.graph import Node, scalar
from tinygrad_cl.optim import state as saved_state
from tinygrad_cl.optim.formula import Formula
from tinygrad_cl.primitives.elementwise import cast as cast_node
from tinygrad_cl.primitives.elementwise import neg
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.runtime.device import Device

Group = dict[str, Any]
State = dict[str, Any]
Params = Iterable[Tensor] | Iterable[Group]

# By optimizer, truth of its settings, and spec of the parameter: all that a formula may depend on.
_FORMULAS: dict[tuple[Any, ...], Formula] = {}


class Optimizer:
    """The base of all optimizers.

    Args:
        params: tensors that require grad, or groups: dicts with the key "params" and settings that
        differ from the
            defaults.
        defaults: the settings of groups that do not give their own.

    Attributes:
        param_groups: the groups, dicts of settings with the tensors under "params".
        state: per parameter, a dict of what the formula remembers.

    Raises:
        ArgumentError: for no parameters, things that are no leaves of the graph, or a parameter
        given twice.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = tg.optim.SGD([x], lr=0.25)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     (x * x).sum().backward()
        ...     optimizer.step()
        >>> x.tolist()
        [0.25, 0.5]
    """

    def __init__(self, params: Params, defaults: Group) -> None:
        if isinstance(params, Tensor):
            raise ArgumentError("optimizer: give a list of parameters, not a single tensor")
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, State] = {}
        listed = list(params)
        if not listed:
            raise ArgumentError("optimizer: got no parameters; is the net empty, or frozen?")
        groups = listed if isinstance(listed[0], dict) else [{"params": listed}]
        for group in groups:
            self.add_param_group(cast(Group, group))

    # ----------------------------------------------------------------------------- for subclasses

    def _check(self, group: Group) -> None:
        """Raises an ArgumentError for settings out of range."""

    def _slots(self, group: Group) -> dict[str, float]:
        """Returns the states that a parameter has, and the number with which each starts."""
        raise NotImplementedError

    def _numbers(self, group: Group, step: int) -> dict[str, float]:
        """Returns the numbers of the formula at a parameter's step (1, 2, ...)."""
        raise NotImplementedError

    def _formula(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> Node:
        """Returns the new value of `p` from the gradient `g`; renews the states `s`.

        Which nodes it builds may depend on which settings of the group are zero, not on their
        values otherwise.
        """
        raise NotImplementedError

    # ------------------------------------------------------------------------------------ groups

    def add_param_group(self, group: Group) -> None:
        """Adds a group: a dict with the key "params" and settings that differ from the defaults.

        Raises:
            ArgumentError: for unknown settings, values out of range, tensors that cannot be
            optimized.
        """
        given = group.get("params")
        params = [given] if isinstance(given, Tensor) else list(given or ())
        unknown = sorted(set(group) - set(self.defaults) - {"params", "name", "initial_lr"})
        if unknown:
            raise ArgumentError(
                f"{type(self).__name__}: unknown settings {', '.join(unknown)}; "
                f"known: {', '.join(self.defaults)}"
            )
        full = (
            {"params": params} | self.defaults | {k: v for k, v in group.items() if k != "params"}
        )
        self._check(full)
        self._check_params(params)
        self.param_groups.append(full)
        _realize([p.node for p in params])  # all initial values in one plan, before the first step

    def _check_params(self, params: list[Any]) -> None:
        name = type(self).__name__
        taken = {id(p) for group in self.param_groups for p in group["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise ArgumentError(f"{name}: parameters must be tensors, got {type(p).__name__}")
            if not p.is_leaf:
                raise ArgumentError(
                    f"{name}: a parameter of shape {p.shape} was computed from others; "
                    "optimize what it was computed from, or detach it"
                )
            if id(p) in taken:
                raise ArgumentError(f"{name}: a parameter of shape {p.shape} was given twice")
            taken.add(id(p))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients of all parameters, or sets them to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = p.grad.detach() * 0

    # -------------------------------------------------------------------------------------- step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves all parameters that have a gradient; computes all that is pending in one plan.

        The loss, the gradients, the new parameters and the new states are realized together.

        Args:
            closure: computes the loss and its gradients anew, and returns the loss.

        Returns:
            What the closure returned, or None.

        Raises:
            GradientError: if a gradient's shape or dtype is not its parameter's.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        fresh: list[Node] = []
        self._check_gradients()
        with no_grad():
            for group in self.param_groups:
                self._update(group, fresh)
        _realize(fresh)
        return loss

    def _check_gradients(self) -> None:
        """Finds bad gradients before anything is changed."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None and p.grad.node.signature.spec != p.node.signature.spec:
                    raise GradientError(
                        f"{type(self).__name__}: the gradient is {p.grad.node.signature.spec}, "
                        f"its parameter {p.node.signature.spec}"
                    )

    def _update(self, group: Group, fresh: list[Node]) -> None:
        slots = self._slots(group)
        form = (type(self), *[bool(group[key]) for key in self.defaults])
        shared: dict[tuple[DType, int], dict[str, Node]] = {}
        for p in group["params"]:
            if p.grad is None:
                continue
            state = self._ready_state(p, slots)
            state["step"] = step = state["step"] + 1
            dtype = _working_dtype(p.dtype)
            numbers = shared.get((dtype, step))
            if numbers is None:
                found = self._numbers(group, step)
                numbers = {name: scalar(value, dtype) for name, value in found.items()}
                shared[dtype, step] = numbers
            self._update_one(group, p, [state[name] for name in slots], numbers, form, fresh)

    def _ready_state(self, p: Tensor, slots: dict[str, float]) -> State:
        state = self.state.get(p)
        if state is None:
            state = self.state[p] = {"step": 0}
        for name, start in slots.items():
            if state.get(name) is None:
                state[name] = _filled(p.node, start)
        return state

    def _update_one(
        self,
        group: Group,
        p: Tensor,
        held: list[Tensor],
        numbers: dict[str, Node],
        form: tuple[Any, ...],
        fresh: list[Node],
    ) -> None:
        """Gives a parameter and its states new values; `form` is what the formula depends on."""
        old = p.node
        inputs = [old, p.grad.node, *[tensor.node for tensor in held], *numbers.values()]  # type: ignore[union-attr]
        key = (form, old.signature.spec)
        formula = _FORMULAS.get(key)
        if formula is None:
            outputs = self._written(group, inputs, list(numbers))
            if len({id(node) for node in inputs}) == len(inputs):
                _FORMULAS[key] = Formula(inputs, outputs)
        else:
            outputs = formula(inputs)
        new = outputs[0]
        new.leaf, new.needs_grad, new.hooks = old.leaf, old.needs_grad, old.hooks
        rebind(p, new)
        for tensor, node in zip(held, outputs[1:], strict=True):
            rebind(tensor, node)
        fresh += outputs

    def _written(self, group: Group, inputs: list[Node], names: list[str]) -> list[Node]:
        """Returns the new parameter and states, by way of `_formula`."""
        old, g = inputs[:2]
        slots = list(self._slots(group))
        states = dict(zip(slots, inputs[2:], strict=False))
        numbers = dict(zip(names, inputs[2 + len(slots) :], strict=True))
        dtype, p = _working_dtype(old.dtype), old
        if dtype is not old.dtype:
            p, g = cast_node(p, dtype=dtype), cast_node(g, dtype=dtype)
        if group["maximize"]:
            g = neg(g)
        new = self._formula(group, p, g, states, numbers)
        if dtype is not old.dtype:
            new = cast_node(new, dtype=old.dtype)
        return [new, *[states[name] for name in slots]]

    # ------------------------------------------------------------------------------------- state

    def state_dict(self) -> dict[str, Any]:
        """Returns states and settings, in PyTorch's form: parameters are numbered in order.

        The tensors show the values at the time of the call.

        Example:
            >>> import tinygrad_cl as tg
            >>> x = tg.zeros(2, requires_grad=True)
            >>> tg.optim.SGD([x], lr=0.5).state_dict()["param_groups"][0]["lr"]
            0.5
        """
        return saved_state.save(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over states and settings, as `state_dict` of this library or of PyTorch gives them.

        Raises:
            StateError: if the groups, or the shapes of states, do not fit.
        """
        saved_state.load(self, state_dict)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _working_dtype(dtype: DType) -> DType:
    """Half-precision parameters are updated in float32, and so are their states."""
    return float32 if dtype is float16 else dtype


def _filled(like: Node, value: float) -> Tensor:
    """A state that is realized at once, so that the first step has the form of all others."""
    device = like.device or get_device(None)
    array = np.full(like.shape, value, dtype=_working_dtype(like.dtype).numpy)
    return wrap(engine.upload(array, device))


def _realize(nodes: list[Node]) -> None:
    devices: dict[Device | None, list[Node]] = {}
    while nodes:
        node = nodes.pop()
        devices.setdefault(node.device, []).append(node)
    for waiting in devices.values():
        engine.realize(waiting)


def check_range(name: str, group: Group, **least: float) -> None:
    """Checks that settings are numbers of at least the given values.

    Raises:
        ArgumentError: naming the optimizer, the setting and its value.
    """
    for key, low in least.items():
        value = group[key]
        if not isinstance(value, int | float) or not value >= low:
            raise ArgumentError(f"{name}: {key} must be a number >= {low}, got {value!r}")
