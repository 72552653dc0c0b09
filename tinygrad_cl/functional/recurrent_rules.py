"""Recurrences over equally many rows per step, with a backward pass of their own.

Step by step, the composed gradient (recurrent.py) would compute a product for the weight at every
step, and the factors of all gates four times. But everything that does not depend on the cotangent
of the next step can be computed for all steps at once, and the weight's gradient is one product
over the rows of all steps:

    dW = sum over t of dgates_t.T @ h_(t-1) = dgates.T @ h_before

What is left per step is one product and one elementwise kernel. Rules of a recurrence:

- `step`: from the input's part of the gates and the state to the new state, and what the backward
  pass reads;
- `gradients`: from the cotangents of all outputs and of the last state to those of the arguments.

Everything here works on nodes; a packed value has the rows of all steps, in the order of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tinygrad_cl.dtypes import int64
from tinygrad_cl.graph import Node, apply, scalar
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import reduce
from tinygrad_cl.primitives.elementwise import ge, le, relu, sigmoid, tanh, where
from tinygrad_cl.primitives.matmul import matmul

Nodes = tuple[Node, ...]
_ONES = (1, 1)


@dataclass(slots=True)
class Tape:
    """What the forward pass leaves to the backward pass.

    Attributes:
        order: the steps, in the order in which they were run.
        parts: (steps * rows, gates), the input's part of all gates.
        weight: (gates, features of h).
        first: the first state.
        states: per step of time, its new state.
        kept: per step of time, what else `step` kept.
    """

    order: Sequence[int]
    parts: Node
    weight: Node
    first: Nodes
    states: list[Nodes]
    kept: list[Node]

    @property
    def rows(self) -> int:
        """The rows of a step."""
        return self.first[0].shape[0]

    def all_states(self, number: int) -> tuple[Node, Node]:
        """Returns one tensor of the states before and after each step, packed."""
        first, made = self.first[number], [state[number] for state in self.states]
        backward = self.order[0] > self.order[-1]
        whole = m.cat(*made, first, dim=0) if backward else m.cat(first, *made, dim=0)
        at, count = self.rows, len(made) * self.rows
        before, after = (at, 0) if backward else (0, at)
        return rows(whole, before, count), rows(whole, after, count)


class Rule(Protocol):
    """The formulas of one kind of layer."""

    def step(
        self, part: Node, state: Nodes, weight: Node, bias: Node | None
    ) -> tuple[Nodes, Node | None]:
        """Returns the new state, and what else the backward pass reads.

        Args:
            part: the input's part of the gates.
            state: the state before.
            weight: (features of h, gates), turned already.
            bias: of the state's part.
        """

    def gradients(self, tape: Tape, g: Node, last: Nodes) -> tuple[Node, Node, Node | None, Nodes]:
        """Returns the cotangents of parts, weight, bias, and first state.

        Args:
            tape: of the forward pass.
            g: the cotangent of all outputs, packed.
            last: the cotangents of the last state.
        """


def rows(x: Node, start: int, count: int) -> Node:
    """Returns rows of a matrix."""
    return apply(m.slice, (x,), ((start, 0), _ONES, (count, x.shape[1])))


def columns(x: Node, start: int, count: int) -> Node:
    """Returns columns of a matrix."""
    return apply(m.slice, (x,), ((0, start), _ONES, (x.shape[0], count)))


def _turned(x: Node) -> Node:
    return apply(m.permute, (x,), ((1, 0),))


def _weight_gradient(tape: Tape, gates: Node, before: Node) -> Node:
    return apply(matmul, (_turned(gates), before))


def _spread(x: Node) -> Node:
    """A matrix as (rows, 1, columns), to meet all gates."""
    return apply(m.reshape, (x,), ((x.shape[0], 1, x.shape[1]),))


def _by_gate(x: Node, gates: int) -> Node:
    return apply(m.reshape, (x,), ((x.shape[0], gates, x.shape[1] // gates),))


class Elman:
    """`h = act(part + h @ W.T)`."""

    def __init__(self, activation: str) -> None:
        self.activation = activation

    def step(
        self, part: Node, state: Nodes, weight: Node, bias: Node | None
    ) -> tuple[Nodes, Node | None]:
        """See `Rule`."""
        total = part + apply(matmul, (state[0], weight))
        return (tanh(total) if self.activation == "tanh" else relu(total),), None

    def gradients(self, tape: Tape, g: Node, last: Nodes) -> tuple[Node, Node, Node | None, Nodes]:
        """See `Rule`."""
        before, h = tape.all_states(0)
        slope = 1 - h * h if self.activation == "tanh" else None
        zero = scalar(0.0, h.dtype)
        count, (carry,) = tape.rows, last
        made: list[Node] = [carry] * len(tape.order)
        for t in reversed(tape.order):
            dh = rows(g, t * count, count) + carry
            if slope is None:
                made[t] = where(le(rows(h, t * count, count), zero), zero, dh)
            else:
                made[t] = dh * rows(slope, t * count, count)
            carry = apply(matmul, (made[t], tape.weight))
        gates = m.cat(*made, dim=0)
        return gates, _weight_gradient(tape, gates, before), None, (carry,)


class LongShortTerm:
    """`c = f * c + i * g`, `h = o * tanh(c)`; gates in the order i, f, g, o."""

    def step(
        self, part: Node, state: Nodes, weight: Node, bias: Node | None
    ) -> tuple[Nodes, Node | None]:
        """See `Rule`."""
        h, c = state
        gates = part + apply(matmul, (h, weight))
        i, f, g, o = _gates(gates)
        c = f * c + i * g
        return (o * tanh(c), c), gates

    def gradients(self, tape: Tape, g: Node, last: Nodes) -> tuple[Node, Node, Node | None, Nodes]:
        """See `Rule`."""
        before, _ = tape.all_states(0)
        c_before, c = tape.all_states(1)
        i, f, new, o = _gates(m.cat(*tape.kept, dim=0))
        bent = tanh(c)
        factors = m.cat(
            new * i * (1 - i),
            c_before * f * (1 - f),
            i * (1 - new * new),
            bent * o * (1 - o),
            dim=1,
        )
        slope = o * (1 - bent * bent)
        count, (carry_h, carry_c) = tape.rows, last
        is_output = ge(m.iota(shape=(1, 4, 1)), scalar(3, int64))
        made: list[Node] = [carry_h] * len(tape.order)
        for t in reversed(tape.order):
            at = t * count
            dh = rows(g, at, count) + carry_h
            dc = dh * rows(slope, at, count) + carry_c
            both = where(is_output, _spread(dh), _spread(dc))
            gates = both * _by_gate(rows(factors, at, count), 4)
            made[t] = apply(m.reshape, (gates,), ((count, factors.shape[1]),))
            carry_h = apply(matmul, (made[t], tape.weight))
            carry_c = dc * rows(f, at, count)
        whole = m.cat(*made, dim=0)
        return whole, _weight_gradient(tape, whole, before), None, (carry_h, carry_c)


def _gates(x: Node) -> Nodes:
    size = x.shape[1] // 4
    i, f, g, o = (columns(x, k * size, size) for k in range(4))
    return sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)


class Gated:
    """`n = tanh(part_n + r * (h @ W_n.T + b_n))`, `h = n + z * (h - n)`; gates r, z, n."""

    def step(
        self, part: Node, state: Nodes, weight: Node, bias: Node | None
    ) -> tuple[Nodes, Node | None]:
        """See `Rule`."""
        (h,) = state
        own = apply(matmul, (h, weight))
        if bias is not None:
            own = own + bias
        _, z, n, _ = self._values(part, own)
        return (n + z * (h - n),), own

    def _values(self, part: Node, own: Node) -> tuple[Node, Node, Node, Node]:
        """Returns r, z, n, and the state's part of n."""
        size = part.shape[1] // 3
        r = sigmoid(columns(part, 0, size) + columns(own, 0, size))
        z = sigmoid(columns(part, size, size) + columns(own, size, size))
        own_new = columns(own, 2 * size, size)
        return r, z, tanh(columns(part, 2 * size, size) + r * own_new), own_new

    def gradients(self, tape: Tape, g: Node, last: Nodes) -> tuple[Node, Node, Node | None, Nodes]:
        """See `Rule`."""
        before, _ = tape.all_states(0)
        r, z, n, own_new = self._values(tape.parts, m.cat(*tape.kept, dim=0))
        slope = (1 - z) * (1 - n * n)
        factors = m.cat(slope * own_new * r * (1 - r), (before - n) * z * (1 - z), slope * r, dim=1)
        count, (carry,) = tape.rows, last
        made: list[Node] = [carry] * len(tape.order)
        met = list(made)
        for t in reversed(tape.order):
            at = t * count
            met[t] = dh = rows(g, at, count) + carry
            gates = _spread(dh) * _by_gate(rows(factors, at, count), 3)
            made[t] = apply(m.reshape, (gates,), ((count, factors.shape[1]),))
            carry = apply(matmul, (made[t], tape.weight)) + dh * rows(z, at, count)
        whole, size = m.cat(*made, dim=0), n.shape[1]
        parts = m.cat(columns(whole, 0, 2 * size), m.cat(*met, dim=0) * slope, dim=1)
        bias = apply(reduce.sum, (whole,), ((0,), False))
        return parts, _weight_gradient(tape, whole, before), bias, (carry,)
