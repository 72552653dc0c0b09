"""The workers of a `DataLoader`: started, kept from epoch to epoch, ended."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tinygrad_cl.data.fetching import Fetcher, Task, in_turn
from tinygrad_cl.data.processes import METHODS, ProcessWorker
from tinygrad_cl.data.randomness import Key
from tinygrad_cl.data.threads import ThreadWorker, walk_ahead

Place = Callable[[Any], Any]


@dataclass
class Crew:
    """How many workers of which kind, and those that are idle.

    Attributes:
        number: of workers.
        processes: whether they are processes.
        method: how processes start; None for the default.
        ahead: batches that each keeps ready.
        timeout: seconds to wait for a batch; 0 for ever.
        init: is called with the worker's number in each worker, first.
        persistent: whether workers outlive an epoch.
    """

    number: int
    processes: bool
    method: str | None
    ahead: int
    timeout: float
    init: Callable[[int], Any] | None
    persistent: bool
    _idle: list[Any] = field(default_factory=list)

    def work(
        self, fetcher: Fetcher, tasks: Iterator[Task], key: Key, place: Place
    ) -> Iterator[Any]:
        """Yields the batches of tasks in order, on the device, prepared ahead of the loop."""
        workers = self._take(fetcher, key, place)
        run = self._processes if self.processes else self._threads
        batches = run(workers, tasks, place)
        try:
            yield from batches
        except Exception:
            _close(workers)
            raise
        finally:
            self._give_back(workers)

    def close(self) -> None:
        """Ends the idle workers."""
        _close(self._idle)

    def _threads(self, workers: list[Any], tasks: Iterator[Task], place: Place) -> Iterator[Any]:
        return in_turn(workers, tasks, self.ahead, self.timeout)

    def _processes(self, workers: list[Any], tasks: Iterator[Task], place: Place) -> Iterator[Any]:
        """A thread of this process reads the pipes and uploads."""
        raw = map(place, in_turn(workers, tasks, self.ahead, self.timeout))
        with contextlib.ExitStack() as leaving:
            placed = walk_ahead(raw, self.ahead, join=True)
            leaving.callback(placed.close)
            for worker in workers:  # first of all, so that the thread waits for none
                leaving.callback(worker.leave)
            while (batch := next(placed, _END)) is not _END:  # `yield from` would close it first
                yield batch

    def _take(self, fetcher: Fetcher, key: Key, place: Place) -> list[Any]:
        """Returns the idle workers, or new ones."""
        workers, self._idle = self._idle, []
        try:
            for at in range(len(workers), self.number):
                if self.processes:
                    method = self.method or METHODS[0]
                    new: Any = ProcessWorker(fetcher, at, self.number, key, self.init, method)
                else:
                    new = ThreadWorker(fetcher, place, at, self.number, key, self.init)
                workers.append(new)
        except BaseException:
            _close(workers)
            raise
        return workers

    def _give_back(self, workers: list[Any]) -> None:
        """Keeps workers for the next epoch, or ends them."""
        wanted = self.persistent and not self._idle
        fit = [worker.cancel() for worker in workers] if wanted else [False]
        if all(fit):
            self._idle = workers
        else:
            _close(workers)


_END = object()


def _close(workers: list[Any]) -> None:
    while workers:
        workers.pop().close()
