"""Data sets made of others: parts, chains, stacks.   What a data set is: dataset.py."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from tinygrad_cl.data.collate import join
from tinygrad_cl.data.dataset import Dataset, IterableDataset, fetch_batch
from tinygrad_cl.data.randomness import AnyGenerator, make_generator
from tinygrad_cl.errors import DataError


class Subset(Dataset):
    """Some samples of a data set, in a given order.

    Args:
        dataset: where they come from.
        indices: their positions there; negative ones count from the end.

    Attributes:
        indices: as they were given.

    Raises:
        DataError: if a position is out of range.
    """

    def __init__(self, dataset: Any, indices: Iterable[int] | np.ndarray) -> None:
        self.dataset = dataset
        self.indices = indices if isinstance(indices, np.ndarray) else list(indices)
        self._positions = _checked(np.asarray(self.indices), len(dataset), "Subset")

    def __len__(self) -> int:
        """Returns the number of samples."""
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        """Returns sample `index` of the subset."""
        return self.dataset[int(self._positions[index])]

    def get_batch(self, indices: np.ndarray) -> Any:
        """Returns the samples at `indices` of the subset, stacked."""
        return fetch_batch(self.dataset, self._positions[indices])


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

    def get_batch(self, indices: np.ndarray) -> Any:
        """Returns the samples at `indices`, stacked; those of one data set are fetched together."""
        which = np.searchsorted(self.ends, indices, side="right")
        order = np.argsort(which, kind="stable")
        starts = np.array([0, *self.ends])
        parts = [
            fetch_batch(self.datasets[at], indices[which == at] - starts[at])
            for at in np.unique(which).tolist()
        ]
        return join(parts, np.argsort(order))


class StackDataset(Dataset):
    """Data sets of equal length side by side.

    Args:
        *datasets: sample i is the tuple of their samples i.
        **named: instead: sample i is the dict of their samples i.

    Raises:
        DataError: if there is none, if some are named and some not, or if lengths differ.

    Example:
        >>> StackDataset(range(3), "abc")[1], StackDataset(x=range(3))[2]
        ((1, 'b'), {'x': 2})
    """

    def __init__(self, *datasets: Any, **named: Any) -> None:
        if bool(datasets) == bool(named):
            raise DataError("StackDataset: give data sets, or data sets by name, not both")
        self.datasets: tuple[Any, ...] | dict[str, Any] = named or datasets
        lengths = [len(dataset) for dataset in (*datasets, *named.values())]
        if len(set(lengths)) > 1:
            raise DataError(f"StackDataset: needs data sets of equal length, got {lengths}")
        self._length = lengths[0]

    def __len__(self) -> int:
        """Returns the number of samples."""
        return self._length

    def __getitem__(self, index: int) -> Any:
        """Returns the samples `index` of all data sets."""
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def get_batch(self, indices: np.ndarray) -> Any:
        """Returns the samples at `indices` of all data sets, stacked."""
        if isinstance(self.datasets, dict):
            return {name: fetch_batch(dataset, indices) for name, dataset in self.datasets.items()}
        return tuple(fetch_batch(dataset, indices) for dataset in self.datasets)


class ChainDataset(IterableDataset):
    """Streams one after the other.

    Args:
        datasets: iterables of samples.

    Example:
        >>> list(ChainDataset(["ab", "c"]))
        ['a', 'b', 'c']
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)

    def __iter__(self) -> Iterator[Any]:
        """Starts the first stream."""
        for dataset in self.datasets:
            yield from dataset

    def __len__(self) -> int:
        """Returns the number of samples of all streams; each must have a length."""
        return sum(len(dataset) for dataset in self.datasets)


def random_split(
    dataset: Any,
    lengths: Sequence[int | float],
    seed: int | AnyGenerator | None = None,
    generator: AnyGenerator | None = None,
) -> list[Subset]:
    """Splits a data set at random into parts that share no sample.

    Args:
        dataset: what to split.
        lengths: the parts' sizes, which sum to `len(dataset)`; or fractions, which sum to 1.
        seed: equal seeds give equal splits; None draws one, as `manual_seed` has it. A generator
            may stand here, too.
        generator: a generator, NumPy's or the library's, instead of a seed.

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
    if seed is not None and not isinstance(seed, int):  # by position, as in PyTorch
        seed, generator = None, seed
    order = make_generator(seed, generator).permutation(len(dataset)).tolist()
    ends = list(accumulate(sizes))
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


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
