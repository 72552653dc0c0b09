"""Random programs and trainings, compared with PyTorch; see tests/programs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from programs.events import advance, plans
from programs.machine import Machine, TorchMachine, agree
from programs.program import Program, programs
from programs.worlds import Plan, World

import tinygrad_cl as tg

torch = pytest.importorskip("torch", reason='PyTorch is missing: pip install -e ".[compare]"')

TIES = ("topk", "sort", "gather")  # which of equal values PyTorch takes is not said


def examples(count: int) -> Any:
    every = list(HealthCheck)
    return settings(max_examples=settings().max_examples * count // 25, suppress_health_check=every)


@examples(100)
@given(programs(without=TIES))
def test_programs(program: Program) -> None:
    ours, theirs = Machine(program, "numpy"), TorchMachine(program, torch)
    for run in range(3):
        if not agree(ours.run(), theirs.run(), f"run {run}"):
            return


@examples(25)
@given(plans(comparable=True))
def test_trainings(plan: Plan) -> None:
    before = tg.get_default_device()
    tg.set_default_device("numpy")
    try:
        ours, theirs = World(tg, plan, states=False), World(torch, plan, states=False)
        for step, events in enumerate(plan.events):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PyTorch's, of rates that change before a step
                mine, other = advance(ours, events), advance(theirs, events)
            if any(not np.all(np.isfinite(a)) or np.abs(a).max(initial=0) > 1e3 for a in other):
                return
            agree(mine, other, f"step {step}", tolerance=3e-4)
    finally:
        tg.set_default_device(before)
