"""Plans of max pooling that keeps the places of the maxima.   Rows: pool_offset.py.

A place is a byte: the tap of the window, row by row. Windows of more than `MOST_TAPS` taps have no
such places.
"""

from __future__ import annotations

from tinygrad_cl.lowering import Attrs, DeviceTraits, Host, Pass, TemplatePlan, Twin
from tinygrad_cl.primitives.plans_pool import (
    ALL_WINDOW_ATTRS,
    GROUP,
    IN0,
    IN1,
    OUT,
    SCRATCH,
    WANT_BOTH,
    WANT_COLLECT,
    WANT_PLACE,
    WANT_TAKE,
    Arguments,
    Call,
    element_pass,
    one,
    plan_max,
    template,
)
from tinygrad_cl.primitives.plans_pool_first import first, sizes, windows
from tinygrad_cl.shapes import Layout, Shape

MOST_TAPS = 255  # the byte 255 says that a window meets no element
TWIN_OUT = ("out", 1)
GATHER_TAPS = 25  # taps of a window, at most, that pixels ask for; beyond, windows tell them
GATHER_STRIDE = 2
SUMS = 16  # registers of sums that are open at a time, at most


def _overlaps(call: Call) -> bool:
    """Whether windows share elements.

    Then ops/pool_first.cl finds maxima, alone or with places: the same bits, signs of zeros too.
    """
    return (
        any(axis.stride < axis.span for axis in (call.rows, call.cols))
        and call.rows.kernel * call.cols.kernel <= MOST_TAPS
        and call.kind.lowest == "-INFINITY"
    )


def _first(
    call: Call, outputs: Arguments, name: str, *, values: bool = True, places: bool = True
) -> TemplatePlan:
    """Maxima, places, or both."""
    wanted = ("VALUES", int(values)), ("PLACES", int(places)), ("LOWEST", call.kind.lowest)
    return first(call, outputs, name, *wanted, epilogue=values)


def _offset(call: Call) -> TemplatePlan:
    name = "max_pool2d_offset"
    if call.traits.kind == "gpu":
        step = element_pass(call, WANT_PLACE, name, (OUT, IN0))
        return one(step, call.planes * call.windows)
    return _first(call, (OUT,), name, values=False)


def _max(call: Call) -> TemplatePlan:
    if call.traits.kind == "gpu" or not _overlaps(call):
        return plan_max(call)
    return _first(call, (OUT,), "max_pool2d", places=False)


def _both(call: Call) -> TemplatePlan | Host:
    name = "max_pool2d_and_offset"
    if call.traits.kind == "gpu":
        step = element_pass(call, WANT_BOTH, name, (OUT, TWIN_OUT, IN0))
        return one(step, call.planes * call.windows)
    if not _overlaps(call):
        return Host("maxima and places are found apart where windows do not overlap")
    return _first(call, (OUT, TWIN_OUT), name)


def _take(call: Call) -> TemplatePlan:
    name, total = "max_pool2d_take", call.planes * call.windows
    if call.traits.kind == "gpu":
        return one(element_pass(call, WANT_TAKE, name, (OUT, IN0, IN1)), total)
    given = (OUT, IN0, IN1, *call.geometry(*ALL_WINDOW_ATTRS))
    defines = call.defines(call.kind, ("TAKE", 1))
    return one(
        Pass("pool_offset", name, defines, given, call.grid(call.planes), epilogue=True), total
    )


def _spread(call: Call) -> TemplatePlan:
    name, total = "max_pool2d_spread", call.planes * call.pixels
    if call.traits.kind == "gpu":
        return one(element_pass(call, WANT_COLLECT, name, (OUT, IN0, IN1)), total)
    if _is_gathered(call):
        return _collect(call, name)
    grid = call.grid(call.planes)
    group = max(1, GROUP // call.pixels)
    vec = call.register
    scratch = grid.size[0] * -(-group * call.pixels // vec) * vec * call.kind.itemsize
    given = (OUT, IN0, IN1, SCRATCH, ("int", group), *call.geometry(*ALL_WINDOW_ATTRS))
    defines = call.defines(call.kind, ("TAKE", 0))
    return one(Pass("pool_offset", name, defines, given, grid, epilogue=True), total, (scratch,))


def _is_gathered(call: Call) -> bool:
    """Whether registers of pixels ask their windows, or each window tells its pixel."""
    rows, cols = call.rows, call.cols
    return (
        cols.stride <= GATHER_STRIDE
        and rows.kernel * cols.kernel <= GATHER_TAPS
        and rows.span * cols.stride <= SUMS
        and 4 * cols.out > call.register
    )


def _collect(call: Call, name: str) -> TemplatePlan:
    """The gradient, gathered: the kernel of ops/pool_collect.cl."""
    rows, cols, vec = call.rows, call.cols, call.register
    columns = -(-cols.size // cols.stride)
    narrow = columns <= vec // 2
    stride = rows.size * -(-columns // vec) * vec * cols.stride + vec
    reach = 2 * vec + cols.padding + cols.span
    spare = 8 * (call.windows + reach)  # for the planes at both ends of the inputs
    grid = call.grid(max(1, min(call.planes, call.planes * call.windows // (2 * reach))))
    given = (OUT, IN0, IN1, SCRATCH, ("long", stride), *sizes(call)[:-1])
    defines = windows(call, ("PADDING_W", cols.padding), ("NARROW", int(narrow)))
    step = Pass("pool_collect", name, defines, given, grid, epilogue=True)
    total = call.planes * call.pixels
    return one(step, total, ((grid.size[0] * stride + spare) * call.kind.itemsize,))


OFFSET = template(_offset)
TAKE = template(_take, plane=0)
SPREAD = template(_spread, gradient=True)
_BOTH = template(_both)


def _plan_both(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan | None:
    plan = _BOTH.plan(inputs, out_shape, tags, attrs, traits)
    return plan if isinstance(plan, TemplatePlan) else None


MAX = template(_max, twin=Twin("max_pool2d_offset", _plan_both))
