"""DataLoader: from a data set to a stream of batches on a device.

The parts: sampler.py (which samples), fetching.py (how a batch is made), threads.py and
processes.py (who makes it), randomness.py (from which random numbers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.data.collate import map_arrays
from tinygrad_cl.data.crew import Crew, Place
from tinygrad_cl.data.dataset import IterableDataset
from tinygrad_cl.data.fetching import Collate, Fetcher, Mark, Task
from tinygrad_cl.data.position import Position
from tinygrad_cl.data.processes import METHODS
from tinygrad_cl.data.randomness import (
    AnyGenerator,
    Key,
    check_generator,
    checked_seed,
    draw_key,
    generator_state,
    peek_key,
    set_generator_state,
    stream,
)
from tinygrad_cl.data.sampler import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    sampler_state,
    set_sampler_state,
)
from tinygrad_cl.errors import DataError
from tinygrad_cl.functional.creation import from_numpy

if TYPE_CHECKING:
    from tinygrad_cl.runtime.device import Device

_AHEAD = 2  # batches that each worker prepares ahead


class DataLoader:
    """Iterates over a data set in batches of Tensors.

    Every pass over the loader is one epoch. Arrays of a batch become Tensors on `device`; strings
    and whatever else a `collate_fn` returns are passed on as they are. Batches come in the same
    order, made from the same random numbers, whatever the number and kind of workers. With workers,
    the next batches are prepared and uploaded while the loop is at its step. An error of a worker
    is raised in the loop with the worker's own traceback. A loop may be left at any time: workers
    finish the sample they are at.

    Args:
        dataset: anything with `__len__` and `__getitem__`, or an `IterableDataset`. If it has
            `get_batch(indices)`, as `TensorDataset` does, and there is no `collate_fn`, whole
            batches are fetched by it.
        batch_size: samples per batch; the last batch may be smaller. None gives the samples one by
            one, as they are.
        shuffle: whether to draw a new order for every epoch.
        sampler: the positions to visit instead, an iterable that is walked once per epoch.
        batch_sampler: lists of positions instead, one per batch.
        num_workers: workers that prepare batches ahead of the loop; 0 prepares them in the loop.
        collate_fn: makes a batch from a list of samples, instead of `default_collate`.
        pin_memory: accepted for PyTorch's sake; uploads need no pinned memory here.
        drop_last: whether to leave a smaller last batch out.
        timeout: seconds to wait for a worker's batch; 0 waits for ever.
        worker_init_fn: is called with the worker's number in each worker, first.
        multiprocessing_context: how processes start, "spawn" (None) or "forkserver".
        generator: what to draw orders from, NumPy's or the library's, instead of a seed.
        prefetch_factor: batches that each worker keeps ready; 2 by default.
        persistent_workers: whether workers live from one epoch to the next.
        worker_type: "thread", or "process" for work that holds Python's lock. Processes are
            spawned, get pickled copies of the data set and the functions, and use no OpenCL. In
            them `random`, `numpy.random` and the library are seeded for every batch.
        transform: is applied to each batch, on the host, in the worker: an augmentation, say.
        seed: makes the sequence of orders reproducible; without one, `manual_seed` does.
        device: where the Tensors go; None for the default device.

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
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Collate | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: str | None = None,
        generator: AnyGenerator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        worker_type: str = "thread",
        transform: Callable[[Any], Any] | None = None,
        seed: int | None = None,
        device: str | Device | None = None,
    ) -> None:
        self.dataset = dataset
        self.device = device
        self.pin_memory = pin_memory
        self.collate_fn = collate_fn
        self.transform = transform
        self.is_stream = _is_stream(dataset)
        self.batch_size, self.drop_last = batch_size, bool(drop_last)
        self._choose_order(bool(shuffle), sampler, batch_sampler)
        self._choose_workers(num_workers, worker_type, multiprocessing_context, prefetch_factor)
        self.timeout = _at_least(timeout, 0, "timeout", float)
        self.worker_init_fn = worker_init_fn
        self.persistent_workers = bool(persistent_workers)
        if self.persistent_workers and not self.num_workers:
            raise DataError("DataLoader: persistent_workers needs num_workers above 0")
        self._crew = Crew(
            self.num_workers,
            worker_type == "process",
            multiprocessing_context,
            self.prefetch_factor,
            self.timeout,
            worker_init_fn,
            self.persistent_workers,
        )
        if seed is not None:
            generator = np.random.default_rng(checked_seed(seed, generator))
        self.generator = check_generator(generator)
        self._walks = count()
        self._position = Position()
        self._resumed: Position | None = None

    def _choose_order(self, shuffle: bool, sampler: Any, batch_sampler: Any) -> None:
        if sampler is not None and shuffle:
            raise DataError("DataLoader: give a sampler or shuffle=True, not both")
        if self.is_stream and (shuffle or sampler is not None or batch_sampler is not None):
            raise DataError(
                "DataLoader: an IterableDataset comes in its own order; "
                "shuffle, sampler and batch_sampler need a data set with positions"
            )
        if batch_sampler is not None:
            if self.batch_size != 1 or shuffle or sampler is not None or self.drop_last:
                raise DataError(
                    "DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last"
                )
            self.batch_size = getattr(batch_sampler, "batch_size", None)
            self.sampler, self.batch_sampler = None, batch_sampler
            return
        if self.batch_size is None and self.drop_last:
            raise DataError("DataLoader: batch_size=None excludes drop_last")
        if self.batch_size is not None:
            self.batch_size = _at_least(self.batch_size, 1, "batch_size")
        self.sampler = sampler
        if sampler is None and not self.is_stream:
            kind = RandomSampler if shuffle else SequentialSampler
            self.sampler = kind(self.dataset)
        self.batch_sampler = None
        if self.sampler is not None and self.batch_size is not None:
            self.batch_sampler = BatchSampler(self.sampler, self.batch_size, self.drop_last)

    def _choose_workers(
        self, workers: int, kind: str, context: str | None, ahead: int | None
    ) -> None:
        self.num_workers = _at_least(workers, 0, "num_workers")
        if ahead is not None and not self.num_workers:
            raise DataError("DataLoader: prefetch_factor needs num_workers above 0")
        self.prefetch_factor = _at_least(_AHEAD if ahead is None else ahead, 1, "prefetch_factor")
        if kind not in ("thread", "process"):
            raise DataError(f"DataLoader: worker_type must be 'thread' or 'process', got {kind!r}")
        if context not in (None, *METHODS):
            raise DataError(
                f"DataLoader: multiprocessing_context must be one of {', '.join(METHODS)}, got "
                f"{context!r}; a forked child would share the parent's OpenCL state"
            )
        self.worker_type = kind
        self.multiprocessing_context = context

    def __len__(self) -> int:
        """Returns the number of batches of one epoch.

        Raises:
            TypeError: if the data set or the sampler does not tell its length.
        """
        if not self.is_stream:
            known: Any = self.batch_sampler if self.batch_sampler is not None else self.sampler
            return len(known)
        if self.batch_size is None:
            return len(self.dataset)
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        """Starts an epoch, or goes on with the one whose state was loaded."""
        resumed, self._resumed = self._resumed, None
        if resumed is not None and resumed.key is not None:
            position = resumed
            set_sampler_state(self._own_sampler(), position.sampler)
        else:
            key = self._new_key()
            position = Position(self._position.epoch, 0, key, sampler_state(self._own_sampler()))
        self._position = position
        done = position.batch
        assert position.key is not None
        tasks = self._tasks(position.key, 0 if self.is_stream else done)
        fetcher, place = self._fetcher(), partial(_placed, device=self.device)
        if self.num_workers == 0:
            batches = _in_loop(fetcher, tasks, place)
        else:
            batches = self._crew.work(fetcher, tasks, position.key, place)
        return self._counted(batches, position, done if self.is_stream else 0)

    def state_dict(self) -> dict[str, Any]:
        """Returns where the loader is: the epoch, its order, and the batches handed out so far.

        A loader made in the same way, over the same data, that loads it goes on with exactly the
        remaining batches of the epoch, whatever its workers. The state is that of the latest loop
        over the loader; a state taken after the last batch has no batch of that epoch left.
        """
        state = self._position.state_dict()
        state["samples"] = -1 if self.is_stream else len(self.dataset)
        state["batch_size"] = self.batch_size
        state["generator"] = generator_state(self.generator)
        if self._position.key is None:
            state["sampler"] = sampler_state(self._own_sampler())
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Makes the next loop over the loader go on where another one was.

        A stream (`IterableDataset`) is walked again up to that point.

        Raises:
            StateError: if the state is malformed, or of a loader with other data or batches.
        """
        samples = -1 if self.is_stream else len(self.dataset)
        position = Position.from_state_dict(state, samples, self.batch_size)
        set_generator_state(self.generator, state.get("generator"))
        if position.key is None:
            set_sampler_state(self._own_sampler(), position.sampler)
        self._position = self._resumed = position

    def close(self) -> None:
        """Ends workers that live from epoch to epoch; the loader starts new ones if need be."""
        self._crew.close()

    def __del__(self) -> None:
        """Ends idle workers along with the loader."""
        if "_crew" in self.__dict__:
            self._crew.close()

    def _new_key(self) -> Key:
        """Returns the key of an epoch.

        A loader without randomness leaves the library's default generator alone, so that walking
        over test data changes nothing in the training that follows.
        """
        in_order = self.is_stream or isinstance(self.sampler, SequentialSampler)
        changing = self.transform is not None or getattr(self.dataset, "transform", None)
        if self.generator is None and in_order and not changing:
            return (*peek_key(), self._position.epoch)
        return draw_key(self.generator)

    def _own_sampler(self) -> Any:
        return self.batch_sampler if self.batch_sampler is not None else self.sampler

    def _counted(self, batches: Iterator[Any], position: Position, skipped: int) -> Iterator[Any]:
        """Takes note of every batch that is handed out, and of the end of the epoch."""
        for batch in batches:
            if skipped:
                skipped -= 1
                continue
            position.batch += 1
            yield batch
        if self._position is position:
            self._position = Position(position.epoch + 1)

    def _tasks(self, key: Key, skipped: int) -> Iterator[Task]:
        """Returns the batches to prepare. Orders are drawn from the epoch's random numbers."""
        walk = next(self._walks)
        if self.is_stream:
            return (Task(walk, number, key, None) for number in count())
        with stream((*key, 0)):
            if isinstance(self.batch_sampler, BatchSampler):
                batches: Iterator[Any] = self.batch_sampler.batches()
            else:
                batches = iter(self._own_sampler())
        return _numbered(batches, walk, key, skipped)

    def _fetcher(self) -> Fetcher:
        return Fetcher(
            self.dataset,
            self.is_stream,
            self.batch_size,
            self.drop_last,
            self.collate_fn,
            self.transform,
        )


def _in_loop(fetcher: Fetcher, tasks: Iterator[Task], place: Place) -> Iterator[Any]:
    for task in tasks:
        batch = fetcher.fetch(task, _never)
        if batch is Mark.ENDED:
            return
        yield place(batch)


def _placed(batch: Any, device: str | Device | None) -> Any:
    return map_arrays(batch, lambda array: from_numpy(array, device=device))


def _numbered(batches: Iterator[Any], walk: int, key: Key, skipped: int) -> Iterator[Task]:
    for number, indices in enumerate(islice(batches, skipped, None), skipped):
        single = isinstance(indices, int | np.integer)
        at = int(indices) if single else np.asarray(indices, np.int64)
        yield Task(walk, number, key, at)


def _is_stream(dataset: Any) -> bool:
    known = hasattr(dataset, "__getitem__")
    return isinstance(dataset, IterableDataset) or (hasattr(dataset, "__iter__") and not known)


def _never() -> bool:
    return False


def _at_least(value: Any, least: int, name: str, kind: type = int) -> Any:
    number = isinstance(value, int | np.integer | (float if kind is float else int))
    if isinstance(value, bool) or not number or not value >= least:
        raise DataError(
            f"DataLoader: {name} must be {'an int' if kind is int else 'a number'} of at least "
            f"{least}, got {value!r}"
        )
    return kind(value)
