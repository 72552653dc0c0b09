"""More activation layers. Functions: functional/piecewise.py."""

from __future__ import annotations

from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.stateless import Stateless
from tinygrad_cl.tensor import Tensor


class CELU(Stateless):
    """`x` where positive, `alpha * (exp(x / alpha) - 1)` elsewhere."""

    alpha: float

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=alpha)

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

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.hardsigmoid(x)


class Hardswish(Stateless):
    """`x * relu6(x + 3) / 6`."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.hardswish(x)


class RReLU(Stateless):
    """`x` where positive, a share of it elsewhere: a random one while training."""

    lower: float
    upper: float

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3) -> None:
        super().__init__(lower=lower, upper=upper)

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

    def __init__(self, threshold: float, value: float) -> None:
        super().__init__(threshold=threshold, value=value)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.threshold(x, self.threshold, self.value)


class AlphaDropout(Stateless):
    """Dropout that keeps mean 0 and variance 1 behind `SELU`, while training."""

    p: float

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p=p)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.alpha_dropout(x, self.p, self.training)
