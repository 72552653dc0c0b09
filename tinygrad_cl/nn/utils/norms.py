"""Weights with a norm of their own, as `torch.nn.utils.weight_norm` and `spectral_norm` make them.

These are the older forms, with the state's names `weight_g`, `weight_v` and `weight_orig`,
`weight_u`, `weight_v`; `nn.utils.parametrizations` has the newer ones.
"""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_cl import engine
from tinygrad_cl.autograd import RemovableHandle, no_grad
from tinygrad_cl.errors import ArgumentError, ModuleError
from tinygrad_cl.functional.norm import normalize
from tinygrad_cl.functional.random import randn
from tinygrad_cl.nn.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from tinygrad_cl.nn.module import Module
from tinygrad_cl.nn.tree import PARAMETER
from tinygrad_cl.nn.utils.injection import eject, inject, injected
from tinygrad_cl.tensor import Parameter, Tensor

AnyModule = TypeVar("AnyModule", bound=Module)


def norm_except_dim(v: Tensor, dim: int | None) -> Tensor:
    """Returns the norms over all dims but one, kept as sizes of 1; over all for None or -1."""
    if dim is None or dim == -1:
        return (v * v).sum().sqrt()
    others = [d for d in range(v.ndim) if d != dim % v.ndim]
    return (v * v).sum(dim=others, keepdim=True).sqrt() if others else v.abs()


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """Returns a weight as a matrix with a row for each index of a dim."""
    if dim != 0:
        weight = weight.movedim(dim, 0)
    return weight.reshape(weight.shape[0], -1)


def default_dim(module: Module) -> int:
    """Returns the dim of a module's weight that counts its outputs."""
    transposed = (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
    return 1 if isinstance(module, transposed) else 0


def power_iteration(
    matrix: Tensor, u: Tensor, v: Tensor, times: int, eps: float, v_first: bool = False
) -> tuple[Tensor, Tensor]:
    """Returns better estimates of the first singular vectors; records no gradients."""
    with no_grad():
        fixed = matrix.detach()
        for _ in range(times):
            if v_first:
                v = normalize(fixed.mT @ u, dim=0, eps=eps)
            u = normalize(fixed @ v, dim=0, eps=eps)
            if not v_first:
                v = normalize(fixed.mT @ u, dim=0, eps=eps)
    return u, v


def _taken(module: Module, name: str, what: str) -> Parameter:
    """Takes a parameter out of a module, to be replaced by what it is made of."""
    if module._kinds.get(name) != PARAMETER or getattr(module, name) is None:
        made = "is computed already" if name in injected(module) else "is no parameter"
        raise ModuleError(f"{what}: {type(module).__name__}.{name} {made}")
    weight: Parameter = getattr(module, name)
    delattr(module, name)
    return weight


def _read_only(name: str) -> Any:
    def put(module: Module, value: Any) -> None:
        raise ModuleError(
            f"{type(module).__name__}.{name} is computed from other parameters; assign these"
        )

    return put


def weight_norm(module: AnyModule, name: str = "weight", dim: int | None = 0) -> AnyModule:
    """Splits a weight into its norm `g` and its direction `v`: `w = g * v / |v|`.

    (Salimans and Kingma 2016.) The norms are taken over all dims but `dim`; the parameters become
    `weight_g` and `weight_v`. `remove_weight_norm` takes it back.

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
        >>> layer = nn.utils.weight_norm(nn.Linear(20, 40))
        >>> layer.weight_g.shape, layer.weight_v.shape, layer.weight.shape
        ((40, 1), (40, 20), (40, 20))
    """
    weight = _taken(module, name, "weight_norm")
    with no_grad():
        g = norm_except_dim(weight.detach(), dim)
    module.register_parameter(f"{name}_g", Parameter(g))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))

    def get(module: Module) -> Tensor:
        v: Tensor = getattr(module, f"{name}_v")
        made: Tensor = v * (getattr(module, f"{name}_g") / norm_except_dim(v, dim))
        return made

    inject(module, name, get, _read_only(name))
    return module


def remove_weight_norm(module: AnyModule, name: str = "weight") -> AnyModule:
    """Makes a weight of `weight_norm` one parameter again; returns the module.

    Raises:
        ModuleError: if it has no weight norm.
    """
    return _removed(module, name, (f"{name}_g", f"{name}_v"), "remove_weight_norm", "weight norm")


def _removed(module: AnyModule, name: str, parts: tuple[str, ...], op: str, what: str) -> AnyModule:
    if name not in injected(module) or not all(part in module._kinds for part in parts):
        raise ModuleError(f"{op}: {type(module).__name__}.{name} has no {what}")
    with no_grad():
        value = getattr(module, name).detach()
    eject(module, name)
    for part in parts:
        delattr(module, part)
    module.register_parameter(name, Parameter(value))
    return module


def spectral_norm(
    module: AnyModule,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> AnyModule:
    """Divides a weight by its largest singular value (Miyato et al. 2018).

    The singular vectors are the buffers `weight_u` and `weight_v`; each forward pass in training
    mode improves them by power iterations. The parameter becomes `weight_orig`.
    `remove_spectral_norm` takes it back.

    Args:
        module: the layer.
        name: of its weight.
        n_power_iterations: per forward pass.
        eps: keeps norms away from zero.
        dim: the dim that counts outputs: 1 for transposed convolutions, else 0.

    Returns:
        The module.

    Raises:
        ModuleError: if there is no such parameter.
        ArgumentError: if `n_power_iterations` is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> layer = nn.utils.spectral_norm(nn.Linear(20, 40))
        >>> sorted(layer.state_dict())
        ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if n_power_iterations <= 0:
        raise ArgumentError(
            f"spectral_norm: n_power_iterations must be positive, got {n_power_iterations}"
        )
    rows = default_dim(module) if dim is None else dim
    weight = _taken(module, name, "spectral_norm")
    with no_grad():
        matrix = as_matrix(weight.detach(), rows)
        u, v = (
            normalize(randn(size, dtype=weight.dtype, device=weight.device), dim=0, eps=eps)
            for size in matrix.shape
        )
    module.register_parameter(f"{name}_orig", weight)
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)

    def get(module: Module) -> Tensor:
        whole: Tensor = getattr(module, f"{name}_orig")
        u, v = (getattr(module, f"{name}_{side}").detach().clone() for side in "uv")
        made: Tensor = whole / u.dot(as_matrix(whole, rows).mv(v))
        return made

    def improve(module: Module, args: Any) -> None:
        if module.training:
            held = getattr(module, f"{name}_u"), getattr(module, f"{name}_v")
            whole = getattr(module, f"{name}_orig")
            better = power_iteration(as_matrix(whole, rows), *held, n_power_iterations, eps, True)
            keep(held, better)

    inject(module, name, get, _read_only(name))
    _hooks_of(module)[name] = module.register_forward_pre_hook(improve)
    return module


def keep(held: tuple[Tensor, Tensor], better: tuple[Tensor, Tensor]) -> None:
    """Writes estimates of singular vectors into the buffers, to be computed with the step."""
    with no_grad():
        for buffer, value in zip(held, better, strict=True):
            buffer.copy_(value)
            engine.defer(buffer)


def _hooks_of(module: Module) -> dict[str, RemovableHandle]:
    found: dict[str, RemovableHandle] = module.__dict__.setdefault("_spectral_hooks", {})
    return found


def remove_spectral_norm(module: AnyModule, name: str = "weight") -> AnyModule:
    """Makes a weight of `spectral_norm` an ordinary parameter again; returns the module.

    Raises:
        ModuleError: if it has no spectral norm.
    """
    parts = (f"{name}_orig", f"{name}_u", f"{name}_v")
    _removed(module, name, parts, "remove_spectral_norm", "spectral norm")
    hook = _hooks_of(module).pop(name, None)
    if hook is not None:
        hook.remove()
    return module
