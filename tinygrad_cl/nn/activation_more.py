"""More activation layers. Functions: functional/piecewise.py.

`inplace` is taken for compatibility with PyTorch; the result is a new value either way.
"""

from __future__ import annotations

from tinygrad_cl.errors import ShapeError
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.stateless import Stateless
from tinygrad_cl.tensor import Tensor


class CELU(Stateless):
    """`x` where positive, `alpha * (exp(x / alpha) - 1)` elsewhere."""

    alpha: float

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha)
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.celu(x, self.alpha)


class GLU(Stateless):
    """One half of a dim times the sigmoid of the other half."""

    dim: int

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.glu(x, self.dim)


class Hardshrink(Stateless):
    """`x` where its magnitude is above `lambd`, 0 elsewhere."""

    lambd: float

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.hardshrink(x, self.lambd)


class Hardsigmoid(Stateless):
    """`relu6(x + 3) / 6`."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.hardsigmoid(x)


class Hardswish(Stateless):
    """`x * relu6(x + 3) / 6`."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.hardswish(x)


class RReLU(Stateless):
    """`x` where positive, a share of it elsewhere: a random one while training."""

    lower: float
    upper: float

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__(lower=lower, upper=upper)
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.rrelu(x, self.lower, self.upper, self.training)


class Softmin(Stateless):
    """`softmax(-x)` along `dim`."""

    dim: int

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.softmin(x, self.dim)


class Softshrink(Stateless):
    """`x` moved towards 0 by `lambd`, not beyond it."""

    lambd: float

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.softshrink(x, self.lambd)


class Tanhshrink(Stateless):
    """`x - tanh(x)`."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.tanhshrink(x)


class Threshold(Stateless):
    """`x` where it is above `threshold`, `value` elsewhere."""

    threshold: float
    value: float

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(threshold=threshold, value=value)
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.threshold(x, self.threshold, self.value)


class Softmax2d(Stateless):
    """Softmax over the channels of an `(N, C, H, W)` or `(C, H, W)` input."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        if x.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d: needs (N, C, H, W) or (C, H, W), got shape {x.shape}")
        return F.softmax(x, -3)


class BinaryStep(Stateless):
    """1 where the input is at least `threshold`, else 0; its gradient is 0.

    Args:
        threshold: where the step is.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.BinaryStep()(tg.tensor([-1.0, 0.0, 2.0])).tolist()
        [0.0, 1.0, 1.0]
    """

    threshold: float

    def __init__(self, threshold: float = 0.0) -> None:
        super().__init__(threshold=threshold)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the steps, in the dtype of `x`."""
        return (x >= self.threshold).to(x.dtype)
