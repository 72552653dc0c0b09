"""The frozen form of a graph that the compiler reads.

A `Structure` is a tuple of `Value`s, inputs before users: one per node, without buffers and
numbers. Two steps of a training loop have equal structures, so one plan serves both.
"""

from __future__ import annotations

from typing import NamedTuple

from tinygrad_cl.dtypes import DType
from tinygrad_cl.graph import DATA, SCALAR, Signature
from tinygrad_cl.lowering import Lowering
from tinygrad_cl.shapes import Shape, numel

# What must hold of a value after the plan has run.
FREE = 0  # nothing: it may live in registers only
KEEP = 1  # a backward pass may read it: if it gets a buffer, the node keeps it
WANTED = 2  # it must have a buffer
DONOR = 4  # a leaf that nobody reads afterwards: its buffer may be overwritten


class Value(NamedTuple):
    """One node of a structure: its signature, the positions of its inputs, and its flag."""

    signature: Signature
    inputs: tuple[int, ...]
    flag: int

    @property
    def shape(self) -> Shape:
        """The shape of the value."""
        return self.signature.spec.shape

    @property
    def dtype(self) -> DType:
        """The dtype of the value."""
        return self.signature.spec.dtype

    @property
    def numel(self) -> int:
        """The number of elements."""
        return numel(self.signature.spec.shape)

    @property
    def lowering(self) -> Lowering:
        """The device side of the value's primitive."""
        return self.signature.primitive.lowering

    @property
    def is_data(self) -> bool:
        """True for a leaf that holds a buffer."""
        return self.signature.primitive is DATA

    @property
    def is_scalar(self) -> bool:
        """True for a leaf that is a run-time number."""
        return self.signature.primitive is SCALAR


Structure = tuple[Value, ...]
