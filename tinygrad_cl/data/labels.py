"""Labels on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_cl.errors import DataError


def one_hot(
    labels: npt.ArrayLike, num_classes: int | None = None, dtype: npt.DTypeLike = np.float32
) -> np.ndarray:
    """Returns class indices as rows with a one at the class (Tensors: `nn.functional.one_hot`).

    Args:
        labels: integers from 0 to `num_classes - 1`, of any shape.
        num_classes: the length of a row; None for one more than the largest label.
        dtype: of the result.

    Returns:
        An array of shape (*labels.shape, num_classes).

    Raises:
        DataError: for labels that are no integers, or out of range.

    Example:
        >>> one_hot([0, 2], 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    given: np.ndarray[Any, Any] = np.asarray(labels)
    if given.size == 0:
        given = given.astype(np.int64)
    if given.dtype.kind not in "iu":
        raise DataError(f"one_hot: needs integer labels, got {given.dtype}")
    least, most = (int(given.min()), int(given.max())) if given.size else (0, -1)
    count = most + 1 if num_classes is None else num_classes
    if least < 0 or most >= count:
        wrong = least if least < 0 else most
        raise DataError(f"one_hot: label {wrong} is out of range for {count} classes")
    made = np.zeros((*given.shape, count), dtype)
    np.put_along_axis(made, given[..., None].astype(np.int64), 1, -1)
    return made
