"""Plans of the matrix product: ops/matmul.cl and matmul_dot.cl on CPUs, dense_gpu.cl on GPUs.

Which register tiles there are is said in matmul_tiles.py, how a product is cut in matmul_tasks.py.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from tinygrad_cl.dtypes import HALVES
from tinygrad_cl.lowering import Attrs, DeviceTraits, Grid, Host, Pass, TemplatePlan
from tinygrad_cl.primitives.matmul_tasks import (
    rows_of_task,
    slices_of_sum,
    tasks_of_item,
    tiles_abreast,
)
from tinygrad_cl.primitives.matmul_tiles import CHUNK, PACK, Tile, best_tile, dot_tile, flip_tile
from tinygrad_cl.primitives.plans_dense import (
    Argument,
    Defines,
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
WIDE = 8  # tiles of columns of a task whose sums are kept; twice as many share packed rows
DOT_BLOCK = 32768  # elements of B that a block of dot products reads again for every tile of rows
FLIP = 0.95  # it must save a twentieth
DOTS = 1.1  # dots must save a tenth: their kernel has nothing in common with the others

# Instead of others, where few rows of A meet long rows of B: more of a row is read at a time.
WIDE_TILES = {(8, 2): (8, 3), (1, 8): (1, 16)}
WIDE_ROW = 1024  # elements of such rows


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
    a: Argument,
    b: Argument,
    wish: MatmulWish,
) -> TemplatePlan:
    if wish.dot:
        return _dot_plan(p, types, traits, wish.dot, a, b)
    tile, cycles = best_tile(p, types.vec)
    if takes_dots(p) and not wish.tile:
        cycles += PACK * p.k * p.n * -(-p.m // CHUNK)
        dots, dot_cycles = dot_tile(p, types.vec)
        turned, turned_cycles = flip_tile(p, types.vec)
        busy, turned_busy = (
            rows_of_task(q, t, types.vec, traits)[1] for q, t in ((p, tile), (p.flipped, turned))
        )
        saves = turned_cycles < FLIP * cycles or turned_busy < FLIP * busy
        if wish.flip or (wish.flip is None and saves and turned_cycles < DOTS * dot_cycles):
            return _tile_plan(p.flipped, types, traits, turned, b, a, wish, True)
        if dot_cycles < cycles:
            return _dot_plan(p, types, traits, dots, a, b)
    if p.b[4] == 1 and p.m <= FEW and p.n >= WIDE_ROW:
        tile = WIDE_TILES.get(tile, tile)
    return _tile_plan(p, types, traits, wish.tile or tile, a, b, wish)


class _Cut(NamedTuple):
    """How a product is cut."""

    packs: int  # whether rows of A are packed, see _packs
    depth: int  # of a packed panel
    chunk: int  # rows of a task
    wide: int  # its tiles of columns
    kept: int  # the most of them
    slices: int  # of K
    split: int  # their depth
    tasks: int

    @property
    def deep(self) -> bool:
        """Whether sums are kept from panel to panel."""
        return self.split > self.depth


def _cut(p: Product, types: Types, traits: DeviceTraits, tile: Tile, wish: MatmulWish) -> _Cut:
    vec, (rows, cols) = types.vec, tile
    packs = _packs(p, types, rows)
    far = p.k > BLOCK and p.a[3] == 1 and p.a[4] != 1
    near = (p.k <= DEPTH or p.m < MANY) and not packs and not far
    most = min(DEPTH if near else BLOCK, (PANEL if rows > 2 else SHALLOW) // (cols * vec))
    depth = max(1, min(int(most * wish.depth), PANEL // (cols * vec)) // vec) * vec
    across = -(-p.n // (cols * vec))
    chunk, _ = rows_of_task(p, tile, vec, traits)
    if wish.chunk != 1:
        chunk = max(1, min(int(chunk * wish.chunk), CHUNK, p.m + rows - 1) // rows) * rows
    down = p.batches * -(-p.m // chunk)
    slices = wish.slices or slices_of_sum(p, down * across, traits)
    split = -(-p.k // slices)
    kept = 2 * WIDE if packs else WIDE
    wide = 1
    if packs or (split > depth and p.m >= MANY):
        most = kept if split > depth else across
        wide = tiles_abreast(across, down * slices, most, traits)
    tasks = down * -(-across // wide) * slices
    return _Cut(packs, depth, chunk, wide, kept, slices, split, tasks)


def _tile_plan(
    p: Product,
    types: Types,
    traits: DeviceTraits,
    tile: Tile,
    a: Argument,
    b: Argument,
    wish: MatmulWish,
    flip: bool = False,
) -> TemplatePlan:
    """The plan of a product with register tiles; `flip`: of which the transposed one is stored."""
    cut, (rows, cols) = _cut(p, types, traits, tile, wish), tile
    flops = 2 * cut.chunk * cut.wide * cols * types.vec * max(cut.split, 1)
    per = tasks_of_item(cut.tasks, flops, traits)
    in_place = p.b[4] == 1 and not flip and not p.sparse
    few = 2 * rows if p.b[3] >= FAR and cols < 3 else FEW
    direct = in_place and (cut.chunk <= few if wish.direct is None else wish.direct)
    defines = (
        *types.defines(types.acc if cut.slices > 1 else None),
        ("TRANSPOSED", int(p.b[4] != 1 and p.n > 1)),
        ("DIRECT", int(in_place)),
        ("PACK_A", cut.packs),
        ("FLIPPED", int(flip)),
        ("TAIL", int(cols == 2 and rows > 2)),
        ("ROWS", rows),
        ("COLS", cols),
        ("KC", cut.depth),
        ("DEEP", int(cut.deep)),
        *_kept(cut, rows, types.vec),
        *((("SPARSE", p.sparse.kind),) if p.sparse else ()),
    )
    pixels = (p.sparse.line, *p.sparse.size) if p.sparse else ()
    own = (cut.chunk, cut.wide, per, cut.slices, cut.split, int(direct), *pixels)
    out = ("scratch" if cut.slices > 1 else "out", 0)
    arguments = (out, a, b, *_sizes(p), *(("int", i) for i in own))
    grid = Grid((max(1, -(-cut.tasks // per)),), (1,))
    product = Pass("matmul", "matmul", defines, arguments, grid, cut.slices == 1)
    columns = numel(p.sparse.size) if p.sparse and p.sparse.kind == "WRITTEN" else p.n
    domain = (p.batches, p.n, p.m) if flip else (p.batches, p.m, columns)
    return sum_slices(product, domain, cut.slices, types, traits)


def _packs(p: Product, types: Types, rows: int) -> int:
    """Whether the rows of A are packed: 1, as they are dear to read; 2, as they lie far apart."""
    if types.storage in HALVES:
        return 1
    if p.a[3] != 1 or p.a[4] == 1 or rows != 8 or p.n <= types.vec:
        return 0
    shallow = p.k <= BLOCK and min(p.m, CHUNK) * p.k > NEAR and p.n > LONG
    return 2 if shallow or (p.a[4] % PAGES == 0 and p.n >= LONG) else 0


def _kept(cut: _Cut, rows: int, vec: int) -> Defines:
    """The most rows and tiles of a task, as far as its private memory depends on them."""
    chunk, step = rows, rows if vec % rows else vec
    if cut.deep or cut.packs:
        chunk = -(-CHUNK // step) * step
    return ("CHUNK", chunk), ("ABREAST", cut.kept if cut.deep else 1)


def _sizes(p: Product) -> tuple[tuple[str, int], ...]:
    ints = (p.m, p.n, p.k, p.batches, p.batch[1], p.batch[2])
    longs = (p.a_first, *p.a, p.b_first, *p.b, p.b_end)
    return (*(("int", max(i, 0)) for i in ints), *(("long", i) for i in longs))


def _dot_plan(
    p: Product,
    types: Types,
    traits: DeviceTraits,
    tile: Tile,
    a: Argument,
    b: Argument,
) -> TemplatePlan:
    vec, (rows, cols) = types.vec, tile
    wide = min(max(DOT_BLOCK // max(p.k, 1) // vec, 1) * vec, 256, -(-p.n // vec) * vec)
    high = -(-min(p.m, CHUNK) // rows) * rows
    tasks = p.batches * -(-p.n // wide) * -(-p.m // high)
    per = tasks_of_item(tasks, 2 * high * wide * max(p.k, 1), traits)
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


def _gpu_plan(
    p: Product,
    types: Types,
    traits: DeviceTraits,
    a: Argument,
    b: Argument,
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
