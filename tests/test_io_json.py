"""JSON models with HDF5 or NPZ weights: laid out as described, and run by a second program.

`second` computes a model on NHWC images from its two files with NumPy and h5py alone; `lay_out`
writes such files as older programs did.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cl as tg
from tinygrad_cl import DataError, nn
from tinygrad_cl.io import convert, hdf5, read_json_net, write_json_net
from tinygrad_cl.io.jsonlayers import ChannelsLast, SamePad2d

h5py = pytest.importorskip("h5py", reason="h5py is missing: pip install -e '.[io]'")

CHANCE = np.random.default_rng(0)
Layers = list[tuple[str, dict[str, Any]]]


# ---------------------------------------------------------------------------- the second program


def conv(x: np.ndarray, config: dict[str, Any], w: np.ndarray, b: Any) -> np.ndarray:
    stride, kernel = np.broadcast_to(config["stride"], 2), w.shape[:2]
    if config["padding"] == "same":
        for axis in (0, 1):
            size, step, k = x.shape[1 + axis], stride[axis], kernel[axis]
            total = max((int(np.ceil(size / step)) - 1) * step + k - size, 0)
            pad = [(0, 0)] * 4
            pad[1 + axis] = (total // 2, total - total // 2)
            x = np.pad(x, pad)
    rows = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:3], kernel, stride, strict=True)]
    y = np.zeros((len(x), *rows, w.shape[3]))
    for i in range(rows[0]):
        for j in range(rows[1]):
            top, left = i * stride[0], j * stride[1]
            window = x[:, top : top + kernel[0], left : left + kernel[1]]
            y[:, i, j] = np.tensordot(window, w, 3)
    return y + (0 if b is None else b)


def pool(x: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    size, stride = np.broadcast_to(config["pool_size"], 2), np.broadcast_to(config["stride"], 2)
    rows = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:3], size, stride, strict=True)]
    y = np.zeros((len(x), *rows, x.shape[3]))
    for i in range(rows[0]):
        for j in range(rows[1]):
            top, left = i * stride[0], j * stride[1]
            y[:, i, j] = x[:, top : top + size[0], left : left + size[1]].max((1, 2))
    return y


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


FUNCS = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softmax": softmax,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "linear": lambda x: x,
}


def second(stem: Path, x: np.ndarray) -> np.ndarray:
    """What a model gives for images (N, H, W, C)."""
    weights: dict[str, np.ndarray] = {}
    if stem.with_suffix(".hdf5").exists():
        with h5py.File(stem.with_suffix(".hdf5")) as file:
            weights = {name: file[name][()] for name in file}
    else:
        weights = dict(np.load(f"{stem}.hdf5.npz", allow_pickle=False))
    for i, layer in enumerate(json.loads(stem.with_suffix(".json").read_text())):
        kind, config = layer["class"], layer["config"]
        own = {
            n.rpartition(f"{i}_{kind}_")[2]: a for n, a in weights.items() if n.startswith(f"{i}_")
        }
        if kind == "Dense":
            assert set(own) == {"W", "b"} if config["use_bias"] else {"W"}
            x = x @ own["W"] + own.get("b", 0)
        elif kind == "Conv2D":
            x = conv(x, config, own["W"], own.get("b"))
        elif kind == "BatchNorm2D":
            spread = np.sqrt(own["running_var"] + config["eps"])
            x = (x - own["running_mean"]) / spread * own["gamma"] + own["beta"]
        elif kind == "MaxPool2D":
            x = pool(x, config)
        elif kind == "Flatten":
            x = x.reshape(len(x), -1)
        elif kind == "Activation":
            x = FUNCS[config["func"]](x)
    return x


def lay_out(layers: Layers, stem: Path, weights: dict[str, np.ndarray], kind: str) -> None:
    rows = [{"class": name, "config": config} for name, config in layers]
    stem.with_suffix(".json").write_text(json.dumps(rows))
    if kind == "npz":
        np.savez(f"{stem}.hdf5.npz", **weights)
        return
    with h5py.File(stem.with_suffix(".hdf5"), "w") as file:
        for name, array in weights.items():
            file.create_dataset(name, data=array)


def outputs(net: nn.Module, x: np.ndarray) -> np.ndarray:
    """Of images (N, H, W, C), which the net takes as (N, C, H, W)."""
    given = x.transpose(0, 3, 1, 2) if x.ndim == 4 else x
    net.eval()
    device = next((p.device for p in net.parameters()), "numpy")
    x = np.ascontiguousarray(given, np.float32)
    return net(tg.from_numpy(x, device=device)).detach().numpy()


def close(a: np.ndarray, b: np.ndarray) -> None:
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def old_model(bias: bool = True) -> tuple[Layers, dict[str, np.ndarray]]:
    """8c3-16c3-64 as the older program saved it: 7_Dense_W is its first dense layer."""
    layers: Layers = [
        ("Conv2D", conv_config(8, 3, 1, "same", bias)),
        ("Activation", {"func": "relu"}),
        ("MaxPool2D", {"pool_size": 2, "stride": 2}),
        ("Conv2D", conv_config(16, [3, 2], [2, 1], "same", bias)),
        ("Activation", {"func": "tanh"}),
        ("MaxPool2D", {"pool_size": [2, 1], "stride": [1, 2]}),
        ("Flatten", {}),
        ("Dense", {"units": 6, "use_bias": bias}),
        ("Activation", {"func": "silu"}),
        ("Dropout", {"rate": 0.5}),
        ("Dense", {"units": 3, "use_bias": True}),
        ("Activation", {"func": "softmax"}),
    ]
    weights = {
        "0_Conv2D_W": CHANCE.normal(size=(3, 3, 2, 8)),
        "3_Conv2D_W": CHANCE.normal(size=(3, 2, 8, 16)),
        "7_Dense_W": CHANCE.normal(size=(2 * 16, 6)) / 4,
        "10_Dense_W": CHANCE.normal(size=(6, 3)),
        "10_Dense_b": CHANCE.normal(size=(1, 3)),
    }
    if bias:
        weights |= {"0_Conv2D_b": CHANCE.normal(size=8), "3_Conv2D_b": CHANCE.normal(size=16)}
        weights |= {"7_Dense_b": CHANCE.normal(size=(1, 6))}
    return layers, weights


def conv_config(filters: int, kernel: Any, stride: Any, padding: str, bias: bool) -> dict[str, Any]:
    return {
        "filters": filters,
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "use_bias": bias,
    }


IMAGES = CHANCE.normal(size=(4, 9, 7, 2))


# ------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize("kind", ["hdf5", "npz"])
@pytest.mark.parametrize("bias", [True, False])
def test_models_of_older_programs(
    kind: str, bias: bool, tmp_path: Path, default_device: str
) -> None:
    layers, weights = old_model(bias)
    lay_out(layers, tmp_path / "x", weights, kind)
    net = read_json_net(tmp_path / "x.json")
    assert isinstance(net, nn.Sequential)
    close(outputs(net, IMAGES), second(tmp_path / "x", IMAGES))


@pytest.mark.parametrize("size", [5, 6, 7, 8])
@pytest.mark.parametrize(
    ("kernel", "stride"), [((2, 2), (1, 1)), ((3, 4), (2, 3)), ((5, 1), (3, 2))]
)
def test_same_padding_is_that_of_the_format(
    size: int, kernel: tuple[int, int], stride: tuple[int, int], tmp_path: Path
) -> None:
    layers: Layers = [("Conv2D", conv_config(2, list(kernel), list(stride), "same", False))]
    x = CHANCE.normal(size=(2, size, size + 1, 3))
    lay_out(layers, tmp_path / "x", {"0_Conv2D_W": CHANCE.normal(size=(*kernel, 3, 2))}, "npz")
    net = read_json_net(tmp_path / "x.json")
    expected = second(tmp_path / "x", x)
    assert expected.shape[1:3] == (-(-size // stride[0]), -(-(size + 1) // stride[1]))
    close(outputs(net, x), expected.transpose(0, 3, 1, 2))
    write_json_net(net, tmp_path / "y.json", "npz")
    close(second(tmp_path / "y", x), expected)


def test_a_model_that_ends_flat_keeps_the_order(tmp_path: Path) -> None:
    layers: Layers = [("Conv2D", conv_config(3, 2, 1, "valid", False)), ("Flatten", {})]
    x = CHANCE.normal(size=(2, 4, 5, 2))
    lay_out(layers, tmp_path / "x", {"0_Conv2D_W": CHANCE.normal(size=(2, 2, 2, 3))}, "npz")
    net = read_json_net(tmp_path / "x.json")
    assert any(isinstance(module, ChannelsLast) for module in net)
    close(outputs(net, x), second(tmp_path / "x", x))
    write_json_net(net, tmp_path / "y.json", "npz")
    close(second(tmp_path / "y", x), second(tmp_path / "x", x))


def test_images_straight_into_dense_layers(tmp_path: Path) -> None:
    layers: Layers = [("Flatten", {}), ("Dense", {"units": 4, "use_bias": False})]
    x = CHANCE.normal(size=(2, 3, 4, 5))
    lay_out(layers, tmp_path / "x", {"1_Dense_W": CHANCE.normal(size=(60, 4))}, "npz")
    net = read_json_net(tmp_path / "x.json", input_shape=(5, 3, 4))
    close(outputs(net, x), second(tmp_path / "x", x))
    write_json_net(net, tmp_path / "y.json", "npz", input_shape=(5, 3, 4))
    close(second(tmp_path / "y", x), second(tmp_path / "x", x))
    one = x[..., :1]
    lay_out(layers, tmp_path / "z", {"1_Dense_W": CHANCE.normal(size=(12, 4))}, "npz")
    close(outputs(read_json_net(tmp_path / "z.json"), one), second(tmp_path / "z", one))


def test_batch_norm_without_statistics(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    layers: Layers = [("BatchNorm2D", {"momentum": 0.9, "eps": 1e-3})]
    weights = {
        f"0_BatchNorm2D_{name}": CHANCE.normal(size=(1, 1, 1, 2)) for name in ("gamma", "beta")
    }
    lay_out(layers, tmp_path / "x", weights, "hdf5")
    with caplog.at_level(logging.WARNING, "tinygrad_cl.io"):
        net = read_json_net(tmp_path / "x.json")
    assert "no running statistics" in caplog.text
    assert (net[0].momentum, net[0].eps) == (pytest.approx(0.1), 1e-3)
    assert net[0].running_mean.tolist() == [0.0, 0.0]
    assert net[0].weight.tolist() == pytest.approx(weights["0_BatchNorm2D_gamma"].ravel().tolist())


def test_reading_draws_no_random_numbers(tmp_path: Path) -> None:
    lay_out(
        [("Dense", {"units": 2})],
        tmp_path / "x",
        {"0_Dense_W": np.ones((3, 2)), "0_Dense_b": np.ones(2)},
        "npz",
    )
    state = tg.functional.random.default_generator.get_state()
    read_json_net(tmp_path / "x.json")
    assert tg.functional.random.default_generator.get_state() == state


# ------------------------------------------------------------------------------------------ writing


def trained(device: str) -> nn.Sequential:
    net = nn.Sequential(
        *(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4, momentum=0.2), nn.ReLU()),
        nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(4, 3, (2, 3), stride=2, bias=False), nn.SiLU()),
        *(nn.Identity(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(12, 5), nn.Tanh()),
        *(nn.Linear(5, 3, bias=False), nn.Softmax(-1)),
    )
    net.to(device)
    for _ in range(3):
        net(tg.randn(8, 2, 9, 11, device=device))
    return net


@pytest.mark.parametrize("kind", ["hdf5", "npz"])
def test_the_second_program_runs_what_is_written(kind: str, tmp_path: Path, device: str) -> None:
    net = trained(device)
    x = CHANCE.normal(size=(3, 9, 11, 2))
    write_json_net(net, tmp_path / "x.json", kind)
    close(outputs(net, x), second(tmp_path / "x", x))
    rows = json.loads((tmp_path / "x.json").read_text())
    assert rows[1] == {"class": "BatchNorm2D", "config": {"momentum": 0.8, "eps": 1e-5}}
    assert rows[0]["config"]["padding"] == "same"
    again = read_json_net(tmp_path / "x.json")
    assert again[1].momentum == pytest.approx(0.2)
    close(outputs(again, x), outputs(net, x))


def test_names_of_weights(tmp_path: Path) -> None:
    write_json_net(trained("numpy"), tmp_path / "x.json")
    with h5py.File(tmp_path / "x.hdf5") as file:
        statistics = [
            f"1_BatchNorm2D_{n}" for n in ("beta", "gamma", "running_mean", "running_var")
        ]
        wanted = ["0_Conv2D_W", "0_Conv2D_b", *statistics, "4_Conv2D_W", "8_Dense_W", "8_Dense_b"]
        assert sorted(file) == sorted([*wanted, "10_Dense_W"])
        assert file["0_Conv2D_W"].shape == (3, 3, 2, 4)
        assert file["8_Dense_W"].shape == (12, 5)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU()), "cannot hold LeakyReLU"),
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), "cannot hold BatchNorm1d"),
        (nn.Conv2d(1, 1, 3, padding=2), "padding must be"),
        (nn.Conv2d(1, 1, 3, stride=2, padding=1), "padding must be"),
        (nn.Conv2d(1, 1, 4, padding=1), "padding must be"),
        (nn.Conv2d(2, 2, 3, groups=2), "groups"),
        (nn.Conv2d(1, 1, 3, dilation=2), "dilation"),
        (nn.MaxPool2d(2, padding=1), "padding, dilation"),
        (nn.MaxPool2d(2, ceil_mode=True), "ceil_mode"),
        (nn.BatchNorm2d(2, track_running_stats=False), "running statistics"),
        (nn.BatchNorm2d(2, momentum=None), "momentum"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(4, 3)), "a Flatten is needed"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()), "another order"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(3, 1)), "not from 2 channels"),
        (nn.Sequential(nn.Linear(4, 4), nn.Conv2d(1, 1, 1)), "needs images"),
        (nn.Sequential(nn.Linear(4, 4), nn.Softmax(0)), "dim 1"),
        (nn.Sequential(nn.Linear(4, 4), nn.Softplus(beta=2)), "beta must be 1"),
        (nn.Flatten(0), "all dims but the first"),
        (nn.Sequential(nn.Linear(4, 4), nn.Unflatten(1, (1, 2, 2))), "only the input"),
        (nn.Sequential(SamePad2d((2, 2), (1, 1)), nn.ReLU()), "no such layer here"),
        (nn.Sequential(SamePad2d((2, 2), (1, 1)), nn.Conv2d(1, 1, 3)), "padding must be"),
        (nn.Dropout2d(0.5), "cannot hold Dropout2d"),
        (nn.LSTM(2, 2), "cannot hold LSTM"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nets_that_the_format_cannot_hold(net: nn.Module, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        write_json_net(net, tmp_path / "x.json")
    assert not list(tmp_path.iterdir())


# ----------------------------------------------------------------------------- files that are wrong


def test_all_arrays_that_do_not_fit_are_named_at_once(tmp_path: Path) -> None:
    layers, weights = old_model()
    weights["3_Conv2D_W"] = np.ones((2, 3, 8, 16))
    weights["10_Dense_W"] = np.ones((7, 3))
    weights["9_Dropout_W"] = weights.pop("0_Conv2D_b")
    lay_out(layers, tmp_path / "x", weights, "npz")
    with pytest.raises(DataError) as caught:
        read_json_net(tmp_path / "x.json")
    text = str(caught.value)
    assert "missing: 0_Conv2D_b" in text
    assert "unexpected: 9_Dropout_W" in text
    assert "3_Conv2D_W is (2, 3, 8, 16), not (3, 2, 8, 16)" in text
    assert "10_Dense_W is (7, 3), not (6, 3)" in text


DENSE = {"class": "Dense", "config": {"units": 2, "use_bias": False}}


@pytest.mark.parametrize(
    "layers",
    [
        *("{", "[" * 100000, "3", '{"a": 1}', "[3]", '[{"class": "Evil"}]', "[[]]"),
        '[{"class": "Dense"}]',
        *(
            json.dumps([{"class": "Dense", "config": c}])
            for c in ([], {"units": 0}, {"units": "2"})
        ),
        json.dumps([{"class": "Dense", "config": {"units": 2, "activation": "relu"}}]),
        json.dumps([{"class": "Dense", "config": {"units": 2, "use_bias": 3}}]),
        json.dumps([{"class": "Activation", "config": {"func": "exec"}}, DENSE]),
        json.dumps([{"class": "Dropout", "config": {"rate": 2}}]),
        '[{"class": "Dropout", "config": {"rate": NaN}}]',
        json.dumps([{"class": "MaxPool2D", "config": {"pool_size": [1, 2, 3]}}]),
        json.dumps([{"class": "MaxPool2D", "config": {"pool_size": 1 << 40}}]),
        json.dumps([{"class": "Conv2D", "config": conv_config(1, 1, 0, "same", False)}]),
        json.dumps([{"class": "Conv2D", "config": conv_config(1, 1, 1, "full", False)}]),
        json.dumps([DENSE, {"class": "MaxPool2D", "config": {"pool_size": 2}}]),
        json.dumps([{"class": "MaxPool2D", "config": {"pool_size": 2}}, DENSE]),
        json.dumps([{"class": "Flatten", "config": {}}] * 10001),
    ],
)
def test_malformed_layers(layers: str, tmp_path: Path) -> None:
    lay_out([], tmp_path / "x", {"0_Dense_W": np.ones((3, 2))}, "npz")
    (tmp_path / "x.json").write_text(layers)
    with pytest.raises(DataError, match="load: "):
        read_json_net(tmp_path / "x.json")


def test_files_that_are_missing_or_ambiguous(tmp_path: Path) -> None:
    net = nn.Linear(2, 2)
    with pytest.raises(DataError, match="neither is there"):
        read_json_net(tmp_path / "x.json")
    for kind in ("hdf5", "npz"):
        write_json_net(net, tmp_path / "x.json", kind)
    with pytest.raises(DataError, match="both are there"):
        read_json_net(tmp_path / "x.json")
    for options in ({"weights": "npz"}, {"weights": "hdf5"}):
        assert read_json_net(tmp_path / "x.json", **options)[0].weight.shape == (2, 2)
    assert read_json_net(tmp_path / "x.hdf5.npz")[0].weight.shape == (2, 2)
    (tmp_path / "x.json").unlink()
    with pytest.raises(DataError, match="cannot read"):
        read_json_net(tmp_path / "x.hdf5")
    with pytest.raises(DataError, match="ends in"):
        write_json_net(net, tmp_path / "x.txt")
    with pytest.raises(DataError, match="hdf5"):
        write_json_net(net, tmp_path / "x.json", "pickle")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json_net(nn.Linear(2, 2), tmp_path / "x.json")
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    assert read_json_net(tmp_path / "x.json")[0].weight.shape == (2, 2)  # reading needs none
    with pytest.raises(DataError, match=r"tinygrad-cl\[io\]"):
        write_json_net(nn.Linear(2, 2), tmp_path / "y.json")


# --------------------------------------------------------------------------------------------- HDF5


@given(st.data())
def test_hdf5_files_of_any_layout(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("hdf5") / "x.hdf5"
    arrays: dict[str, np.ndarray] = {}
    with h5py.File(
        path, "w", libver=data.draw(st.sampled_from(["earliest", ("earliest", "v108")]))
    ) as file:
        for i in range(data.draw(st.integers(0, 12))):
            shape = tuple(data.draw(st.lists(st.integers(0, 9), max_size=3)))
            dtype = data.draw(st.sampled_from(["f2", "f4", "f8", ">f4", "i1", "u2", ">i8", "u8"]))
            x = CHANCE.integers(0, 99, shape).astype(dtype)
            options: dict[str, Any] = {}
            if shape and 0 not in shape and data.draw(st.booleans()):
                options["chunks"] = tuple(data.draw(st.integers(1, n)) for n in shape)
                options["compression"] = data.draw(st.sampled_from([None, "gzip"]))
                options["shuffle"] = data.draw(st.booleans())
                options["fletcher32"] = data.draw(st.booleans())
            arrays[f"{i}_é"] = x
            file.create_dataset(f"{i}_é", data=x, **options).attrs["note"] = "x" * i * 30
    found = hdf5.read(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found[name], array)


def test_hdf5_files_that_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf5"

    def refused(message: str, make: Any, **options: Any) -> None:
        with h5py.File(path, "w", **options) as file:
            make(file)
        with pytest.raises(DataError, match=message):
            hdf5.read(path)

    (tmp_path / "secret").write_bytes(bytes(8))
    secret = [(str(tmp_path / "secret"), 0, 8)]
    refused("newer layout", lambda f: f.create_dataset("a", data=[1.0]), libver="latest")
    refused("arrays alone", lambda f: f.create_group("a"))
    refused("not integers or floats", lambda f: f.create_dataset("a", data=b"text"))
    refused("not integers or floats", lambda f: f.create_dataset("a", data=[1j]))
    refused("arrays alone", lambda f: f.create_dataset("a", (1,), "f8", external=secret))
    refused("symbolic link", lambda f: f.__setitem__("a", h5py.SoftLink("/b")))
    refused("no symbol table", lambda f: f.__setitem__("a", h5py.ExternalLink("other.hdf5", "/b")))
    refused(
        "filters", lambda f: f.create_dataset("a", data=[1.0, 2.0], chunks=(1,), compression="lzf")
    )
    refused("impossible shape", lambda f: f.create_dataset("a", (0, 1 << 30, 1 << 30), "f8"))
    refused("missing", lambda f: f.create_dataset("a", (100,), "f8", chunks=(10,)))
    with pytest.raises(DataError, match="over 100 bytes"):
        hdf5.read(path, max_bytes=100)


def test_a_checksum_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=np.arange(33, dtype="u1"), chunks=(33,), fletcher32=True)
    content = bytearray(path.read_bytes())
    at = content.index(bytes(range(33)))
    content[at + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="checksum"):
        hdf5.read(path)


# ------------------------------------------------------------------------------------------ convert


def test_convert_from_every_format_to_every_other(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.Sigmoid())
    x = CHANCE.normal(size=(5, 4)).astype(np.float32)
    expected = outputs(net, x)
    first = tmp_path / "a.pyn"
    tg.io.write_pyn(net, first)
    endings = [".pyn", ".json", ".hdf5.npz", ".npz", ".safetensors", ".pt"]
    for i, here in enumerate(endings):
        convert(first, tmp_path / f"from{i}{here}")
        for j, there in enumerate(endings):
            target = tmp_path / f"from{i}to{j}{there}"
            other = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.Sigmoid())
            without_layers = here in endings[3:] and there in endings[:3]
            convert(tmp_path / f"from{i}{here}", target, net=other if without_layers else None)
            close(outputs(reread(target, other), x), expected)


def reread(path: Path, like: nn.Module) -> nn.Module:
    if path.suffix == ".pyn":
        return tg.io.read_pyn(path)
    if path.suffix in (".json", ".hdf5") or path.name.endswith(".hdf5.npz"):
        return read_json_net(path)
    like.load_state_dict(tg.io.load(path))
    return like


def test_convert_images_between_nets(tmp_path: Path) -> None:
    flat = nn.Sequential(
        *(nn.Unflatten(1, (2, 6, 5)), nn.Conv2d(2, 1, 3), nn.ReLU(), nn.Flatten()),
        *(
            nn.Unflatten(1, (1, 4, 3)),
            nn.Conv2d(1, 1, 2, bias=False),
            nn.Flatten(),
            nn.Linear(6, 2),
        ),
    )
    tg.io.write_pyn(flat, tmp_path / "a.pyn")
    convert(tmp_path / "a.pyn", tmp_path / "b.json")
    x = CHANCE.normal(size=(3, 6, 5, 2)).astype(np.float32)
    planes = np.ascontiguousarray(x.transpose(0, 3, 1, 2)).reshape(3, -1)
    close(second(tmp_path / "b", x), outputs(flat, planes))
    convert(tmp_path / "b.json", tmp_path / "c.pyn", input_shape=(2, 6, 5))
    close(outputs(tg.io.read_pyn(tmp_path / "c.pyn"), planes), outputs(flat, planes))


def test_convert_a_checkpoint_to_its_weights(tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    step = tg.optim.Adam(net.parameters())
    tg.io.save_checkpoint(tmp_path / "a.npz", model=net, optimizer=step, epoch=3)
    convert(tmp_path / "a.npz", tmp_path / "b.safetensors")
    assert tg.io.load(tmp_path / "b.safetensors").keys() == {"weight", "bias"}


def test_convert_what_cannot_be(tmp_path: Path) -> None:
    tg.io.save({"w": np.ones(2)}, tmp_path / "a.npz")
    tg.io.save({"w": 1}, tmp_path / "n.npz")
    write_json_net(nn.Sequential(nn.Linear(2, 2), nn.Tanh()), tmp_path / "b.json", "npz")
    with pytest.raises(DataError, match="must end in one of"):
        convert(tmp_path / "a.npz", tmp_path / "a.onnx")
    with pytest.raises(DataError, match="must end in one of"):
        convert(tmp_path / "a.pkl", tmp_path / "a.npz")
    with pytest.raises(DataError, match="arrays without layers"):
        convert(tmp_path / "a.npz", tmp_path / "a.pyn")
    with pytest.raises(DataError, match="no Tanh"):
        convert(tmp_path / "b.json", tmp_path / "b.pyn")
    with pytest.raises(DataError, match="no arrays by name"):
        convert(tmp_path / "n.npz", tmp_path / "n.pyn", net=nn.Linear(2, 2))
    with pytest.raises(tg.errors.StateError, match=r"(?s)missing: weight, bias.*unexpected: w"):
        convert(tmp_path / "a.npz", tmp_path / "c.pyn", net=nn.Linear(2, 2))
    with pytest.raises(DataError, match="cannot read"):
        convert(tmp_path / "nothing.pt", tmp_path / "d.npz")
