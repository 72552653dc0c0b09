"""Several processes that train one net, each on its own device and with its part of the data.

    def work(rank):
        net = make_net().to(f"opencl:{rank}")
        optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
        tg.distributed.synchronize(net, optimizer)
        sampler = tg.data.DistributedSampler(data)  # knows the group
        for x, y in tg.data.DataLoader(data, 32, sampler=sampler, device=f"opencl:{rank}"):
            ...  # as ever; step() averages the gradients over the processes

    if __name__ == "__main__":
        tg.distributed.spawn(work, 2)

On several machines each process calls `init_process_group` itself. Values go through the host and
process 0, in the order of ranks: results are the same to the bit in every process and every run.
The rooms: group.py (what processes do together), launching.py (new processes), links.py (bytes
between them).
"""

from __future__ import annotations

from tinygrad_cl.distributed.group import all_reduce as all_reduce
from tinygrad_cl.distributed.group import average_gradients as average_gradients
from tinygrad_cl.distributed.group import barrier as barrier
from tinygrad_cl.distributed.group import broadcast as broadcast
from tinygrad_cl.distributed.group import destroy_process_group as destroy_process_group
from tinygrad_cl.distributed.group import get_rank as get_rank
from tinygrad_cl.distributed.group import get_world_size as get_world_size
from tinygrad_cl.distributed.group import init_process_group as init_process_group
from tinygrad_cl.distributed.group import is_initialized as is_initialized
from tinygrad_cl.distributed.group import synchronize as synchronize
from tinygrad_cl.distributed.launching import spawn as spawn

__all__ = [
    "all_reduce",
    "average_gradients",
    "barrier",
    "broadcast",
    "destroy_process_group",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_initialized",
    "spawn",
    "synchronize",
]
