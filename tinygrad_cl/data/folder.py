"""Folders of images, one folder per class, read with Pillow (the extra `images`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cl.data.dataset import Dataset
from tinygrad_cl.data.idx import PathLike
from tinygrad_cl.data.images import Transform, scaled
from tinygrad_cl.errors import DataError

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
MAX_PIXELS = 1 << 26
# Pillow runs other programs for some further formats.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_MODES = {"RGB": 3, "L": 1, "RGBA": 4}


def read_image(
    path: PathLike,
    size: int | tuple[int, int] | None = None,
    mode: str = "RGB",
    max_pixels: int = MAX_PIXELS,
) -> np.ndarray:
    """Reads an image file: BMP, GIF (its first frame), JPEG, PNG, PPM, TIFF or WebP.

    Args:
        path: the file.
        size: (height, width) to scale to, or one number for both; None leaves the size.
        mode: "RGB", "L" (gray) or "RGBA".
        max_pixels: the largest image to accept.

    Returns:
        uint8, of shape (channels, height, width).

    Raises:
        DataError: if Pillow is absent, or the file is missing, damaged, too large or no image.
    """
    image_module = _pillow("read_image")
    if mode not in _MODES:
        raise DataError(f"read_image: mode must be one of {', '.join(_MODES)}, got {mode!r}")
    wanted = None if size is None else _size(size)
    try:
        with image_module.open(path, formats=_FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise DataError(
                    f"read_image: {path} has {image.width}x{image.height} pixels, over the "
                    f"limit of {max_pixels}; raise max_pixels to accept"
                )
            pixels = image.convert(mode)
        if wanted is not None:
            pixels = pixels.resize(wanted[::-1], image_module.Resampling.BILINEAR)
    except DataError:
        raise
    except OSError as error:
        raise DataError(
            f"read_image: cannot read {path}: {error.strerror or _text(error)}"
        ) from error
    except Exception as error:  # Pillow's decoders raise many kinds for damaged files
        raise DataError(f"read_image: {path} is damaged: {_text(error)}") from error
    array = np.asarray(pixels, np.uint8)
    array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return np.ascontiguousarray(array)


class ImageFolder(Dataset):
    """Images in folders, one folder per class: `root/cat/1.jpg`, `root/dog/9.png`.

    A sample is `(image, label)`: a float32 array of shape (channels, height, width) from 0 to 1,
    and an int. The files are read when their samples are fetched; give a `DataLoader` some workers.

    Args:
        root: the folder of folders; the names of those with images are the classes, sorted.
        size: (height, width) to scale to, or one number for both; None leaves sizes, which then
            must be equal in a batch.
        mode: "RGB", "L" (gray) or "RGBA".
        transform: is applied to each scaled image as a batch of one, (1, channels, height, width).
        classes: the classes in this order instead; each must be a folder.
        extensions: of the files to take.
        loader: reads a file instead; returns uint8, (channels, height, width).
        max_pixels: the largest image to accept.

    Attributes:
        paths: the files, sorted by class and name.
        labels: int64 class indices.
        classes: the names of the classes.

    Raises:
        DataError: if Pillow is absent, or there is no folder, class or image.
    """

    def __init__(
        self,
        root: PathLike,
        size: int | tuple[int, int] | None = None,
        mode: str = "RGB",
        transform: Transform | None = None,
        *,
        classes: Sequence[str] | None = None,
        extensions: Iterable[str] = EXTENSIONS,
        loader: Callable[[Path], np.ndarray] | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        if loader is None:
            _pillow("ImageFolder")
        self.root = Path(root)
        self.size = None if size is None else _size(size)
        self.mode, self.transform, self.loader = mode, transform, loader
        self.max_pixels = max_pixels
        endings = tuple(extension.lower() for extension in extensions)
        found = _files(self.root, endings)
        self.classes = tuple(sorted(found) if classes is None else classes)
        empty = [name for name in self.classes if name not in found]
        if empty or not self.classes:
            what = f"no images of class {empty[0]!r}" if empty else "no folders with images"
            raise DataError(f"ImageFolder: {self.root} has {what} ({', '.join(endings)})")
        self.paths = tuple(path for name in self.classes for path in found[name])
        counts = [len(found[name]) for name in self.classes]
        self.labels = np.repeat(np.arange(len(counts)), counts)

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        """Returns image `index`, scaled to 0..1 and transformed, and its label."""
        path = self.paths[index]
        if self.loader is not None:
            pixels = self.loader(path)
        else:
            pixels = read_image(path, self.size, self.mode, self.max_pixels)
        image = scaled(pixels)
        if self.transform is not None:
            image = self.transform(image[None])[0]
        return image, int(self.labels[index])


def _files(root: Path, endings: tuple[str, ...]) -> dict[str, list[Path]]:
    """Returns the image files of each folder of `root` that has some, sorted."""
    found: dict[str, list[Path]] = {}
    try:
        folders = [entry.name for entry in os.scandir(root) if entry.is_dir()]
        for name in folders:
            paths = [
                Path(folder, file)
                for folder, _, files in os.walk(root / name)
                for file in files
                if file.lower().endswith(endings)
            ]
            if paths:
                found[name] = sorted(paths)
    except OSError as error:
        raise DataError(f"ImageFolder: cannot read {root}: {error.strerror or error}") from error
    return found


def _size(size: int | tuple[int, int]) -> tuple[int, int]:
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or any(not isinstance(v, int) or v < 1 for v in pair):
        raise DataError(f"ImageFolder: size must be (height, width) above 0, got {size}")
    return pair[0], pair[1]


def _text(error: Exception) -> str:
    return (str(error) or type(error).__name__).replace("\n", " ")[:200]


def _pillow(op: str) -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError(
            f"{op}: needs Pillow; pip install pillow, or tinygrad-cl[images]"
        ) from error
    return Image
