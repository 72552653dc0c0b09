"""Plans of attention: ops/attention.cl and attention_grad.cl on CPUs, attention_gpu.cl on GPUs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tinygrad_cl.lowering import Attrs, DeviceTraits, Grid, Host, Pass, TemplatePlan
from tinygrad_cl.primitives.plans_dense import Types, register_types, sum_slices
from tinygrad_cl.shapes import Layout, Shape, numel

PANEL = 32768  # bytes of a panel in private memory, at most
BLOCK = (64, 32, 16)  # queries, and keys, of a block
TASK_FLOPS = 2_000_000  # of a work-item, at least, where there is work enough: about 5 us
TASKS = 16  # work-items per compute unit, at most
GPU_TILES = ((16, 2), (16, 1), (8, 1), (4, 1))  # (SIDE, ITEMS), the first that fits

Arguments = tuple[tuple[str, int], ...]
Defines = tuple[tuple[str, str | int], ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """The sizes of an attention, and how its inputs lie."""

    batches: int
    heads: int
    queries: int
    keys: int
    head: int
    head_v: int
    strided: tuple[Layout, ...]  # q, k, v, and the cotangent in the backward pass
    mask: Layout | None
    bool_mask: bool
    causal: bool

    @property
    def lines(self) -> int:
        """The heads of all batches."""
        return self.batches * self.heads

    @property
    def key_size(self) -> int:
        """Elements of dk and dv."""
        return self.lines * self.keys * (self.head + self.head_v)

    @property
    def flags(self) -> Defines:
        """The macros that say who sees whom."""
        mask = 0 if self.mask is None else 1 if self.bool_mask else 2
        return ("CAUSAL", int(self.causal)), ("MASK", mask)

    @property
    def sizes(self) -> Arguments:
        """The sizes, and the first elements and strides of the inputs, as arguments."""
        ints = (self.batches, self.heads, self.queries, self.keys, self.head, self.head_v)
        return (*(("int", i) for i in ints), *(a for x in self.strided for a in _strides(x)))

    def mask_arguments(self, position: int) -> Arguments:
        """The mask and its strides, as arguments."""
        return () if self.mask is None else (("in", position), *_strides(self.mask))


def _strides(layout: Layout) -> Arguments:
    return tuple(("long", i) for i in (layout.offset, *layout.strides[:3]))


def accepts(i: int, layout: Layout, attrs: Attrs) -> bool:
    """Tells whether an input is read through this layout: rows side by side, any other strides."""
    if len(layout.shape) != 4:
        return layout.is_contiguous
    if layout.bounds is not None or min(layout.strides) < 0:
        return False
    return layout.strides[3] == 1 or layout.shape[3] == 1


def _problem(
    inputs: tuple[Layout, ...], others: int, tags: tuple[str, ...], attrs: Attrs
) -> Problem:
    """Describes a primitive whose mask comes after `others` inputs, if there is one."""
    (batches, heads, queries, head), k, v = (x.shape for x in inputs[:3])
    given: dict[str, Any] = dict(attrs)
    masked = len(inputs) > others
    return Problem(
        *(batches, heads, queries, k[2], head, v[3]),
        strided=(*inputs[:3], *inputs[5:6]) if others == 6 else inputs[:3],
        mask=inputs[-1] if masked else None,
        bool_mask=masked and tags[others] != tags[0],
        causal=given["causal"],
    )


def plan_attention(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan | Host:
    """Returns the plan of the forward pass; inputs are q, k, v, scale and perhaps a mask."""
    types = register_types(tags[0], traits)
    if types is None:
        return Host("float64 attention has no kernel")
    p = _problem(inputs, 4, tags, attrs)
    arguments: Arguments = (("out", 0), *(("in", i) for i in range(4)), *p.sizes)
    if traits.kind == "gpu":
        step = _gpu_pass("FORWARD", p, types, traits, (*arguments, *p.mask_arguments(4)))
        return step if isinstance(step, Host) else TemplatePlan((step,), (), out_shape)
    tasks = p.lines * -(-p.queries // _block(p, types))
    flops = 2 * numel(out_shape) // tasks * p.keys * 2
    per = _per(tasks, flops, traits)
    arguments += (("int", per), *p.mask_arguments(4))
    grid = Grid((-(-tasks // per),), (1,))
    step = Pass("attention", "attention", _defines(p, types), arguments, grid)
    return TemplatePlan((step,), (), out_shape)


def plan_attention_grad(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> TemplatePlan | Host:
    """Returns the plan of the backward pass; inputs are q, k, v, scale, y, g and perhaps a mask."""
    types = register_types(tags[0], traits)
    if types is None:
        return Host("float64 attention has no kernel")
    p = _problem(inputs, 6, tags, attrs)
    if traits.kind == "gpu":
        return _gpu_gradients(p, types, traits, out_shape)
    blocks = -(-p.queries // _block(p, types))
    # Few heads are shared: each chunk of queries then has sums of its own for all keys.
    chunks = 1 if p.lines >= 2 * traits.units else min(blocks, -(-4 * traits.units // p.lines))
    span = -(-blocks // chunks)
    chunks = -(-blocks // span)
    tasks = p.lines * chunks
    per = _per(tasks, 5 * numel(out_shape) // tasks * p.keys, traits)
    parts = ("scratch", 0) if chunks > 1 else ("out", 0)
    arguments: Arguments = (("out", 0), parts, *(("in", i) for i in range(6)), *p.sizes)
    arguments += (("int", chunks), ("int", span), ("int", per), *p.mask_arguments(6))
    grid = Grid((-(-tasks // per),), (1,))
    step = Pass("attention_grad", "attention_grad", _defines(p, types), arguments, grid)
    summed = sum_slices(step, (1, 1, p.key_size), chunks, types, traits)
    passes = tuple(replace(x, epilogue=False) for x in summed.passes)  # dq is not in its domain
    return TemplatePlan(passes, summed.scratch, out_shape)


def _block(p: Problem, types: Types) -> int:
    """Queries, and keys, of a block: so many that its panels stay in the second cache."""
    row = types.size * max(_rounded(p.head, types.vec), _rounded(p.head_v, types.vec))
    return next((n for n in BLOCK if n * row <= PANEL), BLOCK[-1])


def _rounded(size: int, vec: int) -> int:
    return -(-size // vec) * vec


def _per(tasks: int, flops: int, traits: DeviceTraits) -> int:
    """Tasks of a work-item."""
    per = max(1, min(TASK_FLOPS // max(flops, 1), tasks // (2 * traits.units)))
    return max(per, -(-tasks // (TASKS * traits.units)))


def _defines(p: Problem, types: Types) -> Defines:
    block = _block(p, types)
    return (
        *types.defines()[:-1],
        ("HEAD_E", _rounded(p.head, types.vec) // types.vec),
        ("HEAD_V", _rounded(p.head_v, types.vec) // types.vec),
        *p.flags,
        ("QUERIES", block),
        ("KEYS", block),
    )


def _gpu_gradients(
    p: Problem, types: Types, traits: DeviceTraits, out_shape: Shape
) -> TemplatePlan | Host:
    arguments: Arguments = (("out", 0), *(("in", i) for i in range(6)), *p.sizes)
    steps = []
    for part in ("KEY_GRAD", "QUERY_GRAD"):
        step = _gpu_pass(part, p, types, traits, (*arguments, *p.mask_arguments(6)))
        if isinstance(step, Host):
            return step
        steps.append(step)
    return TemplatePlan(tuple(steps), (), out_shape)


def _gpu_pass(
    part: str, p: Problem, types: Types, traits: DeviceTraits, arguments: Arguments
) -> Pass | Host:
    width = _rounded(max(p.head, p.head_v), 16)
    panels = 2 if part == "FORWARD" else 3
    for side, items in GPU_TILES:
        tile = side * items
        local = types.size * tile * (panels * (width + 1) + tile + 3)
        if local <= traits.local_memory and side * side <= traits.max_work_group:
            break
    else:
        return Host(f"attention of heads of {width} elements needs more local memory")
    rows = p.keys if part == "KEY_GRAD" else p.queries
    defines: Defines = (
        *types.defines()[:-1],
        ("PART", part),
        ("WIDTH", width),
        *p.flags,
        ("SIDE", side),
        ("ITEMS", items),
    )
    grid = Grid((-(-rows // tile) * side, p.lines * side), (side, side))
    return Pass("attention_gpu", f"attention_{part.lower()}", defines, arguments, grid)
