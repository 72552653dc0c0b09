"""Plans of the weight gradient with channels side by side: ops/conv_channels_weight.cl, on CPUs.

As plans_channels.py: `weight_form` chooses blocks and tells the cycles.
"""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_cl.lowering import DeviceTraits, Pass, TemplatePlan
from tinygrad_cl.primitives.channels_blocks import (
    IMAGE,
    LEFT,
    PIXELS,
    RATE,
    ROWS,
    SUMS,
    TASKS,
    TURN,
    WEIGHT,
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
from tinygrad_cl.primitives.conv_sides import Convolution, Pair
from tinygrad_cl.primitives.plans_dense import Defines, Types, sum_slices


def weight_form(c: Convolution, types: Types, traits: DeviceTraits) -> Form | None:
    """Returns the cheapest blocks of a weight gradient; None if it is refused."""
    return min(weight_forms(c, types, traits), key=lambda f: f.cycles, default=None)


def weight_forms(c: Convolution, types: Types, traits: DeviceTraits) -> list[Form]:
    """Returns all blocks of a weight gradient that fit; none if it is refused."""
    if refusal(c, types):
        return []
    r = reach("WEIGHT_GRAD", c)
    return [
        Form(_weight_cycles(c, r, types, traits, *given), *given)
        for given in _weight_forms(c, r, types)
        if _weight_fits(c, r, types, *given)
    ]


def _weight_forms(
    c: Convolution, r: Reach, types: Types
) -> Iterator[tuple[int, int, int, int, int]]:
    vec = types.vec
    widths = {pixel_step(r.sources, vec)} if r.sources <= vec else set()
    widths |= {min(n * vec, up(r.sources, vec)) for n in (1, 2, 3, 4, 8, 16)} - {vec - 1}
    heights = {min(n * vec, up(r.results, vec)) for n in (1, 2, 4, 8, 16)}
    for images, rows in blocks_of(r, c.images, PIXELS):
        for sources in widths:
            for results in heights:
                for cols in (2, 3):
                    yield images, rows, sources, results, cols


def _cells(c: Convolution, types: Types, sources: int, cols: int) -> Pair:
    """Runs of the turned image that meet the cotangent, and register tiles across each."""
    step = pixel_step(sources, types.vec)
    joined = is_joined("WEIGHT_GRAD", c, step, step)
    runs, length = (c.kernel[0], c.kernel[1] * step) if joined else (c.taps, step)
    return runs, -(-length // (cols * types.vec))


def _weight_fits(
    c: Convolution, r: Reach, types: Types, images: int, rows: int, *rest: int
) -> bool:
    sources, results, cols = rest
    if sources < types.vec and sources != r.sources:
        return False
    runs, cells = _cells(c, types, sources, cols)
    image = images * r.rows_in(rows) * r.pitch * pixel_step(sources, types.vec)
    return (
        image + 4 * types.vec <= IMAGE
        and images * rows * r.grid[1] * results <= LEFT
        and runs * cells * up(results, ROWS) * cols * types.vec <= SUMS
    )


def _weight_cycles(
    c: Convolution, r: Reach, types: Types, traits: DeviceTraits, images: int, rows: int, *rest: int
) -> float:
    sources, results, cols = rest
    vec, pixels = types.vec, images * rows * r.grid[1]
    runs, cells = _cells(c, types, sources, cols)
    turn = images * r.turn_cycles(rows, sources, vec)
    turn += TURN * pixels * -(-results // vec)
    tiles = runs * cells * -(-results // ROWS)
    product = tiles * (pixels * ROWS * cols / 2 / RATE + ROWS * cols * 2 + 4 * rows * images)
    blocks = -(-c.images // images) * -(-r.grid[0] // rows)
    tasks = -(-r.sources // sources) * -(-r.results // results)
    chunks = _chunks(tasks, -(-c.images // images), traits)
    return tasks * (blocks * (turn + product) + WEIGHT * chunks * results * sources * c.taps)


def _chunks(tasks: int, blocks: int, traits: DeviceTraits) -> int:
    """Chunks of images whose gradients are summed apart, for tasks over the channels."""
    return max(1, min(blocks, -(-TASKS * traits.units // tasks)))


def weight_plan(c: Convolution, types: Types, traits: DeviceTraits, f: Form) -> TemplatePlan:
    """Returns the plan of a weight gradient."""
    r, vec = reach("WEIGHT_GRAD", c), types.vec
    across, down = -(-r.sources // f.sources), -(-r.results // f.results)
    blocks = -(-c.images // f.images)
    chunk = -(-blocks // _chunks(across * down, blocks, traits)) * f.images
    chunks = -(-c.images // chunk)
    per, grid = share(chunks * across * down, traits)
    step = pixel_step(f.sources, vec)
    runs, cells = _cells(c, types, f.sources, f.cols)
    image = f.images * r.rows_in(f.rows) * r.pitch * step
    defines: Defines = (
        *types.defines(types.acc if chunks > 1 else types.storage),
        ("JOINED", int(is_joined("WEIGHT_GRAD", c, step, step))),
        ("ROWS", ROWS),
        ("COLS", f.cols),
        ("IMAGE", power_of_two(image + 4 * vec)),
        ("LEFT", power_of_two(f.images * f.rows * r.grid[1] * f.results)),
        ("SUMS", power_of_two(runs * cells * up(f.results, ROWS) * f.cols * vec)),
        ("LINE", power_of_two(vec * c.taps + vec)),
    )
    sizes = (
        *(c.images, r.sources, r.results, *r.size, *r.out, *c.kernel, *c.dilation, *r.low),
        *(*r.move, *r.skip, f.images, f.rows, f.sources, f.results, r.reach[0], r.pitch, step),
        *(chunk, per),
    )
    out = ("scratch", 0) if chunks > 1 else ("out", 0)
    first = Pass(
        "conv_channels_weight",
        "conv_weight_grad",
        defines,
        (out, ("in", 0), ("in", 1), *(("int", i) for i in sizes)),
        grid,
        chunks == 1,
    )
    domain = (1, r.results, r.sources * c.taps)
    return sum_slices(first, domain, chunks, types, traits)
