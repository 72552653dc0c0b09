"""Training with values of 16 bits: `autocast` chooses dtypes, `GradScaler` keeps gradients."""

from __future__ import annotations

from tinygrad_cl.functional.autocasting import autocast as autocast
from tinygrad_cl.optim.scaler import GradScaler as GradScaler

__all__ = ["GradScaler", "autocast"]
