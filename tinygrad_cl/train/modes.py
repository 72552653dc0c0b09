"""Evaluation mode for the length of a block."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tinygrad_cl.nn import Module


@contextlib.contextmanager
def evaluating(net: Module) -> Iterator[None]:
    """Puts a net in evaluation mode; afterwards each module is in the mode in which it was."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.__dict__["training"] = training
