"""The command line: what each command does, says and answers to wrong input."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.cli import checks, main, parsing
from tinygrad_cl.errors import DeviceError

ROOT = Path(__file__).parents[1]
COMMANDS = ("devices", "doctor", "summary", "train", "predict", "convert", "tune")


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands run in an empty folder, on the numpy device, and leave no default behind."""
    before = tg.get_default_device()
    tg.set_default_device("numpy")
    monkeypatch.chdir(tmp_path)
    yield
    tg.set_default_device(before)


@pytest.fixture
def tool(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command in this process; returns status, standard output and standard error."""

    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main([str(word) for word in words])
        except SystemExit as error:
            status = int(error.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return run


def refused(result: tuple[int, str, str], text: str) -> None:
    status, _, err = result
    assert status == 2
    assert text in err
    assert len(err.splitlines()) == 1, err


def write_csv(path: str = "iris.csv", kinds: bool = True) -> None:
    rng = np.random.default_rng(0)
    lines = ["length,width,kind"]
    for i in range(90):
        kind = i // 30
        x = rng.normal(size=2) * 0.2 + [kind, -kind]
        last = ("ant", "bee", "cat")[kind] if kinds else f"{x[0] * 2 + 0.5:.4f}"
        lines.append(f"{x[0]:.3f},{x[1]:.3f},{last}")
    Path(path).write_text("\n".join(lines) + "\n")


# ------------------------------------------------------------------------------ help, in general


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(command: str, tool: Any) -> None:
    status, out, err = tool(*command.split(), "--help")
    assert (status, err) == (0, "")
    assert out.startswith(f"usage: tinygrad-cl {command}".rstrip())
    if not command:
        assert all(name in out for name in COMMANDS)
        assert "130  interrupted" in out


def test_it_is_a_program_and_a_module() -> None:
    scripts = parsing.read_toml(ROOT / "pyproject.toml")["project"]["scripts"]
    assert scripts == {"tinygrad-cl": "tinygrad_cl.cli:main"}
    words = [sys.executable, "-W", "error", "-m", "tinygrad_cl", "summary", "nonet"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2
    assert done.stderr.startswith("tinygrad-cl: models: unknown net 'nonet'")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("", "the following arguments are required: COMMAND; see tinygrad-cl --help"),
        ("dance", "invalid choice: 'dance'"),
        ("train", "NET and DATA are needed; see tinygrad-cl train --help"),
        ("train mlp digits --epochs 0", "expected a whole number above 0, got '0'"),
        ("train mlp digits --set x", "expected KEY=VALUE, got 'x'"),
        ("train mlp digits --set classes=3", "MLP has no option 'classes'; it has sizes"),
        ("train mlp digits --optimizer hope", "invalid choice: 'hope'"),
        ("train mlp digits --lr -1 --quiet", "lr"),
        ("train mlp digits --save x.pkl", "--save x.pkl must end in .npz or .safetensors"),
        ("train mlp digits --save no/x.npz", "there is no folder no"),
        ("train mlp digits --resume", "--resume needs --save FILE"),
        ("train mlp digits --validation 1", "--validation must be from 0 to below 1"),
        ("train mlp digits --device abacus", "abacus"),
        ("train lenett digits", "did you mean 'lenet5'"),
        ("train gpt digits", "gpt is for text"),
        ("train mlp cats", "there is no data set 'cats'; needed: digits; mnist"),
        ("train mlp no.csv", "no.csv"),
        ("train mlp mnist:nowhere", "nowhere"),
        ("train no.py digits", "there is no file no.py"),
        ("train --options no.toml", "cannot read no.toml: No such file"),
        ("summary no.npz", "no.npz"),
        ("summary no.pyn", "no.pyn"),
        ("summary mlp --input 3,q", "expected a shape such as 1,28,28, got '3,q'"),
        ("predict no.npz digits", "no.npz"),
        ("convert no.npz no.pt", "no.npz"),
        ("convert x.npz x.npz", "cannot be converted into itself"),
        ("convert x.npz x.zip", "x.zip must end in one of"),
    ],
)
def test_wrong_words_are_one_line(words: str, text: str, tool: Any) -> None:
    refused(tool(*words.split()), text)


def test_ctrl_c(tool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tg.models.registry, "get", stop)
    monkeypatch.setattr(tg.models, "get", stop)
    assert tool("summary", "mlp") == (130, "", "tinygrad-cl: interrupted\n")


def test_values() -> None:
    assert parsing.pair("a-b=1,2") == ("a_b", (1, 2))
    assert [parsing.pair(f"a={v}")[1] for v in ("none", "0.5", "tanh", "[1", "1e-3")] == [
        *(None, 0.5, "tanh", "[1", 1e-3)
    ]
    assert parsing.shape("3x8x8") == parsing.shape("3,8,8") == (3, 8, 8)


# ------------------------------------------------------------------------------ devices, doctor


def test_devices(tool: Any) -> None:
    status, out, _ = tool("devices")
    assert status == 0
    for record in tg.devices():
        assert record.device in out
    assert "numpy: usable, the default" in out


def test_doctor(tool: Any) -> None:
    status, out, _ = tool("doctor")
    usable = [r.name for r in tg.devices() if r.usable and r.kind != "host"]
    for name in usable:
        assert f"ok       {name}: a training step agrees with NumPy's" in out
    assert status == (0 if usable else 1)
    assert ("all good" in out) == (status == 0)


def test_doctor_says_what_to_do_without_a_driver(
    tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = [record for record in tg.devices() if record.kind == "host"]
    monkeypatch.setattr(checks, "devices", lambda: host)
    status, out, _ = tool("doctor")
    assert status == 1
    assert "PROBLEM  no OpenCL driver was found" in out
    assert '-> pip install "tinygrad-cl[cpu]" brings a driver' in out
    assert "1 problem\n" in out


def test_doctor_survives_a_wrong_device(tool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise DeviceError("device 'abacus' is unknown")

    monkeypatch.setattr(checks, "devices", fail)
    status, out, _ = tool("doctor")
    assert status == 1
    assert "PROBLEM  device 'abacus' is unknown" in out


def test_doctor_sees_a_wrong_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    right = checks._trained
    monkeypatch.setattr(checks, "_trained", lambda name: right("numpy") + (name != "numpy"))
    record = tg.devices()[-1]
    assert checks.step(record).verdict == checks.OK
    monkeypatch.setattr(checks, "_trained", lambda name: np.array([float(name == "numpy")]) * 0)
    wrong = iter([np.zeros(2), np.full(2, np.nan)])
    monkeypatch.setattr(checks, "_trained", lambda name: next(wrong))
    assert checks.step(record).verdict == checks.PROBLEM


# ---------------------------------------------------------------------------------------- summary


def test_summary_of_a_net(tool: Any) -> None:
    status, out, _ = tool("summary", "mlp", "--set", "sizes=4,16,3")
    assert status == 0
    assert "131 parameters; 112 multiply-adds" in out
    assert "421,632 parameters" in tool("summary", "gpt")[1]


def test_summary_of_python_files(tool: Any) -> None:
    Path("mine.py").write_text(
        "from tinygrad_cl import nn\n"
        "class Net(nn.Sequential):\n"
        "    def __init__(self, hidden=5):\n"
        "        super().__init__(nn.Linear(3, hidden), nn.ReLU(), nn.Linear(hidden, 2))\n"
        "small = nn.Linear(2, 2)\n"
    )
    assert "32 parameters" in tool("summary", "mine.py:Net")[1]
    assert "50 parameters" in tool("summary", "mine.py:Net", "--set", "hidden=8")[1]
    assert "6 parameters" in tool("summary", "mine.py:small")[1]
    refused(tool("summary", "mine.py"), "has several nets (Net, small); name one: mine.py:NAME")
    refused(tool("summary", "mine.py:Nett"), "mine.py has no 'Nett'; it has Net, small")
    refused(tool("summary", "mine.py:small", "--set", "a=1"), "is a net already")
    refused(tool("summary", "mine.py:Net", "--set", "a=1"), "unexpected keyword argument 'a'")
    Path("bad.py").write_text("1 / 0\n")
    refused(tool("summary", "bad.py"), "bad.py cannot be run: ZeroDivisionError")
    Path("none.py").write_text("x = 1\n")
    refused(tool("summary", "none.py"), "none.py has no net")


def test_summary_of_files(tool: Any) -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    tg.io.write_pyn(net, "net.pyn")
    out = tool("summary", "net.pyn")[1]
    assert "8 parameters; 6 multiply-adds" in out
    tg.io.write_json_net(net, "net.json", "npz")
    assert "8 parameters; 6 multiply-adds" in tool("summary", "net.json")[1]
    tg.io.save(net.state_dict(), "net.safetensors")
    out = tool("summary", "net.safetensors")[1]
    assert out.splitlines() == [
        "0.bias    float32  2",
        "0.weight  float32  2x3",
        out.splitlines()[2],
    ]
    assert out.splitlines()[2] == "2 arrays, 8 numbers"


# ------------------------------------------------------------------------------- train, predict


def test_train_and_predict_classes(tool: Any) -> None:
    write_csv()
    words = ["train", "mlp", "iris.csv", "--epochs", 30, "--batch-size", 8, "--lr", 0.02, "--quiet"]
    words += ["--label", "kind", "--save", "iris.npz", "--log", "log.csv", "--plot", "curves.png"]
    status, out, err = tool(*words)
    assert (status, err) == (0, "")
    assert "mlp: 1,203 parameters; 81 samples to learn from, 9 to test on; <device numpy" in out
    assert "saved to iris.npz" in out
    assert len(Path("log.csv").read_text().splitlines()) == 31
    assert Path("curves.png").read_bytes().startswith(b"\x89PNG")
    assert "1,203 parameters" in tool("summary", "iris.npz")[1]
    status, out, _ = tool("predict", "iris.npz", "iris.csv", "--label", "kind")
    rows = [line.split(",") for line in out.splitlines()]
    assert rows[0] == ["class", "share"]
    wanted = ["ant"] * 30 + ["bee"] * 30 + ["cat"] * 30
    assert np.mean([row[0] == name for row, name in zip(rows[1:], wanted, strict=True)]) > 0.95
    assert all(1 / 3 <= float(row[1]) <= 1 for row in rows[1:])
    tool("predict", "iris.npz", "iris.csv", "--label", "2", "--top", 9, "--out", "a.csv")
    assert Path("a.csv").read_text().startswith("class1,share1,class2,share2,class3,share3\n")
    refused(tool("predict", "iris.npz", "iris.csv", "--out", "a.csv"), "a.csv is there already")
    refused(tool("predict", "iris.npz", "iris.csv", "--out", "a.txt"), "must end in .csv or .npy")
    tool("predict", "iris.npz", "iris.csv", "--label", "kind", "--out", "a.npy")
    assert np.load("a.npy").shape == (90, 3)


def test_train_numbers(tool: Any) -> None:
    write_csv(kinds=False)
    words = ["train", "mlp", "iris.csv", "--epochs", 40, "--batch-size", 8, "--lr", 0.01, "--quiet"]
    status, out, _ = tool(*words, "--save", "m.safetensors", "--normalizer", "zscore")
    assert status == 0
    assert float(out.split("val_r2 ")[1].split(";")[0]) > 0.9
    status, out, _ = tool("predict", "m.safetensors", "iris.csv", "--label", "kind")
    table = np.array([float(line) for line in out.splitlines()[1:]])
    wanted = np.loadtxt("iris.csv", delimiter=",", skiprows=1)[:, 2]
    assert np.corrcoef(table, wanted)[0, 1] > 0.95


def test_options_of_a_file(tool: Any) -> None:
    write_csv()
    Path("run.toml").write_text(
        'net = "mlp"\ndata = "iris.csv"\nlabel = "kind"\nepochs = 2\nquiet = true\n'
        'metric = ["accuracy", "f1_macro"]\nweight-decay = 0.1\n[set]\nsizes = [2, 5, 3]\n'
    )
    status, out, _ = tool("train", "--options", "run.toml")
    assert status == 0
    assert "mlp: 33 parameters" in out
    assert "epoch 2:" in out
    assert "val_f1_macro" in out
    out = tool("train", "--options", "run.toml", "--epochs", 1, "--set", "sizes=2,4,3")[1]
    assert "mlp: 27 parameters" in out
    assert "epoch 1:" in out


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("epoch = 3", "run.toml: unknown option 'epoch'; did you mean 'epochs'?"),
        ("epochs = 0", "run.toml: epochs: expected a whole number above 0"),
        ("epochs = [1]", "run.toml: epochs cannot be [1]"),
        ("quiet = 1", "run.toml: quiet must be true or false, got 1"),
        ('schedule = "lazy"', "run.toml: schedule must be one of cosine, onecycle, plateau"),
        ("set = 3", "run.toml: set must be a table"),
        ("epochs = ", "run.toml is not TOML"),
    ],
)
def test_wrong_options_of_a_file(text: str, error: str, tool: Any) -> None:
    Path("run.toml").write_text(text)
    refused(tool("train", "mlp", "digits", "--options", "run.toml"), error)


def npz_images(classes: int = 3, size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(60) % classes
    x = rng.integers(0, 60, (60, size, size)).astype(np.uint8)
    x[np.arange(60), 2 * y] += 150  # the class is the bright row
    return x, y


@pytest.mark.parametrize("schedule", ["cosine", "onecycle", "plateau"])
def test_train_images_of_an_npz(schedule: str, tool: Any) -> None:
    x, y = npz_images()
    np.savez("images.npz", x=x, y=y, x_test=x[:12], y_test=y[:12])
    words = [
        "train",
        "alexnet-reduced",
        "images.npz",
        "--epochs",
        12,
        "--batch-size",
        12,
        "--quiet",
    ]
    status, out, _ = tool(*words, "--schedule", schedule, "--lr", 0.005, "--patience", 4)
    assert status == 0
    assert "60 samples to learn from, 12 to test on" in out
    assert float(out.split("val_accuracy ")[1].split(";")[0]) > 0.8


def test_resume_is_as_if_never_stopped(tool: Any) -> None:
    write_csv()
    words = ["train", "mlp", "iris.csv", "--quiet", "--set", "sizes=2,5,3", "--set", "dropout=0.2"]
    tool(*words, "--epochs", 4, "--save", "whole.npz")
    tool(*words, "--epochs", 2, "--save", "parts.npz")
    status, out, _ = tool(*words, "--epochs", 4, "--save", "parts.npz", "--resume")
    assert status == 0
    assert "epoch 4:" in out
    states = [tg.io.load(name)["states"]["model"] for name in ("whole.npz", "parts.npz")]
    for a, b in zip(*(state.values() for state in states), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_net_of_a_python_file(tool: Any) -> None:
    write_csv()
    Path("mine.py").write_text(
        "from tinygrad_cl import nn\ndef net():\n    return nn.Linear(2, 3)\n"
    )
    status, out, _ = tool("train", "mine.py", "iris.csv", "--quiet", "--save", "m.npz")
    assert status == 0
    assert "mine.py: 9 parameters" in out
    # a checkpoint may come from anywhere: code is run only if the user names it
    refused(tool("predict", "m.npz", "iris.csv", "--label", "kind"), "give it: --net ")
    status, out, _ = tool("predict", "m.npz", "iris.csv", "--label", "kind", "--net", "mine.py")
    assert status == 0
    assert len(out.splitlines()) == 91


def test_predict_with_weights_of_other_programs(tool: Any) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    np.save("x.npy", x)
    net = tg.models.MLP((3, 2))
    wanted = net(tg.tensor(x)).detach().numpy()
    tg.io.save({"state_dict": net.state_dict(), "epoch": 3}, "w.pt")
    refused(tool("predict", "w.pt", "x.npy"), "holds weights only; say of which net they are")
    words = ["predict", "w.pt", "x.npy", "--net", "mlp", "--set", "sizes=3,2", "--raw"]
    status, out, _ = tool(*words)
    assert status == 0
    rows = [[float(cell) for cell in line.split(",")] for line in out.splitlines()[1:]]
    np.testing.assert_allclose(rows, wanted, rtol=1e-5)
    refused(tool("predict", "w.pt", "x.npy", "--net", "mlp"), "1.weight")


@pytest.mark.parametrize("kind", ["image", "cat and dog"])
def test_pictures(kind: str, tool: Any) -> None:
    image = pytest.importorskip("PIL.Image", reason='Pillow is missing: pip install ".[images]"')
    rng = np.random.default_rng(0)
    for name, base in (("cat", 40), ("dog", 200)):
        Path("pets", name).mkdir(parents=True)
        for i in range(6):
            pixels = (base + rng.integers(0, 30, (9, 9, 3))).astype(np.uint8)
            image.fromarray(pixels).save(f"pets/{name}/{i}.png")
    words = ["train", "alexnet_reduced", "pets", "--image-size", 8, "--epochs", 25, "--quiet"]
    tool(*words, "--save", "pets.npz", "--batch-size", 4, "--validation", 0, "--lr", 0.003)
    what = "pets/dog/1.png" if kind == "image" else "pets"
    status, out, _ = tool("predict", "pets.npz", what)
    assert status == 0
    found = [line.split(",")[0] for line in out.splitlines()[1:]]
    assert found == (["dog"] if kind == "image" else ["cat"] * 6 + ["dog"] * 6)


def test_wrong_data(tool: Any) -> None:
    np.savez("a.npz", z=np.zeros(3))
    refused(tool("train", "mlp", "a.npz"), "a.npz has no array x or x_train")
    np.savez("a.npz", x=np.zeros((3, 2)), y=np.array([-1, 0, 1]))
    refused(tool("train", "mlp", "a.npz"), "labels must be whole numbers from 0 on")
    numbers = ("--target", "number", "--validation", 0)
    refused(tool("train", "lenet5", "a.npz", *numbers), "is for images")
    refused(tool("train", "mlp", "a.npz", *numbers[:2]), "--validation 0.1 leaves nothing of 3")
    np.savez("a.npz", x=np.zeros((3, 4, 6)), y=np.arange(3))
    refused(tool("train", "lenet5", "a.npz", *numbers[2:]), "is for square images")
    Path("empty").mkdir()
    refused(tool("train", "mlp", "empty"), "empty has no folders with images")
    write_csv()
    refused(tool("train", "mlp", "iris.csv", "--label", "colour"), "column 'colour'")


# ---------------------------------------------------------------------------------------- convert


def test_convert(tool: Any) -> None:
    net = tg.models.MLP((3, 4, 2))
    tg.io.save(net.state_dict(), "a.npz")
    for src, dst in (("a.npz", "b.safetensors"), ("b.safetensors", "c.pt"), ("c.pt", "d.npz")):
        assert tool("convert", src, dst) == (0, f"{src} converted to {dst}\n", "")
    for name, value in tg.io.load("d.npz").items():
        np.testing.assert_array_equal(value.numpy(), net.state_dict()[name].detach().numpy())
    refused(tool("convert", "a.npz", "d.npz"), "d.npz is there already; --force overwrites it")
    assert tool("convert", "a.npz", "d.npz", "--force")[0] == 0
    refused(tool("convert", "a.npz", "e.pyn"), "say of which net they are: --net NET")
    refused(tool("convert", "a.npz", "e.txt"), "e.txt must end in one of .pyn")
    words = ["convert", "a.npz", "e.pyn", "--net", "mlp", "--set", "sizes=3,4,2"]
    assert tool(*words)[0] == 0
    assert tool("convert", "e.pyn", "f.json")[0] == 0
    assert [layer["class"] for layer in json.loads(Path("f.json").read_text())].count("Dense") == 2
    refused(tool("convert", "a.npz", "no/b.npz"), "there is no folder no")


def test_convert_what_train_wrote(tool: Any) -> None:
    """The file knows its net."""
    tool("train", "lenet5", "digits", "--epochs", 1, "--save", "a.npz", "--quiet")
    assert tool("convert", "a.npz", "b.json")[0] == 0
    raw = [tool("predict", name, "digits", "--raw")[1] for name in ("a.npz", "b.json")]
    rows = [[list(map(float, line.split(","))) for line in text.splitlines()[1:]] for text in raw]
    assert np.shape(rows[0]) == (360, 10)
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-3, atol=1e-4)


# ------------------------------------------------------------------------------------ real formats


def cifar_batch(path: Path, count: int, seed: int) -> None:
    """A file of CIFAR-10's binary version: per image a label byte, then 3 planes of 32x32 bytes."""
    rng, content = np.random.default_rng(seed), bytearray()
    for i in range(count):
        label = i % 10
        planes = rng.integers(0, 90, (3, 32, 32)).astype(np.uint8)
        planes[label % 3, 3 * label : 3 * label + 4] += 150  # a bright stripe in one colour
        content += bytes([label]) + planes.tobytes()
    assert len(content) == count * 3073
    path.write_bytes(content)


@pytest.fixture
def cifar(tmp_path: Path) -> str:
    inner = tmp_path / "cifar" / "cifar-10-batches-bin"
    inner.mkdir(parents=True)
    for i in range(1, 6):
        cifar_batch(inner / f"data_batch_{i}.bin", 40, i)
    cifar_batch(inner / "test_batch.bin", 30, 9)
    return "cifar"


def test_cifar_files(cifar: str, tool: Any) -> None:
    words = ["train", "mlp", f"cifar10:{cifar}", "--set", "sizes=3072,24,10", "--epochs", 6]
    status, out, err = tool(*words, "--lr", 0.003, "--batch-size", 20, "--quiet", "--save", "m.npz")
    assert (status, err) == (0, "")
    assert "200 samples to learn from, 30 to test on" in out
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog"]
    names += ["frog", "horse", "ship", "truck"]
    for source in (cifar, f"cifar10:{cifar}", f"{cifar}/cifar-10-batches-bin/test_batch.bin"):
        status, out, _ = tool("predict", "m.npz", source)
        assert status == 0
        assert [line.split(",")[0] for line in out.splitlines()[1:]] == names * 3


def test_a_convolutional_net_takes_cifar(cifar: str, tool: Any) -> None:
    status, out, _ = tool("train", "lenet5", cifar, "--epochs", 1, "--batch-size", 50, "--quiet")
    assert status == 0
    assert "val_accuracy" in out


def test_damaged_cifar_files(cifar: str, tool: Any) -> None:
    batch = Path(cifar, "cifar-10-batches-bin", "data_batch_3.bin")
    whole = batch.read_bytes()
    for content, text in (
        (whole[:-1], "no whole records of 3073: it is truncated"),
        (b"", "0 bytes"),
        (b"\x0a" + whole[1:], "record 0 has label 10, and there are 10 classes"),
    ):
        batch.write_bytes(content)
        refused(tool("train", "mlp", cifar), text)
        refused(tool("predict", "m.npz", batch), "m.npz")
    batch.unlink()
    refused(tool("train", "mlp", cifar), "data_batch_3.bin: No such file")


def test_pictures_that_are_none(tool: Any) -> None:
    pytest.importorskip("PIL.Image", reason='Pillow is missing: pip install ".[images]"')
    net = tg.models.LeNet5()
    tg.io.save(net.state_dict(), "w.npz")
    words = ["predict", "w.npz", "--net", "lenet5"]
    refused(tool(*words, "no.png"), "read_image: cannot read no.png: No such file or directory")
    Path("text.png").write_text("this is no picture")
    refused(tool(*words, "text.png"), "cannot read text.png")
    for name in ("cat", "dog"):
        Path("pets", name).mkdir(parents=True)
        Path("pets", name, "1.png").write_text("no picture")
    refused(tool("train", "lenet5", "pets", "--validation", 0, "--quiet"), "1.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,x\n2,y,3\n", "line 3"),
        ("a,b\n1,x\n,y\n", "line 3"),
        ("", "x.csv"),
        ("a,b\n", "x.csv"),
        ("a,b\nq,x\n", "line 2"),
        ("\x00\x01\n", "x.csv"),
    ],
)
def test_malformed_tables(text: str, message: str, tool: Any) -> None:
    Path("x.csv").write_text(text)
    refused(tool("train", "mlp", "x.csv", "--quiet"), message)
