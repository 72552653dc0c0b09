"""Samplers: the order in which a `DataLoader` visits the samples of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_cl.data.randomness import (
    AnyGenerator,
    check_generator,
    generator_state,
    sampling_generator,
    set_generator_state,
)
from tinygrad_cl.errors import DataError
from tinygrad_cl.tensor import Tensor


class Sampler:
    """Base class of samplers: iterating gives positions, anew for every epoch.

    Subclasses define `__iter__`, and `__len__` where the count is known. Any iterable of integers
    will do where a sampler is expected; this class adds the state that a loader saves.

    Attributes:
        generator: what the sampler draws from; None for the loader's stream of the epoch.
    """

    generator: AnyGenerator | None = None

    def __iter__(self) -> Iterator[Any]:
        """Starts an epoch."""
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of the sampler's own generator, if it has one."""
        return {"generator": generator_state(self.generator)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` returned.

        Raises:
            StateError: if it does not fit.
        """
        set_generator_state(self.generator, state.get("generator"))


class _Order(Sampler):
    """A sampler that knows all positions of an epoch at once."""

    def order(self) -> np.ndarray:
        """Returns the positions of a new epoch, int64."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        """Starts an epoch."""
        return iter(self.order().tolist())


class SequentialSampler(_Order):
    """Every position once, in order.

    Args:
        data_source: what has samples.

    Example:
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __len__(self) -> int:
        """Returns the number of samples."""
        return len(self.data_source)

    def order(self) -> np.ndarray:
        """Returns the positions of a new epoch, int64."""
        return np.arange(len(self.data_source))


class RandomSampler(_Order):
    """Positions in random order, each once, or with replacement.

    Args:
        data_source: what has samples.
        replacement: whether a position may come again in an epoch.
        num_samples: positions of an epoch; as many as there are samples by default. More of them
            without replacement are several orders, one after the other.
        generator: what to draw from; None for the loader's stream of the epoch, or outside a loader
            the library's default generator.

    Raises:
        DataError: for a number of samples that cannot be drawn.

    Example:
        >>> import numpy as np
        >>> sorted(RandomSampler("abc", generator=np.random.default_rng(0)))
        [0, 1, 2]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: AnyGenerator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = None if num_samples is None else _count(num_samples, "RandomSampler")
        self.generator = check_generator(generator)

    @property
    def num_samples(self) -> int:
        """Positions of an epoch."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __len__(self) -> int:
        """Returns the number of positions of an epoch."""
        return self.num_samples

    def order(self) -> np.ndarray:
        """Returns the positions of a new epoch, int64."""
        size, wanted = len(self.data_source), self.num_samples
        if size == 0 and wanted:
            raise DataError("RandomSampler: there are no samples to draw from")
        generator = sampling_generator(self.generator)
        if self.replacement:
            return generator.integers(max(size, 1), size=wanted)
        orders = [generator.permutation(size) for _ in range(-(-wanted // max(size, 1)))]
        return np.concatenate([np.zeros(0, np.int64), *orders])[:wanted]


class SubsetRandomSampler(_Order):
    """Some positions, in random order.

    Args:
        indices: the positions.
        generator: as for `RandomSampler`.

    Example:
        >>> sorted(SubsetRandomSampler([7, 2, 5]))
        [2, 5, 7]
    """

    def __init__(
        self, indices: Sequence[int] | np.ndarray, generator: AnyGenerator | None = None
    ) -> None:
        self.indices = np.asarray(indices, np.int64).reshape(-1)
        self.generator = check_generator(generator)

    def __len__(self) -> int:
        """Returns the number of positions."""
        return len(self.indices)

    def order(self) -> np.ndarray:
        """Returns the positions of a new epoch, int64."""
        order: np.ndarray = sampling_generator(self.generator).permutation(self.indices)
        return order


class WeightedRandomSampler(_Order):
    """Positions drawn with given weights, so that rare classes come as often as common ones.

    Args:
        weights: one per sample, not negative; they need not sum to 1.
        num_samples: positions of an epoch.
        replacement: whether a position may come again. Without, the first of an epoch are drawn
            with the weights, the next from what is left, and so on.
        generator: as for `RandomSampler`.

    Raises:
        DataError: for weights that are negative, not finite or all zero, or for more samples
            without replacement than there are weights above zero.

    Example:
        >>> set(WeightedRandomSampler([0.0, 1.0, 3.0], 100)) == {1, 2}
        True
    """

    def __init__(
        self,
        weights: Sequence[float] | np.ndarray | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: AnyGenerator | None = None,
    ) -> None:
        name = "WeightedRandomSampler"
        given = weights.detach().numpy() if isinstance(weights, Tensor) else weights
        self.weights = np.asarray(given, np.float64)
        self.num_samples = _count(num_samples, name)
        finite = self.weights.ndim == 1 and bool(np.isfinite(self.weights).all())
        if not finite or self.weights.min(initial=0) < 0:
            raise DataError(f"{name}: weights must be a row of finite numbers of at least 0")
        positive = np.count_nonzero(self.weights)
        if positive < (1 if replacement else self.num_samples):
            raise DataError(
                f"{name}: cannot draw {self.num_samples} samples from {positive} weights above zero"
            )
        self.replacement = replacement
        self.generator = check_generator(generator)

    def __len__(self) -> int:
        """Returns the number of positions of an epoch."""
        return self.num_samples

    def order(self) -> np.ndarray:
        """Returns the positions of a new epoch, int64."""
        generator = sampling_generator(self.generator)
        if self.replacement:
            ends = np.cumsum(self.weights / self.weights.max())
            drawn = generator.random(self.num_samples) * ends[-1]
            last = np.flatnonzero(self.weights)[-1]  # rounding may leave a draw at the very end
            order: np.ndarray = np.searchsorted(ends, drawn, side="right").clip(max=last)
            return order
        # Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006.
        with np.errstate(divide="ignore"):
            waits = generator.standard_exponential(len(self.weights)) / self.weights
        return np.argsort(waits, kind="stable")[: self.num_samples]


class BatchSampler(Sampler):
    """Batches of another sampler's positions.

    Args:
        sampler: gives the positions.
        batch_size: positions per batch.
        drop_last: whether to leave a smaller last batch out.

    Raises:
        DataError: for a batch size below 1.

    Example:
        >>> list(BatchSampler(SequentialSampler(range(5)), 2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool = False) -> None:
        self.sampler = sampler
        self.batch_size = _count(batch_size, "BatchSampler", "batch_size")
        self.drop_last = bool(drop_last)

    def __len__(self) -> int:
        """Returns the number of batches."""
        samples: Any = self.sampler
        full, rest = divmod(len(samples), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        """Starts an epoch."""
        return (batch.tolist() for batch in self.batches())

    def batches(self) -> Iterator[np.ndarray]:
        """Starts an epoch, in which every batch is an int64 array."""
        if isinstance(self.sampler, _Order):
            return self._cut(self.sampler.order())
        return self._gather(iter(self.sampler))

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of the sampler of positions, if it has one."""
        return {"sampler": sampler_state(self.sampler)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` returned.

        Raises:
            StateError: if it does not fit.
        """
        set_sampler_state(self.sampler, state.get("sampler"))

    def _cut(self, order: np.ndarray) -> Iterator[np.ndarray]:
        end = len(order) - (len(order) % self.batch_size if self.drop_last else 0)
        return (order[at : at + self.batch_size] for at in range(0, end, self.batch_size))

    def _gather(self, positions: Iterator[int]) -> Iterator[np.ndarray]:
        while True:
            batch = np.fromiter(islice(positions, self.batch_size), np.int64)
            if batch.size == 0 or (self.drop_last and batch.size < self.batch_size):
                return
            yield batch


def sampler_state(sampler: Any) -> Any:
    """Returns the state of a sampler that has one, else None."""
    return sampler.state_dict() if hasattr(sampler, "state_dict") else None


def set_sampler_state(sampler: Any, state: Any) -> None:
    """Gives a sampler its state back, if it has one."""
    if isinstance(state, Mapping) and hasattr(sampler, "load_state_dict"):
        sampler.load_state_dict(state)


def _count(value: int, name: str, what: str = "num_samples") -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise DataError(f"{name}: {what} must be an int of at least 1, got {value!r}")
    return int(value)
