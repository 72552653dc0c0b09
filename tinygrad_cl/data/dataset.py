"""Data sets: sized collections of samples, or streams of them, kept on the host.

A sample is whatever `dataset[i]` returns, usually a tuple of NumPy arrays and numbers. A data set
that can fetch many samples faster than one by one also has a method `get_batch(indices)`, which
returns them stacked; `DataLoader` uses it. PyTorch's `__getitems__(indices)`, which returns a list
of samples, is used as well.   Data sets made of others: combine.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from tinygrad_cl.data.collate import default_collate
from tinygrad_cl.errors import DataError
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.data.combine import ConcatDataset


class Dataset:
    """Base class of data sets: subclasses define `__len__` and `__getitem__`.

    Any sequence will do where a data set is expected; this class names the idea and adds `+`.

    Example:
        >>> class Squares(Dataset):
        ...     def __len__(self):
        ...         return 4
        ...     def __getitem__(self, index):
        ...         return index, index**2
        >>> Squares()[3]
        (3, 9)
    """

    def __len__(self) -> int:
        """Returns the number of samples."""
        raise NotImplementedError(f"{type(self).__name__} must define __len__")

    def __getitem__(self, index: int) -> Any:
        """Returns sample `index`."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __add__(self, other: Any) -> ConcatDataset:
        from tinygrad_cl.data.combine import ConcatDataset

        return ConcatDataset([self, other])


class IterableDataset:
    """Base class of streams: subclasses define `__iter__`, which gives samples in order.

    In a `DataLoader` with several workers each worker walks a stream of its own: share the samples
    out with `get_worker_info()`, or each comes once per worker. A stream may define `__len__`.

    Example:
        >>> from tinygrad_cl.data import DataLoader
        >>> class Count(IterableDataset):
        ...     def __init__(self, stop):
        ...         self.stop = stop
        ...     def __iter__(self):
        ...         return iter(range(self.stop))
        >>> [batch.tolist() for batch in DataLoader(Count(3), batch_size=2, device="numpy")]
        [[0, 1], [2]]
    """

    def __iter__(self) -> Iterator[Any]:
        """Starts the stream."""
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")

    def __add__(self, other: Any) -> IterableDataset:
        from tinygrad_cl.data.combine import ChainDataset

        return ChainDataset([self, other])


@runtime_checkable
class Batched(Protocol):
    """A data set that can fetch many samples at once."""

    def get_batch(self, indices: np.ndarray) -> Any:
        """Returns the samples at `indices` (1-D, int64, in range), stacked along a new dim 0."""


class TensorDataset(Dataset):
    """Samples that are rows of arrays of equal length.

    Args:
        *arrays: NumPy arrays, Tensors or nested lists; sample i is the tuple of their rows i.
            Arrays are not copied. Lists of Python floats become float32.

    Raises:
        DataError: if there is no array, or their lengths differ.

    Example:
        >>> import numpy as np
        >>> TensorDataset(np.zeros((3, 2), np.float32), np.array([7, 8, 9]))[1]
        (array([0., 0.], dtype=float32), np.int64(8))
    """

    def __init__(self, *arrays: np.ndarray | Tensor | Sequence[Any]) -> None:
        if not arrays:
            raise DataError("TensorDataset: needs at least one array, got none")
        self.arrays = tuple(_host(array) for array in arrays)
        if any(array.ndim == 0 for array in self.arrays):
            raise DataError("TensorDataset: needs arrays of at least one dim, got a scalar")
        if len({len(array) for array in self.arrays}) > 1:
            shapes = ", ".join(str(array.shape) for array in self.arrays)
            raise DataError(f"TensorDataset: needs arrays of equal length, got shapes {shapes}")

    def __len__(self) -> int:
        """Returns the number of samples."""
        return len(self.arrays[0])

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Returns the tuple of the arrays' rows at `index`."""
        return tuple(array[index] for array in self.arrays)

    def get_batch(self, indices: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the rows at `indices` of each array."""
        return tuple(np.take(array, indices, axis=0) for array in self.arrays)


def fetch_batch(dataset: Any, indices: np.ndarray) -> Any:
    """Returns the samples at `indices`, stacked; at once where the data set can do that."""
    if isinstance(dataset, Batched):
        return dataset.get_batch(indices)
    return default_collate(fetch_samples(dataset, indices))


def fetch_samples(dataset: Any, indices: np.ndarray) -> list[Any]:
    """Returns the samples at `indices`; by one call where the data set can do that."""
    if hasattr(dataset, "__getitems__"):
        samples = list(dataset.__getitems__(indices.tolist()))
        if len(samples) != len(indices):
            raise DataError(
                f"{type(dataset).__name__}.__getitems__ must return a sample for each of "
                f"{len(indices)} positions, got {len(samples)}"
            )
        return samples
    return [dataset[index] for index in indices.tolist()]


def _host(array: np.ndarray | Tensor | Sequence[Any]) -> np.ndarray:
    if isinstance(array, Tensor):
        return array.detach().numpy()
    if isinstance(array, np.ndarray):
        return array
    made = np.asarray(array)
    return made.astype(np.float32) if made.dtype == np.float64 else made
