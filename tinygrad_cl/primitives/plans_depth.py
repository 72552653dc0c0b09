"""Plans of convolutions whose groups have few channels: ops/conv_depth*.cl, on CPUs.

Depthwise convolution moves as much as it multiplies, so its planes are read once and its results
are written once, whole registers at a time. So it is where one group has one result, however many
sources: a number that is read meets no more than the taps of that one.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinygrad_cl.dtypes import HALVES
from tinygrad_cl.lowering import DeviceTraits, Grid, Pass, TemplatePlan
from tinygrad_cl.primitives.channels_blocks import power_of_two, up
from tinygrad_cl.primitives.conv_sides import Convolution, Pair
from tinygrad_cl.primitives.plans_dense import Defines, Types, sum_slices

FILTERS = 4  # of a group, at most: sources times results
SINGLE = 16  # the same for groups that have one source or one result
TAPS = 49  # at most
ACCS = 31  # of a weight gradient, whose sums are in registers, at most
GROUPS = 16  # that are packed at a time, at most
NEAR = 4096  # elements of the planes and the result, that stay near the core
IMAGE = 32768  # elements, at most
MADE = 32768
TOTALS = 1024  # registers of sums, at most
TASK_PIXELS = 16384  # of a work-item, at least
STREAM_FROM = 1 << 24  # bytes read and written, that no cache holds
TASKS = 8  # work-items per compute unit, at most
CHUNK_PIXELS = 65536  # of a chunk of a weight gradient, at least


@dataclass(frozen=True, slots=True)
class Planes:
    """How planes lie in private memory; the words are those of ops/conv_planes.cl."""

    rows: int  # of the register tile
    block_groups: int
    block_rows: int
    margin: int
    pitch: int
    part: int
    plane: int
    image: int
    made: int
    sums: int


def refusal(mode: str, c: Convolution) -> str | None:
    """Returns why a convolution is not computed plane by plane, or None if it may be."""
    if c.groups * c.channels * c.outputs * c.images == 0:
        return "there is nothing to compute"
    alone = c.groups == 1 and results_of(mode, c) == 1  # no register tile of other forms is full
    if c.groups == 1 and not alone:
        return "there is one group of several results"
    single = min(c.channels, c.outputs) == 1
    if not alone and c.channels * c.outputs > (SINGLE if single else FILTERS):
        return "a group has too many channels"
    if c.taps > TAPS:
        return "the kernel has too many taps"
    if max(c.stride) > 2:
        return "the stride is too large"
    if mode == "WEIGHT_GRAD" and c.taps > ACCS:
        return "the sums of all taps do not fit the registers"
    return None


def results_of(mode: str, c: Convolution) -> int:
    """Planes that a group makes; for a weight gradient one for each pair of channels."""
    made = {"FORWARD": c.outputs, "INPUT_GRAD": c.channels}
    return made.get(mode, c.channels * c.outputs)


def planes(mode: str, c: Convolution, types: Types) -> Planes | None:
    """Returns how planes are packed; None if the convolution is refused or does not fit."""
    if refusal(mode, c):
        return None
    high = _target(mode, c)[0]
    direct = _is_direct(mode, c, types)
    rows = _tile_rows(mode, c, high, direct)
    found = _planes(mode, c, types, rows, 1, up(high, rows))
    size = found.image + found.made
    if size > NEAR:
        one = _planes(mode, c, types, rows, 1, rows)
        two = _planes(mode, c, types, rows, 1, 2 * rows)
        step = max(1, two.image + two.made - one.image - one.made)
        tiles = max(1, (NEAR - one.image - one.made) // step + 1)
        blocks = -(-high // (tiles * rows))
        found = _planes(mode, c, types, rows, 1, up(-(-high // blocks), rows))
    elif 2 * size <= NEAR and not direct:
        groups = min(GROUPS, NEAR // size, c.groups)
        found = _planes(mode, c, types, rows, groups, up(high, rows))
    return found if found.image <= IMAGE and found.made <= MADE else None


def _target(mode: str, c: Convolution) -> Pair:
    """Rows and columns of the largest output phase; of the cotangent for a weight gradient."""
    if mode == "INPUT_GRAD":
        return -(-c.size[0] // c.stride[0]), -(-c.size[1] // c.stride[1])
    return c.out


def _tile_rows(mode: str, c: Convolution, high: int, direct: bool) -> int:
    phases = c.stride[0] * c.stride[1] if mode == "INPUT_GRAD" else 1
    if high == 1 or direct:
        return 1
    if phases > 1 or (mode == "WEIGHT_GRAD" and c.taps > 9):
        return 4
    return 7 if up(high, 7) <= up(high, 4) else 4


def _is_direct(mode: str, c: Convolution, types: Types) -> bool:
    """Whether planes are read where they lie: wide ones, by taps that see the next registers."""
    wide = min(c.size[1], c.out[1]) > types.vec
    near = all(abs(shift) <= types.vec for shift in _shifts(mode, c))
    return wide and near and max(c.stride) == 1 and types.storage not in HALVES


def _shifts(mode: str, c: Convolution) -> Pair:
    """The least and the greatest shift along a row."""
    (stride, kernel, dilation, padding) = (c.stride[1], c.kernel[1], c.dilation[1], c.padding[1])
    last = (kernel - 1) * dilation
    if mode == "INPUT_GRAD":
        return -((last - padding) // stride), -(-padding // stride)
    return -padding // stride, (last - padding) // stride


def _planes(
    mode: str, c: Convolution, types: Types, rows: int, groups: int, block_rows: int
) -> Planes:
    vec = types.vec
    least, most = _shifts(mode, c)
    grad = mode == "INPUT_GRAD"
    parts, move = (1, 1) if grad else (c.stride[1], c.stride[0])
    source = c.out if grad else c.size
    width, (_, columns) = -(-source[1] // parts), _target(mode, c)
    left = up(max(0, -least), vec)
    pitch = up(max(width + max(0, -least), columns + most), vec)
    span = (c.kernel[0] - 1) * c.dilation[0]
    if grad:
        reach = -(-c.padding[0] // c.stride[0]) + (span - c.padding[0]) // c.stride[0]
    else:
        reach = span
    rows_in = (block_rows - 1) * move + reach + 1
    part = rows_in * pitch
    sources = c.outputs if grad else c.channels
    up_h, up_w = c.stride if grad else (1, 1)
    line = c.size[1] if grad else c.out[1]
    image = (
        left
        + groups * sources * parts * part
        + up(columns, vec)
        - columns
        + up(max(most, 0), vec)
        + vec
    )
    made = 0 if mode == "WEIGHT_GRAD" else groups * block_rows * up_h * line + 2 * vec * up_w
    several = sources > 1 and mode != "WEIGHT_GRAD"
    sums = block_rows * up_h * up_w * up(columns, vec) if several else 1
    if _is_direct(mode, c, types):
        left, pitch, part, plane, image = 0, source[1], 0, source[0] * source[1], 0
    else:
        plane = parts * part
    return Planes(rows, groups, block_rows, left, pitch, part, plane, image, made, sums)


def _taps(mode: str, c: Convolution) -> Defines:
    return (
        ("MODE", "INPUT_GRAD" if mode == "INPUT_GRAD" else "FORWARD"),
        *(("KERNEL_H", c.kernel[0]), ("KERNEL_W", c.kernel[1])),
        *(("STRIDE_H", c.stride[0]), ("STRIDE_W", c.stride[1])),
        *(("PADDING_H", c.padding[0]), ("PADDING_W", c.padding[1])),
        *(("DILATION_H", c.dilation[0]), ("DILATION_W", c.dilation[1])),
    )


def _geometry(mode: str, c: Convolution, p: Planes) -> Defines:
    return (
        *_taps(mode, c),
        ("DIRECT", int(p.image == 0)),
        ("ROWS", p.rows),
        ("IMAGE", power_of_two(p.image, 4096)),
    )


def plan(mode: str, c: Convolution, types: Types, traits: DeviceTraits, p: Planes) -> TemplatePlan:
    """Returns the plan of one of the three products."""
    if mode == "WEIGHT_GRAD":
        return weight_plan(c, types, traits, p)
    return image_plan(mode, c, types, traits, p)


def image_plan(
    mode: str, c: Convolution, types: Types, traits: DeviceTraits, p: Planes
) -> TemplatePlan:
    """Returns the plan of a convolution or of its input gradient."""
    grad = mode == "INPUT_GRAD"
    sources, results = (c.outputs, c.channels) if grad else (c.channels, c.outputs)
    source, target = (c.out, c.size) if grad else (c.size, c.out)
    strips = -(-_target(mode, c)[0] // p.block_rows)
    tasks = c.images * -(-c.groups // p.block_groups) * strips
    per = _per(tasks, c.images * c.groups * sources * results * target[0] * target[1], traits)
    several = (("SEVERAL", int(sources > 1)), *streams(c, types))
    room = ("SUMS", power_of_two(p.sums, 4096 if sources > 1 else 1))
    sizes: tuple[int, ...] = (c.images, c.groups, sources, results, *source, *target)
    if p.image == 0:
        file = "conv_depth_rows"
        defines = (*types.defines(), *_taps(mode, c), *several, room)
        sizes = (*sizes, p.block_rows, per)
    else:
        file = "conv_depth"
        made = ("MADE", power_of_two(p.made, 4096))
        defines = (*types.defines(), *_geometry(mode, c, p), *several, made, room)
        sizes = (*sizes, p.block_groups, p.block_rows, p.margin, p.pitch, p.part, p.plane, per)
    arguments = (("out", 0), ("in", 0), ("in", 1), *(("int", i) for i in sizes))
    name = "conv_input_grad" if grad else "conv"
    step = Pass(file, name, defines, arguments, Grid((-(-tasks // per),), (1,)), True)
    domain = (c.images, c.groups * results, target[0] * target[1])
    return TemplatePlan((step,), (), domain)


def streams(c: Convolution, types: Types) -> Defines:
    """The macro of an output that goes past the caches, where none holds what is moved."""
    size = 2 if types.storage in HALVES else types.size
    return (("STREAM", 1),) if c.moved * size > STREAM_FROM else ()


def _per(tasks: int, pixels: int, traits: DeviceTraits) -> int:
    """Tasks of a work-item."""
    items = max(1, min(pixels // TASK_PIXELS, TASKS * traits.units, tasks))
    return -(-tasks // items)


def weight_plan(c: Convolution, types: Types, traits: DeviceTraits, p: Planes) -> TemplatePlan:
    """Returns the plan of a weight gradient."""
    pixels = c.images * c.groups * c.outputs * c.out[0] * c.out[1]
    filters = c.channels * c.outputs * c.taps
    across = min(c.groups, max(1, TOTALS // filters))
    across = -(-c.groups // -(-c.groups // across))
    parts = -(-c.groups // across)
    wanted = -(-TASKS * traits.units // parts)
    chunks = max(1, min(wanted, c.images, pixels // CHUNK_PIXELS))
    chunk = -(-c.images // chunks)
    chunks = -(-c.images // chunk)
    per = _per(chunks * parts, pixels, traits)
    sums = across * filters
    defines = (
        *types.defines(types.acc if chunks > 1 else types.storage),
        *_geometry("WEIGHT_GRAD", c, p),
        ("TOTALS", power_of_two(sums, 64)),
    )
    sizes = (
        *(c.images, c.groups, c.channels, c.outputs, *c.size, *c.out),
        *(p.block_groups, p.block_rows, p.margin, p.pitch, p.part, p.plane, chunk, across, per),
    )
    out = ("scratch", 0) if chunks > 1 else ("out", 0)
    first = Pass(
        "conv_depth_weight",
        "conv_weight_grad",
        defines,
        (out, ("in", 0), ("in", 1), *(("int", i) for i in sizes)),
        Grid((-(-chunks * parts // per),), (1,)),
        chunks == 1,
    )
    domain = (1, c.groups * c.outputs, c.channels * c.taps)
    return sum_slices(first, domain, chunks, types, traits)
