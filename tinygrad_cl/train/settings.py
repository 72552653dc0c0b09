"""What `Model.compile` accepts for optimizer, loss and metrics: names, classes, objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from tinygrad_cl import optim
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.nn import BCEWithLogitsLoss, Module
from tinygrad_cl.nn import functional as F
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train import metrics

Loss = Callable[[Any, Any], Tensor]
Metrics = Iterable[str | metrics.MetricFunction] | Mapping[str, str | metrics.MetricFunction]

OPTIMIZERS: dict[str, Any] = {
    "sgd": optim.SGD,
    "momentum": optim.Momentum,
    "adagrad": optim.AdaGrad,
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
}
LOSSES: dict[str, Loss] = {
    "cross_entropy": F.cross_entropy,
    "nll": F.nll_loss,
    "bce": F.binary_cross_entropy,
    "bce_with_logits": F.binary_cross_entropy_with_logits,
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
    "smooth_l1": F.smooth_l1_loss,
}


def make_optimizer(given: Any, net: Module, options: dict[str, Any]) -> optim.Optimizer:
    """Returns the optimizer that was given, or one of a name or class over the net's parameters.

    Weight decay is for weights: parameters of fewer than two dims (biases, norm layers) have none.

    Raises:
        ArgumentError: for an unknown name, or options beside a ready optimizer.
    """
    options = {key: value for key, value in options.items() if value is not None}
    if isinstance(given, optim.Optimizer):
        if options:
            raise ArgumentError(
                f"compile: {' and '.join(options)} cannot be given with a ready optimizer; "
                "set them on the optimizer, or give its class"
            )
        return given
    kind = OPTIMIZERS.get(given.lower()) if isinstance(given, str) else given
    if not callable(kind):
        raise ArgumentError(f"compile: unknown optimizer {given!r}; known: {', '.join(OPTIMIZERS)}")
    params = [p for p in net.parameters() if p.requires_grad]
    if "weight_decay" not in options:
        made = kind(params, **options)
    else:
        wide = [p for p in params if p.ndim >= 2]
        narrow = [p for p in params if p.ndim < 2]
        groups: list[dict[str, Any]] = [{"params": wide}, {"params": narrow, "weight_decay": 0.0}]
        made = kind([group for group in groups if group["params"]], **options)
    assert isinstance(made, optim.Optimizer)
    return made


def make_loss(given: str | Loss) -> Loss:
    """Returns the loss function of a name, or the function (or module) itself.

    Raises:
        ArgumentError: for an unknown name.
    """
    found = LOSSES.get(given) if isinstance(given, str) else given
    if not callable(found):
        raise ArgumentError(f"compile: unknown loss {given!r}; known: {', '.join(LOSSES)}")
    return found


def make_metrics(given: Metrics, loss: Loss) -> dict[str, metrics.MetricFunction]:
    """Returns the metrics by the names under which they appear in histories.

    Raises:
        ArgumentError: for an unknown or repeated name.
    """
    if isinstance(given, str):
        given = [given]
    pairs = given.items() if isinstance(given, Mapping) else [(_name(m), m) for m in given]
    found: dict[str, metrics.MetricFunction] = {}
    for name, metric in pairs:
        if name in found or name in ("loss", "lr"):
            raise ArgumentError(f"compile: the metric name {name!r} is taken; give a dict of names")
        found[name] = _function(metric, loss)
    return found


def _name(metric: Any) -> str:
    if isinstance(metric, str):
        return metric
    return str(getattr(metric, "__name__", type(metric).__name__))


def _function(metric: Any, loss: Loss) -> metrics.MetricFunction:
    found = metrics.FUNCTIONS.get(metric) if isinstance(metric, str) else metric
    if not callable(found):
        known = ", ".join(metrics.FUNCTIONS)
        raise ArgumentError(f"compile: unknown metric {metric!r}; known: {known}")
    logits = loss is F.binary_cross_entropy_with_logits or isinstance(loss, BCEWithLogitsLoss)
    if metric == "binary_accuracy" and logits:
        return partial(metrics.binary_accuracy, threshold=0.0)
    result: metrics.MetricFunction = found
    return result
