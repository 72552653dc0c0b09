"""Derivatives of functions: `jacobian`, `hessian`, and their products with vectors.

    f: R^n -> R^m    jacobian J = df/dx (m x n)    vjp: v^T J    jvp: J v
    f: R^n -> R      hessian  H = J(J(f)^T)        vhp: v^T H    hvp: H v

`jvp` and `hvp` differentiate twice: v^T J is linear in v, and its derivative with respect to v
is J.
The rows of a Jacobian are backward passes of one structure, so that one plan serves them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from tinygrad_cl.autograd.handle import Handle, wrap
from tinygrad_cl.autograd.trace import Trace, nodes_of
from tinygrad_cl.autograd.walk import full
from tinygrad_cl.errors import ArgumentError, GradientError
from tinygrad_cl.graph import Node
from tinygrad_cl.shapes import numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

    Function: TypeAlias = Callable[..., Any]
    Tensors: TypeAlias = Tensor | Sequence[Tensor]


def vjp(
    func: Function,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns the value of a function, and the product of a vector with its Jacobian.

    Args:
        func: takes the inputs; returns a tensor or a tuple of tensors.
        inputs: one tensor, or a tuple of tensors.
        v: the vector, of the shapes of the outputs; may be left out for one output of one element.
        create_graph: make both results differentiable.
        strict: raise where an output or a result does not depend on the inputs; else it is zero.

    Returns:
        `(output, vjp)`; the second has the form of `inputs`.

    Raises:
        GradientError: with `strict`, if there is no dependence.
        ShapeError: if `v` does not fit the outputs.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> vjp(lambda x: x * x, x, tg.tensor([1.0, 10.0]))
        (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    call = _Call("vjp", func, inputs, create_graph, strict)
    trace = call.trace
    found = trace.pull(trace.outputs, call.vector(v, trace.outputs, "outputs"))
    return call.output(trace.outputs), call.input(found)


def jvp(
    func: Function,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns the value of a function, and the product of its Jacobian with a vector.

    Args:
        func: takes the inputs; returns a tensor or a tuple of tensors.
        inputs: one tensor, or a tuple of tensors.
        v: the vector, of the shapes of the inputs; may be left out for one input of one element.
        create_graph: make both results differentiable.
        strict: raise where an output or a result does not depend on the inputs; else it is zero.

    Returns:
        `(output, jvp)`; the second has the form of the output.

    Raises:
        GradientError: with `strict`, if there is no dependence.
        ShapeError: if `v` does not fit the inputs.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> jvp(lambda x: x.prod(), x, tg.tensor([1.0, 10.0]))
        (tensor(2.), tensor(12.))
    """
    call = _Call("jvp", func, inputs, create_graph, strict)
    trace = call.trace
    found = trace.push(trace.outputs, call.vector(v, trace.inputs, "inputs"))
    return call.output(trace.outputs), call.output(found)


def hvp(
    func: Function,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns the value of a scalar function, and the product of its Hessian with a vector.

    `vhp` gives the same for functions whose second derivatives are continuous, and is cheaper.

    Args:
        func: takes the inputs; returns a tensor of one element.
        inputs: one tensor, or a tuple of tensors.
        v: the vector, of the shapes of the inputs; may be left out for one input of one element.
        create_graph: make both results differentiable.
        strict: raise where the output or a result does not depend on the inputs; else it is zero.

    Returns:
        `(output, hvp)`; the second has the form of `inputs`.

    Raises:
        GradientError: if the output has several elements; with `strict`, if there is no dependence.
        ShapeError: if `v` does not fit the inputs.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> hvp(lambda x: (x**3).sum(), x, tg.tensor([1.0, 10.0]))
        (tensor(9.), tensor([  6., 120.]))
    """
    call = _Call("hvp", func, inputs, create_graph, strict)
    trace = call.trace
    found = trace.push(trace.gradients(), call.vector(v, trace.inputs, "inputs"))
    return call.output(trace.outputs), call.input(found)


def vhp(
    func: Function,
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns the value of a scalar function, and the product of a vector with its Hessian.

    Args:
        func: takes the inputs; returns a tensor of one element.
        inputs: one tensor, or a tuple of tensors.
        v: the vector, of the shapes of the inputs; may be left out for one input of one element.
        create_graph: make both results differentiable.
        strict: raise where the output or a result does not depend on the inputs; else it is zero.

    Returns:
        `(output, vhp)`; the second has the form of `inputs`.

    Raises:
        GradientError: if the output has several elements; with `strict`, if there is no dependence.
        ShapeError: if `v` does not fit the inputs.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> vhp(lambda x: (x**3).sum(), x, tg.tensor([1.0, 10.0]))
        (tensor(9.), tensor([  6., 120.]))
    """
    call = _Call("vhp", func, inputs, create_graph, strict)
    trace = call.trace
    found = trace.pull(trace.gradients(), call.vector(v, trace.inputs, "inputs"))
    return call.output(trace.outputs), call.input(found)


def jacobian(
    func: Function,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Returns the Jacobian of a function: `J[i..., j...] = d output[i...] / d input[j...]`.

    Args:
        func: takes the inputs; returns a tensor or a tuple of tensors.
        inputs: one tensor, or a tuple of tensors.
        create_graph: make the result differentiable.
        strict: raise where an output or a result does not depend on the inputs; else it is zero.
        vectorize: accepted, changes nothing: all rows share one plan anyway.
        strategy: "reverse-mode" (a row per element of the outputs) or "forward-mode" (a column per
            element of the inputs, by differentiating twice).

    Returns:
        A tensor of shape `output.shape + input.shape`; for a tuple of inputs a tuple of them, for a
        tuple of outputs a tuple of these.

    Raises:
        GradientError: with `strict`, if there is no dependence.
        ArgumentError: if the strategy is unknown.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> jacobian(lambda x: x * x, x)
        tensor([[2., 0.],
                [0., 4.]])
    """
    _check_strategy("jacobian", strategy)
    call = _Call("jacobian", func, inputs, create_graph, strict)
    table = call.jacobian(call.trace.outputs, strategy)
    return tuple(table) if call.several_out else table[0]


def hessian(
    func: Function,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Returns the Hessian of a scalar function: `H[i..., j...] = d2 f / d x[i...] d x[j...]`.

    Args:
        func: takes the inputs; returns a tensor of one element.
        inputs: one tensor, or a tuple of tensors.
        create_graph: make the result differentiable.
        strict: raise where the output or a result does not depend on the inputs; else it is zero.
        vectorize: accepted, changes nothing: all rows share one plan anyway.
        outer_jacobian_strategy: as `strategy` of `jacobian`.

    Returns:
        A tensor of shape `input.shape + input.shape`; for a tuple of inputs a tuple of tuples.

    Raises:
        GradientError: if the output has several elements; with `strict`, if there is no dependence.
        ArgumentError: if the strategy is unknown.

    Example:
        >>> import tinygrad_cl as tg
        >>> hessian(lambda x: x.prod(), tg.tensor([1.0, 2.0, 4.0]))
        tensor([[0., 4., 2.],
                [4., 0., 1.],
                [2., 1., 0.]])
    """
    _check_strategy("hessian", outer_jacobian_strategy)
    call = _Call("hessian", func, inputs, create_graph, strict)
    table = call.jacobian(call.trace.gradients(), outer_jacobian_strategy)
    return tuple(table) if call.several_in else table[0]


def _check_strategy(op: str, strategy: str) -> None:
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ArgumentError(f"{op}: strategy {strategy!r}; use 'reverse-mode' or 'forward-mode'")


class _Call:
    """A trace of a user's function, and the forms of what it takes and returns."""

    def __init__(
        self, op: str, func: Function, inputs: Tensors, create_graph: bool, strict: bool
    ) -> None:
        self.op = op
        self.several_in = not isinstance(inputs, Handle)
        self.several_out = False
        listed = nodes_of(op, "inputs", _listed(inputs))

        def flat(tensors: list[Tensor]) -> Sequence[Tensor]:
            returned = func(*tensors)
            self.several_out = not isinstance(returned, Handle)
            outputs: Sequence[Tensor] = _listed(returned)
            nodes_of(op, "outputs of the function", outputs)
            return outputs

        self.trace = Trace(op, flat, listed, create_graph, strict)

    def vector(self, v: Tensors | None, like: list[Node], what: str) -> list[Node]:
        """Returns the user's vector as nodes; 1 if there is but one element."""
        if v is not None:
            given = nodes_of(self.op, "vector", _listed(v))
            return self.trace.check_vector(given, like, what)
        if len(like) != 1 or numel(like[0].shape) != 1:
            raise GradientError(f"{self.op}: needs v, as the {what} have several elements")
        return [full(1.0, like[0])]

    def jacobian(self, outputs: list[Node], strategy: str) -> list[Any]:
        """Returns the Jacobian of each output, a tuple where there are several inputs."""
        trace = self.trace
        rows = trace.columns if strategy == "forward-mode" else trace.rows
        table = [tuple(wrap(node) for node in row) for row in rows(outputs)]
        return [row if self.several_in else row[0] for row in table]

    def input(self, nodes: list[Node]) -> Any:
        """Returns nodes in the form of the inputs."""
        shown = self.trace.show(nodes)
        return tuple(shown) if self.several_in else shown[0]

    def output(self, nodes: list[Node]) -> Any:
        """Returns nodes in the form of the outputs."""
        shown = self.trace.show(nodes)
        return tuple(shown) if self.several_out else shown[0]


def _listed(tensors: Any) -> Any:
    return tensors if isinstance(tensors, tuple | list) else (tensors,)


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
