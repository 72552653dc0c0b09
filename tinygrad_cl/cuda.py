"""What programs ask of `torch.cuda`: there is no CUDA here, so they take their other branch.

GPUs are reached through OpenCL, on which new tensors live by default; see `tinygrad_cl.devices`.

Example:
    >>> import tinygrad_cl as tg
    >>> tg.device("cuda" if tg.cuda.is_available() else "cpu") is tg.device("cpu")
    True
"""

from __future__ import annotations

from tinygrad_cl.functional.random import manual_seed as _manual_seed
from tinygrad_cl.runtime.device import get_default_device


def is_available() -> bool:
    """Returns False."""
    return False


def device_count() -> int:
    """Returns 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Starts the random numbers of all devices anew, like `tinygrad_cl.manual_seed`."""
    _manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Starts the random numbers of all devices anew, like `tinygrad_cl.manual_seed`."""
    _manual_seed(seed)


def synchronize(device: object = None) -> None:
    """Waits until the default device has done all that was asked of it."""
    get_default_device().synchronize()


def empty_cache() -> None:
    """Does nothing: memory that nobody uses is kept for the next tensor."""


__all__ = [
    "device_count",
    "empty_cache",
    "is_available",
    "manual_seed",
    "manual_seed_all",
    "synchronize",
]
