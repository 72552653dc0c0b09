"""Checks gradients against derivatives that are measured from values.

The derivative along a random direction `v` of the outputs weighted by random `u` is measured by
central differences and compared with the inner product of the gradient and `v`: a few evaluations
whatever the sizes. Only where the two differ are the inputs, and then their elements, looked at one
by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_cl import autograd, dtypes
from tinygrad_cl.dtypes import DType
from tinygrad_cl.errors import ArgumentError, TinygradError
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.testing.blame import blame
from tinygrad_cl.testing.directions import Comparison, Tolerance, tolerance_of
from tinygrad_cl.testing.evaluation import Arrays, Evaluation, place, read_exactly
from tinygrad_cl.testing.report import Finding, GradcheckError, Report, Verdict

Function = Callable[..., Any]


def gradcheck(
    function: Function,
    inputs: Tensor | Sequence[Any],
    *,
    eps: float | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    directions: int = 2,
    seed: int = 0,
    order: int = 1,
    raise_exception: bool = True,
    name: str | None = None,
) -> Report:
    """Checks the gradient of a function against measured derivatives.

    The inputs that are float tensors with `requires_grad=True` are checked; all others are passed
    on as they are.
    Use float64: gradients of narrower inputs are compared with a float64 evaluation of the same
        function on the
    device "numpy" where it can be evaluated there, and with differences in their own dtype
    otherwise. Both need wider tolerances.

    Args:
        function: takes the inputs; returns a tensor or a sequence of tensors of any shape.
        inputs: one tensor, or the sequence of all arguments.
        eps: the largest step (default: 1e-3 in float64).
        atol: what may differ, absolutely (default: by dtype).
        rtol: what may differ, relative to the derivative (default: by dtype).
        directions: number of random directions.
        seed: seed of the directions.
        order: 2 to check the gradients of the gradients as well.
        raise_exception: if False, the report is returned whatever it says.
        name: how the report calls the function (default: its own name).

    Returns:
        The report, which is true if everything agreed.

    Raises:
        GradcheckError: if the verdict is not OK; its message is the report.
        ArgumentError: if no input is a float tensor that requires grad, or an argument makes no
            sense.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([0.5, 2.0], dtype=tg.float64, requires_grad=True)
        >>> bool(gradcheck(lambda x: (x * x).sum(), (x,)))
        True
    """
    if order not in (1, 2):
        raise ArgumentError(f"gradcheck: order must be 1 or 2, got {order}")
    settings = _Settings(name or _name_of(function), eps, atol, rtol, directions, seed)
    report = _check(function, inputs, settings, order=1)
    if not report:
        report = _blamed(report, function, inputs, order=1)
    elif order == 2:
        report += _check_second(function, inputs, settings)
        if not report:
            report = _blamed(report, function, inputs, order=2)
    if raise_exception and not report:
        raise GradcheckError(report)
    return report


def gradgradcheck(
    function: Function,
    inputs: Tensor | Sequence[Any],
    *,
    eps: float | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    directions: int = 2,
    seed: int = 0,
    raise_exception: bool = True,
    name: str | None = None,
) -> Report:
    """Checks the gradient of the gradient of a function, as `gradcheck` does for the gradient.

    What is checked is the function from the inputs and random cotangents to the gradients.

    Raises:
        GradcheckError: if the verdict is not OK.
        ArgumentError: as `gradcheck`.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([0.5, 2.0], dtype=tg.float64, requires_grad=True)
        >>> gradgradcheck(lambda x: x**3, (x,)).verdict
        <Verdict.OK: 'ok'>
    """
    settings = _Settings(name or _name_of(function), eps, atol, rtol, directions, seed)
    report = _check_second(function, inputs, settings)
    if not report:
        report = _blamed(report, function, inputs, order=2)
    if raise_exception and not report:
        raise GradcheckError(report)
    return report


def _blamed(
    report: Report, function: Function, inputs: Tensor | Sequence[Any], order: int
) -> Report:
    """Returns the report with the op that is to blame."""
    if report.verdict is Verdict.NONDETERMINISTIC:
        return report
    arguments = _arguments(inputs)
    checked = _checked_positions(arguments)
    arrays = [read_exactly(arguments[i]) for i in checked]

    def check(op: Function, values: Sequence[Any], name: str) -> Report:
        settings = _Settings(name, None, None, None, 1, 0)
        if order == 2:
            return _check_second(op, values, settings)
        return _check(op, values, settings, order=1)

    host = Evaluation(function, arguments, checked, get_device("numpy"), dtypes.float64)
    own = Evaluation(function, arguments, checked, arguments[checked[0]].device)
    for evaluation in (host, own):  # a function may need the device that it was made for
        try:
            return replace(report, blame=blame(evaluation, arrays, report.verdict, check))
        except TinygradError:
            continue
    return report


@dataclass(frozen=True, slots=True)
class _Settings:
    """What was asked for."""

    name: str
    eps: float | None
    atol: float | None
    rtol: float | None
    directions: int
    seed: int


def _check_second(
    function: Function, inputs: Tensor | Sequence[Any], settings: _Settings
) -> Report:
    """Checks the function from inputs and cotangents to gradients."""
    arguments = _arguments(inputs)
    count = len(arguments)
    checked = [arguments[i] for i in _checked_positions(arguments)]
    cotangents = _random_cotangents(function, arguments, settings.seed)

    def gradient(*values: Any) -> tuple[Tensor, ...]:
        outputs = [o for o in _float_outputs(function(*values[:count])) if o.requires_grad]
        if not outputs:
            return ()
        found = autograd.grad(
            outputs, checked, list(values[count:]), create_graph=True, allow_unused=True
        )
        return tuple(g for g in found if g is not None)

    report = _check(gradient, (*arguments, *cotangents), settings, order=2)
    for j in range(count, count + len(cotangents)):
        report.inputs[j] = report.inputs[j].replace(f"input {j}", f"cotangent {j - count}")
    return report


def _check(
    function: Function, inputs: Tensor | Sequence[Any], settings: _Settings, order: int
) -> Report:
    if settings.directions < 1:
        raise ArgumentError(f"gradcheck: directions must be positive, got {settings.directions}")
    arguments = _arguments(inputs)
    checked = _checked_positions(arguments)
    device = next((arguments[i].node.device for i in checked), None) or get_device(None)
    own = Evaluation(function, arguments, checked, device)
    arrays = [read_exactly(arguments[i]) for i in checked]
    rng = np.random.default_rng(settings.seed)

    outputs = own.values(arrays)
    cotangents = [rng.standard_normal(out.shape) for out in outputs]
    findings = _nondeterminism(own, arrays, cotangents, order)
    narrowest = _narrowest([arguments[i].dtype for i in checked])
    numeric, in_float64 = _numeric_side(own, arrays, outputs, narrowest)
    tolerance = tolerance_of(narrowest, in_float64, settings.eps, settings.atol, settings.rtol)
    comparison = Comparison(own, numeric, arrays, tolerance, order)
    if not findings:
        for direction in range(settings.directions):
            if direction:
                cotangents = [rng.standard_normal(out.shape) for out in outputs]
            findings += comparison.run(direction, cotangents, rng)
    return Report(
        settings.name,
        _place(own, numeric, narrowest),
        {i: _describe(i, arguments[i]) for i in checked},
        comparison.checks,
        comparison.worst,
        tuple(findings),
    )


def _arguments(inputs: Tensor | Sequence[Any]) -> tuple[Any, ...]:
    return (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)


def _checked_positions(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    found = tuple(
        i
        for i, x in enumerate(arguments)
        if isinstance(x, Tensor) and x.requires_grad and x.dtype.is_floating_point
    )
    if not found:
        raise ArgumentError(
            "gradcheck: nothing to check; no input is a float tensor with requires_grad=True"
        )
    return found


def _float_outputs(returned: Any) -> list[Tensor]:
    listed = returned if isinstance(returned, tuple | list) else (returned,)
    return [v for v in listed if isinstance(v, Tensor) and v.dtype.is_floating_point]


def _random_cotangents(function: Function, arguments: tuple[Any, ...], seed: int) -> list[Tensor]:
    """One differentiable cotangent per output that requires grad."""
    rng = np.random.default_rng(seed + 1)
    outputs = [o for o in _float_outputs(function(*arguments)) if o.requires_grad]
    found = []
    for output in outputs:
        device = output.node.device or get_device(None)
        cotangent = place(rng.standard_normal(output.node.shape), device, output.dtype)
        cotangent.node.leaf = cotangent.node.needs_grad = True
        found.append(cotangent)
    return found


def _nondeterminism(
    own: Evaluation, arrays: Arrays, cotangents: Arrays, order: int
) -> list[Finding]:
    """Evaluates values and gradients twice and compares their bits."""
    first, second = own.gradient(arrays, cotangents), own.gradient(arrays, cotangents)
    found = []
    for number, (a, b) in enumerate(zip(first[0], second[0], strict=True)):
        if a.tobytes() != b.tobytes():
            note = f"output {number} differs between two evaluations at the same point"
            found.append(Finding(Verdict.NONDETERMINISTIC, order, note=note))
    if found:
        return found
    for i, (g, h) in enumerate(zip(first[1], second[1], strict=True)):
        if g is not None and h is not None and g.tobytes() != h.tobytes():
            note = "the gradient differs between two evaluations at the same point"
            found.append(Finding(Verdict.NONDETERMINISTIC, order, own.checked[i], note=note))
    return found


def _numeric_side(
    own: Evaluation, arrays: Arrays, outputs: Arrays, narrowest: DType
) -> tuple[Evaluation, bool]:
    """Returns where values are taken: in float64 on "numpy" if the inputs are narrower."""
    if narrowest is dtypes.float64:
        return own, True
    wide = Evaluation(own.function, own.inputs, own.checked, get_device("numpy"), dtypes.float64)
    try:
        values = wide.values(arrays)
    except TinygradError:
        return own, False  # it holds something that lives on the device, or needs the narrow dtype
    same = [a.shape for a in values] == [b.shape for b in outputs]
    return (wide, True) if same else (own, False)


def _narrowest(found: list[DType]) -> DType:
    return min(found, key=lambda dtype: dtype.rank)


def _name_of(function: Function) -> str:
    return str(getattr(function, "__name__", type(function).__name__)).replace(
        "<lambda>", "a lambda"
    )


def _place(own: Evaluation, numeric: Evaluation, dtype: DType) -> str:
    where = f"{own.device.name} ({dtype.name})"
    if numeric is own:
        return where
    return f"{where}, measured on {numeric.device.name} (float64)"


def _describe(position: int, tensor: Tensor) -> str:
    return f"input {position}, {tensor.dtype.name} {tuple(tensor.node.shape)}"


__all__ = ["Tolerance", "gradcheck", "gradgradcheck"]
