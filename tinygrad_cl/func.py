"""Function transforms: from a function to its derivative, as in `torch.func` and JAX.

    value_and_grad(f)(x) = f(x), df/dx       grad(f)(x) = df/dx       jacrev(f)(x) = J
    vjp(f, x) = f(x), v -> v^T J             jvp(f, (x,), (t,)) = f(x), J t

They nest: `grad(grad(f))` is the second derivative. Arguments may be tuples, lists and dicts of tensors, as
parameters of a model are; derivatives have their form.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinygrad_cl.autograd import functional
from tinygrad_cl.autograd.functional import detached, fresh_input, pull_back
from tinygrad_cl.autograd.handle import Handle, own, wrap
from tinygrad_cl.autograd.modes import enable_grad
from tinygrad_cl.autograd.walk import full
from tinygrad_cl.errors import ArgumentError, DTypeError, GradientError, ShapeError
from tinygrad_cl.graph import Node, toposort
from tinygrad_cl.shapes import numel
