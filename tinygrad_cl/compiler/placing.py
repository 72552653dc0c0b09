"""Placing: parts that are written where they belong, instead of being copied there.

Where values are joined along their first dim, each of them is one run of bytes of the whole. If its
kernel is free to choose where it writes, it writes there, and the copy is left out.
"""

from __future__ import annotations

from collections.abc import Collection

from tinygrad_cl.compiler.body import Body, Load
from tinygrad_cl.compiler.groups import Group
from tinygrad_cl.compiler.joining import Unit
from tinygrad_cl.compiler.memory import ALIGNMENT
from tinygrad_cl.compiler.storage import root
from tinygrad_cl.compiler.structure import Structure
from tinygrad_cl.lowering import Assemble
from tinygrad_cl.shapes import numel

Inside = dict[int, tuple[int, int]]  # value -> the value that it is a part of, and at which byte


def place_parts(
    structure: Structure,
    groups: tuple[Group, ...],
    units: list[Unit],
    aliases: dict[int, int],
    kept: Collection[int],
) -> Inside:
    """Returns which values lie inside which; takes their copies out of the units.

    Args:
        structure: the graph.
        groups: its groups.
        units: one per group that has work, in the order of the graph.
        aliases: values that share the buffer of another.
        kept: values whose buffers outlive the plan.
    """
    free = {
        at
        for unit in units
        for at in unit.writes
        if at not in kept and groups[unit.groups[0]].kind not in ("host", "slice")
    }
    inside: Inside = {}
    wholes: set[int] = set()
    for unit in units:
        group = groups[unit.groups[0]]
        whole = group.anchor
        if group.kind != "assemble" or whole is None or whole in kept:
            continue
        copies, copied = iter(unit.kernels), []
        for body, offset in zip(group.inner, _offsets(structure, whole), strict=True):
            if not numel(body.domain):
                continue
            kernel = next(copies)
            part = _copied(structure, body)
            at = None if part is None else root(aliases, part)
            size = numel(body.domain) * structure[whole].dtype.itemsize
            fits = offset is not None and not (offset % ALIGNMENT or size % ALIGNMENT)
            if fits and at in free and at not in inside and at not in wholes:
                assert at is not None
                assert offset is not None
                inside[at] = (whole, offset)
                wholes.add(whole)
            else:
                copied.append(kernel)
        unit.kernels = [*copied, *copies]
    return inside


def _offsets(structure: Structure, whole: int) -> list[int | None]:
    """The byte at which each part starts; None if it is no run of bytes."""
    value = structure[whole]
    assert isinstance(value.lowering, Assemble)
    shapes = tuple(structure[i].shape for i in value.inputs)
    places = value.lowering.parts(shapes, value.shape, value.signature.kwargs)
    return [p.offset * value.dtype.itemsize if p.is_dense else None for p in places]


def _copied(structure: Structure, body: Body) -> int | None:
    """The value that a body only copies, all of it and in order."""
    if len(body.items) != 1:
        return None
    item = body.items[0]
    if not isinstance(item, Load) or not item.layout.is_contiguous:
        return None
    return item.value if structure[item.value].numel == numel(body.domain) else None
