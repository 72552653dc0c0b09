"""Runs: launches so small that starting them costs more than running them, glued into one.

A kernel that has work for one work-item only leaves the other compute units idle anyway, and its
launch takes about as long as its work. The schedule puts such units next to each other, and each
run of them becomes one launch of one work-item that does their work in order.
"""

from __future__ import annotations

from math import prod

from tinygrad_cl.compiler.gluing import glue, glue_more, phase_of
from tinygrad_cl.compiler.joining import Unit
from tinygrad_cl.compiler.render import Kernel
from tinygrad_cl.compiler.structure import Structure
from tinygrad_cl.lowering import DeviceTraits

SMALL = 1 << 14  # elements that a small unit reads and writes, at most
MAX_ITEMS = 2  # work-items of its kernels
MAX_PHASES = 24  # of one kernel: more would compile slowly


def glue_runs(structure: Structure, units: list[Unit], traits: DeviceTraits) -> list[Unit]:
    """Returns the units with each run of small ones glued, to what ends in one work-item, too."""
    made: list[Unit] = []
    run: list[Unit] = []
    for unit in units:
        if run and len(run) < MAX_PHASES and is_small(structure, unit, traits):
            run.append(unit)
            continue
        made += _glued(run)
        run = [unit] if ends_small(structure, unit, traits) else []
        if not run:
            made.append(unit)
    return made + _glued(run)


def ends_small(structure: Structure, unit: Unit, traits: DeviceTraits) -> bool:
    """Whether small units can be glued to the end of a unit."""
    return _is_open(unit) or is_small(structure, unit, traits)


def _is_open(unit: Unit) -> bool:
    """Whether the last kernel of a unit has phases, and one work-item."""
    return len(unit.kernels) > 1 and bool(unit.kernels[-1].glued) and _alone(unit.kernels[-1])


def _alone(kernel: Kernel) -> bool:
    return prod(kernel.grid.size) == 1


def is_small(structure: Structure, unit: Unit, traits: DeviceTraits) -> bool:
    """Whether a launch of a unit costs about as much as its work."""
    if traits.kind != "cpu" or unit.host is not None or not unit.kernels:
        return False
    for kernel in unit.kernels:
        grid = kernel.grid
        if prod(grid.size) > MAX_ITEMS or any(size != 1 for size in grid.local or ()):
            return False
        if kernel.glued or kernel.segments > 1:
            return False
    return sum(structure[at].numel for at in unit.reads | unit.writes) <= SMALL


def _glued(run: list[Unit]) -> list[Unit]:
    """The one unit of a run, if it has several."""
    if len(run) < 2:
        return run
    opened = run[0] if _is_open(run[0]) else None
    phases, scratch = [], [] if opened is None else list(opened.scratch)
    for unit in run if opened is None else run[1:]:
        phases += [phase_of(kernel, len(scratch)) for kernel in unit.kernels]
        scratch += unit.scratch
    if opened is None:
        label = f"{phases[0].kernel.label}_to_{phases[-1].kernel.label}"
        kernels = [glue(label, phases, 1, 1, 0, len(scratch))]
        scratch.append(64)
    else:
        kernels = [*opened.kernels[:-1], glue_more(opened.kernels[-1], phases)]
    reads = set().union(*(unit.reads for unit in run))
    writes = set().union(*(unit.writes for unit in run))
    groups = [g for unit in run for g in unit.groups]
    return [Unit(groups, kernels, tuple(scratch), reads, writes)]
