"""Racing: which of several plans of one template call is the fastest, by measuring them in turn.

Pure logic: whatever touches a device stands behind `Trials`, and time comes from a clock that is
given. Plans are built a few at a time; each must give the result of the first one, the template's
own; those that come near the fastest are then measured in turn, so that whatever else the machine
does meets all of them. The least time of each counts. All of it ends with the budget: nothing is
begun that is not expected to be over by then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinygrad_cl.errors import BuildError, DeviceError
from tinygrad_cl.lowering import Choices, Host, TemplatePlan

logger = logging.getLogger("tinygrad_cl.compiler")

Array = NDArray[Any]
Plan = TemplatePlan | Host

SMALL = 30e-6  # seconds: a call that takes less is its launch, and no choice of a plan helps
GAIN = 0.95  # of the time of the template's own plan that another one may take, at most
HOST_GAIN = 0.85  # the same for the host: it takes no epilogue, and the queue runs dry
BUILDING = 0.6  # of the budget, for building plans and trying each once
BATCH = 4  # plans built as one program
NEAR = (2.0, 1.5, 1.25, 1.15, *[1.1] * 8)  # times the least time: who is in each round
FINALISTS = (12, 8, 6, *[4] * 9)  # and how many, at most
SAMPLE = 2e-3  # seconds of one measurement, at least: shorter plans run several times

# How far results may be apart, in root mean squares of the expected ones: rounding, not errors.
TOLERANCE = {"bfloat16": 8e-2, "float16": 1e-2, "float32": 5e-4, "float64": 1e-11}


class Trials(Protocol):
    """One template call on a device: inputs of random numbers, and a place for the output."""

    def build(self, plans: Sequence[Plan]) -> None:
        """Makes plans ready to run.

        Raises:
            BuildError: if a kernel does not compile.
            DeviceError: if the device has no room.
        """

    def run(self, plan: Plan) -> tuple[Array, float]:
        """Runs a plan once; returns the output and the seconds."""

    def seconds(self, plan: Plan, times: int) -> float:
        """Runs a plan some times; returns the seconds of one."""

    def drop(self, plan: Plan) -> None:
        """Lets go of what a plan needs that will not run again."""


@dataclass(slots=True)
class Outcome:
    """What a race found.

    Attributes:
        choice: the label of the winner.
        seconds: the least time of each plan that was measured, by its label; the first is the
            template's own.
        refused: why others were not: by label.
        holds: False if there was no time to compare anything: another race may find more.
    """

    choice: str
    seconds: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    holds: bool = False


def decide(seconds: Mapping[str, float], host: frozenset[str] = frozenset()) -> str:
    """Returns the label of the plan to run.

    Args:
        seconds: the least time of each, the template's own first.
        host: labels of plans that run on the host.

    Example:
        >>> decide({"own": 1.0, "a": 0.97, "b": 0.8})
        'b'
        >>> decide({"own": 1.0, "a": 0.97, "host": 0.9}, frozenset({"host"}))
        'own'
    """
    own = next(iter(seconds))
    good = {
        label: taken
        for label, taken in seconds.items()
        if taken < (HOST_GAIN if label in host else GAIN) * seconds[own]
    }
    return min(good, key=good.__getitem__, default=own)


def disagreement(expected: Array, found: Array) -> str:
    """Returns how a result differs from the expected one beyond rounding, or "".

    Example:
        >>> a = np.ones(3, np.float32)
        >>> disagreement(a, a + 1e-6), disagreement(a, a * 1.01)
        ('', 'its result is 0.01 off, 0.0005 is allowed')
    """
    if not expected.size:
        return ""
    wide = expected.astype(np.float64)
    scale = float(np.sqrt(np.mean(wide * wide)))
    off = float(np.max(np.abs(found.astype(np.float64) - wide))) / (scale or 1.0)
    allowed = TOLERANCE[expected.dtype.name]
    return "" if off <= allowed else f"its result is {off:.1g} off, {allowed} is allowed"


def race(
    choices: Choices,
    trials: Trials,
    budget: float,
    clock: Callable[[], float],
    step: Callable[[], object] = lambda: None,
) -> Outcome:
    """Returns the fastest of some choices.

    Args:
        choices: labels and plans; the first is the template's own.
        trials: where they run.
        budget: seconds.
        clock: tells the time.
        step: called after each plan was tried.

    Raises:
        DeviceError, BuildError: if the template's own plan cannot run.
    """
    return _Race(choices, trials, budget, clock, step).run()


class _Race:
    def __init__(
        self,
        choices: Choices,
        trials: Trials,
        budget: float,
        clock: Callable[[], float],
        step: Callable[[], object],
    ) -> None:
        self.plans = dict(choices)
        self.trials = trials
        self.clock = clock
        self.step = step
        self.start = clock()
        self.end = self.start + budget
        self.built_by = self.start + BUILDING * budget
        self.own = choices[0][0]
        self.outcome = Outcome(self.own)
        self.best = self.outcome.seconds
        self.expected: Array = np.empty(0)
        self.latest = 0.0  # seconds that a plan of the latest batch took to be built and tried

    def run(self) -> Outcome:
        self._try([self.own])
        if self.best[self.own] >= SMALL:
            others = list(self.plans)[1:]
            while others and (count := self._affordable()):
                self._try(others[:count])
                others = others[count:]
            self._rounds()
        host = frozenset(label for label, plan in self.plans.items() if isinstance(plan, Host))
        self.outcome.choice = decide(self.best, host)
        tried = len(self.best) + len(self.outcome.refused)
        self.outcome.holds = self.best[self.own] < SMALL or tried > 1
        return self.outcome

    # ---- trying

    def _try(self, labels: list[str]) -> None:
        begin = self.clock()
        for label in self._built(labels):
            if label == self.own or self.clock() + 2 * self.best[self.own] < self.end:
                self._try_one(label)
            self.step()
        self.latest = (self.clock() - begin) / len(labels)

    def _affordable(self) -> int:
        """How many plans the next batch may have, if they take as long as the latest ones."""
        left = self.built_by - self.clock()
        return max(0, min(BATCH, int(left / max(self.latest, 1e-9))))

    def _built(self, labels: list[str]) -> list[str]:
        """Builds plans in one program, or one by one if that fails; returns the good ones."""
        try:
            self.trials.build([self.plans[label] for label in labels])
        except (BuildError, DeviceError) as error:
            if labels == [self.own]:
                raise
            if len(labels) == 1:
                self._refuse(labels[0], str(error))
                return []
            return [good for label in labels for good in self._built([label])]
        return labels

    def _try_one(self, label: str) -> None:
        plan = self.plans[label]
        try:
            result, first = self.trials.run(plan)
        except DeviceError as error:
            if label == self.own:
                raise
            self._refuse(label, str(error))
            return
        if label == self.own:
            self.expected = result
        wrong = disagreement(self.expected, result)
        if wrong:
            self._refuse(label, wrong)
            return
        self.best[label] = first
        if self.clock() + first < self.end:
            self._sample(label)
        if self.best[label] > NEAR[0] * min(self.best.values()) and label != self.own:
            self.trials.drop(plan)

    def _refuse(self, label: str, reason: str) -> None:
        self.outcome.refused[label] = reason
        self.trials.drop(self.plans[label])
        logger.warning("tuning: %r is refused: %s", label, reason)

    # ---- rounds

    def _sample(self, label: str) -> None:
        times = max(1, min(64, round(SAMPLE / max(self.best[label], 1e-7))))
        taken = self.trials.seconds(self.plans[label], times)
        self.best[label] = min(self.best[label], taken)

    def _rounds(self) -> None:
        for near, most in zip(NEAR, FINALISTS, strict=True):
            for label in self._finalists(near, most):
                if self.clock() + max(SAMPLE, self.best[label]) > self.end:
                    return
                self._sample(label)

    def _finalists(self, near: float, most: int) -> list[str]:
        """The template's own plan and those that come near the fastest."""
        limit = near * min(self.best.values())
        first = sorted(self.best, key=self.best.__getitem__)[:most]
        found = [label for label in first if self.best[label] <= limit and label != self.own]
        return [self.own, *found] if found else []
