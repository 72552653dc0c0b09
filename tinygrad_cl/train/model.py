"""`Model`: a net with an optimizer, a loss and metrics, that learns with `fit`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import engine, io
from tinygrad_cl.autograd import no_grad
from tinygrad_cl.dtypes import DType, float32
from tinygrad_cl.errors import ArgumentError, DataError
from tinygrad_cl.nn import Module
from tinygrad_cl.optim import Optimizer
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.train.batches import Batches
from tinygrad_cl.train.callbacks import Callback, Callbacks
from tinygrad_cl.train.fitting import Averages, History, Run, call, evaluate
from tinygrad_cl.train.metrics import MetricFunction
from tinygrad_cl.train.modes import evaluating
from tinygrad_cl.train.progress import Progress
from tinygrad_cl.train.settings import Loss, Metrics, make_loss, make_metrics, make_optimizer
from tinygrad_cl.train.summary import LayerTable, summary

if TYPE_CHECKING:
    from tinygrad_cl.io.state import PathLike
    from tinygrad_cl.runtime.device import Device


class Model:
    """A net with what it takes to train it.

    Args:
        net: any module; it and its parameters stay the user's.

    Attributes:
        net: the net.
        optimizer: set by `compile`.
        history: the averages of all epochs so far, lists by name.
        epoch: the number of epochs done.
        stop_training: set by callbacks, to end training after the epoch.
        interrupted: whether Ctrl-C ended the last `fit`.
        loss, metrics, clip_norm, clip_value, scheduler: set by `compile`.
        seen: the shape and dtype of one sample of the last inputs.

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

    def __init__(self, net: Module) -> None:
        if not isinstance(net, Module):
            raise ArgumentError(f"Model: needs an nn.Module, got {type(net).__name__}")
        self.net = net
        self.history: History = {}
        self.epoch = 0
        self.stop_training = False
        self.interrupted = False
        self.loss: Loss | None = None
        self.metrics: dict[str, MetricFunction] = {}
        self.clip_norm: float | None = None
        self.clip_value: float | None = None
        self.seen: tuple[tuple[int, ...], DType] | None = None

    # ----------------------------------------------------------------------------------- settings

    def compile(
        self,
        optimizer: Any = "adam",
        loss: str | Loss = "cross_entropy",
        metrics: Metrics = (),
        *,
        lr: float | None = None,
        weight_decay: float | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        scheduler: Any = None,
    ) -> Model:
        """Sets how the net is trained; returns the model.

        Args:
            optimizer: an optimizer, its class, or a name: "sgd", "momentum", "adagrad", "rmsprop",
                "adam", "adamw".
            loss: a function or module of (outputs, targets), or a name: "cross_entropy" (of logits
                with class indices or probabilities), "nll", "bce" (of probabilities),
                "bce_with_logits", "mse", "mae", "huber", "smooth_l1".
            metrics: names ("accuracy", "top_k_accuracy", "binary_accuracy", "mae", "mape", "r2") or
                functions of (outputs, targets); a dict gives them other names.
            lr: the rate, if the optimizer is a name or class.
            weight_decay: likewise; biases and other parameters of fewer than two dims have none.
            clip_norm: the largest common norm of all gradients.
            clip_value: the largest absolute value of a gradient's element.
            scheduler: a rate schedule, or what makes one from the optimizer; it steps every epoch.

        Raises:
            ArgumentError: for names that are not known, or settings that do not fit together.
        """
        options = {"lr": lr, "weight_decay": weight_decay}
        self.loss = make_loss(loss)
        self.metrics = make_metrics(metrics, self.loss)
        self.optimizer = make_optimizer(optimizer, self.net, options)
        ready = scheduler is None or hasattr(scheduler, "step")
        self.scheduler = scheduler if ready else scheduler(self.optimizer)
        self.clip_norm, self.clip_value = clip_norm, clip_value
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
    ) -> History:
        """Trains the net for some epochs more.

        Ctrl-C ends training after the running step: the epochs done so far are returned.

        Args:
            data: a tuple (x, y) of arrays or tensors, a data set, a `DataLoader`, or another
                iterable of batches (x, y). `x` may be a tuple: the net is called with its members.
            epochs: how many.
            batch_size: for arrays and data sets.
            validation_data: of any of these kinds; the net is evaluated on it after every epoch.
            callbacks: see `Callback`.
            verbose: whether to show a bar.
            shuffle: for arrays and data sets: a new order for every epoch, drawn from
                `manual_seed`.

        Returns:
            The averages of these epochs: lists by name (`loss`, the metrics, the same with `val_`
            before them, `lr`).

        Raises:
            ArgumentError: if `compile` was not called.
            DataError: for data of another kind, or without targets.
        """
        self._check_compiled("fit")
        batches = self._batches(data, batch_size, shuffle)
        validation = None
        if validation_data is not None:
            validation = self._batches(validation_data, batch_size)
        run = Run(self, batches, validation, Callbacks(callbacks, self), bool(verbose))
        self.stop_training = self.interrupted = False
        return run.epochs(epochs)

    # --------------------------------------------------------------------------------- evaluation

    def evaluate(self, data: Any, batch_size: int = 256, verbose: bool | int = False) -> Averages:
        """Returns the loss and the metrics on some data, by name; nothing is learned.

        Args:
            data: as for `fit`.
            batch_size: for arrays and data sets.
            verbose: whether to show a bar.

        Raises:
            ArgumentError: if `compile` was not called.
        """
        self._check_compiled("evaluate")
        batches = self._batches(data, batch_size)
        bar = Progress("evaluate", batches.samples, bool(verbose))
        try:
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
        batches = self._batches(data, batch_size, inputs_only=True)
        outputs: list[Any] = []
        with no_grad(), evaluating(self.net):
            for inputs, _ in batches:
                output = call(self, inputs)
                outputs.append(output if isinstance(output, tuple) else (output,))
                engine.realize([tensor.node for tensor in outputs[-1]])
        if not outputs:
            raise DataError("predict: there are no batches")
        joined = tuple(
            np.concatenate([tensor.numpy() for tensor in part])
            for part in zip(*outputs, strict=True)
        )
        return joined if len(joined) > 1 else joined[0]

    # -------------------------------------------------------------------------------------- files

    def save(self, path: PathLike) -> None:
        """Saves a checkpoint: the net, the history, and, if compiled, optimizer and schedule.

        Args:
            path: a name that ends in `.npz` or `.safetensors`.
        """
        io.save_checkpoint(path, **self._parts(), epoch=self.epoch, extra={"history": self.history})

    def load(self, path: PathLike) -> Model:
        """Takes over a checkpoint that `save` wrote; returns the model.

        A model that was compiled as the saved one goes on training as if it had never stopped; one
        that was not compiled takes over the weights.

        Raises:
            DataError: if the file is malformed or of another kind.
            StateError: if the states do not fit.
        """
        found = io.load_checkpoint(path, **self._parts(), random=self.loss is not None)
        if not isinstance(found.extra, dict) or not isinstance(found.extra.get("history"), dict):
            raise DataError(f"Model.load: {path} has no history; was it saved by Model.save?")
        self.history, self.epoch = found.extra["history"], found.epoch
        return self

    def _parts(self) -> dict[str, Any]:
        if self.loss is None:
            return {"model": self.net}
        return {"model": self.net, "optimizer": self.optimizer, "scheduler": self.scheduler}

    # ------------------------------------------------------------------------------------- others

    def summary(
        self, input_size: Sequence[int] | None = None, dtype: DType | None = None
    ) -> LayerTable:
        """Returns the table of the net's layers; print it.

        Args:
            input_size: the shape of one sample; that of the last batch if there was one.
            dtype: of the input.
        """
        if input_size is None and self.seen is not None:
            return summary(self.net, self.seen[0], dtype or self.seen[1])
        return summary(self.net, input_size, dtype or float32)

    def __repr__(self) -> str:
        return f"Model({self.net!r})"

    def _check_compiled(self, name: str) -> None:
        if self.loss is None:
            raise ArgumentError(f"{name}: call compile(optimizer=..., loss=...) before")

    def _batches(
        self, data: Any, batch_size: int, shuffle: bool = False, inputs_only: bool = False
    ) -> Batches:
        first = next(iter(self.net.parameters()), None)
        device: Device = get_device(None) if first is None else first.device
        dtype = float32 if first is None else first.dtype
        return Batches(data, batch_size, device, dtype, shuffle, inputs_only)
