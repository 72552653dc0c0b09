"""Measuring: one template call on a device, for a race of its plans."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import numpy as np

from tinygrad_cl import graph
from tinygrad_cl.compiler.body import Body
from tinygrad_cl.compiler.choosing import Call
from tinygrad_cl.compiler.execute import build_kernels, through
from tinygrad_cl.compiler.groups import Group
from tinygrad_cl.compiler.kernels import render_group
from tinygrad_cl.compiler.racing import Array, Plan
from tinygrad_cl.compiler.render import Kernel as RenderedKernel
from tinygrad_cl.compiler.structure import FREE, WANTED, Structure, Value
from tinygrad_cl.graph import TensorSpec
from tinygrad_cl.lowering import Host, TemplatePlan
from tinygrad_cl.runtime.memory import Buffer
from tinygrad_cl.runtime.opencl import Kernel, Launch, OpenCLDevice
from tinygrad_cl.shapes import Layout, numel


class DeviceTrials:
    """A call over buffers of random numbers.

    Args:
        device: where it runs.
        call: what runs.

    Raises:
        DeviceMemoryError: if the device has no room for the buffers.
    """

    def __init__(self, device: OpenCLDevice, call: Call) -> None:
        self.device = device
        self.call = call
        rng = np.random.default_rng(0)
        specs = zip(call.signature.inputs, call.inputs, strict=True)
        extents = [TensorSpec((_extent(layout),), spec.dtype) for spec, layout in specs]
        self.buffers: list[Buffer] = []
        for spec in extents:
            numbers = rng.random(spec.shape, np.float32) - np.float32(0.5)
            self.buffers.append(device.upload(numbers.astype(spec.dtype.numpy, copy=False)))
        self.spec = call.signature.spec
        nbytes = numel(self.spec.shape) * self.spec.dtype.itemsize
        self.poison = device.upload(np.full(max(nbytes, 1), 0xFF, np.uint8))
        self.buffers.append(device.allocate(max(nbytes, 1)))
        self.extents = extents
        self.structure: Structure = (
            *(Value(graph.data_signature(spec), (), FREE) for spec in extents),
            Value(call.signature, tuple(range(len(extents))), WANTED),
        )
        self._ready: dict[Plan, list[Launch]] = {}
        self._scratch: dict[Plan, list[Buffer]] = {}

    # ---- building

    def build(self, plans: Sequence[Plan]) -> None:
        """Makes plans ready to run, their kernels in one program."""
        rendered = [(plan, self._kernels(plan)) for plan in plans if isinstance(plan, TemplatePlan)]
        build_kernels(self.device, [kernel for _, kernels in rendered for kernel in kernels])
        for plan, kernels in rendered:
            scratch = [self.device.allocate(max(size, 1)) for size in plan.scratch]
            self._scratch[plan] = scratch
            self._ready[plan] = [self._launch(kernel, scratch) for kernel in kernels]

    def drop(self, plan: Plan) -> None:
        """Lets go of a plan's scratch buffers."""
        if isinstance(plan, TemplatePlan):
            self._ready.pop(plan, None)
            self._scratch.pop(plan, None)

    def _kernels(self, plan: TemplatePlan) -> tuple[RenderedKernel, ...]:
        at = len(self.structure) - 1
        domain = plan.domain or (numel(self.spec.shape),)
        inputs = list(enumerate(self.call.inputs))
        body = Body(domain, (), ())
        group = Group("template", at, [at], domain, body, template=plan, inputs=inputs)
        return render_group(self.structure, group, self.call.traits).kernels

    def _launch(self, rendered: RenderedKernel, scratch: list[Buffer]) -> Launch:
        kernel: Kernel = self.device.kernel_programs[rendered.name].kernel(rendered.name)
        buffers = {"value": self.buffers, "scratch": scratch}
        for i, (kind, number) in enumerate(rendered.arguments):
            if kind in buffers:
                kernel.set(i, buffers[kind][number])
            elif kind == "flags":
                kernel.set(i, self.device.flags)
            else:
                kernel.set_int(i, number, 32 if kind == "int" else 64)
        return kernel, rendered.grid.size, rendered.grid.local

    # ---- running

    def run(self, plan: Plan) -> tuple[Array, float]:
        """Runs a plan once, into a buffer of NaN; returns the output and the seconds."""
        device, out = self.device, self.buffers[-1]
        device.copy(self.poison, out, out.nbytes)
        taken = self.seconds(plan, 1)
        return np.array(device.view(out, self.spec.shape, self.spec.dtype)), taken

    def seconds(self, plan: Plan, times: int) -> float:
        """Runs a plan some times; returns the seconds of one."""
        self.device.finish()
        begin = perf_counter()
        if isinstance(plan, Host):
            for _ in range(times):
                self._run_host()
        else:
            self.device.run(self._ready[plan] * times)
            self.device.finish()
        return (perf_counter() - begin) / times

    def _run_host(self) -> None:
        """The reference, as a host step of a plan runs it."""
        device, signature = self.device, self.call.signature
        inputs = zip(self.buffers, self.extents, self.call.inputs, strict=False)
        arrays = [through(device.view(b, s.shape, s.dtype), layout) for b, s, layout in inputs]
        with np.errstate(all="ignore"):
            result = signature.primitive.compute(arrays, signature.kwargs)
        device.write(self.buffers[-1], np.ascontiguousarray(result, self.spec.dtype.numpy))


def _extent(layout: Layout) -> int:
    """The elements of a buffer that is read through a layout."""
    reach = sum((n - 1) * s for n, s in zip(layout.shape, layout.strides, strict=True))
    return layout.offset + reach + 1 if numel(layout.shape) else 1
