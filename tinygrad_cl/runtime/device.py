"""Devices by name, and which one is the default.

Nothing here imports pyopencl before an OpenCL device is asked for.
"""

from __future__ import annotations

import logging
import threading
import warnings
from dataclasses import replace

from tinygrad_cl import settings
from tinygrad_cl.errors import DeviceError
from tinygrad_cl.runtime.base import Array as Array
from tinygrad_cl.runtime.base import Device as Device
from tinygrad_cl.runtime.host import HostDevice
from tinygrad_cl.runtime.records import DeviceRecord as DeviceRecord

logger = logging.getLogger("tinygrad_cl.runtime")

_INSTALL = (
    "no usable OpenCL device was found, so tensors are computed with NumPy; "
    "`pip install 'tinygrad-cl[cpu]'` brings Intel's OpenCL runtime for x86-64 CPUs, a GPU's own "
    "driver is found as it is; "
    "`python -m tinygrad_cl devices` shows what was tried"
)


class _Registry:
    """The devices opened so far, by every name that was used for them."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.opened: dict[str, Device] = {}
        self.default: Device | None = None
        self.host_alone = ""  # why OpenCL devices are refused


_registry = _Registry()


def get_device(name: str | Device | None = None) -> Device:
    """Returns a device: "numpy", "opencl" (the best one), "opencl:1", "opencl:intel", "opencl:gpu".

    "cpu" is the default device if that is the processor, else "numpy"; "cuda" is the best OpenCL
    GPU, of whatever make, and "cuda:1" the next one, so that programs written for PyTorch find it.

    Args:
        name: a name, a device, or None for the default device.

    Raises:
        DeviceError: if there is no such device, or it is not usable.

    Example:
        >>> get_device("numpy").kind
        'host'
    """
    if name == "cpu":
        return _processor()
    if name is None:
        return _registry.default or get_default_device()
    if isinstance(name, Device):
        return name
    return _registry.opened.get(name) or _open(name)


def _processor() -> Device:
    default = get_default_device()
    return default if default.type == "cpu" else get_device("numpy")


def _open(name: str) -> Device:
    with _registry.lock:
        device = _registry.opened.get(name)
        if device is None:
            device = _find(name)
            device = _registry.opened.setdefault(device.name, device)
            _registry.opened[name] = device
        return device


def _find(name: str) -> Device:
    if name == "numpy":
        return HostDevice(settings.current().memory_bytes)
    family, _, which = name.partition(":")
    if family == "cuda" and (not which or which.isdecimal()):
        return _gpu(name, int(which or 0))
    if family != "opencl":
        raise DeviceError(
            f"device {name!r} is unknown; use 'cpu', 'numpy', 'opencl', 'opencl:<number>', "
            "'opencl:cpu', 'opencl:gpu' or 'opencl:<part of its name>'"
        )
    if _registry.host_alone:
        raise DeviceError(f"device {name!r}: {_registry.host_alone}")
    from tinygrad_cl.runtime import discovery

    candidate = discovery.choose(which)
    opened = _registry.opened.get(candidate.name)
    return opened or discovery.open_device(candidate)


def gpus() -> list[str]:
    """Returns the names of the usable OpenCL GPUs, the best one first."""
    if _registry.host_alone:
        return []
    from tinygrad_cl.runtime import discovery

    return discovery.gpus()


def _gpu(name: str, number: int) -> Device:
    names = gpus()
    if number < len(names):
        return get_device(names[number])
    raise DeviceError(
        f"device {name!r}: GPUs are reached through OpenCL, and {len(names) or 'none'} can be used "
        "here; leave the device out for the best device, or see `python -m tinygrad_cl devices`"
    )


def get_default_device() -> Device:
    """Returns the device of new tensors.

    It is the one set, else the one that `TINYGRAD_CL_DEVICE` names, else the best one found.
    """
    with _registry.lock:
        if _registry.default is None:
            _registry.default = _first_default()
            logger.info("the default device is %r", _registry.default)
        return _registry.default


def _first_default() -> Device:
    name = settings.current().device
    if name:
        return get_device(name)
    try:
        return get_device("opencl")
    except DeviceError as error:
        warnings.warn(_INSTALL, RuntimeWarning, stacklevel=4)
        logger.info("no OpenCL device: %s", error)
        return get_device("numpy")


def set_default_device(device: str | Device | None) -> None:
    """Makes `device` the device of new tensors; None goes back to the best one found."""
    chosen = None if device is None else get_device(device)
    with _registry.lock:
        _registry.default = chosen


def use_host_alone(reason: str) -> None:
    """Makes "numpy" the default and only device of this process; OpenCL is never touched."""
    with _registry.lock:
        _registry.default = get_device("numpy")
        _registry.host_alone = reason


def devices() -> list[DeviceRecord]:
    """Returns a record of every OpenCL device, usable or not, and of "numpy".

    Every device is probed by building and running a kernel on it.
    """
    from tinygrad_cl.runtime import discovery

    with _registry.lock:
        default = get_default_device().name
        host = get_device("numpy")
        records = [*discovery.records(), DeviceRecord.of_host(host)]
    return [replace(record, default=record.name == default) for record in records]
