"""Slice plans: the plan of one slice of a region.

How many items a slice has is a compromise: its intermediate values should fit the cache, every
compute unit should have a slice, and matrix products want a handful of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from tinygrad_cl.compiler.cutting import Cut, cut
from tinygrad_cl.compiler.gluing import TASKS
from tinygrad_cl.compiler.slicing import SHARED, Region, is_late, item_size
from tinygrad_cl.compiler.structure import Structure, Value
from tinygrad_cl.lowering import DeviceTraits

if TYPE_CHECKING:
    from tinygrad_cl.compiler.plan import Plan
    from tinygrad_cl.compiler.slicer import Slicer

CACHE = 1 << 20  # bytes of intermediate values of a slice: a second-level cache
SIZE = 16  # items of a slice, at most: full registers of rows
MAX_ITEMS = 32  # of a batch per compute unit: beyond, launches cost less than packing weights anew
FAR = 1 << 26  # bytes of a region's values that no cache holds: beyond, slices win at any size
FEW = 8  # items of a slice of such a region, at least
LIGHT = 1 << 14  # bytes of weights after large ones that may be packed anew at any size of a batch
NEAR_CACHE = 3 << 13  # bytes of a slice of rows, all that it needs: half a first-level cache
ROW_CACHE = 1 << 18  # bytes of a row, at most
CHANNEL_CACHE = 1 << 23  # bytes of a channel: a third-level cache has room for a few
CHANNELS = 4  # per compute unit, at least: sums of fewer are divided, which changes their order
LINE = 64  # bytes of a channel in an image, at least: a line of a cache
RUN = 1 << 10  # bytes of some channels in an image that are worth a jump
WORK = 1024  # elements of a slice of rows that are worth the calls of its phases
SUM_WORK = 4096  # the same, if its sums are added to those of other slices
PROBE = 16  # rows of the slice by which the bytes of a row are judged

Planner = Callable[[Structure, DeviceTraits], "Plan"]


class Unsliced(Exception):
    """A region is better computed kernel by kernel; says why, and of which `Slicer`."""

    slicer: Slicer | None = None


@dataclass(frozen=True, slots=True)
class SlicePlan:
    """How a region runs.

    Attributes:
        region: the values.
        size: items of a slice.
        cut: the structure of a slice, in terms of the whole structure.
        plan: its plan.
        shared: bytes that every slice reads whole.
        rest: the plan of the items that are left, fewer than a slice.
    """

    region: Region
    size: int
    cut: Cut
    plan: Plan
    shared: int = 0
    rest: SlicePlan | None = None

    @property
    def slices(self) -> int:
        """How many slices there are, without the rest."""
        return self.region.items // self.size


def plan_slices(
    structure: Structure,
    region: Region,
    outputs: list[int],
    lasting: list[int],
    realized: set[int],
    traits: DeviceTraits,
    planner: Planner,
) -> SlicePlan:
    """Returns the plan of a region.

    Args:
        structure: the graph.
        region: the values that run slice by slice.
        outputs: those that must be stored.
        lasting: those of them by which the size of a slice is judged.
        realized: the values of the graph that have buffers.
        traits: of the device.
        planner: makes the plan of a slice.

    Raises:
        Refusal: naming a value outside that must be realized first.
        Unsliced: if there is no good size.
    """

    def of_size(size: int, outputs: list[int] = lasting) -> SlicePlan:
        made = cut(structure, region, outputs, realized, size)
        shared = sum(byte_size(structure, at) for at, is_cut in made.leaves.values() if not is_cut)
        if shared > SHARED:
            raise Unsliced(f"every slice would read {shared} bytes")
        alone = replace(traits, units=1, slices=-(-region.items // size))
        plan = _planned(planner, tuple(made.structure), alone)
        return SlicePlan(region, size, made, plan, shared)

    sized = _sized_rows if region.rows else _sized_batch
    found = sized(structure, region, traits, of_size)
    if outputs != lasting:
        rest = None if found.rest is None else of_size(found.rest.size, outputs)
        found = replace(of_size(found.size, outputs), rest=rest)
    if any(not hasattr(step, "kernel") for step in found.plan.steps):
        raise Unsliced("a step runs on the host")
    return found


@lru_cache(maxsize=64)
def _planned(planner: Planner, structure: Structure, traits: DeviceTraits) -> Plan:
    """The plan of a slice: layers that are alike have the same, and fusion asks more than once."""
    return planner(structure, traits)


def _sized_batch(
    structure: Structure, region: Region, traits: DeviceTraits, of_size: Callable[[int], SlicePlan]
) -> SlicePlan:
    """A slice for every compute unit, with intermediate values that fit a cache."""
    most = min(SIZE, region.items // min(traits.units, region.items))
    large = region.items > MAX_ITEMS * traits.units
    if large:
        most = region.items // (traits.units * TASKS)
    sizes = [size for size in range(1, most + 1) if region.items % size == 0]
    found = of_size(sizes[-1])
    far = sum(byte_size(structure, at) for at in region.values) > FAR
    if large and not far and (found.shared > LIGHT or not is_late(structure, region)):
        raise Unsliced("whole batches keep the units busy, and weights are packed once for all")
    while found.plan.arena > CACHE:
        item = -(-found.plan.arena // found.size)
        fitting = [size for size in sizes if size * item <= CACHE and size < found.size]
        if not fitting:
            raise Unsliced(f"one item needs {item} bytes between its kernels")
        found = of_size(fitting[-1])
    if large and found.size < FEW:
        raise Unsliced(f"slices of {found.size} items would pack weights anew too often")
    return found


def _sized_rows(
    structure: Structure, region: Region, traits: DeviceTraits, of_size: Callable[[int], SlicePlan]
) -> SlicePlan:
    """As many rows as a cache holds, with all that they read and write, and the rows left over.

    Of channels, which may be large, at least one.
    """
    probe = of_size(min(PROBE, region.items))
    made = [at for at in probe.cut.outputs.values() if at in region.values]
    large = {at for at, is_cut in probe.cut.leaves.values() if is_cut} | set(made)
    row = sum(byte_size(structure, at) for at in large) / region.items
    row += probe.plan.arena / probe.size
    limit, near = (CHANNEL_CACHE, CACHE) if region.dim else (ROW_CACHE, ROW_CACHE)
    if row > limit:
        raise Unsliced(f"a row needs {int(row)} bytes")
    widest = max(structure[at].numel for at in large) / region.items
    work = SUM_WORK if region.sums else WORK
    run = max(_run(structure[at], region) for at in large)
    if region.dim and (run < LINE or region.items < CHANNELS * traits.units):
        raise Unsliced(f"{region.items} channels of {run} bytes an image")
    most = min(max(NEAR_CACHE / row, work / widest, RUN / run), near / row)
    most = max(1, min(most, region.items / (traits.units * TASKS)))
    size = _even(region.items, int(most))
    found, left = of_size(size), region.items % size
    return replace(found, rest=of_size(left)) if left else found


def _run(value: Value, region: Region) -> int:
    """Bytes of an item that follow one another."""
    return item_size(value.shape, region.items, region.dim) * value.dtype.itemsize


def _even(items: int, most: int) -> int:
    """A size of up to `most` items that leaves no rest, or not one item, whose kernels differ."""
    near = range(most, max(1, most // 2), -1)
    divisor = next((size for size in near if items % size == 0), None)
    return divisor or next((size for size in near if items % size != 1), most)


def byte_size(structure: Structure, at: int) -> int:
    """Returns the bytes of a value."""
    return structure[at].numel * structure[at].dtype.itemsize
