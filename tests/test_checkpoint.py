"""Checkpoints: training goes on from them with the same bits; what does not fit changes nothing.

tools/fuzz.py kills the same training runs more often.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import resumable_training as training

import tinygrad_cl as tg
from tinygrad_cl import DataError, nn
from tinygrad_cl.data import DataLoader, TensorDataset
from tinygrad_cl.errors import ArgumentError, StateError
from tinygrad_cl.io import load, load_checkpoint, save, save_checkpoint
from tinygrad_cl.io.atomic import STALE

FORMATS = ("npz", "safetensors")


def same(a: Any, b: Any) -> bool:
    """Whether two states are equal to the bit."""
    if isinstance(a, tg.Tensor | np.ndarray):
        x, y = (np.asarray(v.detach().numpy() if isinstance(v, tg.Tensor) else v) for v in (a, b))
        return (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def parts(device: str, seed: int = 0) -> tuple[nn.Module, tg.optim.Optimizer, Any]:
    tg.manual_seed(seed)
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    net.to(device)
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    return net, optimizer, tg.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)


def train(net: nn.Module, optimizer: Any, schedule: Any, steps: int, device: str) -> list[float]:
    losses = []
    for _ in range(steps):
        x = tg.randn(8, 4, device=device)
        loss = nn.functional.mse_loss(net(x), x[:, :2])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("kind", FORMATS)
def test_resumed_training_is_equal_to_the_bit(kind: str, device: str, tmp_path: Path) -> None:
    net, optimizer, schedule = parts(device)
    train(net, optimizer, schedule, 3, device)
    path = tmp_path / f"x.{kind}"
    save_checkpoint(
        path, model=net, optimizer=optimizer, scheduler=schedule, epoch=3, extra={"note": "x"}
    )
    expected = train(net, optimizer, schedule, 4, device)
    others = parts(device, seed=1)
    found = load_checkpoint(path, model=others[0], optimizer=others[1], scheduler=others[2])
    assert (found.epoch, found.extra) == (3, {"note": "x"})
    assert train(*others, 4, device) == expected
    assert same(dict(others[0].state_dict()), dict(net.state_dict()))
    assert same(others[1].state_dict(), optimizer.state_dict())
    assert others[2].state_dict() == schedule.state_dict()


def test_what_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    net, optimizer, schedule = parts("numpy")
    train(net, optimizer, schedule, 1, "numpy")
    path = tmp_path / "x.npz"
    save_checkpoint(path, model=net, optimizer=optimizer)
    with pytest.raises(DataError, match="no state of the scheduler"):
        load_checkpoint(path, model=net, scheduler=schedule)
    other = nn.Linear(4, 2)
    with pytest.raises(StateError, match="missing: weight"):
        load_checkpoint(path, model=other)
    net2, _, _ = parts("numpy", seed=1)
    before = dict(net2.state_dict())
    unfit = tg.optim.SGD(net2[0].parameters(), lr=0.1)
    position = tg.functional.random.default_generator.get_state()
    with pytest.raises(StateError, match="groups of"):
        load_checkpoint(path, model=net2, optimizer=unfit)
    assert same(dict(net2.state_dict()), before)
    assert tg.functional.random.default_generator.get_state() == position


@pytest.mark.parametrize(
    "state",
    [
        {"x": np.ones(1)},
        [1, 2],
        {"format": "tinygrad_cl checkpoint 1"},
        {"format": "tinygrad_cl checkpoint 1", "epoch": True, "random": [0, 0], "states": {}},
        {"format": "tinygrad_cl checkpoint 1", "epoch": 0, "random": [0, "x"], "states": {}},
        {"format": "tinygrad_cl checkpoint 1", "epoch": 0, "random": [0, 0], "states": {"a": 1}},
    ],
)
def test_other_files_are_no_checkpoints(state: Any, tmp_path: Path) -> None:
    save(state, tmp_path / "x.npz")
    with pytest.raises(DataError, match="checkpoint"):
        load_checkpoint(tmp_path / "x.npz")


def test_a_malformed_state_is_a_data_error(tmp_path: Path) -> None:
    optimizer = parts("numpy")[1]
    mark = {"format": "tinygrad_cl checkpoint 1", "epoch": 0, "random": [0, 0], "extra": None}
    for malformed in ({}, {"param_groups": 3}, {"param_groups": [{"params": [0]}] * 2}):
        save(mark | {"states": {"optimizer": malformed}}, tmp_path / "x.npz")
        with pytest.raises((DataError, StateError)):
            load_checkpoint(tmp_path / "x.npz", optimizer=optimizer)


# --------------------------------------------------------------------------------- all of the parts


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("at", [3, 7, 12])  # the epochs have seven batches
def test_all_parts_go_on_from_the_middle_of_an_epoch(
    kind: str, at: int, default_device: str, tmp_path: Path
) -> None:
    parts, path = training.make_parts(), tmp_path / f"x.{kind}"
    stream = training.batches(parts["loader"])
    expected = []
    for step in range(16):
        if step == at:
            save_checkpoint(path, **parts, epoch=step)
        expected.append(training.learn(parts, *next(stream)))
        parts["callbacks"][1].see(expected[-1])
    stream.close()
    others = training.make_parts()
    random.seed(8)
    np.random.seed(9)
    tg.manual_seed(10)
    assert load_checkpoint(path, **others).epoch == at
    stream = training.batches(others["loader"])
    found = [training.learn(others, *next(stream)) for _ in range(at, 16)]
    stream.close()
    assert found == expected[at:]
    assert others["callbacks"][1].all == expected[:at]


def test_random_numbers_of_others_are_restored(tmp_path: Path) -> None:
    kinds = (np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64)
    streams = [np.random.Generator(kind(3)) for kind in kinds]
    for stream in streams:
        stream.normal(size=3)
    ours = tg.Generator().manual_seed(4)
    np.random.normal()  # leaves half a pair behind
    random.gauss(0, 1)
    save_checkpoint(tmp_path / "x.npz", generator=[ours, *streams])

    def draw() -> list[float]:
        mine = [tg.rand(1, generator=ours).item(), tg.rand(1).item()]
        rest = [np.random.normal(), random.gauss(0, 1), random.random()]
        return [*mine, *rest, *(float(stream.normal()) for stream in streams)]

    expected = draw()
    draw()
    load_checkpoint(tmp_path / "x.npz", generator=[ours, *streams])
    assert draw() == expected
    load_checkpoint(tmp_path / "x.npz", generator=[ours, *streams], random=False)
    again = draw()
    assert again[0] == expected[0]
    assert again[1] != expected[1]


def test_a_loader_goes_on_with_the_rest_of_its_epoch(tmp_path: Path) -> None:
    def make() -> DataLoader:
        return DataLoader(TensorDataset(np.arange(10)), batch_size=3, shuffle=True, device="numpy")

    loader = make()
    whole: list[list[int]] = []
    for (batch,) in loader:
        whole.append(batch.tolist())
        if len(whole) == 2:
            save_checkpoint(tmp_path / "x.npz", loader=loader)
    after = [batch.tolist() for (batch,) in loader]
    other = make()
    tg.manual_seed(99)
    load_checkpoint(tmp_path / "x.npz", loader=other)
    assert [batch.tolist() for (batch,) in other] == whole[2:]
    assert [batch.tolist() for (batch,) in other] == after
    unlike = DataLoader(TensorDataset(np.arange(10)), batch_size=4, device="numpy")
    with pytest.raises(StateError, match="batches of 3"):
        load_checkpoint(tmp_path / "x.npz", loader=unlike)


def test_other_owners_than_there_were_are_named(tmp_path: Path) -> None:
    path, net = tmp_path / "x.npz", nn.Linear(2, 1)
    steps = [tg.optim.SGD([p], lr=0.1) for p in net.parameters()]
    save_checkpoint(path, model={"a": net}, optimizer=steps)
    with pytest.raises(StateError, match="model: the file has states of a, given were b, c"):
        load_checkpoint(path, model={"b": net, "c": net})
    with pytest.raises(StateError, match="optimizer: the file has a list of 2 states, given 1"):
        load_checkpoint(path, optimizer=steps[:1])
    with pytest.raises(StateError, match="model: the file has one state, given 1"):
        load_checkpoint(path, model=[net])
    with pytest.raises(DataError, match="no state of the loader and the scaler"):
        load_checkpoint(path, loader=net, scaler=net)
    with pytest.raises(ArgumentError, match=r"callbacks\[1\] is a str"):
        save_checkpoint(path, callbacks=[training.Losses(), "x"])


def test_nothing_changes_if_the_last_part_does_not_fit(tmp_path: Path) -> None:
    net = nn.Linear(2, 1)
    save_checkpoint(tmp_path / "x.npz", model=net, callbacks=[training.Losses()])
    other = nn.Linear(2, 1)
    before = dict(other.state_dict())
    position = tg.functional.random.default_generator.get_state()
    with pytest.raises(DataError, match="a state is malformed"):
        load_checkpoint(tmp_path / "x.npz", model=other, callbacks=[training.Best(net)])
    assert same(dict(other.state_dict()), before)
    state = load(tmp_path / "x.npz")
    state["generators"]["python"]["gauss"] = "x"
    state["generators"]["numpy"]["key"] = np.arange(3)
    save(state, tmp_path / "y.npz")
    numbers = random.getstate(), np.random.get_state()[1].tolist()
    with pytest.raises(DataError, match="malformed states of random numbers"):
        load_checkpoint(tmp_path / "y.npz", model=other)
    assert same(dict(other.state_dict()), before)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == numbers
    assert tg.functional.random.default_generator.get_state() == position


def test_checkpoints_of_the_library_alone_are_read(tmp_path: Path) -> None:
    """Those that were written before NumPy's and Python's random numbers were kept."""
    state = {"format": "tinygrad_cl checkpoint 1", "epoch": 4, "random": [7, 9]}
    save(state | {"states": {}, "extra": None}, tmp_path / "x.npz")
    assert load_checkpoint(tmp_path / "x.npz").epoch == 4
    assert tg.functional.random.default_generator.get_state() == (7, 9)


# -------------------------------------------------------------------------------------- state dicts


def test_everything_that_does_not_fit_is_named_at_once() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    before = {name: value.numpy() for name, value in net.state_dict().items()}
    state: dict[str, Any] = {name: value + 1 for name, value in before.items()}
    del state["0.bias"], state["1.running_var"]
    state |= {"0.weight": np.ones((3, 4)), "2.weight": np.ones(3), "extra": np.ones(1)}
    with pytest.raises(StateError) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    assert "missing: 0.bias, 1.running_var" in text
    assert "unexpected: extra" in text
    assert "0.weight is (3, 2) here and (3, 4) in the state" in text
    assert "2.weight is (1, 3) here and (3,) in the state" in text
    assert same({name: value.numpy() for name, value in net.state_dict().items()}, before)


# --------------------------------------------------------------------------------- killed processes


def run(device: str, path: Path, kill_after: int | None, delay: float = 0.0) -> list[str]:
    """The lines that the training prints; it is killed a moment after so many of them."""
    script = Path(__file__).with_name("resumable_training.py")
    command = [sys.executable, str(script), device, str(path), "40"]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.strip())
            if len(lines) == kill_after:
                time.sleep(delay)
                process.send_signal(signal.SIGKILL)
    assert process.returncode == (0 if kill_after is None else -signal.SIGKILL)
    return lines


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX systems")
def test_killed_runs_end_as_if_they_had_not_been(device: str, tmp_path: Path) -> None:
    expected = run(device, tmp_path / "whole.npz", None)[-1]
    path, chance = tmp_path / "killed.npz", random.Random(device)
    for kills in range(1, 4):
        run(device, path, chance.randrange(2, 9), chance.uniform(0, 0.01))
        assert load_checkpoint(path, random=False).epoch >= kills
    last = run(device, path, None)
    assert last[0] != "start 0"
    assert last[-1] == expected


@pytest.mark.skipif(os.name != "posix", reason="locks and SIGKILL are of POSIX systems")
def test_what_a_killed_process_leaves_is_removed_later(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    write = (
        "import sys, time; from tinygrad_cl.io.atomic import replacing\n"
        "with replacing(sys.argv[1]) as new:\n"
        "    new.write_text('half'); print('written', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", write, str(path)]
    old = time.time() - 10 * STALE
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (half,) = tmp_path.iterdir()
        os.utime(half, (old, old))
        save({"a": 1}, path)
        assert half.exists(), "somebody writes it"
        process.kill()
    save({"a": 2}, path)
    assert os.listdir(tmp_path) == ["x.npz"]
    (tmp_path / ".x.npz.0123456789ab.tmp").touch()  # a new one, perhaps of another machine
    save({"a": 3}, path)
    assert len(os.listdir(tmp_path)) == 2
