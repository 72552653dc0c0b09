"""Plans: ordered work with a place for every value, as plain data.

`make_plan(structure, traits)` is a pure function: fuse, render, join equal launches over different
buffers, order, and give each value its storage. Nothing here touches a device; `print(plan)` shows
the launches with their nodes, and between them the borders with their reasons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tinygrad_cl.compiler.body import Compute, Load
from tinygrad_cl.compiler.fusion import Border, Group, fuse
from tinygrad_cl.compiler.kernels import render_group
from tinygrad_cl.compiler.memory import Interval, place
from tinygrad_cl.compiler.render import Kernel, KernelArgument
from tinygrad_cl.compiler.structure import DONOR, KEEP, WANTED, Structure
from tinygrad_cl.lowering import DeviceTraits, Grid

MAX_SEGMENTS = 64


@dataclass(frozen=True, slots=True)
class Storage:
    """Where a value lives.

    Kinds: "leaf" (its node's buffer), "fresh" (a new buffer that its node keeps), "donated" (the
    buffer of leaf `at`, overwritten), "arena" (at byte `at`), "alias" (that of value `at`).
    """

    kind: str
    at: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Launch:
    """A kernel over buffers; `scratch`: offsets and sizes of its group's scratch buffers."""

    kernel: Kernel
    groups: tuple[int, ...]
    scratch: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class HostCall:
    """The NumPy reference of a value, run while the data lives on a device."""

    value: int
    reason: str
    group: int


Step = Launch | HostCall


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in order, and where everything is.

    Attributes:
        structure: the graph.
        groups: the fused groups.
        borders: why groups are apart.
        steps: launches and host calls in order.
        storage: the place of each value that has one.
        attached: values whose nodes get a buffer.
        arena: bytes of the arena.
        slots: the place of each scalar in the block of numbers.
        flags: whether a kernel may report a bad index.
    """

    structure: Structure
    groups: tuple[Group, ...]
    borders: tuple[Border, ...]
    steps: tuple[Step, ...]
    storage: dict[int, Storage]
    attached: tuple[int, ...]
    arena: int
    slots: dict[int, int]
    flags: bool

    def home(self, value: int) -> int:
        """The value whose storage `value` shares."""
        while self.storage[value].kind == "alias":
            value = self.storage[value].at
        return value

    def __str__(self) -> str:
        return "\n".join(_describe(self))


@dataclass(slots=True)
class _Unit:
    """Launches that stay together while steps are joined and ordered."""

    groups: list[int]
    kernels: list[Kernel]
    scratch: tuple[int, ...]
    reads: set[int]
    writes: set[int]
    host: HostCall | None = None


def make_plan(structure: Structure, traits: DeviceTraits) -> Plan:
    """Returns the plan of a structure on a device with these traits."""
    fusion = fuse(structure, traits)
    aliases = _aliases(structure, fusion.groups)
    units = _units(structure, fusion.groups, aliases, traits)
    units = _ordered(_join(units, traits))
    slots = {at: k for k, at in enumerate(i for i, v in enumerate(structure) if v.is_scalar)}
    realized = [at for group in fusion.groups for at in group.outputs]
    attached = tuple(at for at in realized if structure[at].flag in (KEEP, WANTED))
    storage, scratch, arena = _store(structure, fusion.groups, units, aliases, set(attached))
    steps = tuple(_steps(units, scratch))
    flags = any(("flags", 0) in step.kernel.arguments for step in steps if isinstance(step, Launch))
    return Plan(
        structure, fusion.groups, fusion.borders, steps, storage, attached, arena, slots, flags
    )


def _aliases(structure: Structure, groups: tuple[Group, ...]) -> dict[int, int]:
    """Groups that only read a buffer from its start, in order: no work, the same buffer."""
    found = {}
    for group in groups:
        items = group.body.items
        if group.kind == "elementwise" and len(group.outputs) == 1 and len(items) == 1:
            item = items[0]
            if isinstance(item, Load) and item.layout.is_contiguous:
                same_size = structure[item.value].numel == structure[group.outputs[0]].numel
                if same_size:
                    found[group.outputs[0]] = item.value
    return found


def _root(aliases: dict[int, int], at: int) -> int:
    while at in aliases:
        at = aliases[at]
    return at


def _units(
    structure: Structure, groups: tuple[Group, ...], aliases: dict[int, int], traits: DeviceTraits
) -> list[_Unit]:
    units = []
    for number, group in enumerate(groups):
        if group.outputs[0] in aliases or not any(structure[at].numel for at in group.outputs):
            continue
        reads = {_root(aliases, at) for at in group.reads if not structure[at].is_scalar}
        writes = set(group.outputs)
        if group.kind == "host":
            call = HostCall(group.outputs[0], group.reason, number)
            units.append(_Unit([number], [], (), reads, writes, call))
            continue
        rendered = render_group(structure, group, traits)
        kernels = [_rooted(kernel, aliases) for kernel in rendered.kernels]
        units.append(_Unit([number], kernels, rendered.scratch, reads, writes))
    return units


def _rooted(kernel: Kernel, aliases: dict[int, int]) -> Kernel:
    arguments = tuple(
        (kind, _root(aliases, at) if kind == "value" else at) for kind, at in kernel.arguments
    )
    return replace(kernel, arguments=arguments)


# ---- joining equal launches over different buffers


def _join(units: list[_Unit], traits: DeviceTraits) -> list[_Unit]:
    """Joins independent units of one flat kernel: an optimizer's updates become one launch."""
    candidates: dict[tuple[object, ...], list[_Unit]] = {}
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


def _batches(
    members: list[_Unit], units: list[_Unit], traits: DeviceTraits
) -> Iterable[list[_Unit]]:
    """Splits members into lists of mutually independent units that fit one kernel's arguments."""
    pointers = sum(a[0] == "value" for a in members[0].kernels[0].arguments)
    most = min(MAX_SEGMENTS, (traits.max_arguments - 128) // (8 * (pointers + 2)))
    ancestors = _ancestors(units)
    batch: list[_Unit] = []
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


def _ancestors(units: list[_Unit]) -> dict[int, set[int]]:
    writer = {at: unit for unit in units for at in unit.writes}
    found: dict[int, set[int]] = {}
    for unit in _ordered(units):
        above: set[int] = set()
        for at in unit.reads:
            if at in writer and writer[at] is not unit:
                above |= {id(writer[at])} | found[id(writer[at])]
        found[id(unit)] = above
    return found


def _joined(batch: list[_Unit]) -> _Unit:
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
    return _Unit([g for unit in batch for g in unit.groups], [kernel], (), reads, writes)


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


# ---- order and storage


def _ordered(units: list[_Unit]) -> list[_Unit]:
    """Units sorted so that each comes after the writers of what it reads."""
    writer = {at: unit for unit in units for at in unit.writes}
    done: set[int] = set()
    order: list[_Unit] = []
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


def _bytes(structure: Structure, at: int) -> int:
    return structure[at].numel * structure[at].dtype.itemsize


def _store(
    structure: Structure,
    groups: tuple[Group, ...],
    units: list[_Unit],
    aliases: dict[int, int],
    attached: set[int],
) -> tuple[dict[int, Storage], dict[tuple[int, int], tuple[int, int]], int]:
    """Returns values' storage, scratch's places by (unit, number), and the arena's size."""
    storage = {at: Storage("leaf") for at, value in enumerate(structure) if value.is_data}
    kept = {_root(aliases, at) for at in attached}
    last = {at: number for number, unit in enumerate(units) for at in unit.reads}
    donors = _donations(structure, groups, units, last, kept)
    intervals: dict[int, Interval] = {}
    for number, unit in enumerate(units):
        for at in unit.writes:
            if at in donors:
                storage[at] = Storage("donated", donors[at])
            elif at in kept:
                storage[at] = Storage("fresh", 0, _bytes(structure, at))
            else:
                size = _bytes(structure, at)
                intervals[at] = Interval(size, number, max(last.get(at, number), number))
        for k, size in enumerate(unit.scratch):
            intervals[_scratch_key(structure, number, k)] = Interval(size, number, number)
    offsets, arena = place(intervals)
    scratch = {}
    for number, unit in enumerate(units):
        for k, size in enumerate(unit.scratch):
            scratch[number, k] = (offsets[_scratch_key(structure, number, k)], size)
    for at, interval in intervals.items():
        if at < len(structure):
            storage[at] = Storage("arena", offsets[at], interval.size)
    for group in groups:
        for at in group.outputs:
            if at in aliases:
                storage[at] = Storage("alias", aliases[at])
            elif at not in storage:  # nothing to compute: no elements
                storage[at] = Storage("fresh", 0, 0)
    return storage, scratch, arena


def _scratch_key(structure: Structure, unit: int, number: int) -> int:
    return len(structure) + unit * 16 + number


def _donations(
    structure: Structure,
    groups: tuple[Group, ...],
    units: list[_Unit],
    last: dict[int, int],
    kept: set[int],
) -> dict[int, int]:
    """Which output may overwrite which leaf: the leaf's last reader makes it in place."""
    donated: dict[int, int] = {}
    used: set[int] = set()
    for number, unit in enumerate(units):
        for g in unit.groups:
            group = groups[g]
            if group.kind != "elementwise":
                continue
            others = [groups[other] for other in unit.groups if other != g]
            for output in group.outputs:
                leaf = _donor(structure, group, output, number, last, used, kept)
                if leaf is not None and not any(leaf in other.reads for other in others):
                    donated[output] = leaf
                    used.add(leaf)
    return donated


def _donor(
    structure: Structure,
    group: Group,
    output: int,
    number: int,
    last: dict[int, int],
    used: set[int],
    kept: set[int],
) -> int | None:
    if output not in kept:
        return None
    for load in group.body.loads:
        at = load.value
        if (
            structure[at].flag == DONOR
            and at not in used
            and at not in kept
            and last[at] == number
            and _bytes(structure, at) == _bytes(structure, output)
            and structure[at].dtype is structure[output].dtype
            and all(other.layout.is_contiguous for other in group.body.loads if other.value == at)
        ):
            return at
    return None


def _steps(units: list[_Unit], scratch: dict[tuple[int, int], tuple[int, int]]) -> Iterable[Step]:
    for number, unit in enumerate(units):
        if unit.host is not None:
            yield unit.host
        places = tuple(scratch[number, k] for k in range(len(unit.scratch)))
        for kernel in unit.kernels:
            yield Launch(kernel, tuple(unit.groups), places)


# ---- printing


def _describe(plan: Plan) -> Iterable[str]:
    launches = sum(isinstance(step, Launch) for step in plan.steps)
    yield (
        f"plan: {len(plan.structure)} nodes, {len(plan.groups)} groups, {launches} launches, "
        f"arena {plan.arena} bytes"
    )
    reasons = {border.value: border.reason for border in plan.borders}
    for number, step in enumerate(plan.steps):
        if isinstance(step, HostCall):
            yield f"{number:3} host {plan.structure[step.value].signature}: {step.reason}"
            members = [step.group]
        else:
            many = f" ({step.kernel.segments} segments)" if step.kernel.segments > 1 else ""
            yield f"{number:3} launch {step.kernel.name}{many} grid {step.kernel.grid.size}"
            members = list(step.groups[:3])
        for g in members:
            yield from _describe_group(plan, plan.groups[g], reasons)


def _describe_group(plan: Plan, group: Group, reasons: dict[int, str]) -> Iterable[str]:
    structure = plan.structure
    for at in sorted(group.reads):
        if not structure[at].is_data:
            yield f"      border {reasons.get(at, '')}: %{at} {structure[at].signature}"
    for body in group.inner:
        for item in body.items:
            if isinstance(item, Compute):
                yield f"      fused  %{item.value} {structure[item.value].signature}"
    if group.anchor is not None:
        yield f"      anchor %{group.anchor} {structure[group.anchor].signature}"
    for item in group.body.items:
        if isinstance(item, Compute):
            yield f"      fused  %{item.value} {structure[item.value].signature}"
    for at in group.outputs:
        yield f"      stores %{at} {structure[at].signature.spec}, {plan.storage[at].kind}"
