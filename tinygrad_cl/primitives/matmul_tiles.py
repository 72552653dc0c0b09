"""Register tiles of the matrix product on CPUs, and what they take: cycles of one core."""

from __future__ import annotations

from tinygrad_cl.primitives.products import Product

Tile = tuple[int, int]

TINY = 1 << 15  # multiply-adds, at most, for which no kernel of their own is compiled

# (rows, vectors) of a register tile, and how near to the peak it comes. The first one serves nearly
# everything, so that few kernels are compiled: others must save a tenth.
TILES = (
    ((8, 2), 1.0),
    ((1, 8), 0.30),
    ((2, 8), 0.55),
    ((4, 6), 0.85),
    ((6, 4), 0.9),
    ((14, 1), 0.75),
)

# (rows, columns) of a tile of dot products, and how near to the peak it comes.
DOT_TILES = (((1, 8), 0.6), ((2, 8), 0.8), ((4, 6), 0.95), ((8, 3), 0.96))
DOT_NEAR = 1 << 20  # elements of B, at most, for the last one: more are read faster six at a time
DOT_FOLD = 70  # cycles at the end of such a tile
FLIP_TILES = (((8, 2), 1.0), ((8, 1), 0.8))  # of a product that is computed transposed
PACK = 0.4  # cycles to pack an element of a transposed B
COPY = 0.1  # the same where the rows of B are copied
TURN = 1.0  # cycles to store an element of a product that is computed transposed
LAST = 0.6  # what a tile of columns takes whose second vector is not needed
CHUNK = 256  # rows that share a packed panel, at most


def best_tile(p: Product, vec: int) -> tuple[Tile, float]:
    """The cheapest register tile, and its cycles for one product."""
    tiles = TILES[:1] if p.m * p.n * p.k <= TINY else TILES
    best = min(tiles, key=lambda entry: _tile_cycles(p, entry, vec))
    return best[0], _tile_cycles(p, best, vec)


def _tile_cycles(p: Product, entry: tuple[Tile, float], vec: int) -> float:
    (rows, cols), rate = entry
    down, across = -(-p.m // rows) * rows, -(-p.n // (cols * vec))
    tiles = across - (1 - LAST if cols == 2 and 0 < p.n % (2 * vec) <= vec else 0)
    return down * tiles * cols * p.k / 2 / rate


def flip_tile(p: Product, vec: int) -> tuple[Tile, float]:
    """The cheapest register tile of the transposed product, and its cycles for one product."""
    turned = p.flipped

    def cycles(entry: tuple[Tile, float]) -> float:
        pack = PACK * p.k * p.m * -(-p.n // CHUNK)
        return _tile_cycles(turned, entry, vec) + pack + TURN * p.m * p.n

    possible = [entry for entry in FLIP_TILES if vec % entry[0][0] == 0]
    if not possible or p.n < vec:
        return FLIP_TILES[0][0], float("inf")
    best = min(possible, key=cycles)
    return best[0], cycles(best)


def dot_tile(p: Product, vec: int) -> tuple[Tile, float]:
    """The cheapest tile of dot products, and its cycles for one product."""

    def cycles(entry: tuple[Tile, float]) -> float:
        (rows, cols), rate = entry
        tiles = -(-p.m // rows) * -(-p.n // cols)
        return tiles * (-(-p.k // vec) * rows * cols / 2 / rate + DOT_FOLD)

    tiles = DOT_TILES if p.k * p.n <= DOT_NEAR else DOT_TILES[:-1]
    best = min(tiles, key=cycles)
    return best[0], cycles(best)
