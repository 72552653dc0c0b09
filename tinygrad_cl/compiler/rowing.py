"""Row regions: runs of reductions and expressions over the rows or channels of large tensors.

A softmax reads its rows three times, a layer norm with its gradient six times. A kernel that takes
some rows at a time through all of that reads them once from memory and then from the cache. Such
regions start at a reduction within rows and end where rows meet: at templates, which have slices of
their own, and at reductions over the rows, whose partial sums they leave.

A batch norm reads its channels three times, with its gradient eight times. Its regions hold their
items in dim 1: a slice is some channels of all images.
"""

from __future__ import annotations

from dataclasses import replace

from tinygrad_cl.compiler.simplify import living
from tinygrad_cl.compiler.slicing import Region, grow, is_sum
from tinygrad_cl.compiler.structure import WANTED, Structure
from tinygrad_cl.lowering import Assemble, Expr, Host, Reduction, Template, View

LARGE = 1 << 18  # bytes of a tensor whose rows are worth a region: caches hold smaller ones anyway
WIDE = 1 << 11  # bytes of a sum over rows that slices add up beside their rows, at most
MAX_REGIONS = 64  # of a plan
MAX_TRIES = 128  # reductions from which a region is grown, at most: each try looks at all values
FUSING = Expr | View | Reduction  # what computes the expressions that it reads


def find_rows(structure: Structure, taken: frozenset[int] = frozenset()) -> list[Region]:
    """Returns the row regions of a structure, first come first served.

    Args:
        structure: the graph.
        taken: values that belong to another region.
    """
    regions: list[Region] = []
    needed, tries, users = _ancestors(structure, taken), 0, _users(structure)
    for at in range(len(structure)):
        if at in taken or at in needed or _kind(structure, at) is None:
            continue
        if len(regions) == MAX_REGIONS or tries == MAX_TRIES:
            break
        tries += 1
        region = _grown(structure, users, at, taken | needed)
        if region is None or at not in region.values:
            continue
        regions.append(region)
        taken |= region.values | region.sums
        needed |= _ancestors(structure, region.values | region.sums)
    return regions


def _users(structure: Structure) -> list[list[int]]:
    """The living values that read each value."""
    users: list[list[int]] = [[] for _ in structure]
    for at in living(structure):
        for i in structure[at].inputs:
            users[i].append(at)
    return users


def _grown(
    structure: Structure, users: list[list[int]], seed: int, barred: frozenset[int]
) -> Region | None:
    """The region of a seed and all others with so many rows, if it saves a pass over memory.

    Values that an earlier region waits for are barred: the two would wait for each other.
    """
    kind = _kind(structure, seed)
    assert kind is not None
    items, dim = kind

    def starts(at: int) -> bool:
        return at not in barred and _kind(structure, at) == kind

    def stops(at: int) -> bool:
        stays = isinstance(structure[at].lowering, Template | Assemble | Host)
        return stays or at in barred or (dim == 0 and _is_wide_sum(structure, at, items))

    region = _pruned(structure, users, grow(structure, items, starts, stops, seed, dim))
    if not _saves(structure, region):
        return None
    sums = region.sums if dim else region.sums | _sums_beside(structure, region, barred)
    return replace(region, sums=sums, rows=True)


def _pruned(structure: Structure, users: list[list[int]], region: Region) -> Region:
    """Without expressions that only kernels outside read, which can compute them as they read."""
    values = set(region.values)
    for at in sorted(values, reverse=True):
        readers = users[at]
        inside = any(user in values or user in region.sums for user in readers)
        fusing = all(isinstance(structure[user].lowering, FUSING) for user in readers)
        movable = isinstance(structure[at].lowering, Expr | View) and structure[at].flag != WANTED
        # statistics of channels cost nothing to store here, and a launch of their own elsewhere
        movable = movable and (region.dim == 0 or _is_large(structure, at))
        if movable and not inside and fusing:
            values.discard(at)
    return replace(region, values=frozenset(values))


def _sums_beside(structure: Structure, region: Region, barred: frozenset[int]) -> frozenset[int]:
    """Sums over the rows of what the region reads anyway: a bias's gradient beside the input's."""
    read = {i for at in region.values | region.sums for i in structure[at].inputs}
    read -= region.values
    found = {
        at
        for at, value in enumerate(structure)
        if isinstance(value.lowering, Reduction)
        and value.inputs[0] in read
        and at not in barred
        and is_sum(structure, at, region.items)
        and not _is_wide_sum(structure, at, region.items)
        and _is_large(structure, value.inputs[0])
    }
    return frozenset(found - _ancestors(structure, region.values) if found else found)


def _is_wide_sum(structure: Structure, at: int, items: int) -> bool:
    """Whether the sums of a slice and of its work-item would push its rows out of a near cache."""
    value = structure[at]
    return value.numel * value.dtype.itemsize > WIDE and is_sum(structure, at, items)


def _kind(structure: Structure, at: int) -> tuple[int, int] | None:
    """The items, and their dim, of a reduction within the rows or channels of a large tensor."""
    value = structure[at]
    if not isinstance(value.lowering, Reduction) or not _is_large(structure, value.inputs[0]):
        return None
    shape, folded = structure[value.inputs[0]].shape, value.signature.kwargs["dim"]
    dim = 1 if 0 in folded else 0
    if dim == len(shape) or dim in folded or shape[dim] == 1:
        return None
    return shape[dim], dim


def _is_large(structure: Structure, at: int) -> bool:
    return structure[at].numel * structure[at].dtype.itemsize >= LARGE


def _saves(structure: Structure, region: Region) -> bool:
    """Whether something large comes after a reduction of the region."""
    after: set[int] = set()
    for at in sorted(region.values | region.sums):
        value = structure[at]
        follows = any(i in after for i in value.inputs)
        if isinstance(value.lowering, Reduction):
            after.add(at)
            follows = follows and _is_large(structure, value.inputs[0])
        elif follows:
            after.add(at)
            follows = isinstance(value.lowering, Expr) and _is_large(structure, at)
        if follows:
            return True
    return False


def _ancestors(structure: Structure, values: frozenset[int]) -> frozenset[int]:
    """What some values need, without themselves."""
    found: set[int] = set()
    for at in range(len(structure) - 1, -1, -1):
        if at in values or at in found:
            found.update(structure[at].inputs)
    return frozenset(found) - values
