"""Optimizers that scale every element's step by what its gradients have been.

Formulas and settings are PyTorch's. `weight_decay` holds for every parameter of the group, biases
and norm layers too; put those into a group with `weight_decay=0` (`optim.param_groups` does) if
they are not to be pulled to zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.graph import Node
from tinygrad_cl.optim.optimizer import Optimizer
from tinygrad_cl.optim.options import Group, Params, Unused, check_range, common
from tinygrad_cl.optim.penalty import Penalty
from tinygrad_cl.primitives.elementwise import add, div, mul, sqrt, sub

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Adagrad(Optimizer):
    """Divides by the root of the sum of all squared gradients (Duchi et al. 2011).

        s = s + g * g
        p = p - lr / (1 + (step - 1) * lr_decay) * g / (sqrt(s) + eps)

    Args:
        params: tensors, pairs of name and tensor, or groups.
        lr: rate.
        lr_decay: how fast the rate falls with the steps.
        weight_decay: factor of the L2 penalty's gradient; for every parameter of the group.
        initial_accumulator_value: what the sum starts with.
        eps: added to the root.
        maximize: ascend instead.
        penalty: one of `optim.penalty`, whose gradient is added.
        unused: PyTorch's `foreach`, `fused`, `capturable`: without effect.

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

    entries = ("sum",)

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
        penalty: Penalty | None = None,
        **unused: Unpack[Unused],
    ) -> None:
        settings = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
        }
        super().__init__(
            params, settings | common(type(self).__name__, maximize, penalty, **unused)
        )

    def _check(self, group: Group) -> None:
        least = dict.fromkeys(
            ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"), 0.0
        )
        check_range(type(self).__name__, group, **least)

    def _slots(self, group: Group) -> dict[str, float]:
        return {"sum": group["initial_accumulator_value"]}

    def _numbers(self, group: Group, step: int, memory: dict[str, float]) -> dict[str, float]:
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

        v = alpha * v + (1 - alpha) * g * g       (centered: minus the square of g's running mean)
        p = p - lr * g / (sqrt(v) + eps)

    With momentum, `u = momentum * u + g / (sqrt(v) + eps)` and `p = p - lr * u`.

    Args:
        params: tensors, pairs of name and tensor, or groups.
        lr: rate.
        alpha: share of the running mean that is kept.
        eps: added to the root.
        weight_decay: factor of the L2 penalty's gradient; for every parameter of the group.
        momentum: share of the last direction that is kept.
        centered: divide by an estimate of the variance, not of the square.
        maximize: ascend instead.
        penalty: one of `optim.penalty`, whose gradient is added.
        unused: PyTorch's `foreach`, `fused`, `capturable`: without effect.

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

    entries = ("square_avg", "momentum_buffer", "grad_avg")

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
        penalty: Penalty | None = None,
        **unused: Unpack[Unused],
    ) -> None:
        settings = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
        }
        super().__init__(
            params, settings | common(type(self).__name__, maximize, penalty, **unused)
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

    def _numbers(self, group: Group, step: int, memory: dict[str, float]) -> dict[str, float]:
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
            mean = s["grad_avg"] = towards(s["grad_avg"], g, n["rest"])
            v = sub(v, mul(mean, mean))
        direction = div(g, add(sqrt(v), n["eps"]))
        if group["momentum"]:
            direction = add(mul(n["momentum"], s["momentum_buffer"]), direction)
            s["momentum_buffer"] = direction
        return sub(p, mul(n["lr"], direction))


class Adadelta(Optimizer):
    """Steps as large as the running mean of the last ones, without units to tune (Zeiler 2012).

        v = rho * v + (1 - rho) * g * g
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d * d
        p = p - lr * d

    Args:
        params: tensors, pairs of name and tensor, or groups.
        lr: factor of the steps.
        rho: share of the running means that is kept, in [0, 1].
        eps: added under the roots.
        weight_decay: factor of the L2 penalty's gradient; for every parameter of the group.
        maximize: ascend instead.
        penalty: one of `optim.penalty`, whose gradient is added.
        unused: PyTorch's `foreach`, `fused`, `capturable`: without effect.

    Raises:
        ArgumentError: for negative settings, or rho above 1.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> (4 * x).sum().backward()
        >>> tg.optim.Adadelta([x], rho=0.0, eps=9.0).step()
        >>> round(x.item(), 4)
        -1.4
    """

    entries = ("square_avg", "acc_delta")

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        penalty: Penalty | None = None,
        **unused: Unpack[Unused],
    ) -> None:
        settings = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}
        super().__init__(
            params, settings | common(type(self).__name__, maximize, penalty, **unused)
        )

    def _check(self, group: Group) -> None:
        name = type(self).__name__
        check_range(name, group, lr=0, rho=0, eps=0, weight_decay=0)
        if group["rho"] > 1:
            raise ArgumentError(f"{name}: rho must be in [0, 1], got {group['rho']}")

    def _slots(self, group: Group) -> dict[str, float]:
        return {"square_avg": 0.0, "acc_delta": 0.0}

    def _numbers(self, group: Group, step: int, memory: dict[str, float]) -> dict[str, float]:
        return {
            "lr": group["lr"],
            "rho": group["rho"],
            "rest": 1 - group["rho"],
            "eps": group["eps"],
            "decay": group["weight_decay"],
        }

    def _formula(
        self, group: Group, p: Node, g: Node, s: dict[str, Node], n: dict[str, Node]
    ) -> Node:
        if group["weight_decay"]:
            g = add(g, mul(n["decay"], p))
        v = s["square_avg"] = add(mul(n["rho"], s["square_avg"]), mul(n["rest"], mul(g, g)))
        past = s["acc_delta"]
        delta = mul(div(sqrt(add(past, n["eps"])), sqrt(add(v, n["eps"]))), g)
        s["acc_delta"] = add(mul(n["rho"], past), mul(n["rest"], mul(delta, delta)))
        return sub(p, mul(n["lr"], delta))


def towards(mean: Node, value: Node, share: Node) -> Node:
    """Returns the running mean `mean`, moved by `share` of the way to `value`."""
    return add(mean, mul(share, sub(value, mean)))
