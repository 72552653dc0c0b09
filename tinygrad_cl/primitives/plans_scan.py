"""Plans of scans: how many lines a register of ops/scan.cl takes, and how lines are shared."""

from __future__ import annotations

from typing import Any

from tinygrad_cl.dtypes import HALVES
from tinygrad_cl.lowering import Attrs, DeviceTraits, Grid, Pass, Template, TemplatePlan
from tinygrad_cl.shapes import Layout, Shape, numel

MIN_WORK = 4096  # elements of a work-item at least: about 5 us
TASKS = 8  # work-items per compute unit at most
SPLIT_FROM = 65536  # elements of all lines together before lines are cut into parts
GPU_LOCAL = 64
GPU_ITEMS = 1 << 22

_TAGS = {"float": "f32", "double": "f64", "int": "i32", "long": "i64", "uchar": "u8"}
_TAGS |= dict.fromkeys(HALVES, "f32")
_STORAGES = {"f32": "float", "f64": "double", "i32": "int", "i64": "long", "u8": "uchar"}
_WIDE = {"i64": 2, "f64": 2}

Arguments = tuple[tuple[str, int], ...]
Defines = tuple[tuple[str, str | int], ...]


def grid(units: int, work: int, traits: DeviceTraits) -> Grid:
    """Returns an ND-range for at most `units` work-items that share `work` elements."""
    if traits.kind == "gpu":
        groups = -(-min(max(units, 1), GPU_ITEMS) // GPU_LOCAL)
        return Grid((groups * GPU_LOCAL,), (GPU_LOCAL,))
    return Grid((max(1, min(work // MIN_WORK, units, traits.units * TASKS)),), (1,))


def lanes(inner: int, tag: str, traits: DeviceTraits) -> int:
    """Returns how many neighboring lines a register takes: VEC, 1 where few are neighbors."""
    if traits.kind == "gpu":
        return 1
    fits = [v for v in (16, 8, 4) if v * _WIDE.get(tag, 1) <= traits.vector and v <= inner]
    return fits[0] if fits else 1


def carried(storage: str, traits: DeviceTraits) -> str:
    """Returns the tag in which a scan carries its value: doubles for floats, if there are any."""
    return "f64" if storage == "float" and traits.double else _TAGS[storage]


def scan(kind: str, exact: bool = True, over: str = "") -> Template:
    """Returns the template of a scan: `exact` ones carry floats as doubles."""

    def plan(
        inputs: tuple[Layout, ...],
        out_shape: Shape,
        tags: tuple[str, ...],
        attrs: Attrs,
        traits: DeviceTraits,
    ) -> TemplatePlan:
        given: dict[str, Any] = dict(attrs)
        dim, storage = given["dim"], tags[0]
        outer, inner, size = numel(out_shape[:dim]), numel(out_shape[dim + 1 :]), out_shape[dim]
        acc = carried(storage, traits) if exact else _TAGS[storage]
        along = kind == "SUM" and inner == 1 and traits.kind == "cpu"
        vec = lanes(size if along else inner, acc, traits)
        along &= vec > 1
        defines: Defines = (
            ("VEC", vec),
            ("TAG", _TAGS[storage]),
            ("IO_T", storage),
            ("ACC", acc),
            ("ACC_T", _STORAGES[acc]),
            ("OUT_T", tags[-1]),
            (f"SCAN_{kind}", 1),
            ("ALONG", int(along)),
        )
        defines += (("OVER(a, b)", f"((a) {over} (b))"),) if over else ()
        units = outer if along else outer * -(-inner // vec)
        part = _part(kind, units, size, numel(out_shape), vec, traits)
        parts = -(-size // part)
        sizes: Arguments = (("int", int(given.get("reverse", False))), ("long", outer))
        sizes += (("long", size), ("long", inner), ("long", parts), ("long", part))
        ends = (grid(units * parts, numel(out_shape), traits), units * parts * vec * 8)
        return _passes(kind, defines, len(inputs), sizes, parts, *ends)

    return Template(plan)


def _passes(
    kind: str,
    defines: Defines,
    inputs: int,
    sizes: Arguments,
    parts: int,
    share: Grid,
    scratch: int,
) -> TemplatePlan:
    """Returns one pass, or two with what the parts come to between them."""
    read: Arguments = tuple(("in", i) for i in range(inputs))
    if parts <= 1:
        step = Pass("scan", "scan", (*defines, ("PASS", 0)), (("out", 0), *read, *sizes), share)
        return TemplatePlan((step,), ())
    totals: Arguments = (("scratch", 0),) if kind == "SUM" else (("scratch", 0), ("scratch", 1))
    first = Pass("scan", "scan_totals", (*defines, ("PASS", 1)), (*read, *totals, *sizes), share)
    arguments = (("out", 0), *read, *totals, *sizes)
    second = Pass("scan", "scan", (*defines, ("PASS", 2)), arguments, share)
    return TemplatePlan((first, second), (scratch,) * len(totals))


def _part(kind: str, units: int, size: int, work: int, vec: int, traits: DeviceTraits) -> int:
    """Elements of a part of a line: all of them unless too few lines would keep units idle.

    A product may overflow in one part and be 0 before it: products are not cut.
    """
    wanted = traits.units * (4 if traits.kind == "cpu" else GPU_LOCAL)
    if kind not in ("SUM", "LOGSUM", "WHERE") or units >= wanted or work < SPLIT_FROM:
        return max(1, size)
    parts = max(1, min(-(-wanted // units), size // MIN_WORK))
    return -(-size // (parts * vec)) * vec
