"""`Function`: users' own ops, with their own gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_cl import origins
from tinygrad_cl.autograd.handle import Handle, own, show, wrap
from tinygrad_cl.autograd.modes import no_grad
from tinygrad_cl.autograd.walk import Pending, checked, deliver, full
from tinygrad_cl.errors import GradientError
from tinygrad_cl.graph import PRIMITIVES, Node, grad_mode

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


class Context:
    """What a `Function` remembers between `forward` and `backward`; more attributes may be set.

    Attributes:
        needs_input_grad: one bool per argument of `apply`.
        arguments: these, tensors as their nodes; None unless origins are recorded.
        kept: the nodes given to `keep`, until the graph is released.
    """

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self._saved: list[Node | int | None] | None = []  # an int is the position of an output
        self._call: Call | None = None
        self._materialize = True
        self._constant: set[int] = set()
        self.arguments: tuple[Any, ...] | None = None
        self.kept: list[Node] = []

    def keep(self, nodes: list[Node]) -> None:
        """Keeps what `forward` computed inside: once realized, it is there for `backward`."""
        for node in nodes:
            node.needs_grad = True
        self.kept = nodes

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps inputs, outputs or other tensors for `backward`; second derivatives see them."""
        self._saved = [None if tensor is None else tensor.node for tensor in tensors]

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors given to `save_for_backward`."""
        if self._saved is None:
            raise GradientError("saved_tensors: they were released by an earlier backward pass")
        return tuple(
            None if node is None else self._output(node) if isinstance(node, int) else show(node)
            for node in self._saved
        )

    def _output(self, position: int) -> Tensor:
        assert self._call is not None
        return wrap(self._call.output(position))

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Says which outputs have no gradient."""
        self._constant |= {id(tensor.node) for tensor in tensors}

    def set_materialize_grads(self, value: bool) -> None:
        """Says if `backward` gets zeros (the default) or None for outputs that were not used."""
        self._materialize = value


class Call(Node):
    """One application of a `Function`: the walk's way from its outputs to its inputs."""

    __slots__ = ("context", "edges", "function", "values")

    def __init__(
        self,
        function: type[Function],
        context: Context,
        edges: tuple[Node, ...],
        values: tuple[Node, ...],
    ) -> None:
        super().__init__(values[0].signature, (), values[0].device, True)
        self.function = function
        self.context = context
        self.edges = edges
        self.values = values

    def __repr__(self) -> str:
        return f"<{self.function.__name__}.apply {self.signature.spec}>"

    def output(self, position: int) -> Node:
        """Returns a node that shows an output and leads the walk here."""
        return Output(self, position)

    def propagate(
        self, cotangents: list[Node | None], useful: set[int] | None, pending: Pending
    ) -> None:
        """Calls the user's `backward` and delivers what it returns."""
        context = self.context
        given: list[Tensor | None] = []
        for g, value in zip(cotangents, self.values, strict=True):
            if g is not None:
                given.append(own(g))
            else:
                given.append(wrap(full(0.0, value)) if context._materialize else None)
        context._call = self
        try:
            answers = self.function.backward(context, *given)
        finally:
            context._call = None
        listed = answers if isinstance(answers, tuple | list) else (answers,)
        name = f"{self.function.__name__}.backward"
        needs = context.needs_input_grad
        if len(listed) < len(needs) or any(extra is not None for extra in listed[len(needs) :]):
            raise GradientError(
                f"{name}: returned {len(listed)} gradients for {len(needs)} arguments; "
                "return one per argument of forward, None where there is none"
            )
        wanted = [answer for answer, need in zip(listed, needs, strict=False) if need]
        for answer, source in zip(wanted, self.edges, strict=True):
            if answer is not None and (useful is None or id(source) in useful):
                deliver(pending, source, checked(name, answer, source))

    def release(self) -> None:
        """Forgets what was saved."""
        self.context._saved = None
        for node in self.context.kept:
            node.released = True
        self.context.kept = []


class Output(Node):
    """An output of a `Call`: for the compiler an alias of the value that `forward` computed."""

    __slots__ = ("edges", "position")

    def __init__(self, call: Call, position: int) -> None:
        value = call.values[position]
        plain = PRIMITIVES["alias"](value)
        super().__init__(plain.signature, plain.inputs, plain.device, True)
        self.edges = (call,)
        self.position = position

    def propagate(self, g: Node, useful: set[int] | None, pending: Pending) -> None:
        """Hands the cotangent to the call, which waits for those of all its outputs."""
        call = self.edges[0]
        held = pending.setdefault(id(call), [None] * len(call.values))
        first = held[self.position]
        held[self.position] = g if first is None else PRIMITIVES["add"](first, g)

    def release(self) -> None:
        """Lets go of the input once the value is there."""
        if self.buffer is not None:
            self.inputs = ()


class Function:
    """An op of the user's own, with the same standing as a built-in one.

    Subclass it with two static methods. `forward(ctx, *args)` computes with tensors and returns a
    tensor or a tuple of them; no gradients are recorded inside. `backward(ctx, *grad_outputs)`
    returns one gradient per argument, None where there is none; it is recorded with
    `create_graph=True`, so second derivatives work. Call the op with `apply`.

    Example:
        >>> import tinygrad_cl as tg
        >>> class Cube(tg.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x * x * x
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         (x,) = ctx.saved_tensors
        ...         return g * 3 * x * x
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> Cube.apply(x).sum().backward()
        >>> x.grad
        tensor([ 3., 12.])
    """

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        """Computes the op."""
        raise NotImplementedError("a Function needs a static method forward(ctx, *args)")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Keeps what `backward` needs; where it is defined, `forward` takes no `ctx`."""

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Computes the gradients of the arguments from those of the outputs."""
        raise NotImplementedError("a Function needs a static method backward(ctx, *grad_outputs)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Applies the op to tensors and other arguments.

        Raises:
            GradientError: if `forward` returns something else than tensors.
        """
        nodes = [arg.node if isinstance(arg, Handle) else None for arg in args]
        recording = grad_mode.enabled
        needs = tuple(recording and node is not None and node.needs_grad for node in nodes)
        context = Context(needs)
        if origins.active():
            context.arguments = tuple(
                arg if node is None else node for arg, node in zip(args, nodes, strict=True)
            )
        with no_grad():
            if cls.setup_context is Function.setup_context:
                returned = cls.forward(context, *args)
            else:
                returned = cls.forward(*args)
                cls.setup_context(context, args, returned)
        several = isinstance(returned, tuple | list)
        outputs = tuple(returned) if several else (returned,)
        for output in outputs:
            if not isinstance(output, Handle):
                kind = type(output).__name__
                raise GradientError(f"{cls.__name__}.forward: must return Tensors, got {kind}")
        values = tuple(output.node for output in outputs)
        edges = tuple(node for node in nodes if node is not None and node.needs_grad)
        if not any(needs):
            return tuple(own(v) for v in values) if several else own(values[0])
        shown = cls._connect(context, edges, values, {id(node) for node in edges})
        return shown if several else shown[0]

    @classmethod
    def _connect(
        cls, context: Context, edges: tuple[Node, ...], values: tuple[Node, ...], inputs: set[int]
    ) -> tuple[Tensor, ...]:
        with no_grad():  # an input returned as it is becomes a value of its own
            values = tuple(PRIMITIVES["alias"](v) if v.needs_grad else v for v in values)
        place = {id(value): i for i, value in enumerate(values) if id(value) not in inputs}
        saved = context._saved or []
        context._saved = [place.get(id(s), s) if isinstance(s, Node) else s for s in saved]
        call = Call(cls, context, edges, values)
        return tuple(
            wrap(call.output(i))
            if value.dtype.is_floating_point and id(value) not in context._constant
            else own(value)
            for i, value in enumerate(values)
        )
