"""One step of training: forward, backward, clipping, update; in parts if gradients accumulate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tinygrad_cl import engine, nn, optim
from tinygrad_cl.autograd import no_grad
from tinygrad_cl.dtypes import DType, float32, float64
from tinygrad_cl.errors import DataError, DTypeError, ShapeError
from tinygrad_cl.jit import jit
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.utils import clip_grad_norm_, clip_grad_value_
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train.batches import size_of
from tinygrad_cl.train.calling import call
from tinygrad_cl.train.checks import explained
from tinygrad_cl.train.metrics.running import one_number
from tinygrad_cl.train.running import Values

if TYPE_CHECKING:
    from tinygrad_cl.train.model import Model

Batch = tuple[Any, Any]


class Done(NamedTuple):
    """What came of a step: its loss, and for each of its batches the metrics and the samples."""

    loss: Tensor
    values: list[Values]
    counts: list[int]
    output: Any


def forward(model: Model, inputs: Any, targets: Any) -> tuple[Tensor, Any]:
    """Returns the loss and the outputs for a batch.

    Raises:
        DataError: if there are no targets, or inputs and targets seem to be swapped.
    """
    if targets is None:
        raise DataError("Model: the batches have no targets; give pairs (x, y)")
    assert model.loss is not None
    try:
        output = call(model, inputs)
        return model.loss(output, targets), output
    except (ShapeError, DTypeError) as error:
        better = explained(model, inputs, targets, error)
        if better is error:
            raise
        raise better from error


class Stepper:
    """Trains a model on batches.

    Args:
        model: a compiled model.
        captured: whether steps of one batch are captured and replayed by `jit`.
    """

    def __init__(self, model: Model, captured: bool = False) -> None:
        self.model = model
        self.metrics = list(model.metrics.values())
        self.step: Callable[[Any, Any], tuple[Tensor, Any, Values]] = self._step
        if captured:
            self.step = jit(self._step)

    def _tracing_state(self) -> tuple[Any, ...]:
        """What a captured step depends on besides its parts."""
        model = self.model
        return id(model.net), id(model.optimizer), model.clip_norm, model.clip_value

    def _tracing_parts(self) -> tuple[Any, ...]:
        """What a captured step calls: the user's own code, and what has hooks."""
        return self.model.net, self.model.loss, self.model.optimizer, *self.metrics

    def __call__(self, batches: Sequence[Batch]) -> Done:
        """Makes one update from some batches, as if they were one large batch."""
        counts = [
            size_of(targets if targets is not None else inputs) for inputs, targets in batches
        ]
        if len(batches) == 1:
            loss, output, values = self.step(*batches[0])
            return Done(loss, [values], counts, output)
        weights = self._weights([targets for _, targets in batches], counts)
        total = None if weights[0] is None else sum(weights[1:], weights[0])
        self.model.optimizer.zero_grad()
        losses, found, output = [], [], None
        for (inputs, targets), weight in zip(batches, weights, strict=True):
            part, output, values = self._part(inputs, targets, weight, total)
            losses.append(part)
            found.append(values)
        self._update()
        return Done(_sum(losses), found, counts, output)

    def _step(self, inputs: Any, targets: Any) -> tuple[Tensor, Any, Values]:
        """Makes one update from one batch; returns the loss, the outputs, and the metrics.

        It works on tensors and the model's state alone and reads no value.
        """
        model = self.model
        if isinstance(model.optimizer, optim.LBFGS):
            return self._searched(inputs, targets)
        loss, output = forward(model, inputs, targets)
        values = self._measured(loss, output, targets)
        model.optimizer.zero_grad()
        self._backward(loss)
        self._update()
        return values[0], output, values[1:]

    def _part(
        self, inputs: Any, targets: Any, weight: Any, total: Any
    ) -> tuple[Tensor, Any, Values]:
        """Adds the gradient of one batch, times its share in all, to those of others."""
        loss, output = forward(self.model, inputs, targets)
        if weight is not None:
            loss = loss * _as(weight, loss) / _as(total, loss)
        values = self._measured(loss, output, targets)
        self._backward(loss)
        grads = [p.grad.node for p in self._params() if p.grad is not None]
        engine.realize(grads)  # now, so that the graph of this batch can go
        return values[0], output, values[1:]

    def _searched(self, inputs: Any, targets: Any) -> tuple[Tensor, Any, Values]:
        """Makes one step of an optimizer that evaluates the loss several times."""
        model = self.model
        first: list[tuple[Values, Any]] = []

        def closure() -> Tensor:
            model.optimizer.zero_grad()
            loss, output = forward(model, inputs, targets)
            if not first:
                first.append((self._measured(loss, output, targets), output))
            loss.backward()
            self._clip()
            return loss

        model.optimizer.step(closure)
        values, output = first[0]
        return values[0], output, values[1:]

    def _measured(self, loss: Tensor, output: Any, targets: Any) -> Values:
        """Returns the loss and the metrics, which are computed along with the update."""
        with no_grad():
            values = one_number(loss), *[m.measure(output, targets) for m in self.metrics]
        for value in values:
            engine.defer(value)
        return values

    def _backward(self, loss: Tensor) -> None:
        scaler = self.model.scaler
        (loss if scaler is None else scaler.scale(loss)).backward()

    def _update(self) -> None:
        model = self.model
        scaler, optimizer = model.scaler, model.optimizer
        if scaler is None:
            self._clip()
            optimizer.step()
            return
        if model.clip_norm is not None or model.clip_value is not None:
            scaler.unscale_(optimizer)
            self._clip()
        scaler.step(optimizer)
        scaler.update()

    def _clip(self) -> None:
        model = self.model
        if model.clip_norm is not None:
            clip_grad_norm_(model.net.parameters(), model.clip_norm)
        if model.clip_value is not None:
            clip_grad_value_(model.net.parameters(), model.clip_value)

    def _params(self) -> list[Tensor]:
        return [p for group in self.model.optimizer.param_groups for p in group["params"]]

    def _weights(self, targets: Sequence[Any], counts: Sequence[int]) -> list[Any]:
        """The weight of each batch in the loss of all together; None for losses that are sums."""
        loss = self.model.loss
        if getattr(loss, "reduction", "mean") == "sum":
            return [None] * len(counts)
        wide = any(p.dtype is float64 for p in self._params())
        dtype = float64 if wide else float32
        return [weight_of(loss, t, n, dtype) for t, n in zip(targets, counts, strict=True)]


def weight_of(loss: Any, targets: Any, count: int, dtype: DType) -> Any:
    """Returns what the mean of a loss over a batch was divided by.

    That is the number of samples, and for losses of class indices the sum of the weights, in a
    dtype, of those that are not ignored.
    """
    module = isinstance(loss, nn.CrossEntropyLoss | nn.NLLLoss)
    classes = module or loss in (F.cross_entropy, F.nll_loss)
    if not classes or not isinstance(targets, Tensor) or targets.dtype.is_floating_point:
        return float(count)
    counted = targets != getattr(loss, "ignore_index", -100)
    weight = getattr(loss, "weight", None)
    if weight is None:
        return counted.long().sum()
    known = targets.long() * counted.long()  # an ignored one may be no class
    chosen = weight.detach().to(dtype).index_select(0, known.reshape(-1))
    return (chosen * counted.reshape(-1).to(dtype)).sum()


def _as(number: Any, like: Tensor) -> Any:
    return number.to(like.dtype) if isinstance(number, Tensor) else number


def _sum(losses: list[Tensor]) -> Tensor:
    return sum(losses[1:], losses[0])
