"""Every example runs as a user runs it, and answers wrong input with one line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygrad_cl.data import read_idx, write_idx

ROOT = Path(__file__).parents[1]
REAL_DATA = ROOT.parent / "shared" / "data" / "mnist"


def mnist(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs examples/mnist.py."""
    words = [str(argument) for argument in arguments]
    return subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / "mnist.py"), *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )


def accuracy_of(done: subprocess.CompletedProcess[str]) -> float:
    assert done.returncode == 0, done.stderr
    found = re.search(r"test accuracy ([\d.]+)%, ([\d,]+) images/s", done.stdout)
    assert found, done.stdout
    assert re.search(r"[\d]+ kernels compiled, [\d]+ launched", done.stdout)
    return float(found[1])


def test_examples_are_short() -> None:
    for path in (ROOT / "examples").glob("*.py"):
        assert len(path.read_text().splitlines()) < 100, path


def test_mnist_on_digits(tmp_path: Path) -> None:
    done = mnist(
        *("--dataset", "digits", "--epochs", 3, "--seed", 1, "--save", tmp_path / "lenet.npz")
    )
    assert accuracy_of(done) > 70
    assert "digits: 1437 images to learn from, 360 to test on" in done.stdout
    assert "epoch 3/3" in done.stderr
    assert "loss=" in done.stderr
    with np.load(tmp_path / "lenet.npz") as saved:
        assert saved["0.weight"].shape == (6, 1, 5, 5)
        assert len(saved.files) == 10


def test_mnist_on_numpy(tmp_path: Path) -> None:
    done = mnist("--dataset", "digits", "--epochs", 1, "--device", "numpy")
    assert accuracy_of(done) > 20
    assert "<device numpy" in done.stdout
    assert "0 kernels compiled, 0 launched" in done.stdout


@pytest.fixture(scope="module")
def small_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first images of MNIST, in its own form."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"{REAL_DATA} is absent: the four files of MNIST are needed")
    folder = tmp_path_factory.mktemp("mnist")
    for path in REAL_DATA.glob("*.gz"):
        write_idx(folder / path.name, read_idx(path)[: 6400 if "train" in path.name else 1000])
    return folder


def test_mnist_on_mnist(small_mnist: Path) -> None:
    done = mnist("--data", small_mnist, "--epochs", 2, "--batch-size", 64)
    assert accuracy_of(done) > 90
    assert "mnist: 6400 images to learn from, 1000 to test on" in done.stdout


def test_mnist_with_a_damaged_file(small_mnist: Path, tmp_path: Path) -> None:
    for path in small_mnist.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[:1000])
    assert_refused(mnist("--data", tmp_path), "train-images-idx3-ubyte.gz is truncated")


def assert_refused(done: subprocess.CompletedProcess[str], text: str) -> None:
    assert done.returncode == 2
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--data", "absent"], "there is no folder absent"),
        (["--save", "absent/x.npz"], "there is no folder absent"),
        (["--device", "opencl:99"], "opencl:99"),
        (["--device", "abacus"], "abacus"),
        (["--dataset", "cats"], "invalid choice: 'cats'"),
        (["--epochs", "0"], "epochs"),
        (["--epochs", "x"], "invalid int value"),
        (["--batch-size", "-1"], "batch size from 1 to 1437"),
        (["--batch-size", "10000"], "batch size from 1 to 1437"),
        (["--lr", "0"], "lr above 0"),
        (["--lr", "nan"], "lr above 0"),
        (["--frobnicate"], "unrecognized arguments"),
    ],
    ids=lambda value: "".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line(arguments: list[str], text: str, tmp_path: Path) -> None:
    dataset = [] if "--dataset" in arguments else ["--dataset", "digits"]
    assert_refused(mnist(*dataset, *arguments, cwd=tmp_path), text)
