"""Blocks of convolution with channels side by side: what the plans of its products share.

See plans_channels.py and plans_channels_weight.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinygrad_cl.lowering import DeviceTraits, Grid
from tinygrad_cl.primitives.conv_sides import Convolution, Pair, input_side
from tinygrad_cl.primitives.plans_dense import Types

ROWS = 8  # of the register tile
DEPTH = 256  # numbers of a sum that are added at a time
TASKS = 4  # per compute unit, at least, where there are enough pixels or channels
ITEMS = 8  # work-items per compute unit, at most
TAPS = 128  # at most

# Private memory, in elements, and pixels of a block.
IMAGE = 98304
MADE = 32768
PIXELS = 256
LEFT = 24576
SUMS = 49152

# Cycles, measured: to turn a pixel of a vector of channels there, and back; to fill a register tile
# and store it; to read a vector of a panel from the second cache; to pack a weight; to unpack one;
# to write and read a packed weight, where they are too many for the second cache.
TURN, BACK, TILE, PANEL, FILTER, WEIGHT, FAR = 6.0, 7.0, 80.0, 2.0, 0.7, 2.5, 1.0
NEAR = 1 << 20  # weights
RATE = 0.9  # of the peak, that a register tile comes to
MARGIN = 1.0  # of the cycles that ops/conv.cl takes, at most


@dataclass(frozen=True, slots=True)
class Reach:
    """What a product reads, along either dim: see the kernels' arguments of the same names."""

    sources: int
    results: int
    size: Pair  # of the source
    out: Pair
    up: Pair  # output phases
    low: Pair
    move: Pair
    skip: Pair
    reach: Pair  # rows and columns of the source for one row and column of the output

    @property
    def grid(self) -> Pair:
        """Rows and columns of the largest phase."""
        return -(-self.out[0] // self.up[0]), -(-self.out[1] // self.up[1])

    @property
    def pitch(self) -> int:
        """Columns of a turned image."""
        return (self.grid[1] - 1) * self.move[1] + self.reach[1]

    def rows_in(self, rows: int) -> int:
        """Rows of a turned image, for `rows` rows of the largest phase."""
        return (rows - 1) * self.move[0] + self.reach[0]

    def turn_cycles(self, rows: int, sources: int, vec: int) -> float:
        """Cycles to turn `sources` channels for `rows` rows: whole vectors of a row, with skips."""
        pitch = up(self.pitch, vec) if self.skip != (1, 1) else self.pitch
        return TURN * self.rows_in(rows) * pitch * -(-sources // vec)


def reach(mode: str, c: Convolution) -> Reach:
    """What a convolution or one of its gradients reads."""
    if mode == "INPUT_GRAD":
        side = input_side(c)
        over = (side.reach[0] + 1, side.reach[1] + 1)
        one = (1, 1)
        return Reach(c.outputs, c.channels, c.out, c.size, c.stride, side.low, one, one, over)
    over = (1 + (c.kernel[0] - 1) * c.dilation[0], 1 + (c.kernel[1] - 1) * c.dilation[1])
    skips = tuple(s if k == 1 else 1 for s, k in zip(c.stride, c.kernel, strict=True))
    moves = tuple(s // k for s, k in zip(c.stride, skips, strict=True))
    low = (-c.padding[0], -c.padding[1])
    move, skip = (moves[0], moves[1]), (skips[0], skips[1])
    return Reach(c.channels, c.outputs, c.size, c.out, (1, 1), low, move, skip, over)


@dataclass(frozen=True, slots=True)
class Form:
    """A choice of blocks, with its price."""

    cycles: float
    images: int
    rows: int
    sources: int = 0
    results: int = 0
    cols: int = 2


def refusal(c: Convolution, types: Types) -> str | None:
    """Returns why channels are not put side by side, or None if they may be."""
    if c.groups != 1:
        return "it is made for one group"
    if c.taps > TAPS:
        return "the kernel has too many taps"
    if types.vec < 8:
        return "there are too few lanes"
    if not c.images * c.channels * c.outputs:
        return "there is nothing to compute"
    return None


def up(size: int, part: int) -> int:
    """The multiple of `part` that holds `size`."""
    return -(-size // part) * part


def pixel_step(sources: int, vec: int) -> int:
    """Elements of a turned pixel: whole vectors, if there is more than one."""
    return sources if sources < vec else up(sources, vec)


def is_joined(mode: str, c: Convolution, step: int, sources: int) -> bool:
    """True if neighboring taps' channels are neighbors in the turned image."""
    return mode != "INPUT_GRAD" and c.dilation[1] == 1 and c.kernel[1] > 1 and step == sources


def blocks_of(r: Reach, images: int, most: int) -> Iterator[Pair]:
    """Images and rows of blocks of at most `most` pixels of a phase."""
    rows, columns = r.grid
    count = most // (rows * columns)
    while count > 1:
        yield min(count, images), rows
        count //= 2
    parts = 1
    while True:
        part = -(-rows // parts)
        if part * columns <= most:
            yield 1, part
        if part == 1:
            return
        parts = -(-rows // (part - 1))


def power_of_two(size: int, least: int = 256) -> int:
    """The power of two that holds `size`: few sizes make few kernels."""
    return 1 << (max(size, least) - 1).bit_length()


def share(tasks: int, traits: DeviceTraits) -> tuple[int, Grid]:
    """Tasks of a work-item, and the work-items."""
    per = -(-tasks // (ITEMS * traits.units))
    return per, Grid((-(-tasks // per),), (1,))
