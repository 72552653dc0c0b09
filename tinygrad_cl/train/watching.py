"""One call of a net, watched: what goes into each module, what comes out, what it computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_cl.dtypes import DType, float32
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional.creation import from_numpy, zeros
from tinygrad_cl.nn import Module
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train.costs import Counter, nodes_of

Shape = tuple[int, ...]
Sizes = Sequence[int] | Sequence[Sequence[int]]


@dataclass
class Seen:
    """What a module was seen to do, over all its calls; the shapes are those of the first."""

    input_shape: Shape | tuple[Shape, ...] | None = None
    output_shape: Shape | tuple[Shape, ...] | None = None
    mult_adds: int = 0
    bytes: int = 0
    calls: int = 0


def watch(net: Module, inputs: tuple[Any, ...], batch_dim: int | None) -> dict[int, Seen]:
    """Calls a net; returns what each module did, by id, in the order in which calls ended.

    What is computed between the calls of layers belongs to the module in whose `forward` it is.
    """
    seen: dict[int, Seen] = {}
    counter, stack = Counter(), [Seen()]

    def before(module: Module, args: Any, kwargs: Any) -> None:
        stack[-1].mult_adds += counter.count(nodes_of([args, kwargs]))
        stack.append(Seen())

    def after(module: Module, args: Any, kwargs: Any, output: Any) -> None:
        call = stack.pop()
        found = seen.setdefault(id(module), Seen())
        found.mult_adds += call.mult_adds + counter.count(nodes_of(output))
        found.bytes += sum(_size(node) for node in nodes_of(output))
        if not found.calls:
            found.input_shape = _shapes([*args, *kwargs.values()], batch_dim)
            found.output_shape = _shapes([output], batch_dim)
        found.calls += 1

    handles = []
    for module in net.modules():
        handles.append(module.register_forward_pre_hook(before, prepend=True, with_kwargs=True))
        handles.append(module.register_forward_hook(after, with_kwargs=True))
    try:
        net(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def example_inputs(
    net: Module,
    sizes: Sizes | None,
    dtype: DType | Sequence[DType] | None,
    batch_size: int,
    batch_dim: int | None,
    given: Any,
) -> tuple[Any, ...] | None:
    """Returns inputs for a net: those given, zeros of the sizes, or None for neither.

    Raises:
        ArgumentError: for sizes that are no shapes, or as many dtypes as there are no inputs.
    """
    first = next(iter(net.parameters()), None)
    device = None if first is None else first.device
    if given is not None:
        listed = given if isinstance(given, tuple | list) else (given,)
        return tuple(x if isinstance(x, Tensor) else from_numpy(x, device=device) for x in listed)
    if sizes is None:
        return None
    shapes = _checked(sizes)
    default = float32 if first is None else first.dtype
    dtypes = [dtype or default] * len(shapes) if not isinstance(dtype, Sequence) else list(dtype)
    if len(dtypes) != len(shapes):
        raise ArgumentError(f"summary: {len(dtypes)} dtypes for {len(shapes)} inputs")
    made = []
    for shape, kind in zip(shapes, dtypes, strict=True):
        if batch_dim is not None:
            at = batch_dim if batch_dim >= 0 else len(shape) + 1 + batch_dim
            shape = (*shape[:at], batch_size, *shape[at:])
        made.append(zeros(*shape, dtype=kind, device=device))
    return tuple(made)


def _checked(sizes: Sizes) -> list[Shape]:
    listed = list(sizes)
    one = all(isinstance(size, int) for size in listed)
    shapes: list[Any] = [listed] if one else listed
    for shape in shapes:
        whole = isinstance(shape, Sequence) and all(isinstance(n, int) and n >= 0 for n in shape)
        if not whole:
            raise ArgumentError(f"summary: input_size must be a shape or several, got {sizes!r}")
    return [tuple(shape) for shape in shapes]


def _shapes(values: list[Any], batch_dim: int | None) -> Shape | tuple[Shape, ...] | None:
    """The shapes of all tensors, without the batch dim; that of one by itself."""
    found = [_without(node.shape, batch_dim) for node in nodes_of(values)]
    if len(found) == 1:
        return found[0]
    return tuple(found) if found else None


def _without(shape: Shape, dim: int | None) -> Shape:
    if dim is None or not -len(shape) <= dim < len(shape):
        return shape
    at = dim % len(shape)
    return shape[:at] + shape[at + 1 :]


def _size(node: Any) -> int:
    total = int(node.dtype.itemsize)
    for number in node.shape:
        total *= number
    return total
