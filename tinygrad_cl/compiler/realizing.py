"""Realizing: which values of a structure get a buffer.

Wanted values, results of reductions and templates, inputs of templates, and expressions with
several users do; expressions that are cheap to compute again are inlined into every user.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from tinygrad_cl.compiler.simplify import living
from tinygrad_cl.compiler.structure import WANTED, Structure
from tinygrad_cl.lowering import (
    Assemble,
    DeviceTraits,
    Expr,
    Host,
    Index,
    Reduction,
    Template,
    View,
)
from tinygrad_cl.shapes import Layout

if TYPE_CHECKING:
    from tinygrad_cl.compiler.slicer import Slicer

MAX_INLINE = 4  # expressions computed again, not stored, if they read at most one full buffer
MAX_INLINE_FREE = 12  # the same, if they read none
SPREAD_FROM = 65536  # elements of a domain in which a small value is not computed again and again
SPREAD_FROM_NEAR = 1024  # the same where it costs no launch
SPREAD_FUNCTION = 128  # the same of functions, which take as long as ten loads
SPREAD_RATIO = 8  # how many times larger than the value the domain is
MAX_DEPTH = 24  # expressions inlined on top of one another


class Realizing:
    """The choice of a structure's realized values.

    Args:
        structure: the graph.
        traits: of the device.
        slicers: those of the values that are computed slice by slice.

    Attributes:
        living: the values that the wanted ones need.
        users: the living values that read each value.
        realized: the values that get a buffer, leaves among them.
        borders: why they do.
    """

    def __init__(
        self, structure: Structure, traits: DeviceTraits, slicers: Mapping[int, Slicer]
    ) -> None:
        self.structure = structure
        self.slicers = slicers
        self.near = traits.slices > 1  # what is stored is read from a cache, launches cost nothing
        self.living = living(structure)
        self.users: list[list[int]] = [[] for _ in structure]
        for at, value in enumerate(structure):
            for i in dict.fromkeys(value.inputs if at in self.living else ()):
                self.users[i].append(at)
        self.realized: set[int] = set()
        self.borders: dict[int, str] = {}
        self.required: dict[int, str] = {}
        self._choose()
        self._recompute()

    def _choose(self) -> None:
        structure = self.structure
        sinks: list[frozenset[int]] = [frozenset()] * len(structure)
        depth = [0] * len(structure)
        for at in range(len(structure) - 1, -1, -1):
            value = structure[at]
            if value.is_data or value.is_scalar or at not in self.living:
                continue
            slicer = self.slicers.get(at)
            if slicer is not None:
                sinks[at] = frozenset([-1 - min(slicer.members)])
                if at in slicer.outputs:
                    self.realized.add(at)
                    self.borders[at] = "SLICE: it is read outside the slices"
                continue
            reason = self._reason(at, sinks, depth)
            if reason:
                self.realized.add(at)
                self.borders[at] = reason
            if isinstance(value.lowering, Template | Host | Assemble):
                self._require_inputs(at)
        self.realized |= {at for at, value in enumerate(structure) if value.is_data}

    def _reason(self, at: int, sinks: list[frozenset[int]], depth: list[int]) -> str:
        """Returns why a value needs a buffer, or "" after inlining it into its users."""
        value = self.structure[at]
        if not isinstance(value.lowering, Expr | View | Index):
            return "KERNEL: it has a kernel of its own"
        if value.flag == WANTED:
            return "WANTED: it is asked for"
        if at in self.required:
            return self.required[at]
        users = self.users[at]
        found: frozenset[int] = frozenset()
        for user in users:
            found |= frozenset([user]) if user in self.realized else sinks[user]
        sinks[at] = found
        depth[at] = 1 + max((depth[u] for u in users if u not in self.realized), default=0)
        if isinstance(value.lowering, Expr) and self._is_spread(at):
            return "SPREAD: it is computed once, not again all over a larger domain"
        if depth[at] > MAX_DEPTH:
            return "DEPTH: the chain of expressions is too long for one kernel"
        if len(found) > 1 and isinstance(value.lowering, Expr) and not self._is_cheap(at):
            return f"FAN_OUT: {len(found)} kernels read it"
        return ""

    def _recompute(self) -> None:
        """Stores no value that is cheap to compute from values that are stored anyway.

        Which are, is known only now: users are looked at before what they use.
        """
        for at in sorted(self.realized):
            if self.borders.get(at, "").startswith("FAN_OUT") and self._is_cheap(at):
                self.realized.discard(at)
                del self.borders[at]

    def _is_spread(self, at: int) -> bool:
        """Whether a small value that reads a buffer is broadcast over a large domain."""
        value = self.structure[at]
        wide = max((self._width(user) for user in self.users[at]), default=0)
        least = SPREAD_FROM_NEAR if self.near else SPREAD_FROM
        if self.near and isinstance(value.lowering, Expr) and value.lowering.is_dear:
            least = SPREAD_FUNCTION
        if wide < least or value.numel * SPREAD_RATIO > wide:
            return False
        return any(not self._is_number(i) for i in value.inputs)

    def _width(self, at: int) -> int:
        """The number of elements over which a value is used, through views."""
        value = self.structure[at]
        if isinstance(value.lowering, View) and at not in self.realized:
            return max([value.numel, *(self._width(user) for user in self.users[at])])
        return value.numel if isinstance(value.lowering, Expr) else 0

    def _is_number(self, at: int) -> bool:
        """Whether a value is made of run-time numbers alone."""
        value = self.structure[at]
        if value.is_scalar:
            return True
        if value.is_data or not isinstance(value.lowering, Expr | View):
            return False
        return all(self._is_number(i) for i in value.inputs)

    def _is_cheap(self, at: int) -> bool:
        """Whether computing a value again costs less than a trip through memory."""
        size = self.structure[at].numel
        if any(self._ends_epilogue(i, size) for i in self.structure[at].inputs):
            return False
        stack, seen, expressions, loads = [at], {at}, 0, 0
        while stack:
            current = stack.pop()
            value = self.structure[current]
            if value.is_scalar or isinstance(value.lowering, Index):
                continue
            stored = current != at and current in self.realized
            if stored or value.is_data or not isinstance(value.lowering, Expr | View):
                loads += value.numel * 8 > size
                continue
            expressions += self._cost(value.lowering)
            if expressions > MAX_INLINE_FREE or loads > 1:
                return False
            fresh = [i for i in value.inputs if i not in seen]
            seen.update(fresh)
            stack += fresh
        return loads == 0 or (loads <= 1 and expressions <= MAX_INLINE)

    def _cost(self, lowering: object) -> int:
        """Expressions that an expression counts for; functions count where memory is near."""
        if not isinstance(lowering, Expr):
            return 0
        return 1 + self.near * MAX_INLINE * lowering.is_dear

    def _ends_epilogue(self, at: int, size: int) -> bool:
        """Whether a value is the result of a kernel that its only user could finish at no cost."""
        value = self.structure[at]
        has_kernel = isinstance(value.lowering, Template | Reduction)
        return has_kernel and value.numel == size and len(self.users[at]) == 1

    def _require_inputs(self, at: int) -> None:
        value = self.structure[at]
        for position, i in enumerate(value.inputs):
            if isinstance(value.lowering, Assemble):
                continue
            base = i
            if isinstance(value.lowering, Template):
                base, _ = peel(self.structure, self.realized, at, position)
            self.required.setdefault(
                base, f"INPUT: {value.signature.primitive.name} reads a buffer"
            )


def peel(
    structure: Structure, realized: Collection[int], user: int, position: int
) -> tuple[int, Layout]:
    """What the template of a value reads as the input at a position.

    It walks down views that the template can read through; returns the base and its layout.
    """
    value = structure[user]
    template, at, attrs = value.lowering, value.inputs[position], value.signature.kwargs
    assert isinstance(template, Template)
    path: list[int] = []
    while isinstance(structure[at].lowering, View) and not (
        structure[at].is_data or at in realized
    ):
        path.append(at)
        at = structure[at].inputs[0]
    while True:
        layout = _layout_through(structure, at, path)
        readable = layout is not None and not layout.bounds and not structure[at].is_scalar
        if layout is not None and readable and template.accepts(position, layout, attrs):
            return at, layout
        if not path:
            return at, Layout.contiguous(structure[at].shape)
        at = path.pop()


def _layout_through(structure: Structure, base: int, path: list[int]) -> Layout | None:
    layout: Layout | None = Layout.contiguous(structure[base].shape)
    for at in reversed(path):
        lowering = structure[at].lowering
        assert isinstance(lowering, View)
        if layout is not None:
            layout = lowering.apply(layout, structure[at].shape, structure[at].signature.kwargs)
    return layout
