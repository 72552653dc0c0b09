"""Programs and kernels of an OpenCL device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyopencl as cl

from tinygrad_cl.errors import BuildError, DeviceError
from tinygrad_cl.runtime.memory import Buffer


class Kernel:
    """One kernel of a program with its own arguments.

    The caller keeps buffers alive that were set as arguments, until others are set in their place.
    """

    __slots__ = ("_set_bytes", "handle", "name")

    def __init__(self, handle: Any, name: str) -> None:
        self.handle = handle
        self.name = name
        # pyopencl's own path for scalars; the public `set_arg` tries four other kinds first (5 us)
        self._set_bytes = getattr(handle, "_set_arg_buf", handle.set_arg)

    def set(self, position: int, buffer: Buffer) -> None:
        """Sets a buffer as argument."""
        self.handle.set_arg(position, buffer.handle)

    def set_int(self, position: int, value: int, bits: int = 32) -> None:
        """Sets an integer of 32 or 64 bits as argument."""
        self._set_bytes(position, value.to_bytes(bits >> 3, "little", signed=True))

    def set_scalar(self, position: int, value: np.generic | bytes) -> None:
        """Sets the bytes of a NumPy scalar as argument."""
        self._set_bytes(position, value)

    def __repr__(self) -> str:
        return f"<kernel {self.name}>"


class Program:
    """Compiled source that holds any number of kernels."""

    __slots__ = ("handle",)

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    def kernel(self, name: str) -> Kernel:
        """Returns a kernel with arguments of its own.

        Raises:
            DeviceError: if the program has no kernel of that name.
        """
        try:
            return Kernel(cl.Kernel(self.handle, name), name)
        except cl.Error as error:
            raise DeviceError(f"the program has no kernel {name!r}: {error}") from error


def build_error(
    device: str, handle: Any, on: cl.Device, source: str, error: cl.Error
) -> BuildError:
    """Returns the error for a source that did not compile.

    Args:
        device: the device's name.
        handle: pyopencl's program, which knows the compiler's log.
        on: pyopencl's device.
        source: what was compiled.
        error: what the driver said.
    """
    try:
        log = handle.get_build_info(on, cl.program_build_info.LOG).strip()
    except cl.Error:
        log = ""
    log = log or str(error)
    numbered = "\n".join(f"{i:5d}  {line}" for i, line in enumerate(source.splitlines(), 1))
    head = "\n".join(log.splitlines()[:20])
    return BuildError(
        f"OpenCL C did not compile on {device}; the whole log and the numbered source are in "
        f"`.log` and `.source` of this error:\n{head}",
        log,
        numbered,
    )
