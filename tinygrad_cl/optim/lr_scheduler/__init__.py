"""Rate schedules: they set the `lr` of an optimizer's groups, once per epoch (or per step).

Names, arguments and numbers are PyTorch's; `WarmupLR` is ours. Rates are arguments of kernels, so
a new one compiles nothing. The rooms: base.py, factors.py, cosine.py, cycles.py, plateau.py,
combined.py.
"""

from __future__ import annotations

from tinygrad_cl.optim.lr_scheduler.base import LRScheduler as LRScheduler
from tinygrad_cl.optim.lr_scheduler.combined import ChainedScheduler as ChainedScheduler
from tinygrad_cl.optim.lr_scheduler.combined import SequentialLR as SequentialLR
from tinygrad_cl.optim.lr_scheduler.combined import WarmupLR as WarmupLR
from tinygrad_cl.optim.lr_scheduler.cosine import CosineAnnealingLR as CosineAnnealingLR
from tinygrad_cl.optim.lr_scheduler.cosine import (
    CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts,
)
from tinygrad_cl.optim.lr_scheduler.cycles import CyclicLR as CyclicLR
from tinygrad_cl.optim.lr_scheduler.cycles import OneCycleLR as OneCycleLR
from tinygrad_cl.optim.lr_scheduler.factors import ConstantLR as ConstantLR
from tinygrad_cl.optim.lr_scheduler.factors import ExponentialLR as ExponentialLR
from tinygrad_cl.optim.lr_scheduler.factors import LambdaLR as LambdaLR
from tinygrad_cl.optim.lr_scheduler.factors import LinearLR as LinearLR
from tinygrad_cl.optim.lr_scheduler.factors import MultiplicativeLR as MultiplicativeLR
from tinygrad_cl.optim.lr_scheduler.factors import MultiStepLR as MultiStepLR
from tinygrad_cl.optim.lr_scheduler.factors import PolynomialLR as PolynomialLR
from tinygrad_cl.optim.lr_scheduler.factors import StepLR as StepLR
from tinygrad_cl.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "WarmupLR",
]
