"""Switches of PyTorch's backends that programs set: kept, and without effect.

Results are deterministic and sums are made in the dtype of the tensors whatever they say.

Example:
    >>> import tinygrad_cl as tg
    >>> tg.backends.cudnn.benchmark = True
    >>> tg.backends.mps.is_available()
    False
"""

from __future__ import annotations

from types import SimpleNamespace


def _absent() -> bool:
    return False


cudnn = SimpleNamespace(
    benchmark=False, deterministic=True, enabled=False, allow_tf32=False, is_available=_absent
)
cuda = SimpleNamespace(matmul=SimpleNamespace(allow_tf32=False), is_built=_absent)
mps = SimpleNamespace(is_available=_absent, is_built=_absent)

__all__ = ["cuda", "cudnn", "mps"]
