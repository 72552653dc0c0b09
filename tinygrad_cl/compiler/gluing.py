"""Gluing: several kernels as the phases of one.

The launches of a slice's plan become functions that one kernel calls in order, for one slice of the
batch after the other (ops/slices.cl). A phase's buffers are parts of the whole batch's buffers, or
of a scratch buffer that belongs to the work-item; its sizes come from a table, so that the text
depends on the structure alone. Partial sums over the batch are added up by a second launch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tinygrad_cl.compiler.forms import defines
from tinygrad_cl.compiler.render import Kernel, KernelArgument
from tinygrad_cl.lowering import Grid

TASKS = 2  # work-items per compute unit, at most


@dataclass(frozen=True, slots=True)
class Place:
    """Where a phase finds a buffer: `offset` bytes into `buffer`, and `step` more per slice.

    `buffer` is ("value", number), ("scratch", number), or None for the work-item's own scratch.
    """

    buffer: KernelArgument | None
    offset: int = 0
    step: int = 0


@dataclass(frozen=True, slots=True)
class Phase:
    """A kernel, and what each of its arguments is: a place, or a number."""

    kernel: Kernel
    arguments: tuple[Place | KernelArgument, ...]


@dataclass(slots=True)
class _Glue:
    """Gathers what the phases of one kernel need."""

    functions: dict[str, int] = field(default_factory=dict)
    kernels: list[Kernel] = field(default_factory=list)
    table: dict[KernelArgument, int] = field(default_factory=dict)
    buffers: dict[KernelArgument, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def add(self, phase: Phase) -> None:
        name = phase.kernel.name
        if name not in self.functions:
            self.functions[name] = len(self.kernels)
            self.kernels.append(phase.kernel)
        grid, local = phase.kernel.grid.size, phase.kernel.grid.local or ()
        if any(size != 1 for size in local):
            raise AssertionError(f"gluing: {name} has work-groups of {local}")
        counts = [self._number(("long", size)) for size in (*grid, 1, 1)[:3]]
        given = [self._argument(argument) for argument in phase.arguments]
        call = ", ".join([f"NAME({self.functions[name]})", *counts, *given])
        self.lines.append(f"/* {phase.kernel.label} */ RUN({call})")

    def _argument(self, argument: Place | KernelArgument) -> str:
        if isinstance(argument, Place):
            return self._place(argument)
        kind = argument[0]
        return self._buffer(argument) if kind in ("scalars", "flags") else self._number(argument)

    def _number(self, argument: KernelArgument) -> str:
        kind, value = argument
        if kind != "slot" and value in (0, 1):
            return str(value)
        key = argument if kind == "slot" else ("long", value)
        return f"T({self.table.setdefault(key, len(self.table))})"

    def _place(self, place: Place) -> str:
        base = "mine" if place.buffer is None else self._buffer(place.buffer)
        terms = [] if place.offset == 0 else [self._number(("long", place.offset))]
        if place.step:
            terms.append(f"slice * {self._number(('long', place.step))}")
        return f"AT({base}, {' + '.join(terms)})" if terms else f"AT({base}, 0)"

    def _buffer(self, argument: KernelArgument) -> str:
        names = {"scalars": "scalars", "flags": "flags"}
        name = names.get(argument[0], f"p{len(self.buffers)}")
        return self.buffers.setdefault(argument, name)


def glue(
    label: str, phases: Sequence[Phase], slices: int, items: int, scratch: int, number: int
) -> Kernel:
    """Returns the kernel that runs phases for each slice.

    Args:
        label: its name.
        phases: in order.
        slices: how many slices there are.
        items: work-items; each takes a run of slices.
        scratch: bytes of scratch that a work-item needs.
        number: which scratch buffer of the group holds them.
    """
    glued = _Glue()
    for phase in phases:
        glued.add(phase)
    parameters = "".join(f", __global void *{name}" for name in glued.buffers.values())
    body = " \\\n".join(["", *(f"    {line}" for line in glued.lines)])
    text = defines(("PARAMS", parameters), ("PHASES", body))
    head: tuple[KernelArgument, ...] = (
        ("table", 0),
        ("scratch", number),
        ("long", slices),
        ("long", scratch),
    )
    return Kernel(
        label,
        "slices",
        text,
        1,
        (*head, *glued.buffers),
        Grid((items,), (1,)),
        phases=tuple(glued.kernels),
        table=tuple(glued.table),
    )
