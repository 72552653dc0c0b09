"""Whose code it is, is asked where it lies; what libraries keep to themselves no guard looks at."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import tinygrad_cl as tg
from tinygrad_cl import installed
from tinygrad_cl.guards import Guards

SOURCE = """
calls = 0
scale = 2.0

def scaled(x):
    global calls
    calls += 1
    return x * scale
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package with a counter and a setting of its own."""
    (tmp_path / "some_library.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("some_library")
    del sys.modules["some_library"]
    installed.is_installed.cache_clear()


def install(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Makes a folder one where packages are installed."""
    monkeypatch.setattr(installed, "_folders", lambda: (f"{folder}/",))
    installed.is_installed.cache_clear()


def test_python_and_packages_beside_it_are_installed() -> None:
    assert all(map(installed.is_installed, ("sys", "collections", "numpy", "pytest", "_pytest")))
    assert not any(map(installed.is_installed, (__name__, "no_such_package")))


def test_a_library_may_count_its_calls(
    library: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(x: tg.Tensor) -> tg.Tensor:
        return library.scaled(x)

    assert any("calls" in line for line in Guards(twice)), "a module of the program is looked at"
    install(monkeypatch, tmp_path)
    assert not any("calls" in line for line in Guards(twice))
    captured = tg.jit(twice)
    for i in range(6):
        assert captured(tg.tensor([float(i)])).tolist() == [2.0 * i]
    assert "captured, replayed" in str(captured)


def test_a_library_sees_its_own_settings(
    library: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path)
    assert any("scale" in line for line in Guards(library.scaled))
