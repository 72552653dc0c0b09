"""Plans of scans: how many lines a register of ops/scan.cl takes, and how lines are shared."""

from __future__ import annotations

from typing import Any

from tinygrad_cl.lowering import Attrs, DeviceTraits, Grid, Pass, Template, TemplatePlan
from tinygrad_cl.shapes import Layout, Shape, numel

MIN_WORK = 4096  # elements of a work-item at least: about 5 us
TASKS = 8  # work-items per compute unit at most
GPU_LOCAL = 64
GPU_ITEMS = 1 << 22

_TAGS = {"half": "f32", "float": "f32", "double": "f64", "int": "i32", "long": "i64", "uchar": "u8"}
_WIDE = {"i64": 2, "f64": 2}


def grid(units: int, work: int, traits: DeviceTraits) -> Grid:
    """Returns an ND-range for at most `units` work-items that share `work` elements."""
    if traits.kind == "gpu":
        groups = -(-min(max(units, 1), GPU_ITEMS) // GPU_LOCAL)
        return Grid((groups * GPU_LOCAL,), (GPU_LOCAL,))
    return Grid((max(1, min(work // MIN_WORK, units, traits.units * TASKS)),), (1,))


def storage_tag(storage: str) -> str:
    """Returns the register tag of a storage type; bools are bytes here."""
    return _TAGS[storage]


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
        outer, inner = numel(out_shape[:dim]), numel(out_shape[dim + 1 :])
        acc = carried(storage, traits) if exact else _TAGS[storage]
        vec = lanes(inner, acc, traits)
        defines: tuple[tuple[str, str | int], ...] = (
            ("VEC", vec),
            ("TAG", _TAGS[storage]),
            ("IO_T", storage),
            ("ACC", acc),
            ("OUT_T", tags[-1]),
            (f"SCAN_{kind}", 1),
        )
        defines += (("OVER(a, b)", f"((a) {over} (b))"),) if over else ()
        arguments = (("out", 0), *(("in", i) for i in range(len(inputs))))
        arguments += (("int", int(given.get("reverse", False))),)
        arguments += (("long", outer), ("long", out_shape[dim]), ("long", inner))
        units = outer * -(-inner // vec)
        step = Pass("scan", "scan", defines, arguments, grid(units, numel(out_shape), traits))
        return TemplatePlan((step,), (), (numel(out_shape),))

    return Template(plan)
