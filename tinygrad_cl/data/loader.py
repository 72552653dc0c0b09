"""DataLoader: from a data set to a stream of batches on a device."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.data.collate import default_collate, map_arrays
from tinygrad_cl.data.dataset import Batched, make_generator
from tinygrad_cl.errors import DataError
from tinygrad_cl.functional.creation import from_numpy

if TYPE_CHECKING:
    from tinygrad_cl.runtime.device import Device


class DataLoader:
    """Iterates over a data set in batches of Tensors.

    Every pass over the loader is one epoch. Arrays of a batch become Tensors on `device`; strings
    and whatever else a `collate_fn` returns are passed on as they are. Batches come in the order of
    the sampler whatever the number of threads, and an error of a thread is raised in the loop with
    its own traceback. A loop may be left at any time: threads finish the sample they are at and
    end.

    Args:
        dataset: anything with `__len__` and `__getitem__`. If it has `get_batch(indices)`, as
            `TensorDataset` does, and there is no `collate_fn`, whole batches are fetched by it.
        batch_size: samples per batch; the last batch may be smaller.
        shuffle: whether to draw a new order for every epoch.
        sampler: the positions to visit instead, an iterable that is walked once per epoch.
        num_workers: threads that prepare batches ahead of the loop; 0 prepares them in the loop.
        collate_fn: makes a batch from a list of samples, instead of `default_collate`.
        drop_last: whether to leave a smaller last batch out.
        seed: makes the sequence of orders reproducible; without one, `manual_seed` does.
        generator: a NumPy generator to draw orders from, instead of a seed.
        device: where the Tensors go; None for the default device.
        prefetch_factor: batches that each thread keeps ready.

    Raises:
        DataError: for arguments that do not fit together.

    Example:
        >>> import numpy as np
        >>> from tinygrad_cl.data import TensorDataset
        >>> loader = DataLoader(TensorDataset(np.arange(5)), batch_size=2, device="numpy")
        >>> [x.tolist() for (x,) in loader]
        [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        sampler: Iterable[int] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        drop_last: bool = False,
        *,
        seed: int | None = None,
        generator: np.random.Generator | None = None,
        device: str | Device | None = None,
        prefetch_factor: int = 2,
    ) -> None:
        if sampler is not None and shuffle:
            raise DataError("DataLoader: give a sampler or shuffle=True, not both")
        self.batch_size = _at_least(batch_size, 1, "batch_size")
        self.num_workers = _at_least(num_workers, 0, "num_workers")
        self.prefetch_factor = _at_least(prefetch_factor, 1, "prefetch_factor")
        self.dataset = dataset
        self.shuffle = shuffle
        self.sampler = sampler
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.device = device
        drawn_anew = seed is None and generator is None
        self._generator = None if drawn_anew else make_generator(seed, generator)

    def __len__(self) -> int:
        """Returns the number of batches of one epoch."""
        samples: Any = self.dataset if self.sampler is None else self.sampler
        full, rest = divmod(len(samples), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        """Starts an epoch."""
        batches = self._batches(self._order())
        return self._in_loop(batches) if self.num_workers == 0 else self._in_threads(batches)

    def _order(self) -> Iterable[int] | np.ndarray:
        """Returns the positions to visit. The order is drawn here, when the epoch starts."""
        if self.sampler is not None:
            return self.sampler
        if self.shuffle:
            generator = self._generator or make_generator(None, None)
            return generator.permutation(len(self.dataset))
        return np.arange(len(self.dataset))

    def _batches(self, order: Iterable[int] | np.ndarray) -> Iterator[np.ndarray]:
        """Cuts an order into batches of positions."""
        positions = iter(order)
        while True:
            batch = np.fromiter(islice(positions, self.batch_size), np.int64)
            if batch.size < self.batch_size and (self.drop_last or batch.size == 0):
                return
            yield batch

    def _in_loop(self, batches: Iterator[np.ndarray]) -> Iterator[Any]:
        for indices in batches:
            yield self._to_device(self._fetch(indices, threading.Event()))

    def _in_threads(self, batches: Iterator[np.ndarray]) -> Iterator[Any]:
        stopped = threading.Event()
        pool = ThreadPoolExecutor(self.num_workers, "tinygrad_cl.data")
        ahead = self.num_workers * self.prefetch_factor
        waiting: deque[Future[Any]] = deque()
        try:
            while True:
                for indices in islice(batches, ahead - len(waiting)):
                    waiting.append(pool.submit(self._fetch, indices, stopped))
                if not waiting:
                    return
                yield self._to_device(waiting.popleft().result())
        finally:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, indices: np.ndarray, stopped: threading.Event) -> Any:
        """Returns the batch at `indices`, on the host; nothing of use once `stopped` is set."""
        if self.collate_fn is None and isinstance(self.dataset, Batched):
            return self.dataset.get_batch(indices)
        samples = []
        for index in indices.tolist():
            if stopped.is_set():
                return None
            samples.append(self.dataset[index])
        return (self.collate_fn or default_collate)(samples)

    def _to_device(self, batch: Any) -> Any:
        return map_arrays(batch, lambda array: from_numpy(array, device=self.device))


def _at_least(value: int, least: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise DataError(f"DataLoader: {name} must be an int of at least {least}, got {value!r}")
    return int(value)
