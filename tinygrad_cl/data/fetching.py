"""What a worker of a `DataLoader` does: from positions to a batch on the host.

The same code runs in the loop, in threads and in processes.
"""

from __future__ import annotations

import enum
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import numpy as np

from tinygrad_cl.data.collate import default_collate
from tinygrad_cl.data.dataset import Batched, fetch_samples
from tinygrad_cl.data.randomness import Key, seeds_of, stream

Collate = Callable[[list[Any]], Any]


class Mark(enum.Enum):
    """What comes instead of a batch."""

    ENDED = "the worker's stream has ended"
    STOPPED = "the loop was left"


@dataclass(frozen=True, slots=True)
class Task:
    """One batch to prepare.

    Attributes:
        walk: which walk over the loader it belongs to; streams start anew with each.
        number: of the batch within the epoch.
        key: of the epoch's random numbers.
        indices: positions of the samples; a single one without batches; None for streams.
    """

    walk: int
    number: int
    key: Key
    indices: np.ndarray | int | None


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a worker knows of itself.

    Attributes:
        id: from 0 to `num_workers - 1`.
        num_workers: how many there are.
        seed: a seed of its own, which the loader's seed or `manual_seed` determines.
        dataset: the data set; in a process its copy.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Local(threading.local):
    info: WorkerInfo | None = None


_local = _Local()


def get_worker_info() -> WorkerInfo | None:
    """Returns what the calling worker of a `DataLoader` knows of itself; None outside workers.

    Example:
        >>> get_worker_info() is None
        True
    """
    return _local.info


class Worker(Protocol):
    """Prepares batches in the order of the tasks that it is given."""

    def submit(self, task: Task) -> None:
        """Hands over a task; does not wait."""

    def result(self, timeout: float) -> Any:
        """Waits for the next batch, or mark; raises what the worker raised."""

    def cancel(self) -> bool:
        """Drops all tasks that were handed over; tells whether it can go on with others."""

    def close(self) -> None:
        """Ends the worker; does not wait for a sample that it is at."""


@dataclass
class Fetcher:
    """Prepares batches; each worker has one of its own.

    Attributes:
        dataset: a data set, or an iterable of samples.
        is_stream: whether it is the latter.
        batch_size: samples of a stream's batch; None for samples as they are.
        drop_last: whether to leave a stream's smaller last batch out.
        collate_fn: makes a batch from samples, instead of `default_collate`.
        transform: is applied to each batch.
    """

    dataset: Any
    is_stream: bool
    batch_size: int | None
    drop_last: bool
    collate_fn: Collate | None
    transform: Callable[[Any], Any] | None
    _walk: int = -1
    _samples: Iterator[Any] = field(default_factory=lambda: iter(()))

    def start(self, worker: int, workers: int, key: Key, init: Callable[[int], Any] | None) -> None:
        """Takes note, in a worker, of which one it is."""
        seed = seeds_of((*key, worker), 1)[0]
        _local.info = WorkerInfo(worker, workers, seed, self.dataset)
        if init is not None:
            init(worker)

    def fetch(self, task: Task, stopped: Callable[[], bool]) -> Any:
        """Returns the batch of a task, or a mark; looks between samples whether to stop."""
        with stream((*task.key, task.number + 1)):
            batch = self._next(task) if self.is_stream else self._at(task.indices, stopped)
            if isinstance(batch, Mark) or self.transform is None:
                return batch
            return self.transform(batch)

    def _at(self, indices: Any, stopped: Callable[[], bool]) -> Any:
        if self.batch_size is None and not isinstance(indices, np.ndarray):
            sample = self.dataset[indices]
            return sample if self.collate_fn is None else self.collate_fn(sample)
        if stopped():
            return Mark.STOPPED
        if self.collate_fn is None and isinstance(self.dataset, Batched):
            return self.dataset.get_batch(indices)
        if hasattr(self.dataset, "__getitems__"):
            return self._collated(fetch_samples(self.dataset, indices))
        samples = []
        for index in indices.tolist():
            if stopped():
                return Mark.STOPPED
            samples.append(self.dataset[index])
        return self._collated(samples)

    def _next(self, task: Task) -> Any:
        if task.walk != self._walk:
            self._walk, self._samples = task.walk, iter(self.dataset)
        if self.batch_size is None:
            sample: Any = next(self._samples, Mark.ENDED)
            plain = sample is Mark.ENDED or self.collate_fn is None
            return sample if plain else self._collated(sample)
        samples = list(islice(self._samples, self.batch_size))
        if not samples or (self.drop_last and len(samples) < self.batch_size):
            return Mark.ENDED
        return self._collated(samples)

    def _collated(self, samples: list[Any]) -> Any:
        return (self.collate_fn or default_collate)(samples)


def in_turn(
    workers: list[Worker], tasks: Iterable[Task], ahead: int, timeout: float
) -> Iterator[Any]:
    """Yields the batches of tasks in order; the workers take turns, `ahead` tasks each.

    A worker whose stream has ended loses its turn; when all have, that is the end.
    """
    waiting = iter(tasks)
    alive = deque(workers)
    asked: deque[Worker] = deque()
    while True:
        while alive and len(asked) < ahead * len(alive):
            task = next(waiting, None)
            if task is None:
                break
            alive[0].submit(task)
            asked.append(alive[0])
            alive.rotate(-1)
        if not asked:
            return
        worker = asked.popleft()
        batch = worker.result(timeout)
        if batch is not Mark.ENDED:
            yield batch
        elif worker in alive:
            alive.remove(worker)
