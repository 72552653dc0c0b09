"""Rendering: from a group to the text that fills a `.cl` template.

The generator writes only `#define`s and one straight-line `static` function per body, a node per
line as comment. Loops, barriers and kernels stand in `ops/*.cl`. Sizes and strides are run-time
arguments, so that one kernel serves many shapes; what changes the text is structure: dtypes, which
strides are 0 or 1, the number of dims.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygrad_cl.compiler.body import Address, Anchor, Argument, Body, Compute, Load
from tinygrad_cl.compiler.structure import Structure
from tinygrad_cl.lowering import Expr, Grid, flag_code
from tinygrad_cl.shapes import Bounds, Layout, Shape

if TYPE_CHECKING:
    from tinygrad_cl.compiler.gluing import Phase

# What a kernel receives: (kind, number). Kinds: "value" (the buffer of a value), "scratch" (a
# buffer of this group), "scalars" (the plan's block of numbers), "slot" (the place of a scalar
# value in it), "flags", "table" (the kernel's own table of numbers), "int" and "long".
KernelArgument = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Kernel:
    """One launch, rendered.

    Attributes:
        label: what it does, in words that fit an identifier.
        file: the template.
        text: the generated part.
        vec: lanes of its registers.
        arguments: what it receives, in order.
        grid: its ND-range.
        parameters: C type and name of the last arguments, where launches over different buffers may
            be joined.
        segments: how many equal kernels over different buffers it runs in one launch.
        glued: the calls of other kernels, as functions, that it is made of.
        table: the numbers of the buffer that is the argument "table".
    """

    label: str
    file: str
    text: str
    vec: int
    arguments: tuple[KernelArgument, ...]
    grid: Grid
    parameters: tuple[tuple[str, str], ...] = ()
    segments: int = 1
    glued: tuple[Phase, ...] = ()
    table: tuple[KernelArgument, ...] = ()

    @property
    def name(self) -> str:
        """A readable name that is unique to the text."""
        parts = (self.file, str(self.vec), *(phase.name for phase in self.phases), self.text)
        digest = hashlib.sha1("\n".join(parts).encode()).hexdigest()[:6]
        return f"{self.label}__{digest}"

    @property
    def phases(self) -> tuple[Kernel, ...]:
        """The kernels that it calls, each once."""
        return tuple({phase.kernel.name: phase.kernel for phase in self.glued}.values())

    @property
    def function(self) -> str:
        """The name of the function that it is as a phase of other kernels."""
        return f"phase_{self.name}"


@dataclass(frozen=True, slots=True)
class Dims:
    """A domain with the dims merged that every layout walks through alike.

    Attributes:
        sizes: the merged sizes, outer to inner; at least one.
        marks: per merged dim, the mark of its origin (reductions: True where the dim is folded).
        layouts: the layouts over the merged dims, in the order given.
    """

    sizes: Shape
    marks: tuple[bool, ...]
    layouts: tuple[Layout, ...]


def merge_dims(domain: Shape, layouts: Sequence[Layout], marks: Sequence[bool] = ()) -> Dims:
    """Merges neighboring dims of a domain; dims of size 1 vanish.

    Example:
        >>> rows = Layout((4, 2, 3), (0, 3, 1))
        >>> merge_dims((4, 2, 3), [rows]).sizes
        (4, 6)
    """
    marked = tuple(marks) or (False,) * len(domain)
    kept: list[list[int]] = []
    for d, size in enumerate(domain):
        bounded = any(_bound(layout, d) is not None for layout in layouts)
        if size == 1 and not bounded:
            continue
        if kept and not bounded and _merges(kept[-1], d, domain, layouts, marked):
            kept[-1].append(d)
        else:
            kept.append([d])
    if not kept:
        kept = [[]]
    sizes = tuple(_product(domain, dims) for dims in kept)
    return Dims(
        sizes,
        tuple(bool(dims) and marked[dims[-1]] for dims in kept),
        tuple(_merged_layout(layout, kept, sizes) for layout in layouts),
    )


def _bound(layout: Layout, d: int) -> tuple[int, int] | None:
    if layout.bounds is None or layout.bounds[d] == (0, layout.shape[d]):
        return None
    return layout.bounds[d]


def _merges(
    last: list[int], d: int, domain: Shape, layouts: Sequence[Layout], marks: Sequence[bool]
) -> bool:
    before = last[-1]
    return marks[before] == marks[d] and all(
        layout.strides[before] == layout.strides[d] * domain[d] and _bound(layout, before) is None
        for layout in layouts
    )


def _product(domain: Shape, dims: list[int]) -> int:
    size = 1
    for d in dims:
        size *= domain[d]
    return size


def _merged_layout(layout: Layout, kept: list[list[int]], sizes: Shape) -> Layout:
    strides = tuple(layout.strides[dims[-1]] if dims else 1 for dims in kept)
    bounds: Bounds | None = None
    if layout.bounds is not None:
        bounds = tuple(
            layout.bounds[dims[0]] if len(dims) == 1 else (0, size)
            for dims, size in zip(kept, sizes, strict=True)
        )
    return Layout(sizes, strides, layout.offset, bounds)


class BodyWriter:
    """Writes the function of one body, and gathers the parameters that it needs.

    Args:
        structure: the graph.
        body: what to write.
        dims: the domain, with one layout per address item and load of the body, then one per
            output.
        indices: the C names of the indices of `dims`; the last one is the start of a vector.
        prefix: of parameter names, so that two bodies of one kernel do not clash.
    """

    def __init__(
        self, structure: Structure, body: Body, dims: Dims, indices: Sequence[str], prefix: str = ""
    ) -> None:
        self.structure = structure
        self.body = body
        self.dims = dims
        self.indices = indices
        self.prefix = prefix
        self.stream = False  # whether results are too large for any cache
        self.near = False  # whether rows are short, and end in a part of a register
        self.draws = False  # whether random numbers come in order, and blocks of them are kept
        self.runs = 0  # how many such streams there are
        self.lines: list[str] = []
        self.parameters: list[tuple[str, str, KernelArgument]] = []  # C type, name, argument
        self._buffers: dict[tuple[int, bool], str] = {}
        self._numbers = 0

    # ---- parameters

    def _parameter(self, ctype: str, name: str, argument: KernelArgument) -> str:
        self.parameters.append((ctype, self.prefix + name, argument))
        return self.prefix + name

    def _buffer(self, value: int, output: bool) -> str:
        key = (value, output)
        if key not in self._buffers:
            storage = self._storage(value)
            letter = "q" if output else "p"
            name = f"{letter}{sum(k[1] == output for k in self._buffers)}"
            ctype = f"__global {storage} *" if output else f"__global const {storage} *"
            self._buffers[key] = self._parameter(ctype, name, ("value", value))
        return self._buffers[key]

    def _number(self, value: int) -> str:
        if value in (0, 1):
            return str(value)
        self._numbers += 1
        return self._parameter("long ", f"s{self._numbers - 1}", ("long", value))

    def _storage(self, value: int) -> str:
        return self.structure[value].dtype.storage

    def _access(self, value: int) -> str:
        """The suffix of the load and store macros."""
        dtype = self.structure[value].dtype
        return "bool" if dtype.tag == "b" else dtype.storage

    def _tag(self, item: int) -> str:
        found = self.body.items[item]
        return "i64" if isinstance(found, Address) else self.structure[found.value].dtype.tag

    # ---- lines

    def write(self) -> None:
        """Fills `lines` and `parameters`: the items, and the stores of the outputs."""
        layouts = self._write_items()
        for (value, item), layout in zip(self.body.outputs, layouts, strict=True):
            self._store(value, item, layout)

    def write_return(self) -> None:
        """Fills `lines` and `parameters`: the items, the return of the first output, stores."""
        layouts = self._write_items()
        for (value, item), layout in zip(self.body.outputs[1:], layouts, strict=True):
            self._store(value, item, layout)
        self.lines.append(f"return r{self.body.outputs[0][1]};")

    def _write_items(self) -> Iterator[Layout]:
        layouts = iter(self.dims.layouts)
        for number, item in enumerate(self.body.items):
            if isinstance(item, Anchor):
                text = self._rounded(item.value, "value")
                self.lines.append(f"const V_{self._tag(number)} r{number} = {text};")
                continue
            layout = next(layouts) if isinstance(item, Load | Address) else None
            text = self._expression(item, layout)
            self.lines.append(f"const V_{self._tag(number)} r{number} = {text};{self._note(item)}")
        return layouts

    def _note(self, item: Load | Argument | Address | Compute) -> str:
        """The node as a comment. No shapes: kernels of other shapes share the text."""
        value = self.structure[item.value]
        name = "" if isinstance(item, Load) else f"{value.signature.primitive.name} "
        return f"  // {name}{value.dtype.name}"

    def _expression(self, item: Load | Argument | Address | Compute, layout: Layout | None) -> str:
        if isinstance(item, Argument):
            return self._argument(item.value)
        if isinstance(item, Compute):
            return self._compute(item)
        assert layout is not None
        return self._load(item.value, layout) if isinstance(item, Load) else self._address(layout)

    def _argument(self, value: int) -> str:
        tag = self.structure[value].dtype.tag
        # `restrict`: no store changes the numbers, so loops may keep them in registers
        self._need("__global const uchar *restrict ", "scalars", ("scalars", 0))
        slot = self._parameter("int ", f"a{len(self.parameters)}", ("slot", value))
        return f"SPLAT_{tag}(SCALAR_{tag}(scalars, {slot}))"

    def _need(self, ctype: str, name: str, argument: KernelArgument) -> None:
        if all(known != name for _, known, _ in self.parameters):
            self.parameters.append((ctype, name, argument))

    def _compute(self, item: Compute) -> str:
        value = self.structure[item.value]
        assert isinstance(value.lowering, Expr)
        tags = tuple(self._tag(i) for i in item.operands)
        code = 0
        if value.lowering.flag:
            self._need("__global int *", "flags", ("flags", 0))
            code = flag_code(str(value.signature.kwargs.get("op", value.signature.primitive.name)))
        registers = tuple(f"r{i}" for i in item.operands)
        run = ""
        if self.draws and value.lowering.in_order and self._counts_up(item.operands[0]):
            run = f"runs + {self.runs}"
            self.runs += 1
        text = value.lowering.format(value.dtype.tag, tags, registers, code, run)
        return self._rounded(item.value, text)

    def _counts_up(self, at: int) -> bool:
        """Whether an item is an index that grows by one from lane to lane."""
        item = self.body.items[at]
        if not isinstance(item, Address) or not item.layout.shape:
            return False
        return item.layout.strides[-1] == 1 < item.layout.shape[-1]

    def _rounded(self, value: int, text: str) -> str:
        """A value of 16 bits fused into its reader is what memory would have held."""
        dtype = self.structure[value].dtype
        return f"ROUND_{dtype.storage}({text})" if dtype.is_half else text

    def _offset(self, layout: Layout, with_last: bool) -> str:
        """The address of the first lane, in elements."""
        terms = [] if layout.offset == 0 else [self._number(layout.offset)]
        pairs = list(zip(self.indices, layout.strides, strict=True))
        for index, stride in pairs if with_last else pairs[:-1]:
            if stride == 1:
                terms.append(index)
            elif stride:
                terms.append(f"{index} * {self._number(stride)}")
        return " + ".join(terms) or "0"

    def _load(self, value: int, layout: Layout) -> str:
        pointer, access = self._buffer(value, False), self._access(value)
        stride = layout.strides[-1]
        if layout.bounds is not None:
            return self._bounded_load(pointer, access, layout)
        at = self._offset(layout, True)
        if stride == 0:
            return f"SPLAT_{self.structure[value].dtype.tag}(LOAD1_{access}({pointer}, {at}))"
        if stride == 1:
            return f"{'LOADR' if self.near else 'LOADP'}_{access}({pointer}, {at}, n)"
        return f"LOADSP_{access}({pointer}, {at}, {self._number(stride)}, n)"

    def _bounded_load(self, pointer: str, access: str, layout: Layout) -> str:
        assert layout.bounds is not None
        tests = []
        for index, size, (low, high) in zip(
            self.indices[:-1], layout.shape, layout.bounds, strict=False
        ):
            if (low, high) != (0, size):
                tests.append(f"INSIDE({index}, {self._number(low)}, {self._number(high)})")
        low, high = layout.bounds[-1]
        first = f"FIRST_LANE({self.indices[-1]}, {self._number(low)})"
        last = f"LAST_LANE({self.indices[-1]}, {self._number(high)}, n)"
        inside = " && ".join(tests) or "1"
        stride = self._number(layout.strides[-1])
        at = self._offset(layout, True)
        return f"LOADB_{access}({pointer}, {at}, {stride}, {first}, ({inside}) ? {last} : 0)"

    def _address(self, layout: Layout) -> str:
        stride = self._number(layout.strides[-1])
        text = f"INDEX_i64({self._offset(layout, True)}, {stride})"
        if layout.bounds is None:
            return text
        raise AssertionError("fusion realizes indices under a pad")

    def _store(self, value: int, item: int, layout: Layout) -> None:
        pointer, access = self._buffer(value, True), self._access(value)
        at = self._offset(layout, True)
        if layout.strides[-1] in (0, 1):
            macro = "STREAMP" if self.stream else "STOREP"
            self.lines.append(f"{macro}_{access}(r{item}, {pointer}, {at}, n);")
        else:
            stride = self._number(layout.strides[-1])
            self.lines.append(f"STORESP_{access}(r{item}, {pointer}, {at}, {stride}, n);")

    # ---- text

    def parameter_text(self) -> str:
        """The parameters, each after a comma."""
        return "".join(f", {ctype}{name}" for ctype, name, _ in self.parameters)

    def argument_text(self) -> str:
        """The parameters' names, each after a comma."""
        return "".join(f", {name}" for _, name, _ in self.parameters)

    def arguments(self) -> tuple[KernelArgument, ...]:
        """What the parameters receive."""
        return tuple(argument for _, _, argument in self.parameters)

    def function(self, head: str) -> str:
        """The whole function, given its return type, name and first parameters."""
        inner = "\n".join(f"    {line}" for line in self.lines)
        return f"static inline {head}{self.parameter_text()})\n{{\n{inner}\n}}\n"


def body_layouts(body: Body, outputs: Sequence[Layout] | None = None) -> list[Layout]:
    """The layouts that a body reads and writes through, in the order that `BodyWriter` wants."""
    reads = [item.layout for item in body.items if isinstance(item, Load | Address)]
    if outputs is None:
        outputs = [Layout.contiguous(body.domain) for _ in body.outputs]
    return [*reads, *outputs]


def label(structure: Structure, body: Body, first: str = "") -> str:
    """Names what a body computes: its ops in order, at most four."""
    names = [first] if first else []
    for item in body.items:
        if isinstance(item, Compute):
            name = structure[item.value].signature.primitive.name
            if not names or names[-1] != name:
                names.append(name)
    if len(names) > 4:
        names = [*names[:2], "to", names[-1]]
    return "_".join(names) or "copy"
