"""What every device can do. `host.py` and `opencl.py` hold the two kinds."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_cl.dtypes import DType, bfloat16
from tinygrad_cl.errors import DeviceError
from tinygrad_cl.lowering import DeviceTraits, flag_name
from tinygrad_cl.runtime.memory import Arena, Block, Buffer, Bytes, MemoryStats, Pool
from tinygrad_cl.shapes import Shape

Array = npt.NDArray[Any]

_FLAGS_BYTES = 16  # int[4]: code of the op, index, size, unused

_DEVICES: weakref.WeakSet[Device] = weakref.WeakSet()


class Device(ABC):
    """Memory and a queue of commands that run in order.

    Attributes:
        name: as `get_device` takes it: "numpy", "opencl:0".
        kind: "host", "cpu" or "gpu".
        description: platform and device, for people.
        traits: what templates may know of it.
        zero_copy: True if its buffers are host memory.
        lock: held while something that several threads share is changed.
        plans: the engine's plans for this device.
        kernel_programs: the program that holds each kernel built so far, by the kernel's name.
        arena: scratch memory shared by all plans.
        kernels_compiled: kernels compiled from source; 0 where there are none.
        kernels_launched: launches so far.
        commands: launches, copies and fills so far.
        flags_armed: set when a kernel was launched that may report a bad index; `synchronize`
            clears it.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        description: str,
        traits: DeviceTraits,
        zero_copy: bool,
        limit: int,
        largest: int,
    ) -> None:
        self.name = name
        self.kind = kind
        self.description = description
        self.traits = traits
        self.zero_copy = zero_copy
        self.lock = threading.RLock()
        self.plans: dict[Any, Any] = {}
        self.kernel_programs: dict[str, Any] = {}
        self.pool = Pool(self, self._new_block, limit, largest)
        self.arena = Arena(self)
        self.kernels_compiled = self.kernels_launched = self.commands = 0
        self.flags_armed = False
        self._flags: Buffer | None = None
        self._process = os.getpid()
        _DEVICES.add(self)

    def __repr__(self) -> str:
        return f"<device {self.name}: {self.description}>"

    def __str__(self) -> str:
        return self.name

    @property
    def type(self) -> str:
        """The kind in PyTorch's words: "cpu" for the host and its OpenCL device, else "gpu"."""
        return "cpu" if self.kind in ("host", "cpu") else self.kind

    def allocate(self, nbytes: int) -> Buffer:
        """Returns a buffer with arbitrary content.

        Raises:
            DeviceMemoryError: if there is no room, or the device makes no buffer of that size.
        """
        return self.pool.allocate(nbytes)

    def allocate_unused(self, nbytes: int) -> Buffer | None:
        """Returns a buffer that no queued command uses, so that the host may write to it at once.

        None if the device's memory is not the host's, or if too much would wait in the queue.
        """
        return self.pool.allocate_unused(nbytes) if self.zero_copy else None

    def has_done(self, commands: int) -> bool:
        """Whether that many commands, from the first, are known to be done."""
        return True

    def renew(self, sizes: Sequence[int], blocks: list[Block | None]) -> list[Buffer]:
        """Returns a buffer of each size, in the same blocks as the last time where they are free.

        Args:
            sizes: in bytes.
            blocks: those of the last time; brought up to date.

        Raises:
            DeviceMemoryError: as `allocate` does.
        """
        return self.pool.renew(sizes, blocks)

    @property
    def flags(self) -> Buffer:
        """The `int[4]` buffer in which kernels report a bad index: code of the op, index, size."""
        if self._flags is None:
            with self.lock:
                flags = self.allocate(_FLAGS_BYTES)
                self.fill_zero(flags)
                self._flags = flags
        return self._flags

    def memory_stats(self) -> MemoryStats:
        """Returns how many bytes and buffers the device holds."""
        return self.pool.stats()

    def supports(self, dtype: DType) -> bool:
        """Tells whether kernels of this device can compute with `dtype`."""
        return dtype.name != "float64" or self.traits.double

    def synchronize(self) -> None:
        """Waits until all commands are done.

        Raises:
            IndexError: if a kernel met an index out of range; names the op, the index and the size.
        """
        with self.lock:
            self.finish()
            if self.flags_armed:
                self._check_flags()

    def item(self, buffer: Buffer, dtype: DType) -> Any:
        """Waits, and returns the first element as a Python number."""
        if buffer.array is None:
            return self.view(buffer, (), dtype).item()
        self.synchronize()
        return np.ndarray((), dtype.numpy, buffer.array).item()

    def _check_flags(self) -> None:
        self.flags_armed = False
        flags = self._flags
        if flags is None:
            return
        code, index, size, _ = self._read_flags(flags).tolist()
        if code:
            self.fill_zero(flags)
            raise IndexError(
                f"{flag_name(code)}: index {index} is out of range for a dim of size {size}"
            )

    def _read_flags(self, flags: Buffer) -> Array:
        assert flags.array is not None
        return flags.array[:_FLAGS_BYTES].view(np.int32)

    def _array_over(self, buffer: Buffer, shape: Shape, dtype: DType, read_only: bool) -> Array:
        """Returns the bytes of a buffer in host memory as an array that keeps the buffer alive."""
        assert buffer.array is not None
        address = buffer.array.__array_interface__["data"][0]
        holder = _Holder()
        holder.buffer = buffer
        holder.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": dtype.numpy.str,
            "data": (address, read_only),
        }
        array = np.asarray(holder)  # of bfloat16 it knows the size only
        return array.view(dtype.numpy) if dtype is bfloat16 else array

    @abstractmethod
    def _new_block(self, capacity: int) -> tuple[Any, Bytes | None]:
        """Returns the OpenCL buffer and the host memory of a new block; raises MemoryError."""

    @abstractmethod
    def finish(self) -> None:
        """Waits until all commands are done, and looks at no flags."""

    @abstractmethod
    def upload(self, array: Array) -> Buffer:
        """Returns a buffer with a copy of `array`."""

    @abstractmethod
    def wrap(self, array: Array) -> Buffer:
        """Returns a buffer that shares the memory of `array` where it can, else a copy.

        The caller must not change `array` afterwards.
        """

    @abstractmethod
    def view(self, buffer: Buffer, shape: Shape, dtype: DType) -> Array:
        """Waits, and returns the content as a read-only array.

        There is no copy where the memory is the host's.
        """

    @abstractmethod
    def writable_view(self, buffer: Buffer, shape: Shape, dtype: DType) -> Array:
        """Waits, and returns the memory itself as an array.

        Raises:
            DeviceError: if the memory is not the host's.
        """

    @abstractmethod
    def write(self, buffer: Buffer, array: Array, offset: int = 0) -> None:
        """Copies a small contiguous `array` to `offset` (bytes), in order with other commands."""

    @abstractmethod
    def copy(self, source: Buffer, target: Buffer, nbytes: int) -> None:
        """Copies the first `nbytes` bytes between two buffers of this device."""

    @abstractmethod
    def fill_zero(self, buffer: Buffer) -> None:
        """Fills a buffer with zero bytes."""

    @abstractmethod
    def region(self, buffer: Buffer, offset: int, nbytes: int) -> Buffer:
        """Returns a part of a buffer as a buffer that keeps the whole alive."""

    def _after_fork(self) -> None:
        self.lock = threading.RLock()  # another thread of the parent may have held the old one

    def _refuse_fork(self) -> DeviceError:
        return DeviceError(
            f"{self.name} was opened in process {self._process} and cannot be used in its forked "
            f"child {os.getpid()}; start workers with multiprocessing's 'spawn', or use "
            "device='numpy' in them"
        )


class _Holder:
    """Lends a buffer's memory to an array and stays alive with it."""

    __slots__ = ("__array_interface__", "buffer")
    buffer: Buffer
    __array_interface__: dict[str, Any]


def _after_fork_in_child() -> None:
    for device in list(_DEVICES):
        device._after_fork()


@atexit.register
def _finish_all() -> None:
    """Lets queued kernels end before the memory that they work on is freed."""
    for device in list(_DEVICES):
        with contextlib.suppress(Exception):
            device.finish()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
