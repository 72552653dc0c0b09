"""What programs ask of `torch.cuda`, of the OpenCL GPUs: as PyTorch does for AMD's.

The device name "cuda" is the best OpenCL GPU, of whatever make. New tensors live on the best device
anyway, so that programs which name none use it, too; see `tinygrad_cl.devices`.

Example:
    >>> import tinygrad_cl as tg
    >>> device = tg.device("cuda" if tg.cuda.is_available() else "cpu")
    >>> tg.ones(2, device=device).is_cuda == tg.cuda.is_available()
    True
"""

from __future__ import annotations

from tinygrad_cl.functional.random import manual_seed as _manual_seed
from tinygrad_cl.runtime.device import Device, get_default_device, get_device, gpus


def is_available() -> bool:
    """Returns whether there is an OpenCL GPU."""
    return bool(gpus())


def device_count() -> int:
    """Returns how many OpenCL GPUs can be used."""
    return len(gpus())


def manual_seed(seed: int) -> None:
    """Starts the random numbers of all devices anew, like `tinygrad_cl.manual_seed`."""
    _manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Starts the random numbers of all devices anew, like `tinygrad_cl.manual_seed`."""
    _manual_seed(seed)


def synchronize(device: str | Device | None = None) -> None:
    """Waits until a device, or the default one, has done all that was asked of it."""
    (get_default_device() if device is None else get_device(device)).synchronize()


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
