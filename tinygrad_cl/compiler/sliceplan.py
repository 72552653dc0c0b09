"""Slice plans: the plan of one slice of the batch, and the kernel that runs it for every slice.

How many items a slice has is a compromise: its intermediate values should fit the cache, every
compute unit should have a slice, and matrix products want a handful of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tinygrad_cl.compiler.forms import Rendered, defines, vector_width
from tinygrad_cl.compiler.gluing import TASKS, Phase, Place, glue
from tinygrad_cl.compiler.groups import Group
from tinygrad_cl.compiler.render import Kernel, KernelArgument
from tinygrad_cl.compiler.slicing import Cut, Region, cut
from tinygrad_cl.compiler.structure import Structure
from tinygrad_cl.lowering import DeviceTraits, Grid

if TYPE_CHECKING:
    from tinygrad_cl.compiler.plan import Launch, Plan

CACHE = 1 << 20  # bytes of intermediate values of a slice: a second-level cache
SIZE = 16  # items of a slice, at most: full registers of rows
SHARED = 1 << 18  # bytes that every slice reads whole: beyond, slices wait for memory
MAX_ITEMS = 32  # of a batch per compute unit: beyond, launches cost less than packing weights anew
ALIGNMENT = 64

Planner = Callable[[Structure, DeviceTraits], "Plan"]


class Unsliced(Exception):
    """A region is better computed kernel by kernel; says why."""


@dataclass(frozen=True, slots=True)
class SlicePlan:
    """How a region runs.

    Attributes:
        region: the values.
        size: items of a slice.
        cut: the structure of a slice, in terms of the whole structure.
        plan: its plan.
    """

    region: Region
    size: int
    cut: Cut
    plan: Plan

    @property
    def slices(self) -> int:
        """How many slices there are."""
        return self.region.items // self.size


def plan_slices(
    structure: Structure,
    region: Region,
    outputs: list[int],
    realized: set[int],
    traits: DeviceTraits,
    planner: Planner,
) -> SlicePlan:
    """Returns the plan of a region.

    Raises:
        Refusal: naming a value outside that must be realized first.
        Unsliced: if there is no good size.
    """
    if region.items > MAX_ITEMS * traits.units:
        raise Unsliced("whole batches keep the units busy, and weights are packed once for all")
    alone = replace(traits, units=1)

    def of_size(size: int) -> SlicePlan:
        made = cut(structure, region, outputs, realized, size)
        shared = sum(_bytes(structure, at) for at, is_cut in made.leaves.values() if not is_cut)
        if shared > SHARED:
            raise Unsliced(f"every slice would read {shared} bytes")
        return SlicePlan(region, size, made, planner(tuple(made.structure), alone))

    most = min(SIZE, region.items // min(traits.units, region.items))
    sizes = [size for size in range(1, most + 1) if region.items % size == 0]
    found = of_size(sizes[-1])
    while found.plan.arena > CACHE:
        item = -(-found.plan.arena // found.size)
        fitting = [size for size in sizes if size * item <= CACHE and size < found.size]
        if not fitting:
            raise Unsliced(f"one item needs {item} bytes between its kernels")
        found = of_size(fitting[-1])
    if any(not hasattr(step, "kernel") for step in found.plan.steps):
        raise Unsliced("a step runs on the host")
    return found


def _bytes(structure: Structure, at: int) -> int:
    return structure[at].numel * structure[at].dtype.itemsize


# ---- kernels


def render_slices(structure: Structure, group: Group, traits: DeviceTraits) -> Rendered:
    """Returns the launches of a region: all slices, then the sums over them."""
    assert group.slices is not None
    return _Renderer(structure, group.slices, traits).rendered()


class _Renderer:
    def __init__(self, structure: Structure, slices: SlicePlan, traits: DeviceTraits) -> None:
        self.structure = structure
        self.made = slices
        self.traits = traits
        self.items = min(slices.slices, traits.units * TASKS)
        self.sums: dict[int, int] = {}  # where the partial sums of a value begin, in scratch 1
        self.partial = 0
        for place, at in slices.cut.outputs.items():
            if at in slices.region.sums:
                self.sums[place] = self.partial
                size = slices.slices * _bytes(structure, at)
                self.partial += -(-size // ALIGNMENT) * ALIGNMENT + ALIGNMENT

    def rendered(self) -> Rendered:
        """Returns the launches and the sizes of their scratch buffers."""
        made, arena = self.made, max(self.made.plan.arena, ALIGNMENT)
        phases = [self._phase(step) for step in made.plan.steps]  # type: ignore[arg-type]
        label = f"slices_{phases[0].kernel.label}_to_{phases[-1].kernel.label}"
        kernels = [glue(label, phases, made.slices, self.items, arena, 0)]
        scratch = [self.items * arena]
        if self.sums:
            sums = [self._sum(place, begin) for place, begin in self.sums.items()]
            kernels.append(glue("sum_partials", sums, 1, 1, ALIGNMENT, 0))
            scratch.append(self.partial)
        return Rendered(tuple(kernels), tuple(scratch))

    def _phase(self, step: Launch) -> Phase:
        return Phase(step.kernel, tuple(self._argument(step, a) for a in step.kernel.arguments))

    def _argument(self, step: Launch, argument: KernelArgument) -> Place | KernelArgument:
        kind, number = argument
        if kind == "value":
            return self._place(self.made.plan.home(number))
        if kind == "scratch":
            return Place(None, step.scratch[number][0])
        return ("slot", self.made.cut.numbers[number]) if kind == "slot" else argument

    def _place(self, value: int) -> Place:
        made = self.made
        storage, size = made.plan.storage[value], _bytes(made.plan.structure, value)
        if storage.kind == "arena":
            return Place(None, storage.at)
        if storage.kind == "leaf":
            at, is_cut = made.cut.leaves[value]
            return Place(("value", at), 0, size if is_cut else 0)
        if value in self.sums:
            return Place(("scratch", 1), self.sums[value], size)
        return Place(("value", made.cut.outputs[value]), 0, size)

    def _sum(self, place: int, begin: int) -> Phase:
        """Adds up the partial sums of a value, in the order of the slices."""
        at = self.made.cut.outputs[place]
        value, vec = self.structure[at], vector_width(self.traits)
        storage = value.dtype.storage
        text = defines(
            ("TAG", value.dtype.tag), ("IN_T", storage), ("OUT_T", storage), ("LANES", 1)
        )
        numbers: list[KernelArgument] = [
            ("int", 1),
            ("long", 1),
            ("long", value.numel),
            ("long", self.made.slices),
            ("long", -(-value.numel // vec)),
        ]
        kernel = Kernel(f"sum_{storage}", "sum_slices", text, vec, (), Grid((1,), (1,)))
        return Phase(kernel, (Place(("value", at)), Place(("scratch", 1), begin), *numbers))
