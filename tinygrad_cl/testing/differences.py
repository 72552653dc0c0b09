"""Gradients measured by central differences, for those who want the numbers; gradcheck judges."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional.creation import as_tensor

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def numeric_derivative(
    function: Callable[[Tensor], Tensor], x: Any, step: float | None = None
) -> np.ndarray:
    """Returns the derivative of an elementwise function at each element of `x`.

    `(f(x + h) - f(x - h)) / 2h`, two evaluations in all.

    Args:
        function: each element of its result depends on the same element of `x` alone.
        x: a float tensor or array.
        step: h; by default the cube root of the dtype's rounding, times `|x|` where that is more
            than 1.

    Returns:
        float64, of the shape of `x`.

    Raises:
        DTypeError: if `x` is not of a float dtype.
        ShapeError: if the result has another shape.

    Example:
        >>> import numpy as np
        >>> import tinygrad_cl as tg
        >>> numeric_derivative(tg.exp, np.zeros(2)).round(6).tolist()
        [1.0, 1.0]
    """
    x = as_tensor(x)
    values, steps = _values("numeric_derivative", x), _steps(x, step)
    with no_grad():
        above, below = (
            np.asarray(function(_like(values + h, x)).numpy(), np.float64) for h in (steps, -steps)
        )
    if above.shape != values.shape:
        raise ShapeError(
            f"numeric_derivative: the function makes {above.shape} of {values.shape}, so it is not "
            "elementwise; numeric_gradient is for any function"
        )
    found: np.ndarray = (above - below) / (2 * steps)
    return found


def numeric_gradient(
    function: Callable[[], Tensor], wrt: Tensor, step: float | None = None
) -> np.ndarray:
    """Returns the gradient of the sum of what `function` returns, with respect to a tensor.

    Each element of the tensor is moved up and down, with two evaluations each; afterwards the
    tensor has its old values. It may be an input that the function closes over, or a parameter.

    Args:
        function: computes a tensor from `wrt`, and draws no random numbers.
        wrt: a float tensor.
        step: see `numeric_derivative`.

    Returns:
        float64, of the shape of `wrt`.

    Raises:
        DTypeError: if `wrt` is not of a float dtype.

    Example:
        >>> import tinygrad_cl as tg
        >>> layer, x = tg.nn.Linear(2, 1, dtype=tg.float64), tg.ones(3, 2, dtype=tg.float64)
        >>> numeric_gradient(lambda: layer(x), layer.weight).round(6).tolist()
        [[3.0, 3.0]]
    """
    values, steps = _values("numeric_gradient", wrt), _steps(wrt, step)
    found = np.empty(values.shape)
    with no_grad():
        try:
            for at in np.ndindex(values.shape):
                ends = [
                    _moved(function, wrt, values, at, h)
                    for h in (float(steps[at]), -float(steps[at]))
                ]
                found[at] = (ends[0] - ends[1]) / (2 * steps[at])
        finally:
            wrt.copy_(_like(values, wrt))
    return found


def _moved(
    function: Callable[[], Tensor], wrt: Tensor, values: np.ndarray, at: Any, h: float
) -> float:
    moved = values.copy()
    moved[at] += h
    wrt.copy_(_like(moved, wrt))
    return float(np.asarray(function().numpy(), np.float64).sum())


def _values(op: str, x: Tensor) -> np.ndarray:
    if not x.dtype.is_floating_point:
        raise DTypeError(f"{op}: needs a float dtype, got {x.dtype.name}")
    return np.array(x.detach().numpy(), np.float64)


def _steps(x: Tensor, step: float | None) -> np.ndarray:
    """Steps that the dtype can represent next to the values."""
    values = np.asarray(x.detach().numpy())
    size = float(np.finfo(values.dtype).eps) ** (1 / 3) if step is None else step
    wanted = size * np.maximum(1, np.abs(values.astype(np.float64)))
    exact: np.ndarray = (values + wanted).astype(values.dtype).astype(np.float64) - values
    return exact


def _like(values: np.ndarray, x: Tensor) -> Tensor:
    return as_tensor(values, dtype=x.dtype, device=x.device)
