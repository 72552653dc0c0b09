"""Optimizers and rate schedules under PyTorch's names.

The rooms: optimizer.py (`Optimizer`; update.py and formula.py make the joined kernels, options.py
checks settings, state.py saves and loads), sgd.py, adaptive.py, adam.py, adam_more.py, signs.py,
lbfgs.py (line_search.py), penalty.py, groups.py, scaler.py (`tinygrad_cl.amp`), lr_scheduler/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.ondemand import on_demand as _on_demand
from tinygrad_cl.optim import lr_scheduler as lr_scheduler
from tinygrad_cl.optim import penalty as penalty
from tinygrad_cl.optim.adam import Adam as Adam
from tinygrad_cl.optim.adam import Adamax as Adamax
from tinygrad_cl.optim.adam import AdamW as AdamW
from tinygrad_cl.optim.adam_more import NAdam as NAdam
from tinygrad_cl.optim.adam_more import RAdam as RAdam
from tinygrad_cl.optim.adaptive import Adadelta as Adadelta
from tinygrad_cl.optim.adaptive import AdaGrad as AdaGrad
from tinygrad_cl.optim.adaptive import Adagrad as Adagrad
from tinygrad_cl.optim.adaptive import RMSprop as RMSprop
from tinygrad_cl.optim.groups import param_groups as param_groups
from tinygrad_cl.optim.lbfgs import LBFGS as LBFGS
from tinygrad_cl.optim.optimizer import Optimizer as Optimizer
from tinygrad_cl.optim.sgd import ASGD as ASGD
from tinygrad_cl.optim.sgd import SGD as SGD
from tinygrad_cl.optim.sgd import Momentum as Momentum
from tinygrad_cl.optim.signs import Lion as Lion
from tinygrad_cl.optim.signs import Rprop as Rprop

if TYPE_CHECKING:
    from tinygrad_cl.optim import swa_utils as swa_utils
else:
    __getattr__, __dir__ = _on_demand(__name__, rooms=["swa_utils"])

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "AdaGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Momentum",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "param_groups",
    "penalty",
    "swa_utils",
]
