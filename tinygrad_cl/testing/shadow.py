"""The shadow mode: every kernel's results are also computed by the NumPy references, and compared.

The reference of a kernel starts from what the kernel itself has read, so that errors do not add up
from kernel to kernel, and the first one that differs by more than rounding is the one to look at.
bounds.py says what counts as rounding. Steps that are host fallbacks are the reference already.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tinygrad_cl import origins, settings
from tinygrad_cl.compiler.watching import watching
from tinygrad_cl.dtypes import dtype, number_array
from tinygrad_cl.engine import inspection
from tinygrad_cl.errors import DivergenceError
from tinygrad_cl.testing.bounds import Bounded, distance, evaluate, members, ulp

if TYPE_CHECKING:
    from tinygrad_cl.compiler.groups import Group
    from tinygrad_cl.compiler.plan import Plan
    from tinygrad_cl.graph import Node

F = TypeVar("F", bound=Callable[..., Any])
Array = np.ndarray[Any, Any]


@dataclass
class Seen:
    """What the shadow mode has compared so far.

    Attributes:
        kernels: groups of values that ran as one kernel.
        values: results of kernels.
        ops: how often each primitive was among them.
        ulps: the largest difference in units of the last place (cancellation can make it large).
        share: the largest difference as a share of what was allowed.
    """

    kernels: int = 0
    values: int = 0
    ops: Counter[str] = field(default_factory=Counter)
    ulps: float = 0.0
    share: float = 0.0

    def add(self, ops: Iterable[str]) -> None:
        """Counts one kernel."""
        self.kernels += 1
        self.ops.update(ops)

    def differ(self, ulps: float, share: float) -> None:
        """Notes a difference."""
        self.ulps, self.share = max(self.ulps, ulps), max(self.share, share)


_open: list[Seen] = []  # what the open blocks have seen, the outermost first


class shadow:
    """Compares every kernel with the NumPy reference, in a block or in a function.

    It is for debugging, and slow: plans run kernel by kernel. Setting TINYGRAD_CL_SHADOW=1 does the
    same for a whole program.

    Raises:
        DivergenceError: inside the block, at the first kernel whose result differs from the
            reference by more than rounding; says which ops, shapes, how far, and the line.

    Example:
        >>> import tinygrad_cl as tg
        >>> with shadow() as seen:
        ...     y = (tg.ones(3) * 2).exp().tolist()
        >>> seen.share <= 1
        True
    """

    def __enter__(self) -> Seen:
        if not _open:
            inspection.modes += 1
            origins.start()
            watching.step = _compare
        _open.append(Seen())
        return _open[-1]

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        _open.pop()
        if not _open:
            watching.step = None
            origins.stop()
            inspection.modes -= 1

    def __call__(self, function: F) -> F:
        """Returns the function with a shadow block around each call."""

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with shadow():
                return function(*args, **kwargs)

        return inside  # type: ignore[return-value]


# ---- comparing


def _compare(
    plan: Plan,
    groups: Sequence[Group],
    nodes: Sequence[Node],
    inputs: Mapping[int, Array],
    outputs: Mapping[int, Array],
) -> None:
    """Compares what the groups of one launch wrote with the references of what they read."""
    for group in groups:
        if group.kind == "host":
            continue
        given = {at: inputs[at] for at in group.reads} | _scalars(plan, nodes)
        expected = evaluate(plan.structure, group.writes, given)
        between = members(plan.structure, group.writes, given)
        for seen in _open:
            seen.add([plan.structure[at].signature.primitive.name for at in between])
            seen.values += len(group.writes)
        for at in sorted(group.writes):
            _check(plan, nodes, at, outputs[at], expected[at], between)


def _scalars(plan: Plan, nodes: Sequence[Node]) -> dict[int, Array]:
    return {at: number_array(nodes[at].scalar, plan.structure[at].dtype) for at in plan.slots}


def _check(
    plan: Plan, nodes: Sequence[Node], at: int, got: Array, expected: Bounded, between: list[int]
) -> None:
    apart = distance(got, expected.value)
    if not apart.any():
        return
    units = _ulps(apart, expected.value)
    with np.errstate(all="ignore"):
        share = np.where(apart > 0, apart / expected.error, 0.0)
    share = np.where(np.isinf(expected.error), 0.0, share)  # where anything is allowed
    for seen in _open:
        seen.differ(float(units.max()), float(share.max()))
    if share.max() > 1:
        raise _divergence(plan, nodes, at, got, expected, share, between)


def _ulps(apart: Array, expected: Array) -> Array:
    """Distances in units of the last place; of integers and bools as they are."""
    if not dtype(expected.dtype).is_floating_point:
        return apart
    with np.errstate(all="ignore"):
        return np.where(apart > 0, apart / ulp(expected), 0.0)


def _divergence(
    plan: Plan,
    nodes: Sequence[Node],
    at: int,
    got: Array,
    expected: Bounded,
    share: Array,
    between: list[int],
) -> DivergenceError:
    apart = distance(got, expected.value)
    units = _ulps(apart, expected.value)
    place = np.unravel_index(int(np.argmax(share)), share.shape)
    index = tuple(int(i) for i in place)
    ops = tuple(dict.fromkeys(plan.structure[i].signature.primitive.name for i in between))
    origin = origins.of(nodes[at])
    source = None if origin is None else origin.source
    device = nodes[at].device or next((n.device for n in nodes if n.device is not None), None)
    unit = "ULP" if dtype(expected.value.dtype).is_floating_point else "units"
    lines = [
        f"shadow: {device} and the NumPy reference differ in {plan.structure[at].signature}",
        f"  at {index}: {device} {got[place]}, reference {expected.value[place]}, "
        f"allowed {expected.error[place]:.3g}",
        f"  {int((share > 1).sum())} of {share.size} elements differ by more than rounding; "
        f"largest error {apart.max():.6g} ({units.max():.6g} {unit})",
        f"  ops of the kernel: {', '.join(ops)}",
        f"  it read: {_read(plan, between)}",
        *_lines(nodes, at, between),
    ]
    largest = (float(units.max()), float(apart.max()))
    line = "" if source is None else str(source)
    return DivergenceError("\n".join(lines), ops, plan.structure[at].shape, *largest, line)


def _read(plan: Plan, between: list[int]) -> str:
    structure, inside = plan.structure, set(between)
    read = dict.fromkeys(i for at in between for i in structure[at].inputs if i not in inside)
    return ", ".join(str(structure[at].signature.spec) for at in read) or "nothing"


def _lines(nodes: Sequence[Node], at: int, between: list[int]) -> list[str]:
    """The lines that made the result and the other values of its kernel."""
    origin = origins.of(nodes[at])
    if origin is None:
        return ["  made at an unknown line, before the shadow mode was on"]
    lines = [f"  made at {origin}"]
    if origin.forward is not None:
        lines.append(f"  as gradient of {origin.forward.name}, made at {origin.forward.origin}")
    others = [origins.of(nodes[i]) for i in between if i != at]
    also = dict.fromkeys(str(o.source) for o in others if o is not None and o.source is not None)
    also.pop(str(origin.source), None)
    return lines + [f"  with values made at {line}" for line in list(also)[:8]]


def _from_settings() -> None:
    """Opens a block for the whole program if the settings say so."""
    if settings.shadow():
        shadow().__enter__()


_from_settings()

__all__ = ["Seen", "shadow"]
