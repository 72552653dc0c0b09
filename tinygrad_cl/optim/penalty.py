"""Penalties on the size of parameters: L1, L2, and both (elastic net).

A penalty is given to an optimizer, `optim.SGD(params, lr=0.1, penalty=L1(1e-4))`, or to one of its
groups. Its gradient is added to the parameters' in the kernel that updates them; it costs no pass
over them, and its strength is an argument of that kernel. The loss does not contain the penalty's
value; `optimizer.penalty_value()` gives it.

Biases and the scales of norms are penalized too unless they are left out: put them into a group
without penalty (`optim.param_groups` does), or give `min_dims=2`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional.creation import zeros
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives.elementwise import add, mul, sign
from tinygrad_cl.tensor import Tensor

__all__ = ["L1", "L2", "ElasticNet", "Penalty"]


class Penalty:
    """The base of penalties: `l1 * sum(|p|) + l2 / 2 * sum(p * p)`.

    Args:
        l1: strength of the sum of absolute values; 0 for none.
        l2: strength of half the sum of squares; 0 for none.
        min_dims: parameters of fewer dims are left out; 2 leaves out biases and norms' scales.

    Raises:
        ArgumentError: for strengths that are no numbers of at least 0.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, *, min_dims: int = 0) -> None:
        for name, value in (("l1", l1), ("l2", l2), ("min_dims", min_dims)):
            if not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise ArgumentError(f"penalty: {name} must be a number >= 0, got {value!r}")
        self.l1 = float(l1)
        self.l2 = float(l2)
        self.min_dims = int(min_dims)

    def value(self, params: Iterable[Tensor]) -> Tensor:
        """Returns the penalty of parameters, a number through which gradients flow.

        Example:
            >>> import tinygrad_cl as tg
            >>> w = tg.tensor([[1.0, -2.0]])
            >>> tg.optim.penalty.ElasticNet(0.5, 0.25).value([w]).item()
            2.125
        """
        total: Tensor | None = None
        for p in params:
            if p.ndim < self.min_dims:
                continue
            for strength, size in ((self.l1, p.abs), (self.l2 / 2, p.square)):
                if strength:
                    part = size().sum() * strength
                    total = part if total is None else total + part
        return zeros(()) if total is None else total

    def gradient(self, p: Tensor) -> Tensor:
        """Returns the gradient of the penalty of one parameter: `l1 * sign(p) + l2 * p`.

        At 0, where the absolute value has no derivative, the share of `l1` is 0.

        Example:
            >>> import tinygrad_cl as tg
            >>> w = tg.tensor([1.0, -2.0, 0.0])
            >>> tg.optim.penalty.L1(0.5).gradient(w).tolist()
            [0.5, -0.5, 0.0]
        """
        p = p.detach()
        return p * 0 if p.ndim < self.min_dims else p.sign() * self.l1 + p * self.l2

    # -------------------------------------------------------------------- for the optimizers

    @property
    def form(self) -> tuple[bool, bool, int]:
        """What the formula of an update depends on."""
        return bool(self.l1), bool(self.l2), self.min_dims

    def numbers(self) -> dict[str, float]:
        """Returns the numbers of the formula."""
        return {"penalty_l1": self.l1, "penalty_l2": self.l2}

    def added(self, g: Node, p: Node, numbers: Mapping[str, Node]) -> Node:
        """Returns the gradient `g` of a parameter with the penalty's gradient added."""
        if p.ndim < self.min_dims:
            return g
        if self.l1:
            g = add(g, mul(numbers["penalty_l1"], sign(p)))
        if self.l2:
            g = add(g, mul(numbers["penalty_l2"], p))
        return g

    def state_dict(self) -> dict[str, Any]:
        """Returns the settings as plain numbers, as the optimizer's state dict holds them."""
        return {"l1": self.l1, "l2": self.l2, "min_dims": self.min_dims}

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> Penalty:
        """Returns the penalty of which `state_dict` gave the settings.

        Raises:
            ArgumentError: for other entries or values.
        """
        if set(state) != {"l1", "l2", "min_dims"}:
            raise ArgumentError(
                f"penalty: needs l1, l2 and min_dims, got {sorted(map(str, state))}"
            )
        return Penalty(state["l1"], state["l2"], min_dims=state["min_dims"])

    def __repr__(self) -> str:
        return f"Penalty(l1={self.l1:g}, l2={self.l2:g}, min_dims={self.min_dims})"


class L1(Penalty):
    """`strength * sum(|p|)`: pulls all elements to zero with the same force (the lasso).

    Args:
        strength: factor of the sum.
        min_dims: parameters of fewer dims are left out; 2 leaves out biases and norms' scales.

    Example:
        >>> import tinygrad_cl as tg
        >>> w = tg.tensor([1.0, -1.0], requires_grad=True)
        >>> w.grad = tg.zeros(2)
        >>> tg.optim.SGD([w], lr=0.5, penalty=tg.optim.penalty.L1(0.5)).step()
        >>> w.tolist()
        [0.75, -0.75]
    """

    def __init__(self, strength: float, *, min_dims: int = 0) -> None:
        super().__init__(l1=strength, min_dims=min_dims)


class L2(Penalty):
    """`strength / 2 * sum(p * p)`: pulls each element to zero in proportion to its size (ridge).

    Its gradient is `strength * p`: what `weight_decay=strength` adds in optimizers whose decay is
    not decoupled.

    Args:
        strength: factor of half the sum of squares.
        min_dims: parameters of fewer dims are left out; 2 leaves out biases and norms' scales.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.optim.penalty.L2(0.5).value([tg.tensor([2.0])]).item()
        1.0
    """

    def __init__(self, strength: float, *, min_dims: int = 0) -> None:
        super().__init__(l2=strength, min_dims=min_dims)


class ElasticNet(Penalty):
    """`l1 * sum(|p|) + l2 / 2 * sum(p * p)`: both at once (Zou and Hastie 2005).

    Args:
        l1: strength of the absolute values.
        l2: strength of the squares.
        min_dims: parameters of fewer dims are left out; 2 leaves out biases and norms' scales.

    Example:
        >>> import tinygrad_cl as tg
        >>> bias = tg.ones(3)
        >>> tg.optim.penalty.ElasticNet(0.1, 0.1, min_dims=2).value([bias]).item()
        0.0
    """

    def __init__(self, l1: float, l2: float, *, min_dims: int = 0) -> None:
        super().__init__(l1, l2, min_dims=min_dims)
