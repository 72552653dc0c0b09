"""The machine's ceilings, measured with `ceilings.cl` on the device of tinygrad_cl.

Runs in tinygrad_cl's process. Each number is the best of several tries: a ceiling is what is
possible, not what is usual.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("ceilings.cl")
SIZES = tuple(1 << bits for bits in range(16, 29, 2))  # bytes of both arrays: 64 KiB to 256 MiB
QUICK_SIZES = tuple(1 << bits for bits in (18, 22, 26))

_FLOATS = 16
_CHAINS = 12
_EXPONENTIALS = 4
_ROUND_TRIPS = 50_000
_PATIENCE = 2_000_000


class Unmeasured(Exception):
    """There is no OpenCL device."""


def _device() -> Any:
    import tinygrad_cl as tg

    device = tg.get_default_device()
    if device.kind == "host":
        raise Unmeasured("no OpenCL device: the ceilings are measured with OpenCL kernels")
    return device


def measure(threads: int, quick: bool) -> dict[str, Any]:
    """The multiply-add peak in GFLOP/s on one core and on all, exponentials and streams.

    `gexp_all` is in thousand million exponentials a second; streams are in GB/s by bytes.
    `streams`, by which kernels are judged, reads as much as it writes (a copy); `streams_add` reads
    twice as much. What mostly reads may be faster than either.
    """
    device = _device()
    program = device.build(SOURCE.read_text(encoding="utf-8"))
    wide = device.kind == "gpu"
    multiply_add = program.kernel("multiply_add")
    items = 1 << 18 if wide else 2 * threads
    seconds = 0.05 if quick else 0.2
    sizes = QUICK_SIZES if quick else SIZES
    found: dict[str, Any] = {
        "gflops_one": None if wide else 2 * _CHAINS * _rate(device, multiply_add, 1, seconds),
        "gflops_all": 2 * _CHAINS * _rate(device, multiply_add, items, seconds),
        "gexp_all": _EXPONENTIALS * _rate(device, program.kernel("exponentials"), items, seconds),
    }
    for key, name, passes in (("streams", "stream_copy", 2), ("streams_add", "stream_add", 3)):
        rates = {
            str(size): _stream(device, program, name, size, threads, seconds) for size in sizes
        }
        found[key] = {size: rate * passes / 2 for size, rate in rates.items()}
    return found


def _rate(device: Any, kernel: Any, items: int, seconds: float) -> float:
    """Thousand million rounds a second of all items' floats together."""
    kernel.set(0, device.allocate(items * _FLOATS * 4))
    rounds = 1_000 if items > 1 << 12 else 50_000
    kernel.set_int(1, rounds, 32)
    best = best_seconds(device, [(kernel, (items,), None)], seconds)
    return items * rounds * _FLOATS / best / 1e9


def _stream(device: Any, program: Any, name: str, size: int, threads: int, seconds: float) -> float:
    """GB/s by which a kernel goes through two arrays that together have `size` bytes."""
    buffers = [device.allocate(size // 2) for _ in range(2)]
    for buffer in buffers:
        device.fill_zero(buffer)
    wide = device.kind == "gpu"
    times = []
    for items in (1 << 16, 1 << 18) if wide else (threads, 4 * threads):
        vectors = size // 2 // 64
        items = min(items, vectors)
        kernel = program.kernel(name)
        kernel.set(0, buffers[0])
        kernel.set(1, buffers[1])
        kernel.set_int(2, vectors // items, 64)
        kernel.set_int(3, int(wide), 32)
        times.append(best_seconds(device, [(kernel, (items,), None)], seconds / 2))
    return size / min(times) / 1e9


def best_seconds(device: Any, launches: list[Any], seconds: float) -> float:
    """Seconds that launches take one after the other, the best of many runs of about 2 ms."""

    def once(count: int) -> float:
        begin = time.perf_counter()
        device.run(launches * count)
        device.finish()
        return (time.perf_counter() - begin) / count

    once(1)
    count = max(1, min(64, int(2e-3 / once(1))))
    return _least(lambda: once(count), seconds)


def _least(once: Callable[[], float], seconds: float) -> float:
    end, best = time.perf_counter() + seconds, once()
    while time.perf_counter() < end:
        best = min(best, once())
    return best


def round_trip_ns(seconds: float = 0.3) -> float | None:
    """Nanoseconds in which a cache line goes from one core to another and back.

    Returns:
        None where that cannot be measured: no processor of two cores under OpenCL, or one so busy
        that two work-items never ran at once in the given time.
    """
    import numpy as np

    try:
        device = _device()
    except Unmeasured:
        return None
    if device.kind != "cpu":
        return None
    kernel = device.build(SOURCE.read_text(encoding="utf-8")).kernel("round_trip")
    line, done = device.allocate(128), device.allocate(8)
    kernel.set(0, line)
    kernel.set(1, done)
    kernel.set_int(2, _ROUND_TRIPS, 32)
    kernel.set_int(3, _PATIENCE, 32)
    best = None
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        device.fill_zero(line)
        device.finish()
        begin = time.perf_counter()
        device.run([(kernel, (2,), (1,))])
        device.finish()
        taken = (time.perf_counter() - begin) / _ROUND_TRIPS * 1e9
        if (np.asarray(done.array[:8].view(np.int32)) == _ROUND_TRIPS).all():
            best = taken if best is None else min(best, taken)
    return best
