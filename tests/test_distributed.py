"""Processes that train one net: the same as one process with the whole batch."""

from __future__ import annotations

import socket
import threading
from itertools import chain
from pathlib import Path

import distributed_workers as workers
import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import distributed as dist
from tinygrad_cl.data import DataLoader, DistributedSampler, TensorDataset
from tinygrad_cl.distributed import links
from tinygrad_cl.errors import ArgumentError, DataError, ProcessError


def test_two_processes_learn_as_one_would(device: str, tmp_path: Path) -> None:
    dist.spawn(workers.learn, 2, (str(tmp_path), device))
    first, second = (dict(np.load(tmp_path / f"{rank}.npz")) for rank in range(2))
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)  # to the bit
    before = tg.get_default_device()
    tg.set_default_device(device)
    net = workers.make_net(seed=0)
    optimizer = tg.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(3):
        workers.train(net, optimizer, DataLoader(TensorDataset(*workers.samples()), 8))
    tg.set_default_device(before)
    for name, tensor in net.state_dict().items():
        np.testing.assert_allclose(first[name], tensor.numpy(), rtol=1e-4, atol=1e-6)


def test_every_operation_gives_all_the_same(tmp_path: Path) -> None:
    dist.spawn(workers.collect, 3, (str(tmp_path),))
    base = np.arange(4, dtype=np.float32)
    for rank in range(3):
        found = np.load(tmp_path / f"{rank}.npz")
        np.testing.assert_array_equal(found["sum"], base * 6)
        np.testing.assert_array_equal(found["mean"], base * 2)
        np.testing.assert_array_equal(found["max"], base * 3)
        for src in range(3):
            np.testing.assert_array_equal(found[f"from {src}"], base * (src + 1))
        np.testing.assert_array_equal(found["given"], [2, 4])
        np.testing.assert_allclose(found["given once"], [1 / 3, 1 / 3])


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (workers.fail, "process 1 failed:(.|\n)*KeyError: 'the second fails'"),
        (workers.vanish, "it ended without a word|does not answer"),
        (workers.disagree, r"sends 12 bytes where 8 were expected|does not answer"),
    ],
)
def test_a_failing_process_ends_all(work: object, words: str) -> None:
    with pytest.raises(ProcessError, match=words):
        dist.spawn(work, 2)  # type: ignore[arg-type]


def test_without_a_group_one_process_is_all() -> None:
    assert not dist.is_initialized()
    assert (dist.get_rank(), dist.get_world_size()) == (0, 1)
    x = tg.ones(2)
    assert dist.all_reduce(x, "mean") is x
    assert dist.broadcast(x).tolist() == [1.0, 1.0]
    dist.barrier()
    net = workers.make_net(0)
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
    dist.synchronize(net, optimizer)
    with pytest.raises(ArgumentError, match="op must be sum, mean or max"):
        dist.all_reduce(x, "median")
    with pytest.raises(ArgumentError, match="there is no process 2"):
        dist.broadcast(x, 2)


def test_a_group_is_joined_once_and_with_a_key() -> None:
    with pytest.raises(ArgumentError, match="rank must be from 0 to 1, got 2"):
        dist.init_process_group(2, 2)
    with pytest.raises(ArgumentError, match="give a key"):
        dist.init_process_group(0, 2)
    dist.init_process_group(0, 1)
    try:
        assert dist.is_initialized()
        with pytest.raises(ArgumentError, match="there is a group"):
            dist.init_process_group(0, 1)
    finally:
        dist.destroy_process_group()
    with pytest.raises(ArgumentError, match="at least 1"):
        dist.spawn(workers.fail, 0)


def free_address() -> tuple[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return "127.0.0.1", server.getsockname()[1]


def test_strangers_stay_outside() -> None:
    """Neither noise nor another key gets in; who has the key does."""
    address, found = free_address(), []
    server = threading.Thread(
        target=lambda: found.extend(links.gather(address, 2, b"secret", timeout=20))
    )
    server.start()
    for noise in (b"", b"GET / HTTP/1.1\r\n\r\n" * 8, (100).to_bytes(8, "little") + bytes(100)):
        for _ in range(200):
            try:
                stranger = socket.create_connection(address, timeout=5)
                break
            except OSError:
                threading.Event().wait(0.05)
        stranger.sendall(noise)
        stranger.close()
    with pytest.raises(ProcessError, match="does not answer"):
        links.join(address, 1, b"another", timeout=5)
    link = links.join(address, 1, b"secret", timeout=5)
    server.join(20)
    assert [other.peer for other in found] == [1]
    link.send(b"abc")
    with pytest.raises(ProcessError, match="sends 3 bytes where 4 were expected"):
        found[0].receive(4)
    link.close()
    with pytest.raises(ProcessError, match=r"does not answer \(it has ended\)"):
        found[0].receive(4)
    found[0].close()


def test_nobody_comes_and_nobody_is_there() -> None:
    with pytest.raises(ProcessError, match=r"processes \[1, 2\] have not come within 0.1 s"):
        links.gather(free_address(), 3, b"k", timeout=0.1)
    with pytest.raises(ProcessError, match=r"there is no process 0 at 127\.0"):
        links.join(free_address(), 1, b"k", timeout=0.1)


def test_parts_of_a_data_set() -> None:
    def parts(count: int, **options: object) -> list[list[int]]:
        return [list(DistributedSampler(range(count), 3, rank, **options)) for rank in range(3)]  # type: ignore[arg-type]

    whole = parts(9)
    assert sorted(chain(*whole)) == list(range(9))
    assert whole != parts(9, seed=1)
    assert [len(part) for part in parts(10)] == [4, 4, 4]
    assert len(set(chain(*parts(10, drop_last=True)))) == 9
    assert parts(1, shuffle=False) == [[0], [0], [0]]
    sampler = DistributedSampler(range(30), 3, 0)
    first = list(sampler)
    assert first == list(sampler)
    sampler.set_epoch(1)
    assert first != list(sampler)
    other = DistributedSampler(range(30), 3, 0)
    other.load_state_dict(sampler.state_dict())
    assert list(other) == list(sampler)
    assert len(sampler) == 10
    with pytest.raises(DataError, match="rank must be from 0 to 2, got 3"):
        DistributedSampler(range(3), 3, 3)
    with pytest.raises(DataError, match="2 samples for 3 processes"):
        DistributedSampler(range(2), 3, 0, drop_last=True)
