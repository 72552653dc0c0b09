"""Pixels into channels and back, and channels among groups: only views of the same elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import movement as m

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def _images(op: str, input: Tensor, factor: int) -> Node:
    x = unwrap(op, input)
    if x.ndim < 3:
        raise ShapeError(f"{op}: needs (..., C, H, W), got {x.shape}")
    if factor < 1:
        raise ShapeError(f"{op}: the factor must be positive, got {factor}")
    return x


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Returns larger images made of channels, (..., C * r * r, H, W) -> (..., C, H * r, W * r).

    Raises:
        ShapeError: if the channels are not divisible by `upscale_factor**2`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.pixel_shuffle(tg.arange(4).reshape(1, 4, 1, 1), 2)
        tensor([[[[0, 1],
                  [2, 3]]]])
    """
    r = upscale_factor
    x = _images("pixel_shuffle", input, r)
    *batch, channels, height, width = x.shape
    if channels % (r * r):
        raise ShapeError(
            f"pixel_shuffle: {channels} channels are not divisible by {r} * {r}, got {x.shape}"
        )
    parts = m.reshape(x, shape=(*batch, channels // (r * r), r, r, height, width))
    b = len(batch)
    turned = m.permute(parts, dims=(*range(b + 1), b + 3, b + 1, b + 4, b + 2))
    return wrap(m.reshape(turned, shape=(*batch, channels // (r * r), height * r, width * r)))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Returns smaller images with more channels, (..., C, H * r, W * r) -> (..., C * r * r, H, W).

    Raises:
        ShapeError: if height or width is not divisible by `downscale_factor`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.pixel_unshuffle(tg.arange(4).reshape(1, 1, 2, 2), 2).shape
        (1, 4, 1, 1)
    """
    r = downscale_factor
    x = _images("pixel_unshuffle", input, r)
    *batch, channels, height, width = x.shape
    if height % r or width % r:
        raise ShapeError(f"pixel_unshuffle: height and width of {x.shape} must be divisible by {r}")
    parts = m.reshape(x, shape=(*batch, channels, height // r, r, width // r, r))
    b = len(batch)
    turned = m.permute(parts, dims=(*range(b + 1), b + 2, b + 4, b + 1, b + 3))
    return wrap(m.reshape(turned, shape=(*batch, channels * r * r, height // r, width // r)))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Returns (N, C, ...) with the channels of all groups interleaved (Zhang et al. 2018).

    Raises:
        ShapeError: if there are fewer than three dims, or the channels do not fall into groups.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.channel_shuffle(tg.arange(4).reshape(1, 4, 1), 2).flatten()
        tensor([0, 2, 1, 3])
    """
    x = unwrap("channel_shuffle", input)
    if x.ndim < 3 or groups < 1 or x.shape[1] % groups:
        raise ShapeError(
            f"channel_shuffle: needs (N, C, ...) with C divisible by groups, got {x.shape} "
            f"and {groups} groups"
        )
    n, c, *places = x.shape
    parts = m.reshape(x, shape=(n, groups, c // groups, *places))
    turned = m.permute(parts, dims=(0, 2, 1, *range(3, parts.ndim)))
    return wrap(m.reshape(turned, shape=x.shape))
