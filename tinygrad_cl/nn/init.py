"""Initial values of parameters. Every function fills a tensor in place and returns it.

The random ones draw from the library's generator (`tinygrad_cl.manual_seed`), so the same seed
gives the same values on every device. None of them records gradients.

`fan_in` of a weight is the number of inputs that one output sums: the product of all sizes but the
first; `fan_out` is the same with the first two sizes swapped.
"""

from __future__ import annotations

import math

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional import creation, random
from tinygrad_cl.functional.logic import where
from tinygrad_cl.tensor import Tensor

_GAINS = {
    "linear": 1.0,
    "identity": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv_transpose2d": 1.0,
    "sigmoid": 1.0,
    "softmax": 1.0,
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Returns the factor that keeps the variance of signals through a nonlinearity.

    Args:
        nonlinearity: "linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu", ...
        param: the negative slope of "leaky_relu" (0.01 by default).

    Raises:
        ArgumentError: for an unknown name.

    Example:
        >>> calculate_gain("tanh")
        1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        known = ", ".join([*_GAINS, "leaky_relu"])
        raise ArgumentError(f"calculate_gain: {nonlinearity!r} is unknown; known are {known}")
    return _GAINS[nonlinearity]


def _fans(op: str, tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ShapeError(
            f"{op}: fan in and fan out need a tensor of at least 2 dims, got shape {tensor.shape}; "
            "initialize biases with zeros_ or uniform_"
        )
    taps = math.prod(tensor.shape[2:])
    return tensor.shape[1] * taps, tensor.shape[0] * taps


def _fill(tensor: Tensor, values: Tensor) -> Tensor:
    with no_grad():
        tensor.copy_(values)
    return tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Fills with values drawn uniformly from `[a, b)`.

    Raises:
        ArgumentError: if `a` is above `b`.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> w = nn.init.uniform_(tg.empty(100), -2.0, -1.0)
        >>> w.min().item() >= -2.0, w.max().item() <= -1.0
        (True, True)
    """
    if a > b:
        raise ArgumentError(f"uniform_: a must not be above b, got a={a}, b={b}")
    return random.uniform_(tensor, a, b)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Fills with values drawn from the normal distribution.

    Raises:
        ArgumentError: if `std` is negative.
    """
    if std < 0:
        raise ArgumentError(f"normal_: std must not be negative, got {std}")
    return random.normal_(tensor, mean, std)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> Tensor:
    """Fills with values of the normal distribution cut off outside `[a, b]`.

    Drawn as `mean + std * sqrt(2) * erfinv(u)` with `u` uniform between the images of `a` and `b`,
    where `erfinv` is Giles' approximation (2010), good to single precision.

    Raises:
        ArgumentError: if `a` is not below `b`.
    """
    if not a < b:
        raise ArgumentError(f"trunc_normal_: a must be below b, got a={a}, b={b}")
    low = math.erf((a - mean) / (std * math.sqrt(2)))
    high = math.erf((b - mean) / (std * math.sqrt(2)))
    with no_grad():
        unit = random.rand(tensor.shape, device=tensor.device)
        values = _erfinv(unit * (high - low) + low) * (std * math.sqrt(2)) + mean
        return _fill(tensor, values.clamp(a, b))


# Giles, "Approximating the erfinv function", GPU Computing Gems 2 (2010): w < 5, and above.
_CENTER = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
_TAIL = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


def _erfinv(x: Tensor) -> Tensor:
    # The argument of the logarithm stays above zero: -1 and 1 give large values, not infinities.
    w = -((1 - x) * (1 + x)).clamp(1e-30, 1.0).log()
    center, tail = w - 2.5, w.sqrt() - 3.0
    near, far = center * 0.0 + _CENTER[0], tail * 0.0 + _TAIL[0]
    for a, b in zip(_CENTER[1:], _TAIL[1:], strict=True):
        near, far = near * center + a, far * tail + b
    return where(w < 5, near, far) * x


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fills with one value."""
    shape, device, dtype = tensor.shape, tensor.device, tensor.dtype
    return _fill(tensor, creation.full(shape, val, device=device, dtype=dtype))


def zeros_(tensor: Tensor) -> Tensor:
    """Fills with zeros."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fills with ones."""
    return constant_(tensor, 1.0)


def eye_(tensor: Tensor) -> Tensor:
    """Fills a matrix with the identity.

    Raises:
        ShapeError: if the tensor is no matrix.
    """
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: needs a matrix, got shape {tensor.shape}")
    return _fill(tensor, creation.eye(*tensor.shape, device=tensor.device, dtype=tensor.dtype))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Fills uniformly from `+-gain * sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio 2010)."""
    fan_in, fan_out = _fans("xavier_uniform_", tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return random.uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Fills from a normal distribution of deviation `gain * sqrt(2 / (fan_in + fan_out))`."""
    fan_in, fan_out = _fans("xavier_normal_", tensor)
    return random.normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)))


def _kaiming_std(op: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), _fans(op, tensor), strict=True))
    if mode not in fans:
        raise ArgumentError(f'{op}: mode must be "fan_in" or "fan_out", got {mode!r}')
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fans[mode], 1))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Fills uniformly from `+-gain * sqrt(3 / fan)` (He et al. 2015).

    Args:
        tensor: what to fill; at least 2 dims.
        a: negative slope, for "leaky_relu" only.
        mode: "fan_in" keeps the variance forward, "fan_out" backward.
        nonlinearity: what follows the layer; see `calculate_gain`.

    Raises:
        ShapeError: if the tensor has fewer than 2 dims.
        ArgumentError: for an unknown mode or nonlinearity.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> w = nn.init.kaiming_uniform_(tg.empty(8, 6), nonlinearity="relu")
        >>> abs(w).max().item() <= 1.0
        True
    """
    bound = math.sqrt(3.0) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return random.uniform_(tensor, -bound, bound)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Fills from a normal distribution of deviation `gain / sqrt(fan)`; see `kaiming_uniform_`."""
    std = _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity)
    return random.normal_(tensor, 0.0, std)
