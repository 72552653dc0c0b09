"""Callbacks that watch a value: early stopping, reduced rates, checkpoints of the best epoch."""

from __future__ import annotations

import logging
import math
import os
from typing import Any

from tinygrad_cl import io
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.optim import lr_scheduler
from tinygrad_cl.train.callbacks import Callback, Logs, monitored

logger = logging.getLogger("tinygrad_cl.train")

_LARGER_IS_BETTER = ("acc", "r2", "f1", "precision", "recall", "auc")


def mode_of(monitor: str, mode: str) -> str:
    """Returns "min" or "max"; "auto" takes it from the value's name.

    Raises:
        ArgumentError: for another mode.

    Example:
        >>> mode_of("val_loss", "auto"), mode_of("val_accuracy", "auto")
        ('min', 'max')
    """
    if mode not in ("auto", "min", "max"):
        raise ArgumentError(f'mode must be "auto", "min" or "max", got {mode!r}')
    if mode != "auto":
        return mode
    return "max" if any(word in monitor for word in _LARGER_IS_BETTER) else "min"


class Best:
    """The best value so far of one that is watched."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if not min_delta >= 0:
            raise ArgumentError(f"min_delta must not be negative, got {min_delta}")
        self.sign = 1.0 if mode_of(monitor, mode) == "min" else -1.0
        self.min_delta = min_delta
        self.value = math.nan

    def improved(self, value: float) -> bool:
        """Takes note of a value; whether it is better than the best by more than `min_delta`."""
        if math.isnan(value):
            return False
        better = self.sign * value < self.sign * self.value - self.min_delta
        if math.isnan(self.value) or better:
            self.value = value
            return True
        return False


class EarlyStopping(Callback):
    """Ends training when a value has not improved for `patience` epochs.

    Args:
        monitor: the name of the value.
        patience: epochs without improvement after which training ends.
        min_delta: smaller improvements do not count.
        mode: "min", "max", or "auto" (by the name).
        restore_best_weights: whether the net gets back the weights of its best epoch.

    Attributes:
        best: the best value, NaN before the first epoch.
        best_epoch: its epoch.
        stopped_epoch: the epoch after which training ended, or None.

    Raises:
        ArgumentError: for settings out of range, or a value that epochs do not have.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best_weights: bool = True,
    ) -> None:
        if patience < 1:
            raise ArgumentError(f"EarlyStopping: patience must be at least 1, got {patience}")
        self.monitor, self.patience = monitor, patience
        self.min_delta, self.mode = min_delta, mode
        self.restore_best_weights = restore_best_weights
        self.on_train_begin()

    def on_train_begin(self) -> None:
        """Forgets earlier runs."""
        self._best = Best(self.monitor, self.mode, self.min_delta)
        self._weights: Any = None
        self.best_epoch: int | None = None
        self.stopped_epoch: int | None = None
        self._waited = 0

    @property
    def best(self) -> float:
        """The best value so far."""
        return self._best.value

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Counts the epochs without improvement."""
        if self._best.improved(monitored(self, logs, self.monitor)):
            self.best_epoch, self._waited = epoch, 0
            if self.restore_best_weights:
                self._weights = self.model.net.state_dict()
            return
        self._waited += 1
        if self._waited >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True
            logger.info("early stopping after epoch %d: best %s %g", epoch, self.monitor, self.best)

    def on_train_end(self) -> None:
        """Gives the net the weights of its best epoch."""
        if self._weights is not None:
            self.model.net.load_state_dict(self._weights)
            self._weights = None


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


class ModelCheckpoint(Callback):
    """Saves the model after epochs, whole or not at all.

    Args:
        path: a name that ends in `.npz` or `.safetensors`; it may have fields for the epoch (from
            1) and its values: `"epoch{epoch:03d}-{val_loss:.3f}.npz"`.
        monitor: the value that tells the best epoch.
        save_best_only: whether only epochs better than all before are saved.
        mode: "min", "max", or "auto" (by the name).
        weights_only: whether to save the net's `state_dict` alone, instead of what `Model.save`
            does.
        every: epochs from one save to the next.

    Raises:
        ArgumentError: for settings out of range, or a value that epochs do not have.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str = "val_loss",
        save_best_only: bool = False,
        mode: str = "auto",
        weights_only: bool = False,
        every: int = 1,
    ) -> None:
        if every < 1:
            raise ArgumentError(f"ModelCheckpoint: every must be at least 1, got {every}")
        self.path = os.fspath(path)
        self.monitor, self.mode, self.every = monitor, mode, every
        self.save_best_only, self.weights_only = save_best_only, weights_only
        self._best = Best(monitor, mode)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Saves the model if it is time."""
        if self.save_best_only and not self._best.improved(monitored(self, logs, self.monitor)):
            return
        if (epoch + 1) % self.every:
            return
        try:
            path = self.path.format(**{"epoch": epoch + 1} | logs)
        except (KeyError, IndexError, ValueError) as error:
            raise ArgumentError(
                f"ModelCheckpoint: {self.path!r} has a field that cannot be filled, {error}; the "
                f"epoch has epoch, {', '.join(logs)}"
            ) from error
        if self.weights_only:
            io.save(self.model.net.state_dict(), path)
        else:
            self.model.save(path)
