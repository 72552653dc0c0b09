"""Callbacks that set the rate: on a plateau, by a function, by any schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.optim import lr_scheduler
from tinygrad_cl.train.callbacks import Callback, Logs, monitored
from tinygrad_cl.train.stopping import mode_of


class ReduceLROnPlateau(Callback):
    """Multiplies the rate by `factor` when a value has not improved for `patience` epochs.

    Args:
        monitor: the name of the value.
        factor: below 1.
        patience: epochs without improvement that are tolerated.
        min_delta: smaller improvements do not count.
        mode: "min", "max", or "auto" (by the name).
        cooldown: epochs after a reduction that do not count.
        min_lr: floor of the rate.

    Raises:
        ArgumentError: for settings out of range, or a value that epochs do not have.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        mode: str = "auto",
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if not 0 <= factor < 1:
            raise ArgumentError(f"ReduceLROnPlateau: factor must be below 1, got {factor}")
        self.monitor = monitor
        self._settings: dict[str, Any] = {
            "mode": mode_of(monitor, mode),
            "factor": factor,
            "patience": patience,
            "threshold": min_delta,
            "threshold_mode": "abs",
            "cooldown": cooldown,
            "min_lr": min_lr,
        }

    def on_train_begin(self) -> None:
        """Starts a schedule of the model's optimizer."""
        optimizer = self.model.optimizer
        self._schedule = lr_scheduler.ReduceLROnPlateau(optimizer, **self._settings)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Reduces the rate if it is time."""
        self._schedule.step(monitored(self, logs, self.monitor))

    def state_dict(self) -> dict[str, Any]:
        """Returns the best value and the counts of epochs."""
        return self._schedule.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on with the run that is resumed."""
        self._schedule.load_state_dict(dict(state))


class LearningRateScheduler(Callback):
    """Sets the rate by a function, or steps any schedule of `optim.lr_scheduler`.

    Args:
        schedule: a function of the epoch (from 0) and the present rate, which returns the new rate
            of all groups; or a schedule of the model's optimizer.
        by: "epoch", or "step" after every training step; a function is then given the number of
            steps so far.
        monitor: the value that a schedule `ReduceLROnPlateau` watches.

    Raises:
        ArgumentError: for something else.

    Example:
        >>> callback = LearningRateScheduler(lambda epoch, lr: lr * 0.5 if epoch else lr)
    """

    def __init__(
        self,
        schedule: Any,
        by: str = "epoch",
        monitor: str = "val_loss",
    ) -> None:
        self.is_function = not hasattr(schedule, "step")
        if isinstance(schedule, type) or (self.is_function and not callable(schedule)):
            raise ArgumentError(
                "LearningRateScheduler: needs a function of (epoch, lr) or a schedule of the "
                f"model's optimizer, got {schedule!r}"
            )
        self.schedule = schedule
        self.by, self.monitor = checked_by("LearningRateScheduler", by), monitor
        self._steps = 0

    def on_epoch_begin(self, epoch: int) -> None:
        """Sets the rate of an epoch."""
        if self.is_function and self.by == "epoch":
            self._set(epoch)

    def on_batch_begin(self, step: int) -> None:
        """Sets the rate of a step."""
        if self.is_function and self.by == "step":
            self._set(self._steps)

    def on_batch_end(self, step: int, logs: Logs) -> None:
        """Counts steps; the schedule steps."""
        self._steps += 1
        if not self.is_function and self.by == "step":
            self.schedule.step()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """The schedule steps."""
        if not self.is_function and self.by == "epoch":
            step(self.schedule, logs, self.monitor)

    def state_dict(self) -> dict[str, Any]:
        """Returns the number of steps, and the schedule's state."""
        state = None if self.is_function else self.schedule.state_dict()
        return {"steps": self._steps, "schedule": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on with the run that is resumed."""
        self._steps = int(state["steps"])
        if not self.is_function:
            self.schedule.load_state_dict(state["schedule"])

    def _set(self, number: int) -> None:
        for group in self.model.optimizer.param_groups:
            rate = self.schedule(number, float(group["lr"]))
            if not isinstance(rate, int | float) or not rate >= 0:
                raise ArgumentError(
                    f"LearningRateScheduler: the function must return a rate >= 0, got {rate!r}"
                )
            group["lr"] = float(rate)


def step(schedule: Any, logs: Mapping[str, Any], monitor: str = "val_loss") -> None:
    """Steps a schedule at the end of an epoch; one for plateaus is given the value it watches."""
    if isinstance(schedule, lr_scheduler.ReduceLROnPlateau):
        schedule.step(logs[monitor] if monitor in logs else logs["loss"])
    else:
        schedule.step()


def checked_by(user: str, by: str) -> str:
    """Returns "epoch" or "step".

    Raises:
        ArgumentError: for another word.
    """
    if by not in ("epoch", "step"):
        raise ArgumentError(f'{user}: a schedule steps by "epoch" or "step", got {by!r}')
    return by
