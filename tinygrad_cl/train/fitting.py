"""The loop of `Model.fit`: epochs, steps, callbacks, validation, the bar; and evaluation."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import DataError
from tinygrad_cl.train import rates
from tinygrad_cl.train.batches import Batches, size_of
from tinygrad_cl.train.callbacks import Callbacks
from tinygrad_cl.train.calling import call
from tinygrad_cl.train.checks import warn_of_outputs
from tinygrad_cl.train.history import Averages, History
from tinygrad_cl.train.interrupts import Interrupts
from tinygrad_cl.train.metrics.running import one_number
from tinygrad_cl.train.modes import evaluating
from tinygrad_cl.train.progress import Progress
from tinygrad_cl.train.running import Totals
from tinygrad_cl.train.steps import Batch, Done, forward

if TYPE_CHECKING:
    from tinygrad_cl.train.model import Model

logger = logging.getLogger("tinygrad_cl.train")


def evaluate(
    model: Model,
    batches: Batches,
    bar: Progress | None = None,
    prefix: str = "",
    check: Callable[[], None] = lambda: None,
) -> Averages:
    """Returns the averages of the loss and the metrics over some batches, in evaluation mode.

    Args:
        model: a compiled model.
        batches: of inputs and targets.
        bar: moves on with the batches.
        prefix: is put in front of the names.
        check: is called after each batch; it may raise.
    """
    totals = Totals(model.metrics)
    with no_grad(), evaluating(model.net):
        for inputs, targets in batches:
            loss, output = forward(model, inputs, targets)
            count = size_of(targets)
            values = tuple(metric.measure(output, targets) for metric in totals.metrics.values())
            totals.take(one_number(loss), [values], [count])
            totals.launch()
            if bar is not None:
                bar.advance(count)
            check()
    if not totals.loss:
        raise DataError("evaluate: there are no batches")
    return totals.result(prefix)


def predict(model: Model, batches: Batches) -> Any:
    """Returns the outputs of the net for all batches, in evaluation mode, as NumPy arrays."""
    outputs: list[Any] = []
    with no_grad(), evaluating(model.net):
        for inputs, _ in batches:
            output = call(model, inputs)
            outputs.append(output if isinstance(output, tuple) else (output,))
            engine.realize([tensor.node for tensor in outputs[-1]])
    if not outputs:
        raise DataError("predict: there are no batches")
    joined = tuple(
        np.concatenate([tensor.numpy() for tensor in part]) for part in zip(*outputs, strict=True)
    )
    return joined if len(joined) > 1 else joined[0]


class Run:
    """One call of `fit`.

    Attributes:
        step: the training steps done in the running epoch; drawn: their batches.
    """

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
        self.history = History()
        self._start_epoch()

    def _start_epoch(self) -> None:
        self.totals = Totals(self.model.metrics)
        self.step = self.drawn = 0
        self.finished = False  # all steps of the epoch are done
        self.seconds = 0.0  # spent on the epoch before the run was resumed
        self._began = time.perf_counter()

    def epochs(self, last: int, saved: Mapping[str, Any] | None = None) -> History:
        """Runs epochs until `last` are done; returns their averages.

        Args:
            last: the number of epochs of the model, counted with those before the run.
            saved: the `state_dict` of a run to go on with.
        """
        model = self.model
        self.callbacks.call("on_train_begin")
        if saved is not None:
            self._load_state_dict(saved)
        try:
            with self.interrupts:
                while model.epoch < last and not model.stop_training:
                    self._epoch(f"epoch {model.epoch + 1}/{last}")
        except KeyboardInterrupt:
            self._interrupted()
        self.callbacks.call("on_train_end")
        logger.info("fit: %d epochs in %.1f s", self.history.epochs, self.history.seconds)
        return self.history

    def _interrupted(self) -> None:
        model = self.model
        model.interrupted = True
        logger.warning(
            "fit: interrupted, after %d whole epochs and %d steps", model.epoch, self.step
        )
        if self.interrupts.clean:
            self.callbacks.call("on_interrupt")
        else:
            logger.warning("fit: interrupted within a step; nothing is saved")

    def _epoch(self, title: str) -> None:
        model = self.model
        self._began = time.perf_counter()
        bar = Progress(title, self.batches.samples, self.shown)
        bar.advance(self.totals.loss.count)
        self.callbacks.call("on_epoch_begin", model.epoch)
        rate = float(model.optimizer.param_groups[0]["lr"])
        try:
            self._steps(bar)
            logs = self.totals.result()
            if self.validation is not None:
                check = self.interrupts.check
                logs |= evaluate(model, self.validation, prefix="val_", check=check)
            logs["lr"] = rate
            bar.show(logs)
        finally:
            bar.close()
        self._end_epoch(logs)
        self.callbacks.call("on_epoch_end", model.epoch - 1, dict(logs))

    def _steps(self, bar: Progress) -> None:
        """Runs the steps of an epoch that are not done yet."""
        model = self.model
        model.net.train()
        groups = self.batches.groups(model.accumulate) if not self.finished else iter(())
        self.interrupts.check()
        for group in groups:
            self.callbacks.call("on_batch_begin", self.step)
            done = self._run(group)
            self.callbacks.call(
                "on_batch_end", self.step - 1, {"loss": done.loss, "size": sum(done.counts)}
            )
            bar.advance(sum(done.counts))
            if bar.due():
                bar.show(self.totals.result() | self._rate())
            self.interrupts.check()
            if model.stop_training:
                break
        self.finished = True
        if not self.totals.loss:
            raise DataError("fit: there are no batches")

    def _run(self, group: list[Batch]) -> Done:
        """Makes a training step, takes note of it, and moves on."""
        model = self.model
        assert model.stepper is not None
        done = model.stepper(group)
        self.totals.take(done.loss, done.values, done.counts)
        self.totals.launch()
        self.step += 1
        self.drawn += len(group)
        if not model.checked:
            model.checked = True
            warn_of_outputs(model.loss, done.output)
        if model.scheduler is not None and model.scheduler_by == "step":
            model.scheduler.step()
        return done

    def _rate(self) -> dict[str, float]:
        return {"lr": float(self.model.optimizer.param_groups[0]["lr"])}

    def _end_epoch(self, logs: Averages) -> None:
        """Takes note of a whole epoch; the schedule steps."""
        model = self.model
        seconds = self.seconds + time.perf_counter() - self._began
        for history in (self.history, model.history):
            history.add(logs, seconds)
            history.iterations += self.totals.loss.values
        model.epoch += 1
        self._start_epoch()
        if model.scheduler is not None and model.scheduler_by == "epoch":
            rates.step(model.scheduler, logs)

    def state_dict(self) -> dict[str, Any]:
        """Returns where the run is, in the middle of an epoch or between two."""
        return {
            "step": self.step,
            "finished": self.finished,
            "seconds": self.seconds + (time.perf_counter() - self._began if self.step else 0.0),
            "totals": self.totals.state_dict() if self.step else None,
            "batches": self.batches.state_dict(self.drawn),
            "callbacks": self.callbacks.state_dict(),
        }

    def _load_state_dict(self, saved: Mapping[str, Any]) -> None:
        self.batches.load_state_dict(saved["batches"])
        self.callbacks.load_state_dict(saved["callbacks"])
        self.step, self.finished = int(saved["step"]), bool(saved["finished"])
        self.drawn, self.seconds = int(saved["batches"]["done"]), float(saved["seconds"])
        if saved["totals"] is not None:
            self.totals.load_state_dict(saved["totals"])
