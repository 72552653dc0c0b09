"""The group of processes, and what they do together: sum, average, hand out, wait."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.distributed import links
from tinygrad_cl.errors import ArgumentError, ProcessError
from tinygrad_cl.functional.creation import from_numpy
from tinygrad_cl.nn import Module
from tinygrad_cl.optim import Optimizer
from tinygrad_cl.tensor import Tensor

logger = logging.getLogger("tinygrad_cl.distributed")
DEFAULT_ADDRESS = ("127.0.0.1", 29500)


@dataclass(frozen=True, slots=True)
class _Group:
    """The processes that work together; links go from process 0 to all others."""

    rank: int
    size: int
    links: list[links.Link]


_groups: list[_Group] = []


def init_process_group(
    rank: int,
    world_size: int,
    address: tuple[str, int] = DEFAULT_ADDRESS,
    key: bytes | str = b"",
    timeout: float = 60.0,
) -> None:
    """Joins the group; returns when all processes have.

    Args:
        rank: the number of this process, from 0.
        world_size: how many there are.
        address: host and port at which process 0 waits for the others.
        key: a secret that all processes share; whoever does not know it stays outside. What is sent
            is not encrypted: use a network that you trust.
        timeout: seconds after which a process that does not answer is given up.

    Raises:
        ArgumentError: for numbers out of range, without key, or if a group is there already.
        ProcessError: if the others do not come.
    """
    key = key.encode() if isinstance(key, str) else bytes(key)
    if not 0 <= rank < world_size:
        raise ArgumentError(
            f"init_process_group: rank must be from 0 to {world_size - 1}, got {rank}"
        )
    if _groups:
        raise ArgumentError("init_process_group: there is a group; destroy_process_group ends it")
    if world_size > 1 and not key:
        raise ArgumentError("init_process_group: give a key, a secret that all processes share")
    found: list[links.Link] = []
    if world_size > 1 and rank == 0:
        found = links.gather(address, world_size, key, timeout)
    elif world_size > 1:
        found = [links.join(address, rank, key, timeout)]
    _groups.append(_Group(rank, world_size, found))
    logger.debug("process %d of %d", rank, world_size)


def destroy_process_group() -> None:
    """Leaves the group, if there is one."""
    while _groups:
        for link in _groups.pop().links:
            link.close()


def is_initialized() -> bool:
    """Whether this process is in a group."""
    return bool(_groups)


def get_rank() -> int:
    """Returns the number of this process, 0 without a group."""
    return _groups[0].rank if _groups else 0


def get_world_size() -> int:
    """Returns how many processes there are, 1 without a group."""
    return _groups[0].size if _groups else 1


def barrier() -> None:
    """Returns when all processes have called it."""
    _everywhere([np.zeros(1, np.uint8)])


def all_reduce(tensor: Tensor, op: str = "sum") -> Tensor:
    """Gives a tensor of every process the sum, mean or maximum over all of them; returns it.

    Parts are added in the order of ranks: all processes get the same bits.

    Args:
        tensor: is changed in place; of the same shape and dtype everywhere.
        op: "sum", "mean" or "max".

    Raises:
        ArgumentError: for another word.
        ProcessError: if a process has ended, or calls something else.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.distributed.all_reduce(tg.ones(2)).tolist()  # one process, without a group
        [1.0, 1.0]
    """
    if op not in ("sum", "mean", "max"):
        raise ArgumentError(f"all_reduce: op must be sum, mean or max, got {op!r}")
    _put([tensor], _everywhere([_array(tensor)], op))
    return tensor


def broadcast(tensor: Tensor, src: int = 0) -> Tensor:
    """Gives a tensor of every process the values that it has in process `src`; returns it."""
    if not 0 <= src < get_world_size():
        raise ArgumentError(f"broadcast: there is no process {src}")
    _put([tensor], _handed_out([_array(tensor)], src))
    return tensor


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replaces the gradient of each parameter by its mean over all processes.

    A parameter without gradient counts as one of zeros, unless none has one anywhere.
    """
    held = [p for p in parameters if p.requires_grad]
    there = _everywhere([np.array([p.grad is not None for p in held], np.uint8)], "max")[0]
    used = [p for p, somewhere in zip(held, there, strict=True) if somewhere]
    grads = [np.zeros(p.shape, p.dtype.numpy) if p.grad is None else _array(p.grad) for p in used]
    for p, mean in zip(used, _everywhere(grads, "mean"), strict=True):
        p.grad = from_numpy(mean, device=p.device)


def synchronize(net: Module, optimizer: Optimizer) -> None:
    """Makes processes train one net: the same first weights, and steps along the mean gradient.

    Call it once, before training. Parameters and buffers take over the values of process 0; before
    each `optimizer.step()` gradients are averaged over the processes. Each process takes its own
    part of the data, see `data.DistributedSampler`. Running statistics of norms stay each
    process's own.

    Args:
        net: has the same layers everywhere.
        optimizer: of its parameters.
    """
    tensors = list(net.state_dict(keep_vars=True).values())
    _put(tensors, _handed_out([_array(t) for t in tensors], 0))

    def average(optimizer: Any, args: Any, kwargs: Any) -> None:
        average_gradients(p for group in optimizer.param_groups for p in group["params"])

    if get_world_size() > 1:
        optimizer.register_step_pre_hook(average)


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy())


def _put(tensors: Sequence[Tensor], arrays: Sequence[np.ndarray]) -> None:
    with no_grad():
        for tensor, array in zip(tensors, arrays, strict=True):
            tensor.copy_(from_numpy(array, device=tensor.device))


def _everywhere(arrays: list[np.ndarray], op: str = "max") -> list[np.ndarray]:
    """Arrays reduced over all processes: at process 0, which sends the result to the others."""
    group = _groups[0] if _groups else None
    if group is None or group.size == 1:
        return arrays
    if group.rank:
        group.links[0].send(_packed(arrays))
        return _unpacked(group.links[0].receive(_size(arrays)), arrays)
    found = [array.copy() for array in arrays]
    for link in group.links:
        for mine, theirs in zip(found, _unpacked(link.receive(_size(arrays)), arrays), strict=True):
            (np.maximum if op == "max" else np.add)(mine, theirs, out=mine)
    if op == "mean":
        for mine in found:
            np.divide(mine, group.size, out=mine, casting="unsafe")
    for link in group.links:
        link.send(_packed(found))
    return found


def _handed_out(arrays: list[np.ndarray], src: int) -> list[np.ndarray]:
    group = _groups[0] if _groups else None
    if group is None or group.size == 1:
        return arrays
    if group.rank:
        if group.rank == src:
            group.links[0].send(_packed(arrays))
        return _unpacked(group.links[0].receive(_size(arrays)), arrays)
    if src:
        arrays = _unpacked(group.links[src - 1].receive(_size(arrays)), arrays)
    for link in group.links:
        link.send(_packed(arrays))
    return arrays


def _size(arrays: list[np.ndarray]) -> int:
    return sum(array.nbytes for array in arrays)


def _packed(arrays: list[np.ndarray]) -> bytes:
    return b"".join(array.tobytes() for array in arrays)


def _unpacked(content: bytearray, like: list[np.ndarray]) -> list[np.ndarray]:
    found, at = [], 0
    for array in like:
        part = np.frombuffer(content, array.dtype, array.size, at)
        found.append(part.reshape(array.shape))
        at += array.nbytes
    if at != len(content):
        raise ProcessError("distributed: a message of another length")
    return found
