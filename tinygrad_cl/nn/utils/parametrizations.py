"""Ready-made parametrizations: weight norm, spectral norm, orthogonal weights."""

from __future__ import annotations

from typing import TypeVar

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import ArgumentError, ModuleError
from tinygrad_cl.functional.norm import normalize
from tinygrad_cl.functional.random import randn
from tinygrad_cl.nn.module import Module
from tinygrad_cl.nn.utils.norms import (
    as_matrix,
    default_dim,
    keep,
    norm_except_dim,
    power_iteration,
)
from tinygrad_cl.nn.utils.orthogonal import Orthogonal
from tinygrad_cl.nn.utils.parametrize import register_parametrization
from tinygrad_cl.tensor import Tensor

AnyModule = TypeVar("AnyModule", bound=Module)


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """Returns `g * v / |v|`."""
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Returns norm and direction."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: AnyModule, name: str = "weight", dim: int | None = 0) -> AnyModule:
    """Splits a weight into its norm and its direction: `w = g * v / |v|`.

    (Salimans and Kingma 2016.) The originals are `parametrizations.weight.original0` (g) and
    `original1` (v); `parametrize.remove_parametrizations` takes it back.

    Args:
        module: the layer.
        name: of its weight.
        dim: the dim that keeps a norm per index; None for one norm of all.

    Returns:
        The module.

    Raises:
        ModuleError: if there is no such parameter.

    Example:
        >>> from tinygrad_cl import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(20, 40))
        >>> layer.parametrizations.weight.original0.shape
        (40, 1)
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    return module


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise ArgumentError(f"spectral_norm: dim {dim} is none of a weight {weight.shape}")
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"spectral_norm: n_power_iterations must be positive, got {n_power_iterations}"
            )
        self.dim = dim % weight.ndim
        self.eps = eps
        self.n_power_iterations = n_power_iterations
        if weight.ndim > 1:
            with no_grad():
                matrix = as_matrix(weight.detach(), self.dim)
                u, v = (
                    normalize(randn(n, dtype=weight.dtype, device=weight.device), dim=0, eps=eps)
                    for n in matrix.shape
                )
                u, v = power_iteration(matrix, u, v, 15, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)

    def forward(self, weight: Tensor) -> Tensor:
        """Returns the weight over its largest singular value."""
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            held = (self._u, self._v)
            keep(held, power_iteration(matrix, *held, self.n_power_iterations, self.eps))
        u, v = self._u.detach().clone(), self._v.detach().clone()
        return weight / u.dot(matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """Returns the value itself, which has the norm it should have."""
        return value


def spectral_norm(
    module: AnyModule,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> AnyModule:
    """Divides a weight by its largest singular value (Miyato et al. 2018).

    Each reading of the weight in training mode improves the estimate of the singular vectors, the
    buffers `_u` and `_v` of the parametrization. `parametrize.remove_parametrizations` takes it
    back.

    Args:
        module: the layer.
        name: of its weight.
        n_power_iterations: per reading.
        eps: keeps norms away from zero.
        dim: the dim that counts outputs: 1 for transposed convolutions, else 0.

    Returns:
        The module.

    Raises:
        ModuleError: if there is no such parameter.
        ArgumentError: if `n_power_iterations` is not positive or there is no such dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)).eval()
        >>> with tg.no_grad():
        ...     layer.parametrizations.weight.original.mul_(3.0).shape
        (4, 4)
    """
    rows = default_dim(module) if dim is None else dim
    weight = _weight(module, name, "spectral_norm")
    made = _SpectralNorm(weight, n_power_iterations, rows, eps)
    register_parametrization(module, name, made)
    return module


def orthogonal(
    module: AnyModule,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> AnyModule:
    """Keeps a matrix orthogonal: columns (or rows, if fewer) of length 1, perpendicular.

    Args:
        module: the layer.
        name: of its weight, with at least two dims; further ones in front are batches.
        orthogonal_map: how: "matrix_exp" (of a skew matrix), "cayley" (`(I + A/2) (I - A/2)^-1`) or
            "householder" (reflections); by default the first for square matrices, the last for
            others.
        use_trivialization: start from the present weight, made orthogonal if need be, as a fixed
            factor (Lezcano-Casado 2019).

    Returns:
        The module.

    Raises:
        ModuleError: if there is no such parameter.
        ArgumentError: for another map, or a weight with fewer than two dims.

    Example:
        >>> from tinygrad_cl import nn
        >>> q = nn.utils.parametrizations.orthogonal(nn.Linear(3, 5)).weight
        >>> (q.mT @ q).abs().round().tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    weight = _weight(module, name, "orthogonal")
    if weight.ndim < 2:
        raise ArgumentError(f"orthogonal: needs a weight of at least 2 dims, got {weight.shape}")
    square = weight.shape[-2] == weight.shape[-1]
    chosen = orthogonal_map or ("matrix_exp" if square else "householder")
    made = Orthogonal(weight, chosen, use_trivialization)
    register_parametrization(module, name, made, unsafe=True)
    return module


def _weight(module: Module, name: str, op: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ModuleError(f"{op}: {type(module).__name__} has no parameter or buffer {name!r}")
    return weight


__all__ = ["orthogonal", "spectral_norm", "weight_norm"]
