"""A training run is killed at a random moment, again and again, and goes on as if nothing happened.

The run saves a checkpoint every few steps. Here one process is killed (SIGKILL) --kills times and
started again each time; another one is left alone. In the end both have the same weights, to the
bit. `python examples/resume.py run FILE` is such a run by itself: stop it, and start it again.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import tinygrad_cl as tg
from tinygrad_cl.train import LambdaCallback, ModelCheckpoint


def run(path: Path, epochs: int, device: str | None) -> None:
    """Trains until `epochs` are done, from where the checkpoint was; prints a hash of the net."""
    tg.set_default_device(device)
    tg.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(512, 20)).astype(np.float32)
    y = (x[:, :10].sum(1) > x[:, 10:].sum(1)).astype(np.int64)
    net = tg.models.MLP((20, 64, 2), dropout=0.2, batch_norm=True)  # dropout draws random numbers
    model = tg.Model(net).compile(optimizer="adam", lr=1e-3, metrics=["accuracy"])
    report = LambdaCallback(on_batch_end=lambda step, logs: print("step", flush=True))
    model.fit(
        *((x, y), epochs, 16),
        callbacks=[report, ModelCheckpoint(path, every_steps=5)],
        verbose=False,
        resume=path,
    )
    digest = hashlib.sha256()
    for value in net.state_dict().values():
        digest.update(value.detach().numpy().tobytes())
    print(f"accuracy {model.history['accuracy'][-1]:.2%}, weights {digest.hexdigest()[:16]}")


def start(path: Path, options: argparse.Namespace) -> subprocess.Popen[str]:
    """Starts the run in a process of its own."""
    words = [sys.executable, __file__, "run", str(path), "--epochs", str(options.epochs)]
    words += ["--device", options.device] if options.device else []
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def kill_soon(path: Path, options: argparse.Namespace, chance: random.Random) -> int:
    """Starts the run and kills it at a random moment; returns the steps that it reported."""
    steps = 0
    with start(path, options) as process:
        assert process.stdout is not None
        for _ in range(chance.randint(1, 40)):
            steps += bool(process.stdout.readline())
        time.sleep(chance.random() * 0.02)  # also in the middle of writing a checkpoint
        process.kill()
    return steps


def main(options: argparse.Namespace) -> None:
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        alone = start(Path(folder, "alone.npz"), options).communicate()[0].splitlines()[-1]
        print(f"never stopped:  {alone}")
        path = Path(folder, "killed.npz")
        for number in range(options.kills):
            steps = kill_soon(path, options, chance)
            print(f"kill {number + 1}: after {steps} steps")
        killed = start(path, options).communicate()[0].splitlines()[-1]
    print(f"killed {options.kills} times: {killed}")
    print("the same to the bit" if killed == alone else "DIFFERENT")
    raise SystemExit(killed != alone)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", nargs="?", choices=("kill", "run"), default="kill")
    parser.add_argument("file", nargs="?", type=Path, default=Path("resume.npz"))
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--device", help="opencl, opencl:1, numpy, ...")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    found = parser.parse_args()
    main(found) if found.command == "kill" else run(found.file, found.epochs, found.device)
