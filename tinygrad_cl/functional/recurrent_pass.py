"""A pass of a recurrent layer over all steps, with the gradient rules of recurrent_rules.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_cl.autograd import Function, enable_grad, grad
from tinygrad_cl.autograd.handle import wrap
from tinygrad_cl.functional.recurrent import scan, scan_backward
from tinygrad_cl.functional.recurrent_rules import Rule, Tape, rows
from tinygrad_cl.graph import Node, apply, grad_mode
from tinygrad_cl.primitives import movement as m

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygrad_cl.functional.recurrent import State, Step
    from tinygrad_cl.tensor import Tensor

    MakeStep = Callable[[Tensor, Tensor | None], Step]


def run_steps(
    rule: Rule | None,
    make: MakeStep,
    tensors: tuple[Tensor, Tensor, Tensor | None],
    sizes: Sequence[int],
    state: State,
    backward: bool,
) -> tuple[Tensor, State]:
    """Returns the packed outputs of all steps, and the last state of every sequence.

    With gradients, equally many rows per step and a rule, the backward pass is the rule's; it
    is composed of those of the steps otherwise, and for second derivatives.

    Args:
        rule: the formulas, or None.
        make: from the weight and bias of the state's part to a step for `scan`.
        tensors: parts (sum of sizes, gates), weight (gates, features of h) and bias or None.
        sizes: rows of each step, never growing.
        state: the first state of every sequence.
        backward: whether to go from the last step to the first.
    """
    parts, weight, bias = tensors
    given = [t for t in (parts, weight, bias, *state) if t is not None]
    differentiable = grad_mode.enabled and any(t.requires_grad for t in given)
    equal = len(sizes) > 1 and sizes[0] == sizes[-1] and len({t.dtype for t in given}) == 1
    if rule is None or not (differentiable and equal):
        return (scan_backward if backward else scan)(make(weight, bias), parts, sizes, state)
    order = range(len(sizes))[:: -1 if backward else 1]
    out, *last = _Pass.apply(rule, make, order, parts, weight, bias, *state)
    return out, tuple(last)


class _Pass(Function):
    """All steps of a layer; the results are the packed outputs and the last state."""

    @staticmethod
    def forward(
        ctx: Any,
        rule: Rule,
        make: MakeStep,
        order: range,
        parts: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        *first: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.rule, ctx.make, ctx.order = rule, make, order
        ctx.save_for_backward(parts, weight, bias, *first)
        state = tuple(s.node for s in first)
        tape = Tape(order, parts.node, weight.node, state, [state] * len(order), [])
        turned = apply(m.permute, (weight.node,), ((1, 0),))
        count = tape.rows
        kept: list[Node | None] = [None] * len(order)
        for t in order:
            part = rows(parts.node, t * count, count)
            state, kept[t] = rule.step(part, state, turned, None if bias is None else bias.node)
            tape.states[t] = state
        tape.kept = [node for node in kept if node is not None]
        ctx.keep([*(node for made in tape.states for node in made), *tape.kept])
        return (wrap(tape.all_states(0)[1]), *(wrap(node) for node in state))

    @staticmethod
    def backward(ctx: Any, g: Tensor, *last: Tensor) -> tuple[Any, ...]:
        if grad_mode.enabled:
            return _composed(ctx, (g, *last))
        found = ctx.rule.gradients(_tape(ctx), g.node, tuple(t.node for t in last))
        parts, weight, bias, first = found
        own = None if bias is None or ctx.saved_tensors[2] is None else wrap(bias)
        return (None, None, None, wrap(parts), wrap(weight), own, *(wrap(f) for f in first))


def _tape(ctx: Any) -> Tape:
    parts, weight, _, *first = ctx.saved_tensors
    count, each = len(ctx.order), len(first)
    states = [tuple(ctx.kept[t * each : (t + 1) * each]) for t in range(count)]
    nodes = tuple(s.node for s in first)
    return Tape(ctx.order, parts.node, weight.node, nodes, states, ctx.kept[count * each :])


def _composed(ctx: Any, cotangents: tuple[Tensor, ...]) -> tuple[Any, ...]:
    """The gradients of the composed steps, themselves with gradients."""
    parts, weight, bias, *first = ctx.saved_tensors
    sizes = [first[0].shape[0]] * len(ctx.order)
    with enable_grad():
        way = scan if ctx.order[0] < ctx.order[-1] else scan_backward
        out, last = way(ctx.make(weight, bias), parts, sizes, tuple(first))
    given = (parts, weight, bias, *first)
    wanted = [t for t in given if t is not None and t.requires_grad]
    found = iter(grad([out, *last], wanted, cotangents, create_graph=True, allow_unused=True))
    answers = [next(found) if t is not None and t.requires_grad else None for t in given]
    return (None, None, None, *answers)
