"""Schedules made of others: one after the other, all at once, and a warm-up before another."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_cl.errors import ArgumentError, StateError
from tinygrad_cl.optim.lr_scheduler.base import LRScheduler
from tinygrad_cl.optim.lr_scheduler.factors import ConstantLR, LinearLR
from tinygrad_cl.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tinygrad_cl.optim.optimizer import Optimizer


class _Combined(LRScheduler):
    """Schedules that step others."""

    _schedulers: list[LRScheduler]

    def _take(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
        """Checks the parts: at least one, of one optimizer, and none that needs a metric."""
        name = type(self).__name__
        self._schedulers = list(schedulers)
        if not self._schedulers:
            raise ArgumentError(f"{name}: needs at least one schedule")
        for i, part in enumerate(self._schedulers):
            if not isinstance(part, LRScheduler) or isinstance(part, ReduceLROnPlateau):
                raise ArgumentError(
                    f"{name}: schedule {i} is {type(part).__name__}, which cannot be combined; "
                    "step it by itself"
                )
        self.optimizer = optimizer or self._schedulers[0].optimizer
        if any(part.optimizer is not self.optimizer for part in self._schedulers):
            raise ArgumentError(f"{name}: all schedules must be of one optimizer")

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of the schedule and of its parts."""
        state = super().state_dict()
        return state | {"_schedulers": [part.state_dict() for part in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over a state that `state_dict`, or PyTorch's, gave; all of it, or nothing.

        Raises:
            StateError: if it does not fit.
        """
        fitting = self._fitting(state_dict)
        states = fitting.pop("_schedulers", None)
        count = len(states) if isinstance(states, list) else 0
        if count != len(self._schedulers):
            raise StateError(
                f"{type(self).__name__}.load_state_dict: {count} schedules saved, "
                f"there are {len(self._schedulers)}"
            )
        before = [part.state_dict() for part in self._schedulers]
        try:
            for part, state in zip(self._schedulers, states, strict=True):
                part.load_state_dict(state)
        except StateError:
            for part, state in zip(self._schedulers, before, strict=True):
                part.load_state_dict(state)
            raise
        vars(self).update(fitting)


class ChainedScheduler(_Combined):
    """Several schedules at once: each changes the rate that the one before has set.

    Args:
        schedulers: schedules of one optimizer.
        optimizer: the optimizer; that of the schedules by default.

    Raises:
        ArgumentError: for no schedules, several optimizers, or one that needs a metric.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
        >>> optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=1.0)
        >>> parts = [ConstantLR(optimizer, 0.5, total_iters=2), ExponentialLR(optimizer, 0.5)]
        >>> schedule = ChainedScheduler(parts)
        >>> rates = []
        >>> for _ in range(4):
        ...     rates += schedule.get_last_lr()
        ...     schedule.step()
        >>> rates
        [0.5, 0.25, 0.25, 0.125]
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        self._take(optimizer, schedulers)
        self._last_lr = self._rates

    def _start(self) -> None:
        for part in self._schedulers:
            part._start()
        self._last_lr = self._rates

    def step(self, epoch: int | None = None) -> None:
        """Steps every schedule, in order."""
        for part in self._schedulers:
            part.step(epoch)
        self._last_lr = self._rates

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch == 0:
            for group in self.optimizer.param_groups:
                group["lr"] = group["initial_lr"]
            _undo(self)
            self._start()
        else:
            self.step(epoch)


class SequentialLR(_Combined):
    """One schedule after the other; each starts at epoch 0 when its milestone has come.

    Args:
        optimizer: whose rates to set.
        schedulers: schedules of that optimizer.
        milestones: the epochs at which the second and further schedules take over.
        last_epoch: epochs already done, -1 for a new start.

    Raises:
        ArgumentError: for milestones that are not one fewer than the schedules, several optimizers,
            or a schedule that needs a metric.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
        >>> optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=1.0)
        >>> parts = [ConstantLR(optimizer, 0.25, total_iters=9), ExponentialLR(optimizer, 0.5)]
        >>> schedule = SequentialLR(optimizer, parts, milestones=[2])
        >>> rates = []
        >>> for _ in range(5):
        ...     rates += schedule.get_last_lr()
        ...     schedule.step()
        >>> rates
        [0.25, 0.25, 1.0, 0.5, 0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        self._take(optimizer, schedulers)
        self._milestones = list(milestones)
        if len(self._milestones) != len(self._schedulers) - 1:
            raise ArgumentError(
                f"{type(self).__name__}: {len(self._schedulers)} schedules need one milestone "
                f"fewer, got {len(self._milestones)}"
            )
        if self._milestones != sorted(self._milestones):
            raise ArgumentError(f"{type(self).__name__}: milestones must rise, got {milestones}")
        self.last_epoch = last_epoch + 1
        self._begin()

    def _begin(self) -> None:
        """Undoes what the parts have set so far, and starts the first of them."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        _undo(self)
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._start()
        self._last_lr = first.get_last_lr()

    def _start(self) -> None:
        self.last_epoch += 1
        self._begin()

    def step(self, epoch: int | None = None) -> None:
        """Goes to the next epoch.

        Raises:
            ArgumentError: if an epoch is given.
        """
        if epoch is not None:
            raise ArgumentError(f"{type(self).__name__}: cannot go to a given epoch")
        self.last_epoch += 1
        at = bisect_right(self._milestones, self.last_epoch)
        part = self._schedulers[at]
        if at > 0 and self._milestones[at - 1] == self.last_epoch:
            part._update_lr(0)
        else:
            part.step()
        self._last_lr = part.get_last_lr()

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch == 0:
            self.last_epoch = 0
            self._begin()
        else:
            self.step(epoch)


class WarmupLR(SequentialLR):
    """A linear warm-up to the optimizer's rate, then another schedule, or the rate as it is.

    Args:
        optimizer: whose rates to set.
        total_iters: steps of the warm-up; the schedule that follows starts after them.
        after: a schedule of the same optimizer, which counts from the end of the warm-up.
        start_factor: share of the rate at step 0, in (0, 1].

    Raises:
        ArgumentError: for a length below 1 or a factor out of range.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl.optim.lr_scheduler import CosineAnnealingLR, WarmupLR
        >>> optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=1.0)
        >>> cosine = CosineAnnealingLR(optimizer, T_max=4)
        >>> schedule = WarmupLR(optimizer, 2, after=cosine, start_factor=0.5)
        >>> rates = []
        >>> for _ in range(7):
        ...     rates.append(round(schedule.get_last_lr()[0], 3))
        ...     schedule.step()
        >>> rates
        [0.5, 0.75, 1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int,
        after: LRScheduler | None = None,
        start_factor: float = 0.01,
    ) -> None:
        ramp = LinearLR(optimizer, start_factor, 1.0, total_iters)
        rest = ConstantLR(optimizer, 1.0, 0) if after is None else after
        super().__init__(optimizer, [ramp, rest], [total_iters])


def _undo(schedule: LRScheduler) -> None:
    """Takes back the step with which a schedule was made, and those of its parts."""
    if isinstance(schedule, _Combined):
        for part in schedule._schedulers:
            _undo(part)
    if not isinstance(schedule, _Combined):
        schedule.last_epoch -= 1
