"""Gluing: several kernels as the phases of one.

The launches of a slice's plan become functions that one kernel calls in order, for one slice of the
batch after the other (ops/slices.cl). A phase's buffers are parts of the whole batch's buffers, or
of a scratch buffer that belongs to the work-item; its sizes come from a table, so that the text
depends on the structure alone. Partial sums over the batch are added up by a second launch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tinygrad_cl.compiler.forms import defines
from tinygrad_cl.compiler.render import Kernel, KernelArgument
from tinygrad_cl.lowering import Grid

TASKS = 2  # work-items per compute unit, at most


@dataclass(frozen=True, slots=True)
class Place:
    """Where a phase finds a buffer.

    Attributes:
        buffer: ("value", number), ("scratch", number), or None for the work-item's own scratch.
        offset: bytes into it.
        step: bytes more per slice.
        item_step: bytes more per work-item.
    """

    buffer: KernelArgument | None
    offset: int = 0
    step: int = 0
    item_step: int = 0


FIRST: KernelArgument = ("first", 0)  # whether a slice is the first of its work-item
LAST: KernelArgument = ("last", 0)  # whether it is the last
_HEAD = 4  # arguments of a glued kernel before its buffers
_PARAMETER = re.compile(r", __global void \*(\w+)")
_RUN = re.compile(r"^ +(RUN\(.*\))(?: \\)?$", re.MULTILINE)
_ENDS = {FIRST: "slice == first", LAST: "slice + 1 == last"}


@dataclass(frozen=True, slots=True)
class Phase:
    """A kernel, and what each of its arguments is: a place, or a number."""

    kernel: Kernel
    arguments: tuple[Place | KernelArgument, ...]


@dataclass(slots=True)
class _Glue:
    """Gathers what the phases of one kernel need."""

    kernels: dict[str, Kernel] = field(default_factory=dict)
    table: dict[KernelArgument, int] = field(default_factory=dict)
    buffers: dict[KernelArgument, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, kernel: Kernel) -> _Glue:
        """What the phases of a glued kernel needed."""
        return cls(
            {phase.name: phase for phase in kernel.phases},
            {argument: k for k, argument in enumerate(kernel.table)},
            dict(zip(kernel.arguments[_HEAD:], _PARAMETER.findall(kernel.text), strict=True)),
            _RUN.findall(kernel.text),
        )

    def kernel(self, label: str, head: tuple[KernelArgument, ...], grid: Grid) -> Kernel:
        """The kernel that runs the phases."""
        parameters = "".join(f", __global void *{name}" for name in self.buffers.values())
        body = " \\\n".join(["", *(f"    {line}" for line in self.lines)])
        text = defines(("PARAMS", parameters), ("PHASES", body))
        return Kernel(
            label,
            "slices",
            text,
            1,
            (*head, *self.buffers),
            grid,
            phases=tuple(self.kernels.values()),
            table=tuple(self.table),
        )

    def add(self, phase: Phase) -> None:
        name = phase.kernel.name
        self.kernels.setdefault(name, phase.kernel)
        grid, local = phase.kernel.grid.size, phase.kernel.grid.local or ()
        if any(size != 1 for size in local):
            raise AssertionError(f"gluing: {name} has work-groups of {local}")
        counts = [self._number(("long", size)) for size in (*grid, 1, 1)[:3]]
        given = [self._argument(argument) for argument in phase.arguments]
        call = ", ".join([phase.kernel.function, *counts, *given])
        self.lines.append(f"RUN({call})")

    def _argument(self, argument: Place | KernelArgument) -> str:
        if isinstance(argument, Place):
            return self._place(argument)
        kind = argument[0]
        if argument in _ENDS:
            return _ENDS[argument]
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
        if place.item_step:
            terms.append(f"item * {self._number(('long', place.item_step))}")
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
    head: tuple[KernelArgument, ...] = (
        ("table", 0),
        ("scratch", number),
        ("long", slices),
        ("long", scratch),
    )
    return glued.kernel(label, head, Grid((items,), (1,)))


def glue_more(kernel: Kernel, phases: Sequence[Phase]) -> Kernel:
    """Returns a glued kernel with more phases at its end."""
    glued = _Glue.of(kernel)
    for phase in phases:
        glued.add(phase)
    return glued.kernel(kernel.label, kernel.arguments[:_HEAD], kernel.grid)
