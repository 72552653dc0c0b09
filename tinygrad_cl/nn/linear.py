"""Dense layers, and layers that only change the shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional.creation import empty
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn import init
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.runtime.device import Device


class Identity(Module):
    """Returns its input; takes any arguments and ignores them."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Returns `x`."""
        return x


class Linear(Module):
    """An affine map of the last dim: `y = x @ weight.T + bias`.

    Both parameters start uniformly in `+-1 / sqrt(in_features)`, as in PyTorch.

    Args:
        in_features: size of the input's last dim.
        out_features: size of the output's last dim.
        bias: if False, there is none.
        device: where the parameters live.
        dtype: their dtype.

    Attributes:
        weight: `(out_features, in_features)`.
        bias: `(out_features,)`, or None.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.Linear(4, 2)(tg.zeros(3, 4)).shape
        (3, 2)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        self.register_parameter(
            "bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new initial values."""
        init_uniform_by_fan_in(self.weight, self.bias, self.in_features)

    def forward(self, x: Tensor) -> Tensor:
        """Returns `x @ weight.T + bias`."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Returns the sizes."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Module):
    """A bilinear map of two inputs: `y = x1 @ weight[o] @ x2 + bias` for each output o.

    Both parameters start uniformly in `+-1 / sqrt(in1_features)`, as in PyTorch.

    Args:
        in1_features: size of the first input's last dim.
        in2_features: size of the second input's last dim.
        out_features: size of the output's last dim.
        bias: if False, there is none.
        device: where the parameters live.
        dtype: their dtype.

    Raises:
        ArgumentError: if `in1_features` is not positive.

    Attributes:
        weight: `(out_features, in1_features, in2_features)`.
        bias: `(out_features,)`, or None.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.Bilinear(3, 4, 5)(tg.zeros(2, 3), tg.zeros(2, 4)).shape
        (2, 5)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ArgumentError(f"Bilinear: in1_features must be positive, got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        self.register_parameter(
            "bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new initial values."""
        init_uniform_by_fan_in(self.weight, self.bias, self.in1_features)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Returns the bilinear form of both inputs."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Returns the sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


def init_uniform_by_fan_in(weight: Tensor, bias: Tensor | None, fan_in: int) -> None:
    """Draws a weight and a bias uniformly from `+-1 / sqrt(fan_in)`.

    It is what PyTorch's `kaiming_uniform_(weight, a=sqrt(5))` comes to.
    """
    bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0.0
    init.uniform_(weight, -bound, bound)
    if bias is not None:
        init.uniform_(bias, -bound, bound)


class Flatten(Module):
    """Joins the dims from `start_dim` to `end_dim` into one; the batch dim stays by default.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.Flatten()(tg.zeros(2, 3, 4)).shape
        (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        """Returns the flattened tensor."""
        return F.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Returns the dims."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits one dim into several.

    Args:
        dim: the dim to split.
        unflattened_size: the sizes it becomes; one may be -1.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.Unflatten(1, (2, 5))(tg.zeros(3, 10)).shape
        (3, 2, 5)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the reshaped tensor."""
        return F.unflatten(x, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Returns the dim and its sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
