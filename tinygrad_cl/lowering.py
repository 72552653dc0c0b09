"""What a primitive says of its device side: the fourth of its rules.

A primitive's `lowering` is one of

- `Expr`: an OpenCL C expression over registers; fuses with everything elementwise;
- `Reduction`: a fold over some dims, with the expression of one step;
- `View`: a change of layout; costs nothing where the consumer can read through it;
- `Assemble`: several inputs written side by side into one output (cat, slice assignment);
- `Template`: a kernel of its own in an `ops/*.cl` file, described by a `TemplatePlan`;
- `Host`: no kernel; the NumPy reference is run, and counted as a fallback with its reason;
- `Composition`: other primitives; the compiler never sees it, only what it is made of.

The compiler asks for these objects and never for a primitive's name. They hold data and pure
functions only.

One kernel, two results. Some values come from the same pass over the same inputs: the maximum of a
window and its place, a mean and a variance. Each is a primitive of its own, with its own reference,
spec and plan, so that it can be had alone. The `Template` of the first may name the second in its
`Twin`: wherever a graph holds both, over the same inputs with the same attrs, the twin's plan
computes the two in one launch, and that launch writes the second as `("out", 1)`. Both get buffers;
an epilogue follows the first result alone, and reads nothing of the second. Nothing depends on it:
a graph that holds one of them, one that is cut into slices or replayed, and one whose parts are
realized one after the other compute the same bits. So the two plans of a value must agree bit by
bit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from tinygrad_cl.shapes import Layout, Shape

Attrs = Mapping[str, object]

_FUNCTION = re.compile(r"\b(exp|log|tanh|pow|sin|cos|erf|sqrt|rsqrt|ERF|POW|SIGMOID|PHILOX)")


@dataclass(frozen=True, slots=True)
class Expr:
    """An expression over registers, one output element from one element of each input.

    In `text`, `{0}`, `{1}`, ... are the inputs' registers; `{t}` is the register tag of the output,
    `{t0}`, `{t1}`, ... those of the inputs (`f32 f64 i32 i64 u8 b`). Registers are vectors of `VEC`
    lanes, or scalars: an expression must be right for both, so it uses OpenCL built-ins and the
    macros of `ops/prelude.cl` (`MASK_f32(a < b)`, `SELECT_f32(mask, a, b)`, ...). Attrs are not
    available: numbers are inputs.

    `by_tag` overrides `text` for output tags that need another expression, e.g. `{"b": "{0} |
    {1}"}`. With `flag`, the text may report a bad index through `{flags}` (a pointer) and `{code}`
    (see `flag_code`).

    `in_order` is the text where the lanes of input 0 count up from register to register, if there
    is a faster one that keeps what it has between registers, in `{run}`: random numbers come in
    blocks.
    """

    text: str
    by_tag: Mapping[str, str] = field(default_factory=dict)
    flag: bool = False
    in_order: str = ""

    @property
    def is_dear(self) -> bool:
        """Whether it calls a function that takes as long as ten loads."""
        return _calls_function(self.text)

    def format(
        self,
        out_tag: str,
        tags: tuple[str, ...],
        registers: tuple[str, ...],
        code: int = 0,
        run: str = "",
    ) -> str:
        """Returns the expression over the given registers; with `run`, the one that is in order."""
        named = {"t": out_tag, "flags": "flags", "code": str(code)}
        named |= {f"t{i}": tag for i, tag in enumerate(tags)}
        text = self.in_order if run else self.by_tag.get(out_tag, self.text)
        return text.format(*registers, **named, run=run)


@lru_cache(maxsize=1024)
def _calls_function(text: str) -> bool:
    return bool(_FUNCTION.search(text))


@dataclass(frozen=True, slots=True)
class Index:
    """A leaf that computes: element `i` is the linear index `i` itself (an `int64` register).

    Read through a `Layout`, it gives the address that a load would have used.
    """


@dataclass(frozen=True, slots=True)
class Reduction:
    """A fold over the dims of the attr `dim`: `acc = combine(acc, x)` from `identity`.

    `kind` names the fold of `ops/reduce.cl`: "sum", "prod", "max", "min", "argmax", "argmin",
    "any", "all".
    """

    kind: str


@dataclass(frozen=True, slots=True)
class View:
    """A change of layout.

    `apply(layout, shape, attrs)` returns the new layout, or None if strides cannot say it.
    """

    apply: Callable[[Layout, Shape, Attrs], Layout | None]


@dataclass(frozen=True, slots=True)
class Assemble:
    """Each input is written to a part of the output; later inputs win.

    `parts(shapes, out_shape, attrs)` returns, per input, the layout of its place in the output.
    """

    parts: Callable[[tuple[Shape, ...], Shape, Attrs], tuple[Layout, ...]]


@dataclass(frozen=True, slots=True)
class Host:
    """No kernel: the NumPy reference runs, for the reason given."""

    reason: str


@dataclass(frozen=True, slots=True)
class Composition:
    """Other primitives: `build(*nodes, **attrs)` makes the node that this one stands for."""

    build: Callable[..., object]


@dataclass(frozen=True, slots=True)
class DeviceTraits:
    """What a template may know of the device: pure data, also used by the tests of the plans."""

    kind: str = "cpu"  # "cpu" or "gpu"
    units: int = 2  # compute units
    vector: int = 16  # float32 lanes of a register that the device likes
    local_memory: int = 32768  # bytes
    max_work_group: int = 4096
    double: bool = True
    max_arguments: int = 1024  # bytes of kernel arguments
    shuffles: bool = False  # whether work-items of a sub-group can read each other's registers
    slices: int = 1  # how often a plan runs in a row, each time on another part of larger values


@dataclass(frozen=True, slots=True)
class Grid:
    """An ND-range: the global and local sizes of a launch."""

    size: tuple[int, ...]
    local: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """One launch of a template.

    Args:
        file: the `.cl` file without its ending.
        kernel: what it does, for the kernel's name: "matmul", "conv_weight_grad".
        defines: macros that fill the template (tunables, flags): compile-time; few variants.
        arguments: what the kernel receives, in order: `("in", i)` input i's buffer, `("out", 0)`
            the output buffer, `("out", 1)` that of a twin, `("scratch", i)`, `("int", value)` a
            run-time 32-bit size or stride, `("long", value)`, `("flags", 0)` the buffer in which an
            out-of-range index is reported.
        grid: the ND-range.
        epilogue: True if the kernel calls the epilogue hole, that is, may be followed by fused
            elementwise nodes.
    """

    file: str
    kernel: str
    defines: tuple[tuple[str, str | int], ...]
    arguments: tuple[tuple[str, int], ...]
    grid: Grid
    epilogue: bool = False


@dataclass(frozen=True, slots=True)
class TemplatePlan:
    """How one node runs.

    Args:
        passes: the launches, in order.
        scratch: the sizes of their scratch buffers, in bytes.
        domain: the dims (outer to inner) in which the last pass stores its output; their product is
            the output's number of elements, and the output is contiguous in them.
    """

    passes: tuple[Pass, ...]
    scratch: tuple[int, ...] = ()
    domain: Shape = ()


Choices = tuple[tuple[str, TemplatePlan | Host], ...]


@dataclass(frozen=True, slots=True)
class Twin:
    """Another value of the same inputs and attrs, which the same kernel can write too.

    Args:
        name: of its primitive.
        plan: `plan(inputs, out_shape, tags, attrs, traits)`, called as that of the template, plans
            both; None if they are better computed apart.
    """

    name: str
    plan: Callable[
        [tuple[Layout, ...], Shape, tuple[str, ...], Attrs, DeviceTraits], TemplatePlan | None
    ]


@dataclass(frozen=True, slots=True)
class Template:
    """A kernel of its own.

    Args:
        plan: `plan(inputs, out_shape, tags, attrs, traits)` returns the `TemplatePlan`, or a `Host`
            if the device cannot run it. `inputs` are the layouts of the input buffers; `tags` the
            storage types of the inputs followed by that of the output.
        accepts: `accepts(i, layout, attrs)` tells whether input i may be read through this layout;
            what is refused is made contiguous first.
        cut: `cut(input_shapes, attrs)` tells which inputs are cut along dim 0 to compute a part of
            the output along dim 0 (the others are read whole); None if that cannot be done.
        summed: the output is a sum over dim 0 of all inputs.
        choices: `choices(inputs, out_shape, tags, attrs, traits)` returns labels and plans that
            compute the same, for a tuner; the first is that of `plan`. None: there is no choice.
        twin: a second result of the same kernel.
    """

    plan: Callable[
        [tuple[Layout, ...], Shape, tuple[str, ...], Attrs, DeviceTraits], TemplatePlan | Host
    ]
    accepts: Callable[[int, Layout, Attrs], bool] = lambda i, layout, attrs: layout.is_contiguous
    cut: Callable[[tuple[Shape, ...], Attrs], tuple[bool, ...] | None] | None = None
    summed: bool = False
    choices: (
        Callable[[tuple[Layout, ...], Shape, tuple[str, ...], Attrs, DeviceTraits], Choices] | None
    ) = None
    twin: Twin | None = None


def cut_all(shapes: tuple[Shape, ...], attrs: Attrs) -> tuple[bool, ...]:
    """The `cut` of a template that takes every input apart along dim 0."""
    return (True,) * len(shapes)


def cut_first(shapes: tuple[Shape, ...], attrs: Attrs) -> tuple[bool, ...]:
    """The `cut` of a template whose first input holds the batch, and the others weights."""
    return (True,) + (False,) * (len(shapes) - 1)


_FLAG_NAMES: list[str] = [""]


def flag_code(op: str) -> int:
    """Returns the positive number under which kernels report a bad index of `op`."""
    if op not in _FLAG_NAMES:
        _FLAG_NAMES.append(op)
    return _FLAG_NAMES.index(op)


def flag_name(code: int) -> str:
    """Returns the op that reports with `code`."""
    return _FLAG_NAMES[code]


Lowering = Expr | Index | Reduction | View | Assemble | Template | Host | Composition
