"""NAdam and RAdam: Adam with a look ahead, and Adam that trusts its variance only when it can.

`weight_decay` holds for every parameter of the group, biases and norm layers too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl.graph import Node
from tinygrad_cl.optim.adam import AdamKin
from tinygrad_cl.optim.options import Group, Params, Unused, check_range, common
from tinygrad_cl.optim.penalty import Penalty
from tinygrad_cl.primitives.elementwise import add, div, mul, sqrt, sub

if TYPE_CHECKING:
    from typing_extensions import Unpack


class NAdam(AdamKin):
    """`Adam` with Nesterov's momentum (Dozat 2016).

        mu_t = beta1 * (1 - 0.96**(t * momentum_decay) / 2)          M_t = mu_1 * ... * mu_t
        m, v = running means of g and g * g, as in Adam
        d = sqrt(v / (1 - beta2**t)) + eps
        p = p - lr * (1 - mu_t) / (1 - M_t) * g / d - lr * mu_{t+1} / (1 - M_{t+1}) * m / d

    Args:
        params: tensors, pairs of name and tensor, or groups.
        lr: rate.
        betas: shares of the running means that are kept.
        eps: added to the root.
        weight_decay: factor of the L2 penalty's gradient; for every parameter of the group.
        momentum_decay: how fast mu comes near beta1.
        decoupled_weight_decay: let the decay act on the parameter, as `AdamW` does.
        maximize: ascend instead.
        penalty: one of `optim.penalty`, whose gradient is added.
        unused: PyTorch's `foreach`, `fused`, `capturable`: without effect.

    Raises:
        ArgumentError: for negative settings, or betas outside [0, 1).

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> (4 * x).sum().backward()
        >>> tg.optim.NAdam([x], lr=0.25).step()
        >>> x.item() < 0.75
        True
    """

    entries = ("mu_product", "exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        penalty: Penalty | None = None,
        **unused: Unpack[Unused],
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(
            params, settings | common(type(self).__name__, maximize, penalty, **unused)
        )

    def _check(self, group: Group) -> None:
        super()._check(group)
        check_range(type(self).__name__, group, momentum_decay=0)

    def _memory(self, group: Group) -> dict[str, float]:
        return {"mu_product": 1.0}

    def _numbers(self, group: Group, step: int, memory: dict[str, float]) -> dict[str, float]:
        (beta1, beta2), lr = group["betas"], group["lr"]
        mu, after = [
            beta1 * (1 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (step, step + 1)
        ]
        product = memory["mu_product"] = memory["mu_product"] * mu
        # As in Adam, the correction of v goes into the rates and eps.
        root = math.sqrt(1 - beta2**step)
        return self._shares(group) | {
            "now": lr * root * (1 - mu) / (1 - product),
            "ahead": lr * root * after / (1 - product * after),
            "eps": group["eps"] * root,
        }

    def _formula(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> Node:
        p, g = self._means(group, p, g, s, n)
        direction = add(mul(n["now"], g), mul(n["ahead"], s["exp_avg"]))
        return sub(p, div(direction, add(sqrt(s["exp_avg_sq"]), n["eps"])))


class RAdam(AdamKin):
    """`Adam` that divides by the root mean square only once its variance is known well enough.

        rho_inf = 2 / (1 - beta2) - 1         rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        m, v = running means of g and g * g, as in Adam;     m' = m / (1 - beta1**t)
        r = sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
        p = p - lr * m' * r * sqrt(1 - beta2**t) / (sqrt(v) + eps)   if rho > 5, else p - lr * m'

    (Liu et al. 2020.)

    Args:
        params: tensors, pairs of name and tensor, or groups.
        lr: rate.
        betas: shares of the running means that are kept.
        eps: added to the root.
        weight_decay: factor of the L2 penalty's gradient; for every parameter of the group.
        decoupled_weight_decay: let the decay act on the parameter, as `AdamW` does.
        maximize: ascend instead.
        penalty: one of `optim.penalty`, whose gradient is added.
        unused: PyTorch's `foreach`, `fused`, `capturable`: without effect.

    Raises:
        ArgumentError: for negative settings, or betas outside [0, 1).

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> (4 * x).sum().backward()
        >>> tg.optim.RAdam([x], lr=0.25).step()  # the first steps are plain momentum
        >>> round(x.item(), 4)
        0.0
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        penalty: Penalty | None = None,
        **unused: Unpack[Unused],
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(
            params, settings | common(type(self).__name__, maximize, penalty, **unused)
        )

    def _numbers(self, group: Group, step: int, memory: dict[str, float]) -> dict[str, float]:
        # One formula for both kinds of step, so that the kernel stays the same when the kind
        # changes: the numbers of the other kind are zero (with eps 1, lest 0 / 0 be computed).
        beta1, beta2 = group["betas"]
        rate = group["lr"] / (1 - beta1**step)
        correction = 1 - beta2**step
        most = 2 / (1 - beta2) - 1
        rho = most - 2 * step * beta2**step / correction
        numbers = self._shares(group)
        if rho <= 5:
            return numbers | {"plain": rate, "scaled": 0.0, "eps": 1.0}
        root = math.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
        scaled = rate * root * math.sqrt(correction)
        return numbers | {"plain": 0.0, "scaled": scaled, "eps": group["eps"]}

    def _formula(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> Node:
        p, g = self._means(group, p, g, s, n)
        scaled = div(n["scaled"], add(sqrt(s["exp_avg_sq"]), n["eps"]))
        return sub(p, mul(s["exp_avg"], add(n["plain"], scaled)))
