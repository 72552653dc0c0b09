"""Optimizers and rate schedules under PyTorch's names.

The rooms: optimizer.py (`Optimizer`; state.py saves and loads), sgd.py, adaptive.py,
lr_scheduler.py.
"""

from __future__ import annotations

from tinygrad_cl.optim import lr_scheduler as lr_scheduler
from tinygrad_cl.optim.adaptive import AdaGrad as AdaGrad
from tinygrad_cl.optim.adaptive import Adagrad as Adagrad
from tinygrad_cl.optim.adaptive import Adam as Adam
from tinygrad_cl.optim.adaptive import AdamW as AdamW
from tinygrad_cl.optim.adaptive import RMSprop as RMSprop
from tinygrad_cl.optim.optimizer import Optimizer as Optimizer
from tinygrad_cl.optim.sgd import SGD as SGD
from tinygrad_cl.optim.sgd import Momentum as Momentum

__all__ = [
    "SGD",
    "AdaGrad",
    "Adagrad",
    "Adam",
    "AdamW",
    "Momentum",
    "Optimizer",
    "RMSprop",
    "lr_scheduler",
]
