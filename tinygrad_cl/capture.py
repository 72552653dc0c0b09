"""Capturing: the unrealized graph under some nodes, in order, with the key of its structure.

This runs for every realization, so it is one pass that visits each node once, and one more over
flat lists. Two steps of a training loop capture different nodes with equal keys, and so find one
plan.

A realized node of another signature than `data` stands in the structure as a `data` leaf of its
spec.
"""

from __future__ import annotations

from sys import getrefcount

from tinygrad_cl import graph
from tinygrad_cl.compiler.structure import DONOR, FREE, KEEP, WANTED, Structure
from tinygrad_cl.dtypes import float32
from tinygrad_cl.expansion import Expansion
from tinygrad_cl.graph import Node, TensorSpec
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
        roots: the positions of the roots.
        key: equal for equal structures.
    """

    __slots__ = ("flags", "inputs", "key", "nodes", "roots")

    def __init__(self, roots: list[Node], donate: bool) -> None:
        self.nodes: list[Node] = []
        self.inputs: list[list[int]] = []
        self.flags: list[int] = []
        ids, edges = self._collect(roots)
        for place in self.roots:
            self.flags[place] = WANTED
        if donate:
            self._find_donors()
        # A signature has a fixed number of inputs, so that flat lists say it all.
        self.key = (tuple(ids), tuple(edges), tuple(self.flags))

    def _collect(self, roots: list[Node]) -> tuple[list[int], list[int]]:
        """Fills `nodes`, `inputs`, `flags` and `roots`; returns what stands in the key of them."""
        nodes, inputs, flags = self.nodes, self.inputs, self.flags
        ids: list[int] = []
        edges: list[int] = []
        index: dict[Node, int] = {}  # -1: entered, its inputs are on the stack above it
        stack = roots[::-1]
        while stack:
            node = stack.pop()
            place = index.get(node)
            if place is None:
                index[node] = -1
                height = len(stack)
                for child in node.inputs:
                    if child in index:
                        continue
                    if child.buffer is None and child.inputs:
                        stack.append(child)
                        continue
                    index[child] = len(nodes)
                    nodes.append(child)
                    inputs.append(_NO_INPUTS)
                    is_there = child.buffer is not None
                    ids.append(-child.signature.leaf.id if is_there else child.signature.id)
                    flags.append(FREE if is_there else _flag(child))
                if len(stack) > height:
                    stack.insert(height, node)
                    continue
            elif place >= 0:
                continue
            given = [index[child] for child in node.inputs]
            index[node] = len(nodes)
            nodes.append(node)
            inputs.append(given)
            edges += given
            ids.append(node.signature.id)
            flags.append(FREE if node.owner is None and not node.needs_grad else _flag(node))
        self.roots = [index[root] for root in roots]
        return ids, edges

    def _find_donors(self) -> None:
        """Flags the leaves whose buffers nobody can read once this plan has run."""
        nodes, flags = self.nodes, self.flags
        edges = [0] * len(nodes)  # references by nodes that are captured
        retained = [False] * len(nodes)  # by one that goes on holding it
        for at in range(len(nodes) - 1, -1, -1):
            given = self.inputs[at]
            if not given:
                continue
            flag = flags[at]
            keeps = retained[at] or flag == KEEP
            if not keeps:
                if flag == FREE:
                    keeps = getrefcount(nodes[at]) - _LISTED > edges[at]
                else:
                    keeps = _keeps_inputs(nodes[at])
            for place in given:
                edges[place] += 1
                if keeps:
                    retained[place] = True
        for at, given in enumerate(self.inputs):
            if given or retained[at] or nodes[at].buffer is None:
                continue
            # The node is held by those captured alone, and the buffer by the node alone.
            if getrefcount(nodes[at]) - _LISTED == edges[at]:
                buffer = nodes[at].buffer
                if getrefcount(buffer) == _HELD and not buffer.foreign:  # type: ignore[union-attr]
                    flags[at] = DONOR

    def expanded(self) -> Expansion:
        """Returns the frozen form of the graph, with what its formulas stand for."""
        signatures = [
            node.signature if node.buffer is None else node.signature.leaf for node in self.nodes
        ]
        return Expansion(signatures, self.inputs, self.flags, self.roots)

    def structure(self) -> Structure:
        """Returns what the compiler reads of the graph."""
        return self.expanded().structure


def _flag(node: Node) -> int:
    """What must hold of a node that has no buffer yet, apart from roots."""
    if node.scalar is not None:
        return FREE
    owner = node.owner
    if owner is not None and owner() is not None and not _shows_a_buffer(node):
        return WANTED
    return KEEP if _keeps_inputs(node) else FREE


def _shows_a_buffer(node: Node) -> bool:
    """Whether a node is a view of a realized one: whoever reads it later reads that buffer."""
    while node.buffer is None:
        if type(node.signature.primitive.lowering) is not View:
            return False
        node = node.inputs[0]
    return True


def _keeps_inputs(node: Node) -> bool:
    """Whether a node goes on holding its inputs once it has its value: a backward pass may come."""
    return node.needs_grad and not (node.released or node.leaf)


_NO_INPUTS: list[int] = []


def _count_references() -> tuple[int, int]:
    """What `getrefcount` says of an object in a list, and of a local that an attribute holds.

    Only references that are there before the call are counted; interpreters differ in the rest.
    """
    listed = [Node(graph.data_signature(TensorSpec((), float32)), (), None, False)]
    listed[0].buffer = object()  # type: ignore[assignment]
    buffer = listed[0].buffer
    return getrefcount(listed[0]), getrefcount(buffer)


_LISTED, _HELD = _count_references()
