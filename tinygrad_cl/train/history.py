"""`History`: the averages of all epochs by name, the loss of every batch, and the time spent."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train.extras import needed

Averages = dict[str, Any]


class History(dict[str, list[Any]]):
    """A dict of lists: one value per epoch, by name (`loss`, metrics, `val_loss`, ..., `lr`).

    Attributes:
        iterations: the loss of every batch, of all epochs in a row.
        epoch_seconds: the time that each epoch took, with its validation.

    Example:
        >>> history = History()
        >>> history.add({"loss": 0.5, "lr": 0.1}, seconds=2.0)
        >>> history.add({"loss": 0.25, "lr": 0.1}, seconds=1.5)
        >>> history["loss"], history.seconds
        ([0.5, 0.25], 3.5)
    """

    def __init__(self, given: Mapping[str, Iterable[Any]] | None = None) -> None:
        super().__init__({name: list(values) for name, values in (given or {}).items()})
        self.iterations: list[float] = []
        self.epoch_seconds: list[float] = []

    @property
    def seconds(self) -> float:
        """The time spent in all epochs together."""
        return sum(self.epoch_seconds)

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return len(self.epoch_seconds)

    def add(self, averages: Mapping[str, Any], seconds: float) -> None:
        """Takes note of an epoch."""
        for name, value in averages.items():
            self.setdefault(name, []).append(value)
        self.epoch_seconds.append(seconds)

    def frame(self) -> Any:
        """Returns a pandas DataFrame with a row per epoch, numbered from 1, and a column per name.

        Values that only some of the epochs have (such as those of a later validation) are aligned
        at the end.

        Raises:
            DataError: if pandas is missing; the extra `frame` brings it.

        Example:
            >>> history = History({"loss": [0.5, 0.25]})
            >>> history.frame()["loss"].tolist()
            [0.5, 0.25]
        """
        pandas = needed("pandas", "frame", "History.frame")
        rows = max((len(values) for values in self.values()), default=0)
        columns = {name: [None] * (rows - len(values)) + values for name, values in self.items()}
        index = pandas.RangeIndex(1, rows + 1, name="epoch")
        return pandas.DataFrame(columns, index=index)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Returns a matplotlib Figure with the curves; see `plot_history`."""
        from tinygrad_cl.train.curves import plot_history

        return plot_history(self, path)

    def state_dict(self) -> dict[str, Any]:
        """Returns everything as plain lists and arrays."""
        return {
            "epochs": dict(self),
            "iterations": np.array(self.iterations, np.float64),
            "seconds": np.array(self.epoch_seconds, np.float64),
        }

    @staticmethod
    def from_state(state: Any) -> History:
        """Returns the history whose `state_dict` this is.

        Raises:
            DataError: if it is none.
        """
        whole = isinstance(state, Mapping) and isinstance(state.get("epochs"), Mapping)
        if not whole or not all(isinstance(v, list) for v in state["epochs"].values()):
            raise DataError("the history is malformed")
        found = History({name: map(_plain, v) for name, v in state["epochs"].items()})
        found.iterations = _numbers(state.get("iterations"))
        found.epoch_seconds = _numbers(state.get("seconds"))
        return found


def _plain(value: Any) -> Any:
    return value.numpy() if isinstance(value, Tensor) else value


def _numbers(value: Any) -> list[float]:
    if not isinstance(value, Tensor) or value.ndim != 1:
        raise DataError("the history is malformed")
    return [float(number) for number in value.numpy()]


def scalars(values: Mapping[str, Any]) -> dict[str, float]:
    """Returns those of an epoch's values that are single numbers."""
    return {k: float(v) for k, v in values.items() if np.ndim(v) == 0 and not isinstance(v, str)}
