"""Bodies: what one kernel computes per element, resolved down to loads.

A `Body` is a straight line of items over one domain (a shape): loads of buffers through layouts,
scalar arguments, indices, and expressions over earlier items. It is found by walking up from an
output: expressions become `Compute` items, movements are carried along as a chain and applied to
    the layouts of the loads below them. Where a
chain cannot be said in strides, the walk raises `Refusal`, and fusion realizes the value named
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tinygrad_cl.compiler.structure import Structure
from tinygrad_cl.lowering import Expr, Index, View
from tinygrad_cl.shapes import Layout, Shape


class Refusal(Exception):
    """A border: the value that must be realized, and the named reason."""

    def __init__(self, value: int, reason: str) -> None:
        super().__init__(f"value {value}: {reason}")
        self.value = value
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Load:
    """Reads a realized value through a layout over the domain."""

    value: int
    layout: Layout


@dataclass(frozen=True, slots=True)
class Argument:
    """A run-time number."""

    value: int


@dataclass(frozen=True, slots=True)
class Address:
    """The linear index itself (int64), through a layout over the domain."""

    value: int
    layout: Layout


@dataclass(frozen=True, slots=True)
class Anchor:
    """The element that the kernel's reduction or template hands to its epilogue."""

    value: int


@dataclass(frozen=True, slots=True)
class Compute:
    """The value's expression over earlier items."""

    value: int
    operands: tuple[int, ...]


Item = Load | Argument | Address | Anchor | Compute


@dataclass(frozen=True, slots=True)
class Body:
    """Items in order, and which of them are the outputs: `(value, item)`."""

    domain: Shape
    items: tuple[Item, ...]
    outputs: tuple[tuple[int, int], ...]

    @property
    def loads(self) -> list[Load]:
        """The items that read buffers."""
        return [item for item in self.items if isinstance(item, Load)]


@dataclass(frozen=True, slots=True)
class Movement:
    """One link of a chain: `apply` changes a layout, and `below` is realized if it cannot."""

    apply: Callable[[Layout], Layout | None] = field(compare=False)
    below: int
    key: tuple[object, ...]


Chain = tuple[Movement, ...]


def view_movement(structure: Structure, at: int) -> Movement:
    """The movement that a View value applies to its input."""
    value = structure[at]
    lowering, shape, attrs = value.lowering, value.shape, value.signature.kwargs
    assert isinstance(lowering, View)
    return Movement(
        lambda layout: lowering.apply(layout, shape, attrs), value.inputs[0], ("view", at)
    )


def expand_movement(below: int, shape: Shape) -> Movement:
    """Broadcasting of a value to the shape of its user."""
    return Movement(lambda layout: layout.expand(shape), below, ("expand", shape))


def reshape_movement(below: int, shape: Shape) -> Movement:
    """Reading a value in the shape of the kernel's domain."""
    return Movement(lambda layout: layout.reshape(shape), below, ("reshape", shape))


def follow(layout: Layout, chain: Chain) -> Layout:
    """Returns how a value that lies in this way is read at the end of a chain.

    Raises:
        Refusal: naming the value below the link that strides cannot say.
    """
    for link in chain:
        moved = link.apply(layout)
        if moved is None:
            raise Refusal(link.below, "LAYOUT: no strides read it in this order")
        layout = moved
    return layout


def homes(structure: Structure, outputs: Iterable[int], domain: Shape) -> list[Layout]:
    """The layouts through which values are written by a kernel that runs over a domain."""
    found = [structure[at].layout.reshape(domain) for at in outputs]
    return [layout for layout in found if layout is not None]


class Resolver:
    """Builds one body.

    Args:
        structure: the graph.
        realized: which values have buffers (or will have, from other kernels).
        domain: the shape over which the body runs.
        inside: outputs of this very kernel: computed in registers although they are realized.
        anchor: the value handed in by the kernel's reduction or template.
    """

    def __init__(
        self,
        structure: Structure,
        realized: set[int],
        domain: Shape,
        inside: frozenset[int] = frozenset(),
        anchor: int | None = None,
    ) -> None:
        self.structure = structure
        self.realized = realized
        self.domain = domain
        self.inside = inside
        self.anchor = anchor
        self.items: list[Item] = []
        self._places: dict[Item, int] = {}
        self._seen: dict[tuple[int, Chain], int] = {}

    def add(self, at: int) -> int:
        """Resolves a value in the domain; returns its item.

        Raises:
            Refusal: if some value below must be realized first.
        """
        shape = self.structure[at].shape
        chain = () if shape == self.domain else (reshape_movement(at, self.domain),)
        return self._resolve(at, chain)

    def body(self, outputs: list[int]) -> Body:
        """Returns the body that computes `outputs`.

        Raises:
            Refusal: if some value below must be realized first, or an output lies otherwise than
                the body runs.
        """
        for at in outputs:
            value = self.structure[at]
            if value.pitch and (
                self.anchor is not None or value.layout.reshape(self.domain) is None
            ):
                raise Refusal(at, "LAYOUT: no strides write it in this order")
        placed = tuple((at, self.add(at)) for at in outputs)
        return Body(self.domain, tuple(self.items), placed)

    def _place(self, item: Item) -> int:
        if item not in self._places:
            self._places[item] = len(self.items)
            self.items.append(item)
        return self._places[item]

    def _resolve(self, at: int, chain: Chain) -> int:
        known = self._seen.get((at, chain))
        if known is None:
            known = self._seen[at, chain] = self._resolve_new(at, chain)
        return known

    def _resolve_new(self, at: int, chain: Chain) -> int:
        value = self.structure[at]
        if value.is_scalar:
            self._refuse_bounds(at, chain)
            return self._place(Argument(at))
        if at in self.inside:
            return self._resolve_inside(at, chain)
        if at in self.realized:
            return self._place(Load(at, follow(value.layout, chain)))
        return self._expand_value(at, chain)

    def _resolve_inside(self, at: int, chain: Chain) -> int:
        layout = follow(Layout.contiguous(self.structure[at].shape), chain)
        if not layout.is_contiguous or layout.shape != self.domain:
            raise Refusal(at, "ORDER: the consumer reads it in another order than it is made")
        if at == self.anchor:
            return self._place(Anchor(at))
        return self._expand_value(at, chain)

    def _expand_value(self, at: int, chain: Chain) -> int:
        value = self.structure[at]
        lowering = value.lowering
        if isinstance(lowering, View):
            return self._resolve(value.inputs[0], (view_movement(self.structure, at), *chain))
        if isinstance(lowering, Index):
            self._refuse_bounds(at, chain)
            return self._place(Address(at, follow(value.layout, chain)))
        if isinstance(lowering, Expr):
            self._refuse_bounds(at, chain)
            operands = tuple(self._operand(i, value.shape, chain) for i in value.inputs)
            return self._place(Compute(at, operands))
        raise Refusal(at, "KERNEL: it has a kernel of its own")

    def _operand(self, at: int, shape: Shape, chain: Chain) -> int:
        if self.structure[at].shape != shape:
            chain = (expand_movement(at, shape), *chain)
        return self._resolve(at, chain)

    def _refuse_bounds(self, at: int, chain: Chain) -> None:
        """Zeros of a pad stand around values, not around what they are computed from."""
        layout: Layout | None = Layout.contiguous(self.structure[at].shape)
        for link in chain:
            layout = link.apply(layout) if layout is not None else None
            if layout is None:
                return
            if layout.bounds is not None:
                raise Refusal(link.below, "PAD: zeros are added around it")
