"""Training with float16 values: `GradScaler` keeps small gradients from vanishing."""

from __future__ import annotations

from tinygrad_cl.optim.scaler import GradScaler as GradScaler

__all__ = ["GradScaler"]
