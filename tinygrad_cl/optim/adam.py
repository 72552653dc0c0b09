"""Adam and its nearest kin: AdamW, Adamax. NAdam and RAdam stand in adam_more.py.

`weight_decay` holds for every parameter of the group, biases and norm layers too; put those into a
group with `weight_decay=0` (`optim.param_groups` does) if they are not to be pulled to zero.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl.graph import Node
from tinygrad_cl.optim.adaptive import towards
from tinygrad_cl.optim.optimizer import Optimizer
from tinygrad_cl.optim.options import Group, Params, Unused, check_betas, check_range, common
from tinygrad_cl.optim.penalty import Penalty
from tinygrad_cl.primitives.elementwise import abs as abs_node
from tinygrad_cl.primitives.elementwise import add, div, maximum, mul, sqrt, sub

if TYPE_CHECKING:
    from typing_extensions import Unpack


class AdamKin(Optimizer):
    """What Adam, NAdam and RAdam share: checks, both running means, and both kinds of decay."""

    entries: tuple[str, ...] = ("exp_avg", "exp_avg_sq")

    def _check(self, group: Group) -> None:
        name = type(self).__name__
        check_range(name, group, lr=0, eps=0, weight_decay=0)
        check_betas(name, group["betas"])

    def _slots(self, group: Group) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def _shares(self, group: Group) -> dict[str, float]:
        """The numbers of the running means and of the decay."""
        beta1, beta2 = group["betas"]
        return {
            "rest1": 1 - beta1,
            "beta2": beta2,
            "rest2": 1 - beta2,
            "decay": group["weight_decay"],
            "shrink": 1 - group["lr"] * group["weight_decay"],
        }

    def _means(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> tuple[Node, Node]:
        """Applies the decay and renews the running means; returns `p` and `g`."""
        if group["weight_decay"]:
            if group["decoupled_weight_decay"]:
                p = mul(n["shrink"], p)
            else:
                g = add(g, mul(n["decay"], p))
        s["exp_avg"] = towards(s["exp_avg"], g, n["rest1"])
        s["exp_avg_sq"] = add(mul(n["beta2"], s["exp_avg_sq"]), mul(n["rest2"], mul(g, g)))
        return p, g


class Adam(AdamKin):
    """Running means of the gradient and of its square, both corrected for their start at zero.

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        p = p - lr * (m / (1 - beta1**step)) / (sqrt(v / (1 - beta2**step)) + eps)

    (Kingma and Ba 2015; `amsgrad` after Reddi et al. 2018.)

    Args:
        params: tensors, pairs of name and tensor, or groups.
        lr: rate.
        betas: shares of the running means that are kept.
        eps: added to the root.
        weight_decay: factor of the L2 penalty's gradient; for every parameter of the group.
        amsgrad: use the largest `v` so far.
        maximize: ascend instead.
        decoupled_weight_decay: let the decay act on the parameter, as `AdamW` does.
        penalty: one of `optim.penalty`, whose gradient is added.
        unused: PyTorch's `foreach`, `fused`, `capturable`: without effect.

    Raises:
        ArgumentError: for negative settings, or betas outside [0, 1).

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> (4 * x).sum().backward()
        >>> tg.optim.Adam([x], lr=0.25).step()
        >>> round(x.item(), 4)
        0.75
    """

    entries = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        penalty: Penalty | None = None,
        **unused: Unpack[Unused],
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(
            params, settings | common(type(self).__name__, maximize, penalty, **unused)
        )

    def _slots(self, group: Group) -> dict[str, float]:
        slots = super()._slots(group)
        return slots | {"max_exp_avg_sq": 0.0} if group["amsgrad"] else slots

    def _numbers(self, group: Group, step: int, memory: dict[str, float]) -> dict[str, float]:
        # With r = sqrt(1 - beta2**step) and c = 1 - beta1**step:
        # lr * (m / c) / (sqrt(v) / r + eps) = (lr * r / c) * m / (sqrt(v) + r * eps).
        beta1, beta2 = group["betas"]
        root = math.sqrt(1 - beta2**step)
        rate = group["lr"] * root / (1 - beta1**step)
        return self._shares(group) | {"rate": rate, "eps": group["eps"] * root}

    def _formula(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> Node:
        p, g = self._means(group, p, g, s, n)
        v = s["exp_avg_sq"]
        if group["amsgrad"]:
            v = s["max_exp_avg_sq"] = maximum(s["max_exp_avg_sq"], v)
        return sub(p, mul(n["rate"], div(s["exp_avg"], add(sqrt(v), n["eps"]))))


class AdamW(Adam):
    """`Adam` whose weight decay acts on the parameter: first `p = p - lr * weight_decay * p`.

    (Loshchilov and Hutter 2019.) The decay is 0.01 by default, for every parameter of the group.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> (0 * x).sum().backward()
        >>> tg.optim.AdamW([x], lr=0.5, weight_decay=0.5).step()
        >>> x.item()
        0.75
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        penalty: Penalty | None = None,
        **unused: Unpack[Unused],
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
            penalty=penalty,
            **unused,
        )


class Adamax(Optimizer):
    """`Adam` with the largest recent gradient in place of the root mean square.

        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, |g| + eps)
        p = p - lr / (1 - beta1**step) * m / u

    (Kingma and Ba 2015, section 7.)

    Args:
        params: tensors, pairs of name and tensor, or groups.
        lr: rate.
        betas: shares of the running mean and of the running maximum that are kept.
        eps: added to the gradient's size.
        weight_decay: factor of the L2 penalty's gradient; for every parameter of the group.
        maximize: ascend instead.
        penalty: one of `optim.penalty`, whose gradient is added.
        unused: PyTorch's `foreach`, `fused`, `capturable`: without effect.

    Raises:
        ArgumentError: for negative settings, or betas outside [0, 1).

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> (4 * x).sum().backward()
        >>> tg.optim.Adamax([x], lr=0.25).step()
        >>> round(x.item(), 4)
        0.75
    """

    entries = ("exp_avg", "exp_inf")

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        penalty: Penalty | None = None,
        **unused: Unpack[Unused],
    ) -> None:
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(
            params, settings | common(type(self).__name__, maximize, penalty, **unused)
        )

    def _check(self, group: Group) -> None:
        name = type(self).__name__
        check_range(name, group, lr=0, eps=0, weight_decay=0)
        check_betas(name, group["betas"])

    def _slots(self, group: Group) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_inf": 0.0}

    def _numbers(self, group: Group, step: int, memory: dict[str, float]) -> dict[str, float]:
        beta1, beta2 = group["betas"]
        return {
            "rate": group["lr"] / (1 - beta1**step),
            "rest1": 1 - beta1,
            "beta2": beta2,
            "eps": group["eps"],
            "decay": group["weight_decay"],
        }

    def _formula(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> Node:
        if group["weight_decay"]:
            g = add(g, mul(n["decay"], p))
        m = s["exp_avg"] = towards(s["exp_avg"], g, n["rest1"])
        u = maximum(mul(n["beta2"], s["exp_inf"]), add(abs_node(g), n["eps"]))
        s["exp_inf"] = u
        return sub(p, mul(n["rate"], div(m, u)))
