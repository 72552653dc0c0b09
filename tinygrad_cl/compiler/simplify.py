"""Simplifying: what is computed twice is computed once, before anything is fused.

Values that apply the same primitive to the same inputs are equal, whoever built them. The later one
becomes a view of the first if somebody wants to see it, and dies otherwise. Numbers are arguments,
so two numbers are never known to be equal.
"""

from __future__ import annotations

from collections.abc import Collection

from tinygrad_cl.compiler.structure import FREE, WANTED, Structure, Value
from tinygrad_cl.graph import PRIMITIVES, signature
from tinygrad_cl.lowering import Template


def simplified(structure: Structure) -> Structure:
    """Returns a structure with the same positions and results in which equal values are shared."""
    made: list[Value] = []
    first: list[int] = []  # the position of the value that stands for each
    known: dict[tuple[int, tuple[int, ...]], int] = {}
    for at, value in enumerate(structure):
        inputs = tuple(first[i] for i in value.inputs)
        if value.is_data or value.is_scalar:
            first.append(at)
            made.append(value)
            continue
        place = known.setdefault((value.signature.id, inputs), at)
        first.append(place)
        if place == at:
            made.append(value._replace(inputs=inputs))
        elif value.flag == FREE:
            made.append(value)  # nobody reads it any more
        else:
            shown = signature(PRIMITIVES["alias"], (), (value.signature.spec,))
            made.append(Value(shown, (place,), value.flag))
    return tuple(made)


def find_twins(structure: Structure, among: Collection[int]) -> dict[int, int]:
    """Returns which value may be computed by the kernel of which, as its template's twin."""
    values = [(at, structure[at]) for at in among if not structure[at].is_data]
    known = {
        (value.signature.primitive.name, value.inputs, value.signature.attrs): at
        for at, value in values
        if isinstance(value.lowering, Template)
    }
    found: dict[int, int] = {}
    for at, value in values:
        twin = value.lowering.twin if isinstance(value.lowering, Template) else None
        if twin is not None:
            other = known.get((twin.name, value.inputs, value.signature.attrs))
            if other is not None:
                found[at] = other
    return found


def living(structure: Structure) -> frozenset[int]:
    """Returns the values that the wanted ones need, themselves included."""
    found: set[int] = set()
    for at in range(len(structure) - 1, -1, -1):
        if at in found or structure[at].flag == WANTED:
            found.add(at)
            found.update(structure[at].inputs)
    return frozenset(found)
