"""Plans of the matrix product: ops/matmul.cl and matmul_dot.cl on CPUs, dense_gpu.cl on GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tinygrad_cl.lowering import Attrs, DeviceTraits, Grid, Host, Pass, TemplatePlan
from tinygrad_cl.primitives.plans_dense import (
    Types,
    gpu_pass,
    gpu_slices,
    register_types,
    sum_slices,
)
from tinygrad_cl.primitives.wishes import OWN_WISH, MatmulWish
from tinygrad_cl.shapes import Layout, Shape, numel

PANEL = 32768  # elements of private memory for the panel of B: half of a core's L2 with float32
SHALLOW = 2048  # the same where few rows share it: it stays in L1
DEPTH = 1024  # of the panel, at most
APART = 256  # the same where a line of A holds its rows, not K: two tiles read it before it is lost
CHUNK = 256  # rows that share a packed panel, at most
SHARED = 32  # and at least, where there are so many
TASK_FLOPS = 2_000_000  # of a work-item, at least, where there is work enough: about 5 us
TASKS = 16  # work-items per compute unit, at most
SPLIT_DEPTH = 256  # of a slice of K, at least

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
DOT_TILES = (((1, 8), 0.6), ((2, 8), 0.8), ((4, 6), 0.95))
DOT_FOLD = 70  # cycles at the end of such a tile
DOT_BLOCK = 32768  # elements of B that a block of dot products reads again for every tile of rows
PACK = 0.4  # cycles to pack an element of a transposed B


@dataclass(frozen=True, slots=True)
class Product:
    """out[b] = A[b] @ B[b], every operand with strides: (batch0, batch1, batch2, rows, columns)."""

    batch: tuple[int, int, int]
    m: int
    n: int
    k: int
    a: tuple[int, ...]
    b: tuple[int, ...]
    a_first: int
    b_first: int

    @property
    def batches(self) -> int:
        """The number of products."""
        return numel(self.batch)

    @property
    def b_end(self) -> int:
        """One past the last element of B."""
        sizes = (*self.batch, self.k, self.n)
        if 0 in sizes:
            return 0
        return self.b_first + 1 + sum((s - 1) * t for s, t in zip(sizes, self.b, strict=True))


# --- From layouts to a product -------------------------------------------------------------------


def accepts_operand(i: int, layout: Layout, attrs: Attrs) -> bool:
    """Tells whether the kernels read an operand through this layout.

    Rows or columns must lie side by side, and the batch dims must be at most two runs of equal
    strides (a permuted, sliced or broadcast batch is).
    """
    if layout.bounds is not None or min(layout.strides, default=0) < 0:
        return False
    rows, columns = layout.shape[-2:]
    row, column = layout.strides[-2:]
    side_by_side = column == 1 or row == 1 or rows <= 1 or columns <= 1
    batch = zip(layout.shape[:-2], layout.strides[:-2], strict=True)
    return side_by_side and len(_runs(tuple((size, stride) for size, stride in batch))) <= 2


def _runs(dims: tuple[tuple[int, ...], ...]) -> list[list[int]]:
    """Merges neighboring dims (size, stride of each operand) that are one run for every operand."""
    runs: list[list[int]] = []
    for size, *strides in dims:
        if size == 1:
            continue
        if runs and all(
            outer == size * inner for outer, inner in zip(runs[-1][1:], strides, strict=True)
        ):
            runs[-1] = [runs[-1][0] * size, *strides]
        else:
            runs.append([size, *strides])
    return runs


def product_of(a: Layout, b: Layout) -> Product:
    """Returns the product of two accepted operands, in the form that is cheapest to run.

    A batch that B does not have becomes rows of A; a single column becomes a single row of the
    transposed product.
    """
    dims = zip(a.shape[:-2], a.strides[:-2], b.strides[:-2], strict=True)
    runs = _runs(tuple(dims))
    (m, k), n = a.shape[-2:], b.shape[-1]
    (a_m, a_k), (b_k, b_n) = a.strides[-2:], b.strides[-2:]
    if m == 1:
        a_m = 0
    if len(runs) == 1 and runs[0][2] == 0 and (m == 1 or runs[0][1] == m * a_m):
        a_m = runs[0][1] if m == 1 else a_m
        m, runs = m * runs[0][0], []
    runs = [[1, 0, 0]] * (3 - len(runs)) + runs
    batch = (runs[0][0], runs[1][0], runs[2][0])
    a_batch, b_batch = [r[1] for r in runs], [r[2] for r in runs]
    if n == 1 and m > 1:
        left, right = (*b_batch, b_n, b_k), (*a_batch, a_k, a_m)
        return Product(batch, 1, m, k, left, right, b.offset, a.offset)
    left, right = (*a_batch, a_m, a_k), (*b_batch, b_k, b_n)
    return Product(batch, m, n, k, left, right, a.offset, b.offset)


# --- Plans ---------------------------------------------------------------------------------------


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
    tile, cycles = best_tile(p, types.vec)
    if wish.dot:
        return _dot_plan(p, types, traits, wish.dot, a, b)
    if takes_dots(p) and not wish.tile:
        dots, dot_cycles = _dot_tile(p, types.vec)
        if dot_cycles < cycles + PACK * p.k * p.n * -(-p.m // CHUNK):
            return _dot_plan(p, types, traits, dots, a, b)
    return _tile_plan(p, types, traits, wish.tile or tile, a, b, wish)


def _tile_plan(
    p: Product,
    types: Types,
    traits: DeviceTraits,
    tile: tuple[int, int],
    a: tuple[str, int],
    b: tuple[str, int],
    wish: MatmulWish,
) -> TemplatePlan:
    vec, (rows, cols) = types.vec, tile
    depth = min(DEPTH, (PANEL if rows > 2 else SHALLOW) // (cols * vec)) // vec * vec
    if p.a[3] == 1 and p.a[4] != 1 and p.k > APART:
        depth = min(depth, APART)
    depth = max(1, min(int(depth * wish.depth), PANEL // (cols * vec)) // vec) * vec
    across = -(-p.n // (cols * vec))
    chunk = _chunk(p, rows, across, traits)
    if wish.chunk != 1:
        chunk = max(1, min(int(chunk * wish.chunk), CHUNK, p.m + rows - 1) // rows) * rows
    tiles = p.batches * across * -(-p.m // chunk)
    slices = wish.slices or _slices(p, tiles, traits)
    split = -(-p.k // slices)
    tiles *= slices
    flops = 2 * chunk * cols * vec * max(split, 1)
    per = max(1, min(-(-TASK_FLOPS // flops), tiles // (2 * traits.units)))
    per = max(per, -(-tiles // (TASKS * traits.units)))
    deep, few = split > depth, chunk <= 2 * rows
    defines = (
        *types.defines(types.acc if slices > 1 else None),
        ("TRANSPOSED", int(p.b[4] != 1 and p.n > 1)),
        ("DIRECT", int(p.b[4] == 1 and (wish.direct or (wish.direct is None and few)))),
        ("PACK_A", int(types.storage == "half")),
        ("ROWS", rows),
        ("COLS", cols),
        ("KC", depth),
        ("DEEP", int(deep)),
        ("CHUNK", (-(-CHUNK // rows) + 1) * rows if deep else rows),
    )
    out = ("scratch", 0) if slices > 1 else ("out", 0)
    own = (("int", i) for i in (chunk, per, slices, split))
    arguments = (out, a, b, *_sizes(p), *own)
    grid = Grid((max(1, -(-tiles // per)),), (1,))
    product = Pass("matmul", "matmul", defines, arguments, grid, slices == 1)
    return sum_slices(product, (p.batches, p.m, p.n), slices, types, traits)


def _sizes(p: Product) -> tuple[tuple[str, int], ...]:
    ints = (p.m, p.n, p.k, p.batches, p.batch[1], p.batch[2])
    longs = (p.a_first, *p.a, p.b_first, *p.b, p.b_end)
    return (*(("int", max(i, 0)) for i in ints), *(("long", i) for i in longs))


def best_tile(p: Product, vec: int) -> tuple[tuple[int, int], float]:
    """The cheapest register tile, and its cycles for one product."""

    def cycles(entry: tuple[tuple[int, int], float]) -> float:
        (rows, cols), rate = entry
        down, across = -(-p.m // rows) * rows, -(-p.n // (cols * vec)) * cols
        return down * across * p.k / 2 / rate

    best = min(TILES, key=cycles)
    return best[0], cycles(best)


def _dot_tile(p: Product, vec: int) -> tuple[tuple[int, int], float]:
    """The cheapest tile of dot products, and its cycles for one product."""

    def cycles(entry: tuple[tuple[int, int], float]) -> float:
        (rows, cols), rate = entry
        tiles = -(-p.m // rows) * -(-p.n // cols)
        return tiles * (-(-p.k // vec) * rows * cols / 2 / rate + DOT_FOLD)

    best = min(DOT_TILES, key=cycles)
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
    flops = 2 * high * wide * max(p.k, 1)
    per = max(1, min(-(-TASK_FLOPS // flops), tasks // (2 * traits.units)))
    per = max(per, -(-tasks // (TASKS * traits.units)))
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


def _chunk(p: Product, rows: int, across: int, traits: DeviceTraits) -> int:
    """Rows of a tile: many share the packed panel, but every unit should have some tiles."""
    wanted = -(-4 * traits.units // max(1, p.batches * across))  # chunks down
    down = max(-(-p.m // CHUNK), min(wanted, p.m // SHARED), 1)
    return max(1, -(-p.m // (down * rows))) * rows


def _slices(p: Product, tiles: int, traits: DeviceTraits) -> int:
    """Slices of K: more than one only where there are too few tiles to keep the units busy."""
    wanted = 2 * traits.units
    if tiles >= wanted or p.k < 2 * SPLIT_DEPTH:
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
