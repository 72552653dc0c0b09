"""Plans of the convolution and its gradients: how ops/conv.cl cuts them into blocks, with which register tile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tinygrad_cl.lowering import Attrs, DeviceTraits, Grid, Host, Pass, TemplatePlan
from tinygrad_cl.primitives.plans_dense import Types, register_types, sum_slices
from tinygrad_cl.shapes import Layout, Shape

Pair = tuple[int, int]

IMAGE = 32768  # elements of a packed image: half of a core's L2 with float32
KEPT = 32768  # elements of the sums of a block
DEPTH = 1152  # weights of a result channel in one block
COLUMNS = 512  # columns of a block at least, where there are images enough, if the weights do not stay in the cache
TASK_FLOPS = 2_000_000
TASKS = 16  # work-items per compute unit, at most

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
    taps = c.taps
    up_rows, up_columns = (-(-t // u) for t, u in zip(side.target, side.up, strict=True))
    phases = side.up[0] * side.up[1]
    sources = max(1, min(side.sources, DEPTH // taps))
    deep = sources < side.sources
    area = side.phases[0] * side.phases[1]
    columns = up_columns
    pitch = columns + side.reach[1]
    rows = max(1, min(up_rows, IMAGE // (sources * area * pitch) - side.reach[0]))
    rows = -(-up_rows // -(-up_rows // rows))
    plane = sources * area * (rows + side.reach[0]) * pitch
    images = 1
    tile_rows, cols = _tile(side.results, (rows - 1) * pitch + columns, types.vec)
    width = cols * types.vec
    run = -(-((rows - 1) * pitch + columns) // width) * width
    results = side.results
    if deep:
        results = min(side.results, max(tile_rows, KEPT // (run * phases) // tile_rows * tile_rows))
    if rows == up_rows:
        images = max(1, min(c.images, IMAGE // plane, KEPT // (run * phases * (results if deep else tile_rows)), -(-TASK_FLOPS // max(1,2 * results * side.sources * taps * up_rows * up_columns))))
    kept = (-(-results // tile_rows) * tile_rows if deep else tile_rows) * images * phases * run
    line = rows * side.up[0] * columns * side.up[1] + types.vec
    defines = types.defines() + (
        ("MODE", mode),
        ("PANEL", 0),
        ("PACK_A", int(types.storage == "half")),
        ("DEEP", int(deep)),
        ("ROWS", tile_rows),
        ("COLS", cols),
        ("IMAGE", _power(images * plane + run + types.vec)),
        ("TABLE", _power(sources * taps)),
        ("KEPT", _power(kept)),
        ("LINE", _power(line)),
        ("DENSE", 1),
    )
    blocks = Blocks(images, sources, results, rows, columns, rows + side.reach[0], pitch, run)
    tasks = -(-c.images // images) * c.groups * -(-up_rows // rows) * -(-up_columns // columns) * -(-side.results // results)
    flops = 2 * images * rows * columns * phases * side.sources * taps * results
    arguments = (("out", 0), ("in", 0), ("in", 1), *_sizes(c, side, blocks, 1, per := _per(tasks, flops, traits)))
    name = "conv" if mode == "FORWARD" else "conv_input_grad"
    grid = Grid((max(1, -(-tasks // per)),), (1,))
    one = Pass("conv", name, defines, arguments, grid, True)
    return TemplatePlan((one,), (), (c.images, c.groups * side.results, side.target[0] * side.target[1]))


def _per(tasks: int, flops: int, traits: DeviceTraits) -> int:
    per = max(1, min(-(-TASK_FLOPS // max(flops, 1)), tasks // (2 * traits.units)))
    return max(per, -(-tasks // (TASKS * traits.units)))


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
    arguments = (("scratch", 0), ("in", 0), ("in", 1), *_sizes(c, side, blocks, chunk, per := _per(tasks, flops, traits)))
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
