"""How ops/conv.cl and ops/conv_weight.cl cut a convolution into blocks.

A handful of block sizes and register tiles is weighed by a rough count of cycles, and the cheapest that fits private memory is
taken. Counts are those of a core with two multiply-adds, two loads and one store of a register in a cycle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinygrad_cl.primitives.plans_dense import Types

Pair = tuple[int, int]

# Private memory, in elements.
IMAGE = 32768  # packed image
DENSE = 32768  # panel of a small map
KEPT = 32768  # sums of a block (weight gradient: cotangents)
LINE = 16384  # pixels of one channel, or weights of one channel
WEIGHTS = 16384  # packed weights
TABLE = 8192  # pairs of offsets

DEPTH = 1152  # weights of a result channel in one block, if a block has several source channels
COLUMNS = 1024  # of a block, at most
L1 = 32768  # bytes of a packed image that stay near the core

# (rows, vectors) of a register tile, and how near to the peak it comes.
TILES = (
    ((1, 8), 0.5),
    ((2, 8), 0.75),
    ((4, 6), 0.95),
    ((6, 4), 1.0),
    ((8, 3), 1.0),
    ((8, 2), 1.0),
    ((12, 2), 1.0),
    ((12, 1), 0.75),
)
# (result channels, weights) of a register tile of the weight gradient.
WEIGHT_TILES = (((1, 9), 0.6), ((2, 8), 0.85), ((4, 6), 1.0), ((6, 4), 1.0), ((5, 5), 1.0))


@dataclass(frozen=True, slots=True)
class Convolution:
    """The sizes of a forward convolution, whichever of its three products is wanted."""

    images: int
    groups: int
    channels: int  # of one group's input
    outputs: int  # of one group
    size: Pair
    out: Pair
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair

    @property
    def taps(self) -> int:
        """Weights per input channel."""
        return self.kernel[0] * self.kernel[1]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the products that make an image: forward (from x) or input gradient (from g)."""

    sources: int  # channels of one group
    results: int
    source: Pair
    target: Pair
    up: Pair  # output phases
    phases: Pair  # image phases
    low: Pair  # the image's first row and column, relative to the source's
    reach: Pair  # rows and columns of the image beyond those of the block

    @property
    def output_phases(self) -> int:
        """Phases into which the output falls."""
        return self.up[0] * self.up[1]

    @property
    def image_phases(self) -> int:
        """Phases into which the packed image is split."""
        return self.phases[0] * self.phases[1]

    @property
    def up_size(self) -> Pair:
        """Rows and columns of the largest output phase."""
        return -(-self.target[0] // self.up[0]), -(-self.target[1] // self.up[1])


@dataclass(frozen=True, slots=True)
class Blocks:
    """A choice of block sizes, register tile and private memory."""

    images: int
    sources: int
    results: int
    rows: int
    columns: int
    rows_in: int
    pitch: int
    plane: int
    run: int
    tile: Pair
    panel: bool
    packed: bool
    cycles: float  # of one block
    memory: dict[str, int]


def forward_side(c: Convolution) -> Side:
    """The forward convolution: one output phase, as many image phases as the stride and the kernel make."""
    dims = tuple(zip(c.stride, c.kernel, c.dilation, strict=True))
    phases = tuple(min(s, (k - 1) * d + 1) for s, k, d in dims)
    reach = tuple((k - 1) * d // s for s, k, d in dims)
    return Side(
        c.channels,
        c.outputs,
        c.size,
        c.out,
        (1, 1),
        (phases[0], phases[1]),
        (-c.padding[0], -c.padding[1]),
        (reach[0], reach[1]),
    )


def input_side(c: Convolution) -> Side:
    """The input gradient: `stride` output phases; a tap shifts by (phase + padding - tap * dilation) / stride."""
    low, reach = [], []
    for s, k, d, p in zip(c.stride, c.kernel, c.dilation, c.padding, strict=True):
        exact = (phase + p - tap * d for phase in range(s) for tap in range(k))
        shifts = [t // s for t in exact if t % s == 0]
        low.append(min(shifts))
        reach.append(max(shifts) - min(shifts))
    return Side(
        c.outputs,
        c.channels,
        c.out,
        c.size,
        c.stride,
        (1, 1),
        (low[0], low[1]),
        (reach[0], reach[1]),
    )


# --- Candidates ---------------------------------------------------------------------------------------------


def _cuts(size: int, most: int) -> list[int]:
    """Sizes of equal parts of `size`, none above `most`, at most 12 of them, the largest first."""
    found: list[int] = []
    parts = max(1, -(-size // max(most, 1)))
    while len(found) < 12:
        part = max(1, -(-size // parts))
        found.append(part)
        if part == 1:
            break
        parts = -(-size // (part - 1)) if part < 12 else -(-parts * 5 // 4)
    return found


def _candidates(side: Side, c: Convolution) -> Iterator[tuple[int, int, int, int]]:
    """Yields (images, sources, rows, columns) of blocks; smaller columns only if nothing else may fit."""
    up_rows, up_columns = side.up_size
    columns = max(1, -(-up_columns // max(1, -(-up_columns // COLUMNS))))
    while columns:
        for sources in _cuts(side.sources, max(1, DEPTH // c.taps))[:6]:
            for rows in _cuts(up_rows, up_rows):
                yield 1, sources, rows, columns
                images = 2
                while rows == up_rows and images <= min(c.images, 64):
                    yield images, sources, rows, columns
                    images *= 2
        columns //= 2


def _odd_vectors(size: int, vec: int) -> int:
    """`size` rounded up to an odd number of vectors: neighbors then share no set of the cache."""
    return (-(-size // vec) | 1) * vec


def choose_blocks(side: Side, c: Convolution, types: Types) -> Blocks | None:
    """Returns the cheapest blocks of ops/conv.cl; None if nothing fits private memory."""
    best, least, wide = None, 0.0, 0
    for images, sources, rows, columns in _candidates(side, c):
        if best is not None and columns < wide:
            break
        for panel in (False, True):
            for tile, rate in TILES:
                b = _weigh(side, c, types, (images, sources, rows, columns), panel, tile, rate)
                if b is not None:
                    cost = b.cycles * -(-side.results // b.results) / (images * rows * columns)
                    if best is None or cost * -(-side.sources // sources) < least:
                        best, least, wide = b, cost * -(-side.sources // sources), columns
    return best


def _weigh(
    side: Side,
    c: Convolution,
    types: Types,
    sizes: tuple[int, int, int, int],
    panel: bool,
    tile: Pair,
    rate: float,
) -> Blocks | None:
    images, sources, rows, columns = sizes
    tile_rows, cols = tile
    vec, phases, depth = types.vec, side.output_phases, sources * c.taps
    if panel and (phases > 1 or columns < side.up_size[1] or side.reach == (0, 0)):
        return None
    rows_in, pitch = rows + side.reach[0], columns + side.reach[1]
    plane = _odd_vectors(side.image_phases * rows_in * pitch, vec)
    length = images * rows * columns if panel else (rows - 1) * pitch + columns
    width = cols * vec
    run = -(-length // width) * width
    run = _odd_vectors(run + vec, vec) if panel else run
    deep = sources < side.sources
    runs = 1 if panel else images
    results = side.results
    if deep:
        results = min(results, KEPT // (run * phases * runs) // tile_rows * tile_rows)
    half = types.storage == "half"
    if half:
        results = min(results, WEIGHTS // depth // tile_rows * tile_rows)
    if results < 1:
        return None
    padded = -(-results // tile_rows) * tile_rows
    packed = half or (not deep and padded * depth <= WEIGHTS)
    memory = {
        "IMAGE": images * sources * plane + run + vec,
        "TABLE": depth,
        "KEPT": (padded * runs if deep else tile_rows) * phases * run,
        "LINE": rows * columns * phases + vec if phases > 1 else 1,
        "DENSE": depth * run + width if panel else 1,
        "WEIGHTS": padded * depth if packed else 1,
    }
    limits = {"IMAGE": IMAGE, "TABLE": TABLE, "KEPT": KEPT, "LINE": LINE, "DENSE": DENSE}
    if any(memory[name] > limit for name, limit in limits.items()):
        return None
    if not packed and tile in ((8, 3), (12, 2)):
        rate *= 0.75  # too many row pointers: they spill
    tiles = -(-results // tile_rows) * runs * -(-length // width)
    cycles = tiles * (tile_rows * cols * (depth / 2 / rate + (3 if deep else 1)) + 20 * phases)
    near = depth * run if panel else sources * plane * runs
    if near * types.size > L1:
        cycles *= 1.03 if near * types.size < 4 * L1 else 1.1
    cycles += images * (sources if rows < side.up_size[0] else 1) * 150  # runs of memory
    cycles += images * sources * (side.image_phases * rows_in * (3 * -(-pitch // vec) + 8) + 40)
    if panel:
        cycles += depth * images * rows * (4 * -(-columns // vec) + 3)
    lines = images * results if panel else images * results * rows * phases
    cycles += lines * (4 * -(-(rows * columns if panel else columns) // vec) + 5) + images * results * 30
    if padded * depth * types.size > 4 * L1:
        cycles += padded * depth * types.size / 16  # weights come from far away
    return Blocks(
        images, sources, results, rows, columns, rows_in, pitch, plane, run, tile, panel, packed, cycles, memory
    )


# --- Weight gradient ----------------------------------------------------------------------------------------


def choose_weight_blocks(side: Side, c: Convolution, types: Types) -> Blocks | None:
    """Returns the cheapest blocks of ops/conv_weight.cl; None if nothing fits private memory."""
    best, least, wide = None, 0.0, 0
    for images, sources, rows, columns in _candidates(side, c):
        if best is not None and columns < wide:
            break
        for panel in (False, True):
            for results in _cuts(side.results, side.results)[:6]:
                for tile, rate in WEIGHT_TILES:
                    b = _weigh_weight(
                        side, c, types, (images, sources, rows, columns, results), panel, tile, rate
                    )
                    if b is not None:
                        cost = b.cycles / (images * rows * columns * sources * results)
                        if best is None or cost < least:
                            best, least, wide = b, cost, columns
    return best


def _weigh_weight(
    side: Side,
    c: Convolution,
    types: Types,
    sizes: tuple[int, int, int, int, int],
    panel: bool,
    tile: Pair,
    rate: float,
) -> Blocks | None:
    images, sources, rows, columns, results = sizes
    tile_rows, cols = tile
    vec, depth = types.vec, sources * c.taps
    if panel and (columns < side.up_size[1] or side.reach == (0, 0)):
        return None
    rows_in, pitch = rows + side.reach[0], columns + side.reach[1]
    plane = _odd_vectors(side.image_phases * rows_in * pitch, vec)
    length = images * rows * columns if panel else (rows - 1) * pitch + columns
    runs = 1 if panel else images
    run = _odd_vectors((length if panel else rows * pitch) + vec, vec)
    memory = {
        "IMAGE": images * sources * plane + run + vec,
        "TABLE": depth,
        "KEPT": results * runs * run + vec,
        "LINE": depth + cols + 2 * vec,
        "DENSE": depth * run + vec if panel else 1,
    }
    limits = {"IMAGE": IMAGE, "TABLE": TABLE, "KEPT": KEPT, "LINE": LINE, "DENSE": DENSE}
    if any(memory[name] > limit for name, limit in limits.items()):
        return None
    tiles = -(-results // tile_rows) * -(-depth // cols)
    vectors = runs * -(-length // vec)
    cycles = tiles * (tile_rows * cols * (vectors / 2 / rate + 2) + 15 * runs + 20)
    cycles += images * sources * (side.image_phases * rows_in * (3 * -(-pitch // vec) + 8) + 40)
    cycles += images * results * (rows * (3 * -(-pitch // vec) + 5) + 40)
    if panel:
        cycles += depth * images * rows * (4 * -(-columns // vec) + 3)
    cycles += results * depth / vec * 4
    near = tile_rows * runs * run + (cols * run if panel else -(-cols // c.taps) * plane * runs)
    if near * types.size > L1:
        cycles *= 1.2
    return Blocks(
        images, sources, results, rows, columns, rows_in, pitch, plane, run, tile, panel, False, cycles, memory
    )
