"""Hooks of modules: callables that see, and may replace, what goes in and what comes out."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinygrad_cl.autograd import Function, RemovableHandle
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.nn.module import Module

Hook = Callable[..., Any]
Grads = tuple[Tensor | None, ...]

_numbers = itertools.count()
_log = logging.getLogger("tinygrad_cl.nn")


class HookTable:
    """Hooks of one kind in the order in which they run, each with its flags."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: dict[int, Any] = {}  # a hook, and its flags

    def add(
        self, hook: Hook, flags: frozenset[str] = frozenset(), prepend: bool = False
    ) -> RemovableHandle:
        """Adds a hook, in front of the others with `prepend`, and returns its handle.

        The flags: "kwargs", if it takes keyword arguments, and "always", if it is called even when
        an error is on its way.
        """
        key = next(_numbers)
        entry = {key: (hook, flags)}
        merged = entry | self.entries if prepend else self.entries | entry
        self.entries.clear()
        self.entries.update(merged)
        return RemovableHandle(self.entries, key)

    def __bool__(self) -> bool:
        return bool(self.entries)


def run_before(table: HookTable, module: Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Returns the arguments after the forward pre-hooks have seen them."""
    for hook, flags in tuple(table.entries.values()):
        if "kwargs" in flags:
            result = hook(module, args, kwargs)
            if result is not None:
                args, kwargs = result
        else:
            result = hook(module, args)
            if result is not None:
                args = result if isinstance(result, tuple) else (result,)
    return args, kwargs


def run_after(table: HookTable, module: Module, args: Any, kwargs: Any, output: Any) -> Any:
    """Returns the output after the forward hooks have seen it."""
    for hook, flags in tuple(table.entries.values()):
        result = hook(module, args, *((kwargs,) if "kwargs" in flags else ()), output)
        if result is not None:
            output = result
    return output


def run_after_error(table: HookTable, module: Module, args: Any, kwargs: Any) -> None:
    """Calls the forward hooks that are always called; what they raise is only a warning."""
    for hook, flags in tuple(table.entries.values()):
        if "always" not in flags:
            continue
        try:
            hook(module, args, *((kwargs,) if "kwargs" in flags else ()), None)
        except Exception as error:
            _log.warning("a forward hook of %s raised %r", type(module).__name__, error)


class _Watch(Function):
    """Passes tensors through; hands all their cotangents to a callable, which may replace them."""

    @staticmethod
    def forward(ctx: Any, watcher: Callable[[Grads], Grads], *tensors: Tensor) -> Any:
        """Returns the tensors."""
        ctx.watcher = watcher
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        """Returns what the watcher makes of the cotangents."""
        return (None, *ctx.watcher(grads))


def call_with_backward(
    before: HookTable, table: HookTable, module: Module, args: Any, kwargs: Any
) -> Any:
    """Returns `module.forward(...)`, whose backward pass will call the hooks of both tables.

    Inputs and outputs each pass through one op, whose backward sees all their gradients together:
    first those of the outputs, which the hooks of `before` may replace and which are kept, then
    those of the inputs, for which the hooks of `table` are called.
    """
    grad_output: list[Grads] = [()]
    inputs_watched = any(_differentiable(arg) for arg in args)

    def prepare(grads: Grads) -> Grads:
        for hook, _ in tuple(before.entries.values()):
            result = hook(module, grads)
            if result is not None:
                grads = result if isinstance(result, tuple) else (result,)
        return grads

    def run(grad_input: Grads) -> Grads:
        for hook, _ in tuple(table.entries.values()):
            result = hook(module, grad_input, grad_output[0])
            if result is not None:
                grad_input = result if isinstance(result, tuple) else (result,)
        return grad_input

    def keep(places: list[int], count: int, grads: Grads) -> Grads:
        grad_output[0] = prepare(_spread(places, count, grads))
        if not inputs_watched:
            run((None,) * len(args))
        return tuple(grad_output[0][place] for place in places)

    def see(places: list[int], count: int, grads: Grads) -> Grads:
        answer = run(_spread(places, count, grads))
        return tuple(answer[place] for place in places)

    output = module.forward(*_watched(args, see), **kwargs)
    if isinstance(output, tuple):
        return _watched(output, keep)
    return _watched((output,), keep)[0]


def _differentiable(value: object) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _watched(
    values: tuple[Any, ...], watcher: Callable[[list[int], int, Grads], Grads]
) -> tuple[Any, ...]:
    places = [i for i, value in enumerate(values) if _differentiable(value)]
    if not places:
        return values
    passed = _Watch.apply(
        lambda grads: watcher(places, len(values), grads), *(values[i] for i in places)
    )
    shown = list(values)
    for place, tensor in zip(places, passed, strict=True):
        shown[place] = tensor
    return tuple(shown)


def _spread(places: list[int], count: int, grads: Grads) -> Grads:
    found = dict(zip(places, grads, strict=True))
    return tuple(found.get(i) for i in range(count))
