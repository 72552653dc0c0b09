"""Units: launches that stay together; equal ones over different buffers are joined.

An optimizer's updates of all parameters are the same flat kernel over different buffers: one launch
runs them all, each work-group picking the buffers of its segment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tinygrad_cl.compiler.groups import in_order
from tinygrad_cl.compiler.render import Kernel, KernelArgument
from tinygrad_cl.lowering import DeviceTraits, Grid

MAX_SEGMENTS = 64

Parameter = tuple[tuple[str, str], KernelArgument]  # C type and name, and what it receives


@dataclass(frozen=True, slots=True)
class HostCall:
    """The NumPy reference of a value, run while the data lives on a device."""

    value: int
    reason: str
    group: int


@dataclass(slots=True)
class Unit:
    """Launches that stay together while steps are joined and ordered."""

    groups: list[int]
    kernels: list[Kernel]
    scratch: tuple[int, ...]
    reads: set[int]
    writes: set[int]
    host: HostCall | None = None


def join(units: list[Unit], traits: DeviceTraits) -> list[Unit]:
    """Joins independent units of one flat kernel: an optimizer's updates become one launch."""
    candidates: dict[tuple[object, ...], list[Unit]] = {}
    for unit in units:
        if len(unit.kernels) == 1 and unit.kernels[0].parameters:
            candidates.setdefault(_join_key(unit.kernels[0]), []).append(unit)
    for members in candidates.values():
        if len(members) < 2:
            continue
        for batch in _batches(members, units, traits):
            joined = _joined(batch)
            units = [u for u in units if all(u is not b for b in batch)] + [joined]
    return units


def _join_key(kernel: Kernel) -> tuple[object, ...]:
    _, shared = _split(kernel)
    return kernel.text, kernel.vec, tuple(argument for _, argument in shared)


def _batches(members: list[Unit], units: list[Unit], traits: DeviceTraits) -> Iterable[list[Unit]]:
    """Splits members into lists of mutually independent units that fit one kernel's arguments."""
    pointers = sum(a[0] == "value" for a in members[0].kernels[0].arguments)
    most = min(MAX_SEGMENTS, (traits.max_arguments - 128) // (8 * (pointers + 2)))
    ancestors = _ancestors(units)
    batch: list[Unit] = []
    for unit in members:
        clash = any(
            id(unit) in ancestors[id(other)] or id(other) in ancestors[id(unit)] for other in batch
        )
        if clash or len(batch) >= most:
            if len(batch) > 1:
                yield batch
            batch = []
        batch.append(unit)
    if len(batch) > 1:
        yield batch


def _ancestors(units: list[Unit]) -> dict[int, set[int]]:
    writer = {at: unit for unit in units for at in unit.writes}
    found: dict[int, set[int]] = {}
    for unit in in_order(units):
        above: set[int] = set()
        for at in unit.reads:
            if at in writer and writer[at] is not unit:
                above |= {id(writer[at])} | found[id(writer[at])]
        found[id(unit)] = above
    return found


def _joined(batch: list[Unit]) -> Unit:
    first = batch[0].kernels[0]
    chunk = max(unit.kernels[0].arguments[2][1] for unit in batch)
    own, shared = _split(first)
    arguments: list[KernelArgument] = [argument for _, argument in shared]
    parameters = ["".join(f", {ctype}{name}" for (ctype, name), _ in shared)]
    lines, ends = [], 0
    for k, unit in enumerate(batch):
        mine, _ = _split(unit.kernels[0])
        cols = unit.kernels[0].arguments[1][1]
        ends += -(-cols // chunk)
        arguments += [*(argument for _, argument in mine), ("long", cols), ("long", ends)]
        pointers = "".join(f", {ctype}{name}_{k}" for (ctype, name), _ in mine)
        parameters.append(f"{pointers}, long n_{k}, long e_{k}")
        lines.append(_segment_line(k, [parameter for parameter, _ in own]))
    text = _replace_define(first.text, "PARAMS", " \\\n    ".join(parameters))
    text += "#define SELECT_SEGMENT \\\n" + " \\\n".join(lines) + " \\\n    group -= first;\n"
    head: tuple[KernelArgument, ...] = (("long", 1), ("long", 0), ("long", chunk))
    local = first.grid.local or (1,)
    kernel = Kernel(
        f"{first.label}_all",
        first.file,
        text,
        first.vec,
        (*head, *arguments),
        Grid((ends * local[0],), local),
        (),
        len(batch),
    )
    reads = set().union(*(unit.reads for unit in batch))
    writes = set().union(*(unit.writes for unit in batch))
    return Unit([g for unit in batch for g in unit.groups], [kernel], (), reads, writes)


def _split(kernel: Kernel) -> tuple[list[Parameter], list[Parameter]]:
    """The parameters that are buffers of values, and those that all segments share."""
    pairs = list(zip(kernel.parameters, kernel.arguments[3:], strict=True))
    return [p for p in pairs if p[1][0] == "value"], [p for p in pairs if p[1][0] != "value"]


def _segment_line(k: int, names: list[tuple[str, str]]) -> str:
    """The statement that picks the buffers of segment `k`, if the group is in it or later."""
    if k == 0:
        made = " ".join(f"{ctype}{name} = {name}_0;" for ctype, name in names)
        return f"    size_t first = 0; cols = n_0; {made}"
    taken = " ".join(f"{name} = {name}_{k};" for _, name in names)
    return f"    if (group >= (size_t)e_{k - 1}) {{ first = e_{k - 1}; cols = n_{k}; {taken} }}"


def _replace_define(text: str, name: str, value: str) -> str:
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"#define {name} "))
    lines[at] = f"#define {name} {value}"
    return "\n".join(lines) + "\n"
