"""Programs: what they consist of, how they are drawn, and how they are written in Python."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import assume
from hypothesis import strategies as st

import tinygrad_cl as tg
from programs.ops import OPS, WRITES, Op, Shape

SHAPES: list[Shape] = [
    *((), (1,), (3,), (4,), (3, 4), (4, 4), (4, 1), (1, 4), (4, 3), (2, 3, 4), (2, 1, 4)),
    *((0, 4), (2, 4, 4), (2, 3, 4, 4), (2, 3, 3, 3), (8, 16), (16, 8), (16,)),
]
LARGE: list[Shape] = [
    *((64,), (32, 64), (64, 48), (64, 64), (48,), (32, 1), (4, 32, 64), (3000,), (7, 3000)),
    *((8, 3, 12, 12), (16, 3, 3, 3), (8, 16, 10, 10), (16, 16, 3, 3), (130, 70), (70, 130)),
]


class Step(NamedTuple):
    """One line.

    Kinds: "make" (a new value), "write" (in place), and those of `EVENTS`. `values`: numbers of the
    values that it reads. `grad`: whether gradients are recorded.
    """

    kind: str
    values: tuple[int, ...] = ()
    op: Op | None = None
    options: dict[str, Any] = {}  # noqa: RUF012
    grad: bool = True


class Program(NamedTuple):
    """A function of tensors.

    `parameters` and `inputs` are the shapes of its first values; the former live on from run to run
    and require gradients. `steps` follow. `outputs` are the values that it returns.
    """

    parameters: list[Shape]
    inputs: list[Shape]
    steps: list[Step]
    outputs: list[int]

    def __repr__(self) -> str:
        shapes = f"# parameters {self.parameters}, inputs {self.inputs}\n"
        return shapes + source(self, looks=True)


# ---- drawing


class _Drawing:
    """A program in the making: the shapes of its values, and which of them need gradients."""

    def __init__(self, draw: Any, pool: list[Shape], largest: int, ops: list[Op]) -> None:
        self.draw = draw
        self.ops = ops
        self.largest = largest
        shapes = st.lists(st.sampled_from(pool), min_size=1, max_size=3)
        self.parameters, self.inputs = draw(shapes), draw(shapes)
        self.shapes: list[Shape] = [*self.parameters, *self.inputs]
        self.needs = [True] * len(self.parameters) + [False] * len(self.inputs)
        self.alive = list(range(len(self.shapes)))
        self.fixed: set[int] = set()  # values that are not written to any more
        self.steps: list[Step] = []

    def is_leaf(self, value: int) -> bool:
        return value < len(self.parameters)

    def operands(self, op: Op, among: list[int]) -> list[tuple[int, ...]]:
        rest = self.alive if op.arity == 2 else [-1]
        pairs = [(a, b)[: op.arity] for a in among for b in rest]
        return [p for p in pairs if op.fits(*(self.shapes[v] for v in p))]

    def make(self) -> None:
        op = self.draw(st.sampled_from(self.ops))
        found = self.operands(op, self.alive)
        if not found:
            return
        # The latest values first: long chains are more telling than many short ones.
        values = self.draw(st.sampled_from(found[::-1]))
        options = self.draw(op.options(*(self.shapes[v] for v in values)))
        grad = self.draw(st.integers(0, 9)) < 9
        step = Step("make", values, op, options, grad)
        shape, needs = self.made_by(step)
        if math.prod(shape) > self.largest or len(shape) > 5:
            return
        self.steps.append(step)
        self.alive.append(len(self.shapes))
        self.shapes.append(shape)
        self.needs.append(needs)

    def write(self) -> None:
        op = self.draw(st.sampled_from(WRITES))
        found = self.operands(op, [v for v in self.alive if v not in self.fixed])
        if not found:
            return
        values = self.draw(st.sampled_from(found[::-1]))
        options = self.draw(op.options(*(self.shapes[v] for v in values)))
        # Gradients do not flow into leaves, and through what they do not flow they do not begin.
        target = values[0]
        grad = not self.is_leaf(target) and target >= len(self.shapes_given)
        step = Step("write", values, op, options, grad)
        self.steps.append(step)
        if grad:
            self.needs[target] = self.made_by(step)[1]

    def made_by(self, step: Step) -> tuple[Shape, bool]:
        """The shape of a line's value, and whether it needs gradients; nothing is computed."""
        names: dict[str, Any] = {"m": tg, "F": tg.nn.functional, "c": 0.5}
        for v in step.values:
            x = tg.zeros(self.shapes[v], device="numpy", requires_grad=self.needs[v])
            names[f"v{v}"] = x.clone() if step.kind == "write" else x
        before = tg.get_default_device()
        tg.set_default_device("numpy")
        try:
            with tg.set_grad_enabled(step.grad):
                exec(
                    f"made = {_expression(step)}" if step.kind == "make" else _expression(step),
                    names,
                )
        finally:
            tg.set_default_device(before)
        made = names["made" if step.kind == "make" else f"v{step.values[0]}"]
        return tuple(made.shape), made.requires_grad

    @property
    def shapes_given(self) -> list[Shape]:
        return [*self.parameters, *self.inputs]

    def event(self) -> None:
        kind = self.draw(st.sampled_from(EVENTS))
        if kind == "drop":
            found = [v for v in self.alive if v >= len(self.shapes_given) and v not in self.fixed]
        elif kind in ("zero_grad", "clear_grad", "descend", "look_at_grad"):
            found = list(range(len(self.parameters)))
        elif kind in ("backward", "hook", "retain", "differentiate"):
            found = [v for v in self.alive if self.needs[v] and 0 not in self.shapes[v]]
        else:
            found = self.alive
        if kind in ("hook", "retain"):
            found = [v for v in found if not self.is_leaf(v) and v not in self.fixed]
        if not found:
            return
        value = self.draw(st.sampled_from(found[::-1]))
        if kind == "differentiate":
            leaf = self.draw(st.integers(0, len(self.parameters) - 1))
            self.steps.append(Step(kind, (value, leaf)))
            self.alive.append(len(self.shapes))
            self.shapes.append(self.shapes[leaf])
            self.needs.append(True)
            return
        self.steps.append(Step(kind, (value,)))
        if kind == "drop":
            self.alive.remove(value)
        elif kind == "detach":
            self.alive.append(len(self.shapes))
            self.shapes.append(self.shapes[value])
            self.needs.append(False)
        elif kind == "retain":
            self.fixed.add(value)


EVENTS = [
    *("look", "look", "look", "hold", "show", "drop", "drop", "detach", "backward", "backward"),
    *("hook", "retain", "differentiate", "zero_grad", "clear_grad", "descend", "look_at_grad"),
]


@st.composite
def programs(
    draw: Any, large: bool = False, longest: int = 14, without: tuple[str, ...] = ()
) -> Program:
    """Draws programs of a few lines; `without` some ops."""
    ops = [op for op in OPS if op.name not in without]
    drawing = _Drawing(draw, LARGE if large else SHAPES, 60_000 if large else 600, ops)
    for _ in range(draw(st.integers(2, longest))):
        what = draw(st.integers(0, 9))
        if what < 6:
            drawing.make()
        elif what < 7:
            drawing.write()
        else:
            drawing.event()
    ends = [v for v in drawing.alive if drawing.needs[v] and 0 not in drawing.shapes[v]]
    if ends and draw(st.integers(0, 4)):
        drawing.steps.append(Step("backward", (ends[-1],)))
    made = [v for v in drawing.alive if v >= len(drawing.shapes_given)]
    assume(made)
    outputs = draw(st.lists(st.sampled_from(made[::-1]), min_size=1, max_size=3, unique=True))
    return Program(drawing.parameters, drawing.inputs, drawing.steps, outputs)


# ---- writing


def _expression(step: Step) -> str:
    return _written(step, [f"v{v}" for v in step.values])


def _written(step: Step, names: Sequence[str]) -> str:
    assert step.op is not None
    return step.op.text.format(*names, **step.options)


def source(program: Program, looks: bool, copies: bool = False) -> str:
    """Returns the program as a Python function.

    Args:
        program: what to write.
        looks: with the lines that read values on the host.
        copies: let lines that write do so to a copy, as PyTorch needs it to agree.
    """
    parameters, inputs = len(program.parameters), len(program.inputs)
    given = ", ".join(f"v{v}" for v in range(parameters, parameters + inputs))
    lines = [f"def program({given}):"]
    for i in range(parameters):
        lines.append(f"    v{i} = p[{i}]")
    count = parameters + inputs
    for step in program.steps:
        new = f"v{count}"
        texts = _lines(step, new, parameters, copies)
        count += step.kind in ("make", "detach", "differentiate")
        if looks or step.kind not in ("look", "hold", "show", "look_at_grad"):
            lines += (f"    {text}" for text in texts)
    outputs = ", ".join(f"v{v}.detach()" for v in program.outputs)
    retained = ", ".join(f"v{step.values[0]}" for step in program.steps if step.kind == "retain")
    seen = f", {given.replace(', ', '.detach(), ')}.detach()" if copies else ""
    return "\n".join([*lines, f"    return [{outputs}, *grads({retained}){seen}]\n"])


def _lines(step: Step, new: str, parameters: int, copies: bool) -> list[str]:
    v = step.values[0]
    x = f"v{v}"
    before = [] if step.grad else ["with m.no_grad():"]
    indent = "" if step.grad else "    "
    if step.kind == "make":
        return [*before, f"{indent}{new} = {_expression(step)}"]
    if step.kind == "write":
        if copies and v < parameters:
            return [f"{x} = renew({v}, {x})", "with m.no_grad():", f"    {_expression(step)}"]
        copy = [f"{indent}{x} = {x}.clone()"] if copies else []
        if copies and step.values[1:] == (v,):  # PyTorch saves the operand, not a copy of it
            copy = [f"{indent}w = {x}", *copy]
            return [*before, *copy, f"{indent}{_written(step, (x, 'w'))}"]
        return [*before, *copy, f"{indent}{_expression(step)}"]
    if step.kind == "backward":
        return [f"({x} * 0.5).sum().backward(retain_graph=True)"]
    if step.kind == "differentiate":
        leaf = f"v{step.values[1]}"
        return [f"{new} = differentiate({x}, {leaf}) + {leaf} * 0"]
    if step.kind == "retain":
        return [f"{x}.retain_grad()"]
    if step.kind == "descend":
        return [f"{x} = descend({v}, {x})"]
    return {
        "drop": [f"del {x}"],
        "detach": [f"{new} = {x}.detach()"],
        "hook": [f"{x}.register_hook(lambda g: g * 0.5)"],
        "zero_grad": [f"zero_grad({v})"],
        "clear_grad": [f"clear_grad({v})"],
    }.get(step.kind, [f"{step.kind}({x})"])
