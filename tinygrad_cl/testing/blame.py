"""Which op of a function has the gradient that a check did not like, and the line that called it.

The graph of the function is walked from its inputs on, and the gradient rule of each op is checked
by itself, at the values that the op had. Users' own Functions are looked at first. This happens
only after a check has failed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_cl import dtypes, engine, origins
from tinygrad_cl.autograd.function import Call, Output
from tinygrad_cl.autograd.handle import wrap
from tinygrad_cl.autograd.walk import sources
from tinygrad_cl.dtypes import DType
from tinygrad_cl.errors import TinygradError
from tinygrad_cl.graph import Node, apply, toposort
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.testing.evaluation import Arrays, Evaluation
from tinygrad_cl.testing.report import Report, Verdict

Check = Callable[[Callable[..., Any], Sequence[Any], str], Report]

MAX_OPS = 300  # checked one by one; a failing check must not take minutes


def blame(evaluation: Evaluation, arrays: Arrays, verdict: Verdict, check: Check) -> str:
    """Returns a sentence that names the op and the line.

    Args:
        evaluation: the function; its numeric side where there is one.
        arrays: the values of its checked inputs.
        verdict: what the whole function got.
        check: `check(function, inputs, name)` checks one op.
    """
    with origins.recording(), evaluation.bound(arrays):
        outputs = [out.node for out in evaluation.outputs() if out.requires_grad]
        if not outputs:
            return "no output depends on the inputs: look for detach() and no_grad"
        ops = [node for node in toposort(outputs, sources) if not node.leaf]
        ops.sort(key=lambda node: not isinstance(node, Call))
        for node in [op for op in ops if not isinstance(op, Output)][:MAX_OPS]:
            found = _verdict(node, check)
            if found is verdict:
                return f"{node}, the gradient of which is {found.value}, made at {_line(node)}"
    return (
        "every op's own gradient agrees: look for detach(), no_grad and values taken out of the "
        f"graph between the inputs and the result, made at {_line(outputs[0])}"
    )


def _line(node: Node) -> str:
    origin = origins.of(node)
    return "an unknown line" if origin is None else str(origin)


def _verdict(node: Node, check: Check) -> Verdict:
    """What a check of one op by itself says; OK if it cannot be checked by itself."""
    try:
        function, inputs = _call_of(node) if isinstance(node, Call) else _primitive_of(node)
        if not any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
            return Verdict.OK
        return check(function, inputs, repr(node)).verdict
    except TinygradError:
        return Verdict.OK


def _primitive_of(node: Node) -> tuple[Callable[..., Any], list[Any]]:
    """The op as a function of tensors, and its inputs in float64 on the host."""

    def function(*tensors: Tensor) -> Tensor:
        nodes = tuple(tensor.node for tensor in tensors)
        return wrap(apply(node.primitive, nodes, node.signature.attrs))

    return function, [_copy(i, i.needs_grad) for i in node.inputs]


def _call_of(call: Call) -> tuple[Callable[..., Any], list[Any]]:
    arguments = call.context.arguments
    if arguments is None:
        raise TinygradError("the call was not recorded")
    inputs = [_copy(a, a.needs_grad) if isinstance(a, Node) else a for a in arguments]
    return call.function.apply, inputs


def _copy(node: Node, differentiable: bool) -> Tensor:
    array = engine.numpy(node) if node.scalar is None else np.asarray(node.scalar)
    dtype: DType = dtypes.float64 if node.dtype.is_floating_point else node.dtype
    copied = np.array(array, dtype=dtype.numpy, order="C")
    leaf = engine.upload(copied, get_device("numpy"))
    leaf.leaf = leaf.needs_grad = differentiable
    return wrap(leaf)


__all__ = ["blame"]
