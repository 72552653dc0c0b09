"""The door of tinygrad_cl's pytest plugin.

pytest loads it in every project of an environment in which tinygrad_cl is installed. So it stands
outside the package and imports nothing of it: what it offers is in `tinygrad_cl.testing.plugin`,
which is imported when a test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

DEVICE, DTYPE, MARKER = "tinygrad_cl_device", "tinygrad_cl_dtype", "tinygrad_cl"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--tinygrad-cl-devices`, and `tinygrad_cl_devices` for configuration files."""
    text = (
        "devices for tests that take tinygrad_cl_device, as a comma list: names as in "
        "tinygrad_cl.devices(), 'default', or 'all' for every usable one"
    )
    parser.getgroup("tinygrad_cl").addoption("--tinygrad-cl-devices", metavar="NAMES", help=text)
    parser.addini("tinygrad_cl_devices", text, default="default")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker."""
    config.addinivalue_line(
        "markers",
        "tinygrad_cl(devices=None, dtypes=None): run the test on these devices of tinygrad_cl, "
        "each of them the default one, and, if it takes tinygrad_cl_dtype, in these dtypes",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: Any, name: str, obj: Any) -> None:
    """Lets marked tests use the device fixture, whether they take it or not."""
    if not isinstance(collector, pytest.Module | pytest.Class):
        return
    if not collector.istestfunction(obj, name):
        return
    marks = [mark.name for mark in getattr(obj, "pytestmark", ())]
    if MARKER in marks or any(collector.iter_markers(MARKER)):
        pytest.mark.usefixtures(DEVICE)(obj)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Makes a test per device and dtype."""
    if DEVICE in metafunc.fixturenames:
        from tinygrad_cl.testing import plugin

        plugin.parametrize(metafunc)


@pytest.fixture
def tinygrad_cl_device(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A device of tinygrad_cl, which is the default one during the test."""
    from tinygrad_cl.testing import plugin

    with plugin.on_device(getattr(request, "param", None)) as device:
        yield device


@pytest.fixture
def tinygrad_cl_dtype(request: pytest.FixtureRequest, tinygrad_cl_device: Any) -> Any:
    """A float dtype of tinygrad_cl: those of the marker, else float32."""
    from tinygrad_cl.testing import plugin

    return plugin.dtype_of(getattr(request, "param", None))
