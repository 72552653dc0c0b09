"""The trainings of tools/benchmarks/headlines.py, at a small size."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tinygrad_cl.data import write_idx

TOOL = Path(__file__).parents[1] / "tools" / "benchmarks" / "headlines.py"


@pytest.fixture(scope="module")
def headlines() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_headlines", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["_headlines"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images whose class is the bright row, in MNIST's form."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in ("mnist", "fashion-mnist"):
        (root / name).mkdir()
        for part, count in (("train", 320), ("t10k", 100)):
            labels = (np.arange(count) % 10).astype(np.uint8)
            images = rng.integers(0, 100, (count, 28, 28)).astype(np.uint8)
            images[np.arange(count), 2 * labels + 4] += 120
            write_idx(root / name / f"{part}-images-idx3-ubyte.gz", images)
            write_idx(root / name / f"{part}-labels-idx1-ubyte.gz", labels)
    return root


@pytest.mark.usefixtures("default_device")
@pytest.mark.parametrize("name", ["mnist_cnn", "lenet5", "fashion_mlp", "mlp200"])
def test_it_learns_and_reports(
    name: str, headlines: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(headlines.TASKS) == {"mnist_cnn", "lenet5", "fashion_mlp", "mlp200"}
    task = replace(headlines.TASKS[name], samples=320, batch=32, epochs=6, wanted=0.5)
    monkeypatch.setitem(headlines.TASKS, name, task)
    accuracies, seconds, busy = headlines.train(task, folder, 0)
    assert accuracies[-1] > 0.8
    assert len(seconds) == 6
    line = headlines.report(name, accuracies, seconds, busy)
    assert re.match(rf"{name}: accuracy [\d.]+% after 6 epochs \(50.00% in epoch [1-6]\); ", line)
    assert ("times 3,220" in line) == (name == "mnist_cnn")


def test_several_seeds_are_summed_up(headlines: ModuleType) -> None:
    runs = [[0.5, 0.91, 0.92], [0.908, 0.9, 0.91]]
    line = headlines.several("fashion_mlp", runs)
    assert "2 seeds: accuracy 91.50% on the average, 91.00% at least" in line
    assert "(90.70% from epoch 2 at the latest)" in line
    assert "NOT REACHED by all" in headlines.several("fashion_mlp", [[0.91], [0.9]])
