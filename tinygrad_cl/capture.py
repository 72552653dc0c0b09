"""Capturing: the unrealized graph under some nodes, with the key of its structure.

This runs for every realization, so it visits each node once and looks each edge up once. Two steps
of a training loop capture different nodes with equal keys, and so find one plan.

A realized node of another signature than `data` stands in the structure as a `data` leaf of its
spec.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from operator import attrgetter
from sys import getrefcount

from tinygrad_cl import graph
from tinygrad_cl.compiler.structure import DONOR, FREE, KEEP, WANTED, Structure
from tinygrad_cl.dtypes import float32
from tinygrad_cl.expansion import Expansion
from tinygrad_cl.graph import Node, TensorSpec

_buffer = attrgetter("buffer")


class Capture:
    """A graph on its way to a plan.

    Args:
        roots: unrealized nodes that must get their values.
        donate: whether buffers that nobody can read afterwards may be overwritten.

    Attributes:
        nodes: the roots and all that they need, in the order in which they were found, roots first.
        edges: the positions of the inputs of all nodes, node by node.
        flags: per node, what must hold of it afterwards; see `compiler.structure`.
        roots: how many of the nodes are roots.
        key: equal for equal structures.
    """

    __slots__ = ("edges", "flags", "key", "nodes", "roots")
    edges: Sequence[int]
    flags: list[int]
    key: Hashable
    nodes: list[Node]
    roots: int

    def __init__(self, roots: list[Node], donate: bool) -> None:
        if len(roots) == 1 and self._collect_op(roots[0], donate):
            return
        ids = self._collect(roots)
        if donate:
            self._find_donors()
        # A signature has a fixed number of inputs, so that flat lists say it all.
        self.key = (len(ids), *ids, *self.edges, *self.flags)

    def _collect_op(self, root: Node, donate: bool) -> bool:
        """Fills all if the graph is one op over leaves, which needs no walk; tells whether it is.

        The specs of the leaves are part of the op's signature, so that the key is short.
        """
        inputs = root.inputs
        for child in inputs:
            if child.buffer is None and child.scalar is None:
                return False
        child = root  # references are counted
        if is_plain_op(inputs, donate):
            self.nodes, self.roots, self.key = [root, *inputs], 1, root.signature.id
            self.edges, self.flags = range(1, len(inputs) + 1), [WANTED, *[FREE] * len(inputs)]
        else:
            self._collect_special_op(root, donate)
        return True

    def _collect_special_op(self, root: Node, donate: bool) -> None:
        """The same where leaves are numbers, stand twice, or may be overwritten."""
        edges: list[int] = []
        nodes = [root]
        for child in root.inputs:
            if child in nodes:
                edges.append(nodes.index(child))
                continue
            edges.append(len(nodes))
            nodes.append(child)
        child = root  # references are counted
        flags = [FREE] * len(nodes)
        self.nodes, self.edges, self.flags, self.roots = nodes, edges, flags, 1
        if donate and not _keeps_inputs(root):
            for at, count in enumerate(map(getrefcount, nodes)):
                if count - _LISTED == edges.count(at) and _is_exclusive(nodes[at]):
                    flags[at] = DONOR
        flags[0] = WANTED
        numbers = [child.scalar is None for child in nodes]
        self.key = (0, root.signature.id, *edges, *flags, *numbers)

    def _collect(self, roots: list[Node]) -> list[int]:
        """Fills all but the key; returns what stands in it of the nodes."""
        index: dict[Node, int] = {root: at for at, root in enumerate(dict.fromkeys(roots))}
        nodes = list(index)
        edges: list[int] = []
        flags: list[int] = []
        place_of, count = index.setdefault, len(nodes)
        wanted = self.roots = count
        self.nodes, self.edges, self.flags = nodes, edges, flags
        ids: list[int] = []
        for node in nodes:  # which grows
            signature = node.signature
            if node.buffer is not None:
                ids.append(signature.leaf_id)
                flags.append(FREE)
                continue
            ids.append(signature.id)
            for child in node.inputs:
                place = place_of(child, count)
                if place == count:
                    nodes.append(child)
                    count += 1
                edges.append(place)
            if len(ids) <= wanted:
                flags.append(WANTED)
            elif node.owner is None and not node.needs_grad:
                flags.append(FREE)
            else:
                flags.append(_flag(node))
        return ids

    def _find_donors(self) -> None:
        """Flags the leaves whose buffers nobody can read once this plan has run."""
        nodes, flags = self.nodes, self.flags
        held = [count - _LISTED for count in map(getrefcount, nodes)]
        for place in self.edges:
            held[place] -= 1
        # Now it says how often a node is held besides by those captured.
        found = [at for at, others in enumerate(held) if not others and _is_exclusive(nodes[at])]
        if not found:
            return
        retained = self._retained(held)
        for at in found:
            if id(nodes[at]) not in retained:
                flags[at] = DONOR

    def _retained(self, held: list[int]) -> set[int]:
        """The ids of the nodes that one which lives on goes on holding."""
        stack: list[Node] = []
        for node, flag, others in zip(self.nodes, self.flags, held, strict=True):
            if node.buffer is None and (
                flag == KEEP or (others > 0 if flag == FREE else _keeps_inputs(node))
            ):
                stack += node.inputs
        retained: set[int] = set()
        while stack:
            node = stack.pop()
            if id(node) not in retained:
                retained.add(id(node))
                if node.buffer is None:
                    stack += node.inputs
        return retained

    def expanded(self) -> Expansion:
        """Returns the frozen form of the graph, with what its formulas stand for."""
        signatures, inputs, start = [], [], 0
        for node in self.nodes:
            is_there = node.buffer is not None
            end = start if is_there else start + len(node.inputs)
            signatures.append(node.signature.leaf if is_there else node.signature)
            inputs.append(self.edges[start:end])
            start = end
        return Expansion(signatures, inputs, self.flags, range(self.roots))

    def structure(self) -> Structure:
        """Returns what the compiler reads of the graph."""
        return self.expanded().structure


def is_plain_op(inputs: Sequence[Node], donate: bool) -> bool:
    """Whether the inputs of a node are leaves with buffers, each another one that others hold.

    Then the key of the graph that is this node is the number of the node's signature.
    """
    return (
        len(inputs) > 0
        and None not in map(_buffer, inputs)
        and (not donate or min(map(getrefcount, inputs)) > _LISTED)
        and len(set(inputs)) == len(inputs)
    )


def _flag(node: Node) -> int:
    """What must hold of a node that has no buffer yet, apart from roots."""
    if node.scalar is not None:
        return FREE
    owner = node.owner
    if (
        owner is not None
        and owner() is not None
        and not (node.signature.is_view and _shows_a_buffer(node))
    ):
        return WANTED
    return KEEP if _keeps_inputs(node) else FREE


def _is_exclusive(node: Node) -> bool:
    """Whether a node has a buffer that may be written to and that nothing else holds."""
    buffer = node.buffer
    return buffer is not None and getrefcount(buffer) == _HELD and not buffer.foreign


def _shows_a_buffer(node: Node) -> bool:
    """Whether a node is a view of a realized one: whoever reads it later reads that buffer."""
    while node.buffer is None:
        if not node.signature.is_view:
            return False
        node = node.inputs[0]
    return True


def _keeps_inputs(node: Node) -> bool:
    """Whether a node goes on holding its inputs once it has its value: a backward pass may come."""
    return node.needs_grad and not (node.released or node.leaf)


def _count_references() -> tuple[int, int]:
    """What `getrefcount` says of an object in a list, and of a local that an attribute holds.

    Only references that are there before the call are counted; interpreters differ in the rest.
    """
    listed = [Node(graph.data_signature(TensorSpec((), float32)), (), None, False)]
    listed[0].buffer = object()  # type: ignore[assignment]
    buffer = listed[0].buffer
    return next(map(getrefcount, listed)), getrefcount(buffer)


_LISTED, _HELD = _count_references()
