"""Plans of Winograd's convolution: ops/winograd*.cl, on CPUs.

A tile of 4 x 4 outputs of a 3 x 3 kernel takes 36 multiplications for 144, one of 2 x 2 outputs of
a 5 x 5 kernel 36 for 100, at the price of bringing source, weights and sums to the points where
they are multiplied, and back. From 16 channels up that is two to three times as fast as the direct
sum; `refusal` tells where it is not used, and why.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinygrad_cl.lowering import DeviceTraits, Grid, Pass, TemplatePlan
from tinygrad_cl.primitives.conv_sides import Convolution, Pair
from tinygrad_cl.primitives.plans_dense import Defines, Types, sum_slices

OUTPUTS = {3: 4, 5: 2}  # along a side of a tile, by the side of the kernel
POINTS = 36
ROWS = 8  # of the register tile
TILES = 64  # of a block, at most
VECTORS = 1024  # of the source at one point, at most: 64 tiles of 256 channels with 16 lanes
SIDE = 64  # channels of a task of the weight gradient along either dim, at most
WEIGHTS = 10 << 20  # of all points, at most: 512 x 512 channels; beyond, they cost too much memory
IMAGE = 1600  # pixels of a padded block, at most
TASKS = 4  # per compute unit, at least, where there are enough tiles or channels
ITEMS = 8  # work-items per compute unit, at most

# Cycles, measured: to the points and back, for a tile and channel; to the points, for a weight;
# the products, for a tile and pair of channels; a register tile, whatever its depth; a weight at a
# point, where they are too many for a cache.
SPREAD, FILTER, REGISTERS, FAR = 12.0, 14.0, 25.0, 0.9
NEAR = 4 << 20  # weights at all points, which a cache holds
GATHER = {3: 14.0, 5: 8.0}
PRODUCT = POINTS / 32 / 0.88
MARGIN = 0.9  # of the direct sum's cycles, at most: its own digits are worth a tenth


@dataclass(frozen=True, slots=True)
class Problem:
    """A product with stride 1 that makes `out` from `size`."""

    taps: int  # along a side of the kernel
    images: int
    groups: int
    sources: int
    results: int  # of one group, as are the sources
    size: Pair
    out: Pair
    padding: Pair

    @property
    def grid(self) -> Pair:
        """Rows and columns of tiles of an image."""
        side = OUTPUTS[self.taps]
        return -(-self.out[0] // side), -(-self.out[1] // side)

    @property
    def tiles(self) -> int:
        """Tiles of all images."""
        return self.images * self.grid[0] * self.grid[1]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The first arguments of the kernels."""
        channels = (self.groups, self.sources, self.results)
        return (self.images, *channels, *self.size, *self.out, *self.padding)

    def blocks(self, most: int) -> Pair:
        """Images and rows of tiles of a block of at most `most` tiles."""
        rows, columns = self.grid
        if rows * columns <= most:
            count = -(-self.images // (most // (rows * columns)))
            return -(-self.images // count), rows
        count = -(-rows // (most // columns))
        return 1, -(-rows // count)


def problem(mode: str, c: Convolution) -> Problem:
    """The product of a convolution or of one of its gradients."""
    taps = c.kernel[0]
    if mode != "INPUT_GRAD":
        sizes = c.size, c.out, c.padding
        return Problem(taps, c.images, c.groups, c.channels, c.outputs, *sizes)
    padding = (taps - 1 - c.padding[0], taps - 1 - c.padding[1])
    return Problem(taps, c.images, c.groups, c.outputs, c.channels, c.out, c.size, padding)


def refusal(mode: str, c: Convolution, types: Types, direct: float) -> str | None:
    """Returns why Winograd's form does not serve, or None if it does.

    Args:
        mode: "FORWARD", "INPUT_GRAD" or "WEIGHT_GRAD".
        c: the sizes.
        types: the register types.
        direct: cycles of the direct sum.
    """
    side = c.kernel[0]
    if c.kernel != (side, side) or side not in OUTPUTS:
        return "it is made for 3 x 3 and 5 x 5 kernels"
    if c.stride != (1, 1) or c.dilation != (1, 1):
        return "it is made without stride and dilation"
    if max(c.padding) >= side:
        return "it is made for less padding than kernel"
    if types.acc != "float":
        return "it loses digits that float64 is asked for"
    p, vec = problem(mode, c), types.vec
    if vec < 8 or not p.tiles or p.sources * p.results == 0:
        return "there are too few lanes, or nothing to compute"
    if p.grid[1] * max(1, -(-p.sources // vec) if mode != "WEIGHT_GRAD" else 1) > VECTORS:
        return "a row of tiles does not fit private memory"
    if p.grid[1] > TILES:
        return "the image is wider than a block of tiles"
    if mode != "WEIGHT_GRAD" and _panels(p, vec)[1] > WEIGHTS:
        return "the weights at all points take too much memory"
    cycles = _cycles(mode, p, vec)
    if cycles > MARGIN * direct:
        return f"the direct sum takes {direct:.0f} cycles, and this form {cycles:.0f}"
    return None


def _up(size: int, part: int) -> int:
    return -(-size // part) * part


def _cols(channels: int, vec: int) -> int:
    """Vectors of the register tile."""
    return 1 if channels <= vec else 2


def _panels(p: Problem, vec: int) -> Pair:
    """How many panels of weights a group has, and the elements of all."""
    width = _cols(p.results, vec) * vec
    panels = -(-p.results // width)
    return panels, p.groups * panels * POINTS * (width * p.sources + vec)


def _cycles(mode: str, p: Problem, vec: int) -> float:
    width = vec * _cols(p.sources if mode == "WEIGHT_GRAD" else p.results, vec)
    ends = SPREAD * _up(p.sources, vec) + GATHER[p.taps] * _up(p.results, vec)
    if mode == "WEIGHT_GRAD":
        product, weights = _up(p.sources, width) * _up(p.results, ROWS), 2 * p.sources * p.results
        ends *= max(1, -(-max(p.sources, p.results) // SIDE))
    else:
        product, weights = p.sources * _up(p.results, width), p.sources * _up(p.results, width)
        ends += POINTS / ROWS * REGISTERS * -(-p.results // width)
    far = FAR * POINTS if mode != "WEIGHT_GRAD" and _panels(p, vec)[1] > NEAR else 0
    products = p.tiles * (ends + PRODUCT * product) * 16 / vec
    return p.groups * (products + (FILTER + far) * weights)


# --- Plans ---------------------------------------------------------------------------------------


def image_plan(
    mode: str, c: Convolution, types: Types, traits: DeviceTraits, tiles: int = TILES
) -> TemplatePlan:
    """Returns the plan of a convolution or of its input gradient that was not refused.

    A block has at most `tiles` tiles.
    """
    p, vec = problem(mode, c), types.vec
    panels, elements = _panels(p, vec)
    cols = _cols(p.results, vec)
    most = min(max(tiles, p.grid[1]), VECTORS // -(-p.sources // vec))
    total = p.groups * p.tiles * panels
    while most >= 2 * max(ROWS, p.grid[1]) and total < 2 * traits.units * most:
        most //= 2
    images, rows = p.blocks(most)
    blocks = p.groups * -(-p.images // images) * -(-p.grid[0] // rows)
    cuts = max(1, min(panels, -(-TASKS * traits.units // blocks)))
    results = -(-panels // cuts) * cols * vec
    per, grid = _grid(blocks * -(-p.results // results), traits)
    sizes = (*p.sizes, images, rows, results, per)
    product = Pass(
        "winograd",
        "conv" if mode == "FORWARD" else "conv_input_grad",
        (
            *_defines(p, types, types.storage, cols),
            ("AT_POINTS", POINTS * (VECTORS + 1) * vec),
            ("MADE", POINTS * (TILES * cols + 1) * vec),
            ("PIXELS", 16 * TILES * vec),
        ),
        (("out", 0), ("in", 0), ("scratch", 0), *(("int", i) for i in sizes)),
        grid,
        True,
    )
    domain = (p.images, p.groups * p.results, p.out[0] * p.out[1])
    first = _filter_pass(mode, p, types, traits)
    return TemplatePlan((first, product), (elements * types.size,), domain)


def _filter_pass(mode: str, p: Problem, types: Types, traits: DeviceTraits) -> Pass:
    flip = mode == "INPUT_GRAD"
    area = p.taps * p.taps
    source_step, result_step = (area * p.results, area) if flip else (area, area * p.sources)
    cols = _cols(p.results, types.vec)
    tasks = p.groups * _panels(p, types.vec)[0] * cols * p.sources
    per = max(-(-tasks // (ITEMS * traits.units)), 64)
    sizes = (p.groups, p.sources, p.results, source_step, result_step, per)
    return Pass(
        "winograd_filter",
        "conv_filter",
        (*types.defines(types.acc), ("TAPS", p.taps), ("COLS", cols), ("FLIP", int(flip))),
        (("scratch", 0), ("in", 1), *(("int", i) for i in sizes)),
        Grid((-(-tasks // per),), (1,)),
    )


def weight_plan(
    c: Convolution, types: Types, traits: DeviceTraits, tiles: int = TILES
) -> TemplatePlan:
    """Returns the plan of a weight gradient that was not refused.

    A block has at most `tiles` tiles.
    """
    p = problem("WEIGHT_GRAD", c)
    images, rows = p.blocks(max(tiles, p.grid[1]))
    blocks = -(-p.images // images)
    most = SIDE if p.groups * _sides(p, SIDE) * blocks >= 2 * traits.units else SIDE // 2
    cols = _cols(p.sources, types.vec)
    across, sources = _side(p.sources, most, cols * types.vec)
    down, results = _side(p.results, most, cols * types.vec)
    tasks = p.groups * across * down
    chunks = max(1, min(blocks, -(-TASKS * traits.units // tasks)))
    chunk = -(-blocks // chunks) * images
    chunks = -(-p.images // chunk)
    per, grid = _grid(chunks * tasks, traits)
    sizes = (*p.sizes, images, rows, sources, results, chunk, per)
    out = ("scratch", 0) if chunks > 1 else ("out", 0)
    first = Pass(
        "winograd_weight",
        "conv_weight_grad",
        (*_defines(p, types, types.acc if chunks > 1 else types.storage, cols), ("SIDE", SIDE)),
        (out, ("in", 0), ("in", 1), *(("int", i) for i in sizes)),
        grid,
        chunks == 1,
    )
    domain = (1, p.groups * p.results, p.sources * p.taps * p.taps)
    return sum_slices(first, domain, chunks, types, traits)


def _sides(p: Problem, most: int) -> int:
    return -(-p.sources // most) * -(-p.results // most)


def _side(channels: int, most: int, width: int) -> Pair:
    """Into how many parts the channels of a weight gradient are cut, and their size."""
    size = _up(-(-channels // -(-channels // most)), width)
    return -(-channels // size), size


def _grid(tasks: int, traits: DeviceTraits) -> tuple[int, Grid]:
    """Tasks of a work-item, and the work-items."""
    per = -(-tasks // (ITEMS * traits.units))
    return per, Grid((-(-tasks // per),), (1,))


def _defines(p: Problem, types: Types, out: str, cols: int) -> Defines:
    tile = (("TAPS", p.taps), ("ROWS", ROWS), ("COLS", cols))
    return (*types.defines(out), *tile, ("TILES", TILES), ("IMAGE", IMAGE * types.vec))
