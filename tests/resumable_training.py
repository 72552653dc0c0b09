"""A training run that saves a checkpoint after every step and goes on from the last one.

Two nets with an optimizer and a schedule each learn from a shuffled loader with threads, whose last
batch is smaller; random numbers come from the library, NumPy and Python; two callbacks remember
things. Checkpoints fall into the middle of epochs.

Run as `python resumable_training.py DEVICE CHECKPOINT STEPS`; prints a line per step and, at the
end, a hash of everything that was learned.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.data import DataLoader, TensorDataset


class Best:
    """Remembers the smallest loss, the weights that had it, and how long ago that was."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.state: dict[str, Any] = {"loss": float("inf"), "wait": 0, "weights": None}

    def see(self, loss: float) -> None:
        if loss < self.state["loss"]:
            weights = {name: value.numpy() for name, value in self.net.state_dict().items()}
            self.state = {"loss": loss, "wait": 0, "weights": weights}
        else:
            self.state["wait"] += 1

    def state_dict(self) -> dict[str, Any]:
        return dict(self.state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.state = dict(state)
        if state["weights"] is not None:
            self.state["weights"] = {k: np.asarray(v.numpy()) for k, v in state["weights"].items()}


class Losses:
    """Remembers all losses."""

    def __init__(self) -> None:
        self.all: list[float] = []

    def see(self, loss: float) -> None:
        self.all.append(loss)

    def state_dict(self) -> dict[str, Any]:
        return {"losses": np.array(self.all)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.all = state["losses"].tolist()


def make_parts() -> dict[str, Any]:
    """All parts of the run, as for `save_checkpoint`."""
    tg.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    encoder = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3))
    head = nn.Linear(16, 3)
    adam = tg.optim.Adam(encoder.parameters(), lr=0.01, weight_decay=1e-3)
    sgd = tg.optim.SGD(head.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    cosine = tg.optim.lr_scheduler.CosineAnnealingLR(adam, T_max=50)
    step = tg.optim.lr_scheduler.StepLR(sgd, 20, 0.7)
    data = np.random.default_rng(0)
    x, y = data.normal(size=(50, 6)).astype(np.float32), data.integers(0, 3, 50)
    return {
        "model": {"encoder": encoder, "head": head},
        "optimizer": [adam, sgd],
        "scheduler": {"adam": cosine, "sgd": step},
        "loader": DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True, num_workers=2),
        "callbacks": [Best(head), Losses()],
        "scaler": tg.amp.GradScaler(init_scale=4.0, growth_interval=30),
        "generator": {"noise": np.random.default_rng(1), "drop": tg.Generator().manual_seed(5)},
    }


def learn(parts: dict[str, Any], x: tg.Tensor, y: tg.Tensor) -> float:
    """Does one step; returns the loss."""
    encoder, head = parts["model"].values()
    noise = parts["generator"]["noise"].normal(size=tuple(x.shape)) * random.random()
    noise = (noise + np.random.normal(size=6)).astype(np.float32) * 0.1
    mask = tg.rand(*x.shape, generator=parts["generator"]["drop"]) < 0.9
    loss = nn.functional.cross_entropy(head(encoder((x + tg.from_numpy(noise)) * mask)), y)
    for optimizer in parts["optimizer"]:
        optimizer.zero_grad()
    parts["scaler"].scale(loss).backward()
    for optimizer in parts["optimizer"]:
        parts["scaler"].step(optimizer)
    parts["scaler"].update()
    for schedule in parts["scheduler"].values():
        schedule.step()
    return loss.item()


def batches(loader: DataLoader) -> Iterator[Any]:
    """The batches of all epochs; the first may be the rest of one."""
    while True:
        yield from loader


def main(device: str, path: Path, steps: int) -> None:
    tg.set_default_device(device)
    parts = make_parts()
    done = tg.io.load_checkpoint(path, **parts).epoch if path.exists() else 0
    print(f"start {done}", flush=True)
    stream = batches(parts["loader"])
    while done < steps:
        loss = learn(parts, *next(stream))
        for callback in parts["callbacks"]:
            callback.see(loss)
        done += 1
        tg.io.save_checkpoint(path, **parts, epoch=done, extra={"last": loss})
        print(f"saved {done}", flush=True)
    print(digest(parts), flush=True)


def digest(parts: dict[str, Any]) -> str:
    """A hash of everything that was learned."""
    learned = hashlib.sha256(np.array(parts["callbacks"][1].all).tobytes())
    best = parts["callbacks"][0].state
    learned.update(repr((best["loss"], best["wait"], parts["scaler"].state_dict())).encode())
    states = [net.state_dict() for net in parts["model"].values()]
    for values in (*states, best["weights"]):
        for value in values.values():
            learned.update(np.asarray(value if isinstance(value, np.ndarray) else value.numpy()))
    return learned.hexdigest()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
