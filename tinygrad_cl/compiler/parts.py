"""Plans that run part by part: those with host calls, and all while somebody watches.

Others are one list of launches; see execute.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.compiler.fallbacks import count_fallback
from tinygrad_cl.compiler.joining import HostCall
from tinygrad_cl.compiler.plan import Plan, Step
from tinygrad_cl.compiler.watching import watching
from tinygrad_cl.dtypes import number_array
from tinygrad_cl.runtime.memory import Buffer
from tinygrad_cl.runtime.opencl import Kernel, OpenCLDevice
from tinygrad_cl.shapes import Layout

if TYPE_CHECKING:
    from tinygrad_cl.compiler.execute import DeviceExecutable
    from tinygrad_cl.compiler.watching import Watch

Run = list[tuple[Kernel, tuple[int, ...], tuple[int, ...] | None]]  # launches in a row


class Arrays:
    """The values of a run as arrays of the host.

    Args:
        executable: the plan and its device.
        nodes: a node per value.
        buffers: of leaves and results, by position.

    Attributes:
        nodes: as given.
    """

    def __init__(
        self, executable: DeviceExecutable, nodes: Sequence[Any], buffers: Mapping[int, Buffer]
    ) -> None:
        self._executable = executable
        self._buffers = buffers
        self.nodes = nodes

    def buffer(self, at: int) -> Buffer:
        """Returns the buffer in which a value is."""
        plan = self._executable.plan
        storage = plan.storage[plan.home(at)]
        if storage.kind == "arena":
            return self._executable.region(storage.at, storage.size)
        home = storage.at if storage.kind == "donated" else plan.home(at)
        buffer = self._buffers.get(home) or self.nodes[home].buffer
        assert buffer is not None
        return buffer

    def __getitem__(self, at: int) -> np.ndarray:
        value = self._executable.plan.structure[at]
        if value.is_scalar:
            return number_array(self.nodes[at].scalar, value.dtype)
        return self._executable.device.view(self.buffer(at), value.shape, value.dtype)


def run_parts(
    plan: Plan, device: OpenCLDevice, work: Sequence[Run | HostCall], arrays: Arrays
) -> None:
    """Runs the launches and host calls of a plan; group by group, if it is watched."""
    if watching.step is not None:
        launches = iter([one for part in work if isinstance(part, list) for one in part])
        _run_watched(plan, device, launches, arrays, watching.step)
        return
    for part in work:
        if isinstance(part, list):
            device.run(part)
        else:
            _call_host(plan, device, part, arrays)


def _run_watched(
    plan: Plan, device: OpenCLDevice, launches: Iterator[Any], arrays: Arrays, watch: Watch
) -> None:
    """Runs group by group, and shows what each has read and written."""
    for members, steps in groupby(plan.steps, _members):
        groups = [plan.groups[g] for g in members]
        reads = {at for group in groups for at in group.reads}
        inputs = {at: np.array(arrays[at]) for at in reads}
        for step in steps:
            if isinstance(step, HostCall):
                _call_host(plan, device, step, arrays)
            else:
                device.run([next(launches)])
        device.flags_armed = plan.flags  # reading the inputs has looked at them
        writes = {at for group in groups for at in group.writes}
        outputs = {at: arrays[at] for at in writes}
        inputs |= {at: outputs[at] for at in reads & writes}  # from one phase to the next
        watch(plan, groups, arrays.nodes, inputs, outputs)


def _members(step: Step) -> tuple[int, ...]:
    return (step.group,) if isinstance(step, HostCall) else step.groups


def _call_host(plan: Plan, device: OpenCLDevice, call: HostCall, arrays: Arrays) -> None:
    value = plan.structure[call.value]
    count_fallback(value.signature.primitive.name, call.reason)
    inputs = [through(arrays[i], layout) for i, layout in plan.groups[call.group].inputs]
    with np.errstate(all="ignore"):
        result = value.signature.primitive.compute(inputs, value.signature.kwargs)
    result = np.ascontiguousarray(result, dtype=value.dtype.numpy)
    device.write(arrays.buffer(call.value), result)


def through(array: np.ndarray, layout: Layout) -> np.ndarray:
    """Returns the view of a contiguous array that a layout without bounds describes."""
    if layout.is_contiguous:
        return array.reshape(layout.shape)
    steps = [stride * array.itemsize for stride in layout.strides]
    flat = array.reshape(-1)[layout.offset :]
    return np.lib.stride_tricks.as_strided(flat, layout.shape, steps, writeable=False)


__all__ = ["Arrays", "Run", "run_parts", "through"]
