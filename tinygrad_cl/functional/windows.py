"""Sliding blocks: out of images with `unfold`, back into images with `fold`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import index as primitive
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import numel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_cl.tensor import Tensor

    Sizes = int | Sequence[int]
    Pair = tuple[int, int]


class _Blocks:
    """Where the elements of all blocks lie in a padded image, and how many blocks there are."""

    def __init__(
        self, op: str, size: Pair, kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes
    ) -> None:
        self.kernel = base.pair(op, "kernel_size", kernel)
        spread, steps = base.pair(op, "dilation", dilation), base.pair(op, "stride", stride)
        self.padding = base.pair(op, "padding", padding)
        if min(*self.kernel, *spread, *steps) < 1 or min(self.padding) < 0:
            raise ShapeError(
                f"{op}: kernel_size, dilation and stride must be at least 1 and padding at least "
                f"0, got {self.kernel}, {spread}, {steps} and {self.padding}"
            )
        self.padded = size[0] + 2 * self.padding[0], size[1] + 2 * self.padding[1]
        rows, columns = (
            np.arange(self.kernel[d])[:, None] * spread[d]
            + np.arange(0, self.padded[d] - spread[d] * (self.kernel[d] - 1), steps[d])
            for d in range(2)
        )
        self.counts = rows.shape[1], columns.shape[1]
        if 0 in self.counts:
            raise ShapeError(
                f"{op}: no block of kernel_size {self.kernel} and dilation {spread} fits an image "
                f"of {size} with padding {self.padding}"
            )
        places = rows[:, None, :, None] * self.padded[1] + columns[None, :, None, :]
        self.places = places.astype(np.int64).ravel()


def unfold(
    input: Tensor,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """Returns the sliding blocks of images as columns.

    Shapes: (N, C, H, W) or (C, H, W) -> (N, C * KH * KW, L), L blocks row by row.

    Args:
        input: images.
        kernel_size: size of a block, one int or two; so for the others.
        dilation: distance of a block's elements.
        padding: zeros on each side.
        stride: steps of the blocks.

    Raises:
        ShapeError: if no block fits.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.unfold(tg.arange(4.0).reshape(1, 1, 2, 2), (1, 2))
        tensor([[[0., 2.],
                 [1., 3.]]])
    """
    x = unwrap("unfold", input)
    if x.ndim not in (3, 4):
        raise ShapeError(f"unfold: needs (N, C, H, W) or (C, H, W), got {x.shape}")
    blocks = _Blocks("unfold", (x.shape[-2], x.shape[-1]), kernel_size, dilation, padding, stride)
    lead = x.shape[:-2]
    around = (0,) * len(lead) + blocks.padding
    wide = m.pad(x, before=around, after=around) if any(around) else x
    flat = m.reshape(wide, shape=(numel(lead), numel(blocks.padded)))
    taken = primitive.index_select(flat, _places(blocks, x), dim=1, op="unfold")
    shape = (*lead[:-1], lead[-1] * numel(blocks.kernel), numel(blocks.counts))
    return wrap(m.reshape(taken, shape=shape))


def fold(
    input: Tensor,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """Returns images in which sliding blocks are added up: the gradient of `unfold`, as an op.

    Shapes: (N, C * KH * KW, L) or (C * KH * KW, L) -> (N, C, H, W).

    Args:
        input: blocks as columns.
        output_size: (H, W), or one int.
        kernel_size: size of a block, one int or two; so for the others.
        dilation: distance of a block's elements.
        padding: how far blocks hang over each side.
        stride: steps of the blocks.

    Raises:
        ShapeError: if the input has another number of rows or columns than there are blocks.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.fold(tg.ones(1, 2, 2), (1, 3), (1, 2))
        tensor([[[[1., 2., 1.]]]])
    """
    x = unwrap("fold", input)
    size = base.pair("fold", "output_size", output_size)
    blocks = _Blocks("fold", size, kernel_size, dilation, padding, stride)
    rows = numel(blocks.kernel)
    if x.ndim not in (2, 3) or x.shape[-2] % rows or x.shape[-1] != numel(blocks.counts):
        raise ShapeError(
            f"fold: needs (N, C * {rows}, {numel(blocks.counts)}) for {blocks.counts[0]} x "
            f"{blocks.counts[1]} blocks, got {x.shape}"
        )
    lead = (*x.shape[:-2], x.shape[-2] // rows)
    planes = numel(lead)
    empty = primitive.nothing((planes, numel(blocks.padded)), x.dtype)
    flat = m.reshape(x, shape=(planes, blocks.places.size))
    summed = primitive.index_add(empty, _places(blocks, x), flat, dim=1, op="fold")
    image = m.reshape(summed, shape=(*lead, *blocks.padded))
    if any(blocks.padding):
        starts = (0,) * len(lead) + blocks.padding
        image = m.slice(image, starts=starts, steps=(1,) * image.ndim, shape=(*lead, *size))
    return wrap(image)


def _places(blocks: _Blocks, like: Node) -> Node:
    return base.upload(blocks.places, like.device)
