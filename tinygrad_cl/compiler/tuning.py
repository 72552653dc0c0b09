"""Tuning: the `Choose` of a device, which knows what was measured.

Templates come with plans that are good by default. `TINYGRAD_CL_TUNE` says what else is done:

- `off`: nothing, the templates' own plans run;
- `cached` (the default): winners of earlier searches are used, and nothing is ever measured;
- `search`: every template call that is new is measured, within `TINYGRAD_CL_TUNE_SECONDS` for each
  and `TINYGRAD_CL_TUNE_TOTAL` for the process, and its winner kept on disk.

A choice changes no result beyond rounding: a plan whose result differs from that of the template's
own is refused. Kernels that run inside slices of the batch are not tuned: they share a launch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from weakref import WeakKeyDictionary

from tinygrad_cl import settings
from tinygrad_cl.compiler.choosing import Call, Choose, own_choice
from tinygrad_cl.compiler.measuring import DeviceTrials
from tinygrad_cl.compiler.racing import Plan, Trials, race
from tinygrad_cl.compiler.winners import Winner, Winners, template_hashes, version
from tinygrad_cl.errors import BuildError, DeviceError
from tinygrad_cl.lowering import Choices, Host
from tinygrad_cl.runtime.base import Device
from tinygrad_cl.runtime.cache import DiskCache
from tinygrad_cl.runtime.opencl import OpenCLDevice

logger = logging.getLogger("tinygrad_cl.compiler")

MAX_CALLS = 4096  # that a process remembers
FOLDER_BYTES = 16 << 20  # of the winners on disk


class Tuner:
    """Chooses the plans of template calls.

    Args:
        mode: "off", "cached" or "search".
        winners: what is kept on disk.
        trials: makes what a race of a call runs on.
        host: whether the host may compute a step.
        seconds: for one call.
        total: seconds for all calls.
        clock: tells the time.

    Attributes:
        spent: seconds of searching so far.
        measured: calls that were measured.
    """

    def __init__(
        self,
        mode: str,
        winners: Winners,
        trials: Callable[[Call], Trials],
        host: bool,
        seconds: float,
        total: float,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.mode = mode
        self.winners = winners
        self.trials = trials
        self.host = host
        self.seconds = seconds
        self.total = total
        self.clock = clock
        self.spent = 0.0
        self.measured = 0
        self._known: dict[str, Plan] = {}
        self._idle = mode == "off" or (mode == "cached" and winners.is_empty)

    def __call__(self, call: Call) -> Plan:
        """Returns the plan of a call; measures if the mode is "search" and the call is new."""
        return self._choose(call, self.mode == "search")

    def kept(self, call: Call) -> Plan:
        """Returns the plan of a call from what is known; never measures."""
        return self._choose(call, False)

    def _choose(self, call: Call, search: bool) -> Plan:
        if self._idle or call.template.choices is None:
            return call.default
        key = call.key
        plan = self._known.get(key)
        if plan is None:
            plan = self._kept(call)
            if plan is None and search:
                plan = self._search(call)
            if plan is None:
                return call.default
            while len(self._known) >= MAX_CALLS:
                self._known.pop(next(iter(self._known)))
            self._known[key] = plan
        return plan

    def _kept(self, call: Call) -> Plan | None:
        winner = self.winners.get(call)
        if winner is None:
            return None
        if winner.choice == winner.own:
            return call.default
        plan = dict(self._choices(call)).get(winner.choice)
        if plan is None:
            logger.warning("tuning of %s is ignored: there is no %r", call, winner.choice)
        return plan

    def _choices(self, call: Call) -> Choices:
        own, *others = call.choices
        return (own, *(one for one in others if self.host or not isinstance(one[1], Host)))

    def _search(self, call: Call) -> Plan | None:
        """Measures the plans of a call; None if there is no time for it, or nothing to choose."""
        budget = min(self.seconds, self.total - self.spent)
        if budget <= 0:
            return None
        choices = self._choices(call)
        if len(choices) < 2:
            return choices[0][1]
        begin = self.clock()
        try:
            with _bar(call, len(choices)) as step:
                trials = self.trials(call)
                left = budget - (self.clock() - begin)
                outcome = race(choices, trials, left, self.clock, step)
        except (BuildError, DeviceError) as error:
            logger.warning("%s is not tuned: %s", call, error)
            return choices[0][1]
        finally:
            self._spend(self.clock() - begin)
        own = choices[0][0]
        taken = outcome.seconds
        self.measured += 1
        winner = Winner(
            *(str(call), outcome.choice, taken[outcome.choice], own, taken[own], len(taken)),
            *(template_hashes(choices), self.winners.identity, version()),
        )
        logger.info(
            "tuned %s: %s, %.3g ms; its own plan %.3g ms; %d of %d plans measured",
            *(call, winner.choice, 1e3 * winner.seconds, 1e3 * winner.own_seconds),
            *(len(taken), len(choices)),
        )
        if outcome.holds:
            self.winners.put(call, winner)
        return dict(choices)[outcome.choice]

    def _spend(self, seconds: float) -> None:
        before, self.spent = self.spent, self.spent + seconds
        if before < self.total <= self.spent:
            logger.warning(
                "tuning has used its %g seconds (TINYGRAD_CL_TUNE_TOTAL): what follows runs by "
                "default in this process",
                self.total,
            )


@contextmanager
def _bar(call: Call, total: int) -> Iterator[Callable[[], object]]:
    """A bar in a terminal, and nothing elsewhere."""
    from tqdm.auto import tqdm

    title = f"tuning {call.signature.primitive.name} {call.signature.spec}"
    with tqdm(desc=title, total=total, leave=False, disable=None) as bar:
        yield bar.update


# ---- the tuner of a device

_TUNERS: WeakKeyDictionary[Device, Tuner] = WeakKeyDictionary()


def tuner_of(device: Device) -> Tuner | None:
    """Returns the tuner of a device, as the settings want it; None for the host."""
    if not isinstance(device, OpenCLDevice):
        return None
    tuner = _TUNERS.get(device)
    if tuner is None:
        given = settings.current()
        tuner = _TUNERS[device] = Tuner(
            given.tune,
            _winners(device),
            lambda call: DeviceTrials(device, call),
            device.zero_copy,
            given.tune_seconds,
            given.tune_total,
        )
    return tuner


def choice_of(device: Device, measure: bool = True) -> Choose:
    """Returns how the plans of a device's templates are chosen.

    Args:
        device: the device.
        measure: False for plans that will not run now: then nothing is measured.
    """
    tuner = tuner_of(device)
    if tuner is None:
        return own_choice
    return tuner if measure else tuner.kept


def _winners(device: OpenCLDevice) -> Winners:
    cache = settings.current().cache
    return Winners(DiskCache(cache / "tuning" if cache else None, FOLDER_BYTES), device.identity)


def report(device: Device) -> list[Winner]:
    """Returns what tuning has found for a device, in the order of the calls.

    Example:
        >>> from tinygrad_cl.runtime.device import get_device
        >>> report(get_device("numpy"))
        []
    """
    return list(_winners(device)) if isinstance(device, OpenCLDevice) else []


def clear(device: Device) -> int:
    """Forgets what tuning has found for a device; returns how many winners that were."""
    _TUNERS.pop(device, None)
    return _winners(device).clear() if isinstance(device, OpenCLDevice) else 0
