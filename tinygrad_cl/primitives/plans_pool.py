"""Plans of pooling: which kernel of ops/pool*.cl runs, and how many work-items share the work.

A CPU gets few fat work-items with vectors; a GPU, or a window wider than the CPU kernels' room, one
output element at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tinygrad_cl.lowering import (
    Attrs,
    DeviceTraits,
    Grid,
    Host,
    Pass,
    Template,
    TemplatePlan,
    Twin,
    cut_all,
)
from tinygrad_cl.primitives.plans_pool_first import first
from tinygrad_cl.primitives.windows import Axis, axes
from tinygrad_cl.shapes import Layout, Shape, numel

ROOM = 1024  # elements of a work-item's private row of folded columns
MIN_WORK = 8192  # elements of a work-item at least: about 5 us
TASKS = 8  # work-items per compute unit at most
SLIDE = 7  # height and width of windows whose loops are unrolled, at most
GROUP = 4096  # elements of the planes that a work-item sums at a time
GPU_LOCAL = 64
GPU_ITEMS = 1 << 22

Arguments = tuple[tuple[str, int], ...]
Defines = tuple[tuple[str, str | int], ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """How an element type is computed: register tag, C type, bytes of a lane, least value."""

    tag: str
    ctype: str
    itemsize: int
    lowest: str


KINDS: Mapping[str, Kind] = {
    "half": Kind("f32", "float", 4, "-INFINITY"),
    "bfloat": Kind("f32", "float", 4, "-INFINITY"),
    "float": Kind("f32", "float", 4, "-INFINITY"),
    "double": Kind("f64", "double", 8, "-INFINITY"),
    "int": Kind("i32", "int", 4, "INT_MIN"),
    "long": Kind("i64", "long", 8, "LONG_MIN"),
    "uchar": Kind("u8", "uchar", 4, "0"),
}
# Positions are tracked in lanes as wide as the values, so bytes are widened.
WIDE_BYTES = Kind("i32", "int", 4, "INT_MIN")


def is_tile(rows: Axis, cols: Axis) -> bool:
    """Whether windows are 2 x 2 and lie side by side."""
    return all(axis.is_tiled and axis.kernel == 2 for axis in (rows, cols))


@dataclass(frozen=True, slots=True)
class Call:
    """One node to plan: planes, windows, storage types, device."""

    planes: int
    rows: Axis
    cols: Axis
    storage: str
    out: str
    divisor: int
    include_pad: bool
    traits: DeviceTraits

    @property
    def kind(self) -> Kind:
        """How the input's elements are computed."""
        return KINDS[self.storage]

    @property
    def pixels(self) -> int:
        """Elements of an input plane."""
        return self.rows.size * self.cols.size

    @property
    def windows(self) -> int:
        """Elements of an output plane."""
        return self.rows.out * self.cols.out

    @property
    def is_tile(self) -> bool:
        """True for 2 x 2 windows side by side, which have their own fast code."""
        return is_tile(self.rows, self.cols)

    @property
    def register(self) -> int:
        """The lanes of a register."""
        return max(4, self.traits.vector * 4 // self.kind.itemsize)

    @property
    def fills(self) -> bool:
        """True if rows of windows fill registers, alone or in pairs."""
        return self.cols.out % self.register == 0 or 2 * self.cols.out == self.register

    @property
    def is_slide(self) -> bool:
        """True for equal shares of small windows one step apart, which have code of their own."""
        both = (self.rows, self.cols)
        plain = all(axis.stride == axis.dilation == 1 and axis.kernel <= SLIDE for axis in both)
        return plain and bool(self.divisor)

    @property
    def sizes(self) -> Arguments:
        """Planes, input and output sizes."""
        given = (self.planes, self.rows.size, self.cols.size, self.rows.out, self.cols.out)
        return tuple(("int", size) for size in given)

    def geometry(self, *names: str) -> Arguments:
        """The sizes, then the named attrs of both axes."""
        pairs = tuple(
            ("int", int(getattr(axis, name))) for name in names for axis in (self.rows, self.cols)
        )
        return self.sizes + pairs

    @property
    def counting(self) -> Arguments:
        """The divisor, or 0 if it is counted, and whether padding counts."""
        return ("int", self.divisor), ("int", int(self.include_pad))

    def defines(self, kind: Kind, *more: tuple[str, str | int]) -> Defines:
        """The macros that name types."""
        return (
            ("VEC", max(4, self.traits.vector * 4 // kind.itemsize)),
            ("TAG", kind.tag),
            ("SCALAR", kind.ctype),
            ("IN_T", self.storage),
            ("OUT_T", self.out),
            *more,
        )

    def grid(self, units: int) -> Grid:
        """A grid of fat work-items that share `units` rows or planes."""
        wanted = self.planes * self.pixels // MIN_WORK
        return Grid((max(1, min(wanted, units, self.traits.units * TASKS)),), (1,))


ALL_WINDOW_ATTRS = ("kernel", "stride", "padding", "dilation")

Planner = Callable[[Call], TemplatePlan | Host]


def _divisor(rows: Axis, cols: Axis, attrs: Mapping[str, Any]) -> int:
    """The number by which every window's sum is divided, or 0 if windows differ."""
    override = attrs.get("divisor_override")
    if override is not None:
        return int(override)
    whole = all(
        axis.reach <= axis.size + axis.padding * (1 + bool(attrs["count_include_pad"]))
        and (axis.padding == 0 or attrs["count_include_pad"])
        for axis in (rows, cols)
    )
    return rows.kernel * cols.kernel if whole else 0


def template(
    planner: Planner,
    *,
    gradient: bool = False,
    average: bool = False,
    plane: int = -1,
    twin: Twin | None = None,
) -> Template:
    """Returns the template of a planner; the windows lie in the input `plane`, or in the output."""

    def plan(
        inputs: tuple[Layout, ...],
        out_shape: Shape,
        tags: tuple[str, ...],
        attrs: Attrs,
        traits: DeviceTraits,
    ) -> TemplatePlan | Host:
        shape = out_shape if gradient else inputs[plane].shape
        given: dict[str, Any] = {name: attrs[name] for name in ("kernel_size", "stride", "padding")}
        given |= {"dilation": attrs.get("dilation", (1, 1)), "ceil_mode": attrs["ceil_mode"]}
        rows, cols = axes("pooling", shape, **given)
        if max(rows.size * cols.size, numel(shape[:-2])) >= 2**31:
            return Host("kernels count the elements of a plane in 32 bits")
        divisor = _divisor(rows, cols, attrs) if average else 0
        include = bool(attrs.get("count_include_pad", False))
        planes = numel(shape[:-2])
        return planner(Call(planes, rows, cols, tags[0], tags[-1], divisor, include, traits))

    return Template(plan, cut=cut_all, twin=twin)


def _element_grid(total: int, traits: DeviceTraits) -> Grid:
    if traits.kind == "gpu":
        groups = -(-min(max(total, 1), GPU_ITEMS) // GPU_LOCAL)
        return Grid((groups * GPU_LOCAL,), (GPU_LOCAL,))
    return Grid((max(1, min(total // 256, traits.units * TASKS)),), (1,))


# The values of WANT in ops/pool_element.cl.
WANT_MAX, WANT_AVERAGE, WANT_INDEX, WANT_VALUE, WANT_SUM, WANT_SPREAD = range(6)
WANT_PLACE, WANT_BOTH, WANT_TAKE, WANT_COLLECT = range(6, 10)
OF_PIXELS = (WANT_SUM, WANT_SPREAD, WANT_COLLECT)


def element_pass(call: Call, want: int, name: str, arguments: Arguments, out: str = "") -> Pass:
    """Returns the launch that computes one output element after another; `out`: their type."""
    total = call.planes * (call.pixels if want in OF_PIXELS else call.windows)
    kind = WIDE_BYTES if want == WANT_INDEX and call.storage == "uchar" else call.kind
    types = call.defines(kind, ("LOWEST", kind.lowest), ("WANT", want))
    defines = (("VEC", 1), *types[1:])
    if out:
        defines = tuple((key, out if key == "OUT_T" else value) for key, value in defines)
    given = (*arguments, *call.geometry(*ALL_WINDOW_ATTRS), *call.counting)
    grid = _element_grid(total, call.traits)
    return Pass("pool_element", name, defines, given, grid, want not in (WANT_INDEX, WANT_PLACE))


def one(step: Pass, total: int, scratch: tuple[int, ...] = ()) -> TemplatePlan:
    """Returns the plan of one launch with `total` elements."""
    return TemplatePlan((step,), scratch, (total,))


OUT, IN0, IN1, SCRATCH = ("out", 0), ("in", 0), ("in", 1), ("scratch", 0)


def _slide(call: Call, name: str) -> TemplatePlan:
    """Averages over windows one step apart."""
    return first(call, (OUT,), name, ("AVERAGE", 1), ("PLACES", 0), ("LOWEST", 0))


def _turned(axis: Axis) -> Axis:
    """The windows of cotangents that an element lies in, one step apart."""
    padding = axis.kernel - 1 - axis.padding
    return Axis(axis.out, axis.kernel, 1, padding, 1, axis.size)


def _forward(call: Call, average: int) -> TemplatePlan:
    name = "avg_pool2d" if average else "max_pool2d"
    total = call.planes * call.windows
    if call.traits.kind == "gpu" or call.cols.span > ROOM:
        return one(element_pass(call, (WANT_MAX, WANT_AVERAGE)[average], name, (OUT, IN0)), total)
    if call.is_tile and call.cols.out <= ROOM:
        given = (OUT, IN0, *call.sizes, ("int", call.divisor))
        grid = call.grid(call.planes * call.rows.out)
        defines = call.defines(
            call.kind, ("AVERAGE", average), ("DENSE", int(call.fills)), ("ROOM", ROOM)
        )
        return one(Pass("pool_tile", name, defines, given, grid, epilogue=True), total)
    if average and call.is_slide:
        return _slide(call, name)
    defines = call.defines(
        call.kind, ("LOWEST", call.kind.lowest), ("AVERAGE", average), ("ROOM", ROOM)
    )
    given = (OUT, IN0, *call.geometry(*ALL_WINDOW_ATTRS), *call.counting)
    grid = call.grid(call.planes * call.rows.out)
    return one(Pass("pool", name, defines, given, grid, epilogue=True), total)


def plan_max(call: Call) -> TemplatePlan:
    """Returns the plan of maxima alone."""
    return _forward(call, 0)


def _average(call: Call) -> TemplatePlan:
    return _forward(call, 1)


def _argmax_defines(call: Call, want: int) -> Defines:
    widen = call.storage == "uchar"
    kind = WIDE_BYTES if widen else call.kind
    place = "long" if kind.itemsize == 8 else "int"
    return call.defines(kind, ("PLACE", place), ("WIDEN", int(widen)), ("WANT", want))


def _index(call: Call) -> TemplatePlan:
    total = call.planes * call.windows
    if call.traits.kind == "gpu":
        return one(element_pass(call, WANT_INDEX, "max_pool2d_index", (OUT, IN0)), total)
    given = (OUT, IN0, *call.geometry(*ALL_WINDOW_ATTRS))
    grid = call.grid(call.planes * call.rows.out)
    return one(
        Pass("pool_argmax", "max_pool2d_index", _argmax_defines(call, 0), given, grid), total
    )


def _gather(call: Call) -> TemplatePlan:
    total = call.planes * call.windows
    name = "max_pool2d_gather"
    if call.traits.kind == "gpu":
        return one(element_pass(call, WANT_VALUE, name, (OUT, IN0, IN1)), total)
    given = (OUT, IN0, IN1, *call.geometry(*ALL_WINDOW_ATTRS))
    grid = call.grid(call.planes * call.rows.out)
    defines = _argmax_defines(call, 1)
    return one(Pass("pool_argmax", name, defines, given, grid, epilogue=True), total)


def _max_grad(call: Call) -> TemplatePlan:
    total = call.planes * call.pixels
    name = "max_pool2d_grad"
    if call.traits.kind == "gpu":
        first = element_pass(call, WANT_INDEX, "max_pool2d_place", (SCRATCH, IN1), out="int")
        second = element_pass(call, WANT_SUM, name, (OUT, IN0, SCRATCH))
        return TemplatePlan((first, second), (max(4, 4 * call.planes * call.windows),), (total,))
    grid = call.grid(call.planes)
    if call.is_tile and call.cols.size <= ROOM // 2:
        defines = call.defines(call.kind, ("AVERAGE", 0), ("ROOM", ROOM))
        given = (OUT, IN0, IN1, *call.sizes)
        return one(Pass("pool_unpool", name, defines, given, grid, epilogue=True), total)
    group = max(1, GROUP // call.pixels)
    vec = call.register
    scratch = grid.size[0] * -(-group * call.pixels // vec) * vec * call.kind.itemsize
    given = (OUT, IN0, IN1, SCRATCH, ("int", group), *call.geometry(*ALL_WINDOW_ATTRS))
    defines = _argmax_defines(call, 2)
    step = Pass("pool_argmax", name, defines, given, grid, epilogue=True)
    return one(step, total, (scratch,))


def _average_grad(call: Call) -> TemplatePlan:
    total = call.planes * call.pixels
    name = "avg_pool2d_grad"
    if call.traits.kind == "gpu":
        return one(element_pass(call, WANT_SPREAD, name, (OUT, IN0)), total)
    grid = call.grid(call.planes)
    if call.is_tile and call.divisor and call.cols.size <= ROOM // 2:
        defines = call.defines(call.kind, ("AVERAGE", 1), ("ROOM", ROOM))
        given = (OUT, IN0, ("int", call.divisor), *call.sizes)
        return one(Pass("pool_unpool", name, defines, given, grid, epilogue=True), total)
    if call.is_slide:
        return _slide(replace(call, rows=_turned(call.rows), cols=_turned(call.cols)), name)
    group = max(1, GROUP // call.pixels)
    stride = group * call.pixels + max(call.cols.reach, call.cols.padding + call.cols.size)
    given = (OUT, IN0, SCRATCH, ("int", group), ("long", stride))
    given += (*call.geometry("kernel", "stride", "padding"), *call.counting)
    step = Pass("pool_spread", name, call.defines(call.kind), given, grid, epilogue=True)
    return one(step, total, (grid.size[0] * stride * call.kind.itemsize,))


INDEX = template(_index)
GATHER = template(_gather)
MAX_GRAD = template(_max_grad)
AVERAGE = template(_average, average=True)
AVERAGE_GRAD = template(_average_grad, gradient=True, average=True)
