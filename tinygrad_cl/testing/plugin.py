"""What the pytest plugin does once a test asks for it; its door is `_tinygrad_cl_pytest`.

    def test_mine(tinygrad_cl_device): ...                     once per chosen device
    @pytest.mark.tinygrad_cl(devices=..., dtypes=...)          the same, with a say in which
    @gradcheck_cases(np.ones(3), Sample(...))                  a gradient check per sample

`--tinygrad-cl-devices` chooses devices; without it the marker does, then the setting
`tinygrad_cl_devices` of the project's configuration file, and then it is the default device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from tinygrad_cl import dtypes
from tinygrad_cl.dtypes import DType
from tinygrad_cl.errors import DeviceError, TinygradError
from tinygrad_cl.runtime.device import (
    Device,
    devices,
    get_default_device,
    get_device,
    set_default_device,
)

DEVICE, DTYPE, MARKER = "tinygrad_cl_device", "tinygrad_cl_dtype", "tinygrad_cl"


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Makes a test per device and, if it takes a dtype, per dtype.

    Raises:
        pytest.UsageError: if a device or a dtype is unknown or not usable.
    """
    marks = [mark.kwargs for mark in metafunc.definition.iter_markers(MARKER)]
    given = {key: value for mark in reversed(marks) for key, value in mark.items()}
    unknown = given.keys() - {"devices", "dtypes"}
    if unknown:
        raise pytest.UsageError(f"{MARKER}: unknown arguments {sorted(unknown)} of the marker")
    names = _device_names(metafunc.config, given.get("devices"))
    found = _usable(names)
    if DTYPE not in metafunc.fixturenames:
        metafunc.parametrize(DEVICE, [d.name for d in found], indirect=True)
        return
    wanted = given.get("dtypes") or "float32"
    pairs = [_pair(device, dtype) for device in found for dtype in _dtypes(wanted, device)]
    metafunc.parametrize((DEVICE, DTYPE), pairs, indirect=True)


def _pair(device: Device, dtype: DType) -> Any:
    missing = f"{device.name} has no {dtype.name}"
    marks = () if device.supports(dtype) else pytest.mark.skip(reason=missing)
    return pytest.param(device.name, dtype.name, marks=marks, id=f"{device.name}-{dtype.name}")


def _device_names(config: pytest.Config, marked: str | Sequence[str] | None) -> list[str]:
    option = config.getoption("--tinygrad-cl-devices")
    chosen = option or marked or config.getini("tinygrad_cl_devices")
    listed = chosen.split(",") if isinstance(chosen, str) else list(chosen)
    return [name.strip() for name in listed if name.strip()]


def _usable(names: Sequence[str]) -> list[Device]:
    found: dict[str, Device] = {}
    for name in names:
        try:
            listed = _devices_of(name)
        except DeviceError as error:
            raise pytest.UsageError(f"--tinygrad-cl-devices: {error}") from None
        found |= {device.name: device for device in listed}
    return list(found.values())


def _devices_of(name: str) -> list[Device]:
    if name == "default":
        return [get_default_device()]
    if name != "all":
        return [get_device(name)]
    others = [record.name for record in devices() if record.usable and record.kind != "host"]
    return [get_device("numpy"), *map(get_device, others)]


def _dtypes(wanted: str | DType | Sequence[str | DType], device: Device) -> list[DType]:
    """The dtypes that a marker names; "widest" is the widest float of the device.

    Raises:
        pytest.UsageError: if one is unknown.
    """
    if wanted == "widest":
        return [dtypes.float64 if device.supports(dtypes.float64) else dtypes.float32]
    listed = [wanted] if isinstance(wanted, str | DType) else list(wanted)
    try:
        return [dtype_of(dtype) for dtype in listed]
    except TinygradError as error:
        raise pytest.UsageError(f"{MARKER}: {error}") from None


def dtype_of(dtype: str | DType | None) -> DType:
    """Returns the dtype of a parameter; float32 if there is none."""
    return dtypes.float32 if dtype is None else dtypes.dtype(dtype)


@contextmanager
def on_device(name: str | None) -> Iterator[Device]:
    """Makes a device the default one for a block; None leaves it as it is."""
    before = get_default_device()
    set_default_device(name or before)
    try:
        yield get_default_device()
    finally:
        set_default_device(before)
