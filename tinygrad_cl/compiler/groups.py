"""Groups: the values of one kernel, the borders between kernels, and their order."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from tinygrad_cl.compiler.body import Body, Load
from tinygrad_cl.compiler.structure import Structure
from tinygrad_cl.lowering import TemplatePlan
from tinygrad_cl.shapes import Layout, Shape

if TYPE_CHECKING:
    from tinygrad_cl.compiler.sliceplan import SlicePlan

# The kinds of kernels, and which may take an elementwise kernel that reads their result.
JOINS = {
    "elementwise": True,
    "reduce": True,
    "template": True,
    "assemble": False,
    "host": False,
    "slice": False,
}

REST = 7  # what shares a buffer leaves at most a part of so many unused


@dataclass(frozen=True, slots=True)
class Border:
    """Two kernels that stay apart: the value between them and the named reason."""

    value: int
    reason: str


@dataclass(slots=True)
class Group:
    """The values of one kernel.

    Attributes:
        kind: one of the keys of `JOINS`.
        anchor: the value of the reduction, template, assembly or host call, or None.
        outputs: values written to buffers.
        domain: the shape over which the elementwise part runs.
        body: that part.
        inner: the part before the anchor: what a reduction folds, what an assembly writes (one per
            input).
        template: how the template runs.
        inputs: buffers read by the anchor itself, with their layouts.
        slices: the plan of a slice of the batch, for a group that runs slice by slice.
        twin: the second value that its template writes.
        stored: values that a reduction writes while it folds them; see absorbing.py.
    """

    kind: str
    anchor: int | None
    outputs: list[int]
    domain: Shape
    body: Body
    inner: list[Body] = field(default_factory=list)
    template: TemplatePlan | None = None
    inputs: list[tuple[int, Layout]] = field(default_factory=list)
    reason: str = ""
    slices: SlicePlan | None = None
    twin: int | None = None
    stored: list[int] = field(default_factory=list)

    @property
    def writes(self) -> list[int]:
        """The values that the kernel writes to buffers."""
        twins = [] if self.twin is None else [self.twin]
        return [*self.outputs, *twins, *self.stored]

    @property
    def reads(self) -> set[int]:
        """The realized values that the kernel reads."""
        bodies = [self.body, *self.inner]
        found = {load.value for body in bodies for load in body.loads}
        return found | {value for value, _ in self.inputs}


def alias_of(structure: Structure, group: Group) -> int | None:
    """The value of which a group only shows all, or the greater part from its start on.

    No work: they share the buffer.
    """
    items = group.body.items
    if group.kind == "elementwise" and len(group.outputs) == 1 and len(items) == 1:
        item, numel = items[0], structure[group.outputs[0]].numel
        pitch = structure[group.outputs[0]].pitch
        if isinstance(item, Load) and item.layout.is_contiguous and not pitch:
            rest = structure[item.value].numel - numel
            return item.value if REST * rest <= numel else None
    return None


@dataclass(frozen=True, slots=True)
class Fusion:
    """The groups in an order in which they can run, and the borders between them."""

    groups: tuple[Group, ...]
    borders: tuple[Border, ...]


def reaches(group: Group, producer: Group, owner: dict[int, Group]) -> bool:
    """Whether `group` depends on `producer` through a third group."""
    seen: set[int] = set()
    first = min(producer.writes)  # what comes before it in the graph cannot read it
    stack = [owner[at] for at in group.reads if at in owner and owner[at] is not producer]
    while stack:
        current = stack.pop()
        if id(current) in seen or current is group or max(current.writes) < first:
            continue
        seen.add(id(current))
        for at in current.reads:
            below = owner.get(at)
            if below is producer:
                return True
            if below is not None:
                stack.append(below)
    return False


class Work(Protocol):
    """What reads values and writes others: a group, or launches that stay together."""

    @property
    def reads(self) -> Collection[int]:
        """The values that it reads."""

    @property
    def writes(self) -> Collection[int]:
        """The values that it writes."""


Worker = TypeVar("Worker", bound=Work)


def in_order(items: Iterable[Worker]) -> list[Worker]:
    """Items sorted so that each comes after those whose results it reads, and early."""
    roots = sorted(items, key=lambda item: max(item.writes))
    owner = {at: item for item in roots for at in item.writes}
    done: set[int] = set()
    order: list[Worker] = []
    for root in roots:
        stack = [root]
        while stack:
            item = stack[-1]
            if id(item) in done:
                stack.pop()
                continue
            waiting = [
                owner[at]
                for at in sorted(item.reads, reverse=True)
                if at in owner and id(owner[at]) not in done and owner[at] is not item
            ]
            if waiting:
                stack += waiting
            else:
                stack.pop()
                done.add(id(item))
                order.append(item)
    return order
