"""The loop of `Model.fit`: epochs, steps, callbacks, validation, the bar."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import DataError
from tinygrad_cl.nn.utils import clip_grad_norm_, clip_grad_value_
from tinygrad_cl.optim import lr_scheduler
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train.batches import Batches, size_of
from tinygrad_cl.train.callbacks import Callbacks
from tinygrad_cl.train.interrupts import Interrupts
from tinygrad_cl.train.modes import evaluating
from tinygrad_cl.train.progress import Progress
from tinygrad_cl.train.running import Totals

if TYPE_CHECKING:
    from tinygrad_cl.train.model import Model

logger = logging.getLogger("tinygrad_cl.train")

History = dict[str, list[float]]
Averages = dict[str, float]

_SHOW_EVERY = 16  # steps; each time the bar shows new values, it waits for the device


def call(model: Model, inputs: Any) -> Any:
    """Returns the outputs of the net for a batch of inputs, which may be several."""
    if isinstance(inputs, tuple):
        return model.net(*inputs)
    model.seen = (tuple(inputs.shape[1:]), inputs.dtype)
    return model.net(inputs)


def forward(model: Model, inputs: Any, targets: Any) -> tuple[Tensor, Any]:
    """Returns the loss and the outputs for a batch.

    Raises:
        DataError: if there are no targets.
    """
    if targets is None:
        raise DataError("Model: the batches have no targets; give pairs (x, y)")
    output = call(model, inputs)
    assert model.loss is not None
    return model.loss(output, targets), output


def evaluate(
    model: Model, batches: Batches, bar: Progress | None = None, prefix: str = ""
) -> Averages:
    """Returns the averages of the loss and the metrics over some batches, in evaluation mode."""
    totals = Totals(model.metrics)
    with no_grad(), evaluating(model.net):
        for inputs, targets in batches:
            loss, output = forward(model, inputs, targets)
            count = size_of(targets)
            totals.add(loss, output, targets, count)
            totals.launch()
            if bar is not None:
                bar.advance(count)
    if not totals.loss:
        raise DataError("evaluate: there are no batches")
    return totals.result(prefix)


class Run:
    """One call of `fit`."""

    def __init__(
        self,
        model: Model,
        batches: Batches,
        validation: Batches | None,
        callbacks: Callbacks,
        shown: bool,
    ) -> None:
        self.model, self.batches, self.validation = model, batches, validation
        self.callbacks, self.shown = callbacks, shown
        self.interrupts = Interrupts()

    def epochs(self, count: int) -> History:
        """Runs the epochs; returns their averages."""
        model = self.model
        history: History = {}
        last = model.epoch + count
        self.callbacks.call("on_train_begin")
        try:
            with self.interrupts:
                while model.epoch < last and not model.stop_training:
                    logs = self._epoch(f"epoch {model.epoch + 1}/{last}")
                    _append(history, logs)
                    self._end_epoch(logs)
                    self.callbacks.call("on_epoch_end", model.epoch - 1, dict(logs))
        except KeyboardInterrupt:
            model.interrupted = True
            logger.warning("fit: interrupted, after %d whole epochs", model.epoch)
        self.callbacks.call("on_train_end")
        return history

    def _epoch(self, title: str) -> Averages:
        model = self.model
        bar = Progress(title, self.batches.samples, self.shown)
        self.callbacks.call("on_epoch_begin", model.epoch)
        rate = float(model.optimizer.param_groups[0]["lr"])
        try:
            logs = self._steps(bar)
            if self.validation is not None:
                logs |= evaluate(model, self.validation, prefix="val_")
            logs["lr"] = rate
            bar.show(logs)
        finally:
            bar.close()
        return logs

    def _steps(self, bar: Progress) -> Averages:
        model = self.model
        totals = Totals(model.metrics)
        model.net.train()
        for step, (inputs, targets) in enumerate(self.batches):
            self.interrupts.check()
            self.callbacks.call("on_batch_begin", step)
            loss, output = self._gradients(inputs, targets)
            count = size_of(targets)
            totals.add(loss, output, targets, count)
            model.optimizer.step()
            totals.launch()
            self.callbacks.call("on_batch_end", step, {"loss": loss.detach(), "size": count})
            bar.advance(count)
            if bar and step % _SHOW_EVERY == 0:
                bar.show(totals.result())
        self.interrupts.check()
        if not totals.loss:
            raise DataError("fit: there are no batches")
        return totals.result()

    def _gradients(self, inputs: Any, targets: Any) -> tuple[Tensor, Any]:
        """Prepares a step of the optimizer; returns the loss and the outputs."""
        model = self.model
        loss, output = forward(model, inputs, targets)
        model.optimizer.zero_grad()
        loss.backward()
        if model.clip_norm is not None:
            clip_grad_norm_(model.net.parameters(), model.clip_norm)
        if model.clip_value is not None:
            clip_grad_value_(model.net.parameters(), model.clip_value)
        return loss, output

    def _end_epoch(self, logs: Averages) -> None:
        """Takes note of a whole epoch; the schedule steps."""
        model = self.model
        _append(model.history, logs)
        model.epoch += 1
        if isinstance(model.scheduler, lr_scheduler.ReduceLROnPlateau):
            model.scheduler.step(logs.get("val_loss", logs["loss"]))
        elif model.scheduler is not None:
            model.scheduler.step()


def _append(history: History, logs: Mapping[str, float]) -> None:
    for name, value in logs.items():
        history.setdefault(name, []).append(value)
