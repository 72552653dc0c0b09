"""Augmentations: random changes of images, each image of a batch by numbers of its own.

Every one takes a batch of images as an array, (N, C, H, W), or (N, H, W, C) with `layout="NHWC"`,
or a single image without the N, and returns a new array of the same dtype; the given one is left as
it is. Values are taken as floats from 0 to 1 or as bytes. The work is done for a whole batch at
once. Random numbers come from `generator`; without one from the batch's stream in a `DataLoader`,
so that they do not depend on its workers, and elsewhere from the library's default generator.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from tinygrad_cl.data.randomness import AnyGenerator, check_generator, sampling_generator
from tinygrad_cl.errors import DataError, ShapeError

Layout = Literal["NCHW", "NHWC"]
Range = float | tuple[float, float]


class Augmentation(ABC):
    """Base class of the augmentations.

    Args:
        layout: "NCHW" or "NHWC".
        generator: what to draw from; see the module.
    """

    def __init__(self, layout: Layout = "NCHW", generator: AnyGenerator | None = None) -> None:
        if layout not in ("NCHW", "NHWC"):
            raise DataError(f"{self._name}: layout must be 'NCHW' or 'NHWC', got {layout!r}")
        self.layout: Layout = layout
        self.generator = check_generator(generator)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns changed images.

        Raises:
            ShapeError: if they are no batch of images, and no single one.
            DataError: if they are neither floats nor bytes.
        """
        images = np.asarray(images)
        if images.ndim not in (3, 4):
            raise ShapeError(
                f"{self._name}: needs a batch of images, {self.layout}, or one image, "
                f"got shape {images.shape}"
            )
        if images.dtype != np.uint8 and images.dtype.kind != "f":
            raise DataError(f"{self._name}: needs floats or uint8, got {images.dtype}")
        batch = images if images.ndim == 4 else images[None]
        if self.layout == "NHWC":
            batch = batch.transpose(0, 3, 1, 2)
        changed = self._change(batch, sampling_generator(self.generator))
        if self.layout == "NHWC":
            changed = changed.transpose(0, 2, 3, 1)
        return np.ascontiguousarray(changed if images.ndim == 4 else changed[0])

    @abstractmethod
    def _change(self, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Returns changed images; both (N, C, H, W)."""

    @property
    def _name(self) -> str:
        return type(self).__name__


class _Flip(Augmentation):
    """Mirrors each image with probability `p`."""

    _dim: int

    def __init__(
        self, p: float = 0.5, layout: Layout = "NCHW", generator: AnyGenerator | None = None
    ) -> None:
        super().__init__(layout, generator)
        self.p = probability(self._name, p)

    def _change(self, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        chosen = generator.random(len(images)) < self.p
        changed = images.copy()
        changed[chosen] = np.flip(images[chosen], self._dim)
        return changed


class RandomHorizontalFlip(_Flip):
    """Exchanges left and right in each image with probability `p`.

    Args:
        p: the probability.
        layout: "NCHW" or "NHWC".
        generator: what to draw from; see the module.

    Example:
        >>> import numpy as np
        >>> RandomHorizontalFlip(p=1)(np.array([[[0.0, 1.0, 2.0]]])).tolist()
        [[[2.0, 1.0, 0.0]]]
    """

    _dim = 3


class RandomVerticalFlip(_Flip):
    """Exchanges top and bottom in each image with probability `p`.

    Args:
        p: the probability.
        layout: "NCHW" or "NHWC".
        generator: what to draw from; see the module.
    """

    _dim = 2


class RandomCrop(Augmentation):
    """Cuts a part out of each image, at a place of its own, after padding.

    Args:
        size: height and width of the part, or one number for both.
        padding: pixels added on every side first, or (left and right, top and bottom).
        fill: the value of added pixels.
        padding_mode: "constant", "edge", "reflect" or "symmetric".
        layout: "NCHW" or "NHWC".
        generator: what to draw from; see the module.

    Raises:
        ShapeError: when called, if the padded images are smaller than the part.

    Example:
        >>> import numpy as np
        >>> RandomCrop(32, padding=4)(np.zeros((8, 3, 32, 32), np.uint8)).shape
        (8, 3, 32, 32)
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        padding: int | tuple[int, int] = 0,
        fill: float = 0,
        padding_mode: str = "constant",
        layout: Layout = "NCHW",
        generator: AnyGenerator | None = None,
    ) -> None:
        super().__init__(layout, generator)
        self.size = _pair(self._name, "size", size, 1)
        self.padding = _pair(self._name, "padding", padding, 0)
        self.fill = fill
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise DataError(f"RandomCrop: unknown padding_mode {padding_mode!r}")
        self.padding_mode = padding_mode

    def _change(self, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        wide, tall = self.padding
        if wide or tall:
            options: dict[str, Any] = {"constant_values": self.fill}
            chosen = options if self.padding_mode == "constant" else {}
            around = ((0, 0), (0, 0), (tall, tall), (wide, wide))
            images = np.pad(images, around, self.padding_mode, **chosen)  # type: ignore[call-overload]
        height, width = self.size
        if images.shape[2] < height or images.shape[3] < width:
            raise ShapeError(
                f"RandomCrop: cannot cut {height}x{width} out of {images.shape[2]}x"
                f"{images.shape[3]} pixels; give padding"
            )
        count = len(images)
        top = generator.integers(images.shape[2] - height + 1, size=count)
        left = generator.integers(images.shape[3] - width + 1, size=count)
        windows = np.lib.stride_tricks.sliding_window_view(images, self.size, (2, 3))
        cut: np.ndarray = windows[np.arange(count), :, top, left]
        return cut


class RandomRotation(Augmentation):
    """Turns each image about its middle by an angle of its own.

    Args:
        degrees: the largest angle, or (least, largest); counter-clockwise.
        fill: the value of pixels from outside the image.
        interpolation: "bilinear" or "nearest".
        layout: "NCHW" or "NHWC".
        generator: what to draw from; see the module.

    Example:
        >>> import numpy as np
        >>> RandomRotation((90, 90))(np.array([[[0.0, 1.0], [2.0, 3.0]]])).round(5).tolist()
        [[[1.0, 3.0], [0.0, 2.0]]]
    """

    def __init__(
        self,
        degrees: Range,
        fill: float = 0,
        interpolation: Literal["bilinear", "nearest"] = "bilinear",
        layout: Layout = "NCHW",
        generator: AnyGenerator | None = None,
    ) -> None:
        super().__init__(layout, generator)
        if interpolation not in ("bilinear", "nearest"):
            raise DataError(f"RandomRotation: unknown interpolation {interpolation!r}")
        self.degrees = interval(self._name, "degrees", degrees, -float(np.max(degrees)))
        self.fill, self.interpolation = fill, interpolation

    def _change(self, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        angles = np.deg2rad(generator.uniform(*self.degrees, len(images))).astype(np.float32)
        height, width = images.shape[2:]
        y = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
        x = np.arange(width, dtype=np.float32) - (width - 1) / 2
        sine, cosine = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
        rows = sine * x + cosine * y + np.float32((height - 1) / 2)
        columns = cosine * x - sine * y + np.float32((width - 1) / 2)
        # A border of `fill` stands for all that is outside.
        around = ((0, 0), (0, 0), (1, 1), (1, 1))
        padded = np.pad(images, around, constant_values=self.fill)
        return _sampled(padded, rows + 1, columns + 1, self.interpolation == "nearest")


class Compose:
    """Several transforms, one after the other.

    Args:
        transforms: each takes what the one before returned.

    Example:
        >>> import numpy as np
        >>> change = Compose([RandomHorizontalFlip(), RandomCrop(28, padding=2)])
        >>> change(np.zeros((5, 1, 28, 28), np.float32)).shape
        (5, 1, 28, 28)
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, value: Any) -> Any:
        """Returns the value after all transforms."""
        for transform in self.transforms:
            value = transform(value)
        return value


class Inputs:
    """A transform of a batch's first member, for `DataLoader(transform=...)`.

    Args:
        transform: is applied to the inputs; targets stay as they are.

    Example:
        >>> Inputs(abs)((-1, -2))
        (1, -2)
    """

    def __init__(self, transform: Callable[[Any], Any]) -> None:
        self.transform = transform

    def __call__(self, batch: Any) -> Any:
        """Returns the batch with its inputs transformed."""
        if not isinstance(batch, tuple | list):
            return self.transform(batch)
        return type(batch)((self.transform(batch[0]), *batch[1:]))


class RandomApply:
    """Transforms that are applied to a batch with probability `p`, all or none.

    Args:
        transforms: one after the other.
        p: the probability.
        generator: what to draw from; see the module.
    """

    def __init__(
        self,
        transforms: Sequence[Callable[[Any], Any]],
        p: float = 0.5,
        generator: AnyGenerator | None = None,
    ) -> None:
        self.transform = Compose(transforms)
        self.p = probability("RandomApply", p)
        self.generator = check_generator(generator)

    def __call__(self, value: Any) -> Any:
        """Returns the value, transformed or not."""
        chosen = sampling_generator(self.generator).random() < self.p
        return self.transform(value) if chosen else value


def probability(name: str, p: float) -> float:
    """Returns a probability.

    Raises:
        DataError: if it is none.
    """
    if not 0 <= p <= 1:
        raise DataError(f"{name}: p must be from 0 to 1, got {p}")
    return float(p)


def interval(name: str, what: str, given: Range, least: float) -> tuple[float, float]:
    """Returns (least, given) for a number, and a pair as it is.

    Raises:
        DataError: for bounds in the wrong order, or not finite.
    """
    low, high = given if isinstance(given, tuple | list) else (least, given)
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise DataError(f"{name}: {what} must be a number or (least, largest), got {given}")
    return float(low), float(high)


def _pair(name: str, what: str, given: int | tuple[int, int], least: int) -> tuple[int, int]:
    pair = (given, given) if isinstance(given, int) else tuple(given)
    if len(pair) != 2 or any(not isinstance(v, int) or v < least for v in pair):
        raise DataError(f"{name}: {what} must be an int of at least {least} or two, got {given}")
    return pair[0], pair[1]


def _sampled(
    images: np.ndarray, rows: np.ndarray, columns: np.ndarray, nearest: bool
) -> np.ndarray:
    """Returns the values of images (N, C, H, W) at places (N, h, w) between their pixels."""
    count, channels, height, width = images.shape
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    # Channels last: one look-up fetches a whole pixel.
    pixels = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).reshape(-1, channels)
    first = np.arange(count)[:, None, None] * (height * width)

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.take(pixels, first + row * width + column, axis=0)
        return found

    if nearest:
        turned = at(np.rint(rows).astype(np.intp), np.rint(columns).astype(np.intp))
        return turned.transpose(0, 3, 1, 2)
    top = np.minimum(rows.astype(np.intp), height - 2)
    left = np.minimum(columns.astype(np.intp), width - 2)
    down = (rows - top.astype(np.float32))[..., None]
    right = (columns - left.astype(np.float32))[..., None]
    upper = at(top, left) * (1 - right) + at(top, left + 1) * right
    lower = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
    mixed = upper * (1 - down) + lower * down
    return as_dtype(mixed, images.dtype).transpose(0, 3, 1, 2)


def as_dtype(values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Returns values in the images' dtype; bytes are rounded and clipped."""
    if dtype == np.uint8:
        values = np.rint(values).clip(0, 255)
    return values.astype(dtype, copy=False)
