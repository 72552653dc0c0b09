"""A wheel, installed into an empty environment, trains a step from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Continuous integration sets these: there, neither may be missing.
NEEDS_INDEX = os.environ.get("TINYGRAD_CL_REQUIRE_INDEX", "0") == "1"
NEEDS_OPENCL = os.environ.get("TINYGRAD_CL_REQUIRE_OPENCL", "0") == "1"

STEP = """
import pathlib, sys
import tinygrad_cl as tg
from tinygrad_cl import nn, optim

home = pathlib.Path(tg.__file__).parent
assert home.is_relative_to(sys.prefix), home
assert (home / "ops" / "matmul.cl").is_file()
tg.manual_seed(0)
model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))
optimizer = optim.SGD(model.parameters(), lr=0.1)
x, y = tg.randn(8, 1, 8, 8), tg.arange(8) % 3
losses = []
for _ in range(2):
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert losses[1] < losses[0], losses
print(tg.get_default_device().kind)
"""


def command(*words: object, cwd: Path, **environment: str) -> str:
    """Runs a command; returns what it prints."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode:
        raise RuntimeError(f"{words[:5]} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an empty environment that can reach a package index."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder / "venv", with_pip=True)
    interpreter = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    try:
        command(interpreter, *["-m", "pip", "download", "--no-deps", "hatchling"], cwd=folder)
    except RuntimeError as error:
        if NEEDS_INDEX:
            raise
        pytest.skip(f"pip cannot reach a package index, so no environment can be made: {error}")
    return interpreter


@pytest.fixture(scope="module")
def wheel(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command(python, *["-m", "pip", "wheel", "--no-deps", "--wheel-dir"], folder, ROOT, cwd=folder)
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_holds_what_it_should(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"tinygrad_cl/ops/{path.name}" for path in (ROOT / "ops").glob("*.cl")} <= names
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "tinygrad_cl").rglob("*.py")}
    assert modules | {"tinygrad_cl/py.typed"} <= names
    tops = {name.split("/")[0] for name in names}
    # The package, the door of its pytest plugin, and metadata: no tests, no tools.
    assert {"tinygrad_cl", "_tinygrad_cl_pytest.py"} <= tops
    assert len(tops) == 3, tops
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_wheel_trains(python: Path, wheel: Path, tmp_path: Path) -> None:
    extra = "[cpu]" if sys.platform != "darwin" else ""
    command(python, "-m", "pip", "install", f"tinygrad-cl{extra} @ {wheel.as_uri()}", cwd=tmp_path)
    cache = {"TINYGRAD_CL_CACHE": str(tmp_path / "cache")}
    kind = command(python, "-W", "error", "-c", STEP, cwd=tmp_path, **cache).strip()
    assert kind in ("cpu", "gpu") or not NEEDS_OPENCL
    devices = command(python, "-m", "tinygrad_cl", "devices", cwd=tmp_path, **cache)
    assert "numpy: usable" in devices
