"""An OpenCL device: its context, its in-order queue, its programs and kernels."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyopencl as cl

from tinygrad_cl.dtypes import DType
from tinygrad_cl.errors import DeviceError, DeviceMemoryError
from tinygrad_cl.lowering import DeviceTraits
from tinygrad_cl.runtime.base import Array, Device
from tinygrad_cl.runtime.cache import DiskCache, hash_key
from tinygrad_cl.runtime.host import new_host_block
from tinygrad_cl.runtime.memory import OVER_ALLOCATION, Block, Buffer, Bytes
from tinygrad_cl.runtime.program import Kernel as Kernel
from tinygrad_cl.runtime.program import Program as Program
from tinygrad_cl.runtime.program import build_error
from tinygrad_cl.runtime.staging import Staging
from tinygrad_cl.shapes import Shape

logger = logging.getLogger("tinygrad_cl.runtime")

Size = tuple[int, ...]
Launch = tuple[Kernel, Size, "Size | None"]

_FLAGS = cl.mem_flags
_SHARED = _FLAGS.READ_WRITE | _FLAGS.USE_HOST_PTR
_enqueue = cl.enqueue_nd_range_kernel

_CHUNK = 64  # launches between two checkpoints, at which a wait can be interrupted
_CHECKPOINTS = 8  # unfinished ones that the queue may hold before `run` waits
_STAGED = 1 << 20  # uploads up to this size are queued behind running kernels, larger ones wait
_RETIRED = 1 << 26  # bytes of dead wrapped arrays that queued kernels may keep
_WRAP_ALIGNMENT = 16
_PAGE = 4096
_PATTERNS = tuple(np.zeros(n, np.uint8) for n in (16, 4, 1))


class OpenCLDevice(Device):
    """A device that runs kernels.

    Args:
        name: "opencl:0" and so on.
        device: pyopencl's device.
        traits: what templates may know of it.
        zero_copy: True if kernels work on host memory in place, as the probe found.
        memory: bytes that buffers may hold.
        cache: where compiled programs are kept.
        identity: platform, device and driver with their versions: what a binary depends on.

    Attributes:
        identity: as given.
        kernels_compiled: kernels compiled from source.
        programs_built: programs compiled from source.
        cache_hits: programs loaded from the disk cache.
        kernels_launched: launches so far.
    """

    def __init__(
        self,
        name: str,
        device: cl.Device,
        traits: DeviceTraits,
        zero_copy: bool,
        memory: int,
        cache: DiskCache,
        identity: str,
    ) -> None:
        self.kernels_compiled = self.programs_built = self.cache_hits = self.kernels_launched = 0
        self.handle = device
        self.context = cl.Context([device])
        self.queue = cl.CommandQueue(self.context, device)
        platform = device.platform.name.strip()
        description = f"{device.name.strip()}, {platform}"
        largest = device.max_mem_alloc_size
        super().__init__(name, traits.kind, description, traits, zero_copy, memory, largest)
        self._cache = cache
        self.identity = identity
        self._options = _device_options(device, traits)
        self._programs: dict[str, Program] = {}
        self._busy = False  # commands may be unfinished
        self._forked = False
        self._since = 0  # launches since the last checkpoint
        self._done = 0  # commands known to be done
        self._checkpoints: deque[tuple[cl.Event, int]] = deque()  # with the commands up to there
        self._staging = Staging()
        self._retired = _Retired(self)

    # Programs

    def build(self, source: str, options: tuple[str, ...] = ()) -> Program:
        """Returns the program of `source`: from memory, from the disk cache, or compiled.

        Macros defined for every program: `HAVE_FP64` where the device has doubles, `INTEL_CPU` on
        Intel's CPU runtime.

        Raises:
            BuildError: if it does not compile; holds the compiler's log and the numbered source.
        """
        options = (*self._options, *options)
        key = hash_key("program 1", self.identity, *options, source)
        with self.lock:
            program = self._programs.get(key)
            if program is None:
                self._check_process()
                handle = self._load(key, options) or self._compile(key, source, options)
                program = self._programs[key] = Program(handle)
        return program

    def _load(self, key: str, options: tuple[str, ...]) -> Any:
        binary = self._cache.get(key)
        if binary is None:
            return None
        try:
            handle = cl._cl._Program(self.context, [self.handle], [binary])
            handle._build(" ".join(options).encode(), [self.handle])
        except cl.Error as error:
            logger.warning("a cached program is rejected and compiled again: %s", error)
            self._cache.discard(key)
            return None
        self.cache_hits += 1
        return handle

    def _compile(self, key: str, source: str, options: tuple[str, ...]) -> Any:
        # pyopencl's Program would add a cache of its own and warn of every remark of the compiler
        handle: Any = cl._cl._Program(self.context, source)
        try:
            handle._build(" ".join(options).encode(), [self.handle])
        except cl.Error as error:
            raise build_error(str(self), handle, self.handle, source, error) from error
        kernels = int(handle.get_info(cl.program_info.NUM_KERNELS))
        self.programs_built += 1
        self.kernels_compiled += kernels
        logger.info("%s: compiled a program of %d kernels", self.name, kernels)
        binaries = handle.get_info(cl.program_info.BINARIES)
        if binaries and binaries[0]:
            self._cache.put(key, bytes(binaries[0]))
        return handle

    # Commands

    @property
    def is_idle(self) -> bool:
        """Whether all commands are known to be done."""
        return not self._busy

    def has_done(self, commands: int) -> bool:
        """Whether that many commands, from the first, are known to be done."""
        checkpoints = self._checkpoints
        while self._done < commands and checkpoints:
            event, count = checkpoints[0]
            if event.command_execution_status != cl.command_execution_status.COMPLETE:
                break
            checkpoints.popleft()
            self._done = count
        return self._done >= commands

    def run(self, launches: Sequence[Launch]) -> None:
        """Launches kernels in order; returns before they are done.

        Raises:
            DeviceError: if a launch is refused.
        """
        count = len(launches)
        if count == 0:
            return
        with self.lock:
            self._check_process()
            self._busy = True
            if count <= _CHUNK:
                self._launch(launches)
            else:
                for start in range(0, count, _CHUNK):
                    self._launch(launches[start : start + _CHUNK])
            self.kernels_launched += count

    def _launch(self, launches: Sequence[Launch]) -> None:
        queue = self.queue
        self.commands += len(launches)
        try:
            for kernel, size, local in launches:
                event = _enqueue(queue, kernel.handle, size, local)
            queue.flush()
        except cl.Error as error:
            what = f"launch of {kernel.name} over {size}, local {local}"
            raise self._error(what, error) from error
        self._since += len(launches)
        if self._since >= _CHUNK:
            self._since = 0
            self._checkpoints.append((event, self.commands))
            if len(self._checkpoints) > _CHECKPOINTS:
                self._wait_for_checkpoint()

    def _wait_for_checkpoint(self) -> None:
        event, count = self._checkpoints.popleft()
        event.wait()
        self._done = count

    def finish(self) -> None:
        """Waits until all commands are done; an interrupt is seen at each checkpoint."""
        if not self._busy:
            return
        with self.lock:
            self._check_process()
            try:
                while self._checkpoints:
                    self._wait_for_checkpoint()
                self.queue.finish()
            except cl.Error as error:
                raise self._error("waiting", error) from error
            self._done = self.commands
            self._staging.release_all()
            self._since = 0
            self._busy = False
            self._retired.clear()

    def write(self, buffer: Buffer, array: Array, offset: int = 0) -> None:
        """Copies a small contiguous `array` to `offset`, in order; it may be changed afterwards."""
        with self.lock:
            self._check_process()
            if array.nbytes == 0:
                return
            if self.zero_copy and not self._busy:
                np.copyto(np.ndarray(array.shape, array.dtype, buffer.array, offset), array)
                return
            self._enqueue_write(buffer, array, offset)

    def _enqueue_write(self, buffer: Buffer, array: Array, offset: int) -> None:
        """Queues a copy from a copy of `array`."""
        self._busy = True
        self.commands += 1
        staged = self._staging.copy(array)
        try:
            event = cl.enqueue_copy(
                self.queue, buffer.handle, staged, dst_offset=offset, is_blocking=False
            )
        except cl.Error as error:
            raise self._error("writing", error) from error
        self._staging.keep(event, staged)

    def copy(self, source: Buffer, target: Buffer, nbytes: int) -> None:
        """Copies the first `nbytes` bytes, in order."""
        if nbytes == 0:
            return
        with self.lock:
            self._check_process()
            self._busy = True
            self.commands += 1
            try:
                cl.enqueue_copy(self.queue, target.handle, source.handle, byte_count=nbytes)
            except cl.Error as error:
                raise self._error("copying", error) from error

    def fill_zero(self, buffer: Buffer) -> None:
        """Fills a buffer with zero bytes, in order."""
        nbytes = buffer.nbytes
        if nbytes == 0:
            return
        with self.lock:
            self._check_process()
            if buffer.array is not None and not self._busy:
                buffer.array[:nbytes] = 0
                return
            self._busy = True
            self.commands += 1
            pattern = next(p for p in _PATTERNS if nbytes % p.nbytes == 0)
            try:
                cl.enqueue_fill(self.queue, buffer.handle, pattern, nbytes)
            except cl.Error as error:
                raise self._error("filling", error) from error

    # Memory

    def _new_block(self, capacity: int) -> tuple[Any, Bytes | None]:
        self._check_process()
        try:
            if self.zero_copy:
                array = new_host_block(capacity)
                return cl.Buffer(self.context, _SHARED, hostbuf=array), array
            return cl.Buffer(self.context, _FLAGS.READ_WRITE, capacity), None
        except cl.MemoryError as error:
            raise MemoryError from error

    def upload(self, array: Array) -> Buffer:
        """Returns a buffer with a copy of `array`, which may be changed afterwards."""
        if self._busy and array.nbytes:
            unused = self.allocate_unused(array.nbytes)
            if unused is not None:
                self._check_process()
                np.copyto(np.ndarray(array.shape, array.dtype, unused.array), array)
                return unused
        buffer = self.allocate(array.nbytes)
        if array.nbytes == 0:
            return buffer
        with self.lock:
            self._check_process()
            if not self.zero_copy or (self._busy and array.nbytes <= _STAGED):
                self._enqueue_write(buffer, array, 0)
            else:
                self.finish()  # queued kernels may still read what the block held before
                np.copyto(np.ndarray(array.shape, array.dtype, buffer.array), array)
        return buffer

    def wrap(self, array: Array) -> Buffer:
        """Returns a buffer over the memory of `array` if kernels may read it, else over a copy."""
        if not self.zero_copy or not _is_wrappable(array):
            return self.upload(array)
        self._check_process()
        if self._retired.nbytes > _RETIRED:
            self.finish()
        flat = array.reshape(-1).view(np.uint8)
        access = _FLAGS.READ_WRITE if flat.flags.writeable else _FLAGS.READ_ONLY
        try:
            handle = cl.Buffer(self.context, access | _FLAGS.USE_HOST_PTR, hostbuf=flat)
        except cl.Error as error:
            raise self._error("sharing an array", error) from error
        block = Block(array.nbytes, self._retired, handle, flat)
        return Buffer(self, array.nbytes, handle, flat, block, True, array)

    def view(self, buffer: Buffer, shape: Shape, dtype: DType) -> Array:
        """Waits; returns the memory itself on zero-copy devices, else a copy; read-only."""
        self.synchronize()
        if self.zero_copy:
            return self._array_over(buffer, shape, dtype, True)
        array = np.empty(shape, dtype.numpy)
        self._read(buffer, array)
        array.flags.writeable = False
        return array

    def writable_view(self, buffer: Buffer, shape: Shape, dtype: DType) -> Array:
        """Waits, and returns the memory itself; only on zero-copy devices."""
        if not self.zero_copy:
            raise DeviceError(f"{self.name}: its memory is not the host's; use view and upload")
        self.synchronize()
        return self._array_over(buffer, shape, dtype, False)

    def region(self, buffer: Buffer, offset: int, nbytes: int) -> Buffer:
        """Returns a part of a buffer; `offset` is a multiple of `memory.ALIGNMENT`."""
        try:
            handle = buffer.handle.get_sub_region(offset, max(nbytes, 1))
        except cl.Error as error:
            raise self._error(f"a region at {offset}", error) from error
        array = None if buffer.array is None else buffer.array[offset : offset + nbytes]
        return Buffer(self, nbytes, handle, array, None, True, buffer)

    def _read(self, buffer: Buffer, array: Array) -> None:
        if array.nbytes == 0:
            return
        try:
            cl.enqueue_copy(self.queue, array, buffer.handle, is_blocking=True)
        except cl.Error as error:
            raise self._error("reading", error) from error

    def _read_flags(self, flags: Buffer) -> Array:
        if self.zero_copy:
            return super()._read_flags(flags)
        array = np.empty(4, np.int32)
        self._read(flags, array)
        return array

    # Errors

    def _error(self, what: str, error: cl.Error) -> DeviceError:
        if isinstance(error, cl.MemoryError):
            stats = self.memory_stats()
            return DeviceMemoryError(
                f"{self.name}: {what}: no memory left; buffers hold {stats.held} bytes; "
                f"use smaller batches ({error})"
            )
        return DeviceError(f"{self.name}: {what} failed: {error}")

    def _check_process(self) -> None:
        if self._forked:
            raise self._refuse_fork()

    def _after_fork(self) -> None:
        super()._after_fork()
        self._forked = self._busy = True


class _Retired:
    """Keeps memory of users' arrays whose buffers died while queued kernels may still read it."""

    def __init__(self, device: OpenCLDevice) -> None:
        self.nbytes = 0
        self._blocks: list[Block] = []
        self._device = device

    def __setitem__(self, block: Block, same: Block, /) -> None:
        """Takes a block until the device has finished."""
        if self._device._busy:
            self._blocks.append(block)
            self.nbytes += block.capacity

    def clear(self) -> None:
        """Lets go of all blocks."""
        self._blocks.clear()
        self.nbytes = 0


def _is_wrappable(array: Array) -> bool:
    """Tells whether kernels may read an array in place.

    It has to be aligned, and a vector load at its end must not touch another page.
    """
    if array.nbytes == 0 or not array.flags.c_contiguous:
        return False
    start = array.__array_interface__["data"][0]
    last = start + array.nbytes - 1
    same_page = last // _PAGE == (last + OVER_ALLOCATION) // _PAGE
    return bool(start % _WRAP_ALIGNMENT == 0 and same_page)


def _device_options(device: cl.Device, traits: DeviceTraits) -> tuple[str, ...]:
    options = []
    if traits.double:
        options.append("-DHAVE_FP64=1")
    if traits.kind == "cpu" and "intel" in device.platform.name.lower():
        options.append("-DINTEL_CPU=1")
    if device.platform.name == "Portable Computing Language":
        options.append("-w")  # else its compiler counts warnings on the program's stderr
    return tuple(options)
