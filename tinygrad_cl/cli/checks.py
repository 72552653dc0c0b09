"""What `doctor` looks at: each check yields findings."""

from __future__ import annotations

import importlib.util
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

import numpy as np

from tinygrad_cl import nn, optim, settings
from tinygrad_cl.errors import TinygradError
from tinygrad_cl.functional.creation import from_numpy
from tinygrad_cl.nn import functional as F
from tinygrad_cl.runtime.device import DeviceRecord, devices

OK, NOTE, PROBLEM = "ok", "note", "PROBLEM"
_CPU = 'pip install "tinygrad-cl[cpu]" brings a driver for any x86-64 CPU, without root'
_EXTRAS = {
    "safetensors": "io",
    "h5py": "io",
    "sklearn": "examples",
    "matplotlib": "plot",
    "pandas": "frame",
    "PIL": "images",
    "tensorboardX": "tensorboard",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        verdict: OK, NOTE or PROBLEM.
        text: what is there.
        advice: what to do about it; may be empty.
    """

    verdict: str
    text: str
    advice: str = ""


def python() -> Iterator[Finding]:
    """Python, the machine, and the libraries without which nothing works."""
    yield Finding(OK, f"Python {platform.python_version()} on {platform.platform()}")
    for name in ("numpy", "pyopencl"):
        try:
            yield Finding(OK, f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            yield Finding(PROBLEM, f"{name} is not installed", f"pip install {name}")


def records() -> tuple[list[DeviceRecord], list[Finding]]:
    """Returns the devices, and what stands in the way of listing them."""
    current = settings.current()
    found = []
    if current.vendors:
        advice = "unset OCL_ICD_VENDORS if a driver is missing below"
        found.append(Finding(NOTE, f"drivers are looked for in {current.vendors} only", advice))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # said below
            return devices(), found
    except ImportError as error:
        advice = "pip install --force-reinstall pyopencl"
        return [], [*found, Finding(PROBLEM, f"pyopencl cannot be loaded: {error}", advice)]
    except TinygradError as error:
        advice = "unset TINYGRAD_CL_DEVICE" if current.device else ""
        return [], [*found, Finding(PROBLEM, str(error), advice)]


def opencl(listed: list[DeviceRecord]) -> Iterator[Finding]:
    """The OpenCL devices and their verdicts."""
    devices_ = [record for record in listed if record.kind != "host"]
    usable = [record for record in devices_ if record.usable]
    if not devices_:
        yield Finding(
            PROBLEM,
            "no OpenCL driver was found",
            f"{_CPU}; for a GPU install its maker's driver (its OpenCL part is often a package of "
            "its own: see `clinfo`)",
        )
    for record in devices_:
        text = f"{record.name or record.platform}: {record.device}, {record.reason}"
        if record.usable:
            yield Finding(OK, text + (", the default" if record.default else ""))
        else:
            verdict = NOTE if usable else PROBLEM
            yield Finding(verdict, text, "" if usable else _CPU)
    if not usable:
        yield Finding(NOTE, "tensors are computed with NumPy, which is slower")


def step(record: DeviceRecord) -> Finding:
    """A training step on a device, compared with NumPy's."""
    start = time.perf_counter()
    try:
        difference = np.abs(_trained(record.name) - _trained("numpy")).max()
    except Exception as error:  # whatever a driver does
        text = f"{record.name}: a training step failed: {type(error).__name__}: {error}"
        return Finding(PROBLEM, text, "update the driver, or choose another device (--device)")
    seconds = time.perf_counter() - start
    if not difference < 1e-4:
        text = f"{record.name}: a training step differs from NumPy's by {difference:.2g}"
        return Finding(PROBLEM, text, "update the driver, or choose another device (--device)")
    return Finding(OK, f"{record.name}: a training step agrees with NumPy's ({seconds:.1f} s)")


def _trained(device: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s).astype(np.float32) for s in ((4, 1, 8, 8), (3, 1, 3, 3), (5, 27))]
    x, filters, weights = (from_numpy(array, device=device) for array in arrays)
    layers = nn.Parameter(filters), nn.Parameter(weights)
    optimizer = optim.Adam(layers, lr=0.1)
    for _ in range(2):
        y = F.max_pool2d(F.conv2d(x, layers[0]).relu(), 2).flatten(1) @ layers[1].T
        loss = F.cross_entropy(y, from_numpy(np.arange(4), device=device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return np.concatenate([layer.detach().numpy().ravel() for layer in layers])


def cache() -> Iterator[Finding]:
    """The folder where compiled kernels are kept."""
    folder = settings.current().cache
    if folder is None:
        yield Finding(NOTE, "the cache is off: kernels are compiled anew in every process")
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    except OSError as error:
        text = f"the cache folder {folder} cannot be used: {error.strerror or error}"
        yield Finding(PROBLEM, text, "set TINYGRAD_CL_CACHE to a folder that can be written")
        return
    yield Finding(OK, f"kernels are kept in {folder} ({size / 2**20:.0f} MiB)")


def extras() -> Iterator[Finding]:
    """Optional libraries."""
    there = [name for name in _EXTRAS if importlib.util.find_spec(name)]
    missing = [name for name in _EXTRAS if name not in there]
    if there:
        yield Finding(OK, f"optional libraries: {', '.join(there)}")
    if missing:
        wanted = ",".join(dict.fromkeys(_EXTRAS[name] for name in missing))
        advice = f'if you need them: pip install "tinygrad-cl[{wanted}]"'
        yield Finding(NOTE, f"optional libraries that are absent: {', '.join(missing)}", advice)


def machine() -> Iterator[Finding]:
    """Processors."""
    yield Finding(OK, f"{os.cpu_count()} processors, {platform.machine()}")
