"""Callbacks that write what happens into files: CSV, TensorBoard."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tinygrad_cl.errors import DataError
from tinygrad_cl.train.callbacks import Callback, Logs, at_least
from tinygrad_cl.train.extras import needed
from tinygrad_cl.train.history import scalars

VALIDATION = "val_"


class CSVLogger(Callback):
    """Writes a line per epoch into a CSV file: `epoch` and the epoch's averages.

    A run that resumes from a checkpoint goes on with the file, from which the lines of epochs that
    are run again are removed.

    Args:
        path: the file.
        append: whether to go on with a file that is there, whose columns must be the same.

    Raises:
        DataError: if the file cannot be written, or has other columns.
    """

    def __init__(self, path: str | os.PathLike[str], append: bool = False) -> None:
        self.path = Path(path)
        self.append = append
        self._columns: list[str] = []

    def on_train_begin(self) -> None:
        """Reads the columns of the file that is to be continued, or empties it."""
        self._columns = []
        if self.append and self.path.exists():
            self._columns, _ = self._read()
        self._new = not self.append

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on with the file of the run that is resumed."""
        self._new = False
        if not self.path.exists():
            return
        self._columns, rows = self._read()
        epoch = self._columns.index("epoch") if "epoch" in self._columns else 0
        kept = [row for row in rows if row[epoch].isdigit() and int(row[epoch]) < self.model.epoch]
        if len(kept) < len(rows):
            self._write([self._columns, *kept], "w")

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Adds a line."""
        row: dict[str, Any] = {"epoch": epoch} | scalars(logs)
        rows = []
        if not self._columns:
            self._columns = list(row)
            rows.append(self._columns)
        if sorted(row) != sorted(self._columns):
            raise DataError(
                f"CSVLogger: {self.path} has the columns {', '.join(self._columns)}, "
                f"the epoch {', '.join(row)}"
            )
        self._write([*rows, [row[name] for name in self._columns]], "w" if self._new else "a")
        self._new = False

    def _read(self) -> tuple[list[str], list[list[str]]]:
        with self.path.open(newline="") as file:
            head, *rows = list(csv.reader(file)) or [[]]
        return head, rows

    def _write(self, rows: Iterable[list[Any]], mode: str) -> None:
        try:
            with self.path.open(mode, newline="") as file:
                csv.writer(file).writerows(rows)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"CSVLogger: cannot write {self.path}: {reason}") from error


class TensorBoard(Callback):
    """Writes curves for TensorBoard; needs the extra `tensorboard`.

    Values of the training stand in the subfolder `train`, those of the validation under the same
    names in `validation`, so that TensorBoard draws them into one picture.

    Args:
        folder: where the files go; `tensorboard --logdir FOLDER` shows them.
        every: batches from one point of the curve `batch_loss` to the next; 0 for no such curve.
        histograms: epochs from one histogram of all parameters to the next; 0 for none.

    Raises:
        DataError: if tensorboardX is missing.
        ArgumentError: for negative numbers.
    """

    def __init__(self, folder: str | os.PathLike[str], every: int = 0, histograms: int = 0) -> None:
        self.folder = Path(folder)
        self.every = at_least("TensorBoard", "every", every, 0)
        self.histograms = at_least("TensorBoard", "histograms", histograms, 0)
        self._library = needed("tensorboardX", "tensorboard", "TensorBoard")
        self._writers: dict[str, Any] = {}
        self._steps = 0

    def state_dict(self) -> dict[str, Any]:
        """Returns the number of batches so far."""
        return {"steps": self._steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on with the curves of the run that is resumed."""
        self._steps = int(state["steps"])

    def on_train_begin(self) -> None:
        """Starts anew, unless the model has been trained before."""
        if self.model.epoch == 0:
            self._steps = 0

    def on_batch_end(self, step: int, logs: Logs) -> None:
        """Writes the loss of a batch if it is time."""
        self._steps += 1
        if self.every and self._steps % self.every == 0:
            self._writer("train").add_scalar("batch_loss", logs["loss"].item(), self._steps)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Writes the averages of an epoch."""
        for name, value in scalars(logs).items():
            where = "validation" if name.startswith(VALIDATION) else "train"
            self._writer(where).add_scalar(name.removeprefix(VALIDATION), value, epoch + 1)
        if self.histograms and (epoch + 1) % self.histograms == 0:
            for name, param in self.model.net.named_parameters():
                self._writer("train").add_histogram(name, param.detach().numpy(), epoch + 1)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self) -> None:
        """Closes the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _writer(self, name: str) -> Any:
        if name not in self._writers:
            self._writers[name] = self._library.SummaryWriter(str(self.folder / name))
        return self._writers[name]
