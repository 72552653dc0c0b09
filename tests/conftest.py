"""Devices as parameters of tests, and what they ran on.

A test that takes `device` runs on "numpy" and on every usable OpenCL device; one that takes
`opencl_device` on the latter only. `--device NAME` picks some of them. At the end a summary says on
which devices tests ran and which were missing, with the reason; `--require-opencl`, or
TINYGRAD_CL_REQUIRE_OPENCL=1, makes it a failure if none ran.
"""

from __future__ import annotations

import os
import random
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import tinygrad_cl

_COMMON: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}
settings.register_profile("short", max_examples=25, **_COMMON)
settings.register_profile("long", max_examples=1000, **(_COMMON | {"derandomize": False}))

_ran: Counter[str] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tinygrad_cl")
    group.addoption("--device", action="append", help="run only on devices of this name")
    group.addoption(
        "--require-opencl",
        action="store_true",
        default=os.environ.get("TINYGRAD_CL_REQUIRE_OPENCL", "0") not in ("", "0"),
        help="fail if no test ran on an OpenCL device",
    )
    group.addoption("--long", action="store_true", help="many more examples of property tests")
    group.addoption(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="of the table's rows, derive and repeat only each N-th on OpenCL (values: all rows)",
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("long" if config.getoption("--long") else "short")
    config.addinivalue_line(
        "markers", "host_fallback(reason): steps of this test may be computed on the host"
    )
    os.environ.setdefault("TINYGRAD_CL_TUNE", "off")  # not with what was tuned on this machine
    config.stash[_DEVICES] = _usable(config)


_DEVICES = pytest.StashKey[list[str]]()


def _usable(config: pytest.Config) -> list[str]:
    """The names of the devices that tests run on, "numpy" first."""
    found = ["numpy"] + [r.name for r in tinygrad_cl.devices() if r.usable and r.kind != "host"]
    chosen = config.getoption("--device")
    return [name for name in found if name in chosen] if chosen else found


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    devices = metafunc.config.stash[_DEVICES]
    if "opencl_device" in metafunc.fixturenames:
        metafunc.parametrize("opencl_device", [d for d in devices if d != "numpy"])
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", devices)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    every = config.getoption("--every")
    left_out = [item for item in items if _is_left_out(item, every)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _is_left_out(item, every)]


def _is_left_out(item: pytest.Item, every: int) -> bool:
    """Whether a row of the table is not among each N-th; its values are looked at anyway."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    device = params.get("device") or params.get("opencl_device")
    if every < 2 or "case" not in params or device in (None, "numpy"):
        return False
    if item.name.startswith("test_values"):
        return False
    return zlib.crc32(repr(params["case"]).encode()) % every != 0


def _device_of(item: pytest.Item) -> str | None:
    params = getattr(getattr(item, "callspec", None), "params", {})
    return params.get("device") or params.get("opencl_device")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    name = _device_of(item)
    if name and call.when == "call" and not report.skipped:
        report.user_properties.append(("device", name))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        _ran.update(value for key, value in report.user_properties if key == "device")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    terminalreporter.section("devices")
    for record in tinygrad_cl.devices():
        label = record.name or record.platform
        if record.usable:
            terminalreporter.line(f"{label}: {_ran[record.name]} tests ({record.device})")
        else:
            terminalreporter.line(f"{label}: not usable: {record.reason} ({record.device})")
    if not _opencl_ran():
        verdict = ", which is required: failed" if config.getoption("--require-opencl") else ""
        terminalreporter.line(f"no test ran on an OpenCL device{verdict}")


def _opencl_ran() -> bool:
    return any(count for name, count in _ran.items() if name != "numpy")


def pytest_sessionfinish(session: pytest.Session) -> None:
    worker = hasattr(session.config, "workerinput")  # of pytest-xdist: the counts are elsewhere
    required = session.config.getoption("--require-opencl") and not worker
    listing = session.config.option.collectonly
    if required and not listing and not _opencl_ran() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_report_header(config: pytest.Config) -> str:
    return f"devices: {', '.join(config.stash[_DEVICES])}"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Every test starts from the same random numbers."""
    random.seed(0)
    np.random.seed(0)
    tinygrad_cl.manual_seed(0)


@pytest.fixture
def default_device(device: str) -> Iterator[str]:
    """Makes each device the default one while the test runs."""
    before = tinygrad_cl.get_default_device()
    tinygrad_cl.set_default_device(device)
    yield device
    tinygrad_cl.set_default_device(before)


@pytest.fixture(autouse=True)
def _no_unexpected_fallback(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test on an OpenCL device of which steps were computed on the host unexpectedly."""
    before = _fallback_counts()
    yield
    name = _device_of(request.node)
    if name in (None, "numpy") or request.node.get_closest_marker("host_fallback"):
        return
    case = request.node.callspec.params.get("case")
    expected = set(getattr(case, "host", {}).values())
    new = {key: count for key, count in _fallback_counts().items() if count > before[key]}
    surprising = [key for key in new if not any(reason in str(key) for reason in expected)]
    assert not surprising, f"computed on the host: {surprising}"


def _fallback_counts() -> Counter[Any]:
    return Counter(tinygrad_cl.fallbacks())
