"""What the processes of test_distributed.py do; they import it by name."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

import tinygrad_cl as tg
from tinygrad_cl import distributed as dist
from tinygrad_cl import nn
from tinygrad_cl.data import DataLoader, DistributedSampler, TensorDataset


def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(24, 5)).astype(np.float32), rng.integers(0, 3, 24)


def make_net(seed: int) -> nn.Module:
    tg.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))


def train(net: nn.Module, optimizer: Any, loader: DataLoader) -> None:
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()


def learn(rank: int, folder: str, device: str) -> None:
    """Trains with half of each batch; each process starts from other weights."""
    tg.set_default_device(device)
    net = make_net(seed=rank)
    optimizer = tg.optim.Adam(net.parameters(), lr=0.05)
    dist.synchronize(net, optimizer)
    data = TensorDataset(*samples())
    sampler = DistributedSampler(data, shuffle=False)
    assert (sampler.num_replicas, sampler.rank) == (dist.get_world_size(), rank)
    for _ in range(3):
        train(net, optimizer, DataLoader(data, 4, sampler=sampler))
    state = {name: value.numpy() for name, value in net.state_dict().items()}
    np.savez(os.path.join(folder, f"{rank}.npz"), **state)


def collect(rank: int, folder: str) -> None:
    """Calls each operation; writes down what it gave."""
    own = np.arange(4, dtype=np.float32) * (rank + 1)
    found = {op: dist.all_reduce(tg.tensor(own), op).numpy() for op in ("sum", "mean", "max")}
    for src in range(3):
        found[f"from {src}"] = dist.broadcast(tg.tensor(own), src).numpy()
    params = [nn.Parameter(tg.zeros(2)) for _ in range(3)]
    params[0].grad = tg.tensor([1.0, 2.0]) * (rank + 1)
    if rank == 1:
        params[1].grad = tg.ones(2)
    dist.average_gradients(params)
    found["given"], found["given once"] = (params[i].grad.numpy() for i in (0, 1))
    assert params[2].grad is None
    dist.barrier()
    np.savez(os.path.join(folder, f"{rank}.npz"), **found)


def fail(rank: int) -> None:
    if rank == 1:
        raise KeyError("the second fails")
    dist.barrier()


def vanish(rank: int) -> None:
    if rank == 1:
        os._exit(3)
    dist.barrier()


def disagree(rank: int) -> None:
    dist.all_reduce(tg.ones(2 + rank))
