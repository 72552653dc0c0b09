"""Slicing: which values of a structure can be computed slice by slice of the batch.

Most of a training step is parallel over the batch: item i of a result needs item i of the inputs
and the whole of the weights. Values in a row with that property, from the first convolution or
matrix product to the last gradient, form a `Region`. Its kernels need not run one after the other
over the whole batch: one kernel takes a slice of the batch through all of them while everything in
between stays in the cache. What is summed over the batch (a bias's gradient, a convolution's weight
gradient, the loss) leaves one partial sum per slice, and these are added up in order.

`find_region` marks the values; cutting.py rewrites them for one slice, as a structure of its own,
which is planned like any other. Dim 0 of a value of the region holds the batch: `items` equal
parts. In regions of channels it is dim 1, or the only one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinygrad_cl.compiler.simplify import living
from tinygrad_cl.compiler.structure import FREE, WANTED, Structure, Value
from tinygrad_cl.lowering import Assemble, Expr, Reduction, Template, View
from tinygrad_cl.shapes import Layout, Shape, numel

MAX_CANDIDATES = 4  # batch sizes that are tried
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
        dim: which dim holds the items instead of dim 0, where a value has so many.
    """

    items: int
    values: frozenset[int]
    sums: frozenset[int]
    rows: bool = False
    dim: int = 0


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
    dim: int = 0,
) -> Region:
    """Marks what can be computed slice by slice, value by value from the first ones on.

    Args:
        structure: the graph.
        items: the size of the batch.
        starts: whether a value may be the first.
        stops: whether a value must not belong to the region.
        first: the first value that is looked at.
        dim: which dim holds the items.
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
        if dim == 0 and is_sum(structure, at, items):
            (sums if inner else outside).add(at)
            continue
        modes = input_modes(structure, at, items, dim)
        fits = modes is not None and all(
            mode or i not in values for i, mode in zip(value.inputs, modes, strict=True)
        )
        if fits and (inner or (modes and modes[0])):
            values.add(at)
        elif inner:
            outside.add(at)
    return Region(items, frozenset(values), frozenset(sums), dim=dim)


def item_dim(shape: Shape, dim: int) -> int:
    """Returns the dim of a value in which a region holds its items."""
    return min(dim, max(len(shape) - 1, 0))


def item_size(shape: Shape, items: int, dim: int) -> int:
    """Returns how many elements of an item follow one another."""
    return numel(shape[item_dim(shape, dim) :]) // items


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


def input_modes(structure: Structure, at: int, items: int, dim: int = 0) -> tuple[bool, ...] | None:
    """Which inputs are cut along their items with the output (the others are read whole).

    Returns None if the output cannot be computed slice by slice.
    """
    value = structure[at]
    if not value.shape or value.shape[item_dim(value.shape, dim)] % items or value.numel == 0:
        return None
    lowering, shapes = value.lowering, [structure[i].shape for i in value.inputs]
    if isinstance(lowering, Expr):
        return _aligned(value.shape, shapes, dim)
    if isinstance(lowering, View):
        mode = _view_mode(lowering, value, shapes[0], items, dim)
        return None if mode is None else (mode,)
    if isinstance(lowering, Reduction):
        return (True,) if _folds_items(value, shapes[0], dim) else None
    if dim:
        return None
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


def _aligned(shape: Shape, shapes: list[Shape], dim: int) -> tuple[bool, ...] | None:
    """The modes of an expression: whatever has the items, counted from the right, is cut."""
    place = len(shape) - item_dim(shape, dim)
    modes = []
    for s in shapes:
        modes.append(len(s) >= place and s[-place] != 1)
        if modes[-1] and len(s) - item_dim(s, dim) != place:
            return None
    return tuple(modes)


def _folds_items(value: Value, shape: Shape, dim: int) -> bool:
    """Whether a reduction folds each item by itself, and all that lies before the items."""
    folded, keepdim = value.signature.kwargs["dim"], value.signature.kwargs["keepdim"]
    at = item_dim(shape, dim)
    before = [d for d in folded if d < at]
    kept = at if keepdim else at - len(before)
    return at not in folded and len(before) == at and kept == item_dim(value.shape, dim)


def _view_mode(view: View, value: Value, shape: Shape, items: int, dim: int) -> bool | None:
    layout = view.apply(Layout.contiguous(shape), value.shape, value.signature.kwargs)
    if layout is None:
        return None
    at = item_dim(value.shape, dim)
    if layout.bounds is not None and (dim or layout.bounds[0] != (0, value.shape[0])):
        return None
    if layout.strides[at] == 0:
        return False
    if not shape or shape[item_dim(shape, dim)] % items:
        return None
    rows, size = value.shape[at] // items, item_size(shape, items, dim)
    apart = all(n == 1 or s % (size * items) == 0 for n, s in _dims(layout, 0, at))
    if layout.strides[at] * rows != size or not apart:
        return None
    if layout.bounds is None:
        reach = sum((n - 1) * s for n, s in _dims(layout, at + 1, len(layout.shape)))
        inside = layout.offset % (size * items) + reach + (rows - 1) * layout.strides[at]
        if not (0 <= inside < size and layout.offset >= 0) or min(layout.strides) < 0:
            return None
    return True


def _dims(layout: Layout, first: int, end: int) -> list[tuple[int, int]]:
    """Sizes and strides of some dims."""
    return list(zip(layout.shape[first:end], layout.strides[first:end], strict=True))
