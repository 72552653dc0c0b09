"""The device "numpy": host memory, computed with NumPy. Always there; the oracle of the tests."""

from __future__ import annotations

import os

import numpy as np

from tinygrad_cl.dtypes import DType
from tinygrad_cl.lowering import DeviceTraits
from tinygrad_cl.runtime.base import Array, Device
from tinygrad_cl.runtime.memory import Buffer, Bytes, aligned, host_limit, host_memory
from tinygrad_cl.shapes import Shape

_LARGE = 1 << 24  # blocks from this size on are compared with what the system has left


def new_host_block(capacity: int) -> Bytes:
    """Returns host memory for a block.

    Raises:
        MemoryError: if the system has less left; it would grant it and end the process later.
    """
    if capacity >= _LARGE and capacity > host_memory()[1]:
        raise MemoryError
    return aligned(capacity)


class HostDevice(Device):
    """Runs every op with its NumPy reference."""

    def __init__(self, memory_bytes: int = 0) -> None:
        limit = memory_bytes or host_limit()
        traits = DeviceTraits(kind="cpu", units=os.cpu_count() or 1)
        super().__init__("numpy", "host", f"NumPy {np.__version__}", traits, True, limit, limit)

    def _new_block(self, capacity: int) -> tuple[None, Bytes | None]:
        return None, new_host_block(capacity)

    def finish(self) -> None:
        """Does nothing: every command is done when it returns."""

    def upload(self, array: Array) -> Buffer:
        """Returns a buffer with a copy of `array`."""
        buffer = self.allocate(array.nbytes)
        np.copyto(np.ndarray(array.shape, array.dtype, buffer.array), array)
        return buffer

    def wrap(self, array: Array) -> Buffer:
        """Returns a buffer over the memory of a C-contiguous `array`, else over a copy."""
        if array.nbytes == 0 or not array.flags.c_contiguous or not array.flags.aligned:
            return self.upload(array)
        return Buffer(self, array.nbytes, None, array.reshape(-1).view(np.uint8), None, True, array)

    def view(self, buffer: Buffer, shape: Shape, dtype: DType) -> Array:
        """Returns a read-only array over the buffer's memory."""
        self.synchronize()
        return self._array_over(buffer, shape, dtype, True)

    def writable_view(self, buffer: Buffer, shape: Shape, dtype: DType) -> Array:
        """Returns an array over the buffer's memory."""
        self.synchronize()
        return self._array_over(buffer, shape, dtype, False)

    def write(self, buffer: Buffer, array: Array, offset: int = 0) -> None:
        """Copies `array` to `offset`."""
        np.copyto(np.ndarray(array.shape, array.dtype, buffer.array, offset), array)

    def copy(self, source: Buffer, target: Buffer, nbytes: int) -> None:
        """Copies the first `nbytes` bytes."""
        assert source.array is not None
        assert target.array is not None
        target.array[:nbytes] = source.array[:nbytes]

    def fill_zero(self, buffer: Buffer) -> None:
        """Fills a buffer with zero bytes."""
        assert buffer.array is not None
        buffer.array[: buffer.nbytes] = 0

    def region(self, buffer: Buffer, offset: int, nbytes: int) -> Buffer:
        """Returns a part of a buffer."""
        assert buffer.array is not None
        part = buffer.array[offset : offset + nbytes]
        return Buffer(self, nbytes, None, part, None, True, buffer)
