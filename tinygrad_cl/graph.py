"""The graph: immutable nodes, the primitives they apply, and the walk over them.

A `Node` is one value that may not have been computed yet. It applies a `Primitive` to other nodes;
what it has in common with every other application of that primitive to such inputs (attrs, input
specs, output spec) is its `Signature`, which is interned: equal signatures are one object, so spec
rules run once per kind of call and the structure of a graph can be hashed as a row of small ints.

Node arithmetic (`a * b`, `1 - a`) looks the primitives up by name, so that gradient rules read as
formulas.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tinygrad_cl.dtypes import DType, Scalar, widened
from tinygrad_cl.errors import DeviceError, DTypeError
from tinygrad_cl.lowering import Host, View
from tinygrad_cl.shapes import Shape

if TYPE_CHECKING:
    from tinygrad_cl.lowering import Lowering
    from tinygrad_cl.runtime.device import Device
    from tinygrad_cl.runtime.memory import Buffer


class TensorSpec(NamedTuple):
    """The shape and dtype of a value."""

    shape: Shape
    dtype: DType

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.shape)) or 'scalar'} {self.dtype.name}"


Vjp = Callable[..., "Node | None"]


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """One atomic operation with its four rules. Calling it builds a node.

    Args:
        name: unique; the registry is keyed by it.
        spec: `spec(*input_specs, **attrs)` returns the output's `TensorSpec`; raises ShapeError or
            DTypeError.
        reference: `reference(*arrays, **attrs)` computes the value with NumPy. Called through
            `compute`.
        lowering: the device side, see `tinygrad_cl.lowering`.
        vjps: per input, `vjp(g, y, *inputs, **attrs)`, a node: the cotangent of that input from the
            cotangent `g` of the output `y`; None where there is no gradient. The cotangent may have
            the broadcast
            shape: the walk sums it down. The tuple's last rule also serves all further inputs
                (cat);
            an empty tuple means that nothing is differentiable. A rule of variadic primitives
            receives the input's position as keyword `argument`.
        attrs: names of the static arguments, in the order in which a signature holds them.
        variadic: True if any number of inputs is taken (their vjp receives `argument`).
        peeks: True if a gradient rule looks at how inputs were made, and not at their specs alone.
    """

    name: str
    spec: Callable[..., TensorSpec]
    reference: Callable[..., Any]
    lowering: Lowering
    vjps: tuple[Vjp | None, ...] = ()
    attrs: tuple[str, ...] = ()
    variadic: bool = False
    peeks: bool = False

    def __call__(self, *inputs: Node, **attrs: Any) -> Node:
        """Returns the node of this primitive applied to `inputs`."""
        return apply(self, inputs, tuple([attrs[name] for name in self.attrs]) if attrs else ())

    def compute(self, arrays: Iterable[Any], attrs: Mapping[str, Any]) -> Any:
        """Returns the value of the reference; of bfloat16, which NumPy does not know, as float32.

        Callers round it to the dtype that the spec rule says.
        """
        return self.reference(*map(widened, arrays), **attrs)

    def vjp(self, position: int) -> Vjp | None:
        """Returns the gradient rule of the input at `position`."""
        if not self.vjps:
            return None
        return self.vjps[min(position, len(self.vjps) - 1)]

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


PRIMITIVES: dict[str, Primitive] = {}


def register(primitive: Primitive) -> Primitive:
    """Adds a primitive to the registry and returns it.

    Raises:
        ValueError: if the name is taken.
    """
    if primitive.name in PRIMITIVES:
        raise ValueError(f"primitive {primitive.name} is already registered")
    PRIMITIVES[primitive.name] = primitive
    return primitive


class Signature:
    """A primitive with its attrs and the specs of its inputs; interned."""

    __slots__ = (
        "attrs",
        "differentiable",
        "id",
        "inputs",
        "is_view",
        "kwargs",
        "leaf",
        "leaf_id",
        "primitive",
        "spec",
    )

    def __init__(
        self,
        primitive: Primitive,
        attrs: tuple[Any, ...],
        inputs: tuple[TensorSpec, ...],
        spec: TensorSpec,
        number: int,
    ) -> None:
        self.primitive = primitive
        self.attrs = attrs
        self.inputs = inputs
        self.spec = spec
        self.kwargs = dict(zip(primitive.attrs, attrs, strict=True))
        self.id = number
        self.differentiable = spec.dtype.is_floating_point and any(
            primitive.vjp(i) is not None for i in range(len(inputs))
        )
        # Of a leaf that holds a value of this spec.
        self.leaf: Signature = self if primitive is DATA else data_signature(spec)
        self.leaf_id = -self.leaf.id
        self.is_view = type(primitive.lowering) is View

    def __str__(self) -> str:
        given = "".join(f" {name}={value}" for name, value in self.kwargs.items())
        return f"<{self.primitive.name} {self.spec}{given}>"

    __repr__ = __str__


MAX_SIGNATURES = 1 << 15  # a program with ever new shapes or attrs must not grow for ever

# By primitive, attrs, and the leaf signature of each input.
_SIGNATURES: dict[tuple[Any, ...], Signature] = {}
# Those of leaves, which are compared by identity, stay: one per shape and dtype, one per dtype.
_DATA: dict[TensorSpec, Signature] = {}
_SCALARS: dict[DType, Signature] = {}
_numbers = itertools.count(1)


def _intern(
    primitive: Primitive,
    attrs: tuple[Any, ...],
    specs: tuple[TensorSpec, ...],
    key: tuple[Any, ...],
) -> Signature:
    spec = primitive.spec(*specs, **dict(zip(primitive.attrs, attrs, strict=True)))
    if len(_SIGNATURES) >= MAX_SIGNATURES:  # what is in use comes back, under another number
        for oldest in list(itertools.islice(_SIGNATURES, MAX_SIGNATURES // 4)):
            _SIGNATURES.pop(oldest, None)
    return _SIGNATURES.setdefault(key, Signature(primitive, attrs, specs, spec, next(_numbers)))


def signature(
    primitive: Primitive, attrs: tuple[Any, ...], specs: tuple[TensorSpec, ...]
) -> Signature:
    """Returns the signature of a primitive over inputs of these specs.

    Raises:
        ShapeError, DTypeError: from the primitive's spec rule.
    """
    key = (primitive, attrs, *map(data_signature, specs))
    return _SIGNATURES.get(key) or _intern(primitive, attrs, specs, key)


def unshared_signature(
    primitive: Primitive, attrs: tuple[Any, ...], specs: tuple[TensorSpec, ...]
) -> Signature:
    """Returns a signature that is not interned: it goes when nobody holds it any more."""
    spec = primitive.spec(*specs, **dict(zip(primitive.attrs, attrs, strict=True)))
    return Signature(primitive, attrs, specs, spec, next(_numbers))


class Leaf(Protocol):
    """What a plan needs of a leaf: the buffer or the number that it holds."""

    buffer: Buffer | None
    scalar: Scalar | None


class GradMode(threading.local):
    """Whether new nodes of this thread record that they need gradients: `autograd.no_grad`."""

    enabled = True


grad_mode = GradMode()


class CastMode(threading.local):
    """The dtype of 16 bits in which this thread makes products; None while `autocast` is off."""

    dtype: DType | None = None


cast_mode = CastMode()


class Node:
    """One immutable value of the graph.

    Attributes:
        signature: primitive, attrs and specs.
        inputs: the nodes it is computed from; emptied when nobody can need them any more.
        device: where it is computed.
        buffer: its value, once realized.
        scalar: the Python number of a `scalar` node.
        needs_grad: True if a gradient may flow through it.
        leaf: True if the backward walk ends here and delivers the cotangent.
        released: True after a backward pass without `retain_graph`.
        owner: a weak reference to the living Tensor that shows this node, if any.
        hooks: gradient hooks, or None.
        origin: the line that made it; unset unless it was recorded, see `tinygrad_cl.origins`.
    """

    __slots__ = (
        "__weakref__",
        "buffer",
        "device",
        "hooks",
        "inputs",
        "leaf",
        "needs_grad",
        "origin",
        "owner",
        "released",
        "scalar",
        "signature",
    )
    origin: Any

    def __init__(
        self,
        signature: Signature,
        inputs: tuple[Node, ...],
        device: Device | None,
        needs_grad: bool,
    ) -> None:
        self.signature = signature
        self.inputs = inputs
        self.device = device
        self.needs_grad = needs_grad
        self.buffer: Buffer | None = None
        self.scalar: Scalar | None = None
        self.leaf = False
        self.released = False
        self.owner: weakref.ref[Any] | None = None
        self.hooks: dict[int, Callable[..., Any]] | None = None

    @property
    def shape(self) -> Shape:
        """The shape of the value."""
        return self.signature.spec.shape

    @property
    def dtype(self) -> DType:
        """The dtype of the value."""
        return self.signature.spec.dtype

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return len(self.signature.spec.shape)

    @property
    def primitive(self) -> Primitive:
        """The primitive that this node applies."""
        return self.signature.primitive

    def __repr__(self) -> str:
        return repr(self.signature)

    def __add__(self, other: Node | Scalar) -> Node:
        return PRIMITIVES["add"](self, lift(other, self))

    def __radd__(self, other: Scalar) -> Node:
        return PRIMITIVES["add"](lift(other, self), self)

    def __sub__(self, other: Node | Scalar) -> Node:
        return PRIMITIVES["sub"](self, lift(other, self))

    def __rsub__(self, other: Scalar) -> Node:
        return PRIMITIVES["sub"](lift(other, self), self)

    def __mul__(self, other: Node | Scalar) -> Node:
        return PRIMITIVES["mul"](self, lift(other, self))

    def __rmul__(self, other: Scalar) -> Node:
        return PRIMITIVES["mul"](lift(other, self), self)

    def __truediv__(self, other: Node | Scalar) -> Node:
        return PRIMITIVES["div"](self, lift(other, self))

    def __rtruediv__(self, other: Scalar) -> Node:
        return PRIMITIVES["div"](lift(other, self), self)

    def __neg__(self) -> Node:
        return PRIMITIVES["neg"](self)


_init = Node.__init__


def watch_nodes(watch: Callable[[Node], None] | None) -> None:
    """Calls `watch` with every new node from now on; None ends it, and then it costs nothing."""

    def init_and_watch(node: Node, *args: Any, **kwargs: Any) -> None:
        _init(node, *args, **kwargs)
        assert watch is not None
        watch(node)

    Node.__init__ = _init if watch is None else init_and_watch  # type: ignore[assignment]


def apply(primitive: Primitive, inputs: tuple[Node, ...], attrs: tuple[Any, ...] = ()) -> Node:
    """Returns a node that applies `primitive` to `inputs`.

    Raises:
        ShapeError, DTypeError: from the primitive's spec rule.
        DeviceError: if the inputs live on different devices.
    """
    if len(inputs) == 1:
        (a,) = inputs
        found = _SIGNATURES.get((primitive, attrs, a.signature.leaf))
        if found is not None:
            flows = a.needs_grad and found.differentiable and grad_mode.enabled
            return Node(found, inputs, a.device, flows)
    elif len(inputs) == 2:
        a, b = inputs
        found = _SIGNATURES.get((primitive, attrs, a.signature.leaf, b.signature.leaf))
        if found is not None and a.device is b.device:
            flows = (a.needs_grad or b.needs_grad) and found.differentiable and grad_mode.enabled
            return Node(found, inputs, a.device, flows)
    return _applied(primitive, inputs, attrs)


def _applied(primitive: Primitive, inputs: tuple[Node, ...], attrs: tuple[Any, ...]) -> Node:
    """The same for any number of inputs."""
    key: list[Any] = [primitive, attrs]
    device: Device | None = None
    needs_grad = False
    for node in inputs:
        key.append(node.signature.leaf)
        if node.needs_grad:
            needs_grad = True
        if node.device is not device and node.device is not None:
            if device is not None:
                raise DeviceError(
                    f"{primitive.name}: inputs are on {device} and {node.device}; "
                    "move one of them with .to(...)"
                )
            device = node.device
    kind = tuple(key)
    signature = _SIGNATURES.get(kind) or _intern(
        primitive, attrs, tuple([node.signature.spec for node in inputs]), kind
    )
    return Node(
        signature, inputs, device, needs_grad and grad_mode.enabled and signature.differentiable
    )


def _no_reference(*arrays: Any, **attrs: Any) -> Any:
    raise AssertionError("leaves hold their values")


def _leaf_primitive(name: str) -> Primitive:
    return register(
        Primitive(name, lambda: TensorSpec((), _unreachable()), _no_reference, Host("a leaf"))
    )


def _unreachable() -> DType:
    raise AssertionError("leaves are built with their spec")


DATA = _leaf_primitive("data")
SCALAR = _leaf_primitive("scalar")


def data_signature(spec: TensorSpec) -> Signature:
    """Returns the signature of leaves that hold a buffer of this spec."""
    found = _DATA.get(spec)
    if found is None:
        found = _DATA.setdefault(spec, Signature(DATA, (), (), spec, next(_numbers)))
    return found


def data(buffer: Buffer, shape: Shape, dtype: DType, device: Device) -> Node:
    """Returns a realized node that shows `buffer`."""
    node = Node(data_signature(TensorSpec(shape, dtype)), (), device, False)
    node.buffer = buffer
    return node


def scalar(value: Scalar, dtype: DType) -> Node:
    """Returns a zero-dimensional node whose value is an argument, no part of the structure."""
    signature = _SCALARS.get(dtype)
    if signature is None:
        made = Signature(SCALAR, (), (), TensorSpec((), dtype), next(_numbers))
        signature = _SCALARS.setdefault(dtype, made)
    node = Node(signature, (), None, False)
    node.scalar = value
    return node


def lift(value: Node | Scalar, like: Node) -> Node:
    """Returns `value` as a node: numbers become scalars of the dtype of `like`."""
    if isinstance(value, Node):
        return value
    if isinstance(value, bool | int | float):
        return scalar(value, like.dtype)
    raise DTypeError(f"expected a node or a number, got {type(value).__name__}")


def toposort(roots: Iterable[Node], inputs: Callable[[Node], Sequence[Node]]) -> list[Node]:
    """Returns every node reachable from `roots` through `inputs`, inputs before their users.

    Iterative: graphs may be deeper than Python's stack.
    """
    order: list[Node] = []
    seen: set[int] = set()
    stack: list[tuple[Node, Iterator[Node]]] = []
    for root in roots:
        if id(root) in seen:
            continue
        seen.add(id(root))
        stack.append((root, iter(inputs(root))))
        while stack:
            node, rest = stack[-1]
            for child in rest:
                if id(child) not in seen:
                    seen.add(id(child))
                    stack.append((child, iter(inputs(child))))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


__all__ = [
    "DATA",
    "PRIMITIVES",
    "SCALAR",
    "Leaf",
    "Node",
    "Primitive",
    "Signature",
    "TensorSpec",
    "Vjp",
    "apply",
    "cast_mode",
    "data",
    "data_signature",
    "grad_mode",
    "lift",
    "register",
    "scalar",
    "signature",
    "toposort",
    "unshared_signature",
    "watch_nodes",
]
