"""Execution: a plan bound to a device.

Building an executable builds the kernels that the device does not have yet (all in one program),
sets every argument that never changes, and remembers where the changing ones go. Running it is a
short loop: bind leaves and new buffers, write the block of numbers if it changed, replay the
launches.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.compiler.choosing import Choose, own_choice
from tinygrad_cl.compiler.joining import HostCall
from tinygrad_cl.compiler.numbers import Numbers
from tinygrad_cl.compiler.parts import Arrays, Run, run_parts, through
from tinygrad_cl.compiler.plan import Launch, Plan, make_plan
from tinygrad_cl.compiler.render import Kernel as RenderedKernel
from tinygrad_cl.compiler.storage import Storage
from tinygrad_cl.compiler.structure import DONOR, Structure
from tinygrad_cl.compiler.templates import program_source
from tinygrad_cl.compiler.watching import watching
from tinygrad_cl.runtime.base import Device
from tinygrad_cl.runtime.memory import Block, Buffer
from tinygrad_cl.runtime.opencl import Kernel, OpenCLDevice

if TYPE_CHECKING:
    from tinygrad_cl.graph import Leaf

log = logging.getLogger("tinygrad_cl.compiler")

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
            self._structure, device.traits, glued=glued, choose=self._choose
        )
        log.debug("%s", self.plan)
        launches = [step for step in self.plan.steps if isinstance(step, Launch)]
        build_kernels(device, [step.kernel for step in launches])
        self._numbers = Numbers(self.plan, device)
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

    def _prepare(self) -> list[Run | HostCall]:
        """The steps: runs of launches, and host calls between them."""
        work: list[Run | HostCall] = []
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
            if captured:
                nodes = self.expansion.spread(nodes)
            by_position = dict(zip(self._order, buffers, strict=True))
            run_parts(self.plan, device, self._work, Arrays(self, nodes, by_position))
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
        return self.region(storage.at, storage.size)

    def _holder(self, at: int) -> int | None:
        """The position whose buffer a value is in; None if it is in the arena."""
        storage = self.plan.storage[at]
        if storage.kind == "arena":
            return None
        return storage.at if storage.kind == "donated" else at

    def _bind_arena(self) -> None:
        arena = self.device.arena
        before = arena.generation
        arena.reserve(self.plan.arena)
        if arena.generation != before:  # nobody else may keep the old memory alive
            for other in self.device.plans.values():
                other.release_arena()
        for kernel, i, offset, size in self._arena_sites:
            kernel.set(i, self.region(offset, size))
        self._arena_generation = arena.generation

    def region(self, offset: int, size: int) -> Buffer:
        """Returns a part of the arena."""
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


__all__ = ["DeviceExecutable", "build_kernels", "through"]
