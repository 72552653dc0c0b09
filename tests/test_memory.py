"""The pool of buffers, regions and the arena.   Shared helpers: tests/runtime_devices.py."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runtime_devices import any_device as any_device
from runtime_devices import cl_device as cl_device
from runtime_devices import ints, slow

from tinygrad_cl import dtypes
from tinygrad_cl.errors import DeviceError, DeviceMemoryError
from tinygrad_cl.runtime import memory
from tinygrad_cl.runtime.host import HostDevice
from tinygrad_cl.runtime.memory import size_class

# Pool


@given(st.integers(0, 1 << 34))
def test_size_classes(nbytes: int) -> None:
    capacity = size_class(nbytes)
    need = nbytes + memory.OVER_ALLOCATION
    assert need <= capacity <= max(128, need * 5 // 4)
    assert size_class(capacity - memory.OVER_ALLOCATION) == capacity


def test_there_are_four_size_classes_to_a_power_of_two() -> None:
    classes = {size_class(n) for n in range(1 << 14, 1 << 15)}
    assert len(classes) == 5


def test_blocks_are_reused_last_in_first_out(any_device: Any) -> None:
    buffers = [any_device.allocate(5000) for _ in range(3)]
    blocks = [buffer.block for buffer in buffers]
    held = any_device.memory_stats().held
    del buffers[2]
    del buffers[0]
    again = [any_device.allocate(4990), any_device.allocate(5010)]
    assert [buffer.block for buffer in again] == [blocks[0], blocks[2]]
    assert any_device.memory_stats().held == held


def test_accounting() -> None:
    device = HostDevice()
    assert device.memory_stats()[:3] == (0, 0, 0)
    a, b = device.allocate(1000), device.allocate(0)
    stats = device.memory_stats()
    assert (stats.held, stats.used, stats.live) == (1280 + 128, 1280 + 128, 2)
    del a
    stats = device.memory_stats()
    assert (stats.held, stats.used, stats.peak, stats.live) == (1408, 128, 1408, 1)
    device.pool.trim()
    assert device.memory_stats()[:3] == (128, 128, 1408)
    assert b.nbytes == 0


def test_blocks_are_longer_than_asked_for(any_device: Any) -> None:
    for nbytes in (0, 1, 64, 128, 5000):
        buffer = any_device.allocate(nbytes)
        assert buffer.block.capacity >= nbytes + 64
        if any_device.zero_copy:
            assert buffer.array.nbytes == buffer.block.capacity
            assert buffer.array.ctypes.data % memory.ALIGNMENT == 0


class Owner:
    """Stands for a tensor: an object of the library that holds a buffer."""

    __module__ = "tinygrad_cl.somewhere"

    def __init__(self, buffer: Any) -> None:
        self.buffer = buffer

    def __repr__(self) -> str:
        return "<matmul 512x512>"


def test_no_room_lists_the_largest_holders_and_loses_nothing() -> None:
    device = HostDevice(4 << 20)
    owner = Owner(device.upload(np.full(3 << 20, 7, np.uint8)))
    small = device.allocate(1000)
    with pytest.raises(DeviceMemoryError, match=r"no room for a buffer of 2\.0 MiB") as caught:
        device.allocate(2 << 20)
    message = str(caught.value)
    assert "2 living buffers hold 3.5 MiB of 4.0 MiB" in message
    assert message.splitlines()[1].strip() == "3.0 MiB held by <matmul 512x512>"
    assert isinstance(caught.value, MemoryError)
    assert set(device.view(owner.buffer, (3 << 20,), dtypes.uint8)) == {7}
    del owner, small
    gc.collect()
    assert device.allocate(2 << 20).nbytes == 2 << 20


def test_free_blocks_of_other_sizes_are_given_back_before_the_pool_gives_up() -> None:
    device = HostDevice(4 << 20)
    for size in range(1, 40):
        device.allocate(size * 50_000)
    assert device.memory_stats().held <= 4 << 20


def test_a_buffer_above_the_largest_allocation(any_device: Any) -> None:
    with pytest.raises(DeviceMemoryError, match=r"in one piece.*numpy") as caught:
        any_device.allocate(any_device.pool.largest)
    assert isinstance(caught.value, DeviceError)


def test_more_than_the_system_has_left_is_refused_at_once() -> None:
    available = memory.host_memory()[1]
    device = HostDevice(1 << 60)
    with pytest.raises(DeviceMemoryError, match="no room"):
        device.allocate(available + (1 << 30))


def test_a_pool_is_trimmed_under_running_kernels(cl_device: Any) -> None:
    count = 1 << 12
    out = cl_device.allocate(4 * count)
    source = cl_device.upload(np.full(count, 3, np.int32))
    capacity = source.block.capacity
    slow(cl_device, out, source, count)
    del source
    cl_device.pool.trim()
    scratch = [memory.aligned(capacity) for _ in range(20)]
    for other in scratch:
        other[:] = 1
    assert set(ints(cl_device, out, count)) == {3}


# Regions and the arena


def test_regions_show_the_whole(any_device: Any) -> None:
    whole = any_device.upload(np.arange(256, dtype=np.int32))
    part = any_device.region(whole, 512, 16)
    assert part.foreign
    assert ints(any_device, part, 4) == [128, 129, 130, 131]
    any_device.write(part, np.array([5], np.int32))
    del whole
    gc.collect()
    assert ints(any_device, part, 1) == [5]


def test_the_arena_only_grows(any_device: Any) -> None:
    arena = memory.Arena(any_device)
    assert arena.nbytes == 0
    first = arena.region(256, 1000)
    generation = arena.generation
    assert arena.nbytes >= 1256
    assert arena.reserve(100) == generation
    any_device.write(first, np.array([3], np.int32))
    assert arena.reserve(1 << 16) == generation + 1
    assert ints(any_device, first, 1) == [3]
    assert arena.region(256, 1000).nbytes == 1000
    assert repr(arena) == f"the scratch arena of {any_device}"
