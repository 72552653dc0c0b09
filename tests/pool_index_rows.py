"""How the tests of pooling and indexing call the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import tinygrad_cl.primitives.index
import tinygrad_cl.primitives.pool  # noqa: F401
from tinygrad_cl.dtypes import dtype
from tinygrad_cl.graph import PRIMITIVES, TensorSpec

Array = NDArray[Any]


def run(name: str, *arrays: Array, **attrs: Any) -> Array:
    """The NumPy reference, with its result checked against the spec rule."""
    primitive = PRIMITIVES[name]
    specs = [TensorSpec(a.shape, dtype(a.dtype)) for a in arrays]
    spec = primitive.spec(*specs, **attrs)
    value = np.asarray(primitive.reference(*arrays, **attrs))
    assert (value.shape, value.dtype) == (spec.shape, spec.dtype.numpy)
    return value


def window(
    kernel: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> dict[str, Any]:
    """Attrs of max pooling."""
    pairs = [
        v if isinstance(v, tuple) else (v, v) for v in (kernel, stride or kernel, padding, dilation)
    ]
    names = ("kernel_size", "stride", "padding", "dilation")
    return dict(zip(names, pairs, strict=True)) | {"ceil_mode": ceil_mode}


def average(
    attrs: dict[str, Any], include: bool = True, divisor: int | None = None
) -> dict[str, Any]:
    """The same windows as attrs of average pooling, which knows no dilation."""
    kept = {name: value for name, value in attrs.items() if name != "dilation"}
    return kept | {"count_include_pad": include, "divisor_override": divisor}
