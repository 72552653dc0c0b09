"""Running a plan again: what has not changed since its last run is left as it is.

A replay runs a plan with the same parameters, states and gradients call after call. Their buffers
stay set in the kernels; only what may differ is set: arguments of the call, results of other plans,
new buffers for results, and numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tinygrad_cl.compiler.execute import DeviceExecutable
from tinygrad_cl.compiler.watching import watching

if TYPE_CHECKING:
    from tinygrad_cl.runtime.memory import Buffer
    from tinygrad_cl.runtime.opencl import Kernel

    Sites = list[tuple[Kernel, int]]
    Place = tuple[int, Sites]


class Again:
    """One use of a plan, with the buffers of its last run.

    Args:
        executable: the plan, which is not built again any more.
        numbers: its run-time numbers by position; those that are drawn anew may be anything.
        changing: the leaves whose buffers may be others from run to run, in the order of `run`.
        kept: the results whose buffers stay those of the last run.
        wanted: the results to return, with their homes; none of them is kept.

    Attributes:
        numbers: the run-time numbers, to be changed in place.
        places: where in `numbers` the number of each position stands.
    """

    def __init__(
        self,
        executable: DeviceExecutable,
        numbers: Mapping[int, Any],
        changing: Iterable[int],
        kept: set[int],
        wanted: Iterable[tuple[int, int]],
    ) -> None:
        self._executable = executable
        self._fresh = [(at, place.size) for at, place in executable._fresh if at not in kept]
        places = [*changing, *(at for at, _ in self._fresh)]
        self._places: list[Place] = [(at, executable._dynamic.get(at, [])) for at in places]
        holders = [(at, _known(executable._holders[home])) for at, home in wanted]
        self._wanted = [(at, places.index(holder)) for at, holder in holders]
        (self._launches,) = (work for work in executable._work if isinstance(work, list))
        self.places = {at: place for place, at in enumerate(executable.plan.slots)}
        self.numbers: list[Any] = [numbers[at] for at in self.places]

    @property
    def is_current(self) -> bool:
        """Whether the last run of the plan was of this use."""
        return self._executable.user is self and watching.step is None

    def take(self) -> None:
        """Makes this use the current one: the plan has just run with all its buffers."""
        self._executable.user = self

    def run(self, buffers: list[Buffer], given: Mapping[int, Buffer]) -> dict[int, Buffer]:
        """Runs the plan; returns the wanted buffers by position.

        Args:
            buffers: of the changing leaves.
            given: buffers for results that would get new ones, by position.
        """
        executable = self._executable
        device, bound, plan = executable.device, executable._bound, executable.plan
        for at, size in self._fresh:
            buffers.append(given[at] if at in given else device.allocate(size))
        for (at, sites), buffer in zip(self._places, buffers, strict=True):
            handle = buffer.handle
            if bound[at] is not handle:
                bound[at] = handle
                for kernel, i in sites:
                    kernel.set(i, buffer)
        if plan.arena and executable._arena_generation != device.arena.generation:
            executable._bind_arena()
        if self.numbers:
            executable._numbers.put(self.numbers)
        if plan.flags:
            device.flags_armed = True
        device.run(self._launches)
        return {at: buffers[place] for at, place in self._wanted}


def holders_of(executable: object, wanted: Iterable[tuple[int, int]]) -> set[int] | None:
    """The positions whose buffers the wanted results are in; None if a plan must be run as a whole.

    That is the case where a step is no launch, or a result stays in the arena.
    """
    if not isinstance(executable, DeviceExecutable):
        return None
    found = {executable._holders[home] for _, home in wanted}
    if None in found or len(executable._work) != 1 or not isinstance(executable._work[0], list):
        return None
    return {at for at in found if at is not None}


def _known(holder: int | None) -> int:
    assert holder is not None  # results in the arena are none that `holders_of` accepts
    return holder


__all__ = ["Again", "holders_of"]
