"""Abreast: launches that do not need each other, as one.

The gradient of a layer's weight and that of its input read the same values and need nothing of one
another. One after the other, compute units wait at the end of each for the slowest one; as one
launch, those that are done with the first begin with the second, and one launch is saved. Large
ones stay alone: they lose little, and their kernels are shared by more plans.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from tinygrad_cl.compiler.gluing import Phase, Place, glue_abreast, phase_of
from tinygrad_cl.compiler.joining import Unit
from tinygrad_cl.compiler.render import Kernel
from tinygrad_cl.compiler.structure import DONOR, Structure
from tinygrad_cl.lowering import DeviceTraits

MOST = 1 << 20  # elements that a launch reads and writes, at most
MAX_PARTS = 8  # of one launch


def put_abreast(structure: Structure, units: list[Unit], traits: DeviceTraits) -> list[Unit]:
    """Returns the units; of those in a row that do not need each other, one launch is made.

    That is the last launch of the first, and the only one of each of the others.
    """
    if traits.kind != "cpu":
        return units
    stages: list[list[Unit]] = []
    for unit in units:
        if stages and _fits(structure, stages[-1], unit):
            stages[-1].append(unit)
        else:
            stages.append([unit])
    return [_joined(structure, stage) for stage in stages]


def _fits(structure: Structure, stage: list[Unit], unit: Unit) -> bool:
    if len(stage) == MAX_PARTS or len(unit.kernels) != 1 or not stage[0].kernels:
        return False
    for other in stage:
        kernel = other.kernels[-1]
        if not unit.reads.isdisjoint(other.writes & _values(kernel)):
            return False
        if any(structure[at].flag == DONOR for at in unit.reads & other.reads):
            return False  # the last one of its readers overwrites it
    both = (stage[-1].kernels[-1], unit.kernels[0])
    return all(_size(structure, kernel) <= MOST and _phases(kernel, 0) for kernel in both)


def _values(kernel: Kernel) -> set[int]:
    """The values that a kernel reads or writes."""
    return {number for kind, number in kernel.arguments if kind == "value"}


def _size(structure: Structure, kernel: Kernel) -> int:
    return sum(structure[at].numel for at in _values(kernel))


def _phases(kernel: Kernel, scratch: int) -> tuple[Phase, ...]:
    """The phases that a launch is as a part of another one; none if it cannot be one."""
    if not kernel.glued:
        return () if prod(kernel.grid.local or ()) != 1 else (phase_of(kernel, scratch),)
    places = [a for phase in kernel.glued for a in phase.arguments if isinstance(a, Place)]
    fixed = all(place == Place(place.buffer, place.offset) and place.buffer for place in places)
    if kernel.file != "slices" or prod(kernel.grid.size) != 1 or not fixed:
        return ()
    return tuple(_moved(phase, scratch) for phase in kernel.glued)


def _moved(phase: Phase, scratch: int) -> Phase:
    """A phase whose scratch buffers are those of the whole from `scratch` on."""

    def moved(place: Place) -> Place:
        kind, number = place.buffer or ("", 0)
        return replace(place, buffer=("scratch", scratch + number)) if kind == "scratch" else place

    arguments = tuple(moved(a) if isinstance(a, Place) else a for a in phase.arguments)
    return Phase(phase.kernel, arguments)


def _joined(structure: Structure, stage: list[Unit]) -> Unit:
    """The one unit of a stage."""
    if len(stage) == 1:
        return stage[0]
    parts: list[tuple[float, tuple[Phase, ...]]] = []
    scratch: tuple[int, ...] = ()
    for unit in stage:
        kernel = unit.kernels[-1]
        share = _size(structure, kernel) / prod(kernel.grid.size)
        parts.append((share, _phases(kernel, len(scratch))))
        scratch += unit.scratch
    parts.sort(key=lambda part: -part[0])  # the work-items that take longest first
    names = list(dict.fromkeys(unit.kernels[-1].label for unit in stage))
    label = "_and_".join(names if len(names) < 4 else [names[0], "others"])
    kernels = [*stage[0].kernels[:-1], glue_abreast(label, [phases for _, phases in parts])]
    return Unit(
        [group for unit in stage for group in unit.groups],
        kernels,
        scratch,
        set().union(*(unit.reads for unit in stage)),
        set().union(*(unit.writes for unit in stage)),
    )
