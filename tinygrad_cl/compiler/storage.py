"""Storage: in which buffer each value of a plan lives.

Results that outlive the plan get buffers of their own, or those of leaves that nobody reads any
more; the rest shares one arena by the steps during which it lives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tinygrad_cl.compiler.body import Compute, Load
from tinygrad_cl.compiler.groups import Group
from tinygrad_cl.compiler.joining import Unit
from tinygrad_cl.compiler.memory import Interval, place
from tinygrad_cl.compiler.structure import DONOR, Structure


@dataclass(frozen=True, slots=True)
class Storage:
    """Where a value lives.

    Kinds: "leaf" (its node's buffer), "fresh" (a new buffer that its node keeps), "donated" (the
    buffer of leaf `at`, overwritten), "arena" (at byte `at`), "alias" (that of value `at`).
    """

    kind: str
    at: int = 0
    size: int = 0


def root(aliases: dict[int, int], at: int) -> int:
    """Returns the value whose buffer a value shares."""
    while at in aliases:
        at = aliases[at]
    return at


def _bytes(structure: Structure, at: int) -> int:
    return structure[at].numel * structure[at].dtype.itemsize


def store(
    structure: Structure,
    groups: tuple[Group, ...],
    units: list[Unit],
    aliases: dict[int, int],
    attached: set[int],
    inside: Mapping[int, tuple[int, int]] = MappingProxyType({}),
) -> tuple[dict[int, Storage], dict[tuple[int, int], tuple[int, int]], int]:
    """Returns values' storage, scratch's places by (unit, number), and the arena's size.

    Args:
        structure: the graph.
        groups: its groups.
        units: in the order in which they run.
        aliases: values that share the buffer of another.
        attached: values whose nodes get a buffer.
        inside: values that are written into another one in the arena, and at which byte.
    """
    storage = {at: Storage("leaf") for at, value in enumerate(structure) if value.is_data}
    kept = {root(aliases, at) for at in attached}
    last = {at: number for number, unit in enumerate(units) for at in unit.reads}
    donors = _donations(structure, groups, units, last, kept)
    intervals: dict[int, Interval] = {}
    scratch_keys: dict[tuple[int, int], int] = {}
    for number, unit in enumerate(units):
        for at in unit.writes:
            if at in donors:
                storage[at] = Storage("donated", donors[at])
            elif at in kept:
                storage[at] = Storage("fresh", 0, _bytes(structure, at))
            else:
                home = inside[at][0] if at in inside else at
                first, end = number, max(last.get(at, number), number)
                if home in intervals:
                    first = min(first, intervals[home].first)
                    end = max(end, intervals[home].last)
                intervals[home] = Interval(_bytes(structure, home), first, end)
        for k, size in enumerate(unit.scratch):
            key = scratch_keys[number, k] = len(structure) + len(scratch_keys)
            intervals[key] = Interval(size, number, number)
    offsets, arena = place(intervals)
    scratch = {at: (offsets[key], intervals[key].size) for at, key in scratch_keys.items()}
    for at, interval in intervals.items():
        if at < len(structure):
            storage[at] = Storage("arena", offsets[at], interval.size)
    for at, (whole, offset) in inside.items():
        storage[at] = Storage("arena", offsets[whole] + offset, _bytes(structure, at))
    for group in groups:
        for at in group.writes:
            if at in aliases:
                storage[at] = Storage("alias", aliases[at])
            elif at not in storage:  # nothing to compute: no elements
                storage[at] = Storage("fresh", 0, 0)
    return storage, scratch, arena


def _donations(
    structure: Structure,
    groups: tuple[Group, ...],
    units: list[Unit],
    last: dict[int, int],
    kept: set[int],
) -> dict[int, int]:
    """Which output may overwrite which leaf: the leaf's last reader makes it in place.

    An output takes a leaf from which it is computed, and those with the least choice come first: a
    moment takes the old moment's place, the parameter, which needs both, its own.
    """
    donated: dict[int, int] = {}
    used: set[int] = set()
    for number, unit in enumerate(units):
        for g in unit.groups:
            group = groups[g]
            if group.kind not in ("elementwise", "reduce"):
                continue
            before = {load.value for body in group.inner for load in body.loads}
            others = [groups[other].reads for other in unit.groups if other != g]
            free = {
                load.value
                for load in group.body.loads
                if structure[load.value].flag == DONOR
                and last[load.value] == number
                and load.value not in kept | before
                and not any(load.value in reads for reads in others)
            }
            choices = _choices(structure, group, free) if free else {}
            for output, leaves in sorted(choices.items(), key=lambda item: len(item[1])):
                leaf = next((at for at in leaves if at not in used), None)
                if leaf is not None and output in kept:
                    donated[output] = leaf
                    used.add(leaf)
    return donated


def _choices(structure: Structure, group: Group, free: set[int]) -> dict[int, list[int]]:
    """The leaves in whose place each output of a group could be made, first those read first."""
    reached: list[dict[int, None]] = []
    for item in group.body.items:
        found = {item.value: None} if isinstance(item, Load) and item.value in free else {}
        for operand in item.operands if isinstance(item, Compute) else ():
            found |= reached[operand]
        reached.append(found)
    crossed = {load.value for load in group.body.loads if not load.layout.is_contiguous}
    return {
        output: [
            at
            for at in reached[item]
            if at not in crossed
            and _bytes(structure, at) == _bytes(structure, output)
            and structure[at].dtype is structure[output].dtype
        ]
        for output, item in group.body.outputs
    }
