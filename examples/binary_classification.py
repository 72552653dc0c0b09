"""Two moons: a net learns on which of two interlocking curves a point lies."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import tinygrad_cl as tg


def moons(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of two half circles with some noise, (count, 2), and on which they lie, (count, 1)."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, count)
    angle = rng.uniform(0, np.pi, count)
    x = np.stack([np.cos(angle), np.sin(angle)], 1)
    x[label == 1] = [1.0, 0.5] - x[label == 1]
    x += rng.normal(0, 0.15, x.shape)
    return x.astype(np.float32), label[:, None].astype(np.float32)


def picture(model: tg.Model, points: tuple[np.ndarray, np.ndarray], path: Path) -> None:
    """Draws the points on the net's answers."""
    from matplotlib.figure import Figure

    x, y = points
    grid = np.stack(np.meshgrid(np.linspace(-1.6, 2.6, 120), np.linspace(-1.2, 1.7, 90)), -1)
    logits = model.predict(grid.reshape(-1, 2).astype(np.float32)).reshape(grid.shape[:2])
    axes = (figure := Figure(figsize=(6, 4))).subplots()
    axes.contourf(*np.moveaxis(grid, 2, 0), 1 / (1 + np.exp(-logits)), 20, cmap="RdBu")
    axes.scatter(*x.T, c=y[:, 0], cmap="RdBu", edgecolors="black", s=16)
    figure.savefig(path)


def main(options: argparse.Namespace) -> None:
    tg.set_default_device(options.device)
    tg.manual_seed(options.seed)
    train, test = moons(options.points, options.seed), moons(400, options.seed + 1)
    net = tg.models.MLP((2, 32, 32, 1), activation="tanh")
    model = tg.Model(net).compile(
        optimizer="adam", lr=0.01, loss="bce_with_logits", metrics=["binary_accuracy", "f1"]
    )
    history = model.fit(train, options.epochs, validation_data=test, verbose=not options.quiet)
    print(f"loss {history['loss'][0]:.4f} -> {history['loss'][-1]:.4f}")
    print(f"test accuracy {history['val_binary_accuracy'][-1]:.2%}, f1 {history['val_f1'][-1]:.3f}")
    if options.plot:
        picture(model, test, options.plot)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1000, help="to learn from")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--device", help="opencl, opencl:1, numpy, ...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="a picture of the answers")
    parser.add_argument("--quiet", action="store_true", help="no bar")
    main(parser.parse_args())
