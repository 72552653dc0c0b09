"""Cross-entropy with classes.   Device side: ops/cross_entropy.cl.   User side: functional/loss.py.

    class_loss     loss[i] = log(sum(exp(x[i]))) - x[i, label[i]]
    class_share    share[i, j] = softmax(x[i])[j] - (j == label[i])
    class_count    how many labels are not `ignore`, as float32 or float64 (ops/class_count.cl)

The second is the gradient of the first by x; one kernel finds both where a graph holds both. Rows
whose label is `ignore` give 0. With p = softmax(x) in the other rows, and 0 there, the gradient of
the second by x is `p * (h - sum(h * p))` for a cotangent h.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cl.dtypes import DType, int64
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.graph import Node, Primitive, TensorSpec, register, scalar
from tinygrad_cl.lowering import (
    Attrs,
    DeviceTraits,
    Grid,
    Pass,
    Template,
    TemplatePlan,
    Twin,
    cut_all,
    flag_code,
)
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives.plans_index import out_of_range
from tinygrad_cl.primitives.reduce import sum as total
from tinygrad_cl.shapes import Layout, Shape

MIN_WORK = 4096  # logits of a work-item, at least: about 5 us
TASKS = 8  # work-items per compute unit, at most
GPU_GROUPS = 1 << 16  # work-groups, at most
KEPT = 128  # registers of exponentials that a work-item keeps for the shares
GPU_LANES = (32, 128)  # work-items of a work-group, at least and at most

Array = np.ndarray[Any, Any]


# ---- plans


def _pass(
    inputs: tuple[Layout, ...],
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
    losses: bool,
    shares: bool,
) -> Pass:
    rows, classes = inputs[0].shape
    storage, lanes = tags[0], 1
    vec = traits.vector if traits.kind == "cpu" else 1
    groups = min(rows * -(-classes // vec) * vec // MIN_WORK, rows, traits.units * TASKS)
    if traits.kind == "gpu":
        lanes, groups = _gpu_lanes(classes), min(rows, GPU_GROUPS)
    defines = (
        ("VEC", vec),
        ("LOSSES", int(losses)),
        ("SHARES", int(shares)),
        ("T_", storage),
        ("TAG", "f64" if storage == "double" else "f32"),
        ("SCALAR", "double" if storage == "double" else "float"),
        ("LANES", lanes),
        ("KEPT", KEPT if shares and lanes == 1 and 2 * classes <= KEPT * vec else 0),
    )
    op, ignore = str(attrs["op"]), attrs["ignore"]
    assert isinstance(ignore, int)
    outputs = tuple(("out", number) for number in range(losses + shares))
    numbers = (("long", ignore), ("long", rows), ("long", classes))
    given = (*outputs, ("in", 0), ("in", 1), ("flags", 0), ("int", flag_code(op)), *numbers)
    names = {"class_loss": losses, "class_share": shares}
    name = "_and_".join(name for name, wanted in names.items() if wanted)
    grid = Grid((max(1, groups) * lanes,), (lanes,))
    return Pass("cross_entropy", name, defines, given, grid, epilogue=shares)


def _gpu_lanes(classes: int) -> int:
    least, most = GPU_LANES
    return max(least, min(most, 1 << (classes - 1).bit_length()))


def _template(losses: bool, shares: bool, twin: Twin | None = None) -> Template:
    def plan(
        inputs: tuple[Layout, ...],
        out_shape: Shape,
        tags: tuple[str, ...],
        attrs: Attrs,
        traits: DeviceTraits,
    ) -> TemplatePlan:
        step = _pass(inputs, tags, attrs, traits, losses, shares)
        return TemplatePlan((step,), (), out_shape)

    return Template(plan, cut=cut_all, twin=twin)


_BOTH = _template(losses=True, shares=True)


def _plan_both(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan | None:
    plan = _BOTH.plan(inputs, out_shape, tags, attrs, traits)
    return plan if isinstance(plan, TemplatePlan) else None


def _plan_count(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan:
    ignore = attrs["ignore"]
    assert isinstance(ignore, int)
    given = (("out", 0), ("in", 0), ("long", ignore), ("long", inputs[0].shape[0]))
    defines = (("OUT_T", tags[-1]),)
    return TemplatePlan((Pass("class_count", "class_count", defines, given, Grid((1,), (1,))),))


# ---- rows


def _check(x: TensorSpec, label: TensorSpec, op: str) -> None:
    if not x.dtype.is_floating_point or label.dtype is not int64:
        raise DTypeError(
            f"{op}: logits must be floats and labels int64, got {x.dtype.name} "
            f"and {label.dtype.name}; use .float() and .long()"
        )
    if len(x.shape) != 2 or label.shape != x.shape[:1] or not x.shape[1]:
        raise ShapeError(
            f"{op}: logits must be (N, C) with at least one class and labels (N,), "
            f"got {x.shape} and {label.shape}"
        )


def _loss_spec(x: TensorSpec, label: TensorSpec, op: str, ignore: int) -> TensorSpec:
    _check(x, label, op)
    return TensorSpec(label.shape, x.dtype)


def _share_spec(x: TensorSpec, label: TensorSpec, op: str, ignore: int) -> TensorSpec:
    _check(x, label, op)
    return x


def _count_spec(label: TensorSpec, ignore: int, dtype: DType) -> TensorSpec:
    if label.dtype is not int64 or len(label.shape) != 1:
        raise DTypeError(
            f"class_count: labels must be int64 of shape (N,), got {label.dtype.name} "
            f"of shape {label.shape}; use .long() and .flatten()"
        )
    return TensorSpec((), dtype)


def _count_reference(label: Array, ignore: int, dtype: DType) -> Array:
    return np.asarray(np.count_nonzero(label != ignore), dtype.numpy)


def _parts(x: Array, label: Array, op: str, ignore: int) -> tuple[Array, Array, Array, Array]:
    """Returns x - max(x), its exponentials, their sums, and which rows count."""
    known = label != ignore
    bad = known & ((label < 0) | (label >= x.shape[1]))
    if bad.any():
        raise IndexError(out_of_range(op, int(label[bad][0]), x.shape[1]))
    wide = x.astype(np.float32) if x.itemsize == 2 else x
    centered = wide - wide.max(axis=1, keepdims=True)
    e = np.exp(centered)
    return centered, e, e.sum(axis=1, keepdims=True), known


def _loss_reference(x: Array, label: Array, op: str, ignore: int) -> Array:
    centered, _, sums, known = _parts(x, label, op, ignore)
    chosen = np.take_along_axis(centered, np.where(known, label, 0)[:, None], axis=1)
    return np.where(known, (np.log(sums) - chosen)[:, 0], 0).astype(x.dtype)


def _share_reference(x: Array, label: Array, op: str, ignore: int) -> Array:
    _, e, sums, known = _parts(x, label, op, ignore)
    hits = np.arange(x.shape[1]) == label[:, None]
    return np.where(known[:, None], e / sums - hits, 0).astype(x.dtype)


def _loss_vjp(g: Node, y: Node, x: Node, label: Node, op: str, ignore: int) -> Node:
    column = m.reshape(g, shape=(*g.shape, 1))
    return class_share(x, label, op=op, ignore=ignore) * column


def _share_vjp(h: Node, y: Node, x: Node, label: Node, op: str, ignore: int) -> Node:
    column = m.reshape(label, shape=(*label.shape, 1))
    classes = m.iota(shape=(x.shape[1],))
    hits = p.logical_and(p.eq(column, classes), p.ne(column, scalar(ignore, int64)))
    shares = p.where(hits, y + 1, y)
    return shares * (h - total(h * shares, dim=(1,), keepdim=True))


ATTRS = ("op", "ignore")
class_loss: Primitive = register(
    Primitive(
        "class_loss",
        _loss_spec,
        _loss_reference,
        _template(losses=True, shares=False),
        (_loss_vjp, None),
        ATTRS,
    )
)
class_share: Primitive = register(
    Primitive(
        "class_share",
        _share_spec,
        _share_reference,
        _template(losses=False, shares=True, twin=Twin("class_loss", _plan_both)),
        (_share_vjp, None),
        ATTRS,
    )
)
class_count = register(
    Primitive(
        "class_count",
        _count_spec,
        _count_reference,
        Template(_plan_count),
        attrs=("ignore", "dtype"),
    )
)
