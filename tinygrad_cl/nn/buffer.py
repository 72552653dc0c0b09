"""`Buffer`: a tensor that a module keeps as part of its state."""

from __future__ import annotations

from typing import Any

from tinygrad_cl.functional.creation import as_tensor, zeros
from tinygrad_cl.tensor import Tensor


class Buffer(Tensor):
    """A tensor that becomes a buffer of the module to which it is assigned.

    Args:
        data: its values.
        persistent: False keeps it out of `state_dict`.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> net = nn.Module()
        >>> net.mean = nn.Buffer(tg.zeros(2))
        >>> list(net.state_dict())
        ['mean']
    """

    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Buffer:
        """Returns a buffer with the values of `data`."""
        given = zeros(0) if data is None else as_tensor(data)
        made: Buffer = object.__new__(cls)
        made._grad = None
        made.node = given.detach().node
        made.persistent = persistent
        return made
