"""What a block of a convolution costs: a rough count of the cycles of a core.

The core does two multiply-adds, two loads and one store of a register in a cycle.
"""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_cl.dtypes import HALVES
from tinygrad_cl.primitives.conv_cuts import KEPT, WEIGHTS, Blocks, Cut, cuts, fits, odd_vectors
from tinygrad_cl.primitives.conv_sides import Convolution, Pair
from tinygrad_cl.primitives.plans_dense import Types

L1 = 32768  # bytes that stay near the core
TAIL_RATE = 0.75  # of a tile one vector wide

# (rows, vectors) of a register tile, and how near to the peak it comes.
TILES = (
    ((1, 8), 0.5),
    ((2, 8), 0.75),
    ((3, 6), 0.8),
    ((4, 6), 0.95),
    ((6, 4), 1.0),
    ((8, 3), 1.0),
    ((8, 2), 1.0),
    ((12, 2), 1.0),
    ((12, 1), 0.75),
)
# (result channels, weights) of a register tile of ops/conv_weight.cl.
WEIGHT_TILES = (((1, 9), 0.55), ((2, 8), 0.8), ((4, 6), 0.95), ((6, 4), 0.95))
# (weights, vectors of result channels) of one of ops/conv_weight_wide.cl.
WIDE_TILES = (((8, 2), 0.95), ((9, 2), 0.95), ((6, 4), 0.95), ((12, 1), 0.75))


def weigh(cut: Cut, c: Convolution, types: Types) -> Iterator[Blocks]:
    """Yields the blocks of ops/conv.cl for every register tile that fits."""
    side, vec = cut.side, types.vec
    small = side.output_phases == 1 and cut.whole and cut.rows * cut.columns <= 1024
    base = cut.pack_cycles(vec)
    for panel in (False, True) if small and c.taps > 1 else (False,):
        extra = cut.dense_cycles(vec, cut.sources * c.taps) if panel else 0.0
        for tile, rate in TILES:
            if tile[0] <= max(2 * side.results, 2):
                yield from _weigh_tile(cut, c, types, panel, tile, rate, base + extra)


def _weigh_tile(
    cut: Cut, c: Convolution, types: Types, panel: bool, tile: Pair, rate: float, base: float
) -> Iterator[Blocks]:
    side, vec, (tile_rows, cols) = cut.side, types.vec, tile
    phases, depth, runs = side.output_phases, cut.sources * c.taps, 1 if panel else cut.images
    deep, half = cut.sources < side.sources, types.storage in HALVES
    length = (cut.rows - 1) * cut.pitch + cut.columns
    length = cut.images * cut.rows * cut.columns if panel else length
    run = -(-length // (cols * vec)) * cols * vec
    run = odd_vectors(run + vec, vec) if panel else run
    results = side.results
    if deep:
        results = min(results, KEPT // (run * phases * runs) // tile_rows * tile_rows)
    if half:
        results = min(results, WEIGHTS // depth // tile_rows * tile_rows)
    padded = -(-results // tile_rows) * tile_rows
    packed = half or (not deep and padded * depth <= WEIGHTS // 4)
    memory = {
        "IMAGE": cut.images * cut.sources * cut.plane + run + vec,
        "TABLE": depth,
        "KEPT": (padded * runs if deep else tile_rows) * phases * run + vec,
        "LINE": cut.rows * cut.columns * phases + 2 * vec if phases > 1 else 1,
        "DENSE": depth * run + cols * vec if panel else 1,
        "WEIGHTS": padded * depth if packed else 1,
    }
    if results < 1 or not fits(memory):
        return
    if not packed and tile in ((8, 3), (12, 2)):
        rate *= 0.75  # too many row pointers: they spill
    if tile_rows <= 3 and not (side.shift and cut.pitch % vec == 0):
        rate *= 0.9  # a load for two multiply-adds or fewer, and it crosses lines
    vectors = -(-length // vec)
    rest = vectors % cols
    tail = rest if rest < cols * TAIL_RATE else 0
    wide = vectors - rest + (rest / TAIL_RATE if tail else cols if rest else 0)
    tiles = -(-results // tile_rows) * runs
    cycles = tiles * tile_rows * wide * (depth / 2 / rate + (3 if deep else 1))
    cycles += tiles * 20 * (wide / cols + phases)
    near = (depth * run if panel else cut.sources * cut.plane) * types.size
    if near > L1:
        cycles *= 1.02 if near < 4 * L1 else 1.15
    cycles += base + cut.images * results * 30
    lines, span = (1, cut.rows * cut.columns) if panel else (cut.rows * phases, cut.columns)
    cycles += cut.images * results * lines * (4 * -(-span // vec) + 5)
    if padded * depth * types.size > 4 * L1:
        cycles += padded * depth * types.size / 16  # weights come from far away
    yield _blocks(cut, results, run, tile, panel, packed, tail, cycles, memory, "conv")


def weigh_weight(cut: Cut, c: Convolution, types: Types) -> Iterator[Blocks]:
    """Yields the blocks of ops/conv_weight.cl and ops/conv_weight_wide.cl."""
    side, vec = cut.side, types.vec
    base, dense = cut.pack_cycles(vec), cut.dense_cycles(vec, cut.sources * c.taps)
    if cut.whole and not side.shift and side.results >= 8:
        for results in cuts(side.results, min(side.results, 512), 4):
            for tile, rate in WIDE_TILES:
                yield from _weigh_wide(cut, c, types, results, tile, rate, base)
    small = cut.whole and cut.rows * cut.columns <= 256 and c.taps > 1
    for panel in (False, True) if small else (False,):
        for results in cuts(side.results, min(side.results, 512), 5):
            for tile, rate in WEIGHT_TILES:
                if tile[0] <= 2 * results:
                    extra = dense if panel else 0.0
                    yield from _weigh_dot(cut, c, types, panel, results, tile, rate, base + extra)


def _weigh_dot(
    cut: Cut,
    c: Convolution,
    types: Types,
    panel: bool,
    results: int,
    tile: Pair,
    rate: float,
    base: float,
) -> Iterator[Blocks]:
    vec, depth, (tile_rows, cols) = types.vec, cut.sources * c.taps, tile
    runs = 1 if panel else cut.images
    length = (cut.rows - 1) * cut.pitch + cut.columns
    length = cut.images * cut.rows * cut.columns if panel else length
    run = odd_vectors((length if panel else cut.rows * cut.pitch) + vec, vec)
    memory = {
        "IMAGE": cut.images * cut.sources * cut.plane + run + vec,
        "TABLE": depth,
        "KEPT": results * runs * run + vec,
        "LINE": depth + cols + 2 * vec,
        "DENSE": depth * run + vec if panel else 1,
    }
    if not fits(memory):
        return
    tiles = -(-results // tile_rows) * -(-depth // cols)
    vectors = runs * -(-length // vec)
    cycles = tiles * (tile_rows * cols * (vectors / 2 / rate + 2) + 15 * runs + 20)
    near = tile_rows * runs * run + (cols * run if panel else -(-cols // c.taps) * cut.plane * runs)
    if near * types.size > L1:
        cycles *= 1.2
    joined = cut.pitch == cut.columns
    rows, columns = (1, cut.rows * cut.columns) if joined else (cut.rows, cut.columns)
    cycles += base + cut.images * results * (rows * (3 * -(-columns // vec) + 5) + 40)
    cycles += results * depth / vec * 4
    yield _blocks(cut, results, run, tile, panel, False, 0, cycles, memory, "conv_weight")


def reads_in_place(c: Convolution, types: Types) -> bool:
    """Whether ops/conv_weight_wide.cl reads the image where it lies."""
    return c.single and types.storage not in HALVES


def _weigh_wide(
    cut: Cut, c: Convolution, types: Types, results: int, tile: Pair, rate: float, base: float
) -> Iterator[Blocks]:
    vec, (tile_rows, cols) = types.vec, tile
    depth, width = -(-cut.sources * c.taps // tile_rows) * tile_rows, cols * vec
    length = cut.images * cut.rows * cut.columns
    run = odd_vectors(length + vec, vec)
    tiles, plain = -(-results // width), reads_in_place(c, types)
    memory = {
        "IMAGE": 1 if plain else cut.images * cut.sources * cut.plane + run + vec,
        "TABLE": cut.sources * c.taps,
        "DENSE": tiles * width * run,
        "SUMS": tiles * width * depth,
    }
    if not fits(memory):
        return
    lines = cut.images * (1 if cut.pitch == cut.columns else cut.rows)
    cycles = tile_rows * cols * (length / 2 / rate + 2) + 15 * lines + 40
    cycles *= tiles * (depth // tile_rows)
    cycles += (0 if plain else base) + -(-results // vec) * length * 7
    yield _blocks(cut, results, run, tile, True, False, 0, cycles, memory, "conv_weight_wide")


def _blocks(
    cut: Cut,
    results: int,
    run: int,
    tile: Pair,
    panel: bool,
    packed: bool,
    tail: int,
    cycles: float,
    memory: dict[str, int],
    file: str,
) -> Blocks:
    return Blocks(
        cut.side,
        cut.images,
        cut.sources,
        results,
        cut.rows,
        cut.columns,
        cut.rows_in,
        cut.pitch,
        cut.plane,
        run,
        tile,
        panel,
        packed,
        tail,
        cycles,
        tuple(memory.items()),
        file,
    )
