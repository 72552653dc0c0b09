"""Tiles: bodies that read an operand across the order in which they write.

A transposed operand has neighbors in another dim than the result has. Taken element by element it
costs a cache line each. Such a body runs over tiles of two dims: the operand is read in its own
order, a register of neighbors at a time, and turned in registers (on a GPU: in local memory) before
the body takes it row by row. Operands in the order of the result are read as ever.
"""

from __future__ import annotations

from math import gcd

from tinygrad_cl.compiler.body import Body
from tinygrad_cl.compiler.forms import (
    GPU_GROUPS,
    GPU_LANES,
    MIN_CHUNK,
    TASKS,
    defines,
    unravel,
    vector_width,
)
from tinygrad_cl.compiler.render import BodyWriter, Dims, Kernel, KernelArgument, label
from tinygrad_cl.compiler.structure import Structure
from tinygrad_cl.lowering import DeviceTraits, Grid
from tinygrad_cl.shapes import Layout, numel

MIN_ROWS = 4  # of a tile: a register with fewer neighbors is no better than a strided load
MAX_CROSSED = 3  # operands that are turned; local memory holds a tile of each
BAND = 16384  # elements that a CPU goes through before others, column after column of tiles
BAND_ROWS = 64  # of a band, at most
SET_STRIDE = 4096  # bytes between lines that share a set of the first-level cache
SET_LINES = 8  # of a set, that rows of results may fill
SIDE = 32  # of a GPU's tile; as in elementwise_tile.cl
UNROLL_ITEMS = 8  # of a body whose rows are unrolled: longer ones are a loop


def crossed_rows(dims: Dims) -> int | None:
    """Returns the dim along which most operands are crossed, or None if none is."""
    counts = {
        d: sum(is_crossed(layout, d) for layout in dims.layouts)
        for d, size in enumerate(dims.sizes[:-1])
        if size >= MIN_ROWS
    }
    best = max(counts, key=lambda d: counts[d], default=None)
    return best if best is not None and counts[best] and dims.sizes[-1] > 1 else None


def is_crossed(layout: Layout, row: int) -> bool:
    """Whether a layout has neighbors along `row`, and none along the last dim."""
    return layout.bounds is None and layout.strides[row] == 1 and layout.strides[-1] not in (0, 1)


def _rows_second_to_last(dims: Dims, row: int) -> Dims:
    last = len(dims.sizes) - 1
    order = [*(d for d in range(last) if d != row), row, last]
    sizes = tuple(dims.sizes[d] for d in order)
    marks = tuple(dims.marks[d] for d in order)
    return Dims(sizes, marks, tuple(layout.permute(order) for layout in dims.layouts))


class TileWriter(BodyWriter):
    """Writes a body whose crossed operands arrive turned: registers `x0`, `x1`, ...

    Attributes:
        tiles: per crossed operand its name, tag, access, pointer, the place of its tile's first
            element, and its stride along the columns.
    """

    def __init__(self, structure: Structure, body: Body, dims: Dims, names: list[str]) -> None:
        super().__init__(structure, body, dims, names)
        self.tiles: list[tuple[str, str, str, str, str, str]] = []

    def _load(self, value: int, layout: Layout) -> str:
        if not is_crossed(layout, -2) or len(self.tiles) == MAX_CROSSED:
            return super()._load(value, layout)
        name, tag = f"x{len(self.tiles)}", self.structure[value].dtype.tag
        pointer, access = self._buffer(value, False), self._access(value)
        at, stride = self._offset(layout, True), self._number(layout.strides[-1])
        self.tiles.append((name, tag, access, pointer, at, stride))
        return name


def tile_kernel(
    structure: Structure, body: Body, dims: Dims, row: int, traits: DeviceTraits, stream: bool
) -> Kernel:
    """Returns the kernel of a body over tiles of the dims `row` and the last."""
    dims = _rows_second_to_last(dims, row)
    outer = [f"i{d}" for d in range(len(dims.sizes) - 2)]
    names = [*outer, "r", "j"]
    writer = TileWriter(structure, body, dims, names)
    writer.stream = stream
    writer.write()
    extra, unraveled = unravel("UNRAVEL", outer, dims.sizes[:-2], "d")
    text = _text(writer, names, extra, unraveled, traits)
    rows, cols = dims.sizes[-2:]
    band = _band(structure, body, dims, traits, stream)
    tiles = numel(dims.sizes[:-2]) * -(-rows // band[0]) * -(-cols // band[1])
    chunk, groups = _chunks(tiles, min(rows, band[0]) * min(cols, band[1]), traits)
    numbers = (numel(dims.sizes[:-2]), rows, cols, chunk, *band)
    sizes: list[KernelArgument] = [("long", number) for number in numbers]
    arguments = (*sizes, *writer.arguments(), *(("long", size) for _, size in extra))
    local = (GPU_LANES,) if traits.kind == "gpu" else (1,)
    grid = Grid((groups * local[0],), local)
    name = f"{label(structure, body)}_turned"
    return Kernel(name, "elementwise_tile", text, vector_width(traits), arguments, grid)


def _band(
    structure: Structure, body: Body, dims: Dims, traits: DeviceTraits, stream: bool
) -> tuple[int, int]:
    """Rows and columns that are gone through before others.

    Walking down the columns reads crossed operands along their rows. But rows of results whose
    lines share a set of the cache push each other out, so few of these are written at a time.
    """
    if traits.kind == "gpu":
        return SIDE, SIDE
    layouts = dims.layouts[-len(body.outputs) :]
    sizes = (structure[value].dtype.itemsize for value, _ in body.outputs)
    strides = (layout.strides[-2] * size for layout, size in zip(layouts, sizes, strict=True))
    shared = 1 if stream else max(gcd(stride, SET_STRIDE) for stride in strides)
    rows = max(vector_width(traits), min(BAND_ROWS, SET_LINES * SET_STRIDE // shared))
    return rows, BAND // rows


def _text(
    writer: TileWriter,
    names: list[str],
    extra: list[tuple[str, int]],
    unraveled: str,
    traits: DeviceTraits,
) -> str:
    head = "".join(f"const size_t {name}, " for name in names)
    turned = "".join(f", const V_{tag} {name}" for name, tag, *_ in writer.tiles)
    picked = "".join(f", PICK({name})" for name, *_ in writer.tiles)
    call = f"NAME(body)({', '.join(names)}, n{picked}{writer.argument_text()})"
    is_short = len(writer.body.items) <= UNROLL_ITEMS
    return writer.function(f"void NAME(body)({head}const int n{turned}") + defines(
        ("LANES", GPU_LANES if traits.kind == "gpu" else 1),
        ("UNROLL", vector_width(traits) if is_short else 1),
        ("PARAMS", writer.parameter_text() + "".join(f", long {name}" for name, _ in extra)),
        ("TILES", " ".join(f"TILE({tag}, {name})" for name, tag, *_ in writer.tiles)),
        ("TURN", " ".join(_turn(tile) for tile in writer.tiles)),
        ("BODY_CALL(r, j, n)", call),
        ("UNRAVEL(row)", unraveled),
    )


def _turn(tile: tuple[str, str, str, str, str, str]) -> str:
    name, tag, access, pointer, at, stride = tile
    return f"TURN_TILE({tag}, {access}, {name}, {pointer}, {at}, {stride})"


def _chunks(tiles: int, elements: int, traits: DeviceTraits) -> tuple[int, int]:
    """Tiles of a work-group, and work-groups."""
    least = 1 if traits.kind == "gpu" else max(1, MIN_CHUNK // elements)
    most = traits.units * (GPU_GROUPS if traits.kind == "gpu" else TASKS)
    chunk = max(least, -(-tiles // most))
    return chunk, -(-tiles // chunk)
