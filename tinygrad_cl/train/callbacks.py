"""Callbacks: what happens at the beginning and end of training, epochs and batches.

Their kinds: stopping.py, rates.py, keeping.py (checkpoints), writers.py (CSV, TensorBoard) and
curves.py (plots).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.train.model import Model

logger = logging.getLogger("tinygrad_cl.train")

Logs = dict[str, Any]


class Callback:
    """The base of callbacks: a subclass defines the moments that it cares about.

    `logs` at the end of an epoch are its averages (`loss`, the metrics, the same with `val_` before
    them, `lr`), which the model's history holds already. At the end of a batch they are `loss`, a
    Tensor that is waited for only if it is read, and `size`. Callbacks are called in the order in
    which they were given, those with a larger `order` (checkpoints) after the others.

    What a callback remembers from epoch to epoch belongs into its `state_dict`: it is saved in
    checkpoints, and given back when `Model.fit` resumes from one.

    Attributes:
        model: the `Model` that is trained; `model.stop_training = True` ends training after the
            running step, or epoch.
        order: 0, or more for callbacks that come after others.

    Example:
        >>> class Count(Callback):
        ...     batches = 0
        ...     def on_batch_end(self, step, logs):
        ...         self.batches += 1
        ...     def state_dict(self):
        ...         return {"batches": self.batches}
        ...     def load_state_dict(self, state):
        ...         self.batches = state["batches"]
    """

    model: Model
    order = 0

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

    def on_interrupt(self) -> None:
        """Is called when Ctrl-C has ended training after a step, before `on_train_end`."""

    def state_dict(self) -> dict[str, Any]:
        """Returns what the callback remembers: tensors, arrays and plain values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` gave; `Model.fit` calls it after `on_train_begin`."""


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


class TerminateOnNaN(Callback):
    """Ends training when a loss is NaN or infinite.

    The losses are looked at every few batches, so that the loop need not wait for each.

    Args:
        every: batches from one look to the next; 1 looks at each.

    Attributes:
        stopped: the epoch and the step (both from 0) of the first such loss, or None.

    Raises:
        ArgumentError: if `every` is not at least 1.
    """

    def __init__(self, every: int = 16) -> None:
        self.every = at_least("TerminateOnNaN", "every", every, 1)
        self.on_train_begin()

    def on_train_begin(self) -> None:
        """Forgets earlier runs."""
        self.stopped: tuple[int, int] | None = None
        self._waiting: list[tuple[int, Tensor]] = []

    def on_epoch_begin(self, epoch: int) -> None:
        """Starts an epoch."""
        self._epoch = epoch

    def on_batch_end(self, step: int, logs: Logs) -> None:
        """Takes note of a loss; looks at all of them if it is time."""
        self._waiting.append((step, logs["loss"]))
        if len(self._waiting) >= self.every:
            self._look()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Looks at the rest."""
        self._look()

    def _look(self) -> None:
        waiting, self._waiting = self._waiting, []
        for step, loss in waiting:
            if self.stopped is None and not math.isfinite(loss.item()):
                self.stopped = (self._epoch, step)
                self.model.stop_training = True
                logger.warning(
                    "TerminateOnNaN: the loss of step %d in epoch %d is %s; training ends",
                    *(step + 1, self._epoch + 1, loss.item()),
                )


class Callbacks:
    """All callbacks of a run, called in order."""

    def __init__(self, callbacks: Callback | Iterable[Callback], model: Model) -> None:
        given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
        for callback in given:
            if not isinstance(callback, Callback):
                raise ArgumentError(f"fit: {callback!r} is no Callback; derive it from Callback")
            callback.model = model
        self.callbacks = sorted(given, key=lambda callback: callback.order)

    def call(self, moment: str, *args: Any) -> None:
        """Calls a method of all callbacks."""
        for callback in self.callbacks:
            getattr(callback, moment)(*args)

    def state_dict(self) -> list[dict[str, Any]]:
        """Returns the states of all callbacks, with the names of their classes."""
        return [{"kind": type(c).__name__, "state": c.state_dict()} for c in self.callbacks]

    def load_state_dict(self, saved: Iterable[Mapping[str, Any]]) -> None:
        """Gives each callback the state of the next one of its class; new ones start anew."""
        states: dict[str, list[Any]] = {}
        for entry in saved:
            states.setdefault(entry["kind"], []).append(entry["state"])
        for callback in self.callbacks:
            waiting = states.get(type(callback).__name__)
            if waiting:
                callback.load_state_dict(waiting.pop(0))
            else:
                logger.info("fit: the checkpoint has no state of %s", type(callback).__name__)


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


def at_least(user: str, name: str, value: int, least: int) -> int:
    """Returns a count.

    Raises:
        ArgumentError: if it is no int, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ArgumentError(f"{user}: {name} must be an int of at least {least}, got {value!r}")
    return value
