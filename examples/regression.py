"""Friedman's function: a net predicts a number from ten, of which five matter."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import tinygrad_cl as tg
from tinygrad_cl.data import ZScore

NOISE = 1.0


def friedman(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, (count, 10), in very different units, and Friedman's function of them with noise."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(count, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    y += 10 * x[:, 3] + 5 * x[:, 4] + rng.normal(0, NOISE, count)
    units = 10.0 ** np.arange(-4, 6)
    return (x * units).astype(np.float32), y[:, None].astype(np.float32)


def main(options: argparse.Namespace) -> None:
    tg.set_default_device(options.device)
    tg.manual_seed(options.seed)
    train, test = friedman(options.points, options.seed), friedman(1000, options.seed + 1)
    targets = ZScore().fit(train[1])  # the net predicts y in units of its spread
    net = tg.models.MLP((10, 64, 64, 1), activation="silu")
    model = tg.Model(net, normalizer="zscore").compile(
        optimizer="adamw", lr=0.005, weight_decay=1e-3, loss="huber", metrics=["r2", "mae"]
    )
    model.fit(
        (train[0], targets.transform(train[1])),
        options.epochs,
        validation_data=(test[0], targets.transform(test[1])),
        verbose=not options.quiet,
    )
    predicted = targets.undo(model.predict(test[0]))
    error = float(np.sqrt(np.mean((predicted - test[1]) ** 2)))
    found = {"r2": model.history["val_r2"][-1], "rmse": error}
    print(f"test R2 {found['r2']:.4f}, root mean square error {error:.3f} (the noise is {NOISE})")
    if options.plot:
        from matplotlib.figure import Figure

        axes = (figure := Figure(figsize=(4, 4))).subplots()
        axes.scatter(test[1], predicted, s=4)
        axes.axline((0, 0), slope=1, color="black", linewidth=1)
        axes.set(xlabel="true", ylabel="predicted")
        figure.savefig(options.plot)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=4000, help="to learn from")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--device", help="opencl, opencl:1, numpy, ...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="predicted against true")
    parser.add_argument("--quiet", action="store_true", help="no bar")
    main(parser.parse_args())
