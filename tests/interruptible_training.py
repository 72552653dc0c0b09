"""A training run with `Model.fit` that Ctrl-C may end anywhere, and that goes on when run again.

Run as `python interruptible_training.py DEVICE CHECKPOINT EPOCHS DELAY`; prints a line per step,
and at the end how it ended and a hash of everything that was learned.
"""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_cl as tg
from tinygrad_cl import Model, nn
from tinygrad_cl.data import DataLoader, TensorDataset
from tinygrad_cl.train import LambdaCallback, ModelCheckpoint


def main(device: str, path: str, epochs: int, delay: float) -> None:
    tg.set_default_device(device)
    tg.manual_seed(3)
    net = nn.Sequential(
        *(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
    )
    chance = np.random.default_rng(0)
    x, y = chance.normal(size=(90, 6)).astype(np.float32), chance.integers(0, 3, 90)
    loader = DataLoader(TensorDataset(x, y), 8, shuffle=True, seed=1, num_workers=1)
    cosine = tg.optim.lr_scheduler.CosineAnnealingLR
    model = Model(net).compile(
        *("adamw", "cross_entropy", ["accuracy", "f1"]),
        lr=0.01,
        clip_norm=1.0,
        scheduler=lambda optimizer: cosine(optimizer, T_max=epochs),
    )

    def told(step: int, logs: Any) -> None:
        print(f"step {model.epoch} {step}", flush=True)
        time.sleep(delay)

    callbacks = [LambdaCallback(on_batch_end=told), ModelCheckpoint(path)]
    model.fit(
        *(loader, epochs),
        validation_data=(x[:20], y[:20]),
        callbacks=callbacks,
        resume=path,
        verbose=False,
    )
    learned = hashlib.sha256(repr(sorted(model.history.items())).encode())
    learned.update(np.array(model.history.iterations).tobytes())
    for tensor in net.state_dict().values():
        learned.update(tensor.numpy().tobytes())
    word = "interrupted" if model.interrupted else "done"
    print(f"{word} {model.epoch} {Path(path).exists()} {learned.hexdigest()}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
