"""How a tensor looks in print: as PyTorch prints it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.dtypes import bool_, float32, int64, widened
from tinygrad_cl.runtime.device import get_device

if TYPE_CHECKING:
    from tinygrad_cl.graph import Node

_DIGITS, _LINE, _THRESHOLD, _EDGE = 4, 80, 1000, 3


def text(node: Node) -> str:
    """Returns what `repr` shows; this computes the tensor."""
    array = widened(engine.numpy(node))
    suffixes = []
    if array.size == 0 and array.ndim != 1:
        suffixes.append(f"size={node.shape}")
    if node.dtype not in (bool_, int64, float32) or (array.size == 0 and node.dtype is not float32):
        suffixes.append(f"dtype={node.dtype!r}")
    if node.device is not None and node.device is not get_device(None):
        suffixes.insert(0, f"device='{node.device.name}'")
    if node.leaf:
        suffixes.append("requires_grad=True")
    elif node.needs_grad:
        suffixes.append(f"grad_fn=<{node.primitive.name}>")
    return _with_suffixes("tensor(" + _body(array), suffixes)


def _with_suffixes(body: str, suffixes: list[str]) -> str:
    out, column = body, len(body) - body.rfind("\n") - 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > _LINE:
            out += ",\n" + " " * len("tensor(") + suffix
            column = len("tensor(") + len(suffix)
        else:
            out += ", " + suffix
            column += len(suffix) + 2
    return out + ")"


def _body(array: np.ndarray[Any, Any]) -> str:
    if array.size == 0:
        return "[]"
    shown = _shown(array)
    write = _writer(shown)
    if array.ndim == 0:
        return write(array.item())
    body = np.array2string(
        array,
        max_line_width=_LINE,
        separator=", ",
        prefix="tensor(",
        threshold=_THRESHOLD,
        edgeitems=_EDGE,
        formatter={"all": write},
    )
    return body.replace(", ...,", ",  ...,")


def _shown(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The elements that are printed: of a large array the borders only."""
    if array.size > _THRESHOLD:
        for dim, size in enumerate(array.shape):
            if size > 2 * _EDGE:
                array = np.take(array, [*range(_EDGE), *range(size - _EDGE, size)], axis=dim)
    return array.reshape(-1)


def _writer(shown: np.ndarray[Any, Any]) -> Callable[[Any], str]:
    """The format in which all elements are written, at one width."""
    if shown.dtype.kind != "f":
        width = max(len(str(v)) for v in shown.tolist())
        return lambda v: str(v).rjust(width)
    values = [float(v) for v in shown]
    counted = [v for v in values if math.isfinite(v) and v != 0]
    write = _float_writer([abs(v) for v in counted])
    width = max((len(write(v)) for v in counted), default=1)
    return lambda v: write(float(v)).rjust(width)


def _float_writer(sizes: list[float]) -> Callable[[float], str]:
    if not sizes:
        return lambda v: f"{v:.0f}." if math.isfinite(v) else f"{v}"
    low, high = min(sizes), max(sizes)
    whole = all(v == math.ceil(v) for v in sizes)
    wide = high / low > 1000 or high > 1e8
    if wide or (not whole and low < 1e-4):
        return lambda v: f"{v:.{_DIGITS}e}"
    if whole:
        return lambda v: f"{v:.0f}." if math.isfinite(v) else f"{v}"
    return lambda v: f"{v:.{_DIGITS}f}"
