"""Recomputing instead of storing: `checkpoint`.   Primitives: primitives/elementwise.py (again)."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tinygrad_cl.autograd import Function, enable_grad
from tinygrad_cl.autograd.handle import Handle, own, wrap
from tinygrad_cl.autograd.walk import sources, walk
from tinygrad_cl.errors import GradientError
from tinygrad_cl.functional.autocasting import autocast
from tinygrad_cl.functional.base import cast
from tinygrad_cl.functional.random import Place, default_generator
from tinygrad_cl.graph import Node, cast_mode, grad_mode, toposort
from tinygrad_cl.primitives.elementwise import again
from tinygrad_cl.primitives.movement import reshape
from tinygrad_cl.primitives.movement import slice as slice_

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool = False,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Returns `function(*args, **kwargs)`, whose inner values the backward pass computes again.

    What lies between the arguments and the results is not kept for the backward pass: memory falls
    by its size, and the forward part is computed twice (Chen et al. 2016, "Training deep nets with
    sublinear memory cost").

    Args:
        function: makes a tensor, or a tuple of tensors, from tensors; it must do the same when it
            is called again. It may use parameters that are not among its arguments.
        args: its arguments.
        use_reentrant: accepted as PyTorch does; there is one way.
        preserve_rng_state: draw the same random numbers the second time.
        kwargs: further arguments, not differentiated.

    Raises:
        GradientError: in the backward pass, if the function makes something else the second time.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> y = tg.checkpoint(lambda v: (v * v).exp().log(), x)
        >>> y.sum().backward()
        >>> x.grad
        tensor([2., 4.])
    """
    if not grad_mode.enabled:
        return function(*args, **kwargs)
    place = Place(default_generator) if preserve_rng_state else None
    drawn = function(*args, **kwargs)
    several = isinstance(drawn, tuple | list)
    nodes = [out.node for out in (drawn if several else (drawn,))]
    given = {id(arg.node) for arg in args if isinstance(arg, Handle)}
    passed = _passed(nodes, given)
    call = _Call(function, args, kwargs, place, several)
    call.values = [wrap(node) for node in _without_gradients(nodes, given)]
    call.known = [weakref.ref(node) for node in passed if not node.leaf]
    result = _Recomputed.apply(call, *args, *_owners(passed))
    return result if several else result[0]


def _passed(nodes: list[Node], given: set[int]) -> list[Node]:
    """What gradients of some nodes pass on their way to leaves and to what was given."""

    def below(node: Node) -> Sequence[Node]:
        return () if node.leaf or node.released or id(node) in given else sources(node)

    found = toposort([node for node in nodes if node.needs_grad], below)
    return [node for node in found if id(node) not in given]


def _owners(nodes: list[Node]) -> list[Tensor]:
    """The parameters among some nodes."""
    owners = [node.owner() for node in nodes if node.leaf and node.owner is not None]
    return [owner for owner in owners if owner is not None]


def _without_gradients(nodes: list[Node], given: set[int]) -> list[Node]:
    """The same values, of whose computation nothing is kept for a backward pass."""

    def below(node: Node) -> Sequence[Node]:
        there = node.buffer is not None or not node.needs_grad
        return () if there or node.leaf or id(node) in given else node.inputs

    copies: dict[int, Node] = {}
    for node in toposort(nodes, below):
        copies[id(node)] = node
        if below(node):
            inputs = tuple([copies[id(child)] for child in node.inputs])
            copies[id(node)] = Node(node.signature, inputs, node.device, False)
    return [copies[id(node)] for node in nodes]


class _Call:
    """A call that can be made again.

    Attributes:
        values: what it made the first time, until they are shown.
        known: nodes that the first call has made or found; those found belong to others.
    """

    values: list[Tensor]
    known: list[weakref.ref[Node]]

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        place: Place | None,
        several: bool,
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.place = place
        self.several = several
        self.cast = autocast(dtype=cast_mode.dtype, enabled=cast_mode.dtype is not None)

    def __call__(self, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Calls the function with other tensors in the places of the first ones."""
        rest = iter(tensors)
        args = [next(rest) if isinstance(arg, Handle) else arg for arg in self.args]
        if self.place is not None:
            self.place.go_back()
        with self.cast:
            made = self.function(*args, **self.kwargs)
        return tuple(made) if self.several else (made,)


class _Recomputed(Function):
    """A call whose backward pass makes it again; its hidden parameters are arguments."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *tensors: Any) -> tuple[Tensor, ...]:
        ctx.call = call
        ctx.others = tensors
        given = [tensor for tensor in tensors if isinstance(tensor, Handle)]
        ctx.count = sum(isinstance(arg, Handle) for arg in call.args)
        ctx.save_for_backward(*given)
        values, call.values = call.values, []
        return tuple(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        before = Place(default_generator)
        create_graph = grad_mode.enabled
        with enable_grad():
            inputs = [
                _later(tensor, gradients[0].node, create_graph) for tensor in saved[: ctx.count]
            ]
            outputs = ctx.call(tuple(inputs))
        before.go_back()
        if len(outputs) != len(gradients):
            raise GradientError(
                f"checkpoint: the function made {len(gradients)} results, and {len(outputs)} when "
                "it was called again; it must do the same each time"
            )
        pairs = [(o, g) for o, g in zip(outputs, gradients, strict=True) if o.requires_grad]
        known = {id(node) for ref in ctx.call.known if (node := ref()) is not None}
        tensors = (*inputs, *saved[ctx.count :])
        wanted = [t.node for t in tensors if t.requires_grad]
        with _hooks_off([t.node for t in saved[ctx.count :]]):  # they come after this walk
            walked = walk(
                *([o.node for o, _ in pairs], [g.node for _, g in pairs], wanted),
                retain=create_graph,
                create=create_graph,
                kept=known,
            )
        found = {id(node): g for node, g in walked}
        answers = [own(found[id(t.node)]) if id(t.node) in found else None for t in tensors]
        rest = iter(answers)
        return (None, *[next(rest) if isinstance(t, Handle) else None for t in ctx.others])


@contextmanager
def _hooks_off(nodes: list[Node]) -> Iterator[None]:
    hooks = [node.hooks for node in nodes]
    try:
        for node in nodes:
            node.hooks = None
        yield
    finally:
        for node, before in zip(nodes, hooks, strict=True):
            node.hooks = before


def _later(tensor: Tensor, cotangent: Node, connected: bool) -> Tensor:
    """The value of a tensor, from which everything is computed anew once a cotangent is there."""
    ndim = cotangent.ndim
    first = slice_(cotangent, starts=(0,) * ndim, steps=(1,) * ndim, shape=(1,) * ndim)
    node = again(tensor.node, cast(reshape(first, shape=()), tensor.dtype))
    if not connected:  # the walk over what is computed anew ends here
        node.leaf = node.needs_grad = tensor.requires_grad
    return wrap(node)
