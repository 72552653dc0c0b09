"""Plans of the matrix product: ops/matmul.cl and matmul_dot.cl on CPUs, dense_gpu.cl on GPUs."""

from __future__ import annotations

from functools import lru_cache

from tinygrad_cl.dtypes import HALVES
from tinygrad_cl.lowering import Attrs, DeviceTraits, Grid, Host, Pass, TemplatePlan
from tinygrad_cl.primitives.plans_dense import (
    Types,
    gpu_pass,
    gpu_slices,
    register_types,
    sum_slices,
)
from tinygrad_cl.primitives.products import Product, product_of
from tinygrad_cl.primitives.wishes import OWN_WISH, MatmulWish
from tinygrad_cl.shapes import Layout, Shape, numel

PANEL = 32768  # elements of private memory for the panel of B: half of a core's L2 with float32
SHALLOW = 2048  # the same where few rows share it: it stays in L1
DEPTH = 1024  # of the panel, at most
BLOCK = 256  # the same where K has several and rows are many, or lie apart along K
MANY = 64  # such rows, at least
NEAR = 16384  # elements of such a chunk that a first-level cache holds anyway
FEW = 32  # rows, at most, for which rows of B are read where they lie
FAR = 1024  # elements between such rows that are a page of memory apart, or nearly
PAGES = 1024  # elements, or a multiple: neighbors of A along K so far apart meet in few sets
LONG = 256  # columns, at least, for which such rows are packed
CHUNK = 256  # rows that share a packed panel, at most
WIDE = 8  # tiles of columns of a task whose sums are kept; twice as many share packed rows
SHARED = 32  # rows that share a panel at least, where there are so many
TASK_FLOPS = 400_000  # of a work-item, at least, where there is work enough: about 1 us
TASKS = 16  # work-items per compute unit, at most
TASK = 2000  # cycles that count for a task, so that there are not too many
SPLIT_DEPTH = 256  # of a slice of K, at least
TINY = 1 << 15  # multiply-adds, at most, for which no kernel of their own is compiled
IDLE = 1.25  # how many times as many tiles the units could do, before K is sliced

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

# Instead of others, where few rows of A meet long rows of B: more of a row is read at a time.
WIDE_TILES = {(8, 2): (8, 3), (1, 8): (1, 16)}
WIDE_ROW = 1024  # elements of such rows

# (rows, columns) of a tile of dot products, and how near to the peak it comes.
DOT_TILES = (((1, 8), 0.6), ((2, 8), 0.8), ((4, 6), 0.95), ((8, 3), 0.96))
DOT_NEAR = 1 << 20  # elements of B, at most, for the last one: more are read faster six at a time
DOT_FOLD = 70  # cycles at the end of such a tile
DOT_BLOCK = 32768  # elements of B that a block of dot products reads again for every tile of rows
PACK = 0.4  # cycles to pack an element of a transposed B
COPY = 0.1  # the same where the rows of B are copied
TURN = 1.0  # cycles to store an element of a product that is computed transposed
FLIP_TILES = (((8, 2), 1.0), ((8, 1), 0.8))  # of such a product
FLIP = 0.95  # it must save a twentieth
DOTS = 1.1  # dots must save a tenth: their kernel has nothing in common with the others
LAST = 0.6  # what a tile of columns takes whose second vector is not needed


def plan_matmul(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan | Host:
    """Returns the plan of a matrix product; its domain is (batches, rows, columns), folded."""
    types = register_types(tags[0], traits)
    if types is None:
        kind = "float64" if tags[0] == "double" else "integer"
        return Host(f"{kind} matmul has no kernel")
    product = product_of(*inputs)
    swapped = inputs[1].shape[-1] == 1 and product.n != 1
    return plan_product(product, types, traits, swapped)


@lru_cache(maxsize=1024)
def plan_product(
    product: Product,
    types: Types,
    traits: DeviceTraits,
    swapped: bool,
    wish: MatmulWish = OWN_WISH,
) -> TemplatePlan:
    """Returns the plan of a product; `swapped`: its left operand is the second input."""
    make = _gpu_plan if traits.kind == "gpu" else _cpu_plan
    operands = ("in", 1 if swapped else 0), ("in", 0 if swapped else 1)
    return make(product, types, traits, *operands, wish)


def takes_dots(p: Product) -> bool:
    """Whether both operands lie along K."""
    return p.a[4] == 1 and p.b[3] == 1 and p.n > 1


def _cpu_plan(
    p: Product,
    types: Types,
    traits: DeviceTraits,
    a: tuple[str, int],
    b: tuple[str, int],
    wish: MatmulWish,
) -> TemplatePlan:
    if wish.dot:
        return _dot_plan(p, types, traits, wish.dot, a, b)
    tile, cycles = best_tile(p, types.vec)
    if takes_dots(p) and not wish.tile:
        cycles += PACK * p.k * p.n * -(-p.m // CHUNK)
        dots, dot_cycles = _dot_tile(p, types.vec)
        turned, turned_cycles = _flip_tile(p, types.vec)
        busy, turned_busy = (
            _chunk(q, t, types.vec, CHUNK, traits)[1] for q, t in ((p, tile), (p.flipped, turned))
        )
        saves = turned_cycles < FLIP * cycles or turned_busy < FLIP * busy
        if wish.flip or (wish.flip is None and saves and turned_cycles < DOTS * dot_cycles):
            return _tile_plan(p.flipped, types, traits, turned, b, a, wish, True)
        if dot_cycles < cycles:
            return _dot_plan(p, types, traits, dots, a, b)
    if p.b[4] == 1 and p.m <= FEW and p.n >= WIDE_ROW:
        tile = WIDE_TILES.get(tile, tile)
    return _tile_plan(p, types, traits, wish.tile or tile, a, b, wish)


def _tile_plan(
    p: Product,
    types: Types,
    traits: DeviceTraits,
    tile: tuple[int, int],
    a: tuple[str, int],
    b: tuple[str, int],
    wish: MatmulWish,
    flip: bool = False,
) -> TemplatePlan:
    """The plan of a product with register tiles; `flip`: of which the transposed one is stored."""
    vec, (rows, cols) = types.vec, tile
    packs = _packs(p, types, rows)
    far = p.k > BLOCK and p.a[3] == 1 and p.a[4] != 1
    near = (p.k <= DEPTH or p.m < MANY) and not packs and not far
    most = min(DEPTH if near else BLOCK, (PANEL if rows > 2 else SHALLOW) // (cols * vec))
    depth = max(1, min(int(most * wish.depth), PANEL // (cols * vec)) // vec) * vec
    across = -(-p.n // (cols * vec))
    chunk, _ = _chunk(p, tile, vec, CHUNK, traits)
    if wish.chunk != 1:
        chunk = max(1, min(int(chunk * wish.chunk), CHUNK, p.m + rows - 1) // rows) * rows
    tiles = p.batches * across * -(-p.m // chunk)
    slices = wish.slices or _slices(p, tiles, traits)
    split = -(-p.k // slices)
    deep, few = split > depth, chunk <= (2 * rows if p.b[3] >= FAR and cols < 3 else FEW)
    kept = 2 * WIDE if packs else WIDE
    wide = 1
    if packs or (deep and p.m >= MANY):
        wide = _wide(across, tiles // across * slices, kept if deep else across, traits)
    tasks = tiles // across * -(-across // wide) * slices
    per = _per(tasks, 2 * chunk * wide * cols * vec * max(split, 1), traits)
    direct = (
        p.b[4] == 1 and not flip and not p.sparse and (wish.direct or (wish.direct is None and few))
    )
    defines = (
        *types.defines(types.acc if slices > 1 else None),
        ("TRANSPOSED", int(p.b[4] != 1 and p.n > 1)),
        ("DIRECT", int(p.b[4] == 1 and not flip and not p.sparse)),
        ("PACK_A", packs),
        ("FLIPPED", int(flip)),
        ("TAIL", int(cols == 2 and rows > 2)),
        ("ROWS", rows),
        ("COLS", cols),
        ("KC", depth),
        ("DEEP", int(deep)),
        *_kept(rows, kept, deep, packs, vec),
        *((("SPARSE", p.sparse.kind),) if p.sparse else ()),
    )
    out = ("scratch", 0) if slices > 1 else ("out", 0)
    pixels = (p.sparse.line, *p.sparse.size) if p.sparse else ()
    own = (("int", int(i)) for i in (chunk, wide, per, slices, split, direct, *pixels))
    arguments = (out, a, b, *_sizes(p), *own)
    grid = Grid((max(1, -(-tasks // per)),), (1,))
    product = Pass("matmul", "matmul", defines, arguments, grid, slices == 1)
    columns = numel(p.sparse.size) if p.sparse and p.sparse.kind == "WRITTEN" else p.n
    domain = (p.batches, p.n, p.m) if flip else (p.batches, p.m, columns)
    return sum_slices(product, domain, slices, types, traits)


def _packs(p: Product, types: Types, rows: int) -> int:
    """Whether the rows of A are packed: 1, as they are dear to read; 2, as they lie far apart."""
    if types.storage in HALVES:
        return 1
    if p.a[3] != 1 or p.a[4] == 1 or rows != 8 or p.n <= types.vec:
        return 0
    shallow = p.k <= BLOCK and min(p.m, CHUNK) * p.k > NEAR and p.n > LONG
    return 2 if shallow or (p.a[4] % PAGES == 0 and p.n >= LONG) else 0


def _kept(rows: int, wide: int, deep: bool, packs: int, vec: int) -> tuple[tuple[str, int], ...]:
    """The most rows and tiles of a task, as far as its private memory depends on them."""
    most = CHUNK if deep or packs else rows
    step = rows if vec % rows else vec
    return ("CHUNK", -(-most // step) * step if deep or packs else rows), (
        "ABREAST",
        wide if deep else 1,
    )


def _wide(across: int, others: int, most: int, traits: DeviceTraits) -> int:
    """Tiles of columns of a task, which share packed rows: so many that all units are as busy."""

    def cycles(wide: int) -> float:
        tasks = others * -(-across // wide)
        return -(-tasks // traits.units) * (wide + 0.25)

    return min(range(1, min(most, across) + 1), key=cycles)


def _per(tasks: int, flops: int, traits: DeviceTraits) -> int:
    """Tasks of a work-item: a microsecond's worth, and so that all units are as busy."""
    if traits.units == 1:
        return max(1, tasks)
    share = max(1, tasks // traits.units)
    least = max(1, min(-(-TASK_FLOPS // flops), share), -(-tasks // (TASKS * traits.units)))

    def busiest(per: int) -> int:
        groups = -(-tasks // per)
        return -(-groups // traits.units) * per

    return min(range(least, min(2 * least, max(share, least)) + 1), key=busiest)


def _sizes(p: Product) -> tuple[tuple[str, int], ...]:
    ints = (p.m, p.n, p.k, p.batches, p.batch[1], p.batch[2])
    longs = (p.a_first, *p.a, p.b_first, *p.b, p.b_end)
    return (*(("int", max(i, 0)) for i in ints), *(("long", i) for i in longs))


def best_tile(p: Product, vec: int) -> tuple[tuple[int, int], float]:
    """The cheapest register tile, and its cycles for one product."""
    tiles = TILES[:1] if p.m * p.n * p.k <= TINY else TILES
    best = min(tiles, key=lambda entry: _tile_cycles(p, entry, vec))
    return best[0], _tile_cycles(p, best, vec)


def _tile_cycles(p: Product, entry: tuple[tuple[int, int], float], vec: int) -> float:
    (rows, cols), rate = entry
    down, across = -(-p.m // rows) * rows, -(-p.n // (cols * vec))
    tiles = across - (1 - LAST if cols == 2 and 0 < p.n % (2 * vec) <= vec else 0)
    return down * tiles * cols * p.k / 2 / rate


def _flip_tile(p: Product, vec: int) -> tuple[tuple[int, int], float]:
    """The cheapest register tile of the transposed product, and its cycles for one product."""
    turned = p.flipped

    def cycles(entry: tuple[tuple[int, int], float]) -> float:
        pack = PACK * p.k * p.m * -(-p.n // CHUNK)
        return _tile_cycles(turned, entry, vec) + pack + TURN * p.m * p.n

    possible = [entry for entry in FLIP_TILES if vec % entry[0][0] == 0]
    if not possible or p.n < vec:
        return FLIP_TILES[0][0], float("inf")
    best = min(possible, key=cycles)
    return best[0], cycles(best)


def _dot_tile(p: Product, vec: int) -> tuple[tuple[int, int], float]:
    """The cheapest tile of dot products, and its cycles for one product."""

    def cycles(entry: tuple[tuple[int, int], float]) -> float:
        (rows, cols), rate = entry
        tiles = -(-p.m // rows) * -(-p.n // cols)
        return tiles * (-(-p.k // vec) * rows * cols / 2 / rate + DOT_FOLD)

    tiles = DOT_TILES if p.k * p.n <= DOT_NEAR else DOT_TILES[:-1]
    best = min(tiles, key=cycles)
    return best[0], cycles(best)


def _dot_plan(
    p: Product,
    types: Types,
    traits: DeviceTraits,
    tile: tuple[int, int],
    a: tuple[str, int],
    b: tuple[str, int],
) -> TemplatePlan:
    vec, (rows, cols) = types.vec, tile
    wide = min(max(DOT_BLOCK // max(p.k, 1) // vec, 1) * vec, 256, -(-p.n // vec) * vec)
    high = -(-min(p.m, CHUNK) // rows) * rows
    tasks = p.batches * -(-p.n // wide) * -(-p.m // high)
    per = _per(tasks, 2 * high * wide * max(p.k, 1), traits)
    defines = (
        *types.defines(),
        *(("ROWS", rows), ("COLS", cols), ("GROUP", 1 << (cols - 1).bit_length())),
        ("LINE", 256 + 2 * vec),
    )
    ints = (p.m, p.n, p.k, p.batches, p.batch[1], p.batch[2])
    longs = (p.a_first, *p.a[:4], p.b_first, *p.b[:3], p.b[4])
    sizes = (*(("int", max(i, 0)) for i in ints), *(("long", i) for i in longs))
    arguments = (("out", 0), a, b, *sizes, *(("int", i) for i in (high, wide, per)))
    grid = Grid((max(1, -(-tasks // per)),), (1,))
    step = Pass("matmul_dot", "matmul", defines, arguments, grid, True)
    return TemplatePlan((step,), (), (p.batches, p.m, p.n))


def _chunk(
    p: Product, tile: tuple[int, int], vec: int, most: int, traits: DeviceTraits
) -> tuple[int, float]:
    """Rows of a tile, and the cycles of a product if all units took as long as the busiest one.

    Many rows share the packed panel, but all units should be as busy.
    """
    rows, cols = tile
    across = p.batches * -(-p.n // (cols * vec))
    pack = (PACK if p.b[4] != 1 and p.n > 1 else COPY) * cols * vec * p.k

    def sized(down: int) -> int:
        return max(1, -(-p.m // (down * rows))) * rows

    def cycles(down: int) -> float:
        chunk = sized(down)
        tasks = across * -(-p.m // chunk)
        return -(-tasks // traits.units) * (chunk * cols * p.k / 2 + pack + TASK)

    least = -(-p.m // most)
    finest = max(least, min(4 * traits.units, p.m // SHARED))
    best = min(range(max(least, 1), max(finest, 1) + 1), key=cycles)
    return sized(best), cycles(best) * traits.units / max(1, p.batches)


def _slices(p: Product, tiles: int, traits: DeviceTraits) -> int:
    """Slices of K: more than one only where there are too few tiles to keep the units busy."""
    wanted = 2 * traits.units
    even = -(-tiles // traits.units) * traits.units <= IDLE * tiles
    if tiles >= wanted or even or p.k < 2 * SPLIT_DEPTH:
        return 1
    return max(1, min(-(-2 * wanted // max(tiles, 1)), p.k // SPLIT_DEPTH))


def _gpu_plan(
    p: Product,
    types: Types,
    traits: DeviceTraits,
    a: tuple[str, int],
    b: tuple[str, int],
    wish: MatmulWish,
) -> TemplatePlan:
    slices = wish.slices or gpu_slices(p.batches, p.m, p.n, p.k, traits)
    out = ("scratch", 0) if slices > 1 else ("out", 0)
    longs = (p.a_first, *p.a, p.b_first, *p.b)
    arguments = (*(("int", i) for i in p.batch[1:]), *(("long", i) for i in longs))
    sizes = (p.batches, p.m, p.n, p.k)
    along_k = (p.a[4] == 1, p.b[3] == 1 and p.b[4] != 1)
    pointers, items = (out, a, b), wish.items
    product = gpu_pass(
        "MATMUL", "matmul", types, sizes, slices, pointers, arguments, along_k, items
    )
    return sum_slices(product, (p.batches, p.m, p.n), slices, types, traits)
