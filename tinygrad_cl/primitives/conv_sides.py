"""The sizes of a convolution, and of the packed images from which its products are computed.

The words are those of ops/conv.cl: the forward product reads an image of x, the input gradient one
of g.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Convolution:
    """The sizes of a forward convolution, whichever of its three products is wanted."""

    images: int
    groups: int
    channels: int  # of one group's input
    outputs: int  # of one group
    size: Pair
    out: Pair
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair

    @property
    def taps(self) -> int:
        """Weights per input channel."""
        return self.kernel[0] * self.kernel[1]

    @property
    def single(self) -> bool:
        """True if every pixel of the output meets one of the image."""
        return self.taps == 1 and self.padding == (0, 0)

    @property
    def plain(self) -> bool:
        """True if pixels meet only those in the same place."""
        return self.single and self.stride == (1, 1)

    @property
    def flipped(self) -> Convolution:
        """The convolution whose image is as this one's output, and the other way round."""
        return replace(self, channels=self.outputs, outputs=self.channels)

    @property
    def moved(self) -> int:
        """Elements of the image and of the output."""
        (height, width), (rows, columns) = self.size, self.out
        channels = self.channels * height * width + self.outputs * rows * columns
        return self.images * self.groups * channels


@dataclass(frozen=True, slots=True)
class Side:
    """One of the products that make an image: forward (from x) or input gradient (from g)."""

    sources: int  # channels of one group
    results: int
    source: Pair
    target: Pair
    up: Pair  # output phases
    parts: Pair  # parts of the packed image
    part_step: int  # columns between neighboring parts
    low: Pair  # the image's first row and column, relative to the source's
    reach: Pair  # rows and columns of the image beyond those of the block
    shift: bool  # there is a part for every column shift

    @property
    def output_phases(self) -> int:
        """Phases into which the output falls."""
        return self.up[0] * self.up[1]

    @property
    def up_size(self) -> Pair:
        """Rows and columns of the largest output phase."""
        return -(-self.target[0] // self.up[0]), -(-self.target[1] // self.up[1])

    def shared(self, columns: int) -> int:
        """How many zeros right of a row are also those left of the next one.

        Only where rows are not cut: in blocks of all columns.
        """
        if self.shift or self.parts[1] > 1 or columns < self.up_size[1]:
            return 0
        right = self.low[1] + columns + self.reach[1] - self.source[1]
        return max(0, min(-self.low[1], right))

    def pitch(self, columns: int) -> int:
        """Columns of a row of the packed image, for blocks of `columns`."""
        return columns + self.reach[1] - self.shared(columns)


def forward_side(c: Convolution, shift: bool = False) -> Side:
    """The forward convolution: one output phase, parts for the stride's phases or the columns."""
    dims = tuple(zip(c.stride, c.kernel, c.dilation, strict=True))
    parts = [min(s, (k - 1) * d + 1) for s, k, d in dims]
    reach = [(k - 1) * d // s for s, k, d in dims]
    return Side(
        c.channels,
        c.outputs,
        c.size,
        c.out,
        (1, 1),
        (parts[0], c.kernel[1] if shift else parts[1]),
        c.dilation[1] if shift else 1,
        (-c.padding[0], -c.padding[1]),
        (reach[0], 0 if shift else reach[1]),
        shift,
    )


def input_side(c: Convolution, shift: bool = False) -> Side:
    """The input gradient: `stride` output phases, each with its own taps.

    A tap shifts by (phase + padding - tap * dilation) / stride, where that is a whole number.
    """
    low, reach = [], []
    for s, k, d, p in zip(c.stride, c.kernel, c.dilation, c.padding, strict=True):
        exact = (phase + p - tap * d for phase in range(s) for tap in range(k))
        shifts = [t // s for t in exact if t % s == 0]
        low.append(min(shifts))
        reach.append(max(shifts) - min(shifts))
    return Side(
        c.outputs,
        c.channels,
        c.out,
        c.size,
        c.stride,
        (1, reach[1] + 1 if shift else 1),
        1,
        (low[0], low[1]),
        (reach[0], 0 if shift else reach[1]),
        shift,
    )
