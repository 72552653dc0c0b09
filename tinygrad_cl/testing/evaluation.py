"""A user's function as a function of arrays: its values, and its gradient."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_cl import autograd, engine
from tinygrad_cl.autograd.handle import wrap
from tinygrad_cl.dtypes import DType
from tinygrad_cl.errors import GradientError
from tinygrad_cl.runtime.device import Device
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.tracing import tracing

Arrays = list[np.ndarray]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A function with its inputs, evaluated on one device in one dtype.

    While it is evaluated, the input tensors themselves show other values, so that a function that
    reaches them in another way (a layer whose parameters are among the inputs) sees them too.

    Attributes:
        function: takes `inputs`; returns a tensor or a sequence of them.
        inputs: tensors and anything else.
        checked: the positions of the inputs that are varied.
        device: where to evaluate.
        dtype: the float dtype to evaluate in; None leaves each input its own.
    """

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    checked: tuple[int, ...]
    device: Device
    dtype: DType | None = None

    def values(self, arrays: Arrays) -> Arrays:
        """Returns the float outputs at `arrays`, as float64."""
        with self.bound(arrays):
            return read(self.outputs())

    def gradient(
        self, arrays: Arrays, cotangents: Arrays
    ) -> tuple[Arrays, list[np.ndarray | None]]:
        """Returns the outputs at `arrays`, and the gradient of their sum weighted by `cotangents`.

        Gradients are float64; None for an input that the outputs do not seem to depend on.
        """
        with self.bound(arrays) as checked:
            outputs = self.outputs()
            kept = [
                (out, g) for out, g in zip(outputs, cotangents, strict=True) if out.requires_grad
            ]
            if not kept:
                nothing: list[np.ndarray | None] = [None] * len(checked)
                return read(outputs), nothing
            weights = [place(g, out.node.device or self.device, out.dtype) for out, g in kept]
            found = autograd.grad([out for out, _ in kept], checked, weights, allow_unused=True)
            given = [g for g in found if g is not None]
            arrays_read = iter(read(given + outputs))
            gradients: list[np.ndarray | None] = [
                None if g is None else next(arrays_read) for g in found
            ]
            return list(arrays_read), gradients

    def outputs(self) -> list[Tensor]:
        """Calls the function; returns its float outputs."""
        returned = self.function(*self.inputs)
        listed = returned if isinstance(returned, tuple | list) else (returned,)
        for value in listed:
            if value is not None and not isinstance(value, Tensor):
                raise GradientError(
                    "gradcheck: the function must return a tensor or a sequence of tensors, "
                    f"got {type(value).__name__}"
                )
        return [v for v in listed if v is not None and v.dtype.is_floating_point]

    @contextmanager
    def bound(self, arrays: Arrays) -> Iterator[list[Tensor]]:
        """Makes the inputs show `arrays`, or their own values, on the device and in the dtype."""
        tensors = [(i, x) for i, x in enumerate(self.inputs) if isinstance(x, Tensor)]
        before = [(tensor, tensor.node) for _, tensor in tensors]
        varied = dict(zip(self.checked, arrays, strict=True))
        try:
            for i, tensor in tensors:
                if i in varied or tensor.node.device is not self.device or self.dtype is not None:
                    array = varied[i] if i in varied else read_exactly(tensor)
                    self._show(tensor, array, leaf=i in varied)
            yield [self.inputs[i] for i in self.checked]
        finally:
            for tensor, node in before:
                tensor.node = node
            tracing.rebinds += 1

    def _show(self, tensor: Tensor, array: np.ndarray, leaf: bool) -> None:
        is_float = tensor.dtype.is_floating_point
        dtype = self.dtype if self.dtype is not None and is_float else tensor.dtype
        node = engine.upload(np.array(array, dtype=dtype.numpy, order="C"), self.device)
        node.leaf = node.needs_grad = leaf
        node.owner = weakref.ref(tensor)
        tensor.node = node
        tracing.rebinds += 1


def place(array: np.ndarray, device: Device, dtype: DType) -> Tensor:
    """Returns a tensor that holds `array` in `dtype`."""
    return wrap(engine.upload(np.array(array, dtype=dtype.numpy, order="C"), device))


def read_exactly(tensor: Tensor) -> np.ndarray:
    """Returns the value of a tensor in its own dtype."""
    return np.array(engine.numpy(tensor.node))


def read(tensors: Sequence[Tensor]) -> Arrays:
    """Returns the values of tensors as float64, computed in one plan."""
    engine.realize([tensor.node for tensor in tensors])
    return [np.array(engine.numpy(tensor.node), dtype=np.float64) for tensor in tensors]
