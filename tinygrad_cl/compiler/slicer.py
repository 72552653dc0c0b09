"""`Slicer`: the group of a region, for fusion."""

from __future__ import annotations

from tinygrad_cl.compiler.body import Body
from tinygrad_cl.compiler.groups import Group
from tinygrad_cl.compiler.simplify import living
from tinygrad_cl.compiler.sliceplan import Planner, Unsliced, plan_slices
from tinygrad_cl.compiler.slicing import Region
from tinygrad_cl.compiler.structure import KEEP, WANTED, Structure
from tinygrad_cl.lowering import DeviceTraits, Expr, Reduction, View
from tinygrad_cl.shapes import Layout


class Slicer:
    """A region on its way to a group.

    Args:
        structure: the graph.
        alone: the same without regard to who holds what; see `slicing.bare`.
        region: the values that run slice by slice.
        traits: of the device.
        planner: makes the plan of one slice.

    Attributes:
        members: the values that only the region's kernel computes: all but its views.
        outputs: those that others read or somebody wants.
        lasting: those of them that would be outputs whoever holds what.

    Raises:
        Unsliced: if a backward pass that is still to come will read values of the region.
    """

    def __init__(
        self,
        structure: Structure,
        alone: Structure,
        region: Region,
        traits: DeviceTraits,
        planner: Planner,
    ) -> None:
        self.structure = structure
        self.region = region
        self.traits = traits
        self.planner = planner
        inside = region.values | region.sums
        self.members = {
            at for at in inside & living(structure) if not isinstance(structure[at].lowering, View)
        }
        if any(structure[at].flag == KEEP for at in self.members):
            raise Unsliced("a backward pass will read what lies between its kernels")
        self.outputs = self._outputs(structure)
        self.lasting = self.outputs if alone == structure else self._outputs(alone)

    def _outputs(self, structure: Structure) -> set[int]:
        found = set()
        for at in self.members:
            if structure[at].flag == WANTED:
                found.add(at)
        for at in living(structure):
            value = structure[at]
            if at in self.members or (at in self.region.values and value.flag != WANTED):
                continue  # a view of the region counts where it is read
            found |= {base for base in map(self._base, value.inputs) if base in self.members}
        return self._least(structure, found) if self.region.rows else found

    def _base(self, at: int) -> int:
        """What a view of the region shows."""
        while at in self.region.values and at not in self.members:
            at = self.structure[at].inputs[0]
        return at

    def _least(self, structure: Structure, outputs: set[int]) -> set[int]:
        """What has to be stored for others, if they compute again what is cheap to compute."""
        found, waiting = set(), list(outputs)
        while waiting:
            at = waiting.pop()
            if at in found:
                continue
            if self._is_cheap(structure, at):
                inputs = [self._base(i) for i in structure[at].inputs]
                waiting += [i for i in inputs if i in self.members]
            else:
                found.add(at)
        return found

    def _is_cheap(self, structure: Structure, at: int) -> bool:
        """Whether readers outside can compute a value from statistics of rows and one tensor."""
        value = structure[at]
        if value.flag == WANTED or not isinstance(value.lowering, Expr):
            return False
        large = {i for i in map(self._base, value.inputs) if structure[i].numel * 8 > value.numel}
        fusing = all(
            isinstance(other.lowering, Expr | View | Reduction)
            for other in structure
            if at in other.inputs
        )
        return fusing and len(large) == 1 and large.isdisjoint(self.members)

    def group(self, realized: set[int]) -> Group:
        """Returns the group.

        Raises:
            Refusal: naming a value that must be realized first.
            Unsliced: if the region is better computed kernel by kernel.
        """
        outputs, lasting = sorted(self.outputs), sorted(self.lasting)
        given = (self.structure, self.region, outputs, lasting, realized)
        try:
            made = plan_slices(*given, self.traits, self.planner)
        except Unsliced as refused:
            refused.slicer = self
            raise
        reads = dict.fromkeys(at for at, _ in made.cut.leaves.values())
        inputs = [(at, Layout.contiguous(self.structure[at].shape)) for at in reads]
        body = Body((), (), ())
        return Group("slice", None, outputs, (), body, inputs=inputs, slices=made)
