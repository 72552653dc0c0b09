"""The plan of ops/pool_first.cl: maxima of windows, with their places or without, and averages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.lowering import Pass, TemplatePlan

if TYPE_CHECKING:
    from tinygrad_cl.primitives.plans_pool import Arguments, Call, Defines

BAND = 16384  # windows of a band of rows, at most


def sizes(call: Call) -> Arguments:
    """Planes, input and output sizes, and the padding, as arguments."""
    return (*call.sizes, ("int", call.rows.padding), ("int", call.cols.padding))


def windows(call: Call, *more: tuple[str, str | int]) -> Defines:
    """The macros that name types and windows."""
    pairs = tuple(
        (f"{name.upper()}_{side}", int(getattr(axis, name)))
        for name in ("kernel", "stride", "dilation")
        for side, axis in (("H", call.rows), ("W", call.cols))
    )
    place = "long" if call.kind.itemsize == 8 else "int"
    return call.defines(call.kind, ("PLACE", place), *pairs, *more)


def first(
    call: Call,
    outputs: Arguments,
    name: str,
    *wanted: tuple[str, str | int],
    epilogue: bool = True,
) -> TemplatePlan:
    """Returns the plan of one launch; `wanted` are the macros that say what is computed."""
    rows, cols, vec = call.rows, call.cols, call.register
    length = -(-cols.out // vec) * vec
    band = rows.out if cols.out <= vec // 2 else max(1, min(rows.out, BAND // length))
    stride = band * length + -(-(band * length) // 4) + vec
    reach = vec * cols.stride + cols.span + vec
    spare = 4 * (call.pixels + reach)  # for the planes at both ends of the input
    padded = any(axis.padding or axis.reach > axis.size for axis in (rows, cols))
    grid = call.grid(max(1, min(call.planes, call.planes * call.pixels // (2 * reach))))
    given = (*outputs, ("in", 0), ("scratch", 0), ("long", stride), ("int", band), *sizes(call))
    defines = windows(call, ("PADDED", int(padded)), *wanted)
    arguments = (*given, ("int", call.divisor))
    step = Pass("pool_first", name, defines, arguments, grid, epilogue=epilogue)
    scratch = (grid.size[0] * stride + spare) * call.kind.itemsize
    return TemplatePlan((step,), (scratch,), (call.planes * call.windows,))
