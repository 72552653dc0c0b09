"""Units: launches that stay together; equal ones over different buffers are joined.

An optimizer's updates of all parameters are the same flat kernel over different buffers: one launch
runs them all, each work-group picking the buffers of its segment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tinygrad_cl.compiler.render import Kernel, KernelArgument
from tinygrad_cl.lowering import DeviceTraits, Grid

MAX_SEGMENTS = 64


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
    shared = tuple(argument for argument in kernel.arguments[3:] if argument[0] != "value")
    return kernel.text, kernel.vec, shared


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
    for unit in ordered(units):
        above: set[int] = set()
        for at in unit.reads:
            if at in writer and writer[at] is not unit:
                above |= {id(writer[at])} | found[id(writer[at])]
        found[id(unit)] = above
    return found


def _joined(batch: list[Unit]) -> Unit:
    first = batch[0].kernels[0]
    chunk = max(unit.kernels[0].arguments[2][1] for unit in batch)
    shared = [
        (parameter, argument)
        for parameter, argument in zip(first.parameters, first.arguments[3:], strict=True)
        if argument[0] != "value"
    ]
    parameters = [(ctype, name) for (ctype, name), _ in shared]
    arguments: list[KernelArgument] = [argument for _, argument in shared]
    lines, ends = [], 0
    for k, unit in enumerate(batch):
        kernel = unit.kernels[0]
        picks = []
        for (ctype, name), argument in zip(kernel.parameters, kernel.arguments[3:], strict=True):
            if argument[0] == "value":
                parameters.append((ctype, f"{name}_{k}"))
                arguments.append(argument)
                picks.append((ctype, name, f"{name}_{k}"))
        cols = kernel.arguments[1][1]
        lines.append(_segment_line(k, picks))
        parameters += [("long ", f"n_{k}"), ("long ", f"e_{k}")]
        ends += -(-cols // chunk)
        arguments += [("long", cols), ("long", ends)]
    text = _replace_define(first.text, "PARAMS", "".join(f", {t}{n}" for t, n in parameters))
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


def _segment_line(k: int, picks: list[tuple[str, str, str]]) -> str:
    if k == 0:
        made = " ".join(f"{ctype}{name} = {source};" for ctype, name, source in picks)
        return f"    size_t first = 0; cols = n_0; {made}"
    taken = " ".join(f"{name} = {source};" for _, name, source in picks)
    return f"    if (group >= (size_t)e_{k - 1}) {{ first = e_{k - 1}; cols = n_{k}; {taken} }}"


def _replace_define(text: str, name: str, value: str) -> str:
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"#define {name} "))
    lines[at] = f"#define {name} {value}"
    return "\n".join(lines) + "\n"


def ordered(units: list[Unit]) -> list[Unit]:
    """Units sorted so that each comes after the writers of what it reads."""
    writer = {at: unit for unit in units for at in unit.writes}
    done: set[int] = set()
    order: list[Unit] = []
    for root in sorted(units, key=lambda u: max(u.writes)):
        stack = [root]
        while stack:
            unit = stack[-1]
            if id(unit) in done:
                stack.pop()
                continue
            waiting = [
                writer[at]
                for at in sorted(unit.reads, reverse=True)
                if at in writer and writer[at] is not unit and id(writer[at]) not in done
            ]
            if waiting:
                stack += waiting
            else:
                stack.pop()
                done.add(id(unit))
                order.append(unit)
    return order
