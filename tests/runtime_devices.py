"""Devices and kernels for the tests of the runtime."""

from __future__ import annotations

from typing import Any

import pytest

from tinygrad_cl import dtypes
from tinygrad_cl.errors import DeviceError
from tinygrad_cl.runtime.base import Device
from tinygrad_cl.runtime.device import get_device

SOURCE = """
kernel void add(global int *a, int n) { a[get_global_id(0)] += n; }

// Works long enough for the host to come back first.
kernel void slow_copy(global int *out, global const int *a, int rounds)
{
    size_t i = get_global_id(0);
    volatile int waste = 0;
    for (int r = 0; r < rounds; r++) waste = waste * 3 + r;
    out[i] = a[i] + (waste - waste);
}

kernel void report(global int *flags, int code, int index, int size)
{
    flags[0] = code; flags[1] = index; flags[2] = size;
}

kernel void sum3(global float *out, int a, long b, float c) { out[0] = (float)a + (float)b + c; }
"""
ROUNDS = 2_000_000
DEVICES = ["numpy", "opencl", "opencl without zero copy"]


def opencl(zero_copy: bool = True) -> Any:
    """An OpenCL device; a fresh one that copies, as GPUs do, unless `zero_copy`."""
    try:
        device: Any = get_device("opencl")
    except DeviceError as error:
        pytest.skip(f"no usable OpenCL device: {error}")
    if zero_copy:
        return device
    from tinygrad_cl.runtime import discovery

    candidate = discovery.choose(device.name.partition(":")[2])
    return discovery._open(candidate, discovery.Verdict(True, ""), discovery.disk_cache())


@pytest.fixture(scope="module", params=DEVICES)
def any_device(request: pytest.FixtureRequest) -> Any:
    """Every kind of device."""
    if request.param == "numpy":
        return get_device("numpy")
    return opencl(request.param == "opencl")


@pytest.fixture(scope="module", params=DEVICES[1:])
def cl_device(request: pytest.FixtureRequest) -> Any:
    """Every kind of OpenCL device."""
    return opencl(request.param == "opencl")


def ints(device: Device, buffer: Any, count: int) -> list[int]:
    return list(device.view(buffer, (count,), dtypes.int32))


def slow(device: Any, out: Any, source: Any, count: int) -> None:
    """Starts a copy that is still running when this returns, and for about 30 ms."""
    kernel = device.build(SOURCE).kernel("slow_copy")
    kernel.set(0, out)
    kernel.set(1, source)
    kernel.set_int(2, ROUNDS * 64 // count)
    device.run([(kernel, (count,), (1 if count <= 64 else 64,))])
