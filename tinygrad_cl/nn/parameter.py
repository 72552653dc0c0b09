"""Parameters and buffers by themselves, as in `torch.nn.parameter`."""

from __future__ import annotations

from tinygrad_cl.nn.tree import Buffer as Buffer
from tinygrad_cl.nn.uninitialized import UninitializedBuffer as UninitializedBuffer
from tinygrad_cl.nn.uninitialized import UninitializedParameter as UninitializedParameter
from tinygrad_cl.nn.uninitialized import is_lazy as is_lazy
from tinygrad_cl.tensor import Parameter as Parameter

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]
