"""LeNet-5 learns to read handwritten digits, through OpenCL kernels that are made on the fly."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.data import DataLoader, ImageDataset, datasets

MEAN, STD = 0.1307, 0.3081  # of MNIST's pixels


def load(name: str, folder: Path | None) -> tuple[str, ImageDataset, ImageDataset]:
    """Returns the name of what was found, its images to learn from and those to test on."""
    if name == "digits":
        return name, datasets.digits(train=True, size=28), datasets.digits(train=False, size=28)
    get = datasets.fashion_mnist if name == "fashion" else datasets.mnist
    try:
        parts = [get(folder, train=part, timeout=5) for part in (True, False)]
        return name.replace("auto", "mnist"), *parts
    except tg.DataError as error:
        if name != "auto" or folder:
            raise
        print(f"no MNIST, so scikit-learn's digits are taken: {error}")
        return load("digits", None)


def train(model: nn.Module, data: ImageDataset, options: argparse.Namespace) -> float:
    """Trains the model; returns the images per second of the last epoch."""
    loader = DataLoader(data, options.batch_size, shuffle=True, seed=options.seed, drop_last=True)
    optimizer = tg.optim.SGD(model.parameters(), lr=options.lr, momentum=0.9)
    size, steps = options.batch_size, options.epochs * len(loader)
    for epoch in range(options.epochs):
        bar = tqdm(loader, f"epoch {epoch + 1}/{options.epochs}", unit="img", unit_scale=size)
        for step, (images, labels) in enumerate(bar, 1 + epoch * len(loader)):
            cycle = min(10 * step / steps, (steps - step + 1) / (0.9 * steps), 1.0)  # up, then down
            optimizer.param_groups[0]["lr"] = options.lr * cycle
            loss = nn.functional.cross_entropy(model((images - MEAN) / STD), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 20 == 0 or step == steps:
                bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
    return size * len(loader) / bar.format_dict["elapsed"]


def main(options: argparse.Namespace) -> None:
    for folder in (options.data, options.save and options.save.parent):
        if folder and not folder.is_dir():
            raise tg.DataError(f"there is no folder {folder}")
    tg.set_default_device(options.device)
    name, learn, test = load(options.dataset, options.data)
    epochs, batch_size = (20, 32) if name == "digits" else (3, 128)
    options.epochs = epochs if options.epochs is None else options.epochs
    options.batch_size = batch_size if options.batch_size is None else options.batch_size
    if options.epochs < 1 or not 1 <= options.batch_size <= len(learn) or not 0 < options.lr < 1e3:
        raise tg.DataError(f"needed: epochs and lr above 0, a batch size from 1 to {len(learn)}")
    device = tg.get_default_device()
    print(f"{name}: {len(learn)} images to learn from, {len(test)} to test on; {device!r}")
    tg.manual_seed(options.seed)
    model = tg.models.LeNet5()
    speed = train(model, learn, options)
    with tg.no_grad():
        batches = DataLoader(test, batch_size=500)
        right = sum((model((x - MEAN) / STD).argmax(1) == y).sum().item() for x, y in batches)
    print(f"test accuracy {right / len(test):.2%}, {speed:,.0f} images/s in the last epoch")
    print(f"{device.kernels_compiled} kernels compiled, {device.kernels_launched} launched")
    if options.save:
        np.savez(options.save, **{key: x.numpy() for key, x in model.state_dict().items()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.error = lambda message: parser.exit(2, f"{parser.prog}: {message}\n")
    parser.add_argument("--dataset", choices=("auto", "mnist", "fashion", "digits"), default="auto")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the IDX files")
    parser.add_argument("--epochs", type=int, help="default 3, for digits 20")
    parser.add_argument("--batch-size", type=int, help="default 128, for digits 32")
    parser.add_argument("--device", help="opencl, opencl:1, opencl:intel, numpy, ...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lr", type=float, default=0.05, help="the highest learning rate")
    parser.add_argument("--save", type=Path, metavar="FILE.npz", help="where the weights go")
    try:
        main(parser.parse_args())
    except (tg.TinygradError, OSError) as error:
        parser.error(str(error))
