"""Memory: where the values that live only inside a plan stand in its arena.

Each gets an interval of steps; two values whose intervals overlap get different bytes. Larger ones
are placed first, each at the lowest offset that is free during its interval.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from operator import itemgetter

ALIGNMENT = 512  # bytes: a multiple of every device's base address alignment that we met
MARGIN = 64  # bytes behind each value that a whole vector may touch


@dataclass(frozen=True, slots=True)
class Interval:
    """A value's size in bytes, and its first and last step."""

    size: int
    first: int
    last: int


def place(intervals: dict[int, Interval]) -> tuple[dict[int, int], int]:
    """Returns the offset of each value, and the size of the arena.

    Example:
        >>> place({7: Interval(400, 0, 1), 8: Interval(400, 1, 2), 9: Interval(400, 2, 3)})
        ({7: 0, 8: 512, 9: 0}, 1024)
    """
    offsets: dict[int, int] = {}
    placed: list[tuple[int, int, Interval]] = []  # from the lowest up
    end = 0
    for key, interval in sorted(intervals.items(), key=lambda kv: (-kv[1].size, kv[0])):
        size = -(-(interval.size + MARGIN) // ALIGNMENT) * ALIGNMENT
        offset = 0
        for low, high, other in placed:
            if other.last < interval.first or other.first > interval.last:
                continue
            if low - offset >= size:
                break
            offset = max(offset, high)
        offsets[key] = offset
        insort(placed, (offset, offset + size, interval), key=itemgetter(0))
        end = max(end, offset + size)
    return offsets, end
