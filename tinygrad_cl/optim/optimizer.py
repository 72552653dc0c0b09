"""`Optimizer`: groups of parameters, their states, and the step that realizes everything at once.

A subclass names its numbers (`_numbers`), its states (`_slots`, `_memory`) and its formula
(`_formula`). The formula is written on nodes and builds one new value per parameter; update.py
repeats it for all of them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any, cast

from tinygrad_cl.autograd import RemovableHandle, enable_grad, no_grad
from tinygrad_cl.errors import ArgumentError, GradientError
from tinygrad_cl.graph import Node
from tinygrad_cl.jit import Jit
from tinygrad_cl.optim import state as saved_state
from tinygrad_cl.optim.options import EXTRA, Group, Params, State, States, check_common, plain
from tinygrad_cl.optim.update import realize_all, update_group
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.tracing import tracing


class Optimizer:
    """The base of all optimizers.

    Args:
        params: tensors that require grad, pairs of name and tensor, or groups: dicts with the key
            "params" and settings that differ from the defaults.
        defaults: the settings of groups that do not give their own.

    Attributes:
        defaults: as given.
        param_groups: the groups, dicts of settings with the tensors under "params".
        state: per parameter, a dict of what the formula remembers.
        grad_scale: the factor that `GradScaler` put on the gradients of this step, or None.

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

    # What a saved state may hold of a parameter besides "step", and what of it may be missing.
    entries: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def __init__(self, params: Params, defaults: Group) -> None:
        if isinstance(params, Tensor):
            raise ArgumentError("optimizer: give a list of parameters, not a single tensor")
        if isinstance(params, set | frozenset):
            raise ArgumentError("optimizer: a set of parameters has no order; give a list")
        if hasattr(params, "parameters"):
            raise ArgumentError(
                f"optimizer: needs parameters, got a {type(params).__name__}; give its "
                ".parameters()"
            )
        self.defaults = {"maximize": False, "penalty": None} | defaults
        self.param_groups: list[Group] = []
        self.state: States = States()
        self.grad_scale: float | None = None
        self._hooks: dict[str, dict[int, Callable[..., Any]]] = {}
        listed: list[Any] = list(params)
        if not listed:
            raise ArgumentError("optimizer: got no parameters; is the net empty, or frozen?")
        groups = listed if isinstance(listed[0], dict) else [{"params": listed}]
        self._captured = self._capture()
        for group in groups:
            self.add_param_group(cast(Group, group))

    def _capture(self) -> Callable[..., Any]:
        """The update of gradients that are there already; a user's formula may be anything.

        It does not hold the optimizer, whose memory would stay until a collection of cycles.
        """
        reference = weakref.ref(self)

        def update(*grads: Tensor | None) -> None:
            optimizer = reference()
            assert optimizer is not None  # who calls it holds it
            optimizer._update(*grads)

        ours = type(self).__module__.split(".")[0] == __name__.split(".")[0]
        return Jit(update, quiet=True) if ours else update

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_captured"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._captured = self._capture()

    # ----------------------------------------------------------------------------- for subclasses

    def _check(self, group: Group) -> None:
        """Raises an ArgumentError for settings out of range."""

    def _slots(self, group: Group) -> dict[str, float]:
        """Returns the states of a parameter's shape, and the number with which each starts."""
        raise NotImplementedError

    def _memory(self, group: Group) -> dict[str, float]:
        """Returns the states that are plain numbers, and how each starts."""
        return {}

    def _numbers(self, group: Group, step: int, memory: dict[str, float]) -> dict[str, float]:
        """Returns the numbers of the formula at a parameter's step (1, 2, ...); renews `memory`."""
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

    def add_param_group(self, param_group: Group) -> None:
        """Adds a group: a dict with the key "params" and settings that differ from the defaults.

        Raises:
            ArgumentError: for unknown settings, values out of range, tensors that cannot be
                optimized.
        """
        name = type(self).__name__
        if not isinstance(param_group, Mapping) or "params" not in param_group:
            raise ArgumentError(f'{name}: a group is a dict with the key "params"')
        unknown = sorted(set(param_group) - set(self.defaults) - {"params"} - EXTRA)
        if unknown:
            raise ArgumentError(
                f"{name}: unknown settings {', '.join(map(str, unknown))}; "
                f"known: {', '.join(self.defaults)}"
            )
        params, names = self._split(param_group["params"])
        given = {key: plain(key, value) for key, value in param_group.items()}
        full = {"params": params} | self._plain_defaults() | given | {"params": params}
        if names:
            full["param_names"] = names
        self._check(full)
        check_common(name, full, self.defaults)
        self._check_params(params)
        self.param_groups.append(full)
        realize_all([p.node for p in params])  # all initial values at once, before the first step

    def _plain_defaults(self) -> Group:
        return {key: plain(key, value) for key, value in self.defaults.items()}

    def _split(self, given: Any) -> tuple[list[Any], list[str]]:
        """A group's parameters, and their names if it was given pairs."""
        if isinstance(given, set | frozenset):
            raise ArgumentError("optimizer: a set of parameters has no order; give a list")
        params = [given] if isinstance(given, Tensor) else list(given or ())
        pairs = [p for p in params if isinstance(p, tuple) and len(p) == 2]
        if pairs and len(pairs) != len(params):
            raise ArgumentError("optimizer: give all parameters with names, or none")
        return ([p for _, p in pairs], [str(n) for n, _ in pairs]) if pairs else (params, [])

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
                    p.grad.detach_().zero_()

    def penalty_value(self) -> Tensor:
        """Returns the penalties of all groups at the present values; a number, 0 without any.

        Example:
            >>> import tinygrad_cl as tg
            >>> x = tg.tensor([1.0, -3.0], requires_grad=True)
            >>> tg.optim.SGD([x], penalty=tg.optim.penalty.L1(0.5)).penalty_value().item()
            2.0
        """
        with no_grad():
            parts = [
                group["penalty"].value(group["params"])
                for group in self.param_groups
                if group["penalty"] is not None
            ]
            return sum(parts[1:], parts[0]) if parts else Tensor(0.0)

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
        args: tuple[Any, ...] = () if closure is None else (closure,)
        kwargs: dict[str, Any] = {}
        for hook in self._called("step_pre"):
            answer = hook(self, args, kwargs)
            if answer is not None:
                args, kwargs = answer
                args = args[1:] if args and args[0] is self else args
        loss = self._step(*args, **kwargs)
        for hook in self._called("step_post"):
            hook(self, args, kwargs)
        return loss

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        grads = self._gradients()
        for grad in grads:
            if grad is not None and grad.node.buffer is None:
                self._update()  # the gradients are computed along with it, in one plan
                return loss
        self._captured(*grads)
        return loss

    def _update(self, *grads: Tensor | None) -> None:
        """Moves the parameters; `grads` are what `_captured` takes for arguments of the call."""
        fresh: list[Node] = []
        with no_grad():
            for group in self.param_groups:
                update_group(self, group, fresh)
        realize_all(fresh)

    def _gradients(self) -> list[Tensor | None]:
        """The gradients of all parameters; finds bad ones before anything is changed."""
        grads = []
        for group in self.param_groups:
            for p in group["params"]:
                grad = p.grad
                grads.append(grad)
                if grad is not None and grad.node.signature.leaf is not p.node.signature.leaf:
                    raise GradientError(
                        f"{type(self).__name__}: the gradient is {grad.node.signature.spec}, "
                        f"its parameter {p.node.signature.spec}"
                    )
        return grads

    # ------------------------------------------------------------------------------------- state

    def state_dict(self) -> dict[str, Any]:
        """Returns states and settings, in PyTorch's form: parameters are numbered in order.

        The tensors show the values at the time of the call. A penalty becomes its plain numbers.

        Example:
            >>> import tinygrad_cl as tg
            >>> x = tg.zeros(2, requires_grad=True)
            >>> tg.optim.SGD([x], lr=0.5).state_dict()["param_groups"][0]["lr"]
            0.5
        """
        for hook in self._called("state_dict_pre"):
            hook(self)
        saved = saved_state.save(self)
        for hook in self._called("state_dict_post"):
            answer = hook(self, saved)
            saved = saved if answer is None else answer
        return saved

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over states and settings, as `state_dict` of this library or of PyTorch gives them.

        Values may be tensors, NumPy arrays, nested lists of numbers, or PyTorch's own CPU tensors.
        Settings that this optimizer does not have are left out. Nothing changes unless all fits.

        Raises:
            StateError: listing all that is missing, unexpected or malformed.
        """
        for hook in self._called("load_state_dict_pre"):
            answer = hook(self, state_dict)
            state_dict = state_dict if answer is None else answer
        saved_state.load(self, state_dict)
        for hook in self._called("load_state_dict_post"):
            hook(self)

    def _read_state(
        self, entries: Mapping[str, Any], p: Tensor, group: Group, wrong: saved_state.Report
    ) -> State:
        """Returns a parameter's state from a saved one; what does not fit goes into `wrong`."""
        return saved_state.read(self, entries, p, group, wrong)

    # ------------------------------------------------------------------------------------- hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` before each step.

        It may return other `args` and `kwargs` for the step.

        Example:
            >>> import tinygrad_cl as tg
            >>> optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)])
            >>> handle = optimizer.register_step_pre_hook(lambda o, args, kwargs: None)
            >>> handle.remove()
        """
        return self._register("step_pre", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` after each step."""
        return self._register("step_post", hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls `hook(optimizer)` before a state dict is made."""
        return self._register("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)` when one was made; an answer takes its place."""
        return self._register("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)` before one is loaded; an answer takes its place."""
        return self._register("load_state_dict_pre", hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls `hook(optimizer)` after a state dict was loaded."""
        return self._register("load_state_dict_post", hook, prepend)

    def _register(
        self, event: str, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        hooks = self._hooks.setdefault(event, {})
        key = min(hooks, default=0) - 1 if prepend else max(hooks, default=0) + 1
        hooks[key] = hook
        tracing.changes += 1
        return RemovableHandle(hooks, key)

    def _tracing_state(self) -> tuple[Any, ...]:
        """Which hooks a captured step calls; its numbers tell of the settings."""
        return tuple(map(id, self._tracing_parts()))

    def _tracing_parts(self) -> tuple[Any, ...]:
        return *self._called("step_pre"), *self._called("step_post")

    def _called(self, event: str) -> list[Callable[..., Any]]:
        hooks = self._hooks.get(event)
        return [hook for _, hook in sorted(hooks.items())] if hooks else []

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])
