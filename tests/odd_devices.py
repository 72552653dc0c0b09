"""OpenCL devices that pass for something else: for a GPU, or with guarded memory.

Both are opened beside the device that they stand for, with programs and memory of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from tinygrad_cl.lowering import DeviceTraits
from tinygrad_cl.runtime import device as devices
from tinygrad_cl.runtime import discovery
from tinygrad_cl.runtime import opencl as room
from tinygrad_cl.runtime.memory import Block, Buffer, aligned
from tinygrad_cl.runtime.opencl import OpenCLDevice

GUARD = 1024  # bytes on either side of every buffer
POISON = 0xFF  # NaN as a float, -1 as an integer


class GuardedDevice(OpenCLDevice):
    """Every buffer has exactly its size and lies between bytes that must not change.

    Nothing is used twice: what was asked for is kept until `check`. Memory begins as NaN.
    """

    kept: list[tuple[np.ndarray[Any, np.dtype[np.uint8]], int]]
    retired: dict[Block, Block]

    def allocate(self, nbytes: int) -> Buffer:
        """Returns a buffer between two guards."""
        whole = aligned(nbytes + 2 * GUARD)
        whole[:] = POISON
        mine = whole[GUARD : GUARD + max(nbytes, 1)]
        handle = room.cl.Buffer(self.context, room._SHARED, hostbuf=mine)
        self.kept.append((whole, nbytes))
        return Buffer(self, nbytes, handle, mine, Block(nbytes, self.retired, handle, mine))

    def renew(self, sizes: Sequence[int], blocks: list[Block | None]) -> list[Buffer]:
        """Returns new buffers."""
        return [self.allocate(size) for size in sizes]

    def wrap(self, array: Any) -> Buffer:
        """Returns a guarded copy: arrays of users have no guards."""
        return self.upload(np.ascontiguousarray(array))

    def check(self) -> int:
        """Returns how many buffers were looked at; forgets them.

        Raises:
            AssertionError: if a guard has changed.
        """
        self.synchronize()
        for whole, nbytes in self.kept:
            before, after = whole[:GUARD], whole[GUARD + nbytes :]
            assert (before == POISON).all(), f"written before a buffer of {nbytes} bytes"
            changed = np.flatnonzero(after != POISON)
            assert not changed.size, f"written {changed[:8]} bytes behind one of {nbytes} bytes"
        count = len(self.kept)
        self.kept = [(whole, n) for whole, n in self.kept if n == 0 or _is_used(self, whole)]
        self.retired.clear()
        return count


def _is_used(device: GuardedDevice, whole: Any) -> bool:
    """Whether no buffer that died has this memory."""
    start = whole.ctypes.data + GUARD
    return all(block.array.ctypes.data != start for block in device.retired)


def traits_as(kind: str, traits: DeviceTraits) -> DeviceTraits:
    """The traits of a device, with registers of four lanes ("narrow"), or of a small "gpu"."""
    if kind == "narrow":
        return replace(traits, vector=4)
    if kind != "gpu":
        return traits
    small = {"units": 8, "max_work_group": 256, "local_memory": 32768}
    return replace(traits, kind="gpu", vector=4, **small)


@cache
def as_gpu(name: str) -> Any:
    """A device beside the named one that says that it is a GPU and copies its memory."""
    candidate = discovery.choose(name.partition(":")[2])
    verdict = discovery.Verdict(True, "")
    made = discovery._open(candidate, verdict, discovery.disk_cache())
    made.name, made.kind = f"{name} as a GPU", "gpu"
    made.traits = traits_as("gpu", made.traits)
    return made


@cache
def without_shuffles(name: str) -> Any:
    """A device beside the named one that passes for a GPU whose sub-groups cannot shuffle."""
    made = as_gpu.__wrapped__(name)
    made.name, made.traits = f"{made.name} without shuffles", replace(made.traits, shuffles=False)
    return made


@cache
def guarded(name: str, kind: str) -> Any:
    """A guarded device beside the named one; `kind` is "cpu", "narrow" or "gpu"."""
    candidate = discovery.choose(name.partition(":")[2])
    traits = traits_as(kind, discovery.traits_of(candidate))
    cache_, limit = discovery.disk_cache(), discovery._memory_limit(candidate)
    given = (traits, True, limit, cache_, discovery.identity(candidate))
    made = GuardedDevice(f"{name} guarded, as {kind}", candidate.handle, *given)
    made.kept, made.retired = [], {}
    return made


@contextmanager
def registered(device: Any) -> Iterator[str]:
    """Lets tensors be made on a device under its name."""
    devices._registry.opened[device.name] = device
    try:
        yield device.name
    finally:
        del devices._registry.opened[device.name]


@pytest.fixture
def gpu(opencl_device: str) -> Iterator[str]:
    """The name of a device that passes for a GPU."""
    with registered(as_gpu(opencl_device)) as name:
        yield name
