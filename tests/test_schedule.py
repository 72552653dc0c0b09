"""The order of the units: the rules of compiler/schedule.py, and what they cost."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from structures import leaf, structure

from tinygrad_cl.compiler import schedule as module
from tinygrad_cl.compiler.joining import Unit
from tinygrad_cl.compiler.plan import make_plan
from tinygrad_cl.compiler.schedule import schedule
from tinygrad_cl.compiler.structure import Structure, Value
from tinygrad_cl.dtypes import float32
from tinygrad_cl.graph import Node, TensorSpec, data_signature
from tinygrad_cl.lowering import DeviceTraits
from tinygrad_cl.primitives.movement import cat
from tinygrad_cl.primitives.reduce import sum as total

LONG = 2000


def unit(number: int, reads: set[int], writes: set[int], scratch: tuple[int, ...] = ()) -> Unit:
    return Unit([number], [], scratch, reads, writes)


def values(sizes: list[int]) -> Structure:
    return tuple(Value(data_signature(TensorSpec((n,), float32)), (), 0) for n in sizes)


def plainly(
    made: Structure, units: list[Unit], kept: set[int], is_small: Callable[[Unit], bool]
) -> list[Unit]:
    """The rules of the module, looked up anew for every unit."""
    left, order = list(units), []

    def growth(unit: Unit) -> int:
        inner = {at for u in units for at in u.writes} - kept
        last = {at for at in unit.reads if sum(at in u.reads for u in left) == 1}
        added = [at for at in unit.writes if at in inner]
        freed = [at for at in last if at in inner]
        nbytes = [sum(made[at].numel * 4 for at in some) for some in (added, freed)]
        return nbytes[0] + sum(unit.scratch) - nbytes[1]

    while left:
        unwritten = {at for u in left for at in u.writes}
        ready = [u for u in left if not (u.reads & unwritten)]
        small = [u for u in ready if is_small(u)]
        large = [u for u in ready if not is_small(u)]
        free = [u for u in large if order and growth(u) <= 0]
        if order and is_small(order[-1]) and small:
            chosen = small[0]
        else:
            chosen = (free or large or small)[0]
        order.append(chosen)
        left = [u for u in left if u is not chosen]
    return order


@pytest.mark.parametrize("seed", range(40))
def test_the_order_follows_the_rules(seed: int) -> None:
    rng = random.Random(seed)
    sizes, units = [rng.choice([1, 10, 100]) for _ in range(5)], []
    for number in range(rng.randrange(1, 25)):
        reads = set(rng.sample(range(len(sizes)), rng.randrange(0, 4)))
        writes = set(range(len(sizes), len(sizes) + rng.randrange(1, 3)))
        sizes += [rng.choice([1, 10, 100, 1000]) for _ in writes]
        units.append(unit(number, reads, writes, (40,) if rng.random() < 0.2 else ()))
    kept = {at for at in range(len(sizes)) if rng.random() < 0.2}
    share = rng.choice([0.0, 0.3, 0.8])
    small = {u.groups[0] for u in units if rng.random() < share}
    arguments = values(sizes), units, kept, lambda u: u.groups[0] in small
    assert schedule(*arguments) == plainly(*arguments)


@pytest.mark.parametrize("form", ["chain", "fan"])
def test_the_work_grows_with_the_units(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {"push": 0, "pop": 0}

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            calls[name] += 1
            return function(*args)

        return call

    monkeypatch.setattr(module, "heappush", counted("push", module.heappush))
    monkeypatch.setattr(module, "heappop", counted("pop", module.heappop))
    reads: list[set[int]] = [{at} if form == "chain" else {0} for at in range(LONG)]
    units = [unit(at, reads[at], {at + 1}) for at in range(LONG)]
    order = schedule(values([8] * (LONG + 1)), units, set(), lambda u: False)
    assert order == units
    assert LONG <= calls["push"] <= 3 * LONG
    assert calls["pop"] <= calls["push"]


def test_a_chain_of_two_thousand_nodes_is_planned_in_its_order() -> None:
    node: Node = leaf(64, 64)
    for _ in range(LONG // 2):
        node = node + total(node, dim=(0,), keepdim=True)
    made = make_plan(structure([node]), DeviceTraits(), sliced=False, glued=False)
    first = [min(group.outputs) for group in made.groups]
    launched = [step.groups[0] for step in made.steps]  # type: ignore[union-attr]
    assert len(launched) > LONG // 4
    assert [first[g] for g in launched] == sorted(first[g] for g in launched)


def test_each_copy_of_many_parts_is_looked_at_once() -> None:
    parts = [total(leaf(128, 2), dim=(1,), keepdim=False) for _ in range(LONG // 4)]
    odd = [total(leaf(3, 2), dim=(1,), keepdim=False)]
    whole = total(cat(*parts, *odd, dim=0) + 1, dim=(0,), keepdim=False)
    made = make_plan(structure([whole]), DeviceTraits(), sliced=False, glued=False)
    copies = [s for s in made.steps if s.kernel.label.startswith("copy")]  # type: ignore[union-attr]
    segments = sum(step.kernel.segments for step in copies)  # type: ignore[union-attr]
    assert segments == 1, "only the part that does not fit is copied"
