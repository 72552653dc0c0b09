"""Threads that prepare batches, or anything else, ahead of a loop."""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

from tinygrad_cl.data.fetching import Fetcher, Mark, Task
from tinygrad_cl.data.randomness import Key
from tinygrad_cl.errors import DataError

T = TypeVar("T")

_NAME = "tinygrad_cl.data"
_END = object()


def timed_out(worker: int, timeout: float) -> DataError:
    """Returns the error for a worker that takes too long."""
    return DataError(
        f"DataLoader: worker {worker} gave no batch within {timeout} s; "
        "raise timeout, or look what its data set waits for"
    )


class ThreadWorker:
    """A thread that prepares batches and places them on the device.

    Args:
        fetcher: what prepares them; the data set is shared by all threads.
        place: brings a batch to the device.
        worker: which worker it is.
        workers: of how many.
        key: of its seed.
        init: is called with `worker` in the thread, first.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        place: Callable[[Any], Any],
        worker: int,
        workers: int,
        key: Key,
        init: Callable[[int], Any] | None,
    ) -> None:
        self._fetcher = copy.copy(fetcher)
        self._place = place
        self._worker = worker
        self._pool = ThreadPoolExecutor(1, _NAME)
        self._started = self._pool.submit(self._fetcher.start, worker, workers, key, init)
        self._waiting: deque[Future[Any]] = deque()
        self._stopped = threading.Event()

    def submit(self, task: Task) -> None:
        """Hands over a task."""
        self._waiting.append(self._pool.submit(self._work, task, self._stopped))

    def result(self, timeout: float) -> Any:
        """Waits for the next batch."""
        batch = self._waiting.popleft()
        if timeout and not wait([batch], timeout).done:
            raise timed_out(self._worker, timeout)
        self._started.result()
        return batch.result()

    def cancel(self) -> bool:
        """Drops all tasks; the thread can always be kept."""
        self._stopped.set()
        for future in self._waiting:
            future.cancel()
        self._waiting.clear()
        self._stopped = threading.Event()
        return True

    def close(self) -> None:
        """Ends the thread when it is done with the sample that it is at."""
        self._stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self, task: Task, stopped: threading.Event) -> Any:
        batch = self._fetcher.fetch(task, stopped.is_set)
        return batch if isinstance(batch, Mark) else self._place(batch)


class Prefetch(Generic[T]):
    """Walks an iterable in a thread, some items ahead of the loop over it.

    Items come in order, and an error of the iterable is raised in the loop with its own traceback.
    Every loop starts a new thread; leaving it ends the thread after the item that it is at.

    Args:
        iterable: what to walk, such as a generator that reads files.
        size: items that are kept ready.

    Raises:
        DataError: for a size below 1.

    Example:
        >>> list(Prefetch(range(3), size=2))
        [0, 1, 2]
    """

    def __init__(self, iterable: Iterable[T], size: int = 2) -> None:
        if size < 1:
            raise DataError(f"Prefetch: size must be at least 1, got {size}")
        self.iterable = iterable
        self.size = size

    def __len__(self) -> int:
        """Returns the length of the iterable, if it has one."""
        iterable: Any = self.iterable
        return len(iterable)

    def __iter__(self) -> Iterator[T]:
        """Starts the walk."""
        return walk_ahead(iter(self.iterable), self.size)


def walk_ahead(source: Iterator[T], size: int, join: bool = False) -> Generator[T, None, None]:
    """Yields the items of an iterator, which a thread walks `size` items ahead.

    With `join`, closing the generator waits until the thread is done with its item.
    """
    pool = ThreadPoolExecutor(1, _NAME)
    waiting: deque[Future[Any]] = deque()
    try:
        while True:
            while len(waiting) < size:
                waiting.append(pool.submit(next, source, _END))
            item = waiting.popleft().result()
            if item is _END:
                return
            waiting.append(pool.submit(next, source, _END))
            yield item
    finally:
        pool.shutdown(wait=join, cancel_futures=True)
