"""What all forms of kernels share: how many work-items, and the text of macros and indices.

Work-items on a CPU are fat (a chunk of at least `MIN_CHUNK` elements) and few; on a GPU one item
takes one element at a time and neighbors stand side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinygrad_cl.compiler.render import Kernel
from tinygrad_cl.lowering import DeviceTraits

MIN_CHUNK = 8192  # elements of a work-item: about 5 us of simple arithmetic
TASKS = 8  # work-items per compute unit, at most: enough to balance, few enough to launch fast
SHORT = 64  # registers of a row whose end is a good part of the work
FEW_SLICES = 4  # of a batch; rows of large tensors have more
GPU_LANES = 128  # work-items of a work-group
GPU_GROUPS = 64  # work-groups per compute unit, at most


@dataclass(frozen=True, slots=True)
class Rendered:
    """The launches of one group, and the bytes of each of its scratch buffers."""

    kernels: tuple[Kernel, ...]
    scratch: tuple[int, ...] = ()


def vector_width(traits: DeviceTraits) -> int:
    """Returns the lanes of a register."""
    return traits.vector if traits.kind == "cpu" else 1


def has_near_ends(columns: int, traits: DeviceTraits) -> bool:
    """Whether rows of some registers end in a part of one, so often that this has to be fast."""
    vector = vector_width(traits)
    if 1 < traits.slices <= FEW_SLICES:
        return False  # a large kernel of many phases: the fewer differ, the sooner it is compiled
    return vector < columns < SHORT * vector and columns % vector != 0


def chunks(units: int, elements: int, traits: DeviceTraits) -> tuple[int, int]:
    """How many units (rows, or columns) a work-group takes, and the number of work-groups."""
    if traits.kind == "gpu":
        wanted = max(1, GPU_LANES * 4 // max(elements, 1))
        most = traits.units * GPU_GROUPS
    else:
        wanted = max(1, MIN_CHUNK // max(elements, 1))
        most = traits.units * TASKS
    chunk = max(wanted, -(-units // most))
    if elements == 1:
        chunk = -(-chunk // 64) * 64  # whole cache lines
    return chunk, max(1, -(-units // chunk))


def unravel(
    name: str, indices: list[str], sizes: tuple[int, ...], letter: str
) -> tuple[list[tuple[str, int]], str]:
    """The parameters and the statements that turn a row number into indices."""
    if not indices:
        return [], ""
    extra = [(f"{letter}{d}", sizes[d]) for d in range(1, len(sizes))]
    source = {"UNRAVEL": "row", "KEPT": "k", "FOLD": "f"}[name]
    lines, rest = [], source
    for d in range(len(indices) - 1, 0, -1):
        lines.append(f"const size_t {indices[d]} = ({rest}) % {letter}{d};")
        rest = f"({rest}) / {letter}{d}"
    lines.append(f"const size_t {indices[0]} = {rest};")
    return extra, " ".join(lines)


def stepped(indices: list[str], sizes: tuple[int, ...]) -> tuple[list[tuple[str, int]], str, str]:
    """The parameters, and statements: of `row` all indices, and of all but the last the next ones.

    Example:
        >>> stepped(["i0", "i1", "i2"], (2, 3, 4))[2]
        'if (++i1 == (size_t)d1) { i1 = 0; i0++; }'
    """
    extra = [(f"d{d}", sizes[d]) for d in range(1, len(sizes))]
    lines, rest = [], "row"
    for d in range(len(indices) - 1, 0, -1):
        lines.append(f"size_t {indices[d]} = ({rest}) % d{d};")
        rest = f"({rest}) / d{d}"
    step = f"{indices[0]}++;" if len(indices) > 1 else ""
    for d in range(1, len(indices) - 1):
        step = f"if (++{indices[d]} == (size_t)d{d}) {{ {indices[d]} = 0; {step} }}"
    return extra, " ".join([*lines, f"size_t {indices[0]} = {rest};"]), step


def defines(*pairs: tuple[str, str | int]) -> str:
    """Returns the text that defines macros."""
    return "".join(f"#define {name} {value}\n".replace(" \n", "\n") for name, value in pairs)
