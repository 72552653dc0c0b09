"""Slicing: which values of a structure can be computed slice by slice of the batch.

Most of a training step is parallel over the batch: item i of a result needs item i of the inputs
and the whole of the weights. Values in a row with that property, from the first convolution or
matrix product to the last gradient, form a `Region`. Its kernels need not run one after the other
over the whole batch: one kernel takes a slice of the batch through all of them while everything in
between stays in the cache. What is summed over the batch (a bias's gradient, a convolution's weight
gradient, the loss) leaves one partial sum per slice, and these are added up in order.

`find_region` marks the values; `cut` rewrites them for one slice, as a structure of its own, which
is planned like any other. Dim 0 of a value of the region holds the batch: `items` equal parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tinygrad_cl import graph
from tinygrad_cl.compiler.body import Refusal
from tinygrad_cl.compiler.simplify import living
from tinygrad_cl.compiler.structure import FREE, WANTED, Structure, Value
from tinygrad_cl.graph import Signature, TensorSpec
from tinygrad_cl.lowering import Assemble, Expr, Reduction, Template, View
from tinygrad_cl.shapes import Layout, Shape, numel

MAX_CANDIDATES = 4  # batch sizes that are tried
MAX_WHOLE = 1024  # elements of an expression without batch that every slice computes again
LATE = 1 << 15  # elements of a region that begins after large weights, at least
MIN_KERNELS = 3  # templates and reductions in a region worth its own kernel
SHARED = 1 << 18  # bytes that every slice reads whole: beyond, slices wait for memory


@dataclass(frozen=True, slots=True)
class Region:
    """Values that can be computed slice by slice.

    Attributes:
        items: the size of the batch.
        values: those that hold the batch in dim 0.
        sums: those that are sums over it.
        rows: whether the items are rows of large tensors, of which a slice has as many as fit.
    """

    items: int
    values: frozenset[int]
    sums: frozenset[int]
    rows: bool = False


def find_region(structure: Structure) -> Region | None:
    """Returns the largest region of a structure, or None if there is none worth a kernel."""
    best: Region | None = None
    for items in _candidates(structure):
        region = _grow(structure, items)
        if best is None or len(region.values) > len(best.values):
            best = region
    if best is None:
        return None
    members = [structure[at].lowering for at in (*best.values, *best.sums)]
    kernels = sum(isinstance(lowering, Template | Reduction) for lowering in members)
    if kernels < MIN_KERNELS or (is_late(structure, best) and _elements(structure, best) < LATE):
        return None
    return best


def bare(structure: Structure) -> Structure:
    """A structure in which only what nobody reads is wanted.

    What is sliced, and how large slices are, decides in which order is summed. That must not
    change because somebody holds a value that lies between others.
    """
    read = {i for at in living(structure) for i in structure[at].inputs}
    return tuple(
        value._replace(flag=FREE) if value.flag == WANTED and at in read else value
        for at, value in enumerate(structure)
    )


def is_late(structure: Structure, region: Region) -> bool:
    """Whether a template like its own comes before a region: one with large weights."""
    before = range(min(region.values, default=0))
    return any(
        isinstance(value.lowering, Template) and value.lowering.cut is not None
        for value in (structure[at] for at in before)
    )


def _elements(structure: Structure, region: Region) -> int:
    return sum(structure[at].numel for at in region.values)


def _candidates(structure: Structure) -> list[int]:
    found: dict[int, None] = {}
    for value in structure:
        lowering = value.lowering
        if isinstance(lowering, Template) and lowering.cut is not None and value.shape:
            found.setdefault(value.shape[0])
    return [size for size in found if size > 1][:MAX_CANDIDATES]


def _grow(structure: Structure, items: int) -> Region:
    """Marks what follows from the first cut templates on, but for those with large weights."""

    def starts(at: int) -> bool:
        value = structure[at]
        if not isinstance(value.lowering, Template) or value.lowering.cut is None:
            return False
        modes = input_modes(structure, at, items) or ()
        whole = [structure[i] for i, mode in zip(value.inputs, modes, strict=False) if not mode]
        return sum(other.numel * other.dtype.itemsize for other in whole) <= SHARED

    return grow(structure, items, starts)


def grow(
    structure: Structure,
    items: int,
    starts: Callable[[int], bool],
    stops: Callable[[int], bool] = lambda at: False,
    first: int = 0,
) -> Region:
    """Marks what can be computed slice by slice, value by value from the first ones on.

    Args:
        structure: the graph.
        items: the size of the batch.
        starts: whether a value may be the first.
        stops: whether a value must not belong to the region.
        first: the first value that is looked at.
    """
    values: set[int] = set()
    sums: set[int] = set()
    outside: set[int] = set()  # depends on the region, and is not in it
    for at in range(first, len(structure)):
        value = structure[at]
        if any(i in outside or i in sums for i in value.inputs):
            outside.add(at)
            continue
        inner = [i for i in value.inputs if i in values]
        if not (inner or starts(at)):
            continue
        if stops(at):
            outside.add(at)
            continue
        if is_sum(structure, at, items):
            (sums if inner else outside).add(at)
            continue
        modes = input_modes(structure, at, items)
        fits = modes is not None and all(
            mode or i not in values for i, mode in zip(value.inputs, modes, strict=True)
        )
        if fits and (inner or (modes and modes[0])):
            values.add(at)
        elif inner:
            outside.add(at)
    return Region(items, frozenset(values), frozenset(sums))


def is_sum(structure: Structure, at: int, items: int) -> bool:
    """Whether a value is a sum over the batch, so that slices may add up their own."""
    value = structure[at]
    if not value.dtype.is_floating_point or value.dtype.is_half:
        return False
    if isinstance(value.lowering, Reduction):
        batch = structure[value.inputs[0]].shape
        folded = value.signature.kwargs["dim"]
        return value.lowering.kind == "sum" and 0 in folded and batch[0] % items == 0
    if not (isinstance(value.lowering, Template) and value.lowering.summed):
        return False
    return all(structure[i].shape[0] == items for i in value.inputs)


def input_modes(structure: Structure, at: int, items: int) -> tuple[bool, ...] | None:
    """Which inputs are cut along dim 0 with the output (the others are read whole).

    Returns None if the output cannot be computed slice by slice.
    """
    value = structure[at]
    if not value.shape or value.shape[0] % items or value.numel == 0:
        return None
    lowering, shapes = value.lowering, [structure[i].shape for i in value.inputs]
    if isinstance(lowering, Expr):
        return _aligned(value.shape, shapes)
    if isinstance(lowering, View):
        mode = _view_mode(lowering, value, shapes[0], items)
        return None if mode is None else (mode,)
    if isinstance(lowering, Reduction):
        return None if 0 in value.signature.kwargs["dim"] else (True,)
    if isinstance(lowering, Assemble):
        places = lowering.parts(tuple(shapes), value.shape, value.signature.kwargs)
        item = value.numel // items
        fits = all(
            shape[0] == value.shape[0] and place.strides[0] * (shape[0] // items) == item
            for shape, place in zip(shapes, places, strict=True)
        )
        return (True,) * len(shapes) if fits else None
    if isinstance(lowering, Template) and lowering.cut is not None:
        modes = lowering.cut(tuple(shapes), value.signature.kwargs)
        if modes is None or any(m and s[0] % items for m, s in zip(modes, shapes, strict=True)):
            return None
        return modes
    return None


def _aligned(shape: Shape, shapes: list[Shape]) -> tuple[bool, ...] | None:
    """The modes of an expression: whatever has the batch dim is cut."""
    return tuple(len(s) == len(shape) and s[0] == shape[0] and s[0] != 1 for s in shapes)


def _view_mode(view: View, value: Value, shape: Shape, items: int) -> bool | None:
    layout = view.apply(Layout.contiguous(shape), value.shape, value.signature.kwargs)
    if layout is None:
        return None
    if layout.bounds is not None and layout.bounds[0] != (0, value.shape[0]):
        return None
    if layout.strides[0] == 0:
        return False
    rows = value.shape[0] // items
    if not shape or shape[0] % items or layout.strides[0] * rows != numel(shape) // items:
        return None
    if layout.bounds is None:
        reach = sum((n - 1) * s for n, s in zip(layout.shape[1:], layout.strides[1:], strict=True))
        inside = layout.offset + reach + (rows - 1) * layout.strides[0]
        if not 0 <= inside < numel(shape) // items or min(layout.strides) < 0:
            return None
    return True


# ---- one slice


@dataclass(slots=True)
class Cut:
    """The structure of one slice.

    Attributes:
        structure: the values, inputs first.
        leaves: which value of the whole structure a leaf shows, and whether it is cut.
        outputs: which value of the whole structure an output is a part of.
        numbers: which scalar of the whole structure a scalar is.
    """

    structure: list[Value] = field(default_factory=list)
    leaves: dict[int, tuple[int, bool]] = field(default_factory=dict)
    outputs: dict[int, int] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)


def cut(
    structure: Structure, region: Region, outputs: list[int], realized: set[int], size: int
) -> Cut:
    """Returns the structure of a slice of `size` items that computes `outputs`.

    Raises:
        Refusal: naming a value outside the region that must be realized first.
    """
    cutter = _Cutter(structure, region, realized, size)
    for at in outputs:
        place = cutter.place(at, at in region.values)
        cutter.made.outputs[place] = at
        made = cutter.made.structure
        made[place] = made[place]._replace(flag=WANTED)
    return cutter.made


class _Cutter:
    def __init__(self, structure: Structure, region: Region, realized: set[int], size: int) -> None:
        self.structure = structure
        self.region = region
        self.realized = realized
        self.size = size
        self.made = Cut()
        self._places: dict[tuple[int, bool], int] = {}

    def place(self, at: int, is_cut: bool) -> int:
        """Returns the position of a value, or of its slice, in the new structure."""
        stack = [(at, is_cut)]
        while stack:
            key = stack[-1]
            if key in self._places:
                stack.pop()
                continue
            needed = self._needed(*key)
            missing = [other for other in needed if other not in self._places]
            if missing:
                stack += missing
                continue
            stack.pop()
            self._places[key] = self._add(*key, [self._places[other] for other in needed])
        return self._places[at, is_cut]

    def _is_member(self, at: int) -> bool:
        return at in self.region.values or at in self.region.sums

    def _is_leaf(self, at: int) -> bool:
        value = self.structure[at]
        if value.is_data:
            return True
        return at in self.realized and not self._is_member(at) and not self._is_count(at)

    def _is_count(self, at: int) -> bool:
        """Whether a number is made of so little data that every slice may compute it again.

        So are the labels that count: it saves a launch that all slices would wait for.
        """
        value = self.structure[at]
        if not isinstance(value.lowering, Reduction | Template) or value.numel != 1:
            return False
        waiting = list(value.inputs)
        while waiting:
            i = waiting.pop()
            other = self.structure[i]
            if other.is_scalar or (other.is_data and other.numel <= MAX_WHOLE):
                continue
            known = other.is_data or i in self.realized or other.numel > MAX_WHOLE
            if known or not isinstance(other.lowering, Expr | View):
                return False
            waiting += other.inputs
        return True

    def _needed(self, at: int, is_cut: bool) -> list[tuple[int, bool]]:
        """The inputs of a value with their modes."""
        value = self.structure[at]
        if value.is_scalar or self._is_leaf(at):
            return []
        if at in self.region.sums:
            return [(i, True) for i in value.inputs]
        if is_cut:
            modes = input_modes(self.structure, at, self.region.items)
            if modes is None:
                raise Refusal(at, "SLICE: it is computed before the slices")
            if self._is_member(at) or isinstance(value.lowering, Expr | View):
                return list(zip(value.inputs, modes, strict=True))
        elif (
            isinstance(value.lowering, View)
            or (isinstance(value.lowering, Expr) and value.numel <= MAX_WHOLE)
            or self._is_count(at)
        ):
            return [(i, False) for i in value.inputs]
        elif not value.inputs:
            return []
        raise Refusal(at, "SLICE: every slice reads it")

    def _add(self, at: int, is_cut: bool, inputs: list[int]) -> int:
        value, made = self.structure[at], self.made
        place = len(made.structure)
        shape = self._shape(at) if is_cut and at not in self.region.sums else value.shape
        if value.is_scalar:
            made.numbers[place] = at
            signature = value.signature
        elif self._is_leaf(at):
            made.leaves[place] = (at, is_cut)
            signature = graph.data_signature(TensorSpec(shape, value.dtype))
        else:
            specs = tuple(made.structure[i].signature.spec for i in inputs)
            signature = _cut_signature(value.signature, specs, shape)
            if signature.spec != TensorSpec(shape, value.dtype):
                raise AssertionError(f"slicing: {signature} is no slice of {value.signature}")
        made.structure.append(Value(signature, tuple(inputs), FREE))
        return place

    def _shape(self, at: int) -> Shape:
        shape = self.structure[at].shape
        return (shape[0] // self.region.items * self.size, *shape[1:])


def _cut_signature(signature: Signature, specs: tuple[TensorSpec, ...], shape: Shape) -> Signature:
    """The same primitive over slices: where its attrs hold the output's shape, the slice's."""
    attrs = tuple(
        shape if name == "shape" else given
        for name, given in zip(signature.primitive.attrs, signature.attrs, strict=True)
    )
    return graph.signature(signature.primitive, attrs, specs)
