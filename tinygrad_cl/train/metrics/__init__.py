"""Metrics: functions of outputs and targets, and objects that follow them over an epoch.

A function (functions.py) returns a tensor of one number for one batch. An object (running.py,
counts.py) takes note of batch after batch without waiting for the device, and gives the value for
all samples together, which for R2, precision, recall and F1 is not the mean of the batches' values.
`Model.compile` takes functions, objects and names (names.py).
"""

from __future__ import annotations

from tinygrad_cl.train.metrics.counts import F1 as F1
from tinygrad_cl.train.metrics.counts import ConfusionMatrix as ConfusionMatrix
from tinygrad_cl.train.metrics.counts import Precision as Precision
from tinygrad_cl.train.metrics.counts import Recall as Recall
from tinygrad_cl.train.metrics.counts import confusion_matrix as confusion_matrix
from tinygrad_cl.train.metrics.counts import f1 as f1
from tinygrad_cl.train.metrics.counts import precision as precision
from tinygrad_cl.train.metrics.counts import recall as recall
from tinygrad_cl.train.metrics.functions import MetricFunction as MetricFunction
from tinygrad_cl.train.metrics.functions import accuracy as accuracy
from tinygrad_cl.train.metrics.functions import binary_accuracy as binary_accuracy
from tinygrad_cl.train.metrics.functions import mae as mae
from tinygrad_cl.train.metrics.functions import mape as mape
from tinygrad_cl.train.metrics.functions import mse as mse
from tinygrad_cl.train.metrics.functions import r2 as r2
from tinygrad_cl.train.metrics.functions import top_k_accuracy as top_k_accuracy
from tinygrad_cl.train.metrics.names import NAMES as NAMES
from tinygrad_cl.train.metrics.names import running as running
from tinygrad_cl.train.metrics.running import R2 as R2
from tinygrad_cl.train.metrics.running import Metric as Metric
from tinygrad_cl.train.metrics.running import Running as Running

__all__ = [
    "F1",
    "NAMES",
    "R2",
    "ConfusionMatrix",
    "Metric",
    "MetricFunction",
    "Precision",
    "Recall",
    "Running",
    "accuracy",
    "binary_accuracy",
    "confusion_matrix",
    "f1",
    "mae",
    "mape",
    "mse",
    "precision",
    "r2",
    "recall",
    "running",
    "top_k_accuracy",
]
