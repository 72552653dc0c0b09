"""Data sets: sized collections of samples, kept on the host.

A sample is whatever `dataset[i]` returns, usually a tuple of NumPy arrays and numbers. A data set
that can fetch many samples faster than one by one also has a method `get_batch(indices)`, which
returns them stacked; `DataLoader` uses it.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, Protocol, runtime_checkable

import numpy as np

from tinygrad_cl.data.collate import default_collate
from tinygrad_cl.errors import DataError
from tinygrad_cl.functional.random import default_generator
from tinygrad_cl.tensor import Tensor


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

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


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


class Subset(Dataset):
    """Some samples of a data set, in a given order.

    Args:
        dataset: where they come from.
        indices: their positions there; negative ones count from the end.

    Raises:
        DataError: if a position is out of range.
    """

    def __init__(self, dataset: Any, indices: Iterable[int] | np.ndarray) -> None:
        self.dataset = dataset
        given = indices if isinstance(indices, np.ndarray) else list(indices)
        self.indices = _checked(np.asarray(given), len(dataset), "Subset")

    def __len__(self) -> int:
        """Returns the number of samples."""
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        """Returns sample `index` of the subset."""
        return self.dataset[int(self.indices[index])]

    def get_batch(self, indices: np.ndarray) -> Any:
        """Returns the samples at `indices` of the subset, stacked."""
        return fetch_batch(self.dataset, self.indices[indices])


class ConcatDataset(Dataset):
    """Data sets one after the other.

    Args:
        datasets: at least one.

    Raises:
        DataError: if there is none.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise DataError("ConcatDataset: needs at least one data set, got none")
        self.ends = list(accumulate(len(dataset) for dataset in self.datasets))

    def __len__(self) -> int:
        """Returns the number of samples of all data sets."""
        return self.ends[-1]

    def __getitem__(self, index: int) -> Any:
        """Returns sample `index`, counted through all data sets."""
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"ConcatDataset: index {index} is out of range for {size} samples")
        index %= size
        which = bisect.bisect_right(self.ends, index)
        return self.datasets[which][index - (self.ends[which - 1] if which else 0)]


def random_split(
    dataset: Any,
    lengths: Sequence[int | float],
    seed: int | None = None,
    generator: np.random.Generator | None = None,
) -> list[Subset]:
    """Splits a data set at random into parts that share no sample.

    Args:
        dataset: what to split.
        lengths: the parts' sizes, which sum to `len(dataset)`; or fractions, which sum to 1.
        seed: equal seeds give equal splits; None draws one, as `manual_seed` has it.
        generator: a NumPy generator instead of a seed.

    Returns:
        One `Subset` per length.

    Raises:
        DataError: if the lengths do not sum up.

    Example:
        >>> train, test = random_split(range(10), [0.8, 0.2], seed=0)
        >>> len(train), len(test)
        (8, 2)
    """
    sizes = _sizes(lengths, len(dataset))
    order = make_generator(seed, generator).permutation(len(dataset))
    ends = list(accumulate(sizes))
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def fetch_batch(dataset: Any, indices: np.ndarray) -> Any:
    """Returns the samples at `indices`, stacked; at once where the data set can do that."""
    if isinstance(dataset, Batched):
        return dataset.get_batch(indices)
    return default_collate([dataset[int(index)] for index in indices])


def make_generator(seed: int | None, generator: np.random.Generator | None) -> np.random.Generator:
    """Returns `generator`, or one from `seed`, or else one from the library's default generator."""
    if generator is not None:
        if seed is not None:
            raise DataError("give a seed or a generator, not both")
        return generator
    if seed is not None:
        return np.random.default_rng(seed)
    return np.random.default_rng([number % 2**64 for number in default_generator.advance(1)])


def _sizes(lengths: Sequence[int | float], total: int) -> list[int]:
    """Returns sizes that sum to `total`; what rounding down leaves goes to the first parts."""
    if any(length < 0 for length in lengths):
        raise DataError(f"random_split: lengths must not be negative, got {list(lengths)}")
    if sum(lengths) == total and all(isinstance(length, int | np.integer) for length in lengths):
        return [int(length) for length in lengths]
    if abs(sum(lengths) - 1) > 1e-6:
        raise DataError(
            f"random_split: lengths must sum to {total} samples or be fractions that sum to 1, "
            f"got {list(lengths)}"
        )
    sizes = [int(length * total + 1e-6) for length in lengths]
    for i in range(total - sum(sizes)):
        sizes[i % len(sizes)] += 1
    return sizes


def _host(array: np.ndarray | Tensor | Sequence[Any]) -> np.ndarray:
    if isinstance(array, Tensor):
        return array.detach().numpy()
    if isinstance(array, np.ndarray):
        return array
    made = np.asarray(array)
    return made.astype(np.float32) if made.dtype == np.float64 else made


def _checked(indices: np.ndarray, size: int, name: str) -> np.ndarray:
    """Returns `indices` as int64, negative ones wrapped."""
    if indices.ndim != 1 or (indices.size and not np.issubdtype(indices.dtype, np.integer)):
        raise DataError(
            f"{name}: needs a row of integers, got {indices.dtype} of shape {indices.shape}"
        )
    indices = indices.astype(np.int64)
    wrong = indices[(indices < -size) | (indices >= size)]
    if wrong.size:
        raise DataError(f"{name}: index {wrong[0]} is out of range for {size} samples")
    return np.where(indices < 0, indices + size, indices)
