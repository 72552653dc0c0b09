"""Cycles: schedules that move the rate up and down, and momentum the other way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.optim.lr_scheduler.base import (
    LRScheduler,
    checked,
    load_functions,
    per_group,
    saved_functions,
)
from tinygrad_cl.optim.optimizer import Optimizer

Numbers = float | Sequence[float]


class _Cycle(LRScheduler):
    """Schedules of rate and momentum; the latter is `momentum`, or the first of `betas`."""

    cycle_momentum: bool
    use_beta1: bool

    def _take_momenta(
        self, optimizer: Optimizer, base: Numbers, most: Numbers, fresh: bool
    ) -> tuple[list[float], list[float]]:
        """Checks momenta per group and sets the largest."""
        name = type(self).__name__
        if not {"momentum", "betas"} & set(optimizer.defaults):
            raise ArgumentError(
                f"{name}: {type(optimizer).__name__} has no momentum to cycle; "
                "give cycle_momentum=False"
            )
        self.use_beta1 = "betas" in optimizer.defaults
        low = per_group(name, "base_momentum", optimizer, base)
        high = per_group(name, "max_momentum", optimizer, most)
        if fresh:
            for group, smallest, largest in zip(optimizer.param_groups, low, high, strict=True):
                self._set_momentum(group, largest)
                group["max_momentum"] = largest
                group["base_momentum"] = smallest
        return low, high

    def _set_momentum(self, group: dict[str, Any], value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_Cycle):
    """The rate goes up and down between two bounds, step by step (Smith 2017).

    `step` is to be called after every batch. Momentum goes the other way.

    Args:
        optimizer: whose rates to set.
        base_lr: the lower bound, or one per group.
        max_lr: the upper bound of the first cycle, or one per group.
        step_size_up: steps on the way up.
        step_size_down: steps on the way down; as many by default.
        mode: "triangular": all cycles alike; "triangular2": each half as high; "exp_range": lower
            by `gamma` with each step.
        gamma: see mode.
        scale_fn: a function that gives the height of a cycle, in place of a mode.
        scale_mode: what the function is called with: "cycle" (1, 2, ...) or "iterations".
        cycle_momentum: whether momentum (or the first beta) goes down while the rate goes up.
        base_momentum: its lower bound, or one per group.
        max_momentum: its upper bound, or one per group.
        last_epoch: steps already done, -1 for a new start.

    Raises:
        ArgumentError: for an unknown mode, or an optimizer without momentum.

    Example:
        >>> import tinygrad_cl as tg
        >>> optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], momentum=0.9)
        >>> schedule = tg.optim.lr_scheduler.CyclicLR(optimizer, 0.0, 1.0, step_size_up=2)
        >>> rates = []
        >>> for _ in range(5):
        ...     rates += schedule.get_last_lr()
        ...     schedule.step()
        >>> rates
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Numbers,
        max_lr: Numbers,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Numbers = 0.8,
        max_momentum: Numbers = 0.9,
        last_epoch: int = -1,
    ) -> None:
        checked("CyclicLR", optimizer)
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ArgumentError(
                f'CyclicLR: mode is "triangular", "triangular2" or "exp_range", got {mode!r}; '
                "or give scale_fn"
            )
        fresh = last_epoch == -1
        bases = per_group("CyclicLR", "base_lr", optimizer, base_lr)
        if fresh:
            for group, rate in zip(optimizer.param_groups, bases, strict=True):
                group["lr"] = rate
        self.max_lrs = per_group("CyclicLR", "max_lr", optimizer, max_lr)
        self.total_size = float(step_size_up + (step_size_down or step_size_up))
        self.step_ratio = step_size_up / self.total_size
        self.mode, self.gamma = mode, gamma
        self._scale_fn_custom = scale_fn
        iterations = scale_mode if scale_fn is not None else "iterations"
        self.scale_mode = iterations if scale_fn is not None or mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._take_momenta(
                optimizer, base_momentum, max_momentum, fresh
            )
        super().__init__(optimizer, last_epoch)
        self.base_lrs = bases

    def scale_fn(self, x: float) -> float:
        """Returns the height of a cycle, as a share of the first."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return float(1 / 2.0 ** (x - 1))
        return float(self.gamma**x) if self.mode == "exp_range" else 1.0

    def get_lr(self) -> list[float]:
        """Returns the rates of the current step, and sets the momenta."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        ratio = self.step_ratio
        height = x / ratio if x <= ratio else (x - 1) / (ratio - 1)
        height *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (low, high) in zip(self.optimizer.param_groups, bounds, strict=False):
                self._set_momentum(group, high - (high - low) * height)
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * height for low, high in pairs]

    def state_dict(self) -> dict[str, Any]:
        """Returns the schedule's state; of `scale_fn` the attributes of a callable object."""
        return super().state_dict() | {
            "_scale_fn_custom": saved_functions([self._scale_fn_custom])[0]
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over a state that `state_dict`, or PyTorch's, gave.

        Raises:
            StateError: if it does not fit.
        """
        fitting = self._fitting(state_dict)
        load_functions([self._scale_fn_custom], [fitting.pop("_scale_fn_custom", None)])
        vars(self).update(fitting)


class OneCycleLR(_Cycle):
    """One cycle: the rate rises to a peak and falls far below its start (Smith and Topin 2018).

    `step` is to be called after every batch, `total_steps` times at most. Momentum goes the other
    way.

    Args:
        optimizer: whose rates to set; its own rate does not matter.
        max_lr: the peak, or one per group.
        total_steps: length of the cycle; or give `epochs` and `steps_per_epoch`.
        epochs: number of epochs.
        steps_per_epoch: steps of each.
        pct_start: share of the cycle on the way up.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether momentum (or the first beta) goes down while the rate goes up.
        base_momentum: its lower bound, or one per group.
        max_momentum: its upper bound, or one per group.
        div_factor: peak over first rate.
        final_div_factor: first over last rate.
        three_phase: fall to the first rate as slowly as it rose, then to the last one.
        last_epoch: steps already done, -1 for a new start.

    Raises:
        ArgumentError: for settings out of range, an optimizer without momentum, or too many steps.

    Example:
        >>> import tinygrad_cl as tg
        >>> optimizer = tg.optim.Adam([tg.zeros(1, requires_grad=True)])
        >>> schedule = tg.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=11)
        >>> rates = []
        >>> for _ in range(11):
        ...     rates.append(round(schedule.get_last_lr()[0], 2))
        ...     schedule.step()
        >>> rates
        [0.04, 0.42, 0.96, 0.98, 0.88, 0.73, 0.53, 0.33, 0.16, 0.04, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Numbers,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Numbers = 0.85,
        max_momentum: Numbers = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        checked("OneCycleLR", optimizer)
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        if not (isinstance(pct_start, int | float) and 0 <= pct_start <= 1):
            raise ArgumentError(f"OneCycleLR: pct_start must be in [0, 1], got {pct_start!r}")
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(
                f'OneCycleLR: anneal_strategy is "cos" or "linear", got {anneal_strategy!r}'
            )
        self._anneal_func_type = anneal_strategy
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        peaks = per_group("OneCycleLR", "max_lr", optimizer, max_lr)
        fresh = last_epoch == -1
        if fresh:
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["initial_lr"] = peak / div_factor
                group["max_lr"] = peak
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._take_momenta(optimizer, base_momentum, max_momentum, fresh)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Returns the rates of the current step, and sets the momenta.

        Raises:
            ArgumentError: after the last step.
        """
        at = self.last_epoch
        if at > self.total_steps:
            raise ArgumentError(
                f"OneCycleLR: step {at} is beyond the cycle of {self.total_steps} steps"
            )
        start, phase = 0.0, self._schedule_phases[-1]
        for earlier in self._schedule_phases[:-1]:
            if at <= earlier["end_step"]:
                phase = earlier
                break
            start = earlier["end_step"]
        share = (at - start) / (phase["end_step"] - start)
        rates = []
        for group in self.optimizer.param_groups:
            if self.cycle_momentum:
                momenta = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._between(*momenta, share))
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
        return rates

    def _between(self, start: float, end: float, share: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def _total(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    given = [total_steps] if total_steps is not None else [epochs, steps_per_epoch]
    if not all(isinstance(number, int) and number > 0 for number in given):
        raise ArgumentError(
            "OneCycleLR: needs total_steps, or epochs and steps_per_epoch, as positive whole "
            f"numbers, got {total_steps}, {epochs}, {steps_per_epoch}"
        )
    return math.prod(number for number in given if number is not None)


def _phases(total: int, share: float, three: bool) -> list[dict[str, Any]]:
    """Where each phase ends, and between which settings of the group it leads."""
    ends = [share * total - 1, 2 * share * total - 2] if three else [share * total - 1]
    rates = ["initial_lr", "max_lr", *(["initial_lr"] if three else []), "min_lr"]
    momenta = ["max_momentum", "base_momentum", "max_momentum", "max_momentum"]
    return [
        {
            "end_step": float(end),
            "start_lr": rates[i],
            "end_lr": rates[i + 1],
            "start_momentum": momenta[i],
            "end_momentum": momenta[i + 1],
        }
        for i, end in enumerate([*ends, total - 1])
    ]
