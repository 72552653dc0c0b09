"""Plans of the convolution and its gradients: ops/conv*.cl on CPUs, ops/dense_gpu.cl on GPUs."""

from __future__ import annotations

from functools import lru_cache

from tinygrad_cl.lowering import Attrs, DeviceTraits, Grid, Host, Pass, TemplatePlan
from tinygrad_cl.primitives import channels_blocks
from tinygrad_cl.primitives import plans_channels as channels
from tinygrad_cl.primitives import plans_channels_weight as channels_weight
from tinygrad_cl.primitives import plans_depth as depth
from tinygrad_cl.primitives import plans_pointwise as pointwise
from tinygrad_cl.primitives import plans_winograd as winograd
from tinygrad_cl.primitives.conv_blocks import choose_blocks
from tinygrad_cl.primitives.conv_cuts import Blocks
from tinygrad_cl.primitives.conv_prices import reads_in_place
from tinygrad_cl.primitives.conv_sides import Convolution, Pair, Side
from tinygrad_cl.primitives.plans_dense import (
    Argument,
    Types,
    gpu_pass,
    gpu_slices,
    register_types,
    sum_slices,
)
from tinygrad_cl.shapes import Layout, Shape

TASK_CYCLES = 15_000  # of a work-item, at least, where there is work enough: about 5 us
PLAIN = 0.85  # of the cycles of ops/conv.cl, that turning channels must come to for plain products
TASKS = 8  # work-items per compute unit, at most


def plan_conv2d(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan | Host:
    """Returns the plan of a convolution; its domain is (N, O, OH * OW)."""
    return _plan("FORWARD", convolution("FORWARD", inputs, out_shape, attrs), tags[0], traits)


def plan_input_grad(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan | Host:
    """Returns the plan of an input gradient; its domain is (N, C, H * W)."""
    c = convolution("INPUT_GRAD", inputs, out_shape, attrs)
    return _plan("INPUT_GRAD", c, tags[0], traits)


def plan_weight_grad(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan | Host:
    """Returns the plan of a weight gradient; its domain is (1, O, C / groups * KH * KW)."""
    c = convolution("WEIGHT_GRAD", inputs, out_shape, attrs)
    return _plan("WEIGHT_GRAD", c, tags[0], traits)


def convolution(
    mode: str, inputs: tuple[Layout, ...], out_shape: Shape, attrs: Attrs
) -> Convolution:
    """The sizes of a convolution, from those of one of its three products."""
    first, second = (layout.shape for layout in inputs)
    x, w, g = {
        "FORWARD": (first, second, out_shape),
        "INPUT_GRAD": (out_shape, second, first),
        "WEIGHT_GRAD": (first, out_shape, second),
    }[mode]
    groups = attrs["groups"]
    assert isinstance(groups, int)
    (n, c, height, width), (o, _, kernel_h, kernel_w) = x, w
    return Convolution(
        n,
        groups,
        c // groups,
        o // groups,
        (height, width),
        (g[2], g[3]),
        (kernel_h, kernel_w),
        _pair(attrs["stride"]),
        _pair(attrs["padding"]),
        _pair(attrs["dilation"]),
    )


def _pair(value: object) -> Pair:
    assert isinstance(value, tuple)
    return value[0], value[1]


@lru_cache(maxsize=1024)
def _plan(mode: str, c: Convolution, storage: str, traits: DeviceTraits) -> TemplatePlan | Host:
    types = register_types(storage, traits)
    if types is None:
        return Host("float64 convolution has no kernel")
    if traits.kind == "gpu":
        return gpu_plan(mode, c, types, traits)
    planes = depth.planes(mode, c, types)
    if planes is not None:
        return depth.plan(mode, c, types, traits, planes)
    if mode == "WEIGHT_GRAD":
        return _weight_plan(c, types, traits)
    if not pointwise.refusal(mode, c, types):
        return pointwise.image_plan(mode, c, types, traits)
    return _image_plan(mode, c, types, traits)


# --- CPU -----------------------------------------------------------------------------------------


def _image_plan(
    mode: str, c: Convolution, types: Types, traits: DeviceTraits
) -> TemplatePlan | Host:
    b = choose_blocks(mode, c, types)
    if b is None:
        return Host(f"a kernel of {c.kernel} does not fit private memory")
    cycles = b.cycles * _image_tasks(c, b) * -(-b.side.sources // b.sources)
    if not winograd.refusal(mode, c, types, cycles):
        return winograd.image_plan(mode, c, types, traits)
    form = channels.image_form(mode, c, types, traits)
    if form and form.cycles < (PLAIN if c.plain else channels_blocks.MARGIN) * cycles:
        return channels.image_plan(mode, c, types, traits, form)
    return direct_image_plan(mode, c, types, traits, b)


def direct_image_plan(
    mode: str, c: Convolution, types: Types, traits: DeviceTraits, b: Blocks
) -> TemplatePlan:
    """Returns the plan of a convolution or its input gradient that sums over blocks."""
    side = b.side
    while _image_tasks(c, b) < 2 * traits.units and b.cycles > 2 * TASK_CYCLES:
        b = b.halved()
    tasks = _image_tasks(c, b)
    per = _per(tasks, b.cycles, traits)
    defines = (
        *types.defines(),
        ("MODE", mode),
        ("PHASES", side.output_phases),
        ("SHIFT", int(side.shift)),
        ("PANEL", int(b.panel)),
        ("PACK_A", int(b.packed)),
        ("DEEP", int(b.sources < side.sources)),
        ("ROWS", b.tile[0]),
        ("COLS", b.tile[1]),
        ("TAIL", b.tail),
        *(depth.streams(c, types) if side.target[1] % types.vec == 0 or c.taps == 1 else ()),
        *((name, power_of_two(size)) for name, size in b.memory),
    )
    arguments = (("out", 0), ("in", 0), ("in", 1), *_sizes(c, side, b, 1, per))
    name = "conv" if mode == "FORWARD" else "conv_input_grad"
    step = Pass("conv", name, defines, arguments, Grid((max(1, -(-tasks // per)),), (1,)), True)
    return TemplatePlan((step,), (), _domain(c, side))


def _image_tasks(c: Convolution, b: Blocks) -> int:
    rows, columns = b.side.up_size
    across = (c.images, b.images), (b.side.results, b.results)
    return c.groups * _parts(*across, (rows, b.rows), (columns, b.columns))


def _weight_plan(c: Convolution, types: Types, traits: DeviceTraits) -> TemplatePlan | Host:
    b = choose_blocks("WEIGHT_GRAD", c, types)
    if b is None:
        return Host(f"a kernel of {c.kernel} does not fit private memory")
    turned, of, flip = flipped_blocks(c, types), c, False
    if turned and _weight_cycles(c.flipped, turned) < _weight_cycles(c, b):
        b, of, flip = turned, c.flipped, True
    cycles = _weight_cycles(of, b)
    if not winograd.refusal("WEIGHT_GRAD", c, types, cycles):
        return winograd.weight_plan(c, types, traits)
    form = channels_weight.weight_form(c, types, traits)
    if form and form.cycles < channels_blocks.MARGIN * cycles:
        return channels_weight.weight_plan(c, types, traits, form)
    return direct_weight_plan(of, types, traits, b, flip=flip)


def flipped_blocks(c: Convolution, types: Types) -> Blocks | None:
    """The cheapest blocks of a weight gradient whose image and cotangent change places.

    Fewer channels are turned then; None if either would have to be packed.
    """
    if not c.plain or not reads_in_place(c, types):
        return None
    found = choose_blocks("WEIGHT_GRAD", c.flipped, types)
    return found if found and found.file == "conv_weight_wide" else None


def _weight_cycles(c: Convolution, b: Blocks) -> float:
    steps = -(-c.images // b.images) * _parts((c.out[0], b.rows), (c.out[1], b.columns))
    return b.cycles * steps * _weight_tasks(c, b)


def direct_weight_plan(
    c: Convolution,
    types: Types,
    traits: DeviceTraits,
    b: Blocks,
    share: float = 1.0,
    flip: bool = False,
) -> TemplatePlan:
    """Returns the plan of a weight gradient that sums over blocks.

    There are `share` times as many chunks of images, summed apart, as a rule says. `flip`: image
    and cotangent have changed places.
    """
    side = b.side
    while c.images == 1 and _weight_tasks(c, b) < 2 * traits.units and b.results > b.tile[0]:
        b = b.halved()
    tasks = _weight_tasks(c, b)
    blocks = -(-c.images // b.images)
    total = b.cycles * blocks * _parts((c.out[0], b.rows), (c.out[1], b.columns))
    size = c.groups * c.outputs * c.channels * c.taps
    chunks = _chunks(tasks, total, blocks, size, traits)
    chunks = max(1, min(blocks, round(chunks * share)))
    chunk = -(-blocks // chunks) * b.images
    chunks = -(-c.images // chunk) if c.images else 0
    per = _per(tasks * chunks, total / max(chunks, 1), traits)
    dot = b.file == "conv_weight"
    plain = not dot and reads_in_place(c, types)
    defines = (
        *types.defines(types.acc),
        *((("PANEL", int(b.panel)), ("GROUP", power_of_two(b.tile[1], 4))) if dot else ()),
        *((("PLAIN", 1), ("FLIPPED", int(flip))) if plain else ()),
        ("SHIFT", int(side.shift)),
        ("ROWS", b.tile[0]),
        ("COLS", b.tile[1]),
        *((name, power_of_two(size)) for name, size in b.memory),
    )
    inputs = ("in", int(flip)), ("in", int(not flip))
    arguments = (("scratch", 0), *inputs, *_sizes(c, side, b, chunk, per))
    grid = Grid((max(1, -(-tasks * chunks // per)),), (1,))
    first = Pass(b.file, "conv_weight_grad", defines, arguments, grid)
    results, weights = (c.channels, c.outputs) if flip else (c.outputs, c.channels * c.taps)
    domain = (1, c.groups * results, weights)
    return sum_slices(first, domain, chunks, types, traits, always=True)


def _chunks(tasks: int, cycles: float, blocks: int, size: int, traits: DeviceTraits) -> int:
    """Chunks of images whose weight gradients are summed apart.

    More of them balance the units, and cost memory traffic.
    """
    most = min(blocks, max(1, int(tasks * cycles / TASK_CYCLES)), TASKS * traits.units)

    def cost(chunks: int) -> float:
        rounds = -(-tasks * chunks // traits.units) + 0.5  # half a task is lost to noise
        return rounds * cycles / chunks + chunks * size / (2 * traits.units)

    return min(range(1, most + 1), key=cost, default=1)


def _weight_tasks(c: Convolution, b: Blocks) -> int:
    return c.groups * _parts((b.side.sources, b.sources), (b.side.results, b.results))


def power_of_two(size: int, least: int = 256) -> int:
    """The power of two that holds `size`: few sizes make few kernels."""
    return 1 << (max(size, least) - 1).bit_length()


def _parts(*pairs: Pair) -> int:
    count = 1
    for size, part in pairs:
        count *= -(-size // part)
    return count


def _per(tasks: int, cycles: float, traits: DeviceTraits) -> int:
    """Tasks of a work-item: few work-items, but enough of them to balance the units."""
    items = max(1, min(int(tasks * cycles / TASK_CYCLES), TASKS * traits.units, tasks))
    return max(1, -(-tasks // items))


def _domain(c: Convolution, side: Side) -> Shape:
    return (c.images, c.groups * side.results, side.target[0] * side.target[1])


def _sizes(c: Convolution, side: Side, b: Blocks, chunk: int, per: int) -> tuple[Argument, ...]:
    """The arguments of `GEOMETRY` in ops/conv_image.cl."""
    ints = (
        *(c.images, c.groups, side.sources, side.results),
        *(*side.source, *side.target, *c.kernel, *c.stride, *c.padding, *c.dilation, *side.low),
        *(*side.parts, side.part_step),
        *(b.images, b.sources, b.results, b.rows, b.columns, b.rows_in, b.pitch, b.plane, b.run),
        *(chunk, per),
    )
    return tuple(("int", i) for i in ints)


# --- GPU -----------------------------------------------------------------------------------------


def gpu_plan(
    mode: str, c: Convolution, types: Types, traits: DeviceTraits, items: int = 0, slices: int = 0
) -> TemplatePlan:
    """Returns the plan on a GPU.

    Args:
        mode: "FORWARD", "INPUT_GRAD" or "WEIGHT_GRAD".
        c: the sizes.
        types: the register types.
        traits: of the device.
        items: outputs of a work-item along either side; 0: by a rule.
        slices: of the sum of a weight gradient; 0: by a rule.
    """
    pixels = c.out[0] * c.out[1]
    sizes = (
        *(c.groups, c.channels, c.outputs),
        *(*c.size, *c.out, *c.kernel, *c.stride, *c.padding, *c.dilation),
    )
    arguments = tuple(("int", i) for i in sizes)
    pointers = (("out", 0), ("in", 0), ("in", 1))
    if mode == "WEIGHT_GRAD":
        shape = (c.groups, c.outputs, c.channels * c.taps, c.images * pixels)
        slices = slices or gpu_slices(*shape, traits)
        pointers = (("scratch", 0) if slices > 1 else ("out", 0), ("in", 0), ("in", 1))
        first = gpu_pass(
            mode, "conv_weight_grad", types, shape, slices, pointers, arguments, (True, True), items
        )
        domain = (1, c.groups * c.outputs, c.channels * c.taps)
        return sum_slices(first, domain, slices, types, traits)
    if mode == "FORWARD":
        shape = (c.images * c.groups, c.outputs, pixels, c.channels * c.taps)
        name, domain = "conv", (c.images, c.groups * c.outputs, pixels)
    else:
        area = c.size[0] * c.size[1]
        shape = (c.images * c.groups, c.channels, area, c.outputs * c.taps)
        name, domain = "conv_input_grad", (c.images, c.groups * c.channels, area)
    step = gpu_pass(mode, name, types, shape, 1, pointers, arguments, (True, False), items)
    return TemplatePlan((step,), (), domain)
