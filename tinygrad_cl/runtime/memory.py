"""Buffers, the pool that they come from, and the arena of scratch memory.

The pool keeps freed blocks by size class, four classes to each power of two, and hands the last
freed block out first: it is the one still in the cache. Every block is 64 bytes longer than asked
for, so that a vector load at an edge stays inside. Commands of a device run in order, so a block
may be handed out again while commands that use its old content are still queued.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tinygrad_cl.errors import DeviceMemoryError

if TYPE_CHECKING:
    from tinygrad_cl.runtime.base import Device

Bytes = npt.NDArray[np.uint8]

OVER_ALLOCATION = 64  # bytes behind every block that a vector load may touch
ALIGNMENT = 128  # of blocks in host memory and of regions: what OpenCL may ask of a sub-buffer
_SMALLEST = 128
_PENDING = 1 << 24  # bytes, and blocks, of a class that may wait for the device
_PENDING_BLOCKS = 256
_INDEX_SIZE = 1 << 16
_HOST_SHARE = 0.8
_UNKNOWN_MEMORY = 1 << 33  # assumed where the system does not say


class Retirement(Protocol):
    """Where a block goes when its buffer dies: the free blocks of a class, in most cases."""

    def __setitem__(self, block: Block, same: Block, /) -> None:
        """Takes the block."""


class Block:
    """Memory that outlives the buffer which shows it, and the place to which it returns then.

    Attributes:
        used: how many commands the device had been given when the last buffer died.
    """

    __slots__ = ("array", "capacity", "free", "handle", "used")

    def __init__(self, capacity: int, free: Retirement, handle: Any, array: Bytes | None) -> None:
        self.used = 0
        self.capacity = capacity
        self.free = free
        self.handle = handle
        self.array = array


Free = dict[Block, Block]  # free blocks, the last freed one last


class Buffer:
    """Memory of one device; returns to its pool when nobody holds it any more.

    Attributes:
        device: where it lives.
        nbytes: its size as asked for.
        handle: the OpenCL buffer; None on the host.
        array: its bytes in host memory, on the host and on zero-copy devices; else None.
        foreign: True if the memory belongs to somebody else (a user's array, an arena): never write
            to it without being asked to.
    """

    __slots__ = ("__weakref__", "array", "block", "device", "foreign", "handle", "nbytes", "owner")

    def __init__(
        self,
        device: Device,
        nbytes: int,
        handle: Any,
        array: Bytes | None,
        block: Block | None,
        foreign: bool = False,
        owner: object = None,
    ) -> None:
        self.block = block
        self.device = device
        self.nbytes = nbytes
        self.handle = handle
        self.array = array
        self.owner = owner
        self.foreign = foreign

    def __del__(self) -> None:
        block = self.block
        if block is not None:
            block.used = self.device.commands
            block.free[block] = block

    def __repr__(self) -> str:
        return f"<buffer of {self.nbytes} bytes on {self.device}>"


class MemoryStats(NamedTuple):
    """What a pool holds, in bytes.

    Attributes:
        held: taken from the system, in use or not.
        used: of that, in use by living buffers.
        peak: the largest `held` so far.
        limit: what may be held.
        live: the number of living buffers.
    """

    held: int
    used: int
    peak: int
    limit: int
    live: int


def size_class(nbytes: int) -> int:
    """Returns the capacity of the block for `nbytes` bytes: at most a quarter larger than needed.

    Example:
        >>> size_class(0), size_class(1000), size_class(4096)
        (128, 1280, 5120)
    """
    need = nbytes + OVER_ALLOCATION
    if need <= _SMALLEST:
        return _SMALLEST
    step = 1 << max((need - 1).bit_length() - 3, 5)
    return -(-need // step) * step


def aligned(nbytes: int) -> Bytes:
    """Returns uninitialized host memory whose address is a multiple of `ALIGNMENT`."""
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + nbytes]


def host_memory() -> tuple[int, int]:
    """Returns the bytes of memory that this process may have at all, and those available now."""
    total = _pages("SC_PHYS_PAGES")
    available = _pages("SC_AVPHYS_PAGES")
    try:  # free pages leave out the file cache, which the system gives up on demand
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                available = int(line.split()[1]) * 1024
        group = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        total = min(total, int(group)) if group.isdecimal() else total
    except (OSError, ValueError):
        pass
    return total, min(total, available)


def _pages(name: str) -> int:
    if name not in getattr(os, "sysconf_names", {}):
        return _UNKNOWN_MEMORY
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf(name)


def host_limit() -> int:
    """Returns the bytes that the buffers of a device in host memory may hold."""
    return int(host_memory()[0] * _HOST_SHARE)


class Pool:
    """The buffers of one device.

    Args:
        device: the device, for its lock and for messages.
        new: `new(capacity)` returns the OpenCL buffer and the host memory of a new block; raises
            MemoryError.
        limit: bytes that may be held.
        largest: bytes of the largest single allocation.
    """

    def __init__(
        self,
        device: Device,
        new: Callable[[int], tuple[Any, Bytes | None]],
        limit: int,
        largest: int,
    ) -> None:
        self.device = device
        self.limit = limit
        self.largest = largest
        self._new = new
        self._classes: dict[int, Free] = {}
        self._index: dict[int, Free] = {}  # the free blocks for each size seen
        self._held = 0
        self._peak = 0
        self._blocks = 0

    def allocate(self, nbytes: int) -> Buffer:
        """Returns a buffer of `nbytes` bytes with arbitrary content.

        Raises:
            DeviceMemoryError: if there is no room, or the device makes no buffer of that size.
        """
        try:
            block = self._index[nbytes].popitem()[0]
        except KeyError:
            block = self._take(nbytes)
        return Buffer(self.device, nbytes, block.handle, block.array, block)

    def renew(self, sizes: Sequence[int], blocks: list[Block | None]) -> list[Buffer]:
        """Returns buffers, in the blocks of the last time where these are free: `Device.renew`."""
        device, made = self.device, []
        for at, block in enumerate(blocks):
            size = sizes[at]
            if block is None or block.free.pop(block, None) is None:  # type: ignore[attr-defined]
                made.append(self.allocate(size))
                blocks[at] = made[-1].block
            else:
                made.append(Buffer(device, size, block.handle, block.array, block))
        return made

    def allocate_unused(self, nbytes: int) -> Buffer | None:
        """Returns a buffer that no queued command uses; None if too many blocks are in the queue.

        It is the one freed first: the last freed ones are those most likely still in use.
        """
        device = self.device
        with device.lock:
            capacity = min(size_class(nbytes), self.largest)
            free = self._classes.setdefault(capacity, {})
            try:
                oldest = next(iter(free), None)
            except RuntimeError:  # another thread has freed a buffer in between
                oldest = None
            if oldest is not None and device.has_done(oldest.used):
                block = free.pop(oldest)
            elif (
                len(free) * capacity >= _PENDING
                or len(free) >= _PENDING_BLOCKS
                or self._held + capacity > self.limit
            ):
                return None
            else:
                block = self._make(nbytes, capacity, free)
        return Buffer(device, nbytes, block.handle, block.array, block)

    def stats(self) -> MemoryStats:
        """Returns what the pool holds."""
        with self.device.lock:
            # `list`: other threads may free buffers meanwhile.
            blocks = [block for found in self._classes.values() for block in list(found)]
            free = [block.capacity for block in blocks]
            used, live = self._held - sum(free), self._blocks - len(free)
            return MemoryStats(self._held, used, self._peak, self.limit, live)

    def trim(self) -> None:
        """Gives all free blocks back to the system."""
        with self.device.lock:
            self.device.finish()  # queued commands may still use the memory of freed blocks
            for plan in self.device.plans.values():
                plan.release()
            for found in self._classes.values():
                while found:
                    self._held -= found.popitem()[0].capacity
                    self._blocks -= 1

    def _take(self, nbytes: int) -> Block:
        with self.device.lock:
            if nbytes + OVER_ALLOCATION > self.largest:
                raise DeviceMemoryError(
                    f"a buffer of {_size(nbytes)} is more than {self.device} can allocate in one "
                    f"piece ({_size(self.largest)}); split the tensor, or use device='numpy'"
                )
            capacity = min(size_class(nbytes), self.largest)
            free = self._classes.setdefault(capacity, {})
            if len(self._index) >= _INDEX_SIZE:
                self._index.clear()
            self._index[nbytes] = free
            return free.popitem()[0] if free else self._make(nbytes, capacity, free)

    def _make(self, nbytes: int, capacity: int, free: Free) -> Block:
        memory = self._try(capacity)
        if memory is None:
            gc.collect()
            self.trim()
            memory = self._try(capacity)
        if memory is None:
            raise DeviceMemoryError(self._explain(nbytes))
        self._held += capacity
        self._peak = max(self._peak, self._held)
        self._blocks += 1
        return Block(capacity, free, *memory)

    def _try(self, capacity: int) -> tuple[Any, Bytes | None] | None:
        if self._held + capacity > self.limit:
            return None
        try:
            return self._new(capacity)
        except MemoryError:
            return None

    def _explain(self, nbytes: int) -> str:
        stats = self.stats()
        lines = [
            f"no room for a buffer of {_size(nbytes)} on {self.device}: {stats.live} living "
            f"buffers hold {_size(stats.used)} of {_size(stats.limit)}; free some or use smaller "
            "batches",
            *_holders(self.device),
        ]
        return "\n  ".join(lines)


def _holders(device: Device, count: int = 8) -> list[str]:
    """Describes the largest living buffers of a device and the objects that hold them."""
    # By type: asking other objects for their class may run their code.
    living = [b for b in gc.get_objects() if type(b) is Buffer and b.device is device]
    living.sort(key=lambda b: b.nbytes, reverse=True)
    return [f"{_size(b.nbytes)} held by {_holder(b)}" for b in living[:count]]


def _holder(buffer: Buffer) -> str:
    for referrer in gc.get_referrers(buffer):
        if type(referrer).__module__.startswith("tinygrad_cl."):
            return repr(referrer)
    return "a plan or a program variable"


def _size(nbytes: int) -> str:
    if nbytes < 1 << 20:
        return f"{nbytes} bytes"
    return f"{nbytes / (1 << 20):,.1f} MiB"


class Arena:
    """Scratch memory of a device, shared by all plans: it only grows.

    Attributes:
        generation: grows when the memory moved; regions taken before then show the old memory,
            which lives as long as they do.
    """

    def __init__(self, device: Device) -> None:
        self.generation = 0
        self._device = device
        self._buffer: Buffer | None = None

    def __repr__(self) -> str:
        return f"the scratch arena of {self._device}"

    @property
    def nbytes(self) -> int:
        """The size of the arena."""
        return self._buffer.nbytes if self._buffer is not None else 0

    def reserve(self, nbytes: int) -> int:
        """Makes the arena at least `nbytes` long; returns the generation."""
        with self._device.lock:
            if self._buffer is None or nbytes > self._buffer.nbytes:
                self._buffer = None  # may be the very memory that the new one needs
                self._buffer = self._device.allocate(nbytes)
                self.generation += 1
            return self.generation

    def region(self, offset: int, nbytes: int) -> Buffer:
        """Returns the part of the arena at `offset` (a multiple of `ALIGNMENT`) as a buffer."""
        with self._device.lock:
            self.reserve(offset + nbytes)
            assert self._buffer is not None
            return self._device.region(self._buffer, offset, nbytes)
