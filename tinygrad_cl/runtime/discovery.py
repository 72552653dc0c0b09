"""Finds the OpenCL devices, tries each before trusting it, and opens the one that is asked for."""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyopencl as cl

from tinygrad_cl import settings
from tinygrad_cl.errors import BuildError, DeviceError
from tinygrad_cl.lowering import DeviceTraits
from tinygrad_cl.runtime import icd
from tinygrad_cl.runtime.base import Array
from tinygrad_cl.runtime.cache import DiskCache, hash_key
from tinygrad_cl.runtime.memory import ALIGNMENT, host_limit
from tinygrad_cl.runtime.opencl import OpenCLDevice
from tinygrad_cl.runtime.program import Kernel
from tinygrad_cl.runtime.records import DeviceRecord
from tinygrad_cl.runtime.sources import template_source

logger = logging.getLogger("tinygrad_cl.runtime")

_GPU_SHARE = 0.95  # of a GPU's memory that buffers may hold
_SHUFFLES = "cl_khr_subgroup_shuffle_relative"
_POCL = "portable computing language"
_POCL_LANES = 4  # of its pow, fmod and sin, wider ones are wrong beside a zero or a huge number
_COUNT = 1003  # elements of the probe: not a multiple of 16
_GROUP = 8  # work-items of its work-groups
_FEATURES = {
    "cl_khr_fp16": "fp16",
    "cl_intel_vec_len_hint": "vec_len_hint",
    "cl_khr_subgroups": "sub-groups",
    "cl_intel_subgroups": "sub-groups",
    "cl_khr_int64_base_atomics": "int64 atomics",
    "cl_khr_command_buffer": "command buffers",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A device that the loader lists."""

    name: str
    platform: str
    handle: Any

    @property
    def label(self) -> str:
        """Platform, vendor and device: what a name like "opencl:intel" is looked up in."""
        return f"{self.platform} {self.handle.vendor} {self.handle.name}".lower()

    @property
    def kind(self) -> str:
        """The kind of templates that suit it."""
        return "cpu" if self.handle.type & cl.device_type.CPU else "gpu"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the probe of a device found."""

    usable: bool
    reason: str
    zero_copy: bool = False


@lru_cache(maxsize=1)
def disk_cache() -> DiskCache:
    """Returns the cache of programs and verdicts."""
    current = settings.current()
    folder = current.cache / "programs" if current.cache else None
    return DiskCache(folder, current.cache_bytes)


@lru_cache(maxsize=1)
def candidates() -> tuple[Candidate, ...]:
    """Returns every device of every platform, in the loader's order."""
    current = settings.current()
    try:
        with icd.vendors(current.vendors, current.cache):
            platforms = cl.get_platforms()
    except cl.Error as error:  # the loader's way to say that there is no platform
        logger.info("no OpenCL platform: %s", error)
        return ()
    found: list[Candidate] = []
    for platform in platforms:
        for handle in _devices_of(platform):
            found.append(Candidate(f"opencl:{len(found)}", platform.name.strip(), handle))
    return tuple(found)


def _devices_of(platform: cl.Platform) -> list[cl.Device]:
    try:
        return list(platform.get_devices())
    except cl.Error as error:
        logger.info("platform %s has no devices: %s", platform.name.strip(), error)
        return []


def choose(which: str) -> Candidate:
    """Returns the best usable device that fits `which`.

    Args:
        which: a number, "cpu", "gpu", a part of its name, or "" for any device.

    Raises:
        DeviceError: if there is none; says why.
    """
    fitting = [c for c in candidates() if _fits(c, which.strip().lower())]
    refused = []
    for candidate in sorted(fitting, key=_rank):
        verdict = probe(candidate)
        if verdict.usable:
            return candidate
        refused.append(f"{candidate.name} ({candidate.platform}): {verdict.reason}")
    wanted = f"opencl:{which}" if which else "opencl"
    if refused:
        raise DeviceError(f"device {wanted!r} is not usable: " + "; ".join(refused))
    listed = ", ".join(f"{c.name} ({c.platform})" for c in candidates()) or "none"
    hints = [record.reason for record in _missing()]
    raise DeviceError("; ".join([f"no OpenCL device fits {wanted!r}; found: {listed}", *hints]))


def gpus() -> list[str]:
    """Returns the names of the usable GPUs, the best one first."""
    ranked = sorted((c for c in candidates() if c.kind == "gpu"), key=_rank)
    return [c.name for c in ranked if probe(c).usable]


def _fits(candidate: Candidate, which: str) -> bool:
    if not which:
        return True
    if which.isdecimal():
        return candidate.name == f"opencl:{int(which)}"
    return which == candidate.kind if which in ("cpu", "gpu") else which in candidate.label


def _rank(candidate: Candidate) -> tuple[int, int, int]:
    """GPUs before CPUs, cards before parts of the processor; Intel's CPU runtime before others."""
    handle = candidate.handle
    own_memory = not handle.host_unified_memory
    intel = "intel" in candidate.platform.lower()
    speed = handle.max_compute_units * max(handle.max_clock_frequency, 1)
    if candidate.kind == "cpu":
        return (2, not intel, -speed)
    return (0 if own_memory else 1, 0, -speed)


def identity(candidate: Candidate) -> str:
    """Returns all that a compiled program and a verdict depend on, beside the source."""
    handle, platform = candidate.handle, candidate.handle.platform
    parts = [platform.name, platform.version, handle.name, handle.version, handle.driver_version]
    if candidate.kind == "cpu":
        parts.append(_processor())
    return "\n".join(parts)


@lru_cache(maxsize=1)
def _processor() -> str:
    """Returns the processor's instruction sets: several machines may share a folder of binaries."""
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as lines:
            return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        return sys.platform


def traits_of(candidate: Candidate) -> DeviceTraits:
    """Returns what templates may know of a device."""
    handle = candidate.handle
    lanes = handle.native_vector_width_float or handle.preferred_vector_width_float
    if _POCL in candidate.platform.lower():
        lanes = min(lanes, _POCL_LANES)
    return DeviceTraits(
        kind=candidate.kind,
        units=handle.max_compute_units,
        vector=int(lanes) if candidate.kind == "cpu" else 4,
        local_memory=handle.local_mem_size,
        max_work_group=handle.max_work_group_size,
        double=bool(handle.double_fp_config),
        max_arguments=handle.max_parameter_size,
        shuffles=_SHUFFLES in handle.extensions.split(),
    )


@cache
def probe(candidate: Candidate) -> Verdict:
    """Tells whether a device builds and runs kernels, and whether they share the host's memory.

    Good verdicts are kept on disk; bad ones are not, since their cause may be cured.
    """
    if not candidate.handle.available or not candidate.handle.compiler_available:
        return Verdict(False, "the driver says that the device or its compiler is not available")
    if "fpga" in candidate.label:
        return Verdict(False, "an FPGA or its emulator, which compiles kernels ahead of time")
    key = hash_key("verdict 2", identity(candidate), template_source("probe"))
    kept = _kept_verdict(key)
    if kept is not None:
        return kept
    try:
        verdict = _try(candidate)
    except (cl.Error, BuildError, DeviceError, MemoryError) as error:
        return Verdict(False, _first_lines(error))
    if verdict.usable:
        disk_cache().put(key, json.dumps([verdict.reason, verdict.zero_copy]).encode())
    return verdict


def _kept_verdict(key: str) -> Verdict | None:
    raw = disk_cache().get(key)
    if raw is None:
        return None
    try:
        reason, zero_copy = json.loads(raw)
    except (ValueError, TypeError):
        logger.warning("a cached verdict on a device cannot be read, so it is probed again")
        return None
    return Verdict(True, str(reason), bool(zero_copy))


def _first_lines(error: BaseException) -> str:
    text = error.log if isinstance(error, BuildError) and error.log else str(error)
    return " ".join(text.split())[:300]


def _try(candidate: Candidate) -> Verdict:
    """Builds and runs the probe's kernel through a device that is thrown away."""
    device = _open(candidate, Verdict(True, ""), DiskCache(None, 0))
    kernel = device.build(template_source("probe")).kernel("probe")
    values = np.arange(_COUNT, dtype=np.float32)
    halves = (values % 100).astype(np.float16)
    doubles = 1 / np.arange(1, _COUNT + 1)
    given = device.upload(values), device.upload(halves)
    made = [device.allocate(array.nbytes) for array in (values, halves, doubles)]
    for position, buffer in enumerate((made[0], given[0], made[1], given[1], made[2])):
        kernel.set(position, buffer)
    kernel.set_int(5, 3)
    kernel.set_int(6, _COUNT)
    grid = (-(-_COUNT // _GROUP) * _GROUP,), (_GROUP,)
    device.run([(kernel, *grid)])
    if not np.array_equal(_content(device, made[0], np.float32), values * 3 + values):
        return Verdict(False, "a kernel ran and gave wrong numbers")
    right = np.array_equal(_content(device, made[1], np.float16), halves * np.float16(2))
    if right and device.traits.double:
        right = np.array_equal(_content(device, made[2], np.float64), doubles)
    if not right:
        return Verdict(False, "a kernel with half or double elements gave wrong numbers")
    zero_copy = candidate.kind == "cpu" and _shares_memory(device, kernel, *grid)
    return Verdict(True, "built and ran a kernel", zero_copy)


def _content(device: OpenCLDevice, buffer: Any, dtype: type) -> Array:
    array: Array = np.empty(_COUNT, dtype)
    cl.enqueue_copy(device.queue, array, buffer.handle, is_blocking=True)
    return array


def _shares_memory(
    device: OpenCLDevice, kernel: Kernel, size: tuple[int, ...], local: tuple[int, ...]
) -> bool:
    """Tells whether kernels and the host see what the other one writes, without a copy.

    The memory is aligned as badly as an array of NumPy may be.
    """
    flags = cl.mem_flags.READ_WRITE | cl.mem_flags.USE_HOST_PTR
    nbytes = 4 * _COUNT
    raw = np.zeros(2 * (nbytes + 2 * ALIGNMENT), np.uint8)
    start = -raw.ctypes.data % ALIGNMENT + 16
    a, b = (raw[at : at + nbytes] for at in (start, start + nbytes + ALIGNMENT + 4))
    given, out = (cl.Buffer(device.context, flags, hostbuf=array) for array in (a, b))
    kernel.handle.set_arg(0, out)
    kernel.handle.set_arg(1, given)
    kernel.set_int(5, 2)
    index = np.arange(_COUNT, dtype=np.float32)
    for value in (1.0, 5.0):
        np.ndarray((_COUNT,), np.float32, a)[:] = value
        device.run([(kernel, size, local)])
        device.finish()
        if not np.array_equal(np.ndarray((_COUNT,), np.float32, b), index + np.float32(2 * value)):
            return False
    return True


def open_device(candidate: Candidate) -> OpenCLDevice:
    """Returns the device, ready for work.

    Raises:
        DeviceError: if the driver refuses.
    """
    try:
        return _open(candidate, probe(candidate), disk_cache())
    except cl.Error as error:
        where = f"{candidate.name} ({candidate.platform})"
        raise DeviceError(f"{where} cannot be opened: {error}") from error


def _open(candidate: Candidate, verdict: Verdict, cache: DiskCache) -> OpenCLDevice:
    limit = settings.current().memory_bytes or _memory_limit(candidate)
    traits = traits_of(candidate)
    return OpenCLDevice(
        candidate.name,
        candidate.handle,
        traits,
        verdict.zero_copy,
        limit,
        cache,
        identity(candidate),
    )


def _memory_limit(candidate: Candidate) -> int:
    share = int(candidate.handle.global_mem_size * _GPU_SHARE)
    return min(share, host_limit()) if candidate.kind == "cpu" else share


def records() -> list[DeviceRecord]:
    """Returns a record of every device, and of drivers that could not be loaded."""
    return [*(_record(candidate) for candidate in candidates()), *_missing()]


def _record(candidate: Candidate) -> DeviceRecord:
    handle, verdict, traits = candidate.handle, probe(candidate), traits_of(candidate)
    extensions = set(handle.extensions.split())
    features = ["fp64"] * traits.double
    features += sorted({word for name, word in _FEATURES.items() if name in extensions})
    return DeviceRecord(
        name=candidate.name,
        platform=candidate.platform,
        device=handle.name.strip(),
        kind=candidate.kind,
        usable=verdict.usable,
        reason=verdict.reason,
        driver=f"{handle.version.strip()}, driver {handle.driver_version}",
        traits=traits,
        zero_copy=verdict.zero_copy,
        memory=handle.global_mem_size,
        largest=handle.max_mem_alloc_size,
        features=tuple(features),
    )


def _missing() -> list[DeviceRecord]:
    """A record of Intel's runtime if it is installed and the loader does not list it."""
    library = icd.find_intel()
    if library is None or settings.current().vendors:
        return []
    if any("intel" in c.platform.lower() and c.kind == "cpu" for c in candidates()):
        return []
    reason = icd.load_error(library)
    if reason:
        hint = "`pip install intel-cmplr-lib-rt` brings its libraries"
        reason = f"{library} cannot be loaded: {reason}; {hint}"
    else:
        hint = "something else queried OpenCL's platforms before"
        reason = f"{library} is installed but not listed; {hint}"
    return [DeviceRecord("", "Intel(R) OpenCL", os.path.basename(library), "cpu", False, reason)]
