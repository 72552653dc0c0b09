"""`.bin` sample caches: one lz4 stream of pairs of inputs and outputs.

Inside the stream, until its end: the length of the input as a 32-byte little-endian integer, that
many bytes, and the same for the output; raw elements in C order. Neither dtypes nor shapes are in
the file, so `write_samples` puts them into a JSON file beside it.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import lz4.frame
import numpy as np

from tinygrad_cl import dtypes
from tinygrad_cl.errors import DataError, DTypeError
from tinygrad_cl.io.atomic import replacing
from tinygrad_cl.io.reading import is_possible

PathLike = str | os.PathLike[str]
Kind = tuple[Any, Sequence[int]]

LENGTH = 32
MAX_BYTES = 16 << 30
MAX_RATIO = 256  # lz4 shrinks no further
_SIDE = ".json"
_MAX_SIDE = 1 << 16


def write_samples(path: PathLike, inputs: np.ndarray, outputs: np.ndarray) -> None:
    """Writes a cache, and beside it `PATH.json` with the dtypes and shapes of a sample.

    Args:
        path: where to write.
        inputs: of shape (N, ...).
        outputs: of shape (N, ...).

    Raises:
        DataError: if the arrays do not fit together, or the file cannot be written.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_samples(f"{folder}/x.bin", np.zeros((5, 2, 3)), np.arange(5))
        ...     inputs, outputs = read_samples(f"{folder}/x.bin")
        >>> inputs.shape, outputs.tolist()
        ((5, 2, 3), [0, 1, 2, 3, 4])
    """
    arrays = [np.asarray(inputs), np.asarray(outputs)]
    if not all(array.ndim for array in arrays) or len({len(array) for array in arrays}) != 1:
        shapes = " and ".join(str(array.shape) for array in arrays)
        raise DataError(f"write_samples: needs arrays of equal length, got shapes {shapes}")
    try:
        kinds = [dtypes.dtype(array.dtype).numpy for array in arrays]
    except DTypeError as error:
        raise DataError(f"write_samples: {error}") from error
    little = [
        np.asarray(array, kind.newbyteorder("<"), order="C")
        for array, kind in zip(arrays, kinds, strict=True)
    ]
    side = {
        name: {"dtype": array.dtype.name, "shape": array.shape[1:]}
        for name, array in zip(("input", "output"), little, strict=True)
    }
    with replacing(path) as new, lz4.frame.open(new, "wb") as file:
        for pair in zip(*little, strict=True):
            for sample in pair:
                file.write(sample.nbytes.to_bytes(LENGTH, "little") + sample.tobytes())
    with replacing(f"{os.fspath(path)}{_SIDE}") as new:
        new.write_text(json.dumps(side))


def read_samples(
    path: PathLike,
    input: Kind | None = None,
    output: Kind | None = None,
    max_bytes: int = MAX_BYTES,
) -> tuple[np.ndarray, np.ndarray]:
    """Reads a cache.

    Args:
        path: the file.
        input: dtype and shape of one input; None looks into `PATH.json`. One size may be -1: it
            follows from the first sample's length.
        output: dtype and shape of one output, likewise.
        max_bytes: the most data to accept.

    Returns:
        The inputs and the outputs, stacked.

    Raises:
        DataError: if the file is missing, truncated or malformed, if samples have other sizes, or
            if dtypes and shapes are not known.

    Example:
        A cache without JSON file, of photos and a row of numbers each:
        `read_samples("cache.bin", ("float32", (100, 100, 3)), ("float32", (-1,)))`.
    """
    path = Path(path)
    found = {} if input and output else _side(path)
    try:
        kinds = [_kind(input or found["input"]), _kind(output or found["output"])]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"read_samples: malformed dtype or shape for {path} ({error})") from error
    parts: list[bytearray] = [bytearray(), bytearray()]
    try:
        limit = min(max_bytes, path.stat().st_size * MAX_RATIO)
        with lz4.frame.open(path, "rb") as file:
            count = _read_all(cast(BinaryIO, file), kinds, parts, limit, path)
    except (RuntimeError, EOFError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"read_samples: {path} is no whole lz4 stream ({error})") from error
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"read_samples: cannot read {path}: {reason}") from error
    arrays = [
        np.frombuffer(part, dtype.newbyteorder("<"))
        .reshape(count, *(0 if size == -1 else size for size in shape))
        .astype(dtype, copy=False)
        for part, (dtype, shape) in zip(parts, kinds, strict=True)
    ]
    return arrays[0], arrays[1]


def _read_all(
    file: BinaryIO,
    kinds: list[tuple[np.dtype, tuple[int, ...]]],
    parts: list[bytearray],
    limit: int,
    path: Path,
) -> int:
    """Appends all samples to `parts`; returns their number. Completes shapes in `kinds`."""
    count = 0
    while True:
        for which, part in enumerate(parts):
            head = file.read(LENGTH)
            if not head and which == 0:
                return count
            if len(head) < LENGTH:
                raise DataError(f"read_samples: {path} ends within sample {count}")
            stated = int.from_bytes(head, "little")
            dtype, shape = kinds[which] = _completed(kinds[which], stated)
            size = math.prod(shape) * dtype.itemsize
            if stated != size:
                raise DataError(
                    f"read_samples: {path}: sample {count} has {stated} bytes where {dtype} of "
                    f"shape {shape} has {size}; give its dtype and shape"
                )
            if sum(map(len, parts)) + 2 * count * LENGTH + size > limit:
                raise DataError(f"read_samples: {path} holds more than {limit} bytes")
            data = file.read(size)
            if len(data) < size:
                raise DataError(f"read_samples: {path} ends within sample {count}")
            part += data
        count += 1


def _completed(kind: tuple[np.dtype, tuple[int, ...]], size: int) -> tuple[Any, tuple[int, ...]]:
    """A dtype and shape, whose one size of -1 follows from the bytes of a sample."""
    dtype, shape = kind
    if -1 not in shape:
        return kind
    unit = -math.prod(shape) * dtype.itemsize
    missing = size // unit if unit else 0
    return dtype, tuple(missing if length == -1 else length for length in shape)


def _side(path: Path) -> dict[str, Any]:
    side = path.with_name(path.name + _SIDE)
    try:
        with side.open("rb") as file:
            found = json.loads(file.read(_MAX_SIDE))
    except OSError as error:
        raise DataError(
            f"read_samples: cannot read {side} ({error.strerror or error}); give input=(dtype, "
            "shape) and output=(dtype, shape)"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"read_samples: {side} is not JSON ({error})") from error
    if not isinstance(found, dict) or not all(isinstance(v, dict) for v in found.values()):
        raise DataError(f"read_samples: {side} does not name dtypes and shapes")
    return {name: (row.get("dtype"), row.get("shape")) for name, row in found.items()}


def _kind(given: Kind) -> tuple[np.dtype, tuple[int, ...]]:
    name, shape = given
    sizes = tuple(int(size) for size in shape)
    if sizes.count(-1) > 1 or not is_possible([0 if size == -1 else size for size in sizes]):
        raise ValueError(f"shape {str(shape)[:80]}")
    return dtypes.dtype(name).numpy, sizes
