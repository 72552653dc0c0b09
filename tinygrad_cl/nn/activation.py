"""Activation layers; each calls the function of the same name in `nn.functional`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional.creation import full
from tinygrad_cl.functional.logic import where
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.init import constant_
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.runtime.device import Device


class _Activation(Module):
    """An activation without settings.

    `inplace` is taken for compatibility with PyTorch; the result is a new value either way.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Returns the settings."""
        return "inplace=True" if self.inplace else ""


class ReLU(_Activation):
    """`max(x, 0)`; NaN stays NaN.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.ReLU()(tg.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.relu(x)


class ReLU6(_Activation):
    """`min(max(x, 0), 6)`."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.relu6(x)


class LeakyReLU(Module):
    """`x` where positive, `negative_slope * x` elsewhere."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """Returns the slope."""
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """`x` where positive, `weight * x` elsewhere, with a trained weight.

    Args:
        num_parameters: 1, or the number of channels (dim 1 of the input).
        init: the weight's first value.
        device: where the weight lives.
        dtype: its dtype.
    """

    weight: Parameter

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(full((num_parameters,), float(init), device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        """Gives the weight its first value again."""
        constant_(self.weight, float(self.init))

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        weight: Tensor = self.weight
        if self.num_parameters > 1 and x.ndim > 2:
            weight = weight.reshape(self.num_parameters, *(1,) * (x.ndim - 2))
        return where(x > 0, x, x * weight)

    def extra_repr(self) -> str:
        """Returns the number of weights."""
        return f"num_parameters={self.num_parameters}"


class ELU(Module):
    """`x` where positive, `alpha * (exp(x) - 1)` elsewhere."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """Returns alpha."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class SELU(_Activation):
    """`scale * elu(x, alpha)`; the constants keep mean 0 and variance 1 (Klambauer et al. 2017)."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.selu(x)


class GELU(Module):
    """`x` times the standard normal distribution function of `x`.

    Args:
        approximate: "none" for the exact form with `erf`, "tanh" for the approximation.

    Raises:
        ArgumentError: for another word.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ArgumentError(f'GELU: approximate must be "none" or "tanh", got {approximate!r}')
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """Returns the form."""
        return f"approximate={self.approximate!r}"


class SiLU(_Activation):
    """`x * sigmoid(x)`, also known as Swish."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.silu(x)


class Mish(_Activation):
    """`x * tanh(softplus(x))`."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.mish(x)


class Sigmoid(Module):
    """`1 / (1 + exp(-x))`, without overflow."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.sigmoid(x)


class LogSigmoid(Module):
    """`log(sigmoid(x))`, without overflow."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.logsigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.tanh(x)


class Softsign(Module):
    """`x / (1 + |x|)`."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.softsign(x)


class Hardtanh(Module):
    """`x` limited to `[min_val, max_val]`.

    Raises:
        ArgumentError: if `min_val` is not below `max_val`.
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if not min_val < max_val:
            raise ArgumentError(f"Hardtanh: min_val {min_val} must be below max_val {max_val}")
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.hardtanh(x, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        """Returns the limits."""
        text = f"min_val={self.min_val}, max_val={self.max_val}"
        return text + (", inplace=True" if self.inplace else "")


class Softplus(Module):
    """`log(1 + exp(beta * x)) / beta`; the identity where `beta * x` is above `threshold`."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of `x`."""
        return F.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Returns the settings."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """`exp(x)` divided by its sum along `dim`.

    `CrossEntropyLoss` takes logits: with this layer in front of it, softmax would be applied twice.

    Args:
        dim: the dim whose entries sum to 1.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.Softmax(dim=1)(tg.zeros(1, 4)).tolist()
        [[0.25, 0.25, 0.25, 0.25]]
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Returns the probabilities."""
        return F.softmax(x, self.dim)

    def extra_repr(self) -> str:
        """Returns the dim."""
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of softmax along `dim`, without overflow."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the logarithms of the probabilities."""
        return F.log_softmax(x, self.dim)
