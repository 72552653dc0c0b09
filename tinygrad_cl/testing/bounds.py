"""How far a kernel may be from the NumPy reference: values of one group, each with its error bound.

Both sides round, in another order and with other built-in functions. So each value is computed by
its reference along with a bound of what that can make of it, propagated through the group:

    expressions   16 units of the last place of the result, and what its inputs' errors change:
                  the reference is evaluated at `x + e` and at `x - e`. Near a jump (comparisons,
                  floor) the bound is the jump. Floats made from integers: also 16 eps. Floats
                  made by functions: also what a change of 16 eps in each input makes, as no
                  built-in function is good to the last place near its zeros; lgamma 16 eps.
    sums          the sum of the errors, and (8 + n / 4) eps of the sum of the n magnitudes
    products      the factors' errors, and (8 + n / 4) eps of the result
    max, min      what the errors change; argmax, argmin: free where the errors allow two winners
    templates     (8 + n / 4) eps of the same op on magnitudes, where n is its value on ones (the
                  number of terms), and what an error of eps in each input changes
    movements     exact

eps is that of the value's dtype (float16 results of float32 arithmetic are bounded as if every step
was float16). Integers and bools that no such error reaches must be equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cl.compiler.structure import Structure, Value
from tinygrad_cl.dtypes import dtype, finfo
from tinygrad_cl.lowering import Assemble, Expr, Reduction, Template, View

Array = np.ndarray[Any, Any]

EXPRESSION_ULPS = 16.0
FUNCTION_EPS = 16.0
ROUGH = {"lgamma"}  # OpenCL C gives its built-in functions 16 ULP at most, and these no bound
TERMS = (8.0, 1 / 4)  # eps per result, and per term of a sum


class Bounded(NamedTuple):
    """A value of the reference, and how far (float64, elementwise) a kernel may be from it."""

    value: Array
    error: Array


def evaluate(
    structure: Structure, wanted: Iterable[int], given: Mapping[int, Array]
) -> dict[int, Bounded]:
    """Returns the values at `wanted`, computed from those in `given`, which are exact."""
    found = {at: Bounded(array, np.zeros(array.shape)) for at, array in given.items()}
    for at in _between(structure, wanted, given):
        value = structure[at]
        found[at] = _apply(value, [found[i] for i in value.inputs])
    return {at: found[at] for at in wanted}


def members(structure: Structure, wanted: Iterable[int], given: Iterable[int]) -> list[int]:
    """Returns the positions of the values that lie between `given` and `wanted`, in order."""
    return _between(structure, wanted, given)


def _between(structure: Structure, wanted: Iterable[int], given: Iterable[int]) -> list[int]:
    known = set(given)
    stack, found = list(wanted), set()
    while stack:
        at = stack.pop()
        if at not in found and at not in known:
            found.add(at)
            stack += structure[at].inputs
    return sorted(found)


def _apply(value: Value, inputs: list[Bounded]) -> Bounded:
    lowering = value.lowering
    result = _reference(value, [i.value for i in inputs])
    if value.numel == 0:
        return Bounded(result, np.zeros(result.shape))
    if isinstance(lowering, View | Assemble):
        error = _raw(value, [i.error for i in inputs])
    elif isinstance(lowering, Expr):
        error = _of_expression(value, lowering, inputs, result)
    elif isinstance(lowering, Reduction):
        error = _of_reduction(value, inputs[0], result, lowering.kind)
    elif isinstance(lowering, Template):
        error = _of_template(value, inputs, result)
    else:
        error = np.zeros(result.shape)
    return Bounded(result, np.broadcast_to(error, result.shape))


def _raw(value: Value, arrays: list[Array]) -> Array:
    with np.errstate(all="ignore"):
        result = value.signature.primitive.compute(arrays, value.signature.kwargs)
    return np.asarray(result).reshape(value.shape)


def _reference(value: Value, arrays: list[Array]) -> Array:
    return _raw(value, arrays).astype(value.dtype.numpy, copy=False)


# ---- the kinds of values


def _of_expression(value: Value, lowering: Expr, inputs: list[Bounded], result: Array) -> Array:
    if not value.dtype.is_floating_point:
        return _changes(value, inputs, result)
    functions = _functions(lowering, value.dtype.tag)
    if functions:
        inputs = [_nudged(i, FUNCTION_EPS) for i in inputs]
    error = _changes(value, inputs, result) + EXPRESSION_ULPS * ulp(result)
    exact = not any(_is_float(i.value) for i in inputs)
    if exact or functions & ROUGH:
        error = error + FUNCTION_EPS * finfo(result.dtype).eps
    return error


def _of_reduction(value: Value, x: Bounded, result: Array, kind: str) -> Array:
    if kind in ("argmax", "argmin"):
        return _of_position(value, x, kind)
    if kind not in ("sum", "prod"):
        return _changes(value, [x], result)
    if not value.dtype.is_floating_point:
        return _changes(value, [x], result) if x.error.any() else np.zeros(result.shape)
    terms = x.value.size / result.size
    if kind == "prod":
        return _changes(value, [x], result) + _rounding(terms, result)
    magnitudes = _raw(value, [np.abs(x.value.astype(np.float64))])
    return _raw(value, [x.error]) + _rounding(terms, magnitudes.astype(result.dtype))


def _of_position(value: Value, x: Bounded, kind: str) -> Array:
    """Infinite where the errors allow another position to win."""
    if not x.error.any():
        return np.zeros(value.shape)
    dim = value.signature.kwargs["dim"]
    sign = 1.0 if kind == "argmax" else -1.0
    scores = sign * x.value.astype(np.float64)
    best = np.max(scores - x.error, axis=dim, keepdims=True)
    rivals = np.sum(~(scores + x.error < best), axis=dim)
    return np.where(rivals > 1, np.inf, 0.0).reshape(value.shape)


def _of_template(value: Value, inputs: list[Bounded], result: Array) -> Array:
    if not value.dtype.is_floating_point:
        return _changes(value, inputs, result)
    arrays = [i.value for i in inputs]
    floats = [_is_float(a) for a in arrays]
    sizes = [np.abs(a) if f else a for a, f in zip(arrays, floats, strict=True)]
    ones = [np.ones_like(a) if f else a for a, f in zip(arrays, floats, strict=True)]
    terms = float(np.max(np.abs(_raw(value, ones)).astype(np.float64), initial=1.0))
    magnitudes = np.maximum(np.abs(_reference(value, sizes)), np.abs(result))
    moved = [_nudged(i, 1.0) for i in inputs]
    return _changes(value, moved, result) + _rounding(terms, magnitudes)


# ---- parts of bounds


def ulp(values: Array) -> Array:
    """Returns the unit of the last place of floats, as float64; at least that of normal ones."""
    smallest = np.asarray(finfo(values.dtype).tiny, values.dtype)
    with np.errstate(all="ignore"):
        found = np.spacing(np.maximum(np.abs(values), smallest)).astype(np.float64)
    return np.where(np.isfinite(values), found, 0.0)


def _is_float(array: Array) -> bool:
    return dtype(array.dtype).is_floating_point


def _nudged(x: Bounded, share: float) -> Bounded:
    """Returns a float input with an additional error of so many eps of its size."""
    if not _is_float(x.value):
        return x
    eps = finfo(x.value.dtype).eps
    with np.errstate(all="ignore"):
        sizes = np.abs(x.value.astype(np.float64))
    return Bounded(x.value, x.error + share * eps * np.where(np.isfinite(sizes), sizes, 0.0))


def _functions(lowering: Expr, tag: str) -> set[str]:
    """The functions and macros that an expression calls."""
    return set(re.findall(r"(\w+)\(", lowering.by_tag.get(tag, lowering.text)))


def _rounding(terms: float, magnitudes: Array) -> Array:
    """The rounding of sums of so many terms of which the magnitudes add up to `magnitudes`."""
    return (TERMS[0] + TERMS[1] * terms) * ulp(magnitudes)


def _changes(value: Value, inputs: list[Bounded], result: Array) -> Array:
    """How far the result moves when each input moves by its error, up or down."""
    error = np.zeros(result.shape)
    arrays = [i.value for i in inputs]
    for k, (x, e) in enumerate(inputs):
        if not np.any(e):
            continue
        sides = [_moved(x, e, move) for move in (np.add, np.subtract)]
        results = [_reference(value, [*arrays[:k], side, *arrays[k + 1 :]]) for side in sides]
        error = error + np.maximum(distance(results[0], result), distance(results[1], result))
    return error


def _moved(x: Array, e: Array, move: Callable[..., Any]) -> Array:
    """Returns `x + e` or `x - e` in the dtype of `x`; of bools, True or False where `e` > 0."""
    if x.dtype.kind == "b":
        return np.where(e > 0, move is np.add, x)
    with np.errstate(all="ignore"):
        moved: Array = move(x.astype(np.float64), e)
        if x.dtype.kind in "iu":
            limits = np.iinfo(x.dtype)
            return np.where(e > 0, np.clip(moved, limits.min, limits.max), x).astype(x.dtype)
        return moved.astype(x.dtype)


def distance(a: Array, b: Array) -> Array:
    """Returns `|a - b|` as float64; infinite where one is not finite, or another infinity."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(all="ignore"):
        apart = np.abs(x - y)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    return np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))


__all__ = ["Bounded", "distance", "evaluate", "members", "ulp"]
