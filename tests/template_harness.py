"""Runs the kernels of a `TemplatePlan` directly: one program for many plans, no engine.

All buffers lie between bytes of ones (NaN as floats, -1 as integers) that must not change: a read
outside shows in the result, a write outside in the guards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_cl.compiler.render import Kernel
from tinygrad_cl.compiler.templates import program_source
from tinygrad_cl.dtypes import dtype
from tinygrad_cl.graph import PRIMITIVES, TensorSpec
from tinygrad_cl.lowering import DeviceTraits, Pass, Template, TemplatePlan
from tinygrad_cl.runtime.base import Device
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.runtime.memory import Buffer
from tinygrad_cl.shapes import Layout

Array = NDArray[Any]

GUARD = 4096  # bytes on either side of every buffer
CPU = DeviceTraits(units=2)
GPU = DeviceTraits(kind="gpu", units=2)


@dataclass(frozen=True)
class Job:
    """One primitive applied to arrays, planned for a device with some traits."""

    name: str
    arrays: tuple[Array, ...]
    attrs: Mapping[str, Any]
    plan: TemplatePlan
    spec: TensorSpec
    twin: str = ""  # the primitive whose value the last pass writes too

    @property
    def expected(self) -> Array:
        """What the NumPy reference computes."""
        return np.asarray(PRIMITIVES[self.name].reference(*self.arrays, **self.attrs))


@dataclass(frozen=True)
class Result:
    """What a job's kernels wrote."""

    value: Array
    second: Array | None  # that of the twin
    flags: tuple[int, ...]
    intact: bool  # the guards around the output


def job(
    name: str,
    *arrays: Array,
    traits: DeviceTraits = CPU,
    layouts: Sequence[Layout] = (),
    **attrs: Any,
) -> Job:
    """Plans a primitive on contiguous inputs, or on `layouts` over the given arrays."""
    primitive = PRIMITIVES[name]
    assert isinstance(primitive.lowering, Template)
    seen = layouts or [Layout.contiguous(a.shape) for a in arrays]
    specs = [TensorSpec(s.shape, dtype(a.dtype)) for s, a in zip(seen, arrays, strict=True)]
    spec = primitive.spec(*specs, **attrs)
    tags = (*(s.dtype.storage for s in specs), spec.dtype.storage)
    plan = primitive.lowering.plan(tuple(seen), spec.shape, tags, attrs, traits)
    assert isinstance(plan, TemplatePlan), plan
    return Job(name, arrays, attrs, plan, spec)


def with_twin(given: Job, traits: DeviceTraits = CPU) -> Job | None:
    """The job by the plan that computes the template's twin too, if there is one."""
    primitive = PRIMITIVES[given.name]
    assert isinstance(primitive.lowering, Template)
    twin = primitive.lowering.twin
    assert twin is not None
    tags = (*(dtype(a.dtype).storage for a in given.arrays), given.spec.dtype.storage)
    inputs = tuple(Layout.contiguous(a.shape) for a in given.arrays)
    plan = twin.plan(inputs, given.spec.shape, tags, given.attrs, traits)
    return None if plan is None else replace(given, plan=plan, twin=twin.name)


def with_epilogue(given: Job, defines: Sequence[tuple[str, str]]) -> Job:
    """The job with macros added to its last pass, such as an `EPILOGUE`."""
    last = given.plan.passes[-1]
    assert last.epilogue
    last = replace(last, defines=(*last.defines, *defines))
    return replace(given, plan=replace(given.plan, passes=(*given.plan.passes[:-1], last)))


def _kernel(step: Pass) -> Kernel:
    defines = dict(step.defines)
    vec = int(defines.pop("VEC", 1))
    text = "".join(f"#define {name} {value}\n" for name, value in defines.items())
    return Kernel(step.kernel, step.file, text, vec, step.arguments, step.grid)


def _guarded(device: Device, array: Array) -> tuple[Buffer, Buffer]:
    """Uploads an array between poison; returns the region and the whole."""
    poison = np.full(GUARD, 0xFF, np.uint8)
    whole = device.upload(np.concatenate([poison, array.reshape(-1).view(np.uint8), poison]))
    return device.region(whole, GUARD, max(array.nbytes, 1)), whole


class Harness:
    """Builds all jobs' kernels as one program of the named device, then runs any of them."""

    def __init__(self, jobs: Iterable[Job], device: str) -> None:
        self.device: Any = get_device(device)
        kernels = [_kernel(step) for given in jobs for step in given.plan.passes]
        self.program = self.device.build(program_source(kernels))

    def run(self, given: Job) -> Result:
        """Runs one job."""
        device = self.device
        inputs = [_guarded(device, np.ascontiguousarray(a)) for a in given.arrays]
        outputs = [_guarded(device, np.zeros(s.shape, s.dtype.numpy)) for s in _specs(given)]
        flags = device.upload(np.zeros(4, np.int32))
        scratch = [_guarded(device, np.full(max(1, n), 0xFF, np.uint8)) for n in given.plan.scratch]
        named = {"in": inputs, "scratch": scratch, "out": outputs, "flags": [(flags, flags)]}
        for step in given.plan.passes:
            kernel = self.program.kernel(_kernel(step).name)
            for position, (kind, number) in enumerate(step.arguments):
                if kind in named:
                    kernel.set(position, named[kind][number][0])
                else:
                    kernel.set_int(position, number, 64 if kind == "long" else 32)
            device.run([(kernel, step.grid.size, step.grid.local)])
        device.finish()
        return self._result(given, outputs, flags, [w for _, w in [*scratch, *inputs]])

    def _result(
        self, given: Job, outputs: list[tuple[Buffer, Buffer]], flags: Buffer, others: list[Buffer]
    ) -> Result:
        intact = True
        for buffer in (*(whole for _, whole in outputs), *others):
            content = self.device.view(buffer, (buffer.nbytes,), dtype("uint8"))
            intact &= bool((content[:GUARD] == 0xFF).all() and (content[-GUARD:] == 0xFF).all())
        values = []
        for spec, (_, whole) in zip(_specs(given), outputs, strict=True):
            nbytes = spec.dtype.itemsize * int(np.prod(spec.shape, dtype=np.int64))
            content = self.device.view(whole, (whole.nbytes,), dtype("uint8"))
            raw = content[GUARD : GUARD + nbytes].copy()
            values.append(raw.view(spec.dtype.numpy).reshape(spec.shape))
        found = self.device.view(flags, (4,), dtype("int32")).tolist()
        return Result(values[0], values[1] if given.twin else None, tuple(found), intact)


def _specs(given: Job) -> list[TensorSpec]:
    """The specs of what the job writes."""
    if not given.twin:
        return [given.spec]
    specs = [TensorSpec(a.shape, dtype(a.dtype)) for a in given.arrays]
    return [given.spec, PRIMITIVES[given.twin].spec(*specs, **given.attrs)]


def check(jobs: Sequence[Job], device: str, rtol: float = 1e-5, atol: float = 1e-5) -> None:
    """Runs all jobs and compares them with their references, bit by bit where `rtol` is 0."""
    harness = Harness(jobs, device)
    for given in jobs:
        result = harness.run(given)
        shapes = [a.shape for a in given.arrays]
        where = f"{given.name} {shapes} {given.attrs} {given.plan.passes[-1].file}.cl"
        assert result.intact, f"{where}: wrote outside"
        assert result.flags[0] == 0, f"{where}: {result.flags}"
        loose = 1e-2 if given.spec.dtype.name == "float16" and rtol else rtol
        np.testing.assert_allclose(
            result.value, given.expected, loose, atol if rtol else 0, err_msg=where
        )
        if given.twin:
            second = PRIMITIVES[given.twin].reference(*given.arrays, **given.attrs)
            np.testing.assert_array_equal(result.second, second, err_msg=f"{where}: {given.twin}")
