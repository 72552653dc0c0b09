"""Callbacks: what happens at the beginning and end of training, epochs and batches."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from tinygrad_cl.train.model import Model

Logs = dict[str, Any]


class Callback:
    """The base of callbacks: a subclass defines the moments that it cares about.

    `logs` at the end of an epoch are its averages (`loss`, the metrics, the same with `val_` before
    them, `lr`), which the model's history holds already. At the end of a batch they are `loss`, a
    Tensor that is waited for only if it is read, and `size`. Callbacks are called in the order in
    which they were given; one that saves the model comes last.

    Attributes:
        model: the `Model` that is trained; `model.stop_training = True` ends it after the epoch.

    Example:
        >>> class Count(Callback):
        ...     batches = 0
        ...     def on_batch_end(self, step, logs):
        ...         self.batches += 1
    """

    model: Model

    def on_train_begin(self) -> None:
        """Is called before the first epoch."""

    def on_train_end(self) -> None:
        """Is called after the last epoch, also when training was interrupted."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Is called before an epoch; `epoch` counts from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Is called after an epoch and its validation."""

    def on_batch_begin(self, step: int) -> None:
        """Is called before a training step; `step` counts from 0 in each epoch."""

    def on_batch_end(self, step: int, logs: Logs) -> None:
        """Is called after a training step."""


class LambdaCallback(Callback):
    """A callback made of functions, each with the arguments of the method of its name.

    Raises:
        ArgumentError: for a name that no method has.

    Example:
        >>> seen = []
        >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
        >>> callback.on_epoch_end(0, {})
        >>> seen
        [0]
    """

    def __init__(self, **functions: Callable[..., Any]) -> None:
        for name, function in functions.items():
            if not name.startswith("on_") or not hasattr(Callback, name):
                known = ", ".join(name for name in vars(Callback) if name.startswith("on_"))
                raise ArgumentError(f"LambdaCallback: there is no {name}; known: {known}")
            setattr(self, name, function)


class CSVLogger(Callback):
    """Writes a line per epoch into a CSV file: `epoch` and the epoch's averages.

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
            with self.path.open(newline="") as file:
                self._columns = next(csv.reader(file), [])
        else:
            self._write([], "w")

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Adds a line."""
        row = {"epoch": epoch} | logs
        rows = []
        if not self._columns:
            self._columns = list(row)
            rows.append(self._columns)
        if sorted(row) != sorted(self._columns):
            raise DataError(
                f"CSVLogger: {self.path} has the columns {', '.join(self._columns)}, "
                f"the epoch {', '.join(row)}"
            )
        self._write([*rows, [row[name] for name in self._columns]], "a")

    def _write(self, rows: Iterable[list[Any]], mode: str) -> None:
        try:
            with self.path.open(mode, newline="") as file:
                csv.writer(file).writerows(rows)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"CSVLogger: cannot write {self.path}: {reason}") from error


class Callbacks:
    """All callbacks of a run, called in order."""

    def __init__(self, callbacks: Callback | Iterable[Callback], model: Model) -> None:
        self.callbacks = [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise ArgumentError(f"fit: {callback!r} is no Callback; derive it from Callback")
            callback.model = model

    def call(self, moment: str, *args: Any) -> None:
        """Calls a method of all callbacks."""
        for callback in self.callbacks:
            getattr(callback, moment)(*args)


def monitored(callback: Callback, logs: Mapping[str, Any], monitor: str) -> float:
    """Returns the value that a callback watches.

    Raises:
        ArgumentError: if the epoch has no such value.
    """
    if monitor not in logs:
        raise ArgumentError(
            f"{type(callback).__name__}: the epoch has no {monitor!r}, only {', '.join(logs)}; "
            "values that begin with val_ need validation_data"
        )
    return float(logs[monitor])
