"""Expansion: what formulas stand for, put in their place when a plan is made.

The structure that the compiler reads is the one that would have been captured if every op had been
built as a node of its own: equal values inside formulas are shared (a gradient reads what the
forward formula has computed), and so are their equal constants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from tinygrad_cl.compiler.structure import FREE, Structure, Value
from tinygrad_cl.formula import CALL, PART, Formula, formula_of
from tinygrad_cl.graph import PRIMITIVES, Node, Signature, signature

Pick = Callable[[Sequence[Any]], Sequence[Any]]


class Expansion:
    """A captured graph as the compiler sees it.

    Args:
        signatures: per captured node.
        inputs: per captured node, the positions of its inputs.
        flags: per captured node, what must hold of it afterwards.
        roots: the positions of the nodes that the plan is for.

    Attributes:
        structure: all values, those inside formulas among them.
        flags: per value.
        sources: per value, the captured node that it belongs to, or None: it is inside a formula.
        constants: the numbers inside formulas, by value.
    """

    def __init__(
        self,
        signatures: Sequence[Signature],
        inputs: Sequence[Sequence[int]],
        flags: Sequence[int],
        roots: Sequence[int],
    ) -> None:
        self._values: list[Value] = []
        self._sources: list[int] = []  # the captured node that a value belongs to, or -1
        self._inner: list[Node | None] = []  # the node of a formula that a value comes from
        self._known: dict[tuple[Any, ...], int] = {}
        places: dict[int, Any] = {}  # of each captured node; of a call, those of its outputs
        for at in _inputs_first(roots, inputs):
            given = [places[i] for i in inputs[at]]
            places[at] = self._expanded(at, signatures[at], given, flags[at])
        self._finish([places[root] for root in roots], len(signatures))

    def spread(self, nodes: Sequence[Any]) -> Sequence[Any]:
        """Returns a node per value: captured ones, and those of formulas between them."""
        return self._pick([*nodes, *self._within])

    # ---- building

    def _expanded(self, at: int, made: Signature, given: list[Any], flag: int) -> Any:
        if made.primitive is PART:
            return self._claimed(at, given[0][made.attrs[1]], flag)
        formula = formula_of(made)
        if formula is None:
            place = self._add(Value(made, tuple(given), flag), at, None)
            self._known.setdefault((made.id, *given), place) if given else None
            return place
        if made.primitive is CALL:
            read = dict(zip(formula.read, given, strict=True))
            given = [read.get(i, -1) for i in range(len(formula.inputs))]
        places = self._written(formula, given)
        return self._claimed(at, places[0], flag) if formula.is_single else places

    def _add(self, value: Value, source: int, node: Node | None) -> int:
        self._values.append(value)
        self._sources.append(source)
        self._inner.append(node)
        return len(self._values) - 1

    def _written(self, formula: Formula, given: Sequence[int]) -> list[int]:
        """Adds the values of a formula that are not there yet; returns its outputs."""
        places = {id(node): place for node, place in zip(formula.inputs, given, strict=True)}
        for node in formula.order:
            chosen = tuple([places[id(child)] for child in node.inputs])
            key: tuple[Any, ...] = (node.signature.id, *chosen)
            if node.scalar is not None:
                key = ("constant", node.signature.id, type(node.scalar), repr(node.scalar))
            place = self._known.get(key)
            if place is None:
                place = self._add(Value(node.signature, chosen, FREE), -1, node)
                self._known[key] = place
            places[id(node)] = place
        return [places[id(node)] for node in formula.outputs]

    def _claimed(self, at: int, place: int, flag: int) -> int:
        """Gives a captured node a value of its own: that of a formula, or else a view of it."""
        value = self._values[place]
        if self._sources[place] < 0 and not value.is_scalar:
            self._values[place] = value._replace(flag=flag)
            self._sources[place] = at
            return place
        shown = signature(PRIMITIVES["alias"], (), (value.signature.spec,))
        return self._add(Value(shown, (place,), flag), at, None)

    def _finish(self, roots: list[int], captured: int) -> None:
        """Brings the values into the order of a walk from the roots."""
        order = _postorder(roots, self._values)
        place = {old: new for new, old in enumerate(order)}
        values = [self._values[old] for old in order]
        self.structure: Structure = tuple(
            [v._replace(inputs=tuple([place[i] for i in v.inputs])) for v in values]
        )
        self.flags = [value.flag for value in values]
        within = [old for old in order if self._sources[old] < 0]
        self._within = [self._inner[old] for old in within]
        number = {old: captured + k for k, old in enumerate(within)}
        self.sources = [None if old in number else self._sources[old] for old in order]
        self.constants = {
            at: node.scalar
            for at, old in enumerate(order)
            if (node := self._inner[old]) is not None and node.scalar is not None
        }
        chosen = [number.get(old, self._sources[old]) for old in order]
        pick: Any = itemgetter(*chosen)
        self._pick: Pick = pick if len(chosen) > 1 else lambda nodes: (pick(nodes),)
        del self._values, self._sources, self._inner, self._known


def _inputs_first(roots: Sequence[int], inputs: Sequence[Sequence[int]]) -> list[int]:
    """The captured nodes, inputs before their users; leaves as early as they are read."""
    order: list[int] = []
    entered: set[int] = set()
    done: set[int] = set()
    stack = list(reversed(roots))
    while stack:
        at = stack.pop()
        if at in done:
            continue
        if at in entered:
            done.add(at)
            order.append(at)
            continue
        entered.add(at)
        stack.append(at)
        for child in inputs[at]:
            if not inputs[child]:
                if child not in done:
                    done.add(child)
                    order.append(child)
            elif child not in entered:
                stack.append(child)
    return order


def _postorder(roots: list[int], values: Sequence[Value]) -> list[int]:
    """The values that the roots need, inputs first."""
    order: list[int] = []
    entered: set[int] = set()
    done: set[int] = set()
    stack = roots[::-1]
    while stack:
        at = stack.pop()
        if at in done:
            continue
        if at not in entered and values[at].inputs:
            entered.add(at)
            stack.append(at)
            stack.extend(values[at].inputs)
            continue
        done.add(at)
        order.append(at)
    return order


__all__ = ["Expansion"]
