"""Four trainings that small neural-network projects publish, repeated: accuracy and time.

    python tools/benchmarks/headlines.py --data FOLDER              all four
    taskset -c 1 python tools/benchmarks/headlines.py mnist_cnn     one, on one core
    python tools/benchmarks/headlines.py fashion_mlp --seeds 4      one, from four first weights

FOLDER holds the IDX files of MNIST in `mnist/` and those of Fashion-MNIST in `fashion-mnist/`.
Times are those of training epochs with the loading of data; the first has the compilation of
kernels, if they are not kept from an earlier run. Reference values are those of the projects'
authors, or were measured on one core. The settings of fashion_mlp (mirrored images, dropout 0.2, 40
epochs) were chosen on 10,000 of the training images, which it did not learn from meanwhile; the
images that it is tested on had no part in it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_cl as tg
from tinygrad_cl import models
from tinygrad_cl.data import (
    DataLoader,
    Inputs,
    RandomHorizontalFlip,
    TensorDataset,
    ZScore,
    datasets,
)
from tinygrad_cl.optim import lr_scheduler
from tinygrad_cl.optim.penalty import ElasticNet


@dataclass(frozen=True, slots=True)
class Task:
    """A training and what it is compared with.

    Attributes:
        make: the net.
        data: "mnist" or "fashion".
        samples: how many to learn from.
        epochs: how many.
        batch: samples of a step.
        rate: the highest learning rate.
        wanted: the accuracy to reach.
        reference: what others reached, in words.
        penalty: on the weights.
        decay: of the weights.
        smoothing: of the labels.
        flip: whether each image is mirrored at random.
        speed: images/s of the reference, 0 if it is not known.
    """

    make: Callable[[], Any]
    data: str
    samples: int
    epochs: int
    batch: int
    rate: float
    wanted: float
    reference: str
    penalty: Any = None
    decay: float = 0.01
    smoothing: float = 0.0
    flip: bool = False
    speed: float = 0.0


def mlp() -> Any:
    """784-512-256-128-10 with batch norm and dropout."""
    return models.MLP((784, 512, 256, 128, 10), dropout=0.2, batch_norm=True)


TASKS = {
    "mnist_cnn": Task(
        models.ConvNet, "mnist", 60_000, 3, 64, 4e-3, 0.983, "97.92 %, 3,220 images/s", speed=3220
    ),
    "lenet5": Task(models.LeNet5, "mnist", 10_000, 5, 32, 3e-3, 0.3747, "37.47 %, 77 s"),
    "fashion_mlp": Task(
        *(mlp, "fashion", 60_000, 40, 256, 4e-3, 0.907, "0.9073 in 50 epochs"),
        decay=0.05,
        smoothing=0.1,
        flip=True,
    ),
    "mlp200": Task(
        *(models.MLP, "mnist", 60_000, 6, 128, 4e-3, 0.975, "96.57 % in 15 epochs, 1 hour"),
        penalty=ElasticNet(1e-6, 1e-5),
    ),
}


def load(task: Task, folder: Path) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Normalized images and labels, to learn from and to test on."""
    get = datasets.MNIST if task.data == "mnist" else datasets.FashionMNIST
    train, test = (get(folder, part) for part in (True, False))
    scale = ZScore(per="global").fit(train.images[: task.samples])
    images = [scale.transform(part.images[: task.samples]) for part in (train, test)]
    return (images[0], train.labels[: task.samples]), (images[1], test.labels)


def accuracy(net: Any, x: np.ndarray, y: np.ndarray) -> float:
    """The share of right answers."""
    net.eval()
    with tg.no_grad():
        parts = [net(tg.tensor(part)).argmax(1).numpy() for part in np.split(x, 10)]
    net.train()
    return float((np.concatenate(parts) == y).mean())


def train(task: Task, folder: Path, seed: int) -> tuple[list[float], list[float], float]:
    """Trains; returns the test accuracy after each epoch, its seconds, and the processor's."""
    data, test = load(task, folder)
    tg.manual_seed(seed)
    net = task.make()
    optimizer = tg.optim.AdamW(
        tg.optim.param_groups(net, weight_decay=task.decay, penalty=task.penalty), lr=task.rate
    )
    loader = DataLoader(
        *(TensorDataset(*data), task.batch, True),
        seed=seed,
        drop_last=True,
        transform=Inputs(RandomHorizontalFlip()) if task.flip else None,
    )
    rate = lr_scheduler.OneCycleLR(optimizer, task.rate, total_steps=task.epochs * len(loader))

    @tg.jit
    def step(x: tg.Tensor, y: tg.Tensor) -> tg.Tensor:
        loss = tg.nn.functional.cross_entropy(net(x), y, label_smoothing=task.smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    found, seconds, busy = [], [], 0.0
    for _ in range(task.epochs):
        start, work = time.perf_counter(), time.process_time()
        for x, y in loader:
            loss = step(x, y)
            rate.step()
        loss.item()
        seconds.append(time.perf_counter() - start)
        busy += time.process_time() - work
        found.append(accuracy(net, *test))
    return found, seconds, busy


def report(name: str, found: list[float], seconds: list[float], busy: float) -> str:
    """The line of one task."""
    task = TASKS[name]
    speed = task.samples / statistics.median(seconds)
    reached = next((i + 1 for i, value in enumerate(found) if value >= task.wanted), None)
    after = f"in epoch {reached}" if reached else "NOT REACHED"
    times = f", {speed / task.speed:.1f} times {task.speed:,}" if task.speed else ""
    took = f"{sum(seconds):.1f} s (processor {busy:.1f} s), {speed:,.0f} images/s{times}"
    return (
        f"{name}: accuracy {found[-1]:.2%} after {len(found)} epochs ({task.wanted:.2%} {after}); "
        f"{took}; reference: {task.reference}"
    )


def several(name: str, runs: list[list[float]]) -> str:
    """The line of one task that was run from several seeds."""
    last = [found[-1] for found in runs]
    reached = [next((i + 1 for i, v in enumerate(f) if v >= TASKS[name].wanted), 0) for f in runs]
    epochs = "NOT REACHED by all" if 0 in reached else f"from epoch {max(reached)} at the latest"
    return (
        f"{name}: {len(runs)} seeds: accuracy {statistics.mean(last):.2%} on the average, "
        f"{min(last):.2%} at least ({TASKS[name].wanted:.2%} {epochs})"
    )


def main() -> None:
    """Runs the tasks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)}")
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="repeat with N seeds")
    options = parser.parse_args()
    unknown = set(options.tasks) - set(TASKS)
    if unknown:
        parser.error(f"unknown task {', '.join(sorted(unknown))}; there are {', '.join(TASKS)}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{cores} cores, {tg.get_default_device()!r}")
    for name in options.tasks or TASKS:
        runs = []
        for seed in range(options.seed, options.seed + options.seeds):
            runs.append(train(TASKS[name], options.data, seed))
            print(report(name, *runs[-1]), flush=True)
        if len(runs) > 1:
            print(several(name, [run[0] for run in runs]), flush=True)


if __name__ == "__main__":
    main()
