"""Plans: ordered work with a place for every value, as plain data.

`make_plan(structure, traits)` is a pure function: fuse, render, join equal launches over different
buffers, order, and give each value its storage. Nothing here touches a device; `print(plan)` shows
the launches with their nodes, and between them the borders with their reasons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tinygrad_cl.compiler.abreast import put_abreast
from tinygrad_cl.compiler.body import Compute
from tinygrad_cl.compiler.choosing import Choose, own_choice
from tinygrad_cl.compiler.fusion import fuse
from tinygrad_cl.compiler.gluing import legend
from tinygrad_cl.compiler.groups import Border, Group, alias_of, in_order
from tinygrad_cl.compiler.joining import HostCall, Unit, join
from tinygrad_cl.compiler.kernels import render_group
from tinygrad_cl.compiler.placing import place_parts
from tinygrad_cl.compiler.render import Kernel
from tinygrad_cl.compiler.runs import ends_small, glue_runs, is_small
from tinygrad_cl.compiler.schedule import schedule
from tinygrad_cl.compiler.simplify import simplified
from tinygrad_cl.compiler.storage import Storage, root, store
from tinygrad_cl.compiler.structure import KEEP, WANTED, Structure
from tinygrad_cl.compiler.templates import program_source, readable_source
from tinygrad_cl.lowering import DeviceTraits


@dataclass(frozen=True, slots=True)
class Launch:
    """A kernel over buffers; `scratch`: offsets and sizes of its group's scratch buffers."""

    kernel: Kernel
    groups: tuple[int, ...]
    scratch: tuple[tuple[int, int], ...] = ()


Step = Launch | HostCall


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in order, and where everything is.

    Attributes:
        structure: the graph.
        groups: the fused groups.
        borders: why groups are apart.
        steps: launches and host calls in order.
        storage: the place of each value that has one.
        attached: values whose nodes get a buffer.
        arena: bytes of the arena.
        slots: the place of each scalar in the block of numbers.
        flags: whether a kernel may report a bad index.
    """

    structure: Structure
    groups: tuple[Group, ...]
    borders: tuple[Border, ...]
    steps: tuple[Step, ...]
    storage: dict[int, Storage]
    attached: tuple[int, ...]
    arena: int
    slots: dict[int, int]
    flags: bool

    def home(self, value: int) -> int:
        """The value whose storage `value` shares."""
        while self.storage[value].kind == "alias":
            value = self.storage[value].at
        return value

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """The kernels of the launches, each once, in the order of their first launch."""
        launches = [step.kernel for step in self.steps if isinstance(step, Launch)]
        return tuple({kernel.name: kernel for kernel in launches}.values())

    def source(self, full: bool = False) -> str:
        """Returns the generated OpenCL C; with `full`, the templates too, as the device gets it."""
        if full:
            return program_source(self.kernels)
        return "\n".join(readable_source(kernel) for kernel in self.kernels)

    def __str__(self) -> str:
        return "\n".join(_describe(self))


def make_plan(
    structure: Structure,
    traits: DeviceTraits,
    sliced: bool = True,
    glued: bool = True,
    choose: Choose = own_choice,
) -> Plan:
    """Returns the plan of a structure on a device with these traits.

    Args:
        structure: the graph.
        traits: of the device.
        sliced: whether values may be computed slice by slice of the batch, which may change the
            order of sums.
        glued: whether runs of small kernels become one launch; it changes no bit of a result.
        choose: chooses the plan of each template call that is not in a slice.
    """
    structure = simplified(structure)
    planner = _plan_slice if sliced else None
    fusion = fuse(structure, traits, planner, choose)
    aliases = _aliases(structure, fusion.groups)
    units = _units(structure, fusion.groups, aliases, traits)
    slots = {at: k for k, at in enumerate(i for i, v in enumerate(structure) if v.is_scalar)}
    realized = [at for group in fusion.groups for at in group.writes]
    attached = tuple(at for at in realized if structure[at].flag in (KEEP, WANTED))
    kept = {root(aliases, at) for at in attached}
    inside = place_parts(structure, fusion.groups, units, aliases, kept)
    units = in_order(join(units, traits))
    units = schedule(
        structure,
        units,
        kept,
        lambda unit: glued and is_small(structure, unit, traits),
        lambda unit: glued and ends_small(structure, unit, traits),
    )
    if glued:
        units = put_abreast(structure, glue_runs(structure, units, traits), traits)
    storage, scratch, arena = store(structure, fusion.groups, units, aliases, set(attached), inside)
    steps = tuple(_steps(units, scratch))
    flags = any(("flags", 0) in step.kernel.arguments for step in steps if isinstance(step, Launch))
    return Plan(
        structure, fusion.groups, fusion.borders, steps, storage, attached, arena, slots, flags
    )


def _plan_slice(structure: Structure, traits: DeviceTraits) -> Plan:
    return make_plan(structure, traits, sliced=False, glued=False)


def _aliases(structure: Structure, groups: tuple[Group, ...]) -> dict[int, int]:
    """Groups that only read a buffer from its start, in order: no work, the same buffer."""
    found = {}
    for group in groups:
        base = alias_of(structure, group)
        if base is not None:
            found[group.outputs[0]] = base
    return found


def _units(
    structure: Structure, groups: tuple[Group, ...], aliases: dict[int, int], traits: DeviceTraits
) -> list[Unit]:
    units = []
    for number, group in enumerate(groups):
        if group.outputs[0] in aliases or not any(structure[at].numel for at in group.outputs):
            continue
        reads = {root(aliases, at) for at in group.reads if not structure[at].is_scalar}
        writes = set(group.writes)
        if group.kind == "host":
            call = HostCall(group.outputs[0], group.reason, number)
            units.append(Unit([number], [], (), reads, writes, call))
            continue
        rendered = render_group(structure, group, traits)
        kernels = [_rooted(kernel, aliases) for kernel in rendered.kernels]
        units.append(Unit([number], kernels, rendered.scratch, reads, writes))
    return units


def _rooted(kernel: Kernel, aliases: dict[int, int]) -> Kernel:
    arguments = tuple(
        (kind, root(aliases, at) if kind == "value" else at) for kind, at in kernel.arguments
    )
    return replace(kernel, arguments=arguments)


def _steps(units: list[Unit], scratch: dict[tuple[int, int], tuple[int, int]]) -> Iterable[Step]:
    for number, unit in enumerate(units):
        if unit.host is not None:
            yield unit.host
        places = tuple(scratch[number, k] for k in range(len(unit.scratch)))
        for kernel in unit.kernels:
            yield Launch(kernel, tuple(unit.groups), places)


# ---- printing


def _describe(plan: Plan) -> Iterable[str]:
    launches = sum(isinstance(step, Launch) for step in plan.steps)
    yield (
        f"plan: {len(plan.structure)} nodes, {len(plan.groups)} groups, {launches} launches, "
        f"arena {plan.arena} bytes"
    )
    reasons = {border.value: border.reason for border in plan.borders}
    last: list[int] = []
    for number, step in enumerate(plan.steps):
        if isinstance(step, HostCall):
            yield f"{number:3} host {plan.structure[step.value].signature}: {step.reason}"
            members = [step.group]
        else:
            many = f" ({step.kernel.segments} segments)" if step.kernel.segments > 1 else ""
            yield f"{number:3} launch {step.kernel.name}{many} grid {step.kernel.grid.size}"
            yield from (f"      {line}" for line in legend(step.kernel))
            members = list(step.groups if step.kernel.phases else step.groups[:3])
        for g in members if members != last else ():
            yield from _describe_group(plan, plan.groups[g], reasons)
        last = members


def _describe_group(plan: Plan, group: Group, reasons: dict[int, str]) -> Iterable[str]:
    structure = plan.structure
    for at in sorted(group.reads):
        if not structure[at].is_data:
            yield f"      border {reasons.get(at, '')}: %{at} {structure[at].signature}"
    if group.slices is not None:
        made = group.slices
        yield f"      slices {made.slices} of {made.size} items, {made.plan.arena} bytes between"
        yield from (f"      {line}" for line in str(made.plan).splitlines()[1:])
    for body in group.inner:
        for item in body.items:
            if isinstance(item, Compute):
                yield f"      fused  %{item.value} {structure[item.value].signature}"
    if group.anchor is not None:
        yield f"      anchor %{group.anchor} {structure[group.anchor].signature}"
    for item in group.body.items:
        if isinstance(item, Compute):
            yield f"      fused  %{item.value} {structure[item.value].signature}"
    for at in group.writes:
        yield f"      stores %{at} {structure[at].signature.spec}, {plan.storage[at].kind}"
