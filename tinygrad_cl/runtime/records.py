"""What is known of a device before it is opened."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinygrad_cl.lowering import DeviceTraits
from tinygrad_cl.runtime.base import Device


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """One line of `python -m tinygrad_cl devices`.

    Attributes:
        name: as `get_device` takes it; empty for a driver that could not even be loaded.
        platform: the OpenCL platform, or "host".
        device: the device's own name.
        kind: "cpu", "gpu" or "host".
        usable: the verdict of the probe.
        reason: why.
        driver: versions of the platform and the driver.
        traits: what templates may know of it.
        zero_copy: True if its buffers are host memory.
        memory: bytes of device memory.
        largest: bytes of the largest single buffer.
        features: what else it can do ("fp64", "sub-groups").
        default: True for the default device.
    """

    name: str
    platform: str
    device: str
    kind: str
    usable: bool
    reason: str
    driver: str = ""
    traits: DeviceTraits = field(default_factory=DeviceTraits)
    zero_copy: bool = False
    memory: int = 0
    largest: int = 0
    features: tuple[str, ...] = ()
    default: bool = False

    @classmethod
    def of_host(cls, device: Device) -> DeviceRecord:
        """Returns the record of the device "numpy"."""
        limit = device.memory_stats().limit
        return cls(
            name=device.name,
            platform="host",
            device=device.description,
            kind=device.kind,
            usable=True,
            reason="always there; computes with NumPy",
            traits=device.traits,
            zero_copy=True,
            memory=limit,
            largest=limit,
            features=("fp64",),
        )
