"""Training in a few lines: `Model` puts Keras's `compile`, `fit` and `predict` on top of a net.

The rooms: model.py (`Model`), settings.py (what `compile` is given; checks.py finds mistakes),
fitting.py (the loop; batches.py feeds it, steps.py makes a step, calling.py and precision.py call
the net, running.py keeps the running loss and metrics, history.py those of epochs, interrupts.py is
about Ctrl-C, progress.py about the bar), saving.py (files). Callbacks: callbacks.py, stopping.py,
rates.py, keeping.py, writers.py, curves.py. metrics/ holds the metrics, summary.py (watching.py,
costs.py) the table of layers, estimators.py the classes for scikit-learn.
"""

from __future__ import annotations

from tinygrad_cl.train import metrics as metrics
from tinygrad_cl.train.callbacks import Callback as Callback
from tinygrad_cl.train.callbacks import LambdaCallback as LambdaCallback
from tinygrad_cl.train.callbacks import TerminateOnNaN as TerminateOnNaN
from tinygrad_cl.train.curves import PlotCurves as PlotCurves
from tinygrad_cl.train.curves import plot_history as plot_history
from tinygrad_cl.train.history import History as History
from tinygrad_cl.train.keeping import ModelCheckpoint as ModelCheckpoint
from tinygrad_cl.train.model import Model as Model
from tinygrad_cl.train.rates import LearningRateScheduler as LearningRateScheduler
from tinygrad_cl.train.rates import ReduceLROnPlateau as ReduceLROnPlateau
from tinygrad_cl.train.stopping import EarlyStopping as EarlyStopping
from tinygrad_cl.train.summary import LayerRow as LayerRow
from tinygrad_cl.train.summary import LayerTable as LayerTable
from tinygrad_cl.train.summary import summary as summary
from tinygrad_cl.train.writers import CSVLogger as CSVLogger
from tinygrad_cl.train.writers import TensorBoard as TensorBoard

__all__ = [
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LayerRow",
    "LayerTable",
    "LearningRateScheduler",
    "Model",
    "ModelCheckpoint",
    "PlotCurves",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
    "metrics",
    "plot_history",
    "summary",
]

_ESTIMATORS = ("TinyClassifier", "TinyRegressor")


def __getattr__(name: str) -> type:
    """Imports the estimators when they are asked for: they need scikit-learn."""
    if name in _ESTIMATORS:
        from tinygrad_cl.train import estimators

        found: type = getattr(estimators, name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
