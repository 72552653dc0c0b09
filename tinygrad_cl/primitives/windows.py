"""Where the windows of pooling lie: the arithmetic that the rows and the plans of pooling share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_cl.errors import ShapeError
from tinygrad_cl.shapes import Shape

Pair = tuple[int, int]
_Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """The windows along a dim: window `o` has its taps at `o * stride - padding + i * dilation`."""

    size: int
    kernel: int
    stride: int
    padding: int
    dilation: int
    out: int

    @property
    def span(self) -> int:
        """How many elements lie between a window's first and last tap, both counted."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def reach(self) -> int:
        """The end of the last window, counted from the start of the left padding."""
        return (self.out - 1) * self.stride + self.span

    @property
    def is_tiled(self) -> bool:
        """True if windows neither overlap nor leave gaps nor meet padding or the border."""
        return (
            self.kernel == self.stride
            and self.padding == 0
            and self.dilation == 1
            and self.reach <= self.size
        )

    def taps(self) -> Iterator[slice]:
        """Yields, for each tap, its places in the padded dim over all windows."""
        for i in range(0, self.span, self.dilation):
            yield slice(i, i + (self.out - 1) * self.stride + 1, self.stride)

    def starts(self) -> _Ints:
        """The place of each window's first tap in the dim; negative in the left padding."""
        return np.arange(self.out, dtype=np.int64) * self.stride - self.padding

    def first(self) -> _Ints:
        """The place of each window's first tap that is not in the left padding."""
        starts = self.starts()
        skipped: _Ints = np.maximum(-(starts // self.dilation), 0)
        return starts + skipped * self.dilation

    def counts(self, include_padding: bool) -> _Ints:
        """How many elements of each window count; never beyond the right padding."""
        starts = self.starts()
        ends = np.minimum(starts + self.kernel, self.size + self.padding)
        if include_padding:
            return ends - starts
        inside: _Ints = np.minimum(ends, self.size) - np.maximum(starts, 0)
        return inside.clip(0)


def output_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> int:
    """Returns the number of windows along a dim, by PyTorch's formula.

    With `ceil_mode` a last window may hang over the right border, but only one that starts inside
    the input or its left padding.
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    out = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (out - 1) * stride >= size + padding:
        out -= 1
    return out


@lru_cache(maxsize=1024)
def axes(
    op: str,
    shape: Shape,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
) -> tuple[Axis, Axis]:
    """Returns the windows along the last two dims.

    Raises:
        ShapeError: if the shape or the attrs do not allow a single window.
    """
    if len(shape) < 3:
        raise ShapeError(f"{op}: needs (N, C, H, W) or (C, H, W), got shape {shape}")
    _check(op, kernel_size, stride, padding, dilation)
    found = []
    for d in range(2):
        size = shape[d - 2]
        given = (size, kernel_size[d], stride[d], padding[d], dilation[d])
        out = output_size(*given, ceil_mode)
        if out < 1 or size < 1:
            raise ShapeError(
                f"{op}: input {shape} is smaller than the window (kernel_size={kernel_size}, "
                f"padding={padding}, dilation={dilation}); use a smaller window or more padding"
            )
        found.append(Axis(*given, out))
    return found[0], found[1]


def average_axes(shape: Shape, divisor_override: int | None, **attrs: Any) -> tuple[Axis, Axis]:
    """Returns the windows of average pooling.

    Raises:
        ShapeError: as `axes`, and for a divisor of zero.
    """
    if divisor_override == 0:
        raise ShapeError("avg_pool2d: divisor_override must not be 0; None counts the elements")
    given = {name: value for name, value in attrs.items() if name != "count_include_pad"}
    return axes("avg_pool2d", shape, dilation=(1, 1), **given)


def _check(op: str, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> None:
    for name, pair, least in (
        ("kernel_size", kernel_size, 1),
        ("stride", stride, 1),
        ("padding", padding, 0),
        ("dilation", dilation, 1),
    ):
        if min(pair) < least:
            raise ShapeError(f"{op}: {name} must be at least {least}, got {pair}")
    if any(2 * p > k for p, k in zip(padding, kernel_size, strict=True)):
        raise ShapeError(
            f"{op}: padding must be at most half of kernel_size, "
            f"got padding={padding} and kernel_size={kernel_size}"
        )
