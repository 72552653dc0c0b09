"""A net learns Fashion-MNIST here and, if it is there, in PyTorch: same data, weights, settings."""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import tinygrad_cl as tg
from tinygrad_cl.data.datasets import FashionMNIST

SIZES = (784, 512, 256, 128, 10)


def load(options: argparse.Namespace) -> tuple[np.ndarray, ...]:
    """Pixels with mean 0 and variance 1, and labels: to learn from, and to validate on."""
    parts = [FashionMNIST(options.data, p, download=not options.data) for p in (True, False)]
    x, v = (p.images[: options.limit].reshape(-1, 784).astype(np.float32) for p in parts)
    labels = (part.labels[: options.limit] for part in parts)
    return (x - x.mean()) / x.std(), (v - x.mean()) / x.std(), *labels


def make_net(lib: Any, dropout: float) -> Any:
    """The net, by the names that both libraries have."""
    nn, rows = lib.nn, []
    for before, after in itertools.pairwise(SIZES[:-1]):
        rows += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*rows, nn.Linear(*SIZES[-2:]))


def learn(lib: Any, weights: dict[str, np.ndarray], data: Any, options: Any) -> dict[str, Any]:
    """Trains the net in one library; returns its history."""
    x, v, y, w = data
    lib.manual_seed(options.seed)
    net = make_net(lib, options.dropout)
    net.load_state_dict({name: lib.tensor(value) for name, value in weights.items()})
    size, steps = options.batch_size, len(x) // options.batch_size
    optimizer = lib.optim.AdamW(net.parameters(), lr=options.lr, weight_decay=0.01)
    rate = lib.optim.lr_scheduler.OneCycleLR(optimizer, options.lr, steps * options.epochs)

    def step(images: Any, labels: Any) -> Any:
        loss = lib.nn.functional.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = tg.jit(step) if lib is tg else step
    history: dict[str, Any] = {"library": lib.__name__, "loss": [], "val_acc": [], "seconds": []}
    for epoch in range(options.epochs):
        order = np.random.default_rng([options.seed, epoch]).permutation(len(x))
        net.train()
        start, losses = time.perf_counter(), []
        for part in np.split(order[: steps * size], steps):
            losses.append(step(lib.tensor(x[part]), lib.tensor(y[part])))
            rate.step()
        history["loss"].append(sum(loss.item() for loss in losses) / steps)
        history["seconds"].append(time.perf_counter() - start)
        net.eval()
        found = [net(lib.tensor(part)).detach().argmax(1).numpy() for part in np.array_split(v, 10)]
        history["val_acc"].append(float((np.concatenate(found) == w).mean()))
        print(lib.__name__, epoch + 1, *(f"{k} {history[k][-1]:.4f}" for k in list(history)[1:]))
    return history


def main(options: argparse.Namespace) -> None:
    tg.manual_seed(options.seed)
    data, first = load(options), make_net(tg, 0.0).state_dict()
    weights = {name: np.array(value.numpy()) for name, value in first.items()}
    there = ["tinygrad_cl", *(["torch"] if importlib.util.find_spec("torch") else [])]
    found = [learn(importlib.import_module(name), weights, data, options) for name in there]
    options.json.write_text(json.dumps(found, indent=1))
    if options.plot:
        figure = Figure(figsize=(8, 3.5))
        for axes, key in zip(figure.subplots(1, 2), ("loss", "val_acc"), strict=True):
            axes.legend(axes.plot(np.array([one[key] for one in found]).T), there, title=key)
        figure.savefig(options.plot)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the IDX files")
    parser.add_argument("--limit", type=int, help="images to use, for a try")
    parser.add_argument("--json", type=Path, default=Path("fashion.json"))
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    settings = {"epochs": 15, "batch-size": 128, "seed": 0, "lr": 5e-3, "dropout": 0.25}
    for key, value in settings.items():
        parser.add_argument(f"--{key}", type=type(value), default=value)
    try:
        main(parser.parse_args())
    except tg.TinygradError as error:
        parser.exit(2, f"fashion_comparison: {error}\n")
