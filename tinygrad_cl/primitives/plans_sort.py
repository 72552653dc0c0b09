"""Plans of sorting and searching: the launches of ops/sort.cl, ops/topk.cl and ops/search.cl."""

from __future__ import annotations

from typing import Any

from tinygrad_cl.lowering import Attrs, DeviceTraits, Pass, Template, TemplatePlan
from tinygrad_cl.primitives.plans_scan import grid
from tinygrad_cl.shapes import Layout, Shape, numel

RUN = 16  # elements that one work-item sorts by insertion
SHARE = {"cpu": 4096, "gpu": 16}  # elements that one work-item merges

Arguments = tuple[tuple[str, int], ...]


def widths(size: int) -> list[int]:
    """Returns the width of the sorted runs before each merge."""
    found = []
    width = RUN
    while width < size:
        found.append(width)
        width *= 2
    return found


def _sort(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan:
    given: dict[str, Any] = dict(attrs)
    dim, size = given["dim"], out_shape[given["dim"]]
    outer, inner = numel(out_shape[:dim]), numel(out_shape[dim + 1 :])
    merges, share = widths(size), SHARE["gpu" if traits.kind == "gpu" else "cpu"]
    total = numel(out_shape)
    sizes: Arguments = (("long", outer), ("long", size), ("long", inner))
    buffers: list[tuple[str, int]] = [("scratch", 0), ("scratch", 1)]
    passes = []
    for i, width in enumerate([RUN, *merges]):
        last = i == len(merges)
        to = ("out", 0) if last else buffers[i % 2]
        source: Arguments = () if i == 0 else (buffers[(i - 1) % 2], ("long", share))
        defines: tuple[tuple[str, str | int], ...] = (
            ("VEC", 1),
            ("IO_T", tags[0]),
            ("MERGE", int(i > 0)),
            ("DESCEND", int(given["descending"])),
        )
        arguments = (to, ("in", 0), *source, ("long", width), ("long", int(last)), *sizes)
        units = outer * inner * -(-size // (share if i else RUN))
        name = "sort_merge" if i else "sort_runs"
        work = total * 8  # an element costs more than in a copy
        passes.append(Pass("sort", name, defines, arguments, grid(units, work, traits)))
    scratch = (8 * max(1, total),) * min(2, len(merges))
    return TemplatePlan(tuple(passes), scratch, (total,))


def _top(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan:
    given: dict[str, Any] = dict(attrs)
    dim, shape = given["dim"], inputs[0].shape
    outer, inner = numel(shape[:dim]), numel(shape[dim + 1 :])
    defines = (("VEC", 1), ("IO_T", tags[0]), ("DESCEND", int(given["descending"])))
    arguments: Arguments = (("out", 0), ("in", 0))
    arguments += tuple(("long", n) for n in (outer, shape[dim], out_shape[dim], inner))
    launch = grid(outer * inner, 2 * numel(shape), traits)
    step = Pass("topk", "topk", defines, arguments, launch)
    return TemplatePlan((step,), (), (numel(out_shape),))


def _search(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan:
    given: dict[str, Any] = dict(attrs)
    lines, size = inputs[0].shape
    count = inputs[1].shape[1]
    defines = (("VEC", 1), ("IO_T", tags[0]), ("RIGHT", int(given["right"])))
    arguments: Arguments = (("out", 0), ("in", 0), ("in", 1))
    arguments += (("long", lines), ("long", size), ("long", count))
    work = lines * count * max(1, size.bit_length()) * 2
    step = Pass("search", "searchsorted", defines, arguments, grid(lines * count, work, traits))
    return TemplatePlan((step,), (), (lines * count,))


SORT = Template(_sort)
TOP = Template(_top)
SEARCH = Template(_search)
