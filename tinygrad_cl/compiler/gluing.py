"""Gluing: several kernels as the phases of one.

A phase is a call of a kernel as a function. There are two ways to glue:

- one after the other (ops/slices.cl): a work-item goes through all phases in order, for one slice
  of the batch after the other. A phase's buffers are parts of the whole batch's buffers, or of a
  scratch buffer that belongs to the work-item;
- abreast (ops/abreast.cl): phases that do not need each other share the work-items.

Sizes come from a table, so that the text depends on the structure alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod

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
_ENDS = {FIRST: "slice == first", LAST: "slice + 1 == last"}
_HEAD = 4  # arguments of a kernel of slices before its buffers
_WIDTH = 88  # columns of a call's arguments


@dataclass(frozen=True, slots=True)
class Phase:
    """A kernel, and what each of its arguments is: a place, or a number."""

    kernel: Kernel
    arguments: tuple[Place | KernelArgument, ...]


def phase_of(kernel: Kernel, scratch: int) -> Phase:
    """Returns a launch as a phase; its scratch buffers are those of the whole from `scratch` on."""

    def moved(argument: KernelArgument) -> Place | KernelArgument:
        kind, number = argument
        if kind == "value":
            return Place(argument)
        return Place(("scratch", scratch + number)) if kind == "scratch" else argument

    return Phase(kernel, tuple(map(moved, kernel.arguments)))


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
    head: tuple[KernelArgument, ...] = (
        ("table", 0),
        ("scratch", number),
        ("long", slices),
        ("long", scratch),
    )
    return _in_order(label, phases, head, items)


def glue_more(kernel: Kernel, phases: Sequence[Phase]) -> Kernel:
    """Returns a kernel made by `glue` with more phases at its end."""
    head, (items,) = kernel.arguments[:_HEAD], kernel.grid.size
    return _in_order(kernel.label, (*kernel.glued, *phases), head, items)


def legend(kernel: Kernel) -> Iterator[str]:
    """What the names in a glued kernel's text stand for, for people: its buffers and its table."""
    if kernel.glued:
        buffers = kernel.arguments[_HEAD if kernel.file == "slices" else 1 :]
        signs = {"value": "%", "scratch": "scratch "}
        names = [
            f"p{at} {signs[kind]}{number}"
            for at, (kind, number) in enumerate(buffers)
            if kind in signs
        ]
        numbers = [
            f"T({at}) {number if kind == 'long' else f'number {number} of the scalars'}"
            for at, (kind, number) in enumerate(kernel.table)
        ]
        yield from _lines(names)
        yield from _lines(numbers)


def _in_order(
    label: str, phases: Sequence[Phase], head: tuple[KernelArgument, ...], items: int
) -> Kernel:
    calls = _Calls()
    lines = [line for phase in phases for line in calls.lines("RUN", phase)]
    return calls.kernel(label, "slices", head, phases, lines, items)


def glue_abreast(label: str, parts: Sequence[Sequence[Phase]]) -> Kernel:
    """Returns the kernel whose work-items are those of all parts.

    Args:
        label: its name.
        parts: one phase, with all its work-items, or several, which one work-item runs in order;
            their places depend on no slice or work-item.
    """
    calls = _Calls()
    lines, items = [], 0
    for part in parts:
        if len(part) == 1:
            lines += calls.lines("EACH", part[0])
            items += prod(part[0].kernel.grid.size)
        else:
            runs = [line for phase in part for line in calls.lines("RUN", phase)]
            lines += ["ALONE(", *(f"    {line}" for line in runs), ")"]
            items += 1
    phases = [phase for part in parts for phase in part]
    return calls.kernel(label, "abreast", (("table", 0),), phases, lines, items)


@dataclass(slots=True)
class _Calls:
    """Writes the calls of a kernel's phases, and gathers the numbers and buffers they need."""

    table: dict[KernelArgument, int] = field(default_factory=dict)
    buffers: dict[KernelArgument, str] = field(default_factory=dict)

    def kernel(
        self,
        label: str,
        file: str,
        head: tuple[KernelArgument, ...],
        phases: Sequence[Phase],
        lines: Sequence[str],
        items: int,
    ) -> Kernel:
        """The kernel that consists of the calls in these lines."""
        parameters = "".join(f", __global void *{name}" for name in self.buffers.values())
        body = " \\\n".join(["", *(f"    {line}" for line in lines)])
        text = defines(("PARAMS", parameters), ("PHASES", body))
        arguments = (*head, *self.buffers)
        return Kernel(
            *(label, file, text, 1, arguments, Grid((items,), (1,))),
            glued=tuple(phases),
            table=tuple(self.table),
        )

    def lines(self, macro: str, phase: Phase) -> list[str]:
        """The macro that calls a phase: with its function and ND-range, then its own arguments."""
        kernel = phase.kernel
        if any(size != 1 for size in kernel.grid.local or ()):
            raise AssertionError(f"gluing: {kernel.name} has work-groups of {kernel.grid.local}")
        counts = [self._number(("long", size)) for size in (*kernel.grid.size, 1, 1)[:3]]
        given = [self._argument(argument) for argument in phase.arguments]
        first = f"{macro}({', '.join([kernel.function, *counts])},"
        return [first, *(f"    {line}" for line in _lines([*given[:-1], given[-1] + ")"]))]

    def _argument(self, argument: Place | KernelArgument) -> str:
        if isinstance(argument, Place):
            return self._place(argument)
        if argument in _ENDS:
            return _ENDS[argument]
        is_buffer = argument[0] in ("scalars", "flags")
        return self._buffer(argument) if is_buffer else self._number(argument)

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
        return f"AT({base}, {' + '.join(terms)})" if terms else base

    def _buffer(self, argument: KernelArgument) -> str:
        names = {"scalars": "scalars", "flags": "flags"}
        name = names.get(argument[0], f"p{len(self.buffers)}")
        return self.buffers.setdefault(argument, name)


def _lines(parts: Sequence[str]) -> Iterator[str]:
    """Parts with commas between them, in lines of bounded width."""
    line = ""
    for part in parts:
        if line and len(line) + 2 + len(part) > _WIDTH:
            yield line + ","
            line = part
        else:
            line = f"{line}, {part}" if line else part
    yield line
