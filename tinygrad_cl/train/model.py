"""`Model`: a net with an optimizer, a loss and metrics, that learns with `fit`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_cl.dtypes import DType, float32
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.nn import Module
from tinygrad_cl.optim import Optimizer
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.train import saving
from tinygrad_cl.train.batches import Batches, inputs_of, split
from tinygrad_cl.train.callbacks import Callback, Callbacks, at_least
from tinygrad_cl.train.checks import warn_of_layers
from tinygrad_cl.train.fitting import Run, evaluate, predict
from tinygrad_cl.train.history import Averages, History
from tinygrad_cl.train.metrics import Metric
from tinygrad_cl.train.precision import Casting, Precision
from tinygrad_cl.train.progress import Progress
from tinygrad_cl.train.rates import checked_by
from tinygrad_cl.train.settings import (
    Loss,
    Metrics,
    can_be_captured,
    check_count,
    check_together,
    make_loss,
    make_metrics,
    make_normalizer,
    make_optimizer,
    make_penalty,
)
from tinygrad_cl.train.steps import Stepper
from tinygrad_cl.train.summary import LayerTable, summary

if TYPE_CHECKING:
    from tinygrad_cl.amp import GradScaler
    from tinygrad_cl.data.normalizer import Normalizer
    from tinygrad_cl.io.state import PathLike
    from tinygrad_cl.optim.penalty import Penalty
    from tinygrad_cl.runtime.device import Device
    from tinygrad_cl.train.watching import Sizes


class Model:
    """A net with what it takes to train it.

    Args:
        net: any module; it and its parameters stay the user's.
        normalizer: of the inputs (the first, if there are several), an object of `tinygrad_cl.data`
            or a name: "zscore", "minmax", "decimal". `fit` fits it to the training data unless it
            is fitted, every input passes through it on the device, and it is saved with the model.

    Attributes:
        net: the net.
        optimizer: set by `compile`.
        history: the averages of all epochs so far, lists by name; also the loss of every step
            (`history.iterations`) and the time spent (`history.seconds`); see `History`.
        epoch: the number of epochs done.
        stop_training: set by callbacks, to end training after the running step or epoch.
        interrupted: whether Ctrl-C ended the last `fit`.
        loss, metrics, clip_norm, clip_value, accumulate, scheduler, scheduler_by, scaler: set by
            `compile`.
        normalizer: of the inputs, or None.
        seen: the shape and dtype of one sample of the last inputs.
        notes: a dict of plain values to keep with the model; it is saved and loaded.

    Example:
        >>> import numpy as np
        >>> import tinygrad_cl as tg
        >>> _ = tg.manual_seed(0)
        >>> x = np.linspace(-1, 1, 64, dtype=np.float32).reshape(-1, 1)
        >>> model = tg.Model(tg.nn.Linear(1, 1)).compile(optimizer="adam", lr=0.1, loss="mse")
        >>> history = model.fit((x, 3 * x + 1), epochs=40, verbose=False)
        >>> history["loss"][-1] < 0.01
        True
        >>> model.predict(x[:2]).shape
        (2, 1)
    """

    optimizer: Optimizer
    scheduler: Any

    def __init__(self, net: Module, normalizer: str | Normalizer | None = None) -> None:
        if not isinstance(net, Module):
            raise ArgumentError(f"Model: needs an nn.Module, got {type(net).__name__}")
        self.net = net
        self.history = History()
        self.epoch = 0
        self.stop_training = False
        self.interrupted = False
        self.loss: Loss | None = None
        self.metrics: dict[str, Metric] = {}
        self.clip_norm: float | None = None
        self.clip_value: float | None = None
        self.accumulate = 1
        self.scheduler_by = "epoch"
        self.scaler: GradScaler | None = None
        self.normalizer = make_normalizer(normalizer)
        self.seen: tuple[tuple[int, ...], DType] | None = None
        self.notes: dict[str, Any] = {}
        self.checked = False  # whether the outputs of a batch have been looked at
        self.stepper: Stepper | None = None  # made by `compile`
        self.run: Run | None = None  # while `fit` runs
        self.casting: Casting | None = None  # while the net is used in mixed precision
        self._values: DType | None = None  # of mixed precision

    # ----------------------------------------------------------------------------------- settings

    def compile(
        self,
        optimizer: Any = "adam",
        loss: str | Loss = "cross_entropy",
        metrics: Metrics = (),
        *,
        lr: float | None = None,
        weight_decay: float | None = None,
        penalty: str | Penalty | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        accumulate: int = 1,
        precision: str | DType | None = None,
        normalizer: str | Normalizer | None = None,
        scheduler: Any = None,
        scheduler_by: str = "epoch",
        jit: bool | None = None,
    ) -> Model:
        """Sets how the net is trained; returns the model.

        Args:
            optimizer: an optimizer, its class, or its class's name: "sgd", "momentum", "adam",
                "adamw", "rmsprop", "lion", ...
            loss: a function or module of (outputs, targets), or a name: "cross_entropy" (of logits
                with class indices or probabilities), "nll", "bce" (of probabilities),
                "bce_with_logits", "mse", "mae", "huber", "smooth_l1", "kl_div", ...
            metrics: names ("accuracy", "top_k_accuracy", "binary_accuracy", "precision", "recall",
                "f1", "f1_macro", "confusion_matrix", "mae", "mse", "mape", "r2", ...), functions of
                (outputs, targets), or objects of `train.metrics`; a dict gives them other names.
            lr: the rate, if the optimizer is a name or class.
            weight_decay: likewise; biases and norm layers have none.
            penalty: likewise: one of `optim.penalty`, or "l1", "l2" (strength 1e-4),
                "elastic_net" (1e-5 and 1e-4). The loss that is shown does not contain it.
            clip_norm: the largest common norm of all gradients.
            clip_value: the largest absolute value of a gradient's element.
            accumulate: batches whose gradients make one update, as if they were one large batch
                (but for batch norm, which sees each by itself).
            precision: "mixed" (float16 values, float32 weights, a scaled loss), "mixed_bfloat16"
                (bfloat16 values, float32 weights), or the dtype to which the net is cast:
                "float16" (with a scaled loss), "bfloat16", "float32", "float64"; None leaves the
                net as it is.
            normalizer: of the inputs; see `Model`.
            scheduler: a rate schedule, or what makes one from the optimizer.
            scheduler_by: whether it steps after every "epoch" or training "step".
            jit: whether training steps are captured once and replayed, which saves the time to
                build their graphs; see `tinygrad_cl.jit`. The Python code of the net then runs
                for the first few batches of each shape only. It is not for steps that read values
                (a scaled loss, LBFGS) nor for several batches an update; None means wherever it
                can be.

        Raises:
            ArgumentError: for names that are not known, or settings that do not fit together.
        """
        chosen = Precision(precision)
        made_loss = make_loss(loss)
        made_metrics = make_metrics(metrics, made_loss)
        accumulate = at_least("compile", "accumulate", accumulate, 1)
        if normalizer is not None:
            self.normalizer = make_normalizer(normalizer)
        checked_by("compile", scheduler_by)
        if chosen.dtype is not None:
            self.net.to(chosen.dtype)
        options = {"lr": lr, "weight_decay": weight_decay, "penalty": make_penalty(penalty)}
        made = make_optimizer(optimizer, self.net, options)
        clipped = clip_norm is not None or clip_value is not None
        check_together(made, chosen, accumulate, clipped, bool(jit))
        if jit is None:
            jit = can_be_captured(made, chosen, accumulate)
        self.optimizer, self.loss, self.metrics = made, made_loss, made_metrics
        self.accumulate, self.scheduler_by = accumulate, scheduler_by
        self.scaler, self._values = chosen.scaler, chosen.values
        ready = scheduler is None or hasattr(scheduler, "step")
        self.scheduler = scheduler if ready else scheduler(self.optimizer)
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.stepper = Stepper(self, captured=jit)
        self.checked = warn_of_layers(self.net, made_loss)
        return self

    # ----------------------------------------------------------------------------------- training

    def fit(
        self,
        data: Any,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: Any = None,
        callbacks: Callback | Iterable[Callback] = (),
        verbose: bool | int = True,
        shuffle: bool = True,
        *,
        validation_split: float | None = None,
        initial_epoch: int | None = None,
        resume: PathLike | None = None,
    ) -> History:
        """Trains the net for some epochs more.

        Ctrl-C ends training after the running step: the epochs done so far are returned, and a
        `ModelCheckpoint` saves the model with its place in the epoch. A second Ctrl-C does not wait
        for the step.

        Args:
            data: a tuple (x, y) of arrays or tensors, a data set, a `DataLoader`, or another
                iterable of batches (x, y). `x` may be a tuple: the net is called with its members.
            epochs: how many; with `initial_epoch` or `resume`, the number at which training ends.
            batch_size: for arrays and data sets.
            validation_data: of any of these kinds; the net is evaluated on it after every epoch.
            callbacks: see `Callback`.
            verbose: whether to show a bar.
            shuffle: for arrays and data sets: a new order for every epoch, drawn from
                `manual_seed`.
            validation_split: the share of arrays or a data set that is kept for validation: its
                last samples.
            initial_epoch: the number (from 0) of the first epoch.
            resume: a checkpoint of `ModelCheckpoint` or `save`. If the file is there, training goes
                on from it as if it had never stopped, with the same bits: with the callbacks'
                states, and in the middle of an epoch where Ctrl-C ended it.

        Returns:
            The averages of these epochs: lists by name (`loss`, the metrics, the same with `val_`
            before them, `lr`).

        Raises:
            ArgumentError: if `compile` was not called, or for settings out of range.
            DataError: for data of another kind, or without targets.
        """
        self._check_compiled("fit")
        check_count("fit", "epochs", epochs, 0)
        check_count("fit", "batch_size", batch_size, 1)
        if validation_split is not None:
            if validation_data is not None:
                raise ArgumentError("fit: give validation_data or validation_split, not both")
            data, validation_data = split(data, validation_split)
        saved = None if resume is None else saving.resume(self, resume)
        if initial_epoch is not None:
            self.epoch = at_least("fit", "initial_epoch", initial_epoch, 0)
        total = resume is not None or initial_epoch is not None
        last = epochs if total else self.epoch + epochs
        batches = self._batches(data, batch_size, shuffle)
        self._fit_normalizer(data, batch_size)
        validation = None
        if validation_data is not None:
            validation = self._batches(validation_data, batch_size)
        self.stop_training = self.interrupted = False
        self.run = Run(self, batches, validation, Callbacks(callbacks, self), bool(verbose))
        try:
            with self._cast():
                return self.run.epochs(last, saved)
        finally:
            self.run = None

    # --------------------------------------------------------------------------------- evaluation

    def evaluate(self, data: Any, batch_size: int = 256, verbose: bool | int = False) -> Averages:
        """Returns the loss and the metrics on some data, by name; nothing is learned.

        Args:
            data: as for `fit`: (x, y) in this order.
            batch_size: for arrays and data sets.
            verbose: whether to show a bar.

        Raises:
            ArgumentError: if `compile` was not called.
            DataError: for data of another kind, or if x and y seem to be swapped.
        """
        self._check_compiled("evaluate")
        check_count("evaluate", "batch_size", batch_size, 1)
        batches = self._batches(data, batch_size)
        bar = Progress("evaluate", batches.samples, bool(verbose))
        try:
            with self._cast():
                found = evaluate(self, batches, bar)
            bar.show(found)
        finally:
            bar.close()
        return found

    def predict(self, data: Any, batch_size: int = 256) -> Any:
        """Returns the net's outputs, in evaluation mode, as a NumPy array.

        Args:
            data: an array or a Tensor of inputs, a tuple of them if the net takes several; or a
                data set or `DataLoader`, of which targets are ignored.
            batch_size: for arrays and data sets.

        Returns:
            An array; a tuple of arrays if the net has several outputs.
        """
        check_count("predict", "batch_size", batch_size, 1)
        batches = self._batches(data, batch_size, inputs_only=True)
        with self._cast():
            return predict(self, batches)

    # -------------------------------------------------------------------------------------- files

    def save(self, path: PathLike) -> None:
        """Saves a checkpoint: the net, its normalizer and history, and how it is trained.

        That is, if it was compiled, the states of optimizer, schedule and random numbers, and
        within `fit` those of the callbacks and of the data's order.

        Args:
            path: a name that ends in `.npz` or `.safetensors`.
        """
        saving.save(self, path)

    def load(self, path: PathLike) -> Model:
        """Takes over a checkpoint that `save` wrote; returns the model.

        A model that was compiled as the saved one goes on training with the next epoch; one that
        was not compiled takes over weights and normalizer. (`fit(resume=path)` goes on in the
        middle of an epoch, too.)

        Raises:
            DataError: if the file is malformed or of another kind.
            StateError: if the states do not fit.
        """
        saving.load(self, path)
        return self

    # ------------------------------------------------------------------------------------- others

    def summary(
        self,
        input_size: Sizes | None = None,
        dtype: DType | Sequence[DType] | None = None,
        verbose: bool = True,
    ) -> LayerTable:
        """Prints and returns the table of the net's layers; see `tinygrad_cl.summary`.

        Args:
            input_size: the shape of one sample; that of the last batch if there was one.
            dtype: of the input.
            verbose: whether to print.
        """
        if input_size is None and self.seen is not None:
            known = self.seen[1] if not self.seen[1].is_floating_point else None
            input_size, dtype = self.seen[0], dtype or known
        return summary(self.net, input_size, dtype, verbose=verbose)

    def __repr__(self) -> str:
        return f"Model({self.net!r})"

    def _check_compiled(self, name: str) -> None:
        if self.loss is None:
            raise ArgumentError(f"{name}: call compile(optimizer=..., loss=...) before")

    @contextlib.contextmanager
    def _cast(self) -> Iterator[None]:
        """Mixed precision, if it was chosen, for the length of a block."""
        if self._values is None or self.casting is not None:
            yield
            return
        try:
            with Casting(self.net, self._values) as self.casting:
                yield
        finally:
            self.casting = None

    def _fit_normalizer(self, data: Any, batch_size: int) -> None:
        if self.normalizer is not None and not self.normalizer.count:
            self.normalizer.fit(inputs_of(data, batch_size))

    def _batches(
        self, data: Any, batch_size: int, shuffle: bool = False, inputs_only: bool = False
    ) -> Batches:
        first = next(iter(self.net.parameters()), None)
        device: Device = get_device(None) if first is None else first.device
        dtype = float32 if first is None else first.dtype
        return Batches(data, batch_size, device, dtype, shuffle, inputs_only)
