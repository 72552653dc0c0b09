"""`backward` and `grad`: the walk for users."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_cl import engine
from tinygrad_cl.autograd.handle import Handle, own, rebind, wrap
from tinygrad_cl.autograd.walk import RETAIN, checked, full, walk
from tinygrad_cl.errors import DeviceError, DTypeError, GradientError, ShapeError
from tinygrad_cl.graph import PRIMITIVES, Node, grad_mode
from tinygrad_cl.tracing import tracing

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Adds to `.grad` of every leaf the gradient of `tensors`, weighted by `grad_tensors`.

    Nothing is computed yet: the gradients are lazy values like all others.

    Args:
        tensors: what to differentiate.
        grad_tensors: one cotangent per tensor; may be left out for tensors of one element (it is 1
            then).
        retain_graph: keep the graph for another backward pass (default: the value of
            `create_graph`).
        create_graph: make the gradients differentiable.
        inputs: if given, only these tensors receive gradients.

    Raises:
        GradientError: if a tensor does not require grad, has several elements and no cotangent, or
            was released.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> tg.autograd.backward((x * x).sum())
        >>> x.grad
        tensor([2., 4.])
    """
    roots, cotangents = _seeds("backward", tensors, grad_tensors)
    wanted = None if inputs is None else [tensor.node for tensor in _listed(inputs)]
    retain = create_graph if retain_graph is None else retain_graph
    found = walk(roots, cotangents, wanted, retain, create_graph)
    before, grad_mode.enabled = grad_mode.enabled, create_graph
    try:
        for node, cotangent in found:
            owner = None if node.owner is None else node.owner()
            if owner is not None:
                _accumulate(owner, cotangent, create_graph)
    finally:
        grad_mode.enabled = before
    for tensor in _listed(tensors):
        engine.defer(tensor)  # the gradients do not depend on the loss; one plan computes both


def _accumulate(tensor: Handle, cotangent: Node, create: bool) -> None:
    tracer = tracing.active
    if tracer is not None:
        tracer.graded(tensor)
    held = tensor._grad
    if held is None:
        held = tensor._grad = own(cotangent)
    elif create:
        held = tensor._grad = wrap(PRIMITIVES["add"](held.node, cotangent))
    else:
        rebind(held, PRIMITIVES["add"](held.node, cotangent))
    if not create:
        engine.defer(held)


def Variable(data: Tensor, requires_grad: bool = False) -> Tensor:
    """Returns the values of a tensor as a leaf: PyTorch's name before tensors had gradients.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.autograd.Variable(tg.ones(2), requires_grad=True)
        tensor([1., 1.], requires_grad=True)
    """
    return data.detach().requires_grad_(requires_grad)


def check_gradient(tensor: Handle, value: object) -> None:
    """Raises the error that names it if `value` cannot become the `.grad` of a tensor."""
    node = tensor.node
    if not isinstance(value, Handle):
        raise GradientError(f"grad: needs a Tensor or None, got {type(value).__name__}")
    if value is tensor:
        raise GradientError("grad: a tensor cannot be its own gradient; use .detach().clone()")
    given = value.node
    if given.shape != node.shape:
        raise ShapeError(
            f"grad: the gradient of a tensor of shape {node.shape} has its shape, got {given.shape}"
        )
    if given.dtype is not node.dtype:
        raise DTypeError(
            f"grad: the gradient of a {node.dtype.name} tensor has its dtype, got "
            f'{given.dtype.name}; use .to("{node.dtype.name}")'
        )
    if None not in (given.device, node.device) and given.device is not node.device:
        raise DeviceError(
            f"grad: the gradient of a tensor on {node.device} has its device, got {given.device}; "
            f"use .to(tensor.device)"
        )


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """Returns the gradients of `outputs` with respect to `inputs`; `.grad` is left alone.

    Args:
        outputs: what to differentiate.
        inputs: with respect to what: leaves or values in between.
        grad_outputs: one cotangent per output; may be left out for outputs of one element.
        retain_graph: keep the graph for another pass (default: the value of `create_graph`).
        create_graph: make the gradients differentiable, for second derivatives.
        only_inputs: taken over from PyTorch, where it is deprecated; it is always so.
        allow_unused: return None for inputs that the outputs do not depend on.
        materialize_grads: return zeros for them.

    Raises:
        GradientError: if an output does not require grad, an input is not used, or the graph was
            released.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor(3.0, requires_grad=True)
        >>> (dx,) = tg.autograd.grad(x**3, x, create_graph=True)
        >>> tg.autograd.grad(dx, x)
        (tensor(18.),)
    """
    roots, cotangents = _seeds("grad", outputs, grad_outputs)
    wanted = [tensor.node for tensor in _listed(inputs)]
    for node in wanted:
        if not node.needs_grad:
            raise GradientError(f"grad: an input {node.shape} does not require grad")
    retain = create_graph if retain_graph is None else retain_graph
    found = {id(node): g for node, g in walk(roots, cotangents, wanted, retain, create_graph)}
    before, grad_mode.enabled = grad_mode.enabled, create_graph
    try:
        return tuple(
            _answer(node, found.get(id(node)), allow_unused, materialize_grads) for node in wanted
        )
    finally:
        grad_mode.enabled = before


def _answer(node: Node, cotangent: Node | None, unused: bool, zeros: bool) -> Any:
    if cotangent is not None:
        return own(cotangent)
    if zeros:
        return wrap(full(0.0, node))
    if unused:
        return None
    raise GradientError(
        f"grad: an input of shape {node.shape} was not used by the outputs; "
        "pass allow_unused=True to get None for it"
    )


def _listed(tensors: Any) -> list[Any]:
    listed = [tensors] if isinstance(tensors, Handle) or tensors is None else list(tensors)
    for tensor in listed:
        if tensor is not None and not isinstance(tensor, Handle):
            raise GradientError(f"grad: expected Tensors, got {type(tensor).__name__}")
    return listed


def _seeds(op: str, tensors: Any, given: Any) -> tuple[list[Node], list[Node]]:
    """The nodes to start from, and their cotangents."""
    roots = [tensor.node for tensor in _listed(tensors)]
    listed = [None] * len(roots) if given is None else _listed(given)
    if len(listed) != len(roots):
        raise GradientError(f"{op}: {len(roots)} outputs need as many gradients, got {len(listed)}")
    cotangents = []
    for root, tensor in zip(roots, listed, strict=True):
        if not root.needs_grad:
            raise GradientError(
                f"{op}: a tensor of shape {root.shape} does not require grad; set "
                "requires_grad=True on what it is computed from, outside no_grad"
            )
        if tensor is not None:
            cotangents.append(checked(op, tensor, root))
        elif all(size == 1 for size in root.shape):
            cotangents.append(full(1.0, root))
        else:
            raise GradientError(
                f"{op}: a tensor of shape {root.shape} needs a gradient of its shape; "
                "only for one element is it 1 by itself (did you mean .sum()?)"
            )
    return roots, cotangents


class RemovableHandle:
    """Takes a hook back: `handle.remove()`, or at the end of a `with` block."""

    def __init__(self, hooks: dict[int, Callable[..., Any]], key: int) -> None:
        self._hooks = hooks
        self._key = key

    def remove(self) -> None:
        """Removes the hook; removing it twice does nothing."""
        self._hooks.pop(self._key, None)
        tracing.rebinds += 1
        tracing.changes += 1

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def add_hook(tensor: Handle, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Calls `hook(gradient)` whenever the gradient of `tensor` is known; an answer replaces it.

    Raises:
        GradientError: if the tensor does not require grad.
    """
    node = tensor.node
    if not node.needs_grad:
        raise GradientError(
            "register_hook: the tensor does not require grad; set requires_grad=True"
        )
    if node.hooks is None:
        node.hooks = {}
    key = max(node.hooks, default=RETAIN) + 1
    node.hooks[key] = hook
    tracing.rebinds += 1
    return RemovableHandle(node.hooks, key)


def retain_grad(tensor: Handle) -> None:
    """Makes the walk keep the gradient of a tensor that is no leaf.

    Raises:
        GradientError: if the tensor does not require grad.
    """
    node = tensor.node
    if not node.needs_grad:
        raise GradientError("retain_grad: the tensor does not require grad; set requires_grad=True")
    kept = weakref.ref(tensor)

    def keep(cotangent: Node) -> None:
        owner = kept()
        if owner is not None:
            _accumulate(owner, cotangent, grad_mode.enabled)

    node.hooks = {**(node.hooks or {}), RETAIN: keep}
    tracing.rebinds += 1
