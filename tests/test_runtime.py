"""Devices and buffers, on the host, on OpenCL, and on OpenCL without shared memory."""

from __future__ import annotations

import os
import signal
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from runtime_devices import SOURCE, ints, opencl, slow
from runtime_devices import any_device as any_device
from runtime_devices import cl_device as cl_device

from tinygrad_cl import dtypes
from tinygrad_cl.errors import BuildError, DeviceError
from tinygrad_cl.lowering import flag_code
from tinygrad_cl.runtime import memory

# Content


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (5, 7), (1000,)], ids=str)
def test_upload_and_view(any_device: Any, dtype: dtypes.DType, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype.numpy)
    buffer = any_device.upload(array)
    assert buffer.nbytes == array.nbytes
    shown = any_device.view(buffer, shape, dtype)
    assert shown.dtype == dtype.numpy
    assert shown.shape == shape
    np.testing.assert_array_equal(shown, array)
    assert not shown.flags.writeable


def test_upload_copies(any_device: Any) -> None:
    array = np.arange(10, dtype=np.int32)
    buffer = any_device.upload(array)
    array[:] = 0
    assert ints(any_device, buffer, 10) == list(range(10))


def test_upload_of_a_strided_array(any_device: Any) -> None:
    array = np.arange(24, dtype=np.int32).reshape(4, 6).T[::-1]
    shown = any_device.view(any_device.upload(array), (6, 4), dtypes.int32)
    np.testing.assert_array_equal(shown, array)


@pytest.mark.parametrize("nbytes", [4, 12, 16, 1000, 4096])
def test_fill_zero_touches_nothing_else(any_device: Any, nbytes: int) -> None:
    whole = any_device.upload(np.full(2048, 7, np.int32))
    part = any_device.region(whole, memory.ALIGNMENT, nbytes)
    any_device.fill_zero(part)
    wanted = np.full(2048, 7, np.int32)
    wanted[memory.ALIGNMENT // 4 :][: nbytes // 4] = 0
    np.testing.assert_array_equal(any_device.view(whole, (2048,), dtypes.int32), wanted)


def test_write_at_an_offset(any_device: Any) -> None:
    buffer = any_device.upload(np.zeros(8, np.int32))
    source = np.array([5, 6], np.int32)
    any_device.write(buffer, source, 12)
    source[:] = 9  # the source may change as soon as the call returns
    assert ints(any_device, buffer, 8) == [0, 0, 0, 5, 6, 0, 0, 0]


def test_copy(any_device: Any) -> None:
    a, b = (any_device.upload(np.full(4, value, np.int32)) for value in (1, 2))
    any_device.copy(a, b, 8)
    assert ints(any_device, b, 4) == [1, 1, 2, 2]
    any_device.copy(a, b, 0)
    assert ints(any_device, b, 4) == [1, 1, 2, 2]


def test_a_view_keeps_its_buffer(any_device: Any) -> None:
    buffer = any_device.upload(np.arange(100, dtype=np.int32))
    shown = any_device.view(buffer, (100,), dtypes.int32)
    del buffer
    others = [any_device.upload(np.zeros(100, np.int32)) for _ in range(3)]
    np.testing.assert_array_equal(shown, np.arange(100))
    assert len(others) == 3


def test_writable_view(any_device: Any) -> None:
    buffer = any_device.upload(np.zeros(4, np.int32))
    if not any_device.zero_copy:
        with pytest.raises(DeviceError, match="not the host's"):
            any_device.writable_view(buffer, (4,), dtypes.int32)
        return
    any_device.writable_view(buffer, (2, 2), dtypes.int32)[1] = 3
    assert ints(any_device, buffer, 4) == [0, 0, 3, 3]


def test_wrap_shares_memory_where_it_can(any_device: Any) -> None:
    array = memory.aligned(4 * 64).view(np.int32)
    array[:] = np.arange(64)
    buffer = any_device.wrap(array)
    assert buffer.foreign is any_device.zero_copy
    shown = any_device.view(buffer, (64,), dtypes.int32)
    np.testing.assert_array_equal(shown, np.arange(64))
    assert np.shares_memory(shown, array) is any_device.zero_copy


@pytest.mark.parametrize("kind", ["strided", "empty", "read-only", "unaligned", "0-d"])
def test_wrap_of_awkward_arrays(any_device: Any, kind: str) -> None:
    array: Any = np.arange(40, dtype=np.int32)
    if kind == "strided":
        array = array[::2]
    elif kind == "empty":
        array = array[:0]
    elif kind == "0-d":
        array = array[5:6].reshape(())
    elif kind == "unaligned":
        raw = np.zeros(161, np.uint8)
        raw[1:].view(np.uint8)[:] = array.view(np.uint8)
        array = np.ndarray((40,), np.int32, raw, 1)
    array.flags.writeable = kind != "read-only"
    shown = any_device.view(any_device.wrap(array), array.shape, dtypes.int32)
    np.testing.assert_array_equal(shown, array)


def test_vector_loads_at_the_end_of_a_wrapped_array_hit_no_other_page() -> None:
    device = opencl()
    raw = np.zeros(3 * 4096, np.uint8)
    start = -raw.ctypes.data % 4096
    assert not device.wrap(raw[start : start + 4096]).foreign
    assert device.wrap(raw[start : start + 4032]).foreign is device.zero_copy


# Order


@pytest.mark.parametrize("crowded", [False, True], ids=["", "crowded"])
@pytest.mark.parametrize("count", [64, 400_000], ids=["small", "large"])
def test_memory_of_a_dead_buffer_is_not_overwritten_while_a_kernel_reads_it(
    cl_device: Any, count: int, crowded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if crowded:  # no more memory may wait for the device
        monkeypatch.setattr(cl_device, "allocate_unused", lambda nbytes: None)
    array = np.arange(count, dtype=np.int32)
    out, source = cl_device.allocate(array.nbytes), cl_device.upload(array)
    slow(cl_device, out, source, count)
    block = source.block
    del source
    fresh = cl_device.upload(np.full(count, -1, np.int32))
    assert (fresh.block is block) is (crowded or not cl_device.zero_copy)
    assert np.array_equal(cl_device.view(out, (count,), dtypes.int32), array)
    assert set(ints(cl_device, fresh, count)) == {-1}


def test_memory_that_no_command_uses_is_written_without_a_command(cl_device: Any) -> None:
    """It is taken again once the device is known to have done all that used it."""
    if not cl_device.zero_copy:
        pytest.skip("the host cannot write to its memory")
    cl_device.pool.trim()
    out, source = cl_device.allocate(256), cl_device.upload(np.zeros(64, np.int32))
    slow(cl_device, out, source, 64)
    blocks, commands = [source.block], cl_device.commands
    for value in range(4):
        source = cl_device.upload(np.full(64, value, np.int32))
        assert cl_device.commands == commands
        blocks.append(source.block)
    assert len(set(blocks)) == 5
    assert not cl_device.has_done(source.block.used + commands)
    cl_device.finish()
    assert cl_device.has_done(commands)
    slow(cl_device, out, source, 64)
    assert cl_device.upload(np.zeros(64, np.int32)).block is blocks[0]
    assert ints(cl_device, out, 64) == [3] * 64


def test_what_waits_for_the_device_is_bounded(cl_device: Any) -> None:
    if not cl_device.zero_copy:
        pytest.skip("the host cannot write to its memory")
    out, source = cl_device.allocate(256), cl_device.upload(np.zeros(64, np.int32))
    slow(cl_device, out, source, 64)
    before = cl_device.memory_stats().held
    for value in range(1000):
        other = cl_device.upload(np.full(64, value, np.int32))
        cl_device.fill_zero(out) if value == 0 else None
    assert cl_device.memory_stats().held - before <= 257 * other.block.capacity
    assert ints(cl_device, other, 64) == [999] * 64


def test_a_wrapped_array_outlives_the_kernels_that_read_it(cl_device: Any) -> None:
    count = 1 << 12
    array = memory.aligned(4 * count).view(np.int32)
    array[:] = 3
    out, buffer = cl_device.allocate(4 * count), cl_device.wrap(array)
    slow(cl_device, out, buffer, count)
    del array, buffer
    scratch = [memory.aligned(4 * count) for _ in range(20)]
    for other in scratch:
        other[:] = 1
    assert set(ints(cl_device, out, count)) == {3}


def test_dead_wrapped_arrays_do_not_pile_up_behind_a_busy_queue() -> None:
    device = opencl()
    if not device.zero_copy:
        pytest.skip("the device copies")
    held = []
    source = device.upload(np.zeros(64, np.int32))
    slow(device, device.allocate(256), source, 64)
    for _ in range(40):
        array = memory.aligned(4 << 20)
        held.append(weakref.ref(array.base))
        buffer = device.wrap(array)
        del array, buffer
    assert sum(ref() is not None for ref in held) < 20
    device.synchronize()
    assert all(ref() is None for ref in held)


@pytest.mark.parametrize("command", ["write", "upload", "fill_zero", "copy"])
def test_commands_run_in_order(cl_device: Any, command: str) -> None:
    source = cl_device.upload(np.full(4, 5, np.int32))
    out, other = cl_device.upload(np.zeros(4, np.int32)), cl_device.upload(np.full(4, 8, np.int32))
    slow(cl_device, out, source, 4)
    if command == "write":
        given = np.full(4, 6, np.int32)
        cl_device.write(source, given)
        given[:] = 9
        cl_device.write(out, np.full(1, 7, np.int32), 4)
        wanted, left = [5, 7, 5, 5], [6] * 4
    elif command == "upload":
        given = np.full(4, 6, np.int32)
        fresh = cl_device.upload(given)
        given[:] = 9
        assert ints(cl_device, fresh, 4) == [6] * 4
        wanted, left = [5] * 4, [5] * 4
    elif command == "fill_zero":
        cl_device.fill_zero(source)
        wanted, left = [5] * 4, [0] * 4
    else:
        cl_device.copy(other, source, 16)
        wanted, left = [5] * 4, [8] * 4
    assert ints(cl_device, out, 4) == wanted
    assert ints(cl_device, source, 4) == left


def test_many_writes_while_the_queue_is_busy(cl_device: Any) -> None:
    out, source = cl_device.upload(np.zeros(4, np.int32)), cl_device.upload(np.zeros(4, np.int32))
    target = cl_device.allocate(4 * 2048)
    slow(cl_device, out, source, 4)
    for step in range(600):
        cl_device.write(target, np.full(2048, step, np.int32))
    assert set(ints(cl_device, target, 2048)) == {599}


def test_a_long_run_of_launches(cl_device: Any) -> None:
    buffer = cl_device.upload(np.zeros(4, np.int32))
    kernel = cl_device.build(SOURCE).kernel("add")
    kernel.set(0, buffer)
    kernel.set_int(1, 1)
    before = cl_device.kernels_launched
    cl_device.run([(kernel, (4,), (1,))] * 1500)
    cl_device.run([])
    assert ints(cl_device, buffer, 4) == [1500] * 4
    assert cl_device.kernels_launched == before + 1500


def test_an_interrupt_is_seen_in_the_middle_of_the_work() -> None:
    device = opencl(False)
    out, source = device.upload(np.zeros(1, np.int32)), device.upload(np.ones(1, np.int32))
    kernel = device.build(SOURCE).kernel("slow_copy")
    kernel.set(0, out)
    kernel.set(1, source)
    kernel.set_int(2, 500_000)
    add = device.build(SOURCE).kernel("add")
    counter = device.upload(np.zeros(1, np.int32))
    add.set(0, counter)
    add.set_int(1, 1)
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        for _ in range(10_000):  # minutes of work
            device.run([(kernel, (1,), (1,)), (add, (1,), (1,))])
        device.synchronize()
    timer.join()
    assert 0 < ints(device, counter, 1)[0] < 10_000


def test_threads_share_a_device(any_device: Any) -> None:
    failures: list[str] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(50):
            array = rng.integers(0, 1000, int(rng.integers(1, 500))).astype(np.int32)
            buffer = any_device.upload(array)
            if any_device.kind != "host":
                kernel = any_device.build(SOURCE).kernel("add")
                kernel.set(0, buffer)
                kernel.set_int(1, seed)
                any_device.run([(kernel, (len(array),), (1,))])
                array += seed
            if not np.array_equal(any_device.view(buffer, array.shape, dtypes.int32), array):
                failures.append(f"thread {seed}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# Programs


def test_arguments_of_every_kind(cl_device: Any) -> None:
    kernel = cl_device.build(SOURCE).kernel("sum3")
    out = cl_device.allocate(4)
    kernel.set(0, out)
    kernel.set_int(1, -3)
    kernel.set_int(2, 1 << 40, bits=64)
    kernel.set_scalar(3, np.float32(0.0))
    cl_device.run([(kernel, (1,), None)])
    assert cl_device.view(out, (1,), dtypes.float32)[0] == np.float32((1 << 40) - 3)
    assert repr(kernel) == "<kernel sum3>"


def test_kernels_of_one_program_have_their_own_arguments(cl_device: Any) -> None:
    program = cl_device.build(SOURCE)
    assert cl_device.build(SOURCE) is program
    buffer = cl_device.upload(np.zeros(2, np.int32))
    kernels = [program.kernel("add") for _ in range(2)]
    for value, kernel in enumerate(kernels, 1):
        kernel.set(0, buffer)
        kernel.set_int(1, 10**value)
    cl_device.run([(kernel, (2,), (1,)) for kernel in kernels])
    assert ints(cl_device, buffer, 2) == [110, 110]


def test_a_failing_build_says_why_and_loses_nothing(cl_device: Any) -> None:
    buffer = cl_device.upload(np.arange(3, dtype=np.int32))
    built = cl_device.programs_built
    broken = "kernel void good(global int *a) { a[0] = 1; }\n\nkernel void bad() { nonsense; }\n"
    for _ in range(2):
        with pytest.raises(BuildError, match="did not compile on opencl:") as caught:
            cl_device.build(broken)
        assert "nonsense" in caught.value.log
        assert "nonsense" in str(caught.value)
        assert "    3  kernel void bad() { nonsense; }" in caught.value.source
    assert cl_device.programs_built == built
    kernel = cl_device.build(SOURCE).kernel("add")
    kernel.set(0, buffer)
    kernel.set_int(1, 1)
    cl_device.run([(kernel, (3,), (1,))])
    assert ints(cl_device, buffer, 3) == [1, 2, 3]


def test_a_missing_kernel_is_named(cl_device: Any) -> None:
    with pytest.raises(DeviceError, match="no kernel 'absent'"):
        cl_device.build(SOURCE).kernel("absent")


def test_a_refused_launch_names_the_kernel_and_loses_nothing(cl_device: Any) -> None:
    buffer = cl_device.upload(np.zeros(4, np.int32))
    kernel = cl_device.build(SOURCE).kernel("add")
    with pytest.raises(DeviceError, match="launch of add"):
        cl_device.run([(kernel, (4,), (1,))])  # its arguments are not set
    kernel.set(0, buffer)
    kernel.set_int(1, 2)
    cl_device.run([(kernel, (4,), (2,))])
    assert ints(cl_device, buffer, 4) == [2] * 4


def test_options_and_device_macros_reach_the_compiler(cl_device: Any) -> None:
    source = "kernel void f(global int *a) { a[0] = VALUE;\n#ifdef HAVE_FP64\na[1] = 1;\n#endif\n}"
    found = []
    for value in (3, 4):
        buffer = cl_device.upload(np.zeros(2, np.int32))
        kernel = cl_device.build(source, (f"-DVALUE={value}",)).kernel("f")
        kernel.set(0, buffer)
        cl_device.run([(kernel, (1,), (1,))])
        found.append(ints(cl_device, buffer, 2))
    assert found == [[3, cl_device.traits.double], [4, cl_device.traits.double]]
    assert cl_device.supports(dtypes.float64) is cl_device.traits.double
    assert cl_device.supports(dtypes.float16)


# Flags


def test_a_bad_index_is_reported_once_with_op_index_and_size(cl_device: Any) -> None:
    kernel = cl_device.build(SOURCE).kernel("report")
    kernel.set(0, cl_device.flags)
    for position, value in enumerate((flag_code("gather"), 12, 5), 1):
        kernel.set_int(position, value)
    cl_device.run([(kernel, (1,), (1,))])
    cl_device.flags_armed = True
    with pytest.raises(IndexError, match="gather: index 12 is out of range for a dim of size 5"):
        cl_device.synchronize()
    cl_device.synchronize()
    cl_device.flags_armed = True
    cl_device.synchronize()
    assert not cl_device.flags_armed


def test_a_view_reports_a_bad_index(cl_device: Any) -> None:
    cl_device.write(cl_device.flags, np.array([flag_code("embedding"), -7, 4, 0], np.int32))
    cl_device.flags_armed = True
    buffer = cl_device.upload(np.zeros(1, np.int32))
    with pytest.raises(IndexError, match="embedding: index -7"):
        cl_device.view(buffer, (1,), dtypes.int32)
    assert ints(cl_device, buffer, 1) == [0]
