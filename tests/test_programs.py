"""Random programs and trainings agree, however they are run; see tests/programs.

A program runs define-by-run, with values read at arbitrary moments, and captured, on each device,
ten times and more with other inputs: plans change while they get warm. `--long` tries many more.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from programs.events import advance, plans
from programs.machine import Array, Machine, agree
from programs.program import Program, programs
from programs.worlds import Plan, World

import tinygrad_cl as tg


def examples(count: int) -> Any:
    """So many examples; with `--long` as many times more as of other property tests."""
    every = list(HealthCheck)
    return settings(max_examples=settings().max_examples * count // 25, suppress_health_check=every)


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """Programs that cannot be captured say so; here that is no news."""
    log = logging.getLogger("tinygrad_cl.jit")
    before = log.level
    log.setLevel(logging.ERROR)
    yield
    log.setLevel(before)


def check(machines: dict[str, Machine], runs: int) -> None:
    """Runs machines side by side; the first one is right, and captured is plain, bit by bit."""
    first, *others = machines
    for run in range(runs):
        made = {name: machine.run() for name, machine in machines.items()}
        for name in others:
            if not agree(made[name], made[first], f"run {run}, {name}"):
                return  # too large or not finite: rounding is all that could be compared
        for at, (a, b) in enumerate(zip(made["plain"], made["captured"], strict=True)):
            assert a.tobytes() == b.tobytes(), f"run {run}, captured: result {at} has other bits"


@examples(60)
@given(programs())
def test_programs_on_the_host(program: Program) -> None:
    """Neither reading values in between nor replaying changes any."""
    machines = {
        "plain": Machine(program, "numpy"),
        "read": Machine(program, "numpy", looks=True),
        "captured": Machine(program, "numpy", captured=True),
    }
    check(machines, 5)


@examples(12)
@given(programs())
def test_programs_on_devices(opencl_device: str, program: Program) -> None:
    machines = {
        "host": Machine(program, "numpy"),
        "plain": Machine(program, opencl_device),
        "read": Machine(program, opencl_device, looks=True),
        "captured": Machine(program, opencl_device, captured=True),
    }
    check(machines, 11)


@examples(3)
@given(programs(large=True))
def test_larger_programs_on_devices(opencl_device: str, program: Program) -> None:
    """Sizes at which kernels take other forms."""
    machines = {
        "host": Machine(program, "numpy"),
        "plain": Machine(program, opencl_device),
        "captured": Machine(program, opencl_device, captured=True),
    }
    check(machines, 10)


def trained(plan: Plan, device: str, captured: bool) -> list[list[Array]]:
    """All that can be seen of a training, step by step."""
    before = tg.get_default_device()
    tg.set_default_device(device)
    try:
        world = World(tg, plan, tg.jit if captured else lambda f: f)
        return [advance(world, events) for events in plan.events]
    finally:
        tg.set_default_device(before)


def check_training(plan: Plan, device: str, off: float = 0.0) -> None:
    """Compares all that can be seen after each step; `off` is how far they may be apart."""
    plain, captured = trained(plan, device, False), trained(plan, device, True)
    for step, (left, right) in enumerate(zip(plain, captured, strict=True)):
        assert len(left) == len(right)
        for at, (a, b) in enumerate(zip(left, right, strict=True)):
            if not np.all(np.isfinite(a)):
                return
            same = a.tobytes() == b.tobytes() or np.allclose(a, b, off, off)
            assert same, f"step {step}, value {at}:\n{a}\n{b}"


@examples(40)
@given(plans())
def test_captured_trainings_on_the_host(plan: Plan) -> None:
    """Whatever happens between captured steps is seen by them."""
    check_training(plan, "numpy")


@examples(3)
@given(plans(longest=10))
def test_captured_trainings_on_devices(opencl_device: str, plan: Plan) -> None:
    # Old values that somebody holds are not overwritten, and a step that overwrites nothing is not
    # cut into slices: then sums come out in another order.
    check_training(plan, opencl_device, off=3e-4)
