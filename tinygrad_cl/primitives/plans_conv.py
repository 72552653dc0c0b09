"""Plans of the convolution and its gradients: how ops/conv.cl cuts them into blocks, with which register tile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tinygrad_cl.lowering import Attrs, DeviceTraits, Grid, Host, Pass, TemplatePlan
from tinygrad_cl.primitives.plans_dense import Types, register_types, sum_slices
from tinygrad_cl.shapes import Layout, Shape

Pair = tuple[int, int]

# Elements of private memory.
IMAGE = 32768  # of the packed image
KEPT = 32768  # of the sums of a block
LINE = 16384  # of the pixels of one channel
WEIGHTS = 16384  # of the packed weights
TABLE = 16384  # pairs of offsets

DEPTH = 1152  # weights of a result channel in one block
COLUMNS = 1024  # of a block, at most
TASK_CYCLES = 15_000  # of a work-item, at least, where there is work enough: about 5 us
TASKS = 8  # work-items per compute unit, at most

# (rows, vectors): register tiles of the product and how near to the peak they come.
TILES = (((1, 8), 0.5), ((2, 8), 0.7), ((4, 6), 0.95), ((6, 4), 1.0), ((8, 3), 1.0), ((8, 2), 0.95), ((12, 2), 1.0), ((12, 1), 0.8))
# (result channels, weights): register tiles of the weight gradient.
WEIGHT_TILES = (((1, 9), 0.5), ((2, 8), 0.8), ((4, 6), 1.0), ((6, 4), 1.0), ((5, 5), 1.0))


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
class Blocks:
    """How a task is cut: block sizes, the packed image, and the private memory that they take."""

    images: int
    sources: int
    results: int
    rows: int
    columns: int
    rows_in: int
    pitch: int
    run: int


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two products that make an image: forward (from x) or input gradient (from g)."""

    sources: int
    results: int
    source: Pair
    target: Pair
    up: Pair  # output phases
    phases: Pair  # image phases
    low: Pair  # first row and column of the image, relative to the first source element
    reach: Pair  # rows and columns of the image beyond those of a block

    @property
    def output_phases(self) -> int:
        """Phases into which the output falls."""
        return self.up[0] * self.up[1]

    @property
    def up_size(self) -> Pair:
        """Rows and columns of the largest output phase."""
        return -(-self.target[0] // self.up[0]), -(-self.target[1] // self.up[1])


def forward_side(c: Convolution) -> Side:
    """The forward convolution: one output phase, as many image phases as the stride and the kernel make."""
    phases = [min(s, (k - 1) * d + 1) for s, k, d in zip(c.stride, c.kernel, c.dilation, strict=True)]
    reach = [(k - 1) * d // s for s, k, d in zip(c.stride, c.kernel, c.dilation, strict=True)]
    low = (-c.padding[0], -c.padding[1])
    return Side(
        c.channels, c.outputs, c.size, c.out, (1, 1), (phases[0], phases[1]), low, (reach[0], reach[1])
    )


def input_side(c: Convolution) -> Side:
    """The input gradient: `stride` output phases; a tap shifts by (phase + padding - tap * dilation) / stride."""
    low, reach = [], []
    for s, k, d, p in zip(c.stride, c.kernel, c.dilation, c.padding, strict=True):
        shifts = [
            (phase + p - tap * d) // s
            for phase in range(s)
            for tap in range(k)
            if (phase + p - tap * d) % s == 0
        ]
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


# --- Plans --------------------------------------------------------------------------------------------------


def _convolution(x: Shape, w: Shape, g: Shape, attrs: Attrs) -> Convolution:
    groups = int(attrs["groups"])  # type: ignore[call-overload]
    (n, c, h, wd), (o, _, kh, kw) = x, w
    stride, padding, dilation = (_pair(attrs[k]) for k in ("stride", "padding", "dilation"))
    return Convolution(
        n, groups, c // groups, o // groups, (h, wd), (g[2], g[3]), (kh, kw), stride, padding, dilation
    )


def _pair(value: object) -> Pair:
    assert isinstance(value, tuple)
    return value[0], value[1]


def plan_conv2d(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan | Host:
    """Returns the plan of a convolution; its domain is (N, O, OH * OW)."""
    c = _convolution(inputs[0].shape, inputs[1].shape, out_shape, attrs)
    return _plan("FORWARD", c, tags[0], traits)


def plan_input_grad(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan | Host:
    """Returns the plan of an input gradient; its domain is (N, C, H * W)."""
    c = _convolution(out_shape, inputs[1].shape, inputs[0].shape, attrs)
    return _plan("INPUT_GRAD", c, tags[0], traits)


def plan_weight_grad(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan | Host:
    """Returns the plan of a weight gradient; its domain is (1, O, C / groups * KH * KW)."""
    c = _convolution(inputs[0].shape, out_shape, inputs[1].shape, attrs)
    return _plan("WEIGHT_GRAD", c, tags[0], traits)


@lru_cache(maxsize=1024)
def _plan(mode: str, c: Convolution, storage: str, traits: DeviceTraits) -> TemplatePlan | Host:
    types = register_types(storage, traits)
    assert types is not None
    if mode == "WEIGHT_GRAD":
        return _weight_plan(c, types, traits)
    return _image_plan(mode, c, types, traits)


def _image_plan(mode: str, c: Convolution, types: Types, traits: DeviceTraits) -> TemplatePlan | Host:
    side = forward_side(c) if mode == "FORWARD" else input_side(c)
    choice = _choose(side, c, types)
    if choice is None:
        return Host(f"{mode.lower()} with a kernel of {c.kernel} does not fit private memory")
    b, (tile_rows, cols), packed, cycles = choice
    up_rows, up_columns = side.up_size
    tasks = (
        -(-c.images // b.images)
        * c.groups
        * -(-up_rows // b.rows)
        * -(-up_columns // b.columns)
        * -(-side.results // b.results)
    )
    per = _per(tasks, cycles, traits)
    runs = b.images * side.output_phases * b.run
    deep = b.sources < side.sources
    padded = -(-b.results // tile_rows) * tile_rows
    defines = (
        *types.defines(),
        ("MODE", mode),
        ("PANEL", 0),
        ("PACK_A", int(packed)),
        ("DEEP", int(deep)),
        ("ROWS", tile_rows),
        ("COLS", cols),
        ("IMAGE", _power(b.images * _plane(side, b) + b.run + types.vec)),
        ("TABLE", _power(b.sources * c.taps)),
        ("KEPT", _power((padded if deep else tile_rows) * runs)),
        ("LINE", _power(b.rows * b.columns * side.output_phases + types.vec)),
        ("DENSE", 1),
        ("WEIGHTS", _power(padded * b.sources * c.taps) if packed else 1),
    )
    arguments = (("out", 0), ("in", 0), ("in", 1), *_sizes(c, side, b, 1, per))
    name = "conv" if mode == "FORWARD" else "conv_input_grad"
    one = Pass("conv", name, defines, arguments, Grid((max(1, -(-tasks // per)),), (1,)), True)
    domain = (c.images, c.groups * side.results, side.target[0] * side.target[1])
    return TemplatePlan((one,), (), domain)


# --- The choice of blocks: the cheapest by a rough count of cycles, among those that fit --------------------------


def _choose(
    side: Side, c: Convolution, types: Types
) -> tuple[Blocks, tuple[int, int], bool, float] | None:
    best = None
    up_rows, up_columns = side.up_size
    columns = -(-up_columns // -(-up_columns // COLUMNS))
    while best is None and columns:
        pitch = columns + side.reach[1]
        for sources in _cuts(side.sources, max(1, DEPTH // c.taps)):
            for rows in _cuts(up_rows, up_rows):
                for images in (1, 2, 4, 8, 16) if rows == up_rows else (1,):
                    if images > max(1, c.images):
                        break
                    for (tile, rate) in TILES:
                        found = _weigh(side, c, types, (images, sources, rows, columns, pitch), tile, rate)
                        if found is not None and (best is None or found[3] < best[3]):
                            best = found
        columns //= 2
    if best is None:
        return None
    blocks, tile, packed, cost = best
    return blocks, tile, packed, cost * blocks.images * blocks.rows * blocks.columns


def _cuts(size: int, most: int) -> list[int]:
    """Sizes of equal parts of `size`, none above `most`, at most 16 of them."""
    found: list[int] = []
    parts = -(-size // max(most, 1)) if size else 1
    while len(found) < 16:
        part = -(-size // parts) or 1
        if part not in found:
            found.append(part)
        if part == 1:
            break
        parts = -(-size // (part - 1)) if part < 16 else parts + 1
    return found


def _plane(side: Side, b: Blocks) -> int:
    """Elements of the packed image of one image."""
    return b.sources * side.phases[0] * side.phases[1] * b.rows_in * b.pitch


def _weigh(
    side: Side,
    c: Convolution,
    types: Types,
    sizes: tuple[int, int, int, int, int],
    tile: tuple[int, int],
    rate: float,
) -> tuple[Blocks, tuple[int, int], bool, float] | None:
    """Returns the blocks of these sizes and their cycles per output pixel; None if they do not fit."""
    images, sources, rows, columns, pitch = sizes
    tile_rows, cols = tile
    vec, phases = types.vec, side.output_phases
    width = cols * vec
    length = (rows - 1) * pitch + columns
    run = -(-length // width) * width
    deep = sources < side.sources
    depth = sources * c.taps
    results = side.results
    if deep:
        results = min(results, max(1, KEPT // (run * phases * images) // tile_rows) * tile_rows)
    padded = -(-results // tile_rows) * tile_rows
    packed = types.storage == "half" or (not deep and padded * depth <= WEIGHTS)
    if types.storage == "half" and padded * depth > WEIGHTS:
        results = padded = max(1, WEIGHTS // depth // tile_rows) * tile_rows
    b = Blocks(images, sources, results, rows, columns, rows + side.reach[0], pitch, run)
    image = images * _plane(side, b)
    kept = images * run * phases * (padded if deep else tile_rows)
    if image + run > IMAGE or kept > KEPT or rows * columns * phases > LINE or depth > TABLE:
        return None
    if not packed and tile_rows * cols > 16 and tile_rows > 6:
        rate *= 0.75  # too many row pointers: they spill
    steps = -(-results // tile_rows) * images * (run // width)
    compute = steps * (tile_rows * cols * depth / 2 / rate + 30 * phases)
    if image * types.size > 32768:
        compute *= 1.15 if image * types.size < 98304 else 1.3
    rows_packed = images * sources * side.phases[0] * side.phases[1] * b.rows_in
    pack = rows_packed * (3 * -(-pitch // vec) + 8)
    blocks_down = -(-side.sources // sources)
    emit = images * results * rows * phases * (6 * -(-columns // vec) + 8) / blocks_down
    weights = results * depth * types.size
    stream = weights / 16 if weights > 65536 else 0
    total = (compute + pack + emit + stream) * blocks_down * -(-side.results // results)
    return b, tile, packed, total / (images * rows * columns)


def _per(tasks: int, cycles: float, traits: DeviceTraits) -> int:
    """Tasks of a work-item: few work-items, but enough of them to balance the units."""
    items = max(1, min(int(tasks * cycles / TASK_CYCLES), TASKS * traits.units, tasks))
    return -(-tasks // items)


def _weight_plan(c: Convolution, types: Types, traits: DeviceTraits) -> TemplatePlan | Host:
    side = forward_side(c)
    taps = c.taps
    sources = max(1, min(side.sources, DEPTH // taps))
    results = min(side.results, 64)
    area = side.phases[0] * side.phases[1]
    out_rows, columns = c.out
    pitch = columns + side.reach[1]
    rows = max(1, min(out_rows, IMAGE // (sources * area * pitch) - side.reach[0], KEPT // (results * pitch) - 1))
    rows = -(-out_rows // -(-out_rows // rows))
    plane = sources * area * (rows + side.reach[0]) * pitch
    run = -(-((rows - 1) * pitch + columns + pitch) // types.vec) * types.vec
    images = 1
    if rows == out_rows:
        images = max(1, min(c.images, IMAGE // plane, KEPT // (run * results), -(-1024 // run)))
    tile_rows, cols = _weight_tile(side.results, sources * taps)
    tasks = c.groups * -(-side.sources // sources) * -(-side.results // results)
    chunks = max(1, min(-(-c.images // images), -(-4 * traits.units // tasks)))
    chunk = -(--(-c.images // chunks) // images) * images or 1
    chunks = -(-c.images // chunk)
    defines = types.defines(types.acc) + (
        ("MODE", "WEIGHT_GRAD"),
        ("PANEL", 0),
        ("ROWS", tile_rows),
        ("COLS", cols),
        ("IMAGE", _power(images * plane + pitch + 2 * types.vec)),
        ("TABLE", _power(sources * taps)),
        ("KEPT", _power(results * images * run + types.vec)),
        ("LINE", _power(sources * taps + cols + types.vec)),
        ("DENSE", 1),
    )
    tasks *= chunks
    blocks = Blocks(images, sources, results, rows, columns, rows + side.reach[0], pitch, run)
    flops = 2 * chunk * c.out[0] * c.out[1] * results * sources * taps
    per = _per(tasks, flops / 64, traits)
    arguments = (("scratch", 0), ("in", 0), ("in", 1), *_sizes(c, side, blocks, chunk, per))
    first = Pass("conv", "conv_weight_grad", defines, arguments, Grid((max(1, -(-tasks // per)),), (1,)))
    return sum_slices(first, (1, c.groups * c.outputs, c.channels * taps), chunks, types, traits, True)


def _sizes(c: Convolution, side: Side, b: Blocks, chunk: int, per: int) -> tuple[tuple[str, int], ...]:
    ints = (
        *(c.images, c.groups, side.sources, side.results),
        *(*side.source, *side.target, *c.kernel, *c.stride, *c.padding, *c.dilation, *side.low),
        *(b.images, b.sources, b.results, b.rows, b.columns, b.rows_in, b.pitch, b.run, chunk, per),
    )
    return tuple(("int", i) for i in ints)


def _tile(results: int, columns: int, vec: int) -> tuple[int, int]:
    def cost(entry: tuple[tuple[int, int], float]) -> float:
        (rows, cols), rate = entry
        return -(-results // rows) * rows * -(-columns // (cols * vec)) * cols / rate

    return min(TILES, key=cost)[0]


def _weight_tile(results: int, weights: int) -> tuple[int, int]:
    def cost(entry: tuple[tuple[int, int], float]) -> float:
        (rows, cols), rate = entry
        return -(-results // rows) * rows * -(-weights // cols) * cols / rate

    return min(WEIGHT_TILES, key=cost)[0]


def _power(size: int) -> int:
    """The power of two that holds `size`: few sizes make few kernels."""
    return 1 << max(size - 1, 255).bit_length()
