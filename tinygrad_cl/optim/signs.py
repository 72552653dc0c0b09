"""Optimizers that look at the sign of gradients, not at their size: Lion and Rprop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.graph import Node
from tinygrad_cl.optim.adaptive import towards
from tinygrad_cl.optim.optimizer import Optimizer
from tinygrad_cl.optim.options import Group, Params, Unused, check_betas, check_range, common
from tinygrad_cl.optim.penalty import Penalty
from tinygrad_cl.primitives.elementwise import clamp, gt, lt, mul, sign, sub, where

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Lion(Optimizer):
    """Steps of one size along the sign of a mix of momentum and gradient (Chen et al. 2023).

        p = p - lr * weight_decay * p - lr * sign(beta1 * m + (1 - beta1) * g)
        m = beta2 * m + (1 - beta2) * g

    Rates are three to ten times smaller than Adam's, and decays as much larger.

    Args:
        params: tensors, pairs of name and tensor, or groups.
        lr: size of the steps.
        betas: shares of the momentum in the mix, and in its own renewal.
        weight_decay: decoupled decay; for every parameter of the group.
        maximize: ascend instead.
        penalty: one of `optim.penalty`, whose gradient is added.
        unused: PyTorch's `foreach`, `fused`, `capturable`: without effect.

    Raises:
        ArgumentError: for negative settings, or betas outside [0, 1).

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, 1.0, 1.0], requires_grad=True)
        >>> (x * tg.tensor([3.0, -0.1, 0.0])).sum().backward()
        >>> tg.optim.Lion([x], lr=0.25).step()
        >>> x.tolist()
        [0.75, 1.25, 1.0]
    """

    entries = ("exp_avg",)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        penalty: Penalty | None = None,
        **unused: Unpack[Unused],
    ) -> None:
        settings = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
        super().__init__(
            params, settings | common(type(self).__name__, maximize, penalty, **unused)
        )

    def _check(self, group: Group) -> None:
        name = type(self).__name__
        check_range(name, group, lr=0, weight_decay=0)
        check_betas(name, group["betas"])

    def _slots(self, group: Group) -> dict[str, float]:
        return {"exp_avg": 0.0}

    def _numbers(self, group: Group, step: int, memory: dict[str, float]) -> dict[str, float]:
        return {
            "lr": group["lr"],
            "rest1": 1 - group["betas"][0],
            "rest2": 1 - group["betas"][1],
            "shrink": 1 - group["lr"] * group["weight_decay"],
        }

    def _formula(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> Node:
        if group["weight_decay"]:
            p = mul(n["shrink"], p)
        m = s["exp_avg"]
        s["exp_avg"] = towards(m, g, n["rest2"])
        return sub(p, mul(n["lr"], sign(towards(m, g, n["rest1"]))))


class Rprop(Optimizer):
    """A step size per element, which grows while the gradient keeps its sign (Riedmiller 1993).

    Where the sign changed, the step size shrinks and the element rests for a step. It is meant for
    gradients of the whole data set; those of batches change their signs too often.

    Args:
        params: tensors, pairs of name and tensor, or groups.
        lr: the step sizes to start with.
        etas: factors of a step size when the sign changed, in (0, 1), and when it stayed, above 1.
        step_sizes: the smallest and the largest step size.
        maximize: ascend instead.
        penalty: one of `optim.penalty`, whose gradient is added.
        unused: PyTorch's `foreach`, `fused`, `capturable`: without effect.

    Raises:
        ArgumentError: for settings out of range.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> optimizer = tg.optim.Rprop([x], lr=0.5, etas=(0.5, 2.0))
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     (9 * x).sum().backward()
        ...     optimizer.step()
        >>> x.tolist()
        [-0.5]
    """

    entries = ("prev", "step_size")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        maximize: bool = False,
        penalty: Penalty | None = None,
        **unused: Unpack[Unused],
    ) -> None:
        settings = {"lr": lr, "etas": etas, "step_sizes": step_sizes}
        super().__init__(
            params, settings | common(type(self).__name__, maximize, penalty, **unused)
        )

    def _check(self, group: Group) -> None:
        name = type(self).__name__
        check_range(name, group, lr=0)
        etas, sizes = _pair(name, group, "etas"), _pair(name, group, "step_sizes")
        if not 0 < etas[0] < 1 < etas[1]:
            raise ArgumentError(f"{name}: etas must be in (0, 1) and above 1, got {etas}")
        if not 0 <= sizes[0] <= sizes[1]:
            raise ArgumentError(f"{name}: step_sizes must be 0 <= smallest <= largest, got {sizes}")

    def _slots(self, group: Group) -> dict[str, float]:
        return {"prev": 0.0, "step_size": float(group["lr"])}

    def _numbers(self, group: Group, step: int, memory: dict[str, float]) -> dict[str, float]:
        (minus, plus), (low, high) = group["etas"], group["step_sizes"]
        return {"minus": minus, "plus": plus, "low": low, "high": high, "one": 1.0, "zero": 0.0}

    def _formula(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> Node:
        product, zero = mul(g, s["prev"]), n["zero"]
        turned = lt(product, zero)
        factor = where(turned, n["minus"], where(gt(product, zero), n["plus"], n["one"]))
        size = s["step_size"] = clamp(mul(s["step_size"], factor), n["low"], n["high"])
        g = s["prev"] = where(turned, zero, g)
        return sub(p, mul(size, sign(g)))


def _pair(name: str, group: Group, key: str) -> tuple[float, float]:
    value = group[key]
    if not isinstance(value, tuple) or len(value) != 2:
        raise ArgumentError(f"{name}: {key} must be two numbers, got {value!r}")
    if not all(isinstance(number, int | float) for number in value):
        raise ArgumentError(f"{name}: {key} must be two numbers, got {value!r}")
    return value
