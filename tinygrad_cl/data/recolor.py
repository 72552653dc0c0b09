"""Augmentations that change values and not places: blur, colors, noise, normalizing.

What they share with the others, and how to call them, stands in augment.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygrad_cl.data.augment import Augmentation, Layout, Range, as_dtype, interval
from tinygrad_cl.data.randomness import AnyGenerator
from tinygrad_cl.errors import DataError, ShapeError

_GRAY = (0.299, 0.587, 0.114)  # ITU-R BT.601
_NAMES = ("brightness", "contrast", "saturation")


class GaussianBlur(Augmentation):
    """Blurs each image with a Gaussian of its own width; the border is mirrored.

    Args:
        kernel_size: pixels of the window, odd, in both directions.
        sigma: the standard deviation in pixels, or (least, largest).
        layout: "NCHW" or "NHWC".
        generator: what to draw from; see augment.py.

    Raises:
        DataError: for an even kernel size, or a sigma that is not above zero.

    Example:
        >>> import numpy as np
        >>> dot = np.zeros((1, 5, 5)); dot[0, 2, 2] = 1
        >>> float(GaussianBlur(3, (1.0, 1.0))(dot).max().round(3))
        0.204
    """

    def __init__(
        self,
        kernel_size: int,
        sigma: Range = (0.1, 2.0),
        layout: Layout = "NCHW",
        generator: AnyGenerator | None = None,
    ) -> None:
        super().__init__(layout, generator)
        if not isinstance(kernel_size, int) or kernel_size < 1 or kernel_size % 2 == 0:
            raise DataError(f"GaussianBlur: kernel_size must be odd, got {kernel_size!r}")
        self.kernel_size = kernel_size
        fixed = sigma if isinstance(sigma, int | float) else 0.0
        self.sigma = interval(self._name, "sigma", sigma, fixed)
        if self.sigma[0] <= 0:
            raise DataError(f"GaussianBlur: sigma must be above 0, got {sigma}")

    def _change(self, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        sigma = generator.uniform(*self.sigma, (len(images), 1))
        half = self.kernel_size // 2
        places = np.arange(-half, half + 1)
        weights = np.exp(-(places**2) / (2 * sigma**2))
        weights = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
        values = images.astype(np.float32) if images.dtype != np.float64 else images
        for dim in (2, 3):
            values = _convolved(values, weights, dim)
        return as_dtype(values, images.dtype)


class ColorJitter(Augmentation):
    """Changes brightness, contrast and saturation of each image, in this order.

    Each is multiplied by a factor drawn from [max(0, 1 - v), 1 + v], or from (least, largest).
    Results are clipped to the range of the values: bytes, or 0 to 1. Saturation needs 3 channels
    and is left alone with one.

    Args:
        brightness: how far the factor may be from 1, or its bounds.
        contrast: the same, about the mean gray of the image.
        saturation: the same, about the gray of each pixel.
        layout: "NCHW" or "NHWC".
        generator: what to draw from; see augment.py.

    Raises:
        DataError: for bounds below zero.
        ShapeError: when called, for images with neither 1 nor 3 channels.
    """

    def __init__(
        self,
        brightness: Range = 0,
        contrast: Range = 0,
        saturation: Range = 0,
        layout: Layout = "NCHW",
        generator: AnyGenerator | None = None,
    ) -> None:
        super().__init__(layout, generator)
        self.factors = [
            _factor(name, given)
            for name, given in zip(_NAMES, (brightness, contrast, saturation), strict=True)
        ]

    def _change(self, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        if images.shape[1] not in (1, 3):
            raise ShapeError(f"ColorJitter: needs 1 or 3 channels, got {images.shape[1]}")
        top = _top(images)
        values = images.astype(np.float32)
        light, contrast, saturation = (
            generator.uniform(*bounds, (len(images), 1, 1, 1)).astype(np.float32)
            for bounds in self.factors
        )
        values = (values * light).clip(0, top)
        middle = _gray(values).mean((1, 2, 3), keepdims=True)
        values = (middle * (1 - contrast) + values * contrast).clip(0, top)
        if images.shape[1] == 3:
            gray = _gray(values)
            values = (gray * (1 - saturation) + values * saturation).clip(0, top)
        return as_dtype(values, images.dtype)


class ColorShift(Augmentation):
    """Adds a number of its own to each channel of each image; the range of values is kept.

    Args:
        shift: the largest shift, as a share of the range: of 1 for floats, of 255 for bytes.
        layout: "NCHW" or "NHWC".
        generator: what to draw from; see augment.py.
    """

    def __init__(
        self, shift: float, layout: Layout = "NCHW", generator: AnyGenerator | None = None
    ) -> None:
        super().__init__(layout, generator)
        self.shift = interval(self._name, "shift", shift, -shift)

    def _change(self, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        top = _top(images)
        shift = generator.uniform(*self.shift, (*images.shape[:2], 1, 1)) * top
        values = images.astype(np.float32) + shift.astype(np.float32)
        return as_dtype(values.clip(0, top), images.dtype)


class GaussianNoise(Augmentation):
    """Adds normal noise to every value.

    Args:
        mean: of the noise, as a share of the range: of 1 for floats, of 255 for bytes.
        sigma: its standard deviation, likewise.
        clip: whether to keep the range of values.
        layout: "NCHW" or "NHWC".
        generator: what to draw from; see augment.py.

    Raises:
        DataError: for a sigma below zero.
    """

    def __init__(
        self,
        mean: float = 0.0,
        sigma: float = 0.1,
        clip: bool = True,
        layout: Layout = "NCHW",
        generator: AnyGenerator | None = None,
    ) -> None:
        super().__init__(layout, generator)
        if not (np.isfinite(mean) and 0 <= sigma < np.inf):
            raise DataError(f"GaussianNoise: sigma must be at least 0, got {mean}, {sigma}")
        self.mean, self.sigma, self.clip = float(mean), float(sigma), clip

    def _change(self, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        top = _top(images)
        noise = generator.standard_normal(images.shape, dtype=np.float32)
        values = images + (noise * np.float32(self.sigma) + np.float32(self.mean)) * top
        return as_dtype(values.clip(0, top) if self.clip else values, images.dtype)


class Normalize(Augmentation):
    """Subtracts a mean from each channel and divides by a standard deviation; gives floats.

    Args:
        mean: one number, or one per channel; for bytes of values from 0 to 1.
        std: likewise, above zero.
        layout: "NCHW" or "NHWC".

    Raises:
        DataError: for a standard deviation that is not above zero.
        ShapeError: when called, for another number of channels.

    Example:
        >>> import numpy as np
        >>> Normalize(0.5, 0.25)(np.ones((1, 2, 2), np.float32)).tolist()
        [[[2.0, 2.0], [2.0, 2.0]]]
    """

    def __init__(
        self,
        mean: float | Sequence[float],
        std: float | Sequence[float],
        layout: Layout = "NCHW",
    ) -> None:
        super().__init__(layout)
        self.mean = np.atleast_1d(np.asarray(mean, np.float32))
        self.std = np.atleast_1d(np.asarray(std, np.float32))
        if self.mean.ndim > 1 or self.std.ndim > 1 or not (self.std > 0).all():
            raise DataError(f"Normalize: std must be above 0, one per channel, got {std}")

    def _change(self, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        for given in (self.mean, self.std):
            if given.size not in (1, images.shape[1]):
                raise ShapeError(
                    f"Normalize: has {given.size} channels, and the images {images.shape[1]}"
                )
        values = images * np.float32(1 / 255) if images.dtype == np.uint8 else images
        changed: np.ndarray = (values - self.mean[:, None, None]) / self.std[:, None, None]
        return changed.astype(values.dtype, copy=False)


def _convolved(values: np.ndarray, weights: np.ndarray, dim: int) -> np.ndarray:
    """Returns the sum of shifted images (N, C, H, W), each with its weights (N, K)."""
    half, size = weights.shape[1] // 2, values.shape[dim]
    around = [(0, 0)] * 4
    around[dim] = (half, half)
    mode = "reflect" if size > half else "symmetric"  # which mirrors small images over and over
    padded = np.pad(values, around, mode)  # type: ignore[call-overload]
    total = np.zeros_like(values)
    for at in range(weights.shape[1]):
        part = padded[:, :, at : at + size] if dim == 2 else padded[..., at : at + size]
        total += part * weights[:, at, None, None, None]
    return total


def _factor(name: str, given: Range) -> tuple[float, float]:
    if isinstance(given, int | float):
        given = (max(0.0, 1 - given), 1 + given) if given >= 0 else (given, given)
    low, high = interval("ColorJitter", name, given, 0)
    if low < 0:
        raise DataError(f"ColorJitter: {name} must not be below 0, got {low}")
    return low, high


def _top(images: np.ndarray) -> np.float32:
    return np.float32(255 if images.dtype == np.uint8 else 1)


def _gray(values: np.ndarray) -> np.ndarray:
    """Returns the brightness of each pixel, (N, 1, H, W)."""
    if values.shape[1] == 1:
        return values
    gray: np.ndarray = np.tensordot(values, np.array(_GRAY, np.float32), (1, 0))[:, None]
    return gray
