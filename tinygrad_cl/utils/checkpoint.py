"""`checkpoint` where `torch.utils.checkpoint` has it."""

from __future__ import annotations

from tinygrad_cl.functional.recompute import checkpoint as checkpoint

__all__ = ["checkpoint"]
