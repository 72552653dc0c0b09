"""`EarlyStopping`, and the best value so far of one that is watched."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.train.callbacks import Callback, Logs, at_least, monitored

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
        self.monitor = monitor
        self.patience = at_least("EarlyStopping", "patience", patience, 1)
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

    def state_dict(self) -> dict[str, Any]:
        """Returns the best value, its epoch and weights, and the epochs without improvement."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
            "waited": self._waited,
            "weights": None if self._weights is None else dict(self._weights),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on with the run that is resumed; one that had been stopped stays so."""
        self._best.value = float(state["best"])
        self.best_epoch, self.stopped_epoch = state["best_epoch"], state["stopped_epoch"]
        self._waited, self._weights = int(state["waited"]), state["weights"]
        if self._waited >= self.patience:
            self.model.stop_training = True

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
