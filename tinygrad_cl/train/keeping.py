"""`ModelCheckpoint`: the model in files, of the best epochs, of every few, and at Ctrl-C."""

from __future__ import annotations

import logging
import os
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinygrad_cl import io
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.train.callbacks import Callback, Logs, at_least, monitored
from tinygrad_cl.train.stopping import Best

logger = logging.getLogger("tinygrad_cl.train")


class ModelCheckpoint(Callback):
    """Saves the model after epochs, whole or not at all.

    `Model.fit(resume=path)` goes on from such a file as if training had never stopped. When Ctrl-C
    ends training, the model is saved in the middle of its epoch: to the same file, or, if that is
    for the best epoch or has fields, to `interrupted.npz` (`.safetensors`) beside it.

    Args:
        path: a name that ends in `.npz` or `.safetensors`; it may have fields for the epoch (from
            1) and its values: `"epoch{epoch:03d}-{val_loss:.3f}.npz"`.
        monitor: the value that tells the best epoch.
        save_best_only: whether only epochs better than all before are saved.
        mode: "min", "max", or "auto" (by the name).
        weights_only: whether to save the net's `state_dict` alone, instead of what `Model.save`
            does.
        every: epochs from one save to the next.
        every_steps: training steps from one save to the next within an epoch; 0 for none.
        on_ctrl_c: whether to save when Ctrl-C ends training.

    Attributes:
        interrupted: where Ctrl-C saves the model.

    Raises:
        ArgumentError: for settings out of range, or a value that epochs do not have.
    """

    order = 1

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str = "val_loss",
        save_best_only: bool = False,
        mode: str = "auto",
        weights_only: bool = False,
        every: int = 1,
        every_steps: int = 0,
        on_ctrl_c: bool = True,
    ) -> None:
        self.path = os.fspath(path)
        self.monitor, self.mode = monitor, mode
        self.every = at_least("ModelCheckpoint", "every", every, 1)
        self.every_steps = at_least("ModelCheckpoint", "every_steps", every_steps, 0)
        self.save_best_only, self.weights_only = save_best_only, weights_only
        self.on_ctrl_c = on_ctrl_c
        self._best = Best(monitor, mode)
        plain = not save_best_only and not _has_fields(self.path)
        file = Path(self.path)
        self.interrupted = file if plain else file.with_name("interrupted" + file.suffix)
        if every_steps and not plain:
            raise ArgumentError(
                "ModelCheckpoint: every_steps needs a path without fields and not save_best_only: "
                "the epoch has no values yet"
            )

    def state_dict(self) -> dict[str, Any]:
        """Returns the best value so far."""
        return {"best": self._best.value}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on with the run that is resumed."""
        self._best.value = float(state["best"])

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
        self._save(path)

    def on_batch_end(self, step: int, logs: Logs) -> None:
        """Saves the model if it is time."""
        if self.every_steps and (step + 1) % self.every_steps == 0:
            self._save(self.path)

    def on_interrupt(self) -> None:
        """Saves the model in the middle of its epoch."""
        if self.on_ctrl_c:
            self._save(self.interrupted)
            logger.warning("fit: saved to %s; resume=%r goes on", *[str(self.interrupted)] * 2)

    def _save(self, path: str | os.PathLike[str]) -> None:
        if self.weights_only:
            io.save(self.model.net.state_dict(), path)
        else:
            self.model.save(path)


def _has_fields(path: str) -> bool:
    try:
        return any(field is not None for _, field, _, _ in string.Formatter().parse(path))
    except ValueError as error:
        raise ArgumentError(f"ModelCheckpoint: {path!r} has a malformed field: {error}") from error
