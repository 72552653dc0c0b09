"""Optimizers that scale every element's step by what its gradients have been.

Formulas and settings are PyTorch's. `weight_decay` holds for every parameter of the group, biases
and norm layers too; put those into a group with `weight_decay=0` if they are not to be pulled to
zero.
"""

from __future__ import annotations

import math

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.graph import Node
from tinygrad_cl.optim.optimizer import Group, Optimizer, Params, check_range
from tinygrad_cl.primitives.elementwise import add, div, maximum, mul, sqrt, sub


class Adagrad(Optimizer):
    """Divides by the root of the sum of all squared gradients (Duchi et al. 2011).

        s = s + g * g
        p = p - lr / (1 + (step - 1) * lr_decay) * g / (sqrt(s) + eps)

    Args:
        params: tensors or groups.
        lr: rate.
        lr_decay: how fast the rate falls with the steps.
        weight_decay: factor of the L2 penalty's gradient; for every parameter of the group.
        initial_accumulator_value: what the sum starts with.
        eps: added to the root.
        maximize: ascend instead.

    Raises:
        ArgumentError: for negative settings.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> (4 * x).sum().backward()
        >>> tg.optim.Adagrad([x], lr=0.5).step()
        >>> x.tolist()
        [0.5]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "maximize": maximize,
            },
        )

    def _check(self, group: Group) -> None:
        check_range(
            type(self).__name__,
            group,
            lr=0,
            lr_decay=0,
            weight_decay=0,
            initial_accumulator_value=0,
            eps=0,
        )

    def _slots(self, group: Group) -> dict[str, float]:
        return {"sum": group["initial_accumulator_value"]}

    def _numbers(self, group: Group, step: int) -> dict[str, float]:
        rate = group["lr"] / (1 + (step - 1) * group["lr_decay"])
        return {"rate": rate, "eps": group["eps"], "decay": group["weight_decay"]}

    def _formula(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> Node:
        if group["weight_decay"]:
            g = add(g, mul(n["decay"], p))
        total = s["sum"] = add(s["sum"], mul(g, g))
        return sub(p, mul(n["rate"], div(g, add(sqrt(total), n["eps"]))))


AdaGrad = Adagrad


class RMSprop(Optimizer):
    """Divides by the root of a running mean of squared gradients (Hinton, lecture 6).

        v = alpha * v + (1 - alpha) * g * g           (centered: minus the square of the running
        mean of g) p = p - lr * g / (sqrt(v) + eps)              (momentum: u = momentum * u + g /
        ..., p = p - lr * u)

    Args:
        params: tensors or groups.
        lr: rate.
        alpha: share of the running mean that is kept.
        eps: added to the root.
        weight_decay: factor of the L2 penalty's gradient; for every parameter of the group.
        momentum: share of the last direction that is kept.
        centered: divide by an estimate of the variance, not of the square.
        maximize: ascend instead.

    Raises:
        ArgumentError: for negative settings.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> (4 * x).sum().backward()
        >>> tg.optim.RMSprop([x], lr=0.5, alpha=0.75).step()
        >>> round(x.item(), 4)
        0.0
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "maximize": maximize,
            },
        )

    def _check(self, group: Group) -> None:
        name = type(self).__name__
        check_range(name, group, lr=0, alpha=0, eps=0, weight_decay=0, momentum=0)

    def _slots(self, group: Group) -> dict[str, float]:
        slots = {"square_avg": 0.0}
        if group["momentum"]:
            slots["momentum_buffer"] = 0.0
        if group["centered"]:
            slots["grad_avg"] = 0.0
        return slots

    def _numbers(self, group: Group, step: int) -> dict[str, float]:
        return {
            "lr": group["lr"],
            "momentum": group["momentum"],
            "alpha": group["alpha"],
            "rest": 1 - group["alpha"],
            "eps": group["eps"],
            "decay": group["weight_decay"],
        }

    def _formula(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> Node:
        if group["weight_decay"]:
            g = add(g, mul(n["decay"], p))
        v = s["square_avg"] = add(mul(n["alpha"], s["square_avg"]), mul(n["rest"], mul(g, g)))
        if group["centered"]:
            mean = s["grad_avg"] = _towards(s["grad_avg"], g, n["rest"])
            v = sub(v, mul(mean, mean))
        direction = div(g, add(sqrt(v), n["eps"]))
        if group["momentum"]:
            direction = add(mul(n["momentum"], s["momentum_buffer"]), direction)
            s["momentum_buffer"] = direction
        return sub(p, mul(n["lr"], direction))


class Adam(Optimizer):
    """Running means of the gradient and of its square, both corrected for their start at zero.

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        p = p - lr * (m / (1 - beta1**step)) / (sqrt(v / (1 - beta2**step)) + eps)

    (Kingma and Ba 2015; `amsgrad` after Reddi et al. 2018.)

    Args:
        params: tensors or groups.
        lr: rate.
        betas: shares of the running means that are kept.
        eps: added to the root.
        weight_decay: factor of the L2 penalty's gradient; for every parameter of the group.
        amsgrad: use the largest `v` so far.
        maximize: ascend instead.

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

    decoupled = False

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
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
            },
        )

    def _check(self, group: Group) -> None:
        name = type(self).__name__
        check_range(name, group, lr=0, eps=0, weight_decay=0)
        betas = group["betas"]
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ArgumentError(f"{name}: betas must be two numbers in [0, 1), got {betas}")

    def _slots(self, group: Group) -> dict[str, float]:
        slots = {"exp_avg": 0.0, "exp_avg_sq": 0.0}
        if group["amsgrad"]:
            slots["max_exp_avg_sq"] = 0.0
        return slots

    def _numbers(self, group: Group, step: int) -> dict[str, float]:
        # With r = sqrt(1 - beta2**step) and c = 1 - beta1**step:
        # lr * (m / c) / (sqrt(v) / r + eps) = (lr * r / c) * m / (sqrt(v) + r * eps).
        beta1, beta2 = group["betas"]
        lr, root = group["lr"], math.sqrt(1 - beta2**step)
        return {
            "rate": lr * root / (1 - beta1**step),
            "rest1": 1 - beta1,
            "beta2": beta2,
            "rest2": 1 - beta2,
            "eps": group["eps"] * root,
            "decay": group["weight_decay"],
            "shrink": 1 - lr * group["weight_decay"],
        }

    def _formula(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> Node:
        if group["weight_decay"]:
            if self.decoupled:
                p = mul(n["shrink"], p)
            else:
                g = add(g, mul(n["decay"], p))
        m = s["exp_avg"] = _towards(s["exp_avg"], g, n["rest1"])
        v = add(mul(n["beta2"], s["exp_avg_sq"]), mul(n["rest2"], mul(g, g)))
        s["exp_avg_sq"] = v
        if group["amsgrad"]:
            v = s["max_exp_avg_sq"] = maximum(s["max_exp_avg_sq"], v)
        return sub(p, mul(n["rate"], div(m, add(sqrt(v), n["eps"]))))


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

    decoupled = True

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
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


def _towards(mean: Node, value: Node, share: Node) -> Node:
    """The running mean `mean`, moved by `share` of the way to `value`."""
    return add(mean, mul(share, sub(value, mean)))
