"""`spawn`: processes on this machine that work together."""

from __future__ import annotations

import multiprocessing
import secrets
import socket
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

from tinygrad_cl.distributed.group import destroy_process_group, init_process_group
from tinygrad_cl.errors import ArgumentError, ProcessError

GRACE = 1.0  # seconds in which other processes may say why one has lost them


def spawn(
    function: Callable[..., Any], world_size: int, args: tuple[Any, ...] = (), timeout: float = 60.0
) -> None:
    """Calls `function(rank, *args)` in new processes that form a group; returns when all are done.

    The function is imported by its name in the new processes, so it stands in a module, or in a
    program behind `if __name__ == "__main__":`. When one process fails, the others are ended.

    Args:
        function: what each process does, with its number first.
        world_size: how many processes.
        args: further arguments, which are pickled.
        timeout: seconds after which a process that does not answer is given up.

    Raises:
        ArgumentError: for less than one process.
        ProcessError: if a process fails; with its traceback.
    """
    if world_size < 1:
        raise ArgumentError(f"spawn: world_size must be at least 1, got {world_size}")
    context = multiprocessing.get_context("spawn")
    address, key = ("127.0.0.1", _free_port()), secrets.token_bytes(32)
    children, ends = [], []
    try:
        for rank in range(world_size):
            mine, its = context.Pipe(duplex=False)
            call = (its, function, args, rank, world_size, address, key, timeout)
            child = context.Process(target=_run, args=call, daemon=True)
            child.start()
            its.close()
            children.append(child)
            ends.append(mine)
        _watch(ends)
    finally:
        for child in children:
            if child.exitcode is None:
                child.terminate()
            child.join()


def _watch(ends: list[Connection]) -> None:
    """Waits for the word of every process: an empty one, or its traceback.

    A process that loses another one fails, too: the word of the one that was lost says more.
    """
    ranks = {end: rank for rank, end in enumerate(ends)}
    failed: list[tuple[bool, int, str]] = []
    while ranks:
        ready = wait(list(ranks), GRACE if failed else None)
        for end in ready:
            rank = ranks.pop(end)  # type: ignore[call-overload]
            try:
                told = end.recv_bytes().decode()  # type: ignore[union-attr]
            except EOFError:
                told = "it ended without a word"
            if told:
                failed.append((ProcessError.__name__ in told, rank, told))
        if failed and (not ready or not min(failed)[0]):
            break
    if failed:
        _, rank, told = min(failed)
        raise ProcessError(f"spawn: process {rank} failed:\n{told.rstrip()}")


def _run(
    told: Connection,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    rank: int,
    world_size: int,
    address: tuple[str, int],
    key: bytes,
    timeout: float,
) -> None:
    try:
        init_process_group(rank, world_size, address, key, timeout)
        function(rank, *args)
        told.send_bytes(b"")
    except BaseException:
        told.send_bytes(traceback.format_exc().encode())
    finally:
        destroy_process_group()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
