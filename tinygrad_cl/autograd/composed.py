"""Composed primitives: ops written in other ops, one node in the graph for all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tinygrad_cl.autograd.walk import pull
from tinygrad_cl.dtypes import dtype
from tinygrad_cl.formula import Composed, Formula
from tinygrad_cl.graph import Node, TensorSpec
from tinygrad_cl.lowering import Composition


def composed(name: str, build: Callable[..., Node], attrs: tuple[str, ...] = ()) -> Composed:
    """Returns the primitive that stands for what `build(*nodes, **attrs)` makes.

    Its spec rule, NumPy reference and gradient follow from those of what it is made of. `build`
    runs once per kind of call, on placeholders: it must depend on specs and attrs alone, and
    numbers that change from call to call must be among its nodes.

    Args:
        name: shown in errors and plans.
        build: makes one node from nodes.
        attrs: names of the static arguments, hashable.
    """

    def spec(*specs: TensorSpec, **given: Any) -> TensorSpec:
        return Formula.write(partial(build, **given), specs).outputs[0].signature.spec

    def reference(*arrays: Any, **given: Any) -> Any:
        specs = [TensorSpec(array.shape, dtype(array.dtype)) for array in arrays]
        return Formula.write(partial(build, **given), specs).evaluate(arrays)[0]

    return Composed(name, spec, reference, Composition(build), (_vjp,), attrs, variadic=True)


def _vjp(g: Node, y: Node, *inputs: Node, argument: int, **attrs: Any) -> Node | None:
    """The gradient rule of all of them; the walk asks for several inputs at once."""
    return pull(y, g, (argument,))[0]


__all__ = ["composed"]
