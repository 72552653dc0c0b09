"""Gradient descent with and without momentum.

`weight_decay` adds `weight_decay * p` to the gradient of every parameter of the group, biases and
norm layers too; put those into a group with `weight_decay=0` if they are not to be pulled to zero.
"""

from __future__ import annotations

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.graph import Node
from tinygrad_cl.optim.optimizer import Group, Optimizer, Params, check_range
from tinygrad_cl.primitives.elementwise import add, mul, sub


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum, as PyTorch has it.

        v = momentum * v + (1 - dampening) * g        (v = g at the first step)
        p = p - lr * v                                (nesterov: p - lr * (g + momentum * v))

    Args:
        params: tensors or groups.
        lr: rate.
        momentum: share of the last direction that is kept.
        dampening: share of the gradient that is left out.
        weight_decay: factor of the L2 penalty's gradient; for every parameter of the group.
        nesterov: look ahead along the direction; needs momentum and no dampening.
        maximize: ascend instead.

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
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def _check(self, group: Group) -> None:
        name = type(self).__name__
        check_range(name, group, lr=0, momentum=0, weight_decay=0)
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ArgumentError(f"{name}: nesterov needs momentum > 0 and dampening 0")

    def _slots(self, group: Group) -> dict[str, float]:
        return {"momentum_buffer": 0.0} if group["momentum"] else {}

    def _numbers(self, group: Group, step: int) -> dict[str, float]:
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
    ) -> None:
        super().__init__(params, lr, momentum, 0.0, weight_decay, nesterov, maximize=maximize)
