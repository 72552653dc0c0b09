"""`ReduceLROnPlateau`: a schedule that watches a metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_cl.errors import ArgumentError, StateError
from tinygrad_cl.optim.lr_scheduler.base import LRScheduler, checked, per_group
from tinygrad_cl.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """The rate times `factor` when a metric has not improved for more than `patience` epochs.

    Args:
        optimizer: whose rates to set.
        mode: "min" if smaller metrics are better, "max" if larger ones are.
        factor: below 1.
        patience: epochs without improvement that are tolerated.
        threshold: smallest improvement that counts.
        threshold_mode: "rel" (a share of the best metric) or "abs".
        cooldown: epochs after a reduction that do not count.
        min_lr: floor of the rates, or one per group.
        eps: smaller reductions are not made.

    Attributes:
        best: the best metric so far.
        num_bad_epochs: epochs since then.

    Raises:
        ArgumentError: for a factor of 1 or more, or an unknown mode.

    Example:
        >>> import tinygrad_cl as tg
        >>> optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=0.5)
        >>> schedule = tg.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
        >>> for loss in (1.0, 1.0, 1.0):
        ...     schedule.step(loss)
        >>> schedule.get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if not 0 <= factor < 1:
            raise ArgumentError(f"ReduceLROnPlateau: factor must be below 1, got {factor}")
        _check_modes(mode, threshold_mode)
        self.optimizer = checked("ReduceLROnPlateau", optimizer)
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor, self.patience, self.threshold = factor, patience, threshold
        self.cooldown, self.eps = cooldown, eps
        self.min_lrs = per_group("ReduceLROnPlateau", "min_lr", optimizer, min_lr)
        listed = isinstance(min_lr, list | tuple)
        self.default_min_lr = None if listed else min_lr
        self.last_epoch = 0
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self._last_lr = self._rates

    @property
    def in_cooldown(self) -> bool:
        """True after a reduction, while epochs do not count."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Takes note of the epoch's metric, and reduces the rates if it is time.

        Args:
            metrics: a number, or a tensor or array of one element.
            epoch: its number, if it is not the next.
        """
        current = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._rates

    def _better(self, current: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "rel":
            return sign * current < sign * (self.best * (1 - sign * self.threshold))
        return sign * current < sign * (self.best - sign * self.threshold)

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise ArgumentError(
                    f"ReduceLROnPlateau: {len(self.min_lrs)} floors for {len(groups)} groups; "
                    "extend min_lrs when a group is added"
                )
            self.min_lrs = per_group(
                "ReduceLROnPlateau", "min_lr", self.optimizer, self.default_min_lr
            )
        for group, floor in zip(groups, self.min_lrs, strict=True):
            new = max(group["lr"] * self.factor, floor)
            if group["lr"] - new > self.eps:
                group["lr"] = new

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over a state that `state_dict`, or PyTorch's, gave.

        Raises:
            StateError: if it does not fit.
        """
        fitting = self._fitting(state_dict)
        try:
            _check_modes(fitting["mode"], fitting["threshold_mode"])
        except ArgumentError as error:
            raise StateError(f"ReduceLROnPlateau.load_state_dict: {error}") from None
        vars(self).update(fitting)


def _check_modes(mode: str, threshold_mode: str) -> None:
    if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
        raise ArgumentError(
            'ReduceLROnPlateau: mode is "min" or "max" and threshold_mode "rel" or "abs", '
            f"got {mode!r} and {threshold_mode!r}"
        )
