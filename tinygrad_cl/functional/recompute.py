"""Recomputing instead of storing: `checkpoint`.   Primitives: primitives/elementwise.py (again)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinygrad_cl.autograd import Function, enable_grad, grad
from tinygrad_cl.autograd.handle import Handle, wrap
from tinygrad_cl.errors import GradientError
from tinygrad_cl.functional.autocasting import autocast
from tinygrad_cl.functional.base import cast
from tinygrad_cl.functional.random import default_generator
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
    state = default_generator.get_state() if preserve_rng_state else None
    with enable_grad():
        drawn = function(*args, **kwargs)
    several = isinstance(drawn, tuple | list)
    outputs = tuple(drawn) if several else (drawn,)
    own = {id(arg.node) for arg in args if isinstance(arg, Handle)}
    hidden = _leaves([out.node for out in outputs], own)
    call = _Call(function, args, kwargs, state, several)
    after = default_generator.get_state()
    result = _Recomputed.apply(call, *args, *hidden)
    if preserve_rng_state:
        default_generator.set_state(after)
    return result if several else result[0]


def _leaves(nodes: list[Node], given: set[int]) -> list[Tensor]:
    """The parameters that nodes were computed from, besides what was given."""
    found = toposort(nodes, lambda n: () if n.leaf or id(n) in given else n.inputs)
    leaves = [node for node in found if node.leaf and node.needs_grad and id(node) not in given]
    owners = [node.owner() for node in leaves if node.owner is not None]
    return [owner for owner in owners if owner is not None]


class _Call:
    """A call that can be made again."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        state: tuple[int, int] | None,
        several: bool,
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.state = state
        self.several = several
        self.cast = autocast(dtype=cast_mode.dtype, enabled=cast_mode.dtype is not None)

    def __call__(self, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Calls the function with other tensors in the places of the first ones."""
        rest = iter(tensors)
        args = [next(rest) if isinstance(arg, Handle) else arg for arg in self.args]
        if self.state is not None:
            default_generator.set_state(self.state)
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
        return call(tuple(given[: ctx.count]))  # type: ignore[arg-type]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        before = default_generator.get_state()
        create_graph = grad_mode.enabled
        with enable_grad():
            inputs = [
                _later(tensor, gradients[0].node, create_graph) for tensor in saved[: ctx.count]
            ]
            outputs = ctx.call(tuple(inputs))
        default_generator.set_state(before)
        if len(outputs) != len(gradients):
            raise GradientError(
                f"checkpoint: the function made {len(gradients)} results, and {len(outputs)} when "
                "it was called again; it must do the same each time"
            )
        pairs = [(o, g) for o, g in zip(outputs, gradients, strict=True) if o.requires_grad]
        wanted = [t for t in (*inputs, *saved[ctx.count :]) if t.requires_grad]
        found = iter(
            grad(
                [o for o, _ in pairs],
                wanted,
                [g for _, g in pairs],
                create_graph=create_graph,
                allow_unused=True,
            )
        )
        answers = [next(found) if t.requires_grad else None for t in (*inputs, *saved[ctx.count :])]
        rest = iter(answers)
        return (None, *[next(rest) if isinstance(t, Handle) else None for t in ctx.others])


def _later(tensor: Tensor, cotangent: Node, connected: bool) -> Tensor:
    """The value of a tensor, from which everything is computed anew once a cotangent is there."""
    ndim = cotangent.ndim
    first = slice_(cotangent, starts=(0,) * ndim, steps=(1,) * ndim, shape=(1,) * ndim)
    node = again(tensor.node, cast(reshape(first, shape=()), tensor.dtype))
    if not connected:  # the walk over what is computed anew ends here
        node.leaf = node.needs_grad = tensor.requires_grad
    return wrap(node)
