"""Training in a few lines: `Model` puts Keras's `compile`, `fit` and `predict` on top of a net.

The rooms: model.py (`Model`), fitting.py (its loop; batches.py feeds it, running.py keeps the
running loss and metrics, interrupts.py is about Ctrl-C, progress.py about the bar), settings.py
(what `compile` is given), callbacks.py and stopping.py (what happens between epochs), metrics.py,
summary.py (the table of layers).
"""

from __future__ import annotations

from tinygrad_cl.train import metrics as metrics
from tinygrad_cl.train.callbacks import Callback as Callback
from tinygrad_cl.train.callbacks import CSVLogger as CSVLogger
from tinygrad_cl.train.callbacks import LambdaCallback as LambdaCallback
from tinygrad_cl.train.model import Model as Model
from tinygrad_cl.train.stopping import EarlyStopping as EarlyStopping
from tinygrad_cl.train.stopping import ModelCheckpoint as ModelCheckpoint
from tinygrad_cl.train.stopping import ReduceLROnPlateau as ReduceLROnPlateau
from tinygrad_cl.train.summary import LayerTable as LayerTable
from tinygrad_cl.train.summary import summary as summary

__all__ = [
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "LambdaCallback",
    "LayerTable",
    "Model",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "metrics",
    "summary",
]
