"""In-place forms that change the shape, and those of products and triangles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from tinygrad_cl.errors import GradientError
from tinygrad_cl.functional import index, logic, matmul, products, random, turning, views
from tinygrad_cl.functional.base import Handle, rebind
from tinygrad_cl.functional.creation import full_like
from tinygrad_cl.functional.inplace import take
from tinygrad_cl.functional.inplace_math import in_place
from tinygrad_cl.graph import grad_mode

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

P = ParamSpec("P")


def turn(op: str, tensor: Handle, result: Tensor) -> None:
    """Gives `tensor` the value of a temporary one, of any shape; leaves stay leaves.

    Raises:
        GradientError: for a leaf that requires grad, outside of `no_grad`.
    """
    old, node = tensor.node, result.node
    if old.leaf and grad_mode.enabled:
        raise GradientError(
            f"{op}: a leaf that requires grad cannot change in place; do it inside no_grad(), "
            "or compute a new tensor"
        )
    node.owner = None
    if old.leaf:
        node.leaf = node.needs_grad = True
        node.hooks = old.hooks
    rebind(tensor, node)


def reshaping(
    function: Callable[Concatenate[Any, P], Tensor],
) -> Callable[Concatenate[Any, P], Tensor]:
    """Returns `function_`, which gives its first argument the result's shape too."""
    name = f"{function.__name__}_"

    def changed(input: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        turn(name, input, function(input, *args, **kwargs))
        return input

    changed.__name__ = changed.__qualname__ = name
    first = (function.__doc__ or "").partition("\n")[0]
    changed.__doc__ = f"Does `{function.__name__}` in place; returns the tensor. That: {first}"
    return changed


squeeze_ = reshaping(views.squeeze)
unsqueeze_ = reshaping(views.unsqueeze)
transpose_ = reshaping(views.transpose)
t_ = reshaping(views.t)
swapaxes_ = reshaping(turning.swapaxes)
swapdims_ = reshaping(turning.swapdims)

addmm_ = in_place(matmul.addmm)
addmv_ = in_place(products.addmv)
addr_ = in_place(products.addr)
addbmm_ = in_place(products.addbmm)
baddbmm_ = in_place(products.baddbmm)
tril_ = in_place(index.tril)
triu_ = in_place(index.triu)
clip_ = in_place(logic.clip)
index_add_ = in_place(index.index_add)
scatter_add_ = in_place(index.scatter_add)


def bernoulli_(input: Tensor, p: Tensor | float = 0.5) -> Tensor:
    """Fills the tensor with ones, with probability `p`, and zeros; returns it.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(3).bernoulli_(1.0)
        tensor([1., 1., 1.])
    """
    chances = p if isinstance(p, Handle) else full_like(input, p, dtype="float32")
    take("bernoulli_", input, random.bernoulli(chances))
    return input
