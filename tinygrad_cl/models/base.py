"""`Net`: what the nets that are layers in a row have in common, and checks of their options."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from tinygrad_cl.dtypes import DType, float32
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.nn import Dropout, Module, Sequential

Shape = tuple[int, ...]


class Net(Sequential):
    """Layers in a row that know what they are called with.

    Attributes:
        input_shape: of one sample, without the batch dim.
        input_dtype: of the input.
    """

    input_shape: Shape = ()
    input_dtype: DType = float32

    def _part(self, items: list[Module], names: list[str]) -> Sequential:
        return Sequential(OrderedDict(zip(names, items, strict=True)))


def counts(op: str, **given: Any) -> None:
    """Checks that options are whole numbers from 1 on.

    Raises:
        ArgumentError: naming the first that is not.
    """
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ArgumentError(f"{op}: {name} must be a whole number above 0, got {value!r}")


def several(op: str, name: str, values: Any, least: int = 1) -> tuple[int, ...]:
    """Returns a list of sizes as a tuple.

    Raises:
        ArgumentError: if they are not whole numbers above 0, or too few.
    """
    sizes = tuple(values) if isinstance(values, list | tuple) else None
    if sizes is None or len(sizes) < least:
        raise ArgumentError(f"{op}: {name} must be {least} or more whole numbers, got {values!r}")
    counts(op, **{f"{name}[{i}]": size for i, size in enumerate(sizes)})
    return sizes


def dropouts(rate: float) -> list[Module]:
    """Returns a dropout layer in a list, or an empty one for rate 0."""
    return [Dropout(rate)] if rate else []


def reached(op: str, size: int, least: int, given: int) -> int:
    """Returns the height and width that layers leave of an image.

    Raises:
        ArgumentError: if nothing is left.
    """
    if size < 1:
        raise ArgumentError(f"{op}: input_size must be at least {least}, got {given}")
    return size
