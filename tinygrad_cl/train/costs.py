"""Multiply-adds of a graph: those of its matrix products, convolutions and attention."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_cl.formula import formula_of
from tinygrad_cl.graph import Node


def _of_matmul(node: Node) -> int:
    return math.prod(node.shape) * node.inputs[0].shape[-1]


def _of_kernel(elements: tuple[int, ...], weight: tuple[int, ...]) -> int:
    """Every element meets one kernel (C / groups, KH, KW)."""
    return math.prod(elements) * math.prod(weight[1:])


def _of_weight_grad(node: Node) -> int:
    return _of_kernel(node.inputs[1].shape, node.shape)


def _of_attention(node: Node) -> int:
    query, key, value = (x.shape for x in node.inputs[:3])
    return math.prod(query[:3]) * key[2] * (query[3] + value[3])


_RULES: dict[str, Callable[[Node], int]] = {
    "matmul": _of_matmul,
    "conv2d": lambda node: _of_kernel(node.shape, node.inputs[1].shape),
    "conv2d_input_grad": lambda node: _of_kernel(node.inputs[0].shape, node.inputs[1].shape),
    "conv2d_weight_grad": _of_weight_grad,
    "attention": _of_attention,
}


class Counter:
    """Counts the multiply-adds of nodes that it has not seen before.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.zeros(2, 3)
        >>> counter = Counter()
        >>> counter.count([(x @ tg.zeros(3, 4)).node])
        24
    """

    def __init__(self) -> None:
        self._seen: dict[int, Node] = {}  # held, so that no other node gets the same id

    def count(self, nodes: Iterable[Node]) -> int:
        """Returns the multiply-adds of nodes and of all that they are computed from."""
        total, waiting = 0, list(nodes)
        while waiting:
            node = waiting.pop()
            if id(node) in self._seen:
                continue
            self._seen[id(node)] = node
            waiting += node.inputs
            formula = formula_of(node.signature)
            if formula is not None:
                total += Counter().count(formula.outputs)
            elif node.inputs and node.primitive.name in _RULES:
                total += _RULES[node.primitive.name](node)
        return total


def nodes_of(value: Any) -> list[Node]:
    """Returns the nodes of the tensors in a value of tuples, lists and dicts."""
    if isinstance(value, tuple | list):
        return [node for member in value for node in nodes_of(member)]
    if isinstance(value, dict):
        return nodes_of(list(value.values()))
    node = getattr(value, "node", None)
    return [node] if isinstance(node, Node) else []
