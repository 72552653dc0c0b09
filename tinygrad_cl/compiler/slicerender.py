"""The kernels of a region: one that takes each slice through all phases, and one that sums up.

What is summed over the items is added up slice by slice in the scratch memory of a work-item; the
last kernel adds the sums of all work-items, in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.compiler.forms import Rendered, defines, vector_width
from tinygrad_cl.compiler.gluing import FIRST, LAST, TASKS, Phase, Place, glue
from tinygrad_cl.compiler.groups import Group
from tinygrad_cl.compiler.render import Kernel, KernelArgument
from tinygrad_cl.compiler.sliceplan import SlicePlan, byte_size
from tinygrad_cl.compiler.slicing import item_size
from tinygrad_cl.compiler.structure import Structure
from tinygrad_cl.lowering import DeviceTraits, Grid

if TYPE_CHECKING:
    from tinygrad_cl.compiler.plan import Launch

ALIGNMENT = 64


def render_slices(structure: Structure, group: Group, traits: DeviceTraits) -> Rendered:
    """Returns the launches of a region: all slices, then the sums over them."""
    assert group.slices is not None
    return _Renderer(structure, group.slices, traits).rendered()


class _Renderer:
    def __init__(self, structure: Structure, slices: SlicePlan, traits: DeviceTraits) -> None:
        self.structure = structure
        self.whole = slices
        self.traits = traits
        self.parts = [slices] if slices.rest is None else [slices, slices.rest]
        self.items = min(slices.slices, traits.units * TASKS)
        self.sums: dict[int, int] = {}  # where the partial sums of a value begin, in scratch 1
        self.partial = 0
        self.arena = max(*(part.plan.arena for part in self.parts), ALIGNMENT)
        # Places in a work-item's scratch: of the sum over a slice, and over its slices so far.
        self.own: dict[int, tuple[int, int]] = {}
        one_each = slices.slices == self.items
        for at in slices.cut.outputs.values():
            if at in slices.region.sums:
                size = byte_size(structure, at)
                self.sums[at] = self.partial
                self.partial += _aligned((self.items + len(self.parts) - 1) * size)
                if not one_each:
                    self.own[at] = (self.arena, self.arena + _aligned(size))
                    self.arena += 2 * _aligned(size)

    def rendered(self) -> Rendered:
        """Returns the launches and the sizes of their scratch buffers."""
        kernels = []
        for number, part in enumerate(self.parts):
            phases = [self._phase(part, number, step) for step in part.plan.steps]  # type: ignore[arg-type]
            label = f"slices_{phases[0].kernel.label}_to_{phases[-1].kernel.label}"
            count, items = (part.slices, self.items) if number == 0 else (1, 1)
            phases += [self._add(at, number) for at in self.own]
            kernels.append(glue(label, phases, count, items, self.arena, 0))
        scratch = [self.items * self.arena]
        if self.sums:
            sums = [self._sum(at, begin) for at, begin in self.sums.items()]
            kernels.append(glue("sum_partials", sums, 1, 1, ALIGNMENT, 0))
            scratch.append(self.partial)
        return Rendered(tuple(kernels), tuple(scratch))

    def _phase(self, part: SlicePlan, number: int, step: Launch) -> Phase:
        given = tuple(self._argument(part, number, step, a) for a in step.kernel.arguments)
        return Phase(step.kernel, given)

    def _argument(
        self, part: SlicePlan, number: int, step: Launch, argument: KernelArgument
    ) -> Place | KernelArgument:
        kind, which = argument
        if kind == "value":
            return self._place(part, number, part.plan.home(which))
        if kind == "scratch":
            return Place(None, step.scratch[which][0])
        return ("slot", part.cut.numbers[which]) if kind == "slot" else argument

    def _place(self, part: SlicePlan, number: int, value: int) -> Place:
        """Where a value of a slice lies; the rest comes after all whole slices."""
        storage = part.plan.storage[value]
        if storage.kind == "arena":
            return Place(None, storage.at)
        if storage.kind == "fresh" and value not in part.cut.outputs:
            return Place(None)  # an empty value, of which nothing is read
        if storage.kind == "leaf":
            at, is_cut = part.cut.leaves[value]
        else:
            at, is_cut = part.cut.outputs[value], True
        if at in self.own:
            return Place(None, self.own[at][0])
        if at in self.sums:
            return self._handed_out(at, number)
        whole = self.structure[at]
        size = item_size(whole.shape, part.region.items, part.region.dim)
        item = size * whole.dtype.itemsize
        first = number * self.whole.slices * self.whole.size
        step = part.size * item
        return Place(("value", at), first * item, step) if is_cut else Place(("value", at))

    def _handed_out(self, at: int, number: int) -> Place:
        """Where the last kernel finds the sum of a work-item; the rest has one of its own."""
        size = byte_size(self.structure, at)
        return Place(("scratch", 1), self.sums[at] + number * self.items * size, 0, size)

    def _add(self, at: int, number: int) -> Phase:
        """Adds the sum over a slice to that of its work-item."""
        value, vec = self.structure[at], vector_width(self.traits)
        out = self._handed_out(at, number)
        part, whole = (Place(None, offset) for offset in self.own[at])
        text = defines(("TAG", value.dtype.tag), ("T_", value.dtype.storage))
        kernel = Kernel(f"add_{value.dtype.storage}", "add_slice", text, vec, (), Grid((1,), (1,)))
        return Phase(kernel, (out, whole, part, ("long", value.numel), FIRST, LAST))

    def _sum(self, at: int, begin: int) -> Phase:
        """Adds up the partial sums of a value, in the order of the work-items."""
        value, vec = self.structure[at], vector_width(self.traits)
        storage = value.dtype.storage
        text = defines(
            ("TAG", value.dtype.tag), ("IN_T", storage), ("OUT_T", storage), ("LANES", 1)
        )
        numbers: list[KernelArgument] = [
            ("int", 1),
            ("long", 1),
            ("long", value.numel),
            ("long", self.items + len(self.parts) - 1),
            ("long", -(-value.numel // vec)),
        ]
        kernel = Kernel(f"sum_{storage}", "sum_slices", text, vec, (), Grid((1,), (1,)))
        return Phase(kernel, (Place(("value", at)), Place(("scratch", 1), begin), *numbers))


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
