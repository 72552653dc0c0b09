"""Every example runs as a user runs it, and answers wrong input with one line."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from notebooks import code_cells, stored_outputs

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.data import read_idx, write_idx

ROOT = Path(__file__).parents[1]
REAL_DATA = ROOT.parent / "shared" / "data" / "mnist"


def example(
    name: str, *arguments: object, cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program of examples/, warnings as errors."""
    words = [str(argument) for argument in arguments]
    return subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / name), *words],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def printed(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, text
    return float(found[1])


def mnist(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return example("mnist.py", *arguments, cwd=cwd)


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


# ------------------------------------------------------------------------------ the other examples


def test_every_example_is_tested() -> None:
    text = Path(__file__).read_text()
    for path in (ROOT / "examples").glob("*.py"):
        assert f'"{path.name}"' in text, f"{path.name} has no test"


def test_binary_classification(tmp_path: Path) -> None:
    words = ["--points", 300, "--epochs", 20, "--quiet", "--device", "numpy"]
    out = printed(example("binary_classification.py", *words, "--plot", tmp_path / "moons.png"))
    assert number(r"test accuracy ([\d.]+)%", out) > 90
    assert number(r"f1 ([\d.]+)", out) > 0.9
    assert (tmp_path / "moons.png").read_bytes().startswith(b"\x89PNG")


def test_multiclass(tmp_path: Path) -> None:
    words = ["--points", 600, "--epochs", 25, "--quiet", "--device", "numpy"]
    out = printed(example("multiclass.py", *words, "--plot", tmp_path / "curves.png"))
    assert number(r"test accuracy ([\d.]+)%", out) > 85
    rows = [[int(n) for n in line.split()[2:]] for line in out.splitlines() if "was" in line]
    assert np.shape(rows) == (3, 3)
    assert np.sum(rows) == 600
    assert np.trace(rows) / 600 == pytest.approx(number(r"accuracy ([\d.]+)%", out) / 100, abs=1e-4)
    assert (tmp_path / "curves.png").exists()


def test_regression(tmp_path: Path) -> None:
    words = ["--points", 1500, "--epochs", 12, "--quiet", "--device", "numpy"]
    out = printed(example("regression.py", *words, "--plot", tmp_path / "found.png"))
    assert number(r"test R2 ([\d.]+)", out) > 0.85
    assert number(r"square error ([\d.]+)", out) < 2
    assert (tmp_path / "found.png").exists()


def test_char_gpt(tmp_path: Path) -> None:
    small = ["--width", 16, "--layers", 1, "--context", 16, "--length", 40, "--quiet"]
    small += ["--device", "numpy"]
    out = printed(example("char_gpt.py", "--steps", 30, *small))
    assert "13 different; <device numpy" in out
    assert number(r"loss ([\d.]+) after 30 steps", out) < 2.6  # from log(13)
    assert re.search(r"\d+ of \d+ sums are right", out)
    text = tmp_path / "text.txt"
    text.write_text("abcd" * 100)
    out = printed(
        example("char_gpt.py", "--steps", 60, "--text", text, "--temperature", 0.05, *small)
    )
    assert "abcdabcdabcd" in out.splitlines()[2]
    text.write_text("short")
    done = example("char_gpt.py", "--text", text, *small)
    assert done.returncode == 1
    assert done.stderr == "the text has 5 characters, and needs 18\n"


@pytest.mark.parametrize(("text", "right"), [("1+2=3\n5+5=9\n7+", (1, 2)), ("12+3=15\n", (1, 1))])
def test_char_gpt_counts_right_sums(text: str, right: tuple[int, int]) -> None:
    assert loaded("char_gpt.py").share_right(text) == right


def test_resume_is_the_same_to_the_bit() -> None:
    out = printed(example("resume.py", "--kills", 2, "--epochs", 2, "--device", "numpy"))
    assert out.count("kill ") == 2
    assert out.splitlines()[-1] == "the same to the bit"


@pytest.fixture(scope="module")
def small_fashion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images like those of Fashion-MNIST, in its form: the class is the bright row."""
    folder, rng = tmp_path_factory.mktemp("fashion"), np.random.default_rng(0)
    for part, count in (("train", 1000), ("t10k", 200)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = rng.integers(0, 100, (count, 28, 28)).astype(np.uint8)
        images[np.arange(count), 2 * labels + 4] += 100
        write_idx(folder / f"{part}-images-idx3-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels)
    return folder


def test_fashion_comparison(small_fashion: Path, tmp_path: Path) -> None:
    words = ["--data", small_fashion, "--epochs", 3, "--batch-size", 50, "--dropout", 0]
    paths = ["--json", tmp_path / "f.json", "--plot", tmp_path / "f.png"]
    one_thread = {"OMP_NUM_THREADS": "1", "TINYGRAD_CL_DEVICE": "numpy"}
    printed(example("fashion_comparison.py", *words, *paths, **one_thread))
    found = json.loads((tmp_path / "f.json").read_text())
    there = ["tinygrad_cl", *(["torch"] if importlib.util.find_spec("torch") else [])]
    assert [history["library"] for history in found] == there
    for history in found:
        assert history["val_acc"][-1] > 0.9
        np.testing.assert_allclose(history["loss"], found[0]["loss"], rtol=1e-3)
    assert (tmp_path / "f.png").exists()
    (tmp_path / "f.json").unlink()
    done = example("fashion_comparison.py", "--data", tmp_path)
    assert_refused(done, "cannot get train-images-idx3-ubyte.gz")


# -------------------------------------------------------------------------------- the digit window


def loaded(name: str) -> ModuleType:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(f"_example_{name[:-3]}", ROOT / "examples" / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Bright(tg.nn.Module):
    """A net whose logits are the brightness of the image's left, middle and right."""

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return x[:, 0, :, :27].reshape(-1, 28, 3, 9).sum((1, 3))


@pytest.fixture
def board() -> Any:
    draw = loaded("draw_digit.py")
    model = tg.Model(Bright())
    model.notes["classes"] = ["left", "middle", "right"]
    return draw.Board(model)


def test_digits_are_centered() -> None:
    centered = loaded("draw_digit.py").centered
    image = np.zeros((28, 28), np.float32)
    image[1:11, 2:4] = 1
    moved = centered(image)
    rows, columns = np.nonzero(moved > 0.1)
    assert np.ptp(rows) + 1 == 20  # twice as large
    assert np.ptp(columns) + 1 == 4
    middle = [axis @ moved.sum(1 - i) / moved.sum() for i, axis in enumerate(np.mgrid[:2, :28][1])]
    np.testing.assert_allclose(middle, 13.5, atol=0.6)
    assert not centered(np.zeros((28, 28), np.float32)).any()


def test_a_drawn_line_is_seen(board: Any) -> None:
    assert board.best() == []
    for y in np.linspace(4, 20, 30):
        board.touch(3, y)
    assert board.image.max() == 1
    assert board.image[10, 2] > 0.5 > board.image[10, 6]
    names = [name for name, _ in board.best()]
    assert names[0] == "middle"  # it was moved there
    assert sum(share for _, share in board.best()) == pytest.approx(1, abs=1e-5)


def test_the_window(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The window's events, from a stand-in for the library of windows: there may be no display."""
    bound: dict[str, Any] = {}
    texts: dict[str, Any] = {}

    class Widget(dict):  # type: ignore[type-arg]
        def __init__(self, root: Any = None, **options: Any) -> None:
            super().__init__(options)
            texts[type(self).__name__] = self

        def bind(self, event: str, action: Any) -> None:
            bound[event] = action

        def __getattr__(self, name: str) -> Any:
            return lambda *args, **options: None

    class Tk(Widget):
        def mainloop(self) -> None:
            for y in range(60, 250, 4):
                bound["<B1-Motion>"](type("Event", (), {"x": 150, "y": y}))
            bound["<ButtonRelease-1>"](None)
            shown.append(texts["Label"]["text"])
            texts["Button"]["command"]()
            shown.append(board.image.any())

    shown: list[Any] = []
    names = {"Tk": Tk, "TclError": RuntimeError}
    names |= {name: type(name, (Widget,), {}) for name in ("Canvas", "Label", "Button")}
    fake = ModuleType("tkinter")
    vars(fake).update(names)
    monkeypatch.setitem(sys.modules, "tkinter", fake)
    loaded("draw_digit.py").window(board)
    assert shown[0].startswith("middle ")
    assert not shown[1]


@pytest.fixture
def display(tmp_path: Path) -> Iterator[str]:
    """A virtual screen: the name that $DISPLAY has to have."""
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    server = shutil.which("Xvfb")
    if server is None:
        pytest.skip("Xvfb is missing: a virtual screen, Debian's package xvfb")
    read, write = os.pipe()
    words = [server, "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    with (tmp_path / "xvfb.log").open("wb") as log:
        screen = subprocess.Popen(words, pass_fds=[write], stdout=log, stderr=log)
    os.close(write)
    try:
        with os.fdopen(read) as told:
            number = told.readline().strip()
        assert number, (tmp_path / "xvfb.log").read_text()
        yield f":{number}"
    finally:
        screen.terminate()
        screen.wait(timeout=20)


_DRAWING = """
import runpy, sys, tkinter as tk

class Scripted(tk.Tk):
    def mainloop(self):
        self.update()
        canvas, label, button = (
            next(w for w in self.winfo_children() if type(w) is kind)
            for kind in (tk.Canvas, tk.Label, tk.Button)
        )
        print(self.title(), canvas.winfo_width() >= 28 * 12)
        canvas.event_generate("<Button-1>", x=150, y=40)
        for y in range(44, 300, 4):
            canvas.event_generate("<B1-Motion>", x=150, y=y)
        canvas.event_generate("<ButtonRelease-1>", x=150, y=300)
        self.update()
        print(len(canvas.find_all()), label["text"])
        button.invoke()
        self.update()
        print(len(canvas.find_all()))
        self.destroy()

tk.Tk = Scripted
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_digit_is_drawn_on_a_real_screen(display: str, tmp_path: Path) -> None:
    """The program, from a trained net's file to the mouse's events."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    with tg.no_grad():
        net[1].weight.zero_()
        net[1].weight[1] = (np.abs(np.arange(784) % 28 - 13.5) < 3).astype(np.float32)  # upright
        net[1].bias.zero_()
    tg.io.write_json_net(net, tmp_path / "net.json", "npz", (1, 28, 28))
    words = [sys.executable, "-c", _DRAWING, str(ROOT / "examples" / "draw_digit.py")]
    done = subprocess.run(
        [*words, str(tmp_path / "net.json")],
        env={**os.environ, "DISPLAY": display, "TINYGRAD_CL_DEVICE": "numpy"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    lines = printed(done).splitlines()
    assert lines[0] == "Draw a digit True"
    assert lines[1].startswith("65 1 100%"), lines
    assert lines[2] == "0"


def test_without_a_display_it_says_so(tmp_path: Path) -> None:
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    net = tg.models.ConvNet()
    tg.io.write_json_net(net, tmp_path / "net.json", "npz")
    done = example("draw_digit.py", tmp_path / "net.json", DISPLAY="")
    if sys.platform == "linux":
        assert_refused(done, "no window can be opened, is there a display?")
    assert_refused(example("draw_digit.py", tmp_path / "no.npz"), "cannot read")


# --------------------------------------------------------------------------------------- notebooks

NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_show_what_they_say(path: Path) -> None:
    """Every cell runs; where outputs are the same everywhere, they are those in the file."""
    notebook = json.loads(path.read_text())
    if "kernels" in path.stem and not any(r.usable and r.kind != "host" for r in tg.devices()):
        pytest.skip("there is no OpenCL device, and the notebook shows its kernels")
    runner = Path(__file__).with_name("notebooks.py")
    words = [sys.executable, "-W", "error", str(runner), str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    for cell, output in zip(code_cells(notebook), json.loads(printed(done)), strict=True):
        stored = stored_outputs(cell)
        assert bool(stored[0]) == bool(output[0])
        if "varies" not in cell["metadata"].get("tags", ()):
            assert stored == tuple(output), "".join(cell["source"])
