"""`.pt` files beside PyTorch: what it writes is read, and it reads what is written."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import DataError, nn
from tinygrad_cl.io import convert, load, load_pt, read_json_net, save, save_pt

torch = pytest.importorskip("torch", reason='PyTorch is missing: pip install -e ".[compare]"')

DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8"]


def torch_state() -> dict[str, Any]:
    torch.manual_seed(0)
    base = torch.randn(6, 5)
    state: dict[str, Any] = {name: torch.arange(4).to(getattr(torch, name)) for name in DTYPES}
    state |= {"bool": torch.tensor([True, False]), "scalar": torch.tensor(2.5)}
    state |= {"base": base, "transposed": base.T, "window": base[1:4, ::2], "row": base[2]}
    state |= {"expanded": torch.ones(1, 3).expand(4, 3), "empty": torch.zeros(0, 2)}
    state |= {
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "u16": torch.ones(2, dtype=torch.uint16),
    }
    return {"tensors": state, "epoch": 3, "best": 0.5, "sizes": (torch.Size([2, 3]), [None, True])}


@pytest.mark.parametrize("zipped", [True, False])
def test_every_tensor_of_pytorch_is_read(zipped: bool, tmp_path: Path) -> None:
    state = torch_state()
    if not zipped:
        del state["tensors"]["u16"]  # newer than the format
    torch.save(state, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    found = load_pt(tmp_path / "x.pt")
    assert (found["epoch"], found["best"]) == (3, 0.5)
    assert found["sizes"] == ((2, 3), [None, True])
    assert list(found["tensors"]) == list(state["tensors"])
    for name, tensor in state["tensors"].items():
        array = found["tensors"][name]
        if tensor.dtype == torch.bfloat16:
            assert array.dtype == tg.bfloat16.numpy, name
            array, tensor = array.astype(np.float32), tensor.float()
        expected = tensor.detach().numpy()
        assert array.dtype == expected.dtype, name
        np.testing.assert_array_equal(array, expected)


def test_pytorch_reads_what_is_written(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    state = {"net": net.state_dict(), "epoch": 7, "x": (1.5, [None, "é"]), "e": np.zeros((0, 2))}
    save_pt(state, tmp_path / "x.pt")
    for options in ({}, {"mmap": True}):
        found = torch.load(tmp_path / "x.pt", weights_only=True, **options)
        assert (found["epoch"], found["x"]) == (7, (1.5, [None, "é"]))
        assert found["e"].shape == (0, 2)
        for name, tensor in net.state_dict().items():
            np.testing.assert_array_equal(found["net"][name].numpy(), tensor.numpy())


def pair() -> tuple[Any, nn.Module]:
    torch.manual_seed(1)
    theirs = torch.nn.Sequential(
        *(torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.ReLU()),
        *(torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(36, 5)),
    )
    ours = nn.Sequential(
        *(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5)),
    )
    theirs(torch.randn(8, 2, 6, 6))  # statistics
    return theirs.eval(), ours.eval()


def test_weights_go_over_and_back(tmp_path: Path, device: str) -> None:
    theirs, ours = pair()
    ours.to(device)
    x = np.random.default_rng(0).normal(size=(3, 2, 6, 6)).astype(np.float32)
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    torch.save(theirs.state_dict(), tmp_path / "x.pt")
    ours.load_state_dict(load(tmp_path / "x.pt", device))
    found = ours(tg.from_numpy(x, device=device)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    save(ours.state_dict(), tmp_path / "y.pt")
    other, _ = pair()
    other.load_state_dict(torch.load(tmp_path / "y.pt", weights_only=True))
    np.testing.assert_array_equal(other(torch.from_numpy(x)).detach().numpy(), expected)


def test_convert_makes_a_json_model_of_a_state_dict(tmp_path: Path) -> None:
    theirs, ours = pair()
    torch.save({"state_dict": theirs.state_dict(), "epoch": 3}, tmp_path / "x.pt")
    convert(tmp_path / "x.pt", tmp_path / "x.hdf5.npz", net=ours)
    x = np.random.default_rng(0).normal(size=(3, 2, 6, 6)).astype(np.float32)
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    found = read_json_net(tmp_path / "x.json").eval()(tg.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_an_optimizer_goes_over(tmp_path: Path) -> None:
    theirs = torch.nn.Linear(3, 2)
    ours = nn.Linear(3, 2)
    step = torch.optim.Adam(theirs.parameters(), lr=0.01)
    theirs(torch.ones(4, 3)).sum().backward()
    step.step()
    torch.save({"net": theirs.state_dict(), "optimizer": step.state_dict()}, tmp_path / "x.pt")
    state = load_pt(tmp_path / "x.pt")
    optimizer = tg.optim.Adam(ours.parameters(), lr=0.5)
    ours.load_state_dict(state["net"])
    optimizer.load_state_dict(state["optimizer"])
    for net, each in ((theirs, step), (ours, optimizer)):
        each.zero_grad()
        x = torch.ones(4, 3) if net is theirs else tg.ones(4, 3)
        net(x).sum().backward()
        each.step()
    expected = theirs.weight.detach().numpy()
    np.testing.assert_allclose(ours.weight.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("zipped", [True, False])
def test_whole_modules_are_refused(zipped: bool, tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match=r"torch.nn.modules.linear.Linear.*state_dict\(\) alone"):
        load_pt(tmp_path / "x.pt")
    torch.save(torch.ones(2, 2).to_sparse(), tmp_path / "y.pt")
    with pytest.raises(DataError, match="_rebuild_sparse_tensor"):
        load_pt(tmp_path / "y.pt")
    torch.save(torch.ones(2, dtype=torch.complex64), tmp_path / "z.pt")
    with pytest.raises(DataError, match="Complex"):
        load_pt(tmp_path / "z.pt")


def test_an_ordered_dict_keeps_its_order(tmp_path: Path) -> None:
    torch.save(OrderedDict((name, torch.ones(1)) for name in "zax"), tmp_path / "x.pt")
    assert list(load_pt(tmp_path / "x.pt")) == ["z", "a", "x"]
