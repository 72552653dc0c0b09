"""Plans of indexing: which kernel of ops/index*.cl runs, and how work-items share the work.

Every case is seen as (outer, size or count, inner): the dims before the indexed one, that dim, and
those after it.
"""

from __future__ import annotations

from typing import Any

from tinygrad_cl.dtypes import HALVES
from tinygrad_cl.lowering import (
    Attrs,
    DeviceTraits,
    Grid,
    Host,
    Pass,
    Template,
    TemplatePlan,
    flag_code,
)
from tinygrad_cl.shapes import Layout, Shape, numel

MIN_WORK = 8192  # elements of a work-item at least: about 5 us
TASKS = 8  # work-items per compute unit at most
SLAB = 8  # registers of a row that are added by one work-item, at least
GPU_LOCAL = 64
GPU_ITEMS = 1 << 22
SPARE = 16  # as in index_sum.cl
GPU_COLUMNS = 4096  # work-items that a GPU wants at least

_COPIED = {"uchar": "uchar", "int": "uint", "float": "uint"} | dict.fromkeys(HALVES, "ushort")
_TAGS = {"float": "f32", "double": "f64", "int": "i32", "long": "i64", "uchar": "u8"}
_TAGS |= dict.fromkeys(HALVES, "f32")
_JOINS = {"prod": "((a) * (b))", "max": "MAXIMUM(a, b)"}

Arguments = tuple[tuple[str, int], ...]


def out_of_range(op: str, index: int, size: int) -> str:
    """Returns the message of an IndexError."""
    return f"{op}: index {index} is out of range for a dim of size {size}"


def _vector(storage: str, traits: DeviceTraits) -> int:
    if traits.kind == "gpu":
        return 1
    if storage in ("double", "long"):  # registers have at least four lanes, or one
        return max(traits.vector // 2, min(traits.vector, 4))
    return traits.vector


def _blocks(shape: Shape, dim: int) -> tuple[int, int]:
    """Returns outer and inner."""
    return numel(shape[:dim]), numel(shape[dim + 1 :])


def _is_corner(small: Shape, large: Shape, dim: int) -> bool:
    return small[:dim] + small[dim + 1 :] != large[:dim] + large[dim + 1 :]


CORNER = Host("the index is smaller than its input; slice the input to the index's size first")


def _read_grid(units: int, work: int, traits: DeviceTraits) -> Grid:
    if traits.kind == "gpu":
        groups = -(-min(max(units, 1), GPU_ITEMS) // GPU_LOCAL)
        return Grid((groups * GPU_LOCAL,), (GPU_LOCAL,))
    return Grid((max(1, min(work // MIN_WORK, units, traits.units * TASKS)),), (1,))


def _read(rows: bool) -> Template:
    def plan(
        inputs: tuple[Layout, ...],
        out_shape: Shape,
        tags: tuple[str, ...],
        attrs: Attrs,
        traits: DeviceTraits,
    ) -> TemplatePlan | Host:
        x, given = inputs[0].shape, _attrs(attrs)
        dim = given["dim"]
        if not rows and _is_corner(out_shape, x, dim):
            return CORNER
        outer, inner = _blocks(x, dim)
        vec = _vector(tags[0], traits) if rows and inner >= traits.vector else 1
        cells = 1 if rows and vec > 1 else inner
        defines = (("VEC", vec), ("T", _COPIED.get(tags[0], "ulong")), ("ROWS", int(rows)))
        sizes = (outer, out_shape[dim], x[dim], inner)
        grid = _read_grid(outer * out_shape[dim] * cells, numel(out_shape), traits)
        arguments: Arguments = (("out", 0), ("in", 0), ("in", 1), *_flag(given["op"]))
        name = "index_select" if rows else "gather"
        step = Pass("index", name, defines, arguments + _longs(sizes), grid)
        return TemplatePlan((step,), (), (numel(out_shape),))

    return Template(plan)


def _attrs(attrs: Attrs) -> dict[str, Any]:
    return dict(attrs)


def _flag(op: str) -> Arguments:
    return ("flags", 0), ("int", flag_code(op))


def _longs(sizes: tuple[int, ...]) -> Arguments:
    return tuple(("long", size) for size in sizes)


def _shares(outer: int, count: int, size: int, inner: int, traits: DeviceTraits) -> Shape:
    """Into how many work-items outer positions, columns and rows of the sum are divided.

    Every range of rows walks through the whole index, so ranges are the last resort; but narrow
    slabs of columns take rows apart, of which memory wants to be read in one go.
    """
    if traits.kind == "gpu":
        blocks, slabs = max(1, min(outer, GPU_ITEMS)), max(1, inner)
        return blocks, slabs, max(1, min(size, GPU_COLUMNS // (blocks * slabs)))
    work = outer * max(size, count) * inner
    wanted = max(1, min(work // MIN_WORK, traits.units * TASKS))
    blocks = max(1, min(outer, wanted))
    slabs = max(1, min(-(-wanted // blocks), inner // (SLAB * traits.vector)))
    most = traits.units * (2 if inner >= SLAB * traits.vector else 1)
    return blocks, slabs, max(1, min(size, most, wanted // (blocks * slabs)))


def _accepts(i: int, layout: Layout, attrs: Attrs) -> bool:
    """The base may be one number for all elements, such as the zeros of a gradient."""
    return layout.is_contiguous or (i == 0 and _is_constant(layout))


def _is_constant(layout: Layout) -> bool:
    return layout.offset == 0 and layout.bounds is None and not any(layout.strides)


def _add(rows: bool) -> Template:
    def plan(
        inputs: tuple[Layout, ...],
        out_shape: Shape,
        tags: tuple[str, ...],
        attrs: Attrs,
        traits: DeviceTraits,
    ) -> TemplatePlan | Host:
        base, index, src = inputs
        given = _attrs(attrs)
        dim = given["dim"]
        if not rows and (index.shape != src.shape or _is_corner(index.shape, out_shape, dim)):
            return CORNER
        outer, inner = _blocks(out_shape, dim)
        count, size, storage = src.shape[dim], out_shape[dim], tags[0]
        step = 0 if _is_constant(base) and not base.is_contiguous else 1
        if rows and traits.kind == "cpu" and traits.vector <= inner and count < 1 << 31:
            return _sum_rows((outer, count, size, inner), storage, step, given["op"], traits)
        blocks, slabs, ranges = _shares(outer, count, size, inner, traits)
        slab, part = -(-inner // slabs), max(1, -(-size // ranges))
        wide = storage in HALVES
        defines: tuple[tuple[str, str | int], ...] = (
            ("VEC", _vector(storage, traits)),
            ("TAG", _TAGS[storage]),
            ("IO_T", storage),
            ("SUM_T", "float" if wide else storage),
            ("SEPARATE", int(wide)),
            ("ROWS", int(rows)),
        )
        if "kind" in given:
            defines += (("JOIN(a, b)", _JOINS[given["kind"]]),)
        arguments: Arguments = (("out", 0), ("in", 0), ("int", step), ("in", 1), ("in", 2))
        arguments += ((("scratch", 0),) if wide else ()) + _flag(given["op"])
        arguments += _longs((outer, count, size, inner, max(1, slab), part))
        grid = Grid((blocks, -(-inner // max(1, slab)) or 1, -(-size // part) or 1), (1, 1, 1))
        name = "index_add" if rows else "scatter_" + given.get("kind", "add")
        scratch = (4 * max(1, numel(out_shape)),) if wide else ()
        return TemplatePlan(
            (Pass("index_add", name, defines, arguments, grid),), scratch, (numel(out_shape),)
        )

    return Template(plan, _accepts)


def _sum_rows(
    sizes: tuple[int, ...], storage: str, step: int, op: str, traits: DeviceTraits
) -> TemplatePlan:
    """Wide rows: each is written once, with all that is added to it."""
    outer, count, size, inner = sizes
    wanted = max(1, min(outer * max(size, count) * inner // MIN_WORK, traits.units * TASKS))
    blocks = max(1, min(outer, wanted))
    part = -(-size // max(1, min(size, 2 * traits.units, wanted // blocks))) or 1
    ranges = -(-size // part) or 1
    defines = (("VEC", _vector(storage, traits)), ("TAG", _TAGS[storage]), ("IO_T", storage))
    arguments: Arguments = (("out", 0), ("in", 0), ("int", step), ("in", 1), ("in", 2))
    arguments += (("scratch", 0), *_flag(op), *_longs((*sizes, part)))
    grid = Grid((blocks, ranges), (1, 1))
    links = 4 * blocks * ranges * (part + SPARE + count)
    total = outer * size * inner
    return TemplatePlan(
        (Pass("index_sum", "index_add", defines, arguments, grid),), (links,), (total,)
    )


GATHER = _read(rows=False)
INDEX_SELECT = _read(rows=True)
SCATTER_ADD = _add(rows=False)
SCATTER_FOLD = _add(rows=False)
INDEX_ADD = _add(rows=True)
