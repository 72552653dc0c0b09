"""Names that PyTorch keeps for older programs: pools with indices, and upsampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_cl.functional.adaptive import (
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from tinygrad_cl.functional.pool import max_pool1d, max_pool2d
from tinygrad_cl.functional.pool3d import max_pool3d
from tinygrad_cl.functional.pool_more import fractional_max_pool2d, fractional_max_pool3d
from tinygrad_cl.functional.resample import interpolate

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

Pool = Callable[..., Any]


def _with_indices(pool: Pool) -> Pool:
    def both(*args: Any, **kwargs: Any) -> Any:
        return pool(*args, **{**kwargs, "return_indices": True})

    name = f"{pool.__name__}_with_indices"
    both.__name__ = both.__qualname__ = name
    both.__doc__ = (
        f"Returns the maxima and where they are: `{pool.__name__}(..., return_indices=True)`."
    )
    return both


max_pool1d_with_indices = _with_indices(max_pool1d)
max_pool2d_with_indices = _with_indices(max_pool2d)
max_pool3d_with_indices = _with_indices(max_pool3d)
adaptive_max_pool1d_with_indices = _with_indices(adaptive_max_pool1d)
adaptive_max_pool2d_with_indices = _with_indices(adaptive_max_pool2d)
adaptive_max_pool3d_with_indices = _with_indices(adaptive_max_pool3d)
fractional_max_pool2d_with_indices = _with_indices(fractional_max_pool2d)
fractional_max_pool3d_with_indices = _with_indices(fractional_max_pool3d)


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Returns `interpolate(input, size, scale_factor, mode, align_corners)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.upsample(tg.tensor([[[1.0, 3.0]]]), scale_factor=2).tolist()
        [[[1.0, 1.0, 3.0, 3.0]]]
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """Returns signals, images or volumes resampled by their nearest elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.upsample_nearest(tg.ones(1, 2, 3, 3), scale_factor=2).shape
        (1, 2, 6, 6)
    """
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """Returns images resampled bilinearly, with the outermost elements in the same places.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.upsample_bilinear(tg.tensor([[[[1.0, 3.0]]]]), size=(1, 3)).tolist()
        [[[[1.0, 2.0, 3.0]]]]
    """
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


__all__ = [
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d_with_indices",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d_with_indices",
    "max_pool1d_with_indices",
    "max_pool2d_with_indices",
    "max_pool3d_with_indices",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]
