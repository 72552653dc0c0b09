"""Movement primitives.   Device side: views, and ops/copy.cl.   User side: functional/movement.py.

All but `cat` and `slice_scatter` only change how a buffer is read; most references return views.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cl.dtypes import DType, Scalar, int64
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.graph import Node, Primitive, TensorSpec, register
from tinygrad_cl.graph import scalar as scalar_node
from tinygrad_cl.lowering import Assemble, Attrs, Index, View
from tinygrad_cl.primitives.rules import ANY, common_dtype
from tinygrad_cl.shapes import Layout, Shape, broadcast, numel

# ---- spec rules


def _reshape_spec(x: TensorSpec, shape: Shape) -> TensorSpec:
    if numel(shape) != numel(x.shape):
        raise ShapeError(
            f"reshape: {x.shape} has {numel(x.shape)} elements and {shape} has {numel(shape)}"
        )
    return TensorSpec(shape, x.dtype)


def _permute_spec(x: TensorSpec, dims: Shape) -> TensorSpec:
    if sorted(dims) != list(range(len(x.shape))):
        raise ShapeError(f"permute: dims {dims} do not name each dim of {x.shape} once")
    return TensorSpec(tuple(x.shape[d] for d in dims), x.dtype)


def _expand_spec(x: TensorSpec, shape: Shape) -> TensorSpec:
    if broadcast("expand", x.shape, shape) != shape:
        raise ShapeError(f"expand: {x.shape} cannot grow to {shape}; only dims of size 1 expand")
    return TensorSpec(shape, x.dtype)


def _check_slice(op: str, whole: Shape, starts: Shape, steps: Shape, shape: Shape) -> None:
    if not len(whole) == len(starts) == len(steps) == len(shape):
        raise ShapeError(f"{op}: starts {starts}, steps {steps} and {shape} do not fit {whole}")
    for size, start, step, count in zip(whole, starts, steps, shape, strict=True):
        last = start + (count - 1) * step
        if step == 0 or (count and not (0 <= start < size and 0 <= last < size)):
            raise ShapeError(
                f"{op}: elements {start} to {last} by {step} are not inside a dim of size {size}"
            )


def _slice_spec(x: TensorSpec, starts: Shape, steps: Shape, shape: Shape) -> TensorSpec:
    _check_slice("slice", x.shape, starts, steps, shape)
    return TensorSpec(shape, x.dtype)


def _pad_spec(x: TensorSpec, before: Shape, after: Shape) -> TensorSpec:
    if not len(x.shape) == len(before) == len(after) or min((*before, *after, 0)) < 0:
        raise ShapeError(f"pad: {x.shape} needs a width >= 0 per dim, got {before} and {after}")
    grown = zip(before, x.shape, after, strict=True)
    return TensorSpec(tuple(map(sum, grown)), x.dtype)


def _cat_spec(*xs: TensorSpec, dim: int) -> TensorSpec:
    dtype = common_dtype("cat", ANY, xs)
    first = xs[0].shape
    if not 0 <= dim < len(first):
        raise ShapeError(f"cat: dim {dim} is out of range for {first}")
    for x in xs:
        if x.shape[:dim] + x.shape[dim + 1 :] != first[:dim] + first[dim + 1 :]:
            raise ShapeError(f"cat: {first} and {x.shape} differ in more than dim {dim}")
    total = sum(x.shape[dim] for x in xs)
    return TensorSpec((*first[:dim], total, *first[dim + 1 :]), dtype)


def _slice_scatter_spec(
    base: TensorSpec, value: TensorSpec, starts: Shape, steps: Shape
) -> TensorSpec:
    dtype = common_dtype("slice_scatter", ANY, (base, value))
    _check_slice("slice_scatter", base.shape, starts, steps, value.shape)
    return TensorSpec(base.shape, dtype)


# ---- references


def _index(starts: Shape, steps: Shape, shape: Shape) -> tuple[Any, ...]:
    """NumPy's slices for elements `starts + i * steps`; an end below 0 is spelled None."""
    ends = (a + n * step for a, step, n in zip(starts, steps, shape, strict=True))
    return tuple(
        np.s_[a : (end if end >= 0 else None) : step] if n else np.s_[:0]
        for a, step, n, end in zip(starts, steps, shape, ends, strict=True)
    )


def _np_pad(x: Any, before: Shape, after: Shape) -> Any:
    return np.pad(x, tuple(zip(before, after, strict=True))) if x.ndim else x


def _np_slice_scatter(base: Any, value: Any, starts: Shape, steps: Shape) -> Any:
    out = base.copy()
    out[_index(starts, steps, value.shape)] = value
    return out


# ---- lowering


def _cat_parts(shapes: tuple[Shape, ...], out: Shape, attrs: Attrs) -> tuple[Layout, ...]:
    given: Any = attrs
    whole, ones, dim = Layout.contiguous(out), (1,) * len(out), given["dim"]
    sizes = [shape[dim] for shape in shapes]
    return tuple(
        whole.slice(_unit(len(out), dim, sum(sizes[:i])), ones, shape)
        for i, shape in enumerate(shapes)
    )


def _scatter_parts(shapes: tuple[Shape, ...], out: Shape, attrs: Attrs) -> tuple[Layout, ...]:
    whole, given = Layout.contiguous(out), dict[str, Any](attrs)
    return whole, whole.slice(given["starts"], given["steps"], shapes[1])


def _view(apply: Any) -> View:
    """A view from `apply(layout, shape, **attrs)`."""
    return View(lambda layout, shape, attrs: apply(layout, shape, **attrs))


# ---- gradients


def _unit(ndim: int, dim: int, at: int) -> Shape:
    return tuple(at if d == dim else 0 for d in range(ndim))


def _slice_vjp(g: Node, y: Node, x: Node, starts: Shape, steps: Shape, shape: Shape) -> Node:
    if any(abs(step) != 1 for step in steps):
        return slice_scatter(zeros(x), g, starts=starts, steps=steps)
    # Unit steps need no copy: turn the reversed dims back, then pad.
    ends = tuple(a + (n - 1) * s for a, s, n in zip(starts, steps, shape, strict=True))
    before = tuple(min(a, e) if n else 0 for a, e, n in zip(starts, ends, shape, strict=True))
    after = tuple(w - n - b for w, n, b in zip(x.shape, shape, before, strict=True))
    return pad(flip(g, steps), before=before, after=after)


def _cat_vjp(g: Node, y: Node, *xs: Node, dim: int, argument: int) -> Node:
    x = xs[argument]
    start = sum(other.shape[dim] for other in xs[:argument])
    ones = (1,) * x.ndim
    return slice(g, starts=_unit(x.ndim, dim, start), steps=ones, shape=x.shape)


def _scatter_base_vjp(
    g: Node, y: Node, base: Node, value: Node, starts: Shape, steps: Shape
) -> Node:
    return slice_scatter(g, zeros(value), starts=starts, steps=steps)


def _scatter_value_vjp(
    g: Node, y: Node, base: Node, value: Node, starts: Shape, steps: Shape
) -> Node:
    return slice(g, starts=starts, steps=steps, shape=value.shape)


# ---- the rows

reshape: Primitive = register(
    Primitive(
        "reshape",
        _reshape_spec,
        lambda x, shape: x.reshape(shape),
        _view(lambda layout, out, shape: layout.reshape(shape)),
        (lambda g, y, x, shape: reshape(g, shape=x.shape),),
        attrs=("shape",),
    )
)
permute: Primitive = register(
    Primitive(
        "permute",
        _permute_spec,
        lambda x, dims: x.transpose(dims),
        _view(lambda layout, out, dims: layout.permute(dims)),
        (lambda g, y, x, dims: permute(g, dims=_inverse(dims)),),
        attrs=("dims",),
    )
)
expand = register(
    Primitive(
        "expand",
        _expand_spec,
        lambda x, shape: np.broadcast_to(x, shape),
        _view(lambda layout, out, shape: layout.expand(shape)),
        (lambda g, y, x, shape: g,),  # the walk sums it down
        attrs=("shape",),
    )
)
slice: Primitive = register(
    Primitive(
        "slice",
        _slice_spec,
        lambda x, starts, steps, shape: x[_index(starts, steps, shape)],
        _view(lambda layout, out, starts, steps, shape: layout.slice(starts, steps, shape)),
        (_slice_vjp,),
        attrs=("starts", "steps", "shape"),
    )
)
pad: Primitive = register(
    Primitive(
        "pad",
        _pad_spec,
        _np_pad,
        _view(lambda layout, out, before, after: layout.pad(before, out)),
        (
            lambda g, y, x, before, after: slice(
                g, starts=before, steps=(1,) * x.ndim, shape=x.shape
            ),
        ),
        attrs=("before", "after"),
    )
)
cat: Primitive = register(
    Primitive(
        "cat",
        _cat_spec,
        lambda *xs, dim: np.concatenate(xs, axis=dim),
        Assemble(_cat_parts),
        (_cat_vjp,),
        attrs=("dim",),
        variadic=True,
    )
)
slice_scatter: Primitive = register(
    Primitive(
        "slice_scatter",
        _slice_scatter_spec,
        _np_slice_scatter,
        Assemble(_scatter_parts),
        (_scatter_base_vjp, _scatter_value_vjp),
        attrs=("starts", "steps"),
    )
)
iota = register(
    Primitive(
        "iota",
        lambda shape: TensorSpec(shape, int64),
        lambda shape: np.arange(numel(shape), dtype=np.int64).reshape(shape),
        Index(),
        attrs=("shape",),
    )
)


# ---- compositions that gradient rules need


def _inverse(dims: Shape) -> Shape:
    return tuple(dims.index(d) for d in range(len(dims)))


def full(value: Scalar, shape: Shape, dtype: DType) -> Node:
    """Returns a node of `shape` filled with a number; it costs no memory."""
    return expand(scalar_node(value, dtype), shape=shape)


def zeros(like: Node) -> Node:
    """Returns zeros of the shape and dtype of `like`."""
    return full(0, like.shape, like.dtype)


def flip(x: Node, signs: Shape) -> Node:
    """Returns `x` with the dims reversed whose sign is negative."""
    if all(sign > 0 for sign in signs):
        return x
    starts = tuple(max(n - 1, 0) if s < 0 else 0 for n, s in zip(x.shape, signs, strict=True))
    return slice(x, starts=starts, steps=tuple(1 if s > 0 else -1 for s in signs), shape=x.shape)
