"""The names of metrics, and what follows each over an epoch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.train.metrics import functions
from tinygrad_cl.train.metrics.counts import F1, ConfusionMatrix, Precision, Recall, f1
from tinygrad_cl.train.metrics.counts import confusion_matrix as confusion
from tinygrad_cl.train.metrics.counts import precision as precision_of
from tinygrad_cl.train.metrics.counts import recall as recall_of
from tinygrad_cl.train.metrics.functions import MetricFunction
from tinygrad_cl.train.metrics.running import R2, Metric, Running

Maker = Callable[..., Metric]


def _average(function: Callable[..., Any]) -> Maker:
    return partial(Running, function)


NAMES: dict[str, Maker] = {
    "accuracy": _average(functions.accuracy),
    "acc": _average(functions.accuracy),
    "top_k_accuracy": _average(functions.top_k_accuracy),
    "top_5_accuracy": _average(partial(functions.top_k_accuracy, k=5)),
    "top_3_accuracy": _average(partial(functions.top_k_accuracy, k=3)),
    "mae": _average(functions.mae),
    "mse": _average(functions.mse),
    "mape": _average(functions.mape),
    "r2": R2,
    "confusion_matrix": ConfusionMatrix,
}
# These take a threshold between two classes: 0 for logits.
_WITH_THRESHOLD: dict[str, Callable[[float], Metric]] = {
    "binary_accuracy": lambda threshold: Running(
        partial(functions.binary_accuracy, threshold=threshold)
    )
}
for _name, _kind in (("precision", Precision), ("recall", Recall), ("f1", F1)):
    _WITH_THRESHOLD[_name] = partial(_kind, "auto")
    for _word in ("binary", "micro", "macro", "weighted"):
        _WITH_THRESHOLD[f"{_name}_{_word}"] = partial(_kind, _word)
NAMES |= {name: partial(make, 0.5) for name, make in _WITH_THRESHOLD.items()}

# Functions whose value for all samples is not the mean of the batches' values.
_OBJECTS: dict[Any, Maker] = {
    functions.r2: R2,
    precision_of: Precision,
    recall_of: Recall,
    f1: F1,
    confusion: ConfusionMatrix,
}


def running(metric: str | Metric | MetricFunction, logits: bool = False) -> Metric:
    """Returns an object that follows a metric over batches, and has seen nothing yet.

    Args:
        metric: a name, a function of outputs and targets, or an object, of which a fresh copy is
            returned.
        logits: whether outputs are logits of two classes, divided by 0 and not by 0.5; for names.

    Raises:
        ArgumentError: for an unknown name or another kind.

    Example:
        >>> running("f1_macro").name
        'f1'
    """
    if isinstance(metric, Metric):
        return metric.fresh()
    if isinstance(metric, str) and metric in NAMES:
        if logits and metric in _WITH_THRESHOLD:
            return _WITH_THRESHOLD[metric](0.0)
        return NAMES[metric]()
    if isinstance(metric, str) or not callable(metric):
        raise ArgumentError(f"unknown metric {metric!r}; known: {', '.join(sorted(NAMES))}")
    return _OBJECTS.get(metric, _average(metric))()
