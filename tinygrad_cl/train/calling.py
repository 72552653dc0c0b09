"""Calling the net of a model: normalized inputs, the precision that was chosen, float32 outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_cl.dtypes import float32
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train.precision import cast_floats

if TYPE_CHECKING:
    from tinygrad_cl.train.model import Model


def call(model: Model, inputs: Any) -> Any:
    """Returns the outputs of the net for a batch of inputs, which may be several."""
    several = inputs if isinstance(inputs, tuple) else (inputs,)
    if not isinstance(inputs, tuple):
        model.seen = (tuple(inputs.shape[1:]), inputs.dtype)
    if model.normalizer is not None:
        several = (model.normalizer.transform(several[0]), *several[1:])
    if model.casting is None:
        output = model.net(*several)
    else:
        with model.casting.weights():
            output = model.net(*several)
    return cast_floats(output, float32) if _has_half(output) else output


def _has_half(output: Any) -> bool:
    if isinstance(output, tuple | list):
        return any(_has_half(member) for member in output)
    return isinstance(output, Tensor) and output.dtype.is_half
