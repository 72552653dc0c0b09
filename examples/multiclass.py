"""Spirals: a net tells several classes apart, and stops learning when it no longer improves."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import tinygrad_cl as tg
from tinygrad_cl.train import EarlyStopping, ReduceLROnPlateau, metrics


def spirals(count: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of as many spiral arms as there are classes, (count, 2), and their arms."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, count)
    radius = rng.uniform(0.1, 1, count)
    angle = 4 * radius + label * (2 * np.pi / classes) + rng.normal(0, 0.3, count)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return x.astype(np.float32), label


def table(counts: np.ndarray) -> str:
    """The confusion matrix as text: a row per class, a column per answer."""
    head = "      " + "".join(f"{f'is {i}':>7}" for i in range(len(counts)))
    rows = [f"was {i:<2}" + "".join(f"{n:7.0f}" for n in row) for i, row in enumerate(counts)]
    return "\n".join([head, *rows])


def main(options: argparse.Namespace) -> None:
    tg.set_default_device(options.device)
    tg.manual_seed(options.seed)
    train = spirals(options.points, options.classes, options.seed)
    check = spirals(300, options.classes, options.seed + 1)
    test = spirals(600, options.classes, options.seed + 2)
    net = tg.models.MLP((2, 64, 64, options.classes))
    model = tg.Model(net).compile(optimizer="adam", lr=0.01, metrics=["accuracy"])
    callbacks = [EarlyStopping(patience=12), ReduceLROnPlateau(patience=4, factor=0.5)]
    history = model.fit(
        *(train, options.epochs),
        validation_data=check,
        callbacks=callbacks,
        verbose=not options.quiet,
    )
    logits, labels = tg.tensor(model.predict(test[0])), tg.tensor(test[1])
    print(f"{len(history['loss'])} epochs, the best had val_loss {min(history['val_loss']):.4f}")
    print(f"test accuracy {metrics.accuracy(logits, labels).item():.2%}")
    print(table(metrics.confusion_matrix(logits, labels).numpy()))
    if options.plot:
        tg.train.plot_history(history, options.plot)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1500, help="to learn from")
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=100, help="at most")
    parser.add_argument("--device", help="opencl, opencl:1, numpy, ...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="the curves")
    parser.add_argument("--quiet", action="store_true", help="no bar")
    main(parser.parse_args())
