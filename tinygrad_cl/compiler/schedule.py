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
from heapq import heappop, heappush

from tinygrad_cl.compiler.joining import Unit
from tinygrad_cl.compiler.structure import Structure


def schedule(
    structure: Structure,
    units: list[Unit],
    kept: set[int],
    is_small: Callable[[Unit], bool],
    ends_small: Callable[[Unit], bool] | None = None,
) -> list[Unit]:
    """Returns the units in the order in which they run.

    Args:
        structure: the graph.
        units: in the order of the graph.
        kept: values whose buffers outlive the plan.
        is_small: whether a unit may become a part of a run.
        ends_small: whether a run may begin at the end of a unit; by default, where it is small.
    """
    return _Scheduler(structure, units, kept, is_small, ends_small or is_small).run()


class _Scheduler:
    """Picks from heaps, so that its work grows with the edges of the graph.

    What a unit adds to what is alive only falls while others run (it frees what it reads last), so
    it is kept up to date, and a unit moves once to those that add nothing.
    """

    def __init__(
        self,
        structure: Structure,
        units: list[Unit],
        kept: set[int],
        is_small: Callable[[Unit], bool],
        ends_small: Callable[[Unit], bool],
    ) -> None:
        self.units = units
        self.small = [is_small(unit) for unit in units]
        self.ends_small = [ends_small(unit) for unit in units]
        writer = {at: number for number, unit in enumerate(units) for at in unit.writes}
        self.inner = {
            at: structure[at].numel * structure[at].dtype.itemsize
            for at in writer
            if at not in kept
        }
        self.readers: dict[int, set[int]] = {}
        self.followers: list[set[int]] = [set() for _ in units]
        self.waiting = [0] * len(units)  # for how many others
        for number, unit in enumerate(units):
            for at in unit.reads:
                self.readers.setdefault(at, set()).add(number)
            others = {writer[at] for at in unit.reads if at in writer} - {number}
            self.waiting[number] = len(others)
            for other in others:
                self.followers[other].add(number)
        self.growth = [self._first_growth(unit) for unit in units]
        self.done = [False] * len(units)
        self.ready_small: list[int] = []  # heaps; what is done leaves them when it comes up
        self.ready_large: list[int] = []
        self.ready_free: list[int] = []  # large ones that need no more memory than they free
        for number, count in enumerate(self.waiting):
            if not count:
                self._make_ready(number)

    def _first_growth(self, unit: Unit) -> int:
        """Bytes that a unit adds to what is alive, as long as all others are still to run."""
        made = sum(self.inner.get(at, 0) for at in unit.writes) + sum(unit.scratch)
        freed = sum(self.inner.get(at, 0) for at in unit.reads if len(self.readers[at]) == 1)
        return made - freed

    def run(self) -> list[Unit]:
        """Returns the order."""
        order: list[int] = []
        for _ in self.units:
            chosen = self._next(order[-1] if order else None)
            order.append(chosen)
            self.done[chosen] = True
            for at in self.units[chosen].reads:
                self._end_read(at, chosen)
            for follower in self.followers[chosen]:
                self.waiting[follower] -= 1
                if not self.waiting[follower]:
                    self._make_ready(follower)
        return [self.units[number] for number in order]

    def _make_ready(self, number: int) -> None:
        heappush(self.ready_small if self.small[number] else self.ready_large, number)
        if not self.small[number] and self.growth[number] <= 0:
            heappush(self.ready_free, number)

    def _end_read(self, at: int, number: int) -> None:
        """Whoever reads a value last will free it."""
        readers = self.readers[at]
        readers.discard(number)
        if len(readers) != 1 or not self.inner.get(at):
            return
        (last,) = readers
        before = self.growth[last]
        self.growth[last] -= self.inner[at]
        is_ready = not self.waiting[last] and not self.small[last]
        if is_ready and before > 0 >= self.growth[last]:
            heappush(self.ready_free, last)

    def _next(self, last: int | None) -> int:
        small, free, large = map(self._first, (self.ready_small, self.ready_free, self.ready_large))
        if small is not None and (large is None or (last is not None and self.ends_small[last])):
            return small
        if last is not None and free is not None:
            return free
        assert large is not None, "units wait for each other"
        return large

    def _first(self, heap: list[int]) -> int | None:
        while heap and self.done[heap[0]]:
            heappop(heap)
        return heap[0] if heap else None
