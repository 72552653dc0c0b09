"""Function transforms: from a function to its derivative, as in `torch.func` and JAX.

    value_and_grad(f)(x) = f(x), df/dx       grad(f)(x) = df/dx       jacrev(f)(x) = J
    vjp(f, x) = f(x), v -> (v^T J,)          jvp(f, (x,), (t,)) = f(x), J t

They nest: `grad(grad(f))` is the second derivative. Arguments and results may be tuples, lists and
dicts of tensors, as the parameters of a model are; derivatives take the same form.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tinygrad_cl.autograd.handle import Handle, wrap
from tinygrad_cl.autograd.trace import Trace, nodes_of
from tinygrad_cl.autograd.walk import full
from tinygrad_cl.errors import ArgumentError, GradientError
from tinygrad_cl.graph import Node
from tinygrad_cl.nn.calling import functional_call as functional_call
from tinygrad_cl.shapes import numel

Function = Callable[..., Any]
Numbers = int | tuple[int, ...]


def grad(func: Function, argnums: Numbers = 0, has_aux: bool = False) -> Function:
    """Returns the function that computes the gradient of a scalar function.

    Args:
        func: returns a tensor of one element; with `has_aux` a pair of that and anything else.
        argnums: by which argument to differentiate, or by which ones.
        has_aux: whether `func` also returns something that is passed on.

    Returns:
        A function of the same arguments. It returns the gradient, in the form of the argument, or a
        tuple of gradients if `argnums` is a tuple; with `has_aux` `(gradient, aux)`.

    Raises:
        GradientError: in the call, if the result has several elements.
        ArgumentError: in the call, if there is no such argument.

    Example:
        >>> import tinygrad_cl as tg
        >>> grad(lambda x: x**3)(tg.tensor(2.0))
        tensor(12.)
        >>> grad(grad(lambda x: x**3))(tg.tensor(2.0))
        tensor(12.)
    """

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        call = _Call("grad", func, args, kwargs, argnums, has_aux)
        found = call.gradient()
        return (found, call.aux()) if has_aux else found

    return gradient


def value_and_grad(func: Function, argnums: Numbers = 0, has_aux: bool = False) -> Function:
    """Returns the function that computes the value of a scalar function and its gradient.

    Args:
        func: returns a tensor of one element; with `has_aux` a pair of that and anything else.
        argnums: by which argument to differentiate, or by which ones.
        has_aux: whether `func` also returns something that is passed on.

    Returns:
        A function of the same arguments. It returns `(value, gradient)`, with `has_aux`
        `((value, aux), gradient)`.

    Raises:
        GradientError: in the call, if the result has several elements.
        ArgumentError: in the call, if there is no such argument.

    Example:
        >>> import tinygrad_cl as tg
        >>> value_and_grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(tg.ones(2), 3 * tg.ones(2))
        (tensor(6.), (tensor([3., 3.]), tensor([1., 1.])))
    """

    @functools.wraps(func)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        call = _Call("value_and_grad", func, args, kwargs, argnums, has_aux)
        found = call.gradient()
        value = call.output(call.trace.outputs)
        return ((value, call.aux()) if has_aux else value), found

    return value_and_gradient


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Returns the value of a function, and the function that carries cotangents back.

    Args:
        func: takes the primals.
        primals: the arguments, all of which are differentiated by.
        has_aux: whether `func` also returns something that is passed on.

    Returns:
        `(output, vjp_fn)`, with `has_aux` `(output, vjp_fn, aux)`. `vjp_fn(cotangents)` takes the
        form of the output and returns a tuple with one entry per primal; it may be called again.

    Example:
        >>> import tinygrad_cl as tg
        >>> y, pull = vjp(lambda x: x * x, tg.tensor([1.0, 2.0]))
        >>> y, pull(tg.tensor([1.0, 10.0]))
        (tensor([1., 4.]), (tensor([ 2., 40.]),))
    """
    call = _Call("vjp", func, primals, {}, tuple(range(len(primals))), has_aux)
    trace = call.trace

    def pull(cotangents: Any) -> Any:
        given = nodes_of("vjp", "cotangents", list(_leaves(cotangents)))
        found = trace.pull(trace.outputs, trace.check_vector(given, trace.outputs, "outputs"))
        return call.inputs(found)

    output = call.output(trace.outputs)
    return (output, pull, call.aux()) if has_aux else (output, pull)


def jvp(
    func: Function,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> tuple[Any, ...]:
    """Returns the value of a function, and its derivative along a direction.

    Args:
        func: takes the primals.
        primals: the arguments, a tuple.
        tangents: the direction, of the form of the primals.
        strict: raise if a result does not depend on the primals; else it is zero.
        has_aux: whether `func` also returns something that is passed on.

    Returns:
        `(output, derivative)`, with `has_aux` `(output, derivative, aux)`.

    Raises:
        ShapeError: if the tangents have not the shapes of the primals.

    Example:
        >>> import tinygrad_cl as tg
        >>> jvp(lambda x: x * x, (tg.tensor([1.0, 2.0]),), (tg.tensor([1.0, 10.0]),))
        (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    primals = tuple(primals)
    call = _Call("jvp", func, primals, {}, tuple(range(len(primals))), has_aux, strict)
    trace = call.trace
    given = nodes_of("jvp", "tangents", list(_leaves(tuple(tangents))))
    found = trace.push(trace.outputs, trace.check_vector(given, trace.inputs, "primals"))
    output, derivative = call.output(trace.outputs), call.output(found)
    return (output, derivative, call.aux()) if has_aux else (output, derivative)


def jacrev(func: Function, argnums: Numbers = 0, *, has_aux: bool = False) -> Function:
    """Returns the function that computes the Jacobian of a function, a backward pass per row.

    Args:
        func: returns a tensor, or tuples, lists and dicts of them.
        argnums: by which argument to differentiate, or by which ones.
        has_aux: whether `func` also returns something that is passed on.

    Returns:
        A function of the same arguments. It returns, in the form of the output, per output the
        Jacobian in the form of the argument: a tensor of shape `output.shape + input.shape`.

    Raises:
        ArgumentError: in the call, if there is no such argument.

    Example:
        >>> import tinygrad_cl as tg
        >>> jacrev(lambda x: x * x)(tg.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        call = _Call("jacrev", func, args, kwargs, argnums, has_aux)
        rows = [
            call.argument([wrap(n) for n in row]) for row in call.trace.rows(call.trace.outputs)
        ]
        table = _rebuilt(call.returned, iter(rows))
        return (table, call.aux()) if has_aux else table

    return jacobian


class _Call:
    """A trace of a user's function, and the forms of its arguments and results."""

    def __init__(
        self,
        op: str,
        func: Function,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        argnums: Numbers,
        has_aux: bool,
        strict: bool = False,
    ) -> None:
        self.op = op
        self.single = isinstance(argnums, int)
        places = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        if any(not -len(args) <= place < len(args) for place in places):
            raise ArgumentError(f"{op}: argnums {argnums} of a call with {len(args)} arguments")
        self.places = [place % len(args) for place in places]
        self.chosen = tuple(args[place] for place in self.places)
        self.returned: Any = None
        self._aux: Any = None

        def flat(tensors: list[Any]) -> Sequence[Any]:
            whole = list(args)
            rebuilt = _rebuilt(self.chosen, iter(tensors))
            for place, value in zip(self.places, rebuilt, strict=True):
                whole[place] = value
            self.returned = func(*whole, **kwargs)
            if has_aux:
                self.returned, self._aux = self._pair(self.returned)
            leaves = list(_leaves(self.returned))
            nodes_of(op, "results of the function", leaves)
            return leaves

        nodes = nodes_of(op, "arguments to differentiate by", list(_leaves(self.chosen)))
        self.trace = Trace(op, flat, nodes, None, strict)

    def _pair(self, returned: Any) -> tuple[Any, Any]:
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise GradientError(f"{self.op}: with has_aux the function must return (output, aux)")
        return returned

    def gradient(self) -> Any:
        """Returns the gradient of the one output of one element."""
        trace = self.trace
        shapes = [node.shape for node in trace.outputs]
        if len(shapes) != 1 or numel(shapes[0]) != 1:
            raise GradientError(
                f"{self.op}: the function must return one tensor of one element, got {shapes}; "
                "use vjp or jacrev for others"
            )
        found = trace.pull(trace.outputs, [full(1.0, trace.outputs[0])])
        return self.argument(trace.show(found))

    def argument(self, tensors: Sequence[Any]) -> Any:
        """Returns tensors in the form of the arguments: of the one, or a tuple of all."""
        rebuilt = _rebuilt(self.chosen, iter(tensors))
        return rebuilt[0] if self.single else rebuilt

    def inputs(self, nodes: list[Node]) -> Any:
        """Returns nodes as tensors in the form of the arguments."""
        return self.argument(self.trace.show(nodes))

    def output(self, nodes: list[Node]) -> Any:
        """Returns nodes as tensors in the form of what the function returned."""
        return _rebuilt(self.returned, iter(self.trace.show(nodes)))

    def aux(self) -> Any:
        """Returns what is passed on; its tensors without a past unless derivatives keep theirs."""
        tensors = [leaf for leaf in _leaves(self._aux) if isinstance(leaf, Handle)]
        shown = {
            id(tensor): new
            for tensor, new in zip(
                tensors, self.trace.show([tensor.node for tensor in tensors]), strict=True
            )
        }
        return _rebuilt(self._aux, iter([shown.get(id(leaf), leaf) for leaf in _leaves(self._aux)]))


def _leaves(tree: Any) -> Iterator[Any]:
    """Yields what stands in nested tuples, lists and dicts, in order."""
    if isinstance(tree, Mapping):
        for key in tree:
            yield from _leaves(tree[key])
    elif isinstance(tree, tuple | list):
        for branch in tree:
            yield from _leaves(branch)
    else:
        yield tree


def _rebuilt(tree: Any, leaves: Iterator[Any]) -> Any:
    """Returns the tree with other leaves, in the order of `_leaves`."""
    if isinstance(tree, Mapping):
        return {key: _rebuilt(tree[key], leaves) for key in tree}
    if isinstance(tree, tuple | list):
        branches = [_rebuilt(branch, leaves) for branch in tree]
        named = hasattr(tree, "_fields")  # a namedtuple
        return type(tree)(*branches) if named else type(tree)(branches)
    return next(leaves)


__all__ = ["functional_call", "grad", "jacrev", "jvp", "value_and_grad", "vjp"]
