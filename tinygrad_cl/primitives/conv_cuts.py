"""How the kernels of convolutions may cut one into blocks: all sizes that fit private memory.

Which block is the cheapest is counted in conv_prices.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tinygrad_cl.primitives.conv_sides import Convolution, Pair, Side

# Private memory, in elements.
IMAGE = 49152  # packed image
DENSE = 65536  # panel
KEPT = 32768  # sums of a block, or cotangents
LINE = 16384  # pixels or weights of one channel
SUMS = 65536  # of all weights of a task
WEIGHTS = 16384  # packed weights
TABLE = 8192  # pairs of offsets

DEPTH = 1152  # weights of a result channel in one block, if a block has several source channels


class Blocks(NamedTuple):
    """A choice of block sizes, register tile and private memory, with its price."""

    side: Side
    images: int
    sources: int
    results: int
    rows: int
    columns: int
    rows_in: int
    pitch: int
    plane: int
    run: int
    tile: Pair
    panel: bool
    packed: bool
    tail: int
    cycles: float  # of one block
    memory: tuple[tuple[str, int], ...]
    file: str

    @property
    def price(self) -> float:
        """Cycles per pixel and product of channels."""
        return self.cycles / (self.images * self.rows * self.columns * self.sources * self.results)

    def halved(self) -> Blocks:
        """Blocks of about half the size: fewer images, else fewer channels, else fewer rows."""
        if self.images > 1:
            return self._replace(images=-(-self.images // 2), cycles=self.cycles / 2)
        tiles = -(-self.results // self.tile[0])
        if tiles > 1:
            return self._replace(results=-(-tiles // 2) * self.tile[0], cycles=self.cycles / 2)
        rows = -(-self.rows // 2)
        return self._replace(rows=rows, rows_in=rows + self.side.reach[0], cycles=self.cycles / 2)


class Cut(NamedTuple):
    """Sizes of a block, before a register tile is chosen."""

    side: Side
    images: int
    sources: int
    rows: int
    columns: int
    rows_in: int
    pitch: int
    plane: int

    @property
    def whole(self) -> bool:
        """True if the block has full rows of the output."""
        return self.columns == self.side.up_size[1]

    def pack_cycles(self, vec: int) -> float:
        """Cycles to pack the image."""
        side = self.side
        rows = side.parts[0] * side.parts[1] * self.rows_in
        pack = self.images * self.sources * (rows * (3 * -(-self.pitch // vec) + 3) + 40)
        stretches = self.sources if self.rows < side.up_size[0] else 1
        return pack + self.images * stretches * 250  # the first lines of each come from far away

    def dense_cycles(self, vec: int, depth: int) -> float:
        """Cycles to copy `depth` dense runs."""
        joined = self.pitch == self.columns
        rows, columns = (1, self.rows * self.columns) if joined else (self.rows, self.columns)
        return depth * self.images * rows * (3 * -(-columns // vec) + 3)


def cuts(size: int, most: int, count: int) -> list[int]:
    """At most `count` sizes of equal parts of `size`, none above `most`, the largest first."""
    found: list[int] = []
    parts = max(1, -(-size // max(most, 1)))
    while len(found) < count:
        part = max(1, -(-size // parts))
        found.append(part)
        if part == 1:
            break
        parts = max(-(-size // (part - 1)), parts * 5 // 4)
    return found


def odd_vectors(size: int, vec: int) -> int:
    """`size` as an odd number of vectors, rounded up: neighbors then share no set of the cache."""
    return (-(-size // vec) | 1) * vec


def candidates(side: Side, c: Convolution, columns: int, vec: int) -> Iterator[Cut]:
    """Yields the sizes of blocks with so many columns."""
    up_rows = side.up_size[0]
    for sources in cuts(side.sources, max(1, DEPTH // c.taps), 5):
        for rows in cuts(up_rows, up_rows, 8):
            rows_in, pitch = rows + side.reach[0], side.pitch(columns)
            beyond = max(vec, side.shared(columns))  # the last row's zeros
            plane = side.parts[0] * side.parts[1] * rows_in * pitch + beyond
            plane = odd_vectors(plane, vec)
            images = 1
            while images * sources * plane <= IMAGE:
                yield Cut(side, images, sources, rows, columns, rows_in, pitch, plane)
                images *= 2
                if rows < up_rows or images > min(c.images, 64):
                    break


_LIMITS = {
    "IMAGE": IMAGE,
    "TABLE": TABLE,
    "KEPT": KEPT,
    "LINE": LINE,
    "DENSE": DENSE,
    "SUMS": SUMS,
    "WEIGHTS": WEIGHTS,
}


def fits(memory: dict[str, int]) -> bool:
    """Whether a work-item may have that much private memory."""
    return all(size <= _LIMITS[name] for name, size in memory.items())
