"""Scheduling: the order of the units.

Any order in which a unit comes after the writers of what it reads is right. Among the units that
could run next, the one is taken that

1. continues a run of small units, which then become one launch (see runs.py);
2. needs no more memory than it frees: gradients of weights come right after the gradient that they
   are made of, while it is in the cache, and let go of it;
3. comes first in the order of the graph; small units wait until a run of them is ready.
"""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_cl.compiler.joining import Unit
from tinygrad_cl.compiler.structure import Structure


def schedule(
    structure: Structure,
    units: list[Unit],
    kept: set[int],
    is_small: Callable[[Unit], bool],
) -> list[Unit]:
    """Returns the units in the order in which they run.

    Args:
        structure: the graph.
        units: in the order of the graph.
        kept: values whose buffers outlive the plan.
        is_small: whether a unit may become a part of a run.
    """
    return _Scheduler(structure, units, kept, is_small).run()


class _Scheduler:
    def __init__(
        self,
        structure: Structure,
        units: list[Unit],
        kept: set[int],
        is_small: Callable[[Unit], bool],
    ) -> None:
        self.units = units
        self.small = [is_small(unit) for unit in units]
        writer = {at: number for number, unit in enumerate(units) for at in unit.writes}
        self.inner = {
            at: structure[at].numel * structure[at].dtype.itemsize
            for at in writer
            if at not in kept
        }
        self.waiting = [
            {writer[at] for at in unit.reads if at in writer} - {number}
            for number, unit in enumerate(units)
        ]
        self.followers: list[list[int]] = [[] for _ in units]
        for number, others in enumerate(self.waiting):
            for other in others:
                self.followers[other].append(number)
        self.readers: dict[int, int] = {}
        for unit in units:
            for at in unit.reads:
                self.readers[at] = self.readers.get(at, 0) + 1
        self.ready = [number for number, others in enumerate(self.waiting) if not others]

    def run(self) -> list[Unit]:
        """Returns the order."""
        order: list[int] = []
        while self.ready:
            chosen = self._next(order[-1] if order else None)
            self.ready.remove(chosen)
            order.append(chosen)
            for at in self.units[chosen].reads:
                self.readers[at] -= 1
            for follower in self.followers[chosen]:
                self.waiting[follower].discard(chosen)
                if not self.waiting[follower]:
                    self.ready.append(follower)
            self.ready.sort()
        return [self.units[number] for number in order]

    def _next(self, last: int | None) -> int:
        if last is not None and self.small[last]:
            going_on = next((n for n in self.ready if self.small[n]), None)
            if going_on is not None:
                return going_on
        large = [n for n in self.ready if not self.small[n]]
        if not large:
            return self.ready[0]
        if last is not None:
            free = next((n for n in large if self._growth(n) <= 0), None)
            if free is not None:
                return free
        return large[0]

    def _growth(self, number: int) -> int:
        """Bytes that a unit adds to what is alive."""
        unit = self.units[number]
        made = sum(self.inner.get(at, 0) for at in unit.writes) + sum(unit.scratch)
        freed = sum(self.inner.get(at, 0) for at in unit.reads if self.readers[at] == 1)
        return made - freed
