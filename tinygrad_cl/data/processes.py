"""Processes that prepare batches. They are spawned, and never touch OpenCL.

Parent and child talk through a pipe: a message is a pickle, and behind it the arrays in it, raw. A
thread of the child takes the parent's messages at once, so neither ever waits for the other to
read.
"""

from __future__ import annotations

import multiprocessing
import pickle
import queue
import random
import signal
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cl.data.collate import map_arrays
from tinygrad_cl.data.fetching import Fetcher, Mark, Task
from tinygrad_cl.data.randomness import Key, seeds_of
from tinygrad_cl.data.threads import timed_out
from tinygrad_cl.errors import DataError
from tinygrad_cl.functional.random import manual_seed
from tinygrad_cl.runtime.device import use_host_alone

METHODS = ("spawn", "forkserver")

_LOOK_EVERY = 0.1  # seconds; how often a waiting parent looks whether to stop
_PATIENCE = 3.0  # seconds for a child to end, or to end its sample, by itself


class WorkerTraceback(Exception):  # it is shown as the cause of an error
    """What a worker process printed of its error; the cause of the error raised in the loop."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n\n{self.text}"


class _Failure(NamedTuple):
    """An error of a child on its way to the parent; None if it cannot be pickled."""

    pickled: bytes | None
    summary: str
    text: str


class ProcessWorker:
    """A spawned process that prepares batches.

    Args:
        fetcher: what prepares them; pickled.
        worker: which worker it is.
        workers: of how many.
        key: of its seed.
        init: is called with `worker` in the process, first; pickled.
        method: how the process is started, one of `METHODS`.

    Raises:
        DataError: if the data set or a function cannot be pickled.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        worker: int,
        workers: int,
        key: Key,
        init: Callable[[int], Any] | None,
        method: str = "spawn",
    ) -> None:
        self._worker = worker
        self._pending = 0
        self._closed = False
        packed = _packed((fetcher, worker, workers, key, init), "DataLoader")
        context: Any = multiprocessing.get_context(method)
        self._connection, other = context.Pipe()
        self.process = context.Process(
            target=_child, args=(other,), name=f"tinygrad_cl.data.{worker}", daemon=True
        )
        self.process.start()
        other.close()  # the end of the child is then the end of the pipe
        self._send(packed)

    def submit(self, task: Task) -> None:
        """Hands over a task."""
        self._send(_packed(task, "DataLoader"))
        self._pending += 1

    def result(self, timeout: float) -> Any:
        """Waits for the next batch."""
        until = time.monotonic() + timeout
        try:
            while not self._connection.poll(_LOOK_EVERY):
                if self._closed:
                    return Mark.STOPPED
                if timeout and time.monotonic() > until:
                    raise timed_out(self._worker, timeout)
            answer = _receive(self._connection)
        except (EOFError, OSError) as error:
            raise self._died() from error
        self._pending -= 1
        self._raise_failure(answer)
        return answer

    def cancel(self) -> bool:
        """Drops all tasks; tells whether the process is soon done with the sample it is at."""
        self._closed = False
        try:
            self._connection.send_bytes(_packed(None, "DataLoader")[0])
            while self._pending:
                if not self._connection.poll(_PATIENCE):
                    return False
                _receive(self._connection)
                self._pending -= 1
        except (EOFError, OSError):
            return False
        return True

    def leave(self) -> None:
        """Makes another thread that waits for a result return."""
        self._closed = True

    def close(self) -> None:
        """Ends the process."""
        self._closed = True
        self.process.terminate()
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
        self._connection.close()

    def _send(self, packed: list[Any]) -> None:
        try:
            for part in packed:
                self._connection.send_bytes(part)
        except OSError as error:
            if self._connection.poll():  # what it said before it ended tells more
                self._raise_failure(_receive(self._connection))
            raise self._died() from error

    def _died(self) -> DataError:
        self.process.join(_PATIENCE)
        return DataError(
            f"DataLoader: worker process {self._worker} ended with exit code "
            f"{self.process.exitcode}; if it never started, put the script's work under "
            "`if __name__ == '__main__':`; if it was killed, it may have taken too much memory"
        )

    def _raise_failure(self, answer: Any) -> None:
        if not isinstance(answer, _Failure):
            return
        error: Exception = DataError(f"DataLoader: worker {self._worker}: {answer.summary}")
        if answer.pickled is not None:
            error = pickle.loads(answer.pickled)
        raise error from WorkerTraceback(answer.text)


def _packed(value: Any, op: str) -> list[Any]:
    """Returns the parts of a message."""
    buffers: list[pickle.PickleBuffer] = []
    try:
        head = pickle.dumps(value, 5, buffer_callback=buffers.append)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise DataError(
            f"{op}: worker_type='process' needs a data set, functions and samples that can be "
            f"pickled, no lambdas and open files: {error}"
        ) from error
    raws = [buffer.raw() for buffer in buffers]
    return [pickle.dumps((head, [raw.nbytes for raw in raws])), *(r for r in raws if r.nbytes)]


def _receive(connection: Connection) -> Any:
    head, sizes = pickle.loads(connection.recv_bytes())
    buffers = [np.empty(size, np.uint8) for size in sizes]
    for buffer in buffers:
        if buffer.nbytes:
            connection.recv_bytes_into(buffer.data)
    return pickle.loads(head, buffers=buffers)


class _Inbox:
    """The tasks of a child, taken from the pipe by a thread as they come."""

    def __init__(self, connection: Connection) -> None:
        self.tasks: queue.SimpleQueue[tuple[Any, int]] = queue.SimpleQueue()
        self.cancelled = 0  # how often the parent has dropped its tasks
        self._connection = connection
        self.open = True
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while True:
                message = _receive(self._connection)
                if message is None:
                    self.cancelled += 1
                else:
                    self.tasks.put((message, self.cancelled))
        except (EOFError, OSError):  # the parent has ended
            self.open = False
            self.cancelled += 1
            self.tasks.put((None, 0))


def _child(connection: Connection) -> None:
    """What runs in the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair
    use_host_alone("worker processes of a DataLoader compute with NumPy alone")
    try:
        fetcher, worker, workers, key, init = _receive(connection)
        fetcher.start(worker, workers, key, init)
    except (EOFError, OSError):
        return
    except Exception as error:
        _answer(connection, _failure(error))
        return
    inbox = _Inbox(connection)
    while inbox.open or not inbox.tasks.empty():
        task, cancelled = inbox.tasks.get()
        if task is None or not _answer(connection, _work(fetcher, task, inbox, cancelled)):
            return


def _work(fetcher: Fetcher, task: Task, inbox: _Inbox, cancelled: int) -> Any:
    """Returns a batch, a mark or a failure."""

    def stopped() -> bool:
        return inbox.cancelled != cancelled

    if stopped():
        return Mark.STOPPED
    seeds = seeds_of((*task.key, task.number + 1), 3)
    random.seed(seeds[0])
    np.random.seed(seeds[1])
    manual_seed(seeds[2])
    try:
        return _on_host(fetcher.fetch(task, stopped))
    except Exception as error:
        return _failure(error)


def _on_host(batch: Any) -> Any:
    """A batch with arrays where it has tensors."""
    return map_arrays(batch, lambda array: array, tensors=lambda t: t.detach().numpy())


def _answer(connection: Connection, value: Any) -> bool:
    """Sends an answer; tells whether the parent is there."""
    try:
        try:
            parts = _packed(value, "DataLoader")
        except Exception as error:
            parts = _packed(_failure(error), "DataLoader")
        for part in parts:
            connection.send_bytes(part)
    except OSError:
        return False
    return True


def _failure(error: Exception) -> _Failure:
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    summary = "".join(traceback.format_exception_only(type(error), error)).strip()
    try:
        pickled = pickle.dumps(error)
        pickle.loads(pickled)
    except Exception:
        pickled = None
    return _Failure(pickled, summary, text)
