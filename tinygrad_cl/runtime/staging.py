"""Copies of host data that queued writes have yet to read."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from tinygrad_cl.runtime.memory import Bytes, size_class

_SMALL = 4096  # up to this size a fresh array is cheaper than a kept one
_COUNT = 256  # writes that may be pending
_BYTES = 1 << 24  # bytes that may be pending


class Staging:
    """Keeps the sources of queued writes, and reuses their memory: fresh pages are dear."""

    def __init__(self) -> None:
        self._pending: deque[tuple[Any, Bytes]] = deque()
        self._pending_bytes = 0
        self._free: dict[int, list[Bytes]] = {}

    def copy(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Returns a contiguous copy of `array`."""
        nbytes = array.nbytes
        if nbytes <= _SMALL:
            return array.copy("C")
        free = self._free.get(size_class(nbytes))
        memory = free.pop() if free else np.empty(size_class(nbytes), np.uint8)
        staged = np.ndarray(array.shape, array.dtype, memory)
        np.copyto(staged, array)
        return staged

    def keep(self, event: Any, staged: np.ndarray[Any, Any]) -> None:
        """Keeps a copy until `event` is complete; waits if too many are kept.

        The event is kept as well: pyopencl waits for it when it is dropped.
        """
        memory = staged if staged.base is None else staged.base
        self._pending.append((event, memory))
        self._pending_bytes += memory.nbytes
        while len(self._pending) > _COUNT or self._pending_bytes > _BYTES:
            self._pending[0][0].wait()
            self._release()

    def release_all(self) -> None:
        """Takes the memory of all copies back: every queued write is done."""
        while self._pending:
            self._release()

    def _release(self) -> None:
        _, memory = self._pending.popleft()
        self._pending_bytes -= memory.nbytes
        if memory.nbytes > _SMALL:
            self._free.setdefault(memory.nbytes, []).append(memory)
