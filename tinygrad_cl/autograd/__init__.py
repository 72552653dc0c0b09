"""Reverse-mode differentiation: `backward`, `grad`, grad modes, and users' own ops.

The rooms: handle.py (what autograd knows of a Tensor), modes.py, walk.py (the walk over nodes),
api.py (`backward`, `grad`), function.py (`Function`), anomaly.py (`detect_anomaly`),
trace.py and functional.py (`jacobian` and its kin).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.autograd import functional as functional
from tinygrad_cl.autograd.anomaly import detect_anomaly as detect_anomaly
from tinygrad_cl.autograd.anomaly import (
    is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled,
)
from tinygrad_cl.autograd.anomaly import is_anomaly_enabled as is_anomaly_enabled
from tinygrad_cl.autograd.anomaly import set_detect_anomaly as set_detect_anomaly
from tinygrad_cl.autograd.api import RemovableHandle as RemovableHandle
from tinygrad_cl.autograd.api import Variable as Variable
from tinygrad_cl.autograd.api import backward as backward
from tinygrad_cl.autograd.api import grad as grad
from tinygrad_cl.autograd.function import Context as Context
from tinygrad_cl.autograd.function import Function as Function
from tinygrad_cl.autograd.modes import enable_grad as enable_grad
from tinygrad_cl.autograd.modes import inference_mode as inference_mode
from tinygrad_cl.autograd.modes import is_grad_enabled as is_grad_enabled
from tinygrad_cl.autograd.modes import no_grad as no_grad
from tinygrad_cl.autograd.modes import set_grad_enabled as set_grad_enabled
from tinygrad_cl.ondemand import on_demand as _on_demand

if TYPE_CHECKING:
    from tinygrad_cl.testing.gradcheck import gradcheck as gradcheck
    from tinygrad_cl.testing.gradcheck import gradgradcheck as gradgradcheck
else:  # where PyTorch has them
    __getattr__, __dir__ = _on_demand(
        __name__, names={"tinygrad_cl.testing": ["gradcheck", "gradgradcheck"]}
    )

__all__ = [
    "Context",
    "Function",
    "RemovableHandle",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
