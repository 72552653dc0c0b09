"""Normalizing by statistics.   User side: functional/{norm,channel_norm,activation}.py.

    standardize   y = (x - mean) * rstd
    normalize     y = (x - mean) * rstd * weight + bias

`mean` and `rstd` are statistics of x itself, kept with size 1 over the dims that they were taken
over; so the gradient of x goes through them too, in one formula (Ioffe and Szegedy 2015), and they
get none of their own. With c = x - mean:

    dx = (g - mean(g) - c * mean(g * c) * rstd**2) * rstd * weight
    dweight = sum(g * c) * rstd    dbias = sum(g)

`weight` and `bias` have the shape of the statistics. The two sums are made once for all rules.

    share         y = e / total

is softmax: e = exp(x - max(x)) and its sums are statistics of x, too. dx = y * (g - sum(g * y)).
"""

from __future__ import annotations

from typing import Any

from tinygrad_cl.graph import Node
from tinygrad_cl.primitives.elementwise import row
from tinygrad_cl.primitives.joint import Joint
from tinygrad_cl.primitives.reduce import sum as total
from tinygrad_cl.shapes import numel

_joint = Joint()


def _sums(g: Node, y: Node, x: Node, mean: Node) -> tuple[Node, ...]:
    """Returns c, sum(g) and sum(g * c)."""

    def make() -> tuple[Node, ...]:
        centered = x - mean
        dims = tuple(d for d, size in enumerate(mean.shape) if size == 1)
        products = total(g * centered, dim=dims, keepdim=True)
        return centered, total(g, dim=dims, keepdim=True), products

    return _joint.get(y, g, make)


def _x_vjp(g: Node, y: Node, x: Node, mean: Node, rstd: Node, *weight_and_bias: Node) -> Node:
    centered, sums, products = _sums(g, y, x, mean)
    share = numel(mean.shape) / max(numel(x.shape), 1)
    scale = rstd * weight_and_bias[0] if weight_and_bias else rstd
    return (g - sums * share - centered * (products * share * rstd * rstd)) * scale


def _weight_vjp(g: Node, y: Node, x: Node, mean: Node, rstd: Node, *rest: Node) -> Node:
    return _sums(g, y, x, mean)[2] * rstd


def _bias_vjp(g: Node, y: Node, x: Node, mean: Node, rstd: Node, *rest: Node) -> Node:
    return _sums(g, y, x, mean)[1]


def _standardize(x: Any, mean: Any, rstd: Any) -> Any:
    return (x - mean) * rstd


def _normalize(x: Any, mean: Any, rstd: Any, weight: Any, bias: Any) -> Any:
    return (x - mean) * rstd * weight + bias


standardize = row("standardize", _standardize, "(({0} - {1}) * {2})", _x_vjp, None, None)
normalize = row(
    "normalize",
    _normalize,
    "(({0} - {1}) * {2} * {3} + {4})",
    *(_x_vjp, None, None, _weight_vjp, _bias_vjp),
)


def _share_vjp(g: Node, y: Node, x: Node, e: Node, sums: Node) -> Node:
    dims = tuple(d for d, size in enumerate(sums.shape) if size == 1)
    return (g - total(g * y, dim=dims, keepdim=True)) * y


share = row("share", lambda x, e, sums: e / sums, "({1} / {2})", _share_vjp, None, None)
