"""Initial values of parameters. Every function fills a tensor in place and returns it.

The random ones draw from the library's generator (`tinygrad_cl.manual_seed`), so the same seed
gives the same values on every device. None of them records gradients.

`fan_in` of a weight is the number of inputs that one output sums: the product of all sizes but the
first; `fan_out` is the same with the first two sizes swapped.
"""

from __future__ import annotations

import math

import numpy as np

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional import creation, random
from tinygrad_cl.functional.random import Generator
from tinygrad_cl.functional.special import erfinv
from tinygrad_cl.tensor import Tensor

_GAINS = {
    "linear": 1.0,
    "identity": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
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


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
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
    return random.uniform_(tensor, a, b, generator=generator)


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fills with values drawn from the normal distribution.

    Raises:
        ArgumentError: if `std` is negative.
    """
    if std < 0:
        raise ArgumentError(f"normal_: std must not be negative, got {std}")
    return random.normal_(tensor, mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fills with values of the normal distribution cut off outside `[a, b]`.

    Drawn as `mean + std * sqrt(2) * erfinv(u)` with `u` uniform between the images of `a` and `b`.

    Raises:
        ArgumentError: if `a` is not below `b`.
    """
    if not a < b:
        raise ArgumentError(f"trunc_normal_: a must be below b, got a={a}, b={b}")
    low = math.erf((a - mean) / (std * math.sqrt(2)))
    high = math.erf((b - mean) / (std * math.sqrt(2)))
    with no_grad():
        unit = random.rand(tensor.shape, device=tensor.device, generator=generator)
        values = erfinv(unit * (high - low) + low) * (std * math.sqrt(2)) + mean
        return _fill(tensor, values.clamp(a, b))


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


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fills uniformly from `+-gain * sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio 2010)."""
    fan_in, fan_out = _fans("xavier_uniform_", tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return random.uniform_(tensor, -bound, bound, generator=generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fills from a normal distribution of deviation `gain * sqrt(2 / (fan_in + fan_out))`."""
    fan_in, fan_out = _fans("xavier_normal_", tensor)
    std = gain * math.sqrt(2.0 / (fan_in + fan_out))
    return random.normal_(tensor, 0.0, std, generator=generator)


def _kaiming_std(op: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), _fans(op, tensor), strict=True))
    if mode not in fans:
        raise ArgumentError(f'{op}: mode must be "fan_in" or "fan_out", got {mode!r}')
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fans[mode], 1))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fills uniformly from `+-gain * sqrt(3 / fan)` (He et al. 2015).

    Args:
        tensor: what to fill; at least 2 dims.
        a: negative slope, for "leaky_relu" only.
        mode: "fan_in" keeps the variance forward, "fan_out" backward.
        nonlinearity: what follows the layer; see `calculate_gain`.
        generator: where the random numbers come from, here as in all random initializers.

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
    return random.uniform_(tensor, -bound, bound, generator=generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fills from a normal distribution of deviation `gain / sqrt(fan)`; see `kaiming_uniform_`."""
    std = _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity)
    return random.normal_(tensor, 0.0, std, generator=generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fills with a (semi-)orthogonal matrix times a gain (Saxe et al. 2013).

    Further dims are joined with the second. The matrix is the orthogonal factor of a normal one,
    with the signs that make it uniform; the factorization runs on the host.

    Raises:
        ShapeError: if the tensor has fewer than 2 dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> w = nn.init.orthogonal_(tg.empty(3, 5))
        >>> bool((w @ w.mT - tg.eye(3)).abs().max() < 1e-5)
        True
    """
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: needs at least 2 dims, got shape {tensor.shape}")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    drawn = random.randn(rows, columns, device="numpy", generator=generator).numpy()
    tall = drawn.T if rows < columns else drawn
    q, r = np.linalg.qr(tall.astype(np.float64))
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    q = (q.T if rows < columns else q) * gain
    return _from_host(tensor, q.reshape(tensor.shape))


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Fills a matrix with normal values, a share of each column with zeros (Martens 2010).

    Args:
        tensor: the matrix.
        sparsity: share of zeros in each column, rounded up.
        std: deviation of the others.
        generator: where the random numbers come from.

    Raises:
        ShapeError: if the tensor is no matrix.
        ArgumentError: if the share is not in [0, 1].

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> (nn.init.sparse_(tg.empty(10, 2), 0.3) == 0).sum(0).tolist()
        [3, 3]
    """
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: needs a matrix, got shape {tensor.shape}")
    if not 0 <= sparsity <= 1:
        raise ArgumentError(f"sparse_: sparsity must be in [0, 1], got {sparsity}")
    rows, columns = tensor.shape
    values = random.randn(rows, columns, device="numpy", generator=generator).numpy() * std
    order = random.rand(rows, columns, device="numpy", generator=generator).numpy().argsort(0)
    values[order[: math.ceil(sparsity * rows)], np.arange(columns)] = 0.0
    return _from_host(tensor, values)


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fills the weight of a convolution so that it passes its input on, as far as channels go.

    Args:
        tensor: of 3, 4 or 5 dims, (out, in, ...).
        groups: of the convolution; each passes on its own channels.

    Raises:
        ShapeError: for other dims.
        ArgumentError: if the groups do not divide the output channels.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.init.dirac_(tg.empty(2, 2, 3)).tolist()
        [[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]
    """
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(f"dirac_: needs 3, 4 or 5 dims, got shape {tensor.shape}")
    if groups < 1 or tensor.shape[0] % groups:
        raise ArgumentError(f"dirac_: {groups} groups do not divide {tensor.shape[0]} channels")
    values = np.zeros(tensor.shape)
    outs = tensor.shape[0] // groups
    middle = tuple(size // 2 for size in tensor.shape[2:])
    for g in range(groups):
        for d in range(min(outs, tensor.shape[1])):
            values[(g * outs + d, d, *middle)] = 1.0
    return _from_host(tensor, values)


def _from_host(tensor: Tensor, values: np.ndarray) -> Tensor:
    return _fill(tensor, creation.tensor(values, dtype=tensor.dtype, device=tensor.device))
