"""Capturing: the unrealized graph under some nodes, in order, with the key of its structure.

This runs for every realization, so it is one pass that visits each node once, and one more over
flat lists. Two steps of a training loop capture different nodes with equal keys, and so find one
plan.

A realized node of another signature than `data` stands in the structure as a `data` leaf of its
spec.
"""

from __future__ import annotations

import sys
from typing import Any

from tinygrad_cl import graph
from tinygrad_cl.compiler.structure import DONOR, FREE, KEEP, WANTED, Structure, Value
from tinygrad_cl.graph import Node, Signature
from tinygrad_cl.lowering import View


class Capture:
    """A graph on its way to a plan.

    Args:
        roots: unrealized nodes that must get their values.
        donate: whether buffers that nobody can read afterwards may be overwritten.

    Attributes:
        nodes: the roots and all that they need, inputs first.
        inputs: per node, the positions of its inputs.
        flags: per node, what must hold of it afterwards; see `compiler.structure`.
        key: equal for equal structures.
    """

    __slots__ = ("flags", "inputs", "key", "nodes")

    def __init__(self, roots: list[Node], donate: bool) -> None:
        self.nodes: list[Node] = []
        self.inputs: list[list[int]] = []
        index = self._collect(roots)
        self.flags = [_flag(node) for node in self.nodes]
        for root in roots:
            self.flags[index[id(root)]] = WANTED
        if donate:
            self._find_donors()
        self.key = self._key()

    def _collect(self, roots: list[Node]) -> dict[int, int]:
        """Fills `nodes` and `inputs`; returns the positions by identity."""
        nodes, inputs = self.nodes, self.inputs
        index: dict[int, int] = {}  # -1: entered, its inputs are on the stack above it
        stack = roots[::-1]
        while stack:
            node = stack.pop()
            name = id(node)
            place = index.get(name)
            if place is None:
                if node.buffer is None and node.inputs:
                    index[name] = -1
                    stack.append(node)
                    stack.extend(node.inputs)
                    continue
                inputs.append([])
            elif place < 0:
                inputs.append([index[id(child)] for child in node.inputs])
            else:
                continue
            index[name] = len(nodes)
            nodes.append(node)
        return index

    def _find_donors(self) -> None:
        """Flags the leaves whose buffers nobody can read once this plan has run."""
        nodes, flags, inputs = self.nodes, self.flags, self.inputs
        edges = [0] * len(nodes)
        retained = [False] * len(nodes)
        for at in range(len(nodes) - 1, -1, -1):
            if not inputs[at]:
                continue
            keeps = retained[at] or (
                flags[at] == KEEP
                or (flags[at] == WANTED and _keeps_inputs(nodes[at]))
                or (flags[at] == FREE and _unseen_references(nodes, at) > edges[at])
            )
            for place in inputs[at]:
                edges[place] += 1
                if keeps:
                    retained[place] = True
        for at, count in enumerate(edges):
            if inputs[at] or retained[at]:
                continue
            held = [nodes[at].buffer]
            if held[0] is None or held[0].foreign:
                continue
            if _unseen_references(nodes, at) == count and _unseen_references(held, 0) == 1:
                flags[at] = DONOR

    def _key(self) -> tuple[int, ...]:
        key: list[int] = []
        for node, inputs, flag in zip(self.nodes, self.inputs, self.flags, strict=True):
            if node.buffer is None:
                key.append(node.signature.id)
                key += inputs
            else:
                key.append(-_leaf_signature(node).id)
            key.append(-flag)
        return tuple(key)

    def structure(self) -> Structure:
        """Returns the frozen form of the graph."""
        return tuple(
            Value(
                node.signature if node.buffer is None else _leaf_signature(node),
                tuple(inputs),
                flag,
            )
            for node, inputs, flag in zip(self.nodes, self.inputs, self.flags, strict=True)
        )


def _flag(node: Node) -> int:
    if node.buffer is not None or node.scalar is not None:
        return FREE
    owner = node.owner
    if owner is not None and owner() is not None and not _shows_a_buffer(node):
        return WANTED
    return KEEP if _keeps_inputs(node) else FREE


def _shows_a_buffer(node: Node) -> bool:
    """Whether a node is a view of a realized one: whoever reads it later reads that buffer."""
    while node.buffer is None and isinstance(node.signature.primitive.lowering, View):
        node = node.inputs[0]
    return node.buffer is not None


def _keeps_inputs(node: Node) -> bool:
    """Whether a node goes on holding its inputs once it has its value: a backward pass may come."""
    return node.needs_grad and not (node.released or node.leaf)


def _leaf_signature(node: Node) -> Signature:
    if node.signature.primitive is graph.DATA:
        return node.signature
    return graph.data_signature(node.signature.spec)


def _unseen_references(objects: list[Any], at: int) -> int:
    """The references to `objects[at]` besides the list's own."""
    return sys.getrefcount(objects[at]) - _OWN_REFERENCES


# What `_unseen_references` counts of an object that only a list holds; interpreters differ.
_OWN_REFERENCES = 0
_OWN_REFERENCES = _unseen_references([object()], 0)
