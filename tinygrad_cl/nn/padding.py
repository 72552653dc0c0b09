"""Padding layers: zeros or another number, reflected, repeated, or from the other side."""

from __future__ import annotations

from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Tensor

Widths = int | tuple[int, ...]


class _Pad(Module):
    """Pads the last dims of an input with or without batch.

    `padding` is one width for all sides, or widths before and after each dim, from the last dim on.
    """

    dims = 1
    mode = "constant"

    def __init__(self, padding: Widths) -> None:
        super().__init__()
        listed = (padding,) * (2 * self.dims) if isinstance(padding, int) else tuple(padding)
        if len(listed) != 2 * self.dims:
            raise ArgumentError(
                f"{type(self).__name__}: padding must be an int or {2 * self.dims} ints, got "
                f"{padding!r}"
            )
        self.padding = listed

    def _fill(self) -> float | None:
        return None

    def forward(self, x: Tensor) -> Tensor:
        """Returns the padded tensor."""
        if self.mode != "constant" and x.ndim not in (self.dims + 1, self.dims + 2):
            raise ShapeError(
                f"{type(self).__name__}: needs {self.dims + 2} dims, or {self.dims + 1} without a "
                f"batch, got shape {x.shape}"
            )
        return F.pad(x, self.padding, self.mode, self._fill())

    def extra_repr(self) -> str:
        """Returns the widths."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Widths, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def _fill(self) -> float | None:
        return self.value

    def extra_repr(self) -> str:
        """Returns widths and value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Pads the last dim with one number.

    Args:
        padding: one width, or 2: before and after each dim, from the last dim on.
        value: the number.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.ConstantPad1d(1, 2.0)(tg.zeros(1, 1)).sum().item()
        4.0
    """

    dims = 1


class ZeroPad1d(_Pad):
    """Pads the last dim with zeros; see `ConstantPad1d`."""

    dims = 1


class ReflectionPad1d(_Pad):
    """Pads the last dim with what lies behind the edge, mirrored.

    Args:
        padding: one width, or 2: before and after each dim, from the last dim on; each smaller
            than the dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.ReflectionPad1d(1)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[2.0, 1.0, 2.0, 3.0, 2.0]]
    """

    dims = 1
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """Pads the last dim with the values at the edges.

    Args:
        padding: one width, or 2: before and after each dim, from the last dim on.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.ReplicationPad1d(1)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[1.0, 1.0, 2.0, 3.0, 3.0]]
    """

    dims = 1
    mode = "replicate"


class CircularPad1d(_Pad):
    """Pads the last dim with what stands at the other side.

    Args:
        padding: one width, or 2: before and after each dim, from the last dim on; none larger
            than the dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.CircularPad1d(1)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[3.0, 1.0, 2.0, 3.0, 1.0]]
    """

    dims = 1
    mode = "circular"


class ConstantPad2d(_ConstantPad):
    """Pads the last two dims with one number.

    Args:
        padding: one width, or 4: before and after each dim, from the last dim on.
        value: the number.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.ConstantPad2d(1, 2.0)(tg.zeros(1, 1, 1)).sum().item()
        16.0
    """

    dims = 2


class ZeroPad2d(_Pad):
    """Pads the last two dims with zeros; see `ConstantPad2d`."""

    dims = 2


class ReflectionPad2d(_Pad):
    """Pads the last two dims with what lies behind the edge, mirrored.

    Args:
        padding: one width, or 4: before and after each dim, from the last dim on; each smaller
            than the dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.ReflectionPad1d(1)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[2.0, 1.0, 2.0, 3.0, 2.0]]
    """

    dims = 2
    mode = "reflect"


class ReplicationPad2d(_Pad):
    """Pads the last two dims with the values at the edges.

    Args:
        padding: one width, or 4: before and after each dim, from the last dim on.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.ReplicationPad1d(1)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[1.0, 1.0, 2.0, 3.0, 3.0]]
    """

    dims = 2
    mode = "replicate"


class CircularPad2d(_Pad):
    """Pads the last two dims with what stands at the other side.

    Args:
        padding: one width, or 4: before and after each dim, from the last dim on; none larger
            than the dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.CircularPad1d(1)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[3.0, 1.0, 2.0, 3.0, 1.0]]
    """

    dims = 2
    mode = "circular"


class ConstantPad3d(_ConstantPad):
    """Pads the last three dims with one number.

    Args:
        padding: one width, or 6: before and after each dim, from the last dim on.
        value: the number.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.ConstantPad3d(1, 2.0)(tg.zeros(1, 1, 1, 1)).sum().item()
        52.0
    """

    dims = 3


class ZeroPad3d(_Pad):
    """Pads the last three dims with zeros; see `ConstantPad3d`."""

    dims = 3


class ReflectionPad3d(_Pad):
    """Pads the last three dims with what lies behind the edge, mirrored.

    Args:
        padding: one width, or 6: before and after each dim, from the last dim on; each smaller
            than the dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.ReflectionPad1d(1)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[2.0, 1.0, 2.0, 3.0, 2.0]]
    """

    dims = 3
    mode = "reflect"


class ReplicationPad3d(_Pad):
    """Pads the last three dims with the values at the edges.

    Args:
        padding: one width, or 6: before and after each dim, from the last dim on.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.ReplicationPad1d(1)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[1.0, 1.0, 2.0, 3.0, 3.0]]
    """

    dims = 3
    mode = "replicate"


class CircularPad3d(_Pad):
    """Pads the last three dims with what stands at the other side.

    Args:
        padding: one width, or 6: before and after each dim, from the last dim on; none larger
            than the dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.CircularPad1d(1)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[3.0, 1.0, 2.0, 3.0, 1.0]]
    """

    dims = 3
    mode = "circular"
