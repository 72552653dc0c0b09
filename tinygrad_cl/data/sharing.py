"""`DistributedSampler`: each process's part of a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Any

import numpy as np

from tinygrad_cl.data.sampler import _Order
from tinygrad_cl.errors import DataError


class DistributedSampler(_Order):
    """The positions that one of several processes visits; together they visit all.

    Args:
        dataset: what has samples.
        num_replicas: how many processes; by default as many as are in the group of
            `tinygrad_cl.distributed`.
        rank: the number of this process; by default that in the group.
        shuffle: whether to draw a new order for every epoch that `set_epoch` tells.
        seed: of the orders; the same in all processes.
        drop_last: leave samples out, instead of visiting some twice, where they cannot be shared
            equally.

    Raises:
        DataError: for a rank out of range, or fewer samples than processes with `drop_last`.

    Example:
        >>> [list(DistributedSampler(range(5), 2, rank, shuffle=False)) for rank in (0, 1)]
        [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            from tinygrad_cl.distributed import get_rank, get_world_size

            num_replicas = get_world_size() if num_replicas is None else num_replicas
            rank = get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise DataError(
                f"DistributedSampler: rank must be from 0 to {num_replicas - 1}, got {rank}"
            )
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.shuffle, self.seed, self.drop_last, self.epoch = bool(shuffle), seed, drop_last, 0
        count = len(dataset)
        self.num_samples = count // num_replicas if drop_last else -(-count // num_replicas)
        if not self.num_samples:
            raise DataError(f"DistributedSampler: {count} samples for {num_replicas} processes")

    def __len__(self) -> int:
        """Returns the number of positions of this process."""
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Tells the number of the next epoch, from which its order is drawn."""
        self.epoch = epoch

    def order(self) -> np.ndarray:
        """Returns the positions of an epoch, int64."""
        order = np.arange(len(self.dataset))
        if self.shuffle:
            np.random.default_rng([self.seed, self.epoch]).shuffle(order)
        total = self.num_samples * self.num_replicas
        mine: np.ndarray = np.resize(order, total)[self.rank :: self.num_replicas]
        return mine

    def state_dict(self) -> dict[str, Any]:
        """Returns the number of the epoch."""
        return {"epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` returned."""
        self.epoch = int(state["epoch"])
