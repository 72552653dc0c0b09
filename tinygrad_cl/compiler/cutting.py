"""Cutting: the structure of one slice of a region."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinygrad_cl import graph
from tinygrad_cl.compiler.body import Refusal
from tinygrad_cl.compiler.slicing import Region, input_modes, item_dim
from tinygrad_cl.compiler.structure import FREE, WANTED, Structure, Value
from tinygrad_cl.graph import Signature, TensorSpec
from tinygrad_cl.lowering import Expr, Reduction, Template, View
from tinygrad_cl.shapes import Shape, numel

MAX_WHOLE = 1024  # elements of an expression without items that every slice computes again


@dataclass(slots=True)
class Cut:
    """The structure of one slice.

    Attributes:
        structure: the values, inputs first.
        leaves: which value of the whole structure a leaf shows, and whether it is cut.
        outputs: which value of the whole structure an output is a part of.
        numbers: which scalar of the whole structure a scalar is.
    """

    structure: list[Value] = field(default_factory=list)
    leaves: dict[int, tuple[int, bool]] = field(default_factory=dict)
    outputs: dict[int, int] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)


def cut(
    structure: Structure, region: Region, outputs: list[int], realized: set[int], size: int
) -> Cut:
    """Returns the structure of a slice of `size` items that computes `outputs`.

    Raises:
        Refusal: naming a value outside the region that must be realized first.
    """
    cutter = _Cutter(structure, region, realized, size)
    for at in outputs:
        place = cutter.place(at, at in region.values)
        cutter.made.outputs[place] = at
        made = cutter.made.structure
        made[place] = made[place]._replace(flag=WANTED, pitch=cutter.pitch(at))
    return cutter.made


class _Cutter:
    def __init__(self, structure: Structure, region: Region, realized: set[int], size: int) -> None:
        self.structure = structure
        self.region = region
        self.realized = realized
        self.size = size
        self.made = Cut()
        self._places: dict[tuple[int, bool], int] = {}

    def place(self, at: int, is_cut: bool) -> int:
        """Returns the position of a value, or of its slice, in the new structure."""
        stack = [(at, is_cut)]
        while stack:
            key = stack[-1]
            if key in self._places:
                stack.pop()
                continue
            needed = self._needed(*key)
            missing = [other for other in needed if other not in self._places]
            if missing:
                stack += missing
                continue
            stack.pop()
            self._places[key] = self._add(*key, [self._places[other] for other in needed])
        return self._places[at, is_cut]

    def _is_member(self, at: int) -> bool:
        return at in self.region.values or at in self.region.sums

    def _is_leaf(self, at: int) -> bool:
        value = self.structure[at]
        if value.is_data:
            return True
        return at in self.realized and not self._is_member(at) and not self._is_count(at)

    def _is_count(self, at: int) -> bool:
        """Whether a number is made of so little data that every slice may compute it again.

        So are the labels that count: it saves a launch that all slices would wait for.
        """
        value = self.structure[at]
        if not isinstance(value.lowering, Reduction | Template) or value.numel != 1:
            return False
        waiting = list(value.inputs)
        while waiting:
            i = waiting.pop()
            other = self.structure[i]
            if other.is_scalar or (other.is_data and other.numel <= MAX_WHOLE):
                continue
            known = other.is_data or i in self.realized or other.numel > MAX_WHOLE
            if known or not isinstance(other.lowering, Expr | View):
                return False
            waiting += other.inputs
        return True

    def _needed(self, at: int, is_cut: bool) -> list[tuple[int, bool]]:
        """The inputs of a value with their modes."""
        value = self.structure[at]
        if value.is_scalar or self._is_leaf(at):
            return []
        if at in self.region.sums:
            return [(i, True) for i in value.inputs]
        if is_cut:
            modes = input_modes(self.structure, at, self.region.items, self.region.dim)
            if modes is None:
                raise Refusal(at, "SLICE: it is computed before the slices")
            if self._is_member(at) or isinstance(value.lowering, Expr | View):
                return list(zip(value.inputs, modes, strict=True))
        elif (
            isinstance(value.lowering, View)
            or (isinstance(value.lowering, Expr) and value.numel <= MAX_WHOLE)
            or self._is_count(at)
        ):
            return [(i, False) for i in value.inputs]
        elif not value.inputs:
            return []
        raise Refusal(at, "SLICE: every slice reads it")

    def _add(self, at: int, is_cut: bool, inputs: list[int]) -> int:
        value, made = self.structure[at], self.made
        place = len(made.structure)
        shape = self._shape(at) if is_cut and at not in self.region.sums else value.shape
        if value.is_scalar:
            made.numbers[place] = at
            signature = value.signature
        elif self._is_leaf(at):
            made.leaves[place] = (at, is_cut)
            signature = graph.data_signature(TensorSpec(shape, value.dtype))
        else:
            specs = tuple(made.structure[i].signature.spec for i in inputs)
            signature = _cut_signature(value.signature, specs, shape)
            if signature.spec != TensorSpec(shape, value.dtype):
                raise AssertionError(f"slicing: {signature} is no slice of {value.signature}")
        lies = is_cut and self._is_leaf(at)
        made.structure.append(Value(signature, tuple(inputs), FREE, self.pitch(at) if lies else 0))
        return place

    def pitch(self, at: int) -> int:
        """The step between parts of a slice of a stored value; 0 if it is one run of bytes."""
        shape = self.structure[at].shape
        is_run = item_dim(shape, self.region.dim) == 0 or shape[0] == 1
        return 0 if is_run else numel(shape[1:])

    def _shape(self, at: int) -> Shape:
        shape = self.structure[at].shape
        d = item_dim(shape, self.region.dim)
        return (*shape[:d], shape[d] // self.region.items * self.size, *shape[d + 1 :])


def _cut_signature(signature: Signature, specs: tuple[TensorSpec, ...], shape: Shape) -> Signature:
    """The same primitive over slices: where its attrs hold the output's shape, the slice's."""
    attrs = tuple(
        shape if name == "shape" else given
        for name, given in zip(signature.primitive.attrs, signature.attrs, strict=True)
    )
    return graph.signature(signature.primitive, attrs, specs)
