"""Absorbing: reductions that store what they fold.

A softmax needs its exponentials and their sum. An expression that is stored anyway and that a
reduction folds, over the same elements in the same order, needs no kernel of its own: the reduction
stores it while it has it in registers, and one pass over the rows is saved.
"""

from __future__ import annotations

from dataclasses import replace

from tinygrad_cl.compiler.body import Compute, Refusal, Resolver
from tinygrad_cl.compiler.groups import Group, alias_of, reaches
from tinygrad_cl.compiler.structure import Structure
from tinygrad_cl.lowering import Expr


def absorb(structure: Structure, groups: list[Group], realized: set[int], most: int) -> list[Group]:
    """Returns the groups; reductions compute and store the expressions that they fold.

    Args:
        structure: the graph.
        groups: of a plan.
        realized: the values that have buffers.
        most: items of a body.
    """
    alive = list(groups)
    for made in groups:
        shown = alias_of(structure, made) is not None
        if made.kind != "elementwise" or shown or _draws(structure, made):
            continue
        owner = {at: group for group in alive for at in group.writes}
        for reader in alive:
            if not _folds(reader, made) or reaches(reader, made, owner):
                continue
            joined = _joined(structure, made, reader, realized, most)
            if joined is not None:
                alive = [g for g in alive if g is not made and g is not reader] + [joined]
                break
    return alive


def _draws(structure: Structure, made: Group) -> bool:
    """Whether a group draws random numbers, of which its own kernel keeps those of a block."""
    lowerings = [structure[i.value].lowering for i in made.body.items if isinstance(i, Compute)]
    return any(isinstance(low, Expr) and low.in_order for low in lowerings)


def _folds(reader: Group, made: Group) -> bool:
    """Whether a group is a reduction over the elements of another, and stores none itself."""
    if reader.kind != "reduce" or reader.stored or reader.inner[0].domain != made.domain:
        return False
    read = {load.value for load in reader.inner[0].loads}
    finish = {load.value for load in reader.body.loads}
    return not read.isdisjoint(made.outputs) and finish.isdisjoint(made.outputs)


def _joined(
    structure: Structure, made: Group, reader: Group, realized: set[int], most: int
) -> Group | None:
    folded = reader.inner[0].outputs[0][0]
    # A value that only its own group reads has no buffer, though it is among those realized.
    inside = frozenset(i.value for i in made.body.items if isinstance(i, Compute))
    resolver = Resolver(structure, realized, made.domain, inside | frozenset(made.outputs))
    try:
        inner = resolver.body([folded, *made.outputs])
    except Refusal:
        return None
    if len(inner.items) > most:
        return None
    return replace(reader, inner=[inner], stored=list(made.outputs))
