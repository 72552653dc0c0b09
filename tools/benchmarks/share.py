"""Python's share of a step of tinygrad_cl: what building, looking up and replaying cost.

Runs in tinygrad_cl's process. The steps are waited for one by one, so that Python is not held up by
a full queue; clocks stand around the capture of the graph, the run of its plan and the launches.
They show the processor time of Python's thread, which others on the machine do not change.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import modules, nets

_WARM = 5


class Clocks:
    """Microseconds in some functions, and what passed through them, since the last reset."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Starts anew."""
        self.us = {"capture": 0.0, "run": 0.0, "launch": 0.0}
        self.nodes = 0
        self.plans: list[Any] = []

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with a clock around it."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            begin = time.thread_time()
            result = function(*args, **kwargs)
            self.us[name] += (time.thread_time() - begin) * 1e6
            return result

        return timed


@contextmanager
def clocked(device: Any) -> Iterator[Clocks]:
    """Sets clocks into the engine; they are taken out again."""
    from tinygrad_cl import engine
    from tinygrad_cl.compiler.again import Again
    from tinygrad_cl.compiler.execute import DeviceExecutable

    clocks = Clocks()
    capture, run, again = engine.Capture, DeviceExecutable.run, Again.run
    timed_capture = clocks.around("capture", capture)
    timed_run, timed_again = clocks.around("run", run), clocks.around("run", again)

    def counting(*args: Any, **kwargs: Any) -> Any:
        found = timed_capture(*args, **kwargs)
        clocks.nodes += len(found.nodes)
        return found

    def remembering(self: Any, *args: Any, **kwargs: Any) -> Any:
        clocks.plans.append(self.plan)
        return timed_run(self, *args, **kwargs)

    def repeating(self: Any, *args: Any, **kwargs: Any) -> Any:
        clocks.plans.append(self._executable.plan)
        return timed_again(self, *args, **kwargs)

    engine.Capture = counting  # type: ignore[assignment, misc]
    DeviceExecutable.run = remembering  # type: ignore[method-assign]
    Again.run = repeating  # type: ignore[method-assign]
    device.run = clocks.around("launch", device.run)
    try:
        yield clocks
    finally:
        engine.Capture = capture  # type: ignore[misc]
        DeviceExecutable.run = run  # type: ignore[method-assign]
        Again.run = again  # type: ignore[method-assign]
        del device.run


def measure(net: str, batch: int, variant: str, steps: int) -> dict[str, Any]:
    """Medians over some steps, in microseconds, and counts.

    Returns:
        `python`: until the call of a step returns; of which `capture` (finding the plan), `replay`
        (running it, launches included), `launch` (the launches alone) and `build` (the rest: nodes,
        gradients, update); the same `per_node` and `per_launch`; counts of nodes, of values (those
        inside formulas too, which are one node each), plans, launches and kernels; bytes `moved`
        and the `least` possible.
    """
    import tinygrad_cl as tg

    device = tg.get_default_device()
    if device.kind == "host":
        raise LookupError("no OpenCL device: nothing is launched")
    step = modules.tinygrad_cl_step(nets.NETS[net], batch, variant)
    for _ in range(_WARM):
        step.run()
        step.wait()
    samples: dict[str, list[float]] = {"python": [], "capture": [], "run": [], "launch": []}
    with clocked(device) as clocks:
        for _ in range(steps):
            clocks.reset()
            launched = device.kernels_launched
            begin = time.thread_time()
            step.run()
            samples["python"].append((time.thread_time() - begin) * 1e6)
            launched = device.kernels_launched - launched
            step.wait()
            for name, us in clocks.us.items():
                samples[name].append(us)
    us = {name: statistics.median(values) for name, values in samples.items()}
    return _summary(us, clocks, launched)


def _summary(us: dict[str, float], clocks: Clocks, launched: int) -> dict[str, Any]:
    nodes, launches = clocks.nodes, max(launched, 1)
    replay = us["run"]
    build = us["python"] - us["capture"] - replay
    kernels = {kernel.name for plan in clocks.plans for kernel in plan.kernels}
    found = {
        "us": {"python": us["python"], "build": build, "capture": us["capture"], "replay": replay},
        "nodes": nodes,
        "values": sum(len(plan.structure) for plan in clocks.plans),
        "plans": len(clocks.plans),
        "launches": launched,
        "kernels": len(kernels),
        "us_per_launch": replay / launches,
        "python_per_launch": us["python"] / launches,
    }
    found["us"]["launch"] = us["launch"]
    if nodes:
        names = {"built": build, "captured": us["capture"], "all_told": us["python"]}
        found["us_per_node"] = {name: value / nodes for name, value in names.items()}
    if clocks.plans:
        moved = sum(moved_bytes(plan) for plan in clocks.plans)
        least = sum(least_bytes(plan) for plan in clocks.plans)
        found["bytes"] = {"moved": moved, "least": least, "ratio": moved / max(least, 1)}
    return found


def _size(plan: Any, value: int) -> int:
    return int(plan.structure[value].numel) * int(plan.structure[value].dtype.itemsize)


def moved_bytes(plan: Any) -> int:
    """Bytes of every buffer that a plan's launches and host calls take, each time they take it."""
    moved = 0
    for step in plan.steps:
        if hasattr(step, "kernel"):
            values = {at for kind, at in step.kernel.arguments if kind == "value"}
            moved += sum(_size(plan, at) for at in values)
            moved += sum(size for _, size in step.scratch)
        else:
            moved += sum(_size(plan, at) for at in plan.structure[step.value].inputs)
            moved += _size(plan, step.value)
    return moved


def least_bytes(plan: Any) -> int:
    """Bytes if every given value were read once, every result written once, and nothing more."""
    structure = plan.structure
    given = sum(_size(plan, at) for at, value in enumerate(structure) if value.is_data)
    return given + sum(_size(plan, at) for at in plan.attached)
