"""Gradient descent: plain, with momentum, and averaged.

`weight_decay` adds `weight_decay * p` to the gradient of every parameter of the group, biases and
norm layers too; put those into a group with `weight_decay=0` (`optim.param_groups` does) if they
are not to be pulled to zero.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.graph import Node
from tinygrad_cl.optim.optimizer import Optimizer
from tinygrad_cl.optim.options import Group, Params, Unused, check_range, common
from tinygrad_cl.optim.penalty import Penalty
from tinygrad_cl.primitives.elementwise import add, mul, sub

if TYPE_CHECKING:
    from typing_extensions import Unpack


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum, as PyTorch has it.

        v = momentum * v + (1 - dampening) * g        (v = g at the first step)
        p = p - lr * v                                (nesterov: p - lr * (g + momentum * v))

    Args:
        params: tensors, pairs of name and tensor, or groups.
        lr: rate.
        momentum: share of the last direction that is kept.
        dampening: share of the gradient that is left out.
        weight_decay: factor of the L2 penalty's gradient; for every parameter of the group.
        nesterov: look ahead along the direction; needs momentum and no dampening.
        maximize: ascend instead.
        penalty: one of `optim.penalty`, whose gradient is added.
        unused: PyTorch's `foreach`, `fused`, `capturable`: without effect.

    Raises:
        ArgumentError: for negative settings, or nesterov without momentum or with dampening.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> optimizer = tg.optim.SGD([x], lr=0.5, momentum=0.5)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     (2 * x).sum().backward()
        ...     optimizer.step()
        >>> x.tolist()
        [-1.5]
    """

    entries = ("momentum_buffer",)
    optional = ("step", "momentum_buffer")  # PyTorch's does not count, and begins without a buffer

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        penalty: Penalty | None = None,
        **unused: Unpack[Unused],
    ) -> None:
        settings = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        super().__init__(
            params, settings | common(type(self).__name__, maximize, penalty, **unused)
        )

    def _check(self, group: Group) -> None:
        name = type(self).__name__
        check_range(name, group, lr=0, momentum=0, dampening=-math.inf, weight_decay=0)
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ArgumentError(f"{name}: nesterov needs momentum > 0 and dampening 0")

    def _slots(self, group: Group) -> dict[str, float]:
        return {"momentum_buffer": 0.0} if group["momentum"] else {}

    def _numbers(self, group: Group, step: int, memory: dict[str, float]) -> dict[str, float]:
        gain = 1.0 if step == 1 else 1.0 - group["dampening"]
        return {
            "lr": group["lr"],
            "momentum": group["momentum"],
            "gain": gain,
            "decay": group["weight_decay"],
        }

    def _formula(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> Node:
        if group["weight_decay"]:
            g = add(g, mul(n["decay"], p))
        if group["momentum"]:
            gained = mul(n["gain"], g) if group["dampening"] else g
            v = s["momentum_buffer"] = add(mul(n["momentum"], s["momentum_buffer"]), gained)
            g = add(g, mul(n["momentum"], v)) if group["nesterov"] else v
        return sub(p, mul(n["lr"], g))


class Momentum(SGD):
    """`SGD` with classic momentum, 0.9 by default.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.optim.Momentum([tg.zeros(1, requires_grad=True)], lr=0.1).defaults["momentum"]
        0.9
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        penalty: Penalty | None = None,
        **unused: Unpack[Unused],
    ) -> None:
        super().__init__(
            params,
            lr,
            momentum,
            0.0,
            weight_decay,
            nesterov,
            maximize=maximize,
            penalty=penalty,
            **unused,
        )


class ASGD(Optimizer):
    """Averaged stochastic gradient descent (Polyak and Juditsky 1992), as PyTorch has it.

        p = (1 - lambd * eta) * p - eta * g       eta = lr / (1 + lambd * lr * step)**alpha
        ax = ax + mu * (p - ax)                   mu = 1 / max(1, step - t0)

    with the eta and mu of the step before (at first `lr` and 1). The average is the state "ax" of
    each parameter: `optimizer.state[p]["ax"]`.

    Args:
        params: tensors, pairs of name and tensor, or groups.
        lr: rate.
        lambd: how fast the rate falls, and how fast parameters shrink.
        alpha: power of the fall.
        t0: step after which values are averaged.
        weight_decay: factor of the L2 penalty's gradient; for every parameter of the group.
        maximize: ascend instead.
        penalty: one of `optim.penalty`, whose gradient is added.
        unused: PyTorch's `foreach`, `fused`, `capturable`: without effect.

    Raises:
        ArgumentError: for a negative rate or decay.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> (4 * x).sum().backward()
        >>> optimizer = tg.optim.ASGD([x], lr=0.125, lambd=0.0)
        >>> optimizer.step()
        >>> x.tolist(), optimizer.state[x]["ax"].tolist()
        ([0.5], [0.5])
    """

    entries = ("eta", "mu", "ax")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        penalty: Penalty | None = None,
        **unused: Unpack[Unused],
    ) -> None:
        settings = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
        }
        super().__init__(
            params, settings | common(type(self).__name__, maximize, penalty, **unused)
        )

    def _check(self, group: Group) -> None:
        name, low = type(self).__name__, -math.inf
        check_range(name, group, lr=0, weight_decay=0, lambd=low, alpha=low, t0=low)

    def _slots(self, group: Group) -> dict[str, float]:
        return {"ax": 0.0}

    def _memory(self, group: Group) -> dict[str, float]:
        return {"eta": float(group["lr"]), "mu": 1.0}

    def _numbers(self, group: Group, step: int, memory: dict[str, float]) -> dict[str, float]:
        eta, mu, lr = memory["eta"], memory["mu"], group["lr"]
        memory["eta"] = lr / (1 + group["lambd"] * lr * step) ** group["alpha"]
        memory["mu"] = 1 / max(1, step - group["t0"])
        return {
            "eta": eta,
            "shrink": 1 - group["lambd"] * eta,
            "share": mu,
            "rest": 1 - mu,
            "decay": group["weight_decay"],
        }

    def _formula(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> Node:
        if group["weight_decay"]:
            g = add(g, mul(n["decay"], p))
        new = sub(mul(n["shrink"], p), mul(n["eta"], g))
        s["ax"] = add(mul(n["rest"], s["ax"]), mul(n["share"], new))
        return new
