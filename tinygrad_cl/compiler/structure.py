"""The frozen form of a graph that the compiler reads.

A `Structure` is a tuple of `Value`s, inputs before users: one per node, without buffers and
numbers. Two steps of a training loop have equal structures, so one plan serves both.
"""

from __future__ import annotations

from typing import NamedTuple

from tinygrad_cl.dtypes import DType
from tinygrad_cl.graph import DATA, SCALAR, Signature
from tinygrad_cl.lowering import Lowering
from tinygrad_cl.shapes import Layout, Shape, numel

# What must hold of a value after the plan has run.
FREE = 0  # nothing: it may live in registers only
KEEP = 1  # a backward pass may read it: if it gets a buffer, the node keeps it
WANTED = 2  # it must have a buffer
DONOR = 4  # a leaf that nobody reads afterwards: its buffer may be overwritten


class Value(NamedTuple):
    """One node of a structure.

    Attributes:
        signature: its primitive with attrs, shape and dtype.
        inputs: their positions.
        flag: what must hold of it after the plan.
        pitch: elements of its buffer from one index of dim 0 to the next, where the buffer holds
            more than this value: a slice of channels.
    """

    signature: Signature
    inputs: tuple[int, ...]
    flag: int
    pitch: int = 0

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
    def layout(self) -> Layout:
        """Where its elements lie in its buffer."""
        dense = Layout.contiguous(self.shape)
        if not self.pitch:
            return dense
        return Layout(self.shape, (self.pitch, *dense.strides[1:]))

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
