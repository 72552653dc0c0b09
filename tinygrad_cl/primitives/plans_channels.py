"""Plans of convolution with channels side by side: ops/conv_channels.cl, on CPUs.

What a block reads is turned to [pixel][channel] first, the weights are packed in a first pass, and
the rest is a product of matrices at full speed, whatever the stride and however small the maps.
`image_form` chooses blocks and tells the cycles; ops/conv.cl is used where it takes fewer. The
weight gradient is in plans_channels_weight.py.
"""

from __future__ import annotations

from tinygrad_cl.lowering import DeviceTraits, Grid, Pass, TemplatePlan
from tinygrad_cl.primitives.channels_blocks import (
    BACK,
    DEPTH,
    FAR,
    FILTER,
    IMAGE,
    ITEMS,
    MADE,
    NEAR,
    PANEL,
    PIXELS,
    RATE,
    ROWS,
    TAPS,
    TASKS,
    TILE,
    Form,
    Reach,
    blocks_of,
    is_joined,
    pixel_step,
    power_of_two,
    reach,
    refusal,
    share,
    up,
)
from tinygrad_cl.primitives.conv_sides import Convolution
from tinygrad_cl.primitives.plans_dense import Types


def image_form(mode: str, c: Convolution, types: Types, traits: DeviceTraits) -> Form | None:
    """Returns the cheapest blocks of a convolution or its input gradient; None: refused."""
    r, found = reach(mode, c), image_forms(mode, c, types)
    panels = -(-r.results // (2 * types.vec))
    enough = [
        f
        for f in found
        if -(-c.images // f.images) * -(-r.grid[0] // f.rows) * panels >= 2 * traits.units
    ]
    return min(enough or found, key=lambda f: f.cycles, default=None)


def image_forms(mode: str, c: Convolution, types: Types) -> list[Form]:
    """Returns all blocks of a convolution or its input gradient that fit; none if refused."""
    if refusal(c, types):
        return []
    r, vec = reach(mode, c), types.vec
    return [
        Form(_image_cycles(mode, c, r, types, images, rows), images, rows)
        for images, rows in blocks_of(r, c.images, PIXELS)
        if images * r.rows_in(rows) * r.pitch * pixel_step(r.sources, vec) + vec <= IMAGE
        and images * rows * r.grid[1] * r.up[0] * r.up[1] * 2 * vec <= MADE
    ]


def _image_cycles(
    mode: str, c: Convolution, r: Reach, types: Types, images: int, rows: int
) -> float:
    vec, columns, phases = types.vec, r.grid[1], r.up[0] * r.up[1]
    panels, pixels = -(-r.results // (2 * vec)), images * rows * columns
    turn = images * r.turn_cycles(rows, r.sources, vec)
    depth = r.sources * c.taps
    pieces = max(phases, -(-depth // DEPTH))
    tiles = up(pixels, ROWS) * depth / RATE + -(-pixels // ROWS) * TILE * pieces
    tiles += PANEL * 2 * depth
    back = BACK * pixels * phases * -(-r.results // vec)
    blocks = -(-c.images // images) * -(-r.grid[0] // rows)
    weights = depth * panels * 2 * vec
    pack = FILTER + (FAR if weights > NEAR else 0)
    return blocks * (turn + panels * tiles + back) + pack * weights


def image_plan(
    mode: str, c: Convolution, types: Types, traits: DeviceTraits, f: Form
) -> TemplatePlan:
    """Returns the plan of a convolution or of its input gradient."""
    r, vec = reach(mode, c), types.vec
    step, phases = pixel_step(r.sources, vec), r.up[0] * r.up[1]
    joined = is_joined(mode, c, step, r.sources)
    panels = -(-r.results // (2 * vec))
    blocks = -(-c.images // f.images) * -(-r.grid[0] // f.rows)
    cuts = max(1, min(panels, -(-TASKS * traits.units // blocks)))
    results = -(-panels // cuts) * 2 * vec
    per, grid = share(blocks * -(-r.results // results), traits)
    run = r.sources * (c.kernel[1] if joined else 1)
    pixels = f.images * f.rows * r.grid[1]
    defines = (
        *types.defines(),
        ("MODE", mode),
        ("PHASES", phases),
        ("JOINED", int(joined)),
        ("ROWS", ROWS),
        ("COLS", 2),
        ("DEPTH", DEPTH),
        ("IMAGE", power_of_two(f.images * r.rows_in(f.rows) * r.pitch * step + vec)),
        ("MADE", power_of_two(pixels * phases * 2 * vec)),
        ("PIXELS", PIXELS),
        ("TABLE", power_of_two(c.taps * -(-run // DEPTH), 16)),
    )
    sizes = (
        *(c.images, r.sources, r.results, *r.size, *r.out, *c.kernel, *c.stride, *c.padding),
        *(*c.dilation, *r.low, *r.move, *r.skip, f.images, f.rows, results, r.reach[0]),
        *(r.pitch, step, per),
    )
    product = Pass(
        "conv_channels",
        "conv" if mode == "FORWARD" else "conv_input_grad",
        defines,
        (("out", 0), ("in", 0), ("scratch", 0), *(("int", i) for i in sizes)),
        grid,
        True,
    )
    elements = panels * 2 * vec * r.sources * c.taps
    first = _filter_pass(mode, c, r, types, traits)
    domain = (c.images, r.results, r.out[0] * r.out[1])
    return TemplatePlan((first, product), (elements * types.size,), domain)


def _filter_pass(mode: str, c: Convolution, r: Reach, types: Types, traits: DeviceTraits) -> Pass:
    flip = mode == "INPUT_GRAD"
    inner = c.taps if flip else r.sources * c.taps
    result_step = c.taps if flip else inner
    outer, outer_step = (r.sources, r.results * c.taps) if flip else (1, 0)
    tasks = -(-r.results // (2 * types.vec)) * 2 * outer * -(-inner // types.vec)
    per = max(-(-tasks // (ITEMS * traits.units)), 64)
    sizes = (
        *(r.sources, r.results, outer, inner, outer_step, result_step, *c.kernel, *r.up),
        *(*c.padding, *c.dilation, per),
    )
    return Pass(
        "conv_channels_filter",
        "conv_filter",
        (*types.defines(types.acc), ("COLS", 2), ("TAPS", TAPS)),
        (("scratch", 0), ("in", 1), *(("int", i) for i in sizes)),
        Grid((-(-tasks // per),), (1,)),
    )
