"""Execution: a plan bound to a device.

Building an executable builds the kernels that the device does not have yet (all in one program),
sets every argument that never changes, and remembers where the changing ones go. Running it is a
short loop: bind leaves and new buffers, write the block of numbers if it changed, replay the
launches.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.compiler.choosing import Choose, own_choice
from tinygrad_cl.compiler.fallbacks import count_fallback
from tinygrad_cl.compiler.joining import HostCall
from tinygrad_cl.compiler.plan import Launch, Plan, Step, make_plan
from tinygrad_cl.compiler.render import Kernel as RenderedKernel
from tinygrad_cl.compiler.storage import Storage
from tinygrad_cl.compiler.structure import DONOR, Structure, Value
from tinygrad_cl.compiler.templates import program_source
from tinygrad_cl.compiler.watching import watching
from tinygrad_cl.dtypes import number_array
from tinygrad_cl.runtime.base import Device
from tinygrad_cl.runtime.memory import Block, Buffer
from tinygrad_cl.runtime.opencl import Kernel, OpenCLDevice
from tinygrad_cl.shapes import Layout

if TYPE_CHECKING:
    from tinygrad_cl.compiler.watching import Watch
    from tinygrad_cl.graph import Leaf

log = logging.getLogger("tinygrad_cl.compiler")

_FORMATS = {"f32": "f4x", "f64": "d", "i32": "i4x", "i64": "q", "u8": "B7x", "b": "i4x"}

Site = tuple[Kernel, int]

HOT = 8  # runs after which a plan is worth the compilation of longer kernels


def build_kernels(device: OpenCLDevice, kernels: Iterable[RenderedKernel]) -> None:
    """Builds what the device has no program for, all in one program."""
    missing = {k.name: k for k in kernels if k.name not in device.kernel_programs}
    if not missing:
        return
    source = program_source(missing.values())
    program = device.build(source)
    for name in missing:
        device.kernel_programs[name] = program


class DeviceExecutable:
    """A plan that is ready to run on an OpenCL device.

    A plan that renews leaves is a training step and will come again, so all that makes it faster is
    done at once. Others may never come again: runs of their small kernels are glued once they have
    run a few times, and until then their kernels serve other plans, too.
    """

    expansion: Any  # the engine's: how captured nodes become those of the structure
    user: object = None  # whose buffers the last run has set; see again.py
    # If the plan has but one result, and no numbers: where leaves stand, and are bound.
    one_result: list[tuple[int, int]] | None = None

    def __init__(self, structure: Structure, device: Device, choose: Choose = own_choice) -> None:
        assert isinstance(device, OpenCLDevice)
        self.device = device
        self._structure = structure
        self._choose = choose
        self._renews = any(value.flag == DONOR for value in structure)
        self._is_cold = not self._renews
        self._runs = 0
        self._build(glued=self._renews)

    # ---- building

    def _build(self, glued: bool) -> None:
        device = self.device
        self.plan: Plan = make_plan(
            self._structure, device.traits, sliced=self._renews, glued=glued, choose=self._choose
        )
        log.debug("%s", self.plan)
        launches = [step for step in self.plan.steps if isinstance(step, Launch)]
        build_kernels(device, [step.kernel for step in launches])
        self._numbers = _Numbers(self.plan, device)
        self._dynamic: dict[int, list[Site]] = {}
        self._arena_sites: list[tuple[Kernel, int, int, int]] = []
        self._arena_generation = -1
        self._regions: dict[tuple[int, int], Buffer] = {}
        self._tables: list[Buffer] = []
        self._work = self._prepare()
        self._has_host_calls = any(isinstance(work, HostCall) for work in self._work)
        self._list_buffers()

    def _list_buffers(self) -> None:
        """Lists what each run has to bind: leaves, then new buffers, each with its arguments."""
        plan, storage = self.plan, self.plan.storage
        self._holders = holders = {home: self._holder(home) for home in storage}
        self._fresh = [(at, place) for at, place in storage.items() if place.kind == "fresh"]
        self._sizes = [place.size for _, place in self._fresh]
        self._blocks: list[Block | None] = [None] * len(self._fresh)
        shown = [holder for at in plan.attached if (holder := holders[plan.home(at)]) is not None]
        made = dict(self._fresh)
        self._leaves = [at for at in dict.fromkeys([*self._dynamic, *shown]) if at not in made]
        self._order = [*self._leaves, *made]
        self._bound: list[object] = [None] * len(plan.structure)
        self._places = {at: place for place, at in enumerate(self._order)}
        everywhere: list[int | None] = list(range(len(plan.structure)))
        self._by_position = _Ways(self, everywhere)
        self._by_capture: _Ways | None = None
        self.one_result = None

    def settle(self) -> None:
        """Glues runs of small kernels, if that was not done yet; the plan stays as it is then."""
        if self._is_cold:
            self._is_cold = False
            if len(self.plan.steps) > 1:
                self._build(glued=True)

    def _prepare(
        self,
    ) -> list[list[tuple[Kernel, tuple[int, ...], tuple[int, ...] | None]] | HostCall]:
        """The steps: runs of launches, and host calls between them."""
        work: list[list[tuple[Kernel, tuple[int, ...], tuple[int, ...] | None]] | HostCall] = []
        for step in self.plan.steps:
            if isinstance(step, HostCall):
                work.append(step)
                continue
            if not work or isinstance(work[-1], HostCall):
                work.append([])
            run = work[-1]
            assert isinstance(run, list)
            grid = step.kernel.grid
            run.append((self._kernel(step), grid.size, grid.local))
        return work

    def _kernel(self, step: Launch) -> Kernel:
        rendered = step.kernel
        kernel: Kernel = self.device.kernel_programs[rendered.name].kernel(rendered.name)
        for i, (kind, number) in enumerate(rendered.arguments):
            if kind == "value":
                self._place(kernel, i, self.plan.home(number))
            elif kind == "scratch":
                self._arena_sites.append((kernel, i, *step.scratch[number]))
            elif kind == "scalars":
                self._numbers.place(kernel, i)
            elif kind == "slot":
                kernel.set_int(i, self.plan.slots[number], 32)
            elif kind == "table":
                kernel.set(i, self._table(rendered))
            elif kind == "flags":
                kernel.set(i, self.device.flags)
            else:
                kernel.set_int(i, number, 32 if kind == "int" else 64)
        return kernel

    def _table(self, rendered: RenderedKernel) -> Buffer:
        """A buffer with the numbers of a kernel that does not get them one by one."""
        numbers = [
            self.plan.slots[value] if kind == "slot" else value for kind, value in rendered.table
        ]
        buffer = self.device.upload(np.array(numbers or [0], np.int64))
        self._tables.append(buffer)
        return buffer

    def _place(self, kernel: Kernel, i: int, value: int) -> None:
        storage = self.plan.storage[value]
        if storage.kind == "arena":
            self._arena_sites.append((kernel, i, storage.at, storage.size))
            return
        if storage.kind == "donated":
            value = storage.at
        self._dynamic.setdefault(value, []).append((kernel, i))

    # ---- running

    def run(
        self,
        nodes: Sequence[Leaf],
        given: Mapping[int, Buffer] | None = None,
        wanted: Sequence[tuple[int, int]] = (),
        captured: bool = False,
    ) -> dict[int, Buffer]:
        """Runs the plan; returns the buffers to attach, by position.

        Args:
            nodes: a node per value, or what holds the buffers and numbers of the leaves among them.
            given: buffers for results that would get new ones.
            wanted: the results to return, with their homes; all that are attached, if empty.
            captured: whether nodes, and positions in the answer, are those of the capture.
        """
        self.user = None
        self._runs += 1
        if self._runs == HOT:
            self.settle()
        device = self.device
        ways = self._by_position
        if captured:
            ways = self._by_capture or self._captured()
        buffers = self._bound_buffers(nodes, ways.leaves, given)
        if self.plan.arena and self._arena_generation != device.arena.generation:
            self._bind_arena()
        if ways.numbers or self.plan.slots:
            self._numbers.write(nodes, ways.numbers)
        if self.plan.flags:
            device.flags_armed = True
        if watching.step is not None or self._has_host_calls:
            self._run_in_parts(nodes, buffers, captured)
        else:
            for work in self._work:
                device.run(work)  # type: ignore[arg-type]
        found = {}
        if wanted:
            for at, home in wanted:
                found[at] = self._found(home, buffers)
        else:
            for at, place in ways.results:
                found[at] = buffers[place]
        return found

    def _captured(self) -> _Ways:
        """The ways to the nodes of a capture; fixed by the first one."""
        self._by_capture = ways = _Ways(self, self.expansion.sources)
        self._numbers.preset(self.expansion.constants)
        one_result = ways.results == [(0, len(self._leaves))] and len(self._fresh) == 1
        is_settled = len(self.plan.steps) == 1 or not self._is_cold
        is_plain = not (ways.numbers or self._has_host_calls or self._renews)
        if one_result and is_settled and is_plain and len(self._work) == 1:
            self.one_result = list(zip(ways.leaves, self._leaves, strict=True))
        return ways

    def run_for_one(self, nodes: Sequence[Leaf]) -> Buffer:
        """Runs a plan that has `one_result`, the first of the captured nodes; returns its buffer.

        It is `run` for what programs do most that realize op by op.
        """
        assert self.one_result is not None
        self.user = None
        self._runs += 1
        bound, device = self._bound, self.device
        made = device.pool.allocate(self._sizes[0])
        for place, at in self.one_result:
            buffer: Any = nodes[place].buffer
            if bound[at] is not buffer.handle:
                self._bind(at, buffer)
        at = self._order[-1]
        if bound[at] is not made.handle:
            self._bind(at, made)
        plan = self.plan
        if plan.arena and self._arena_generation != device.arena.generation:
            self._bind_arena()
        if plan.flags:
            device.flags_armed = True
        device.run(self._work[0])  # type: ignore[arg-type]
        return made

    def _bind(self, at: int, buffer: Buffer) -> None:
        """Sets a buffer wherever a value is an argument."""
        self._bound[at] = buffer.handle
        for kernel, i in self._dynamic.get(at, ()):
            kernel.set(i, buffer)

    def _bound_buffers(
        self, nodes: Sequence[Leaf], leaves: Sequence[int], given: Mapping[int, Buffer] | None
    ) -> list[Buffer]:
        """The buffers of leaves and new ones, set as arguments where others were in the last run.

        A step of a training loop gets the new buffers of the step before, so that arguments stay as
        they are; other plans get what was freed last: it is in the cache.
        """
        buffers: list[Any] = []
        for at in leaves:
            buffers.append(nodes[at].buffer)
        device = self.device
        if given:
            for at, storage in self._fresh:
                buffers.append(given[at] if at in given else device.allocate(storage.size))
        elif self._renews:
            buffers += device.renew(self._sizes, self._blocks)
        else:
            for size in self._sizes:
                buffers.append(device.allocate(size))
        bound = self._bound
        for at, buffer in zip(self._order, buffers, strict=False):
            if bound[at] is not buffer.handle:
                self._bind(at, buffer)
        return buffers

    def _found(self, home: int, buffers: Sequence[Buffer]) -> Buffer:
        """The buffer of a value that has one of its own after a run."""
        holder = self._holders[home]
        if holder is not None:
            return buffers[self._places[holder]]
        storage: Storage = self.plan.storage[home]
        return self._region(storage.at, storage.size)

    def _holder(self, at: int) -> int | None:
        """The position whose buffer a value is in; None if it is in the arena."""
        storage = self.plan.storage[at]
        if storage.kind == "arena":
            return None
        return storage.at if storage.kind == "donated" else at

    def _run_in_parts(
        self, nodes: Sequence[Leaf], buffers: Sequence[Buffer], captured: bool
    ) -> None:
        """Runs a plan that has host calls, or is watched."""
        if captured:
            nodes = self.expansion.spread(nodes)
        at_hand = dict(zip(self._order, buffers, strict=True))
        if watching.step is not None:
            self._run_watched(nodes, at_hand, watching.step)
            return
        for work in self._work:
            if isinstance(work, list):
                self.device.run(work)
            else:
                self._call_host(work, nodes, at_hand)

    def _run_watched(self, nodes: Sequence[Any], buffers: dict[int, Buffer], watch: Watch) -> None:
        """Runs group by group, and shows what each has read and written."""
        launches = iter([one for work in self._work if isinstance(work, list) for one in work])
        for members, steps in groupby(self.plan.steps, _members):
            groups = [self.plan.groups[g] for g in members]
            reads = {at for group in groups for at in group.reads}
            inputs = {at: np.array(self._array(at, nodes, buffers)) for at in reads}
            for step in steps:
                if isinstance(step, HostCall):
                    self._call_host(step, nodes, buffers)
                else:
                    self.device.run([next(launches)])
            self.device.flags_armed = self.plan.flags  # reading the inputs has looked at them
            writes = {at for group in groups for at in group.writes}
            outputs = {at: self._array(at, nodes, buffers) for at in writes}
            inputs |= {at: outputs[at] for at in reads & writes}  # from one phase to the next
            watch(self.plan, groups, nodes, inputs, outputs)

    def _bind_arena(self) -> None:
        arena = self.device.arena
        before = arena.generation
        arena.reserve(self.plan.arena)
        if arena.generation != before:  # nobody else may keep the old memory alive
            for other in self.device.plans.values():
                other.release_arena()
        for kernel, i, offset, size in self._arena_sites:
            kernel.set(i, self._region(offset, size))
        self._arena_generation = arena.generation

    def _region(self, offset: int, size: int) -> Buffer:
        key = (offset, size)
        if key not in self._regions:
            self._regions[key] = self.device.arena.region(offset, size)
        return self._regions[key]

    def release_arena(self) -> None:
        """Lets go of the arena's memory; the next run binds it anew."""
        self._regions.clear()
        self._arena_generation = -1

    def release(self) -> None:
        """Lets go of all memory that others may use; the next run binds all anew."""
        self.release_arena()
        self.user = None
        self._blocks[:] = [None] * len(self._blocks)
        self._bound = [None] * len(self._bound)

    def _buffer(self, at: int, nodes: Sequence[Leaf], buffers: dict[int, Buffer]) -> Buffer:
        storage: Storage = self.plan.storage[at]
        if storage.kind == "arena":
            return self._region(storage.at, storage.size)
        if storage.kind == "donated":
            at = storage.at
        buffer = buffers.get(at) or nodes[at].buffer
        assert buffer is not None
        return buffer

    def _call_host(self, call: HostCall, nodes: Sequence[Leaf], buffers: dict[int, Buffer]) -> None:
        value = self.plan.structure[call.value]
        count_fallback(value.signature.primitive.name, call.reason)
        inputs = self.plan.groups[call.group].inputs
        arrays = [through(self._array(i, nodes, buffers), layout) for i, layout in inputs]
        with np.errstate(all="ignore"):
            result = value.signature.primitive.compute(arrays, value.signature.kwargs)
        result = np.ascontiguousarray(result, dtype=value.dtype.numpy)
        home = self.plan.home(call.value)
        self.device.write(self._buffer(home, nodes, buffers), result)

    def _array(self, at: int, nodes: Sequence[Leaf], buffers: dict[int, Buffer]) -> np.ndarray:
        value: Value = self.plan.structure[at]
        if value.is_scalar:
            return number_array(nodes[at].scalar, value.dtype)
        buffer = self._buffer(self.plan.home(at), nodes, buffers)
        return self.device.view(buffer, value.shape, value.dtype)


def through(array: np.ndarray, layout: Layout) -> np.ndarray:
    """Returns the view of a contiguous array that a layout without bounds describes."""
    if layout.is_contiguous:
        return array.reshape(layout.shape)
    steps = [stride * array.itemsize for stride in layout.strides]
    flat = array.reshape(-1)[layout.offset :]
    return np.lib.stride_tricks.as_strided(flat, layout.shape, steps, writeable=False)


def _members(step: Step) -> tuple[int, ...]:
    return (step.group,) if isinstance(step, HostCall) else step.groups


class _Ways:
    """Where a run finds leaves and numbers among the nodes that it gets, and where results belong.

    Args:
        executable: the plan and what it binds.
        sources: where the node of each value stands; None: nowhere.

    Attributes:
        leaves: the nodes whose buffers are bound.
        numbers: (place in the block of numbers, node).
        results: (node, which of the bound buffers it gets).
    """

    __slots__ = ("leaves", "numbers", "results")

    def __init__(self, executable: DeviceExecutable, sources: Sequence[int | None]) -> None:
        plan = executable.plan
        self.leaves = [_known(sources[at]) for at in executable._leaves]
        listed = enumerate(sources[at] for at in plan.slots)
        self.numbers = [(number, at) for number, at in listed if at is not None]
        self.results = [
            (_known(sources[at]), executable._places[_known(executable._holders[plan.home(at)])])
            for at in plan.attached
        ]


def _known(place: int | None) -> int:
    assert place is not None
    return place


class _Numbers:
    """The block of a plan's run-time numbers, 8 bytes each; written when one changed."""

    def __init__(self, plan: Plan, device: OpenCLDevice) -> None:
        self._device = device
        self._positions = list(plan.slots)
        self._values: list[Any] = [None] * len(plan.slots)
        self._tags = [plan.structure[at].dtype.tag for at in plan.slots]
        self._struct = struct.Struct("<" + "".join(_FORMATS[tag] for tag in self._tags))
        self._exact = "b" not in self._tags  # a mask is not the number that Python has for True
        self._last = b""
        self.buffer = device.allocate(max(self._struct.size, 8))
        self._sites: list[Site] = []

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


__all__ = ["DeviceExecutable", "build_kernels", "through"]
