"""Metrics that count classes: precision, recall, F1 and the confusion matrix.

Counts are integers on the device and on the host, so they are exact for any number of samples.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_cl.dtypes import float32
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional.creation import from_numpy
from tinygrad_cl.functional.index import one_hot
from tinygrad_cl.functional.movement import stack
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train.metrics.functions import class_labels, same_shape
from tinygrad_cl.train.metrics.running import Metric

AVERAGES = ("auto", "binary", "micro", "macro", "weighted")
_EXACT = 1 << 24  # samples of a batch that float32 can count


class Decided(NamedTuple):
    """Class indices, 1-D: those that a net chose, and those that are right."""

    chosen: Tensor
    right: Tensor
    classes: int


def decide(
    op: str, output: Tensor, target: Tensor, threshold: float, classes: int | None
) -> Decided:
    """Returns the classes that outputs stand for.

    Outputs are scores (N, C, ...) of classes with class indices (N, ...) or one-hot targets; or one
    score per sample, (N) or (N, 1), with targets 0 and 1 of the same shape; or class indices, which
    need `classes`.

    Raises:
        ShapeError: if the shapes do not fit.
        DTypeError: if class indices are not integers.
        ArgumentError: for class indices without `classes`.
    """
    if output.dtype.is_floating_point and (output.ndim < 2 or output.shape[1] == 1):
        same_shape(op, output, target)
        chosen, right, count = (output > threshold).long(), (target.to(float32) > 0.5).long(), 2
    elif output.dtype.is_floating_point:
        right = class_labels(op, output, target)
        chosen, count = output.argmax(1), output.shape[1]
    elif classes is None:
        raise ArgumentError(f"{op}: outputs that are class indices need num_classes")
    else:
        same_shape(op, output, target)
        chosen, right, count = output.long(), target.long(), classes
    if classes is not None and classes != count:
        raise ShapeError(f"{op}: num_classes is {classes}, but the outputs are of {count} classes")
    return Decided(chosen.reshape(-1), right.reshape(-1), count)


class _Counts(Metric):
    """Counts per class: right ones, chosen ones, true ones; the base of precision, recall, F1."""

    totals = ("counts",)

    def __init__(
        self,
        average: str | None = "auto",
        threshold: float = 0.5,
        zero_division: float = 0.0,
        num_classes: int | None = None,
    ) -> None:
        if average is not None and average not in AVERAGES:
            listed = ", ".join(f'"{word}"' for word in AVERAGES)
            raise ArgumentError(
                f"{type(self).__name__}: average must be None or one of {listed}, got {average!r}"
            )
        self.average = average
        self.threshold = threshold
        self.zero_division = zero_division
        self.num_classes = num_classes
        self.scalar = average is not None
        super().__init__()

    def reset(self) -> None:
        """Starts anew."""
        super().reset()
        self.counts: Any = None

    def measure(self, output: Any, target: Any) -> Tensor:
        """Returns counts (3, C) of a batch: right, chosen and true ones."""
        found = decide(self.name, output, target, self.threshold, self.num_classes)
        chosen, right = (one_hot(x, found.classes) != 0 for x in (found.chosen, found.right))
        return stack([(chosen & right).long().sum(0), chosen.long().sum(0), right.long().sum(0)])

    def result(self) -> Any:
        """Returns the score so far: one number, or one per class; NaN of nothing."""
        self.read()
        if self.counts is None:
            return float("nan")
        both, chosen, right = self.counts
        average = self.average
        if average == "auto":
            average = "binary" if len(both) == 2 else "macro"
        if average == "binary":
            if len(both) != 2:
                raise ArgumentError(
                    f'{self.name}: average "binary" is for two classes, there are {len(both)}; '
                    'take "macro", "micro" or "weighted"'
                )
            return float(self._scores(both, chosen, right)[1])
        if average == "micro":
            return float(self._scores(both.sum(), chosen.sum(), right.sum()))
        scores = self._scores(both, chosen, right)
        return scores if average is None else self._averaged(scores, chosen, right, average)

    def _averaged(
        self, scores: np.ndarray, chosen: np.ndarray, right: np.ndarray, average: str
    ) -> float:
        weights = right if average == "weighted" else (chosen + right > 0)
        if not weights.sum():
            return self.zero_division
        there = weights > 0
        return float(np.average(scores[there], weights=weights[there]))

    def _scores(self, both: Any, chosen: Any, right: Any) -> Any:
        over, under = self._share(both, chosen, right)
        none = np.asarray(under) == 0
        return np.where(none, self.zero_division, over / np.where(none, 1, under))

    def _share(self, both: Any, chosen: Any, right: Any) -> tuple[Any, Any]:
        raise NotImplementedError

    def _take(self, value: np.ndarray, count: int) -> None:
        self.counts = value.copy() if self.counts is None else self.counts + value


class Precision(_Counts):
    """Of the samples for which a class was chosen, the share for which it was right.

    Args:
        average: "binary" (of class 1, of two), "micro" (of all choices together), "macro" (the mean
            over the classes that occur), "weighted" (by the number of true samples), "auto"
            (binary for two classes, else macro), or None for one number per class.
        threshold: for one score per sample: above it, class 1 is chosen; 0 for logits.
        zero_division: the score of a class that was never chosen.
        num_classes: needed if outputs are class indices and not scores.

    Raises:
        ArgumentError: for another average.

    Example:
        >>> import tinygrad_cl as tg
        >>> metric = Precision()
        >>> metric.add(tg.tensor([0.9, 0.8, 0.2]), tg.tensor([1, 0, 1]))
        >>> metric.add(tg.tensor([0.7, 0.6]), tg.tensor([1, 1]))
        >>> metric.result()
        0.75
    """

    name = "precision"

    def _share(self, both: Any, chosen: Any, right: Any) -> tuple[Any, Any]:
        return both, chosen


class Recall(_Counts):
    """Of the samples of a class, the share for which it was chosen.

    Args:
        average: as for `Precision`.
        threshold: as for `Precision`.
        zero_division: the score of a class of which there are no samples.
        num_classes: as for `Precision`.

    Raises:
        ArgumentError: for another average.

    Example:
        >>> import tinygrad_cl as tg
        >>> metric = Recall("macro")
        >>> metric.add(tg.tensor([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]]), tg.tensor([0, 1, 1]))
        >>> metric.result()
        0.75
    """

    name = "recall"

    def _share(self, both: Any, chosen: Any, right: Any) -> tuple[Any, Any]:
        return both, right


class F1(_Counts):
    """The harmonic mean of precision and recall: `2 * right / (chosen + true)`.

    Args:
        average: as for `Precision`.
        threshold: as for `Precision`.
        zero_division: the score of a class that was never chosen and of which there are no samples.
        num_classes: as for `Precision`.

    Raises:
        ArgumentError: for another average.

    Example:
        >>> import tinygrad_cl as tg
        >>> metric = F1("binary")
        >>> metric.add(tg.tensor([0.9, 0.8, 0.2]), tg.tensor([1, 0, 1]))
        >>> metric.result()
        0.5
    """

    name = "f1"

    def _share(self, both: Any, chosen: Any, right: Any) -> tuple[Any, Any]:
        return 2 * both, chosen + right


class ConfusionMatrix(Metric):
    """How often class j (column) was chosen for samples of class i (row): an int64 array (C, C).

    Args:
        normalize: "true" divides by the samples of each class, "pred" by the choices of each
            class, "all" by their number; None leaves counts.
        threshold: for one score per sample: above it, class 1 is chosen; 0 for logits.
        num_classes: needed if outputs are class indices and not scores.

    Raises:
        ArgumentError: for another way to normalize.

    Example:
        >>> import tinygrad_cl as tg
        >>> metric = ConfusionMatrix()
        >>> metric.add(tg.tensor([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]]), tg.tensor([0, 1, 1]))
        >>> metric.result().tolist()
        [[1, 0], [1, 1]]
    """

    name = "confusion_matrix"
    scalar = False
    totals = ("matrix",)

    def __init__(
        self,
        normalize: str | None = None,
        threshold: float = 0.5,
        num_classes: int | None = None,
    ) -> None:
        if normalize not in (None, "true", "pred", "all"):
            raise ArgumentError(
                f'ConfusionMatrix: normalize must be None, "true", "pred" or "all", '
                f"got {normalize!r}"
            )
        self.normalize = normalize
        self.threshold = threshold
        self.num_classes = num_classes
        super().__init__()

    def reset(self) -> None:
        """Starts anew."""
        super().reset()
        self.matrix: Any = None

    def measure(self, output: Any, target: Any) -> Tensor:
        """Returns the matrix of a batch.

        Raises:
            ShapeError: for a batch of more samples than float32 can count.
        """
        found = decide(self.name, output, target, self.threshold, self.num_classes)
        if len(found.right) > _EXACT:
            raise ShapeError(f"confusion_matrix: a batch may have {_EXACT} samples at most")
        chosen, right = (one_hot(x, found.classes).to(float32) for x in found[:2])
        return right.transpose(0, 1) @ chosen

    def result(self) -> Any:
        """Returns the matrix so far, int64, or float64 if normalized; (0, 0) of nothing."""
        self.read()
        if self.matrix is None:
            return np.zeros((0, 0), np.int64)
        if self.normalize is None:
            return self.matrix
        axes = {"true": 1, "pred": 0, "all": None}
        total = self.matrix.sum(axes[self.normalize], keepdims=True)
        return self.matrix / np.where(total == 0, 1, total)

    def _take(self, value: np.ndarray, count: int) -> None:
        matrix = np.rint(value).astype(np.int64)
        self.matrix = matrix if self.matrix is None else self.matrix + matrix


def precision(output: Tensor, target: Tensor, average: str | None = "auto", **options: Any) -> Any:
    """Returns the precision of one batch as a tensor; see `Precision`. Waits for the device.

    Example:
        >>> import tinygrad_cl as tg
        >>> precision(tg.tensor([0.9, 0.8, 0.2]), tg.tensor([1, 0, 1])).item()
        0.5
    """
    return _of_one_batch(Precision(average, **options), output, target)


def recall(output: Tensor, target: Tensor, average: str | None = "auto", **options: Any) -> Any:
    """Returns the recall of one batch as a tensor; see `Recall`. Waits for the device.

    Example:
        >>> import tinygrad_cl as tg
        >>> recall(tg.tensor([0.9, 0.8, 0.2]), tg.tensor([1, 0, 1])).item()
        0.5
    """
    return _of_one_batch(Recall(average, **options), output, target)


def f1(output: Tensor, target: Tensor, average: str | None = "auto", **options: Any) -> Any:
    """Returns the F1 score of one batch as a tensor; see `F1`. Waits for the device.

    Example:
        >>> import tinygrad_cl as tg
        >>> f1(tg.tensor([0.9, 0.8, 0.2]), tg.tensor([1, 0, 1])).item()
        0.5
    """
    return _of_one_batch(F1(average, **options), output, target)


def confusion_matrix(output: Tensor, target: Tensor, **options: Any) -> Any:
    """Returns the confusion matrix of one batch, (C, C); see `ConfusionMatrix`.

    Example:
        >>> import tinygrad_cl as tg
        >>> confusion_matrix(tg.tensor([0.9, 0.8, 0.2]), tg.tensor([1, 0, 1])).tolist()
        [[0, 1], [1, 1]]
    """
    return _of_one_batch(ConfusionMatrix(**options), output, target)


def _of_one_batch(metric: Metric, output: Tensor, target: Tensor) -> Tensor:
    metric.add(output, target)
    return from_numpy(np.asarray(metric.result()), device=output.device)
