"""Recurrent layers: one step, and a whole pass over packed rows.

Rows are packed: those of the first step, then those of the second, ... A batch of one length is the
case of equally many rows per step. The input's part of all gates is one product for all steps; each
step adds the state's part. Steps and gates are cut by ops of their own, so that their gradients are
joined by one `cat` instead of a sum of mostly empty arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional.activation import relu, sigmoid, tanh
from tinygrad_cl.functional.cutting import cut
from tinygrad_cl.functional.matmul import linear
from tinygrad_cl.functional.movement import cat, narrow

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

    State = tuple[Tensor, ...]
    Step = Callable[[Tensor, State], State]


# --- one step, given the input's part of the gates


def rnn_step(activation: str, weight: Tensor, part: Tensor, state: State) -> State:
    """Returns `act(part + h @ weight.T)` as the new state.

    Raises:
        ArgumentError: if the activation is neither "tanh" nor "relu".
    """
    functions = {"tanh": tanh, "relu": relu}
    if activation not in functions:
        raise ArgumentError(f'RNN: nonlinearity must be "tanh" or "relu", got {activation!r}')
    return (functions[activation](part + linear(state[0], weight)),)


def lstm_step(weight: Tensor, projection: Tensor | None, part: Tensor, state: State) -> State:
    """Returns new `(h, c)`; gates stand in the order input, forget, cell, output."""
    h, c = state
    gates = part + linear(h, weight)
    i, f, g, o = cut(gates, (c.shape[-1],) * 4, 1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)
    return (h if projection is None else linear(h, projection)), c


def gru_step(weight: Tensor, bias: Tensor | None, part: Tensor, state: State) -> State:
    """Returns new `(h,)`; gates stand in the order reset, update, new.

    `n = tanh(part_n + r * (h @ W_n.T + b_n))`, so the state's bias cannot join the input's.
    """
    (h,) = state
    size = h.shape[-1]
    own = linear(h, weight, bias)
    both, new = cut(part, (2 * size, size), 1)
    own_both, own_new = cut(own, (2 * size, size), 1)
    r, z = cut(sigmoid(both + own_both), (size, size), 1)
    n = tanh(new + r * own_new)
    return (n + z * (h - n),)


# --- a pass over all steps


def scan(step: Step, parts: Tensor, sizes: Sequence[int], state: State) -> tuple[Tensor, State]:
    """Returns the packed outputs of all steps, and the last state of every sequence.

    Args:
        step: from the gates' part of a step and the state to the new state.
        parts: (sum of sizes, gates), the input's part of all gates.
        sizes: rows of each step, never growing.
        state: the first state of every sequence.
    """
    outputs: list[Tensor] = []
    ended: list[State] = []
    for part, size in zip(cut(parts, sizes), sizes, strict=True):
        active = state[0].shape[0]
        if size < active:
            ended.append(tuple(narrow(s, 0, size, active - size) for s in state))
            state = tuple(narrow(s, 0, 0, size) for s in state)
        state = step(part, state)
        outputs.append(state[0])
    if ended:
        last = [state, *reversed(ended)]
        state = tuple(cat([s[i] for s in last]) for i in range(len(state)))
    return _joined(outputs), state


def scan_backward(
    step: Step, parts: Tensor, sizes: Sequence[int], state: State
) -> tuple[Tensor, State]:
    """As `scan`, from the last step to the first: each sequence joins in at its own end."""
    outputs: list[Tensor] = []
    current = tuple(narrow(s, 0, 0, sizes[-1]) for s in state)
    steps = list(zip(cut(parts, sizes), sizes, strict=True))
    for part, size in reversed(steps):
        active = current[0].shape[0]
        if size > active:
            current = tuple(
                cat([now, narrow(first, 0, active, size - active)])
                for now, first in zip(current, state, strict=True)
            )
        current = step(part, current)
        outputs.append(current[0])
    return _joined(outputs[::-1]), current


def _joined(outputs: list[Tensor]) -> Tensor:
    return outputs[0] if len(outputs) == 1 else cat(outputs)
