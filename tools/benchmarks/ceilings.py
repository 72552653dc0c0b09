"""The machine's ceilings, measured with `ceilings.cl` on the device of tinygrad_cl.

Runs in tinygrad_cl's process. Each number is the best of several tries: a ceiling is what is
possible, not what is usual. `measure` gives the machine's ceilings for reading; `beside` measures
those of one kernel in turns with the kernel, because a machine that others use as well has other
ceilings a minute later.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("ceilings.cl")
SIZES = tuple(1 << bits for bits in range(16, 29, 2))  # bytes of both arrays: 64 KiB to 256 MiB
QUICK_SIZES = tuple(1 << bits for bits in (18, 22, 26))

_FLOATS = 16
_CHAINS = 12
_EXPONENTIALS = {"exponentials_built_in": 8, "exponentials_own": 12}  # at once
_TURNS = 5
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


def _build(device: Any) -> Any:
    from tinygrad_cl.compiler.templates import register_source
    from tinygrad_cl.runtime.sources import template_source

    own = SOURCE.read_text(encoding="utf-8")
    return device.build(
        "\n".join([template_source("prelude"), register_source(_FLOATS, False), own])
    )


def measure(threads: int, quick: bool) -> dict[str, Any]:
    """The multiply-add peak in GFLOP/s on one core and on all, exponentials and streams.

    `gexp_all` is in thousand million exponentials a second; streams are in GB/s by bytes.
    `streams`, by which kernels are judged, reads as much as it writes (a copy); `streams_add` reads
    twice as much. What mostly reads may be faster than either.
    """
    device = _device()
    program = _build(device)
    wide = device.kind == "gpu"
    multiply_add = program.kernel("multiply_add")
    items = 1 << 18 if wide else 2 * threads
    seconds = 0.05 if quick else 0.2
    sizes = QUICK_SIZES if quick else SIZES
    found: dict[str, Any] = {
        "gflops_one": None if wide else _peak(device, multiply_add, 1, seconds),
        "gflops_all": _peak(device, multiply_add, items, seconds),
        "gexp_all": max(_peak(device, program.kernel(e), items, seconds) for e in _EXPONENTIALS),
    }
    for key, name, passes in (("streams", "stream_copy", 2), ("streams_add", "stream_add", 3)):
        found[key] = {}
        for size in sizes:
            streams = _streams(device, program, name, size, threads)
            rate = max(work / s for work, s in _in_turns(device, streams, seconds).values())
            found[key][str(size)] = rate * passes / 2 / 1e9
    return found


def beside(
    launches: list[Any], moved: float, has_exps: bool, threads: int, seconds: float
) -> dict[str, float]:
    """Launches and the ceilings that they are held against, measured in turns.

    Args:
        launches: those of one kernel of the benchmark.
        moved: bytes that they read and write at least: the size at which a copy is measured.
        has_exps: whether exponentials count for them.
        threads: cores of the device.
        seconds: that the launches and the ceilings may take together.

    Returns:
        `ms` of the launches, `gflops`, `stream` in GB/s and, if asked for, `gexp` in thousand
        million a second.
    """
    device = _device()
    program = _build(device)
    items = 1 << 18 if device.kind == "gpu" else 2 * threads
    size = int(min(max(moved, SIZES[0]), SIZES[-1]))
    timed = {"launches": (launches, 1.0)}
    timed["gflops"] = _rounds(device, program.kernel("multiply_add"), items)
    for name in _EXPONENTIALS if has_exps else ():
        timed[name] = _rounds(device, program.kernel(name), items)
    streams = _streams(device, program, "stream_copy", size, threads)
    best = _in_turns(device, timed | streams, seconds)
    found = {"ms": best.pop("launches")[1] * 1e3}
    found["stream"] = max(best[name][0] / best[name][1] for name in streams) / 1e9
    rates = {name: best[name][0] / best[name][1] / 1e9 for name in timed.keys() - {"launches"}}
    found["gflops"] = rates["gflops"]
    if has_exps:
        found["gexp"] = max(rates[name] for name in _EXPONENTIALS)
    return found


_Timed = dict[Any, tuple[list[Any], float]]  # launches by name, and how much work they do


def _peak(device: Any, kernel: Any, items: int, seconds: float) -> float:
    """Thousand million operations a second of a kernel that stays in registers."""
    ((work, least),) = _in_turns(device, {0: _rounds(device, kernel, items)}, seconds).values()
    return work / least / 1e9


def _rounds(device: Any, kernel: Any, items: int) -> tuple[list[Any], float]:
    """The launch of a kernel that stays in registers, and its operations."""
    kernel.set(0, device.allocate(items * _FLOATS * 4))
    rounds = 1_000 if items > 1 << 12 else 50_000
    kernel.set_int(1, rounds, 32)
    each = _EXPONENTIALS.get(kernel.name, 2 * _CHAINS)
    return [(kernel, (items,), None)], each * items * rounds * _FLOATS


def _streams(device: Any, program: Any, name: str, size: int, threads: int) -> _Timed:
    """Ways to go through two arrays that together have about `size` bytes, and the bytes."""
    buffers = [device.allocate(size // 2) for _ in range(2)]
    for buffer in buffers:
        device.fill_zero(buffer)
    wide = device.kind == "gpu"
    found: _Timed = {}
    for items in (1 << 16, 1 << 18) if wide else (threads, 4 * threads):
        items = min(items, size // 2 // 64)
        each = size // 2 // 64 // items
        kernel = program.kernel(name)
        kernel.set(0, buffers[0])
        kernel.set(1, buffers[1])
        kernel.set_int(2, each, 64)
        kernel.set_int(3, int(wide), 32)
        found[items] = [(kernel, (items,), None)], 2 * 64 * each * items
    return found


def _in_turns(device: Any, timed: _Timed, seconds: float) -> dict[Any, tuple[float, float]]:
    """The work of each, and its seconds: the best of at least `_TURNS` runs of about 2 ms."""

    def once(launches: list[Any], count: int) -> float:
        begin = time.perf_counter()
        device.run(launches * count)
        device.finish()
        return (time.perf_counter() - begin) / count

    counts = {}
    for name, (launches, _) in timed.items():
        once(launches, 1)
        counts[name] = max(1, min(64, int(2e-3 / once(launches, 1))))
    end = time.perf_counter() + seconds
    least = {name: once(launches, counts[name]) for name, (launches, _) in timed.items()}
    turns = 1
    while turns < _TURNS or time.perf_counter() < end:
        for name, (launches, _) in timed.items():
            least[name] = min(least[name], once(launches, counts[name]))
        turns += 1
    return {name: (work, least[name]) for name, (_, work) in timed.items()}


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
    kernel = _build(device).kernel("round_trip")
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
