"""Training with values of 16 bits: the whole net in one dtype, or float32 weights with such values.

In "mixed" precision the parameters stay float32 and the optimizer updates them so. In the forward
pass every layer gets a float16 copy of its weights and float16 inputs; norm layers compute in
float32, as does the loss. Kernels compute in float32 registers anyway: what is halved is the memory
that values take and the time to move it. Gradients flow through the casts back to the float32
parameters, and a `GradScaler` keeps small ones from vanishing. "mixed_bfloat16" is the same with
bfloat16, which has fewer digits and float32's range: its gradients need no scale.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from tinygrad_cl import dtypes
from tinygrad_cl.amp import GradScaler
from tinygrad_cl.dtypes import DType, bfloat16, float16, float32
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.nn import Module
from tinygrad_cl.tensor import Tensor

_MIXED = {"mixed": float16, "mixed_float16": float16, "mixed_bfloat16": bfloat16}
WORDS = ("float16", "bfloat16", "float32", "float64", *_MIXED)


class Precision:
    """What `compile(precision=...)` stands for.

    Attributes:
        dtype: of the whole net, or None to leave it as it is.
        values: the dtype of values in mixed precision, or None.
        scaler: scales the loss, or None.

    Raises:
        ArgumentError: for another word.
        DTypeError: for bfloat16 without the package that it needs.
    """

    def __init__(self, word: str | DType | None) -> None:
        name = word.name if isinstance(word, DType) else word
        if name is not None and name not in WORDS:
            listed = ", ".join(f'"{known}"' for known in WORDS)
            raise ArgumentError(f"compile: precision must be one of {listed}, got {word!r}")
        self.values = _MIXED.get(str(name))
        self.dtype = None if name is None or self.values else dtypes.dtype(name)
        if bfloat16 in (self.values, self.dtype):
            _ = bfloat16.numpy  # which says so if its package is missing
        self.scaler = GradScaler() if float16 in (self.values, self.dtype) else None


class Casting:
    """Gives the layers of a net weights and inputs of one dtype, while it is entered.

    Args:
        net: the net; its parameters stay as they are.
        dtype: of the values.
    """

    def __init__(self, net: Module, dtype: DType) -> None:
        self._places: list[tuple[Module, str, Tensor]] = []
        self._handles: list[Any] = []
        self._dtype = dtype
        for module in net.modules():
            own = list(module.named_parameters(recurse=False))
            wanted = float32 if _is_norm(module) else dtype
            if own:
                self._handles.append(_cast_inputs(module, wanted))
            for name, param in own:
                if param.dtype is float32 and wanted is not float32:
                    self._places.append((module, name, param))

    def __enter__(self) -> Casting:
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()

    @contextlib.contextmanager
    def weights(self) -> Iterator[None]:
        """Puts copies of the weights in their places for the length of a block.

        A parameter that stands in several places has one copy.
        """
        copies: dict[int, Tensor] = {}
        try:
            for module, name, param in self._places:
                if id(param) not in copies:
                    copies[id(param)] = param.to(self._dtype)
                module.__dict__[name] = copies[id(param)]
            yield
        finally:
            for module, name, param in self._places:
                module.__dict__[name] = param


def _is_norm(module: Module) -> bool:
    return any("norm" in kind.__name__.lower() for kind in type(module).__mro__)


def _cast_inputs(module: Module, dtype: DType) -> Any:
    def cast(module: Module, args: Any, kwargs: Any) -> Any:
        return cast_floats(args, dtype), cast_floats(kwargs, dtype)

    return module.register_forward_pre_hook(cast, with_kwargs=True)


def cast_floats(value: Any, dtype: DType) -> Any:
    """Returns floating-point tensors in a dtype, within tuples, lists and dicts."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.dtype.is_floating_point else value
    if isinstance(value, tuple | list):
        members = [cast_floats(member, dtype) for member in value]
        if hasattr(value, "_fields"):
            return type(value)(*members)
        return tuple(members) if isinstance(value, tuple) else members
    if isinstance(value, dict):
        return {key: cast_floats(member, dtype) for key, member in value.items()}
    return value
