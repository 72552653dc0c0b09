"""A training run that saves a checkpoint after every step and goes on from the last one.

Run as `python resumable_training.py DEVICE CHECKPOINT STEPS`; prints a line per step and, at the
end, a hash of everything that was learned.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

import tinygrad_cl as tg
from tinygrad_cl import nn


def main(device: str, path: Path, steps: int) -> None:
    tg.set_default_device(device)
    tg.manual_seed(3)
    net = nn.Sequential(
        *(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
    )
    optimizer = tg.optim.Adam(net.parameters(), lr=0.01, weight_decay=1e-3)
    schedule = tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    state = {"model": net, "optimizer": optimizer, "scheduler": schedule}
    done, losses = 0, []
    if path.exists():
        loaded = tg.io.load_checkpoint(path, **state)
        done, losses = loaded.epoch, loaded.extra["losses"]
    print(f"start {done}", flush=True)
    while done < steps:
        x, y = tg.randn(24, 6), tg.randint(0, 3, (24,))
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        done, losses = done + 1, [*losses, loss.item()]
        tg.io.save_checkpoint(path, **state, epoch=done, extra={"losses": losses})
        print(f"saved {done}", flush=True)
    learned = hashlib.sha256(np.array(losses).tobytes())
    for tensor in net.state_dict().values():
        learned.update(tensor.numpy().tobytes())
    print(learned.hexdigest(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
