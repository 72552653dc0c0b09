"""The block of numbers: the run-time numbers of a plan, in memory that its kernels read.

Rates, step counts, positions of random numbers and all other scalars of Python are arguments, never
text: each is 8 bytes of one block. Where they change while kernels that read the old ones are still
queued, the new ones go to other memory.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.compiler.plan import Plan
from tinygrad_cl.runtime.opencl import Kernel, OpenCLDevice

if TYPE_CHECKING:
    from tinygrad_cl.graph import Leaf

_FORMATS = {"f32": "f4x", "f64": "d", "i32": "i4x", "i64": "q", "u8": "B7x", "b": "i4x"}


class Numbers:
    """The block of a plan; written when a number changed.

    Args:
        plan: whose numbers they are.
        device: where it runs.

    Attributes:
        buffer: the block.
    """

    def __init__(self, plan: Plan, device: OpenCLDevice) -> None:
        self._device = device
        self._positions = list(plan.slots)
        self._values: list[Any] = [None] * len(plan.slots)
        self._tags = [plan.structure[at].dtype.tag for at in plan.slots]
        self._struct = struct.Struct("<" + "".join(_FORMATS[tag] for tag in self._tags))
        self._exact = "b" not in self._tags  # a mask is not the number that Python has for True
        self._last = b""
        self.buffer = device.allocate(max(self._struct.size, 8))
        self._sites: list[tuple[Kernel, int]] = []

    def place(self, kernel: Kernel, i: int) -> None:
        """Makes the block an argument of a kernel."""
        self._sites.append((kernel, i))
        kernel.set(i, self.buffer)

    def preset(self, constants: Mapping[int, Any]) -> None:
        """Takes the numbers that no run gives: those inside formulas, by position."""
        for number, at in enumerate(self._positions):
            if at in constants:
                self._values[number] = constants[at]

    def write(self, nodes: Sequence[Leaf], given: Sequence[tuple[int, int]]) -> None:
        """Brings the device's copy up to date; `given` says which number is whose."""
        values = self._values
        if not given and (self._last or not values):
            return
        for number, at in given:
            values[number] = nodes[at].scalar
        self.put(values)

    def put(self, values: Sequence[Any]) -> None:
        """Brings the device's copy up to date with the numbers in the order of the slots."""
        if not values:
            return
        try:
            block = self._struct.pack(*values) if self._exact else b""
        except (struct.error, OverflowError):
            block = b""
        block = block or self._struct.pack(*map(_fitted, values, self._tags))
        if block != self._last:
            self._last = block
            unused = None if self._device.is_idle else self._device.allocate_unused(len(block))
            if unused is not None:  # queued kernels read the numbers of their own steps
                self.buffer = unused
                for kernel, i in self._sites:
                    kernel.set(i, unused)
            if self.buffer.array is not None and (unused is not None or self._device.is_idle):
                memoryview(self.buffer.array)[: len(block)] = block  # type: ignore[arg-type]
            else:
                self._device.write(self.buffer, np.frombuffer(block, np.uint8))


def _fitted(value: bool | int | float | None, tag: str) -> bool | int | float:
    """A number that its C type can hold: floats overflow, integers wrap, masks are 0 or -1."""
    assert value is not None
    with np.errstate(all="ignore"):
        if tag == "f32":
            return float(np.float32(value))
        if tag in ("f64",):
            return float(value)
        if tag == "b":
            return -int(bool(value))
        bits = {"i32": 32, "i64": 64, "u8": 8}[tag]
        wrapped = int(value) & ((1 << bits) - 1)
        return wrapped if tag == "u8" or wrapped < 1 << (bits - 1) else wrapped - (1 << bits)


__all__ = ["Numbers"]
