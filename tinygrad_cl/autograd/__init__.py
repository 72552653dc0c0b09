"""Reverse-mode differentiation: `backward`, `grad`, grad modes, and users' own ops.

The rooms: handle.py (what autograd knows of a Tensor), modes.py, walk.py (the walk over nodes),
api.py (`backward`, `grad`), function.py (`Function`).
"""

from __future__ import annotations

from tinygrad_cl.autograd.api import RemovableHandle as RemovableHandle
from tinygrad_cl.autograd.api import backward as backward
from tinygrad_cl.autograd.api import grad as grad
from tinygrad_cl.autograd.function import Context as Context
from tinygrad_cl.autograd.function import Function as Function
from tinygrad_cl.autograd.modes import enable_grad as enable_grad
from tinygrad_cl.autograd.modes import is_grad_enabled as is_grad_enabled
from tinygrad_cl.autograd.modes import no_grad as no_grad
from tinygrad_cl.autograd.modes import set_grad_enabled as set_grad_enabled

__all__ = [
    "Context",
    "Function",
    "RemovableHandle",
    "backward",
    "enable_grad",
    "grad",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]
