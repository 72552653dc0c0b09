"""Runs: launches so small that starting them costs more than running them, glued into one.

A kernel that has work for one work-item only leaves the other compute units idle anyway, and its
launch takes about as long as its work. Such units stand next to each other wherever their inputs
allow it, and each run of them becomes one launch of one work-item that does their work in order.
"""

from __future__ import annotations

from math import prod

from tinygrad_cl.compiler.gluing import Phase, Place, glue
from tinygrad_cl.compiler.joining import Unit
from tinygrad_cl.compiler.render import KernelArgument
from tinygrad_cl.compiler.structure import Structure
from tinygrad_cl.lowering import DeviceTraits

SMALL = 1 << 14  # elements that a small unit reads and writes, at most
MAX_ITEMS = 2  # work-items of its kernels
MAX_PHASES = 24  # of one kernel: more would compile slowly


def glue_runs(structure: Structure, units: list[Unit], traits: DeviceTraits) -> list[Unit]:
    """Returns the units in an order in which they can run, runs of small ones glued."""
    if traits.kind != "cpu":
        return units
    made: list[Unit] = []
    run: list[Unit] = []
    for unit in [*_grouped(structure, units), None]:
        if unit is not None and _is_small(structure, unit) and len(run) < MAX_PHASES:
            run.append(unit)
            continue
        made += [_glued(run)] if len(run) > 1 else run
        run = [unit] if unit is not None and _is_small(structure, unit) else []
        if unit is not None and not run:
            made.append(unit)
    return made


def _is_small(structure: Structure, unit: Unit) -> bool:
    if unit.host is not None or not unit.kernels:
        return False
    for kernel in unit.kernels:
        grid = kernel.grid
        if prod(grid.size) > MAX_ITEMS or any(size != 1 for size in grid.local or ()):
            return False
        if kernel.phases or kernel.segments > 1:
            return False
    return sum(structure[at].numel for at in unit.reads | unit.writes) <= SMALL


def _grouped(structure: Structure, units: list[Unit]) -> list[Unit]:
    """An order in which small units stand together: none before it must, then all that can."""
    writer = {at: number for number, unit in enumerate(units) for at in unit.writes}
    waiting = [
        {writer[at] for at in unit.reads if at in writer and writer[at] != number}
        for number, unit in enumerate(units)
    ]
    small = [_is_small(structure, unit) for unit in units]
    order: list[int] = []
    done: set[int] = set()
    left = list(range(len(units)))
    while left:
        ready = [n for n in left if waiting[n] <= done]
        chosen = next((n for n in ready if not small[n]), None)
        if order and small[order[-1]]:  # a run goes on while it can
            chosen = next((n for n in ready if small[n]), chosen)
        chosen = ready[0] if chosen is None else chosen
        order.append(chosen)
        done.add(chosen)
        left.remove(chosen)
    return [units[n] for n in order]


def _glued(run: list[Unit]) -> Unit:
    phases = []
    scratch: list[int] = []
    for unit in run:
        for kernel in unit.kernels:
            arguments = tuple(_argument(a, len(scratch)) for a in kernel.arguments)
            phases.append(Phase(kernel, arguments))
        scratch += unit.scratch
    label = f"{phases[0].kernel.label}_to_{phases[-1].kernel.label}"
    glued = glue(label, phases, 1, 1, 0, len(scratch))
    reads = set().union(*(unit.reads for unit in run))
    writes = set().union(*(unit.writes for unit in run))
    groups = [g for unit in run for g in unit.groups]
    return Unit(groups, [glued], (*scratch, 64), reads, writes)


def _argument(argument: KernelArgument, scratch: int) -> Place | KernelArgument:
    kind, number = argument
    if kind == "value":
        return Place(argument)
    return Place(("scratch", scratch + number)) if kind == "scratch" else argument
