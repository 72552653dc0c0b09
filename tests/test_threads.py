"""Threads: nets that are trained at once, and one captured function that several threads call.

The interpreter changes threads as often as it can, so that what is not safe shows.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.nn import functional as F

Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def restless() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def together(*tasks: Callable[[], Any]) -> list[Any]:
    """Runs tasks at once; returns their results."""
    results: list[Any] = [None] * len(tasks)
    errors: list[BaseException] = []

    def run(at: int) -> None:
        try:
            results[at] = tasks[at]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread waits for ever"
    for error in errors:
        raise error
    return results


def train(number: int, captured: bool, steps: int = 60) -> list[Array]:
    """Trains a net; returns its losses, parameters and running statistics."""
    rng = np.random.default_rng(number)
    net = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    with tg.no_grad():
        for p in net.parameters():
            p.copy_(tg.tensor(rng.standard_normal(tuple(p.shape)).astype(np.float32) * 0.3))
    optimizer = tg.optim.Adam(net.parameters(), lr=0.01 * (1 + number))

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    called = tg.jit(step) if captured else step
    losses = []
    for i in range(steps):
        x = tg.tensor(rng.standard_normal((8, 8)).astype(np.float32))
        loss = called(x, tg.tensor(rng.integers(0, 3, 8)))
        if i % 3 == 0:
            losses.append(loss.item())
    if captured:
        assert "replayed" in str(called)
    return [np.array(losses), *(t.detach().numpy() for t in (*net.parameters(), *net.buffers()))]


@pytest.mark.parametrize("captured", [False, True])
def test_nets_that_are_trained_at_once_are_as_alone(default_device: str, captured: bool) -> None:
    """Bit by bit; their steps are one plan, with other buffers and numbers."""
    alone = [train(number, captured) for number in range(3)]
    at_once = together(*(lambda n=n: train(n, captured) for n in range(3)))  # type: ignore[misc]
    for one, other in zip(alone, at_once, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_threads_share_a_captured_function(default_device: str) -> None:
    """Each call gets the answer to its own question, whoever captures or replays meanwhile."""
    tg.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    inputs = [np.random.default_rng(i).standard_normal((4, 8), np.float32) for i in range(32)]
    with tg.no_grad():
        expected = [net(tg.tensor(x)).numpy() for x in inputs]
    look = tg.jit(tg.no_grad()(net))

    def ask(number: int) -> None:
        for call in range(80):
            at = (7 * call + 11 * number) % 32
            np.testing.assert_array_equal(look(tg.tensor(inputs[at])).numpy(), expected[at])

    together(*(lambda n=n: ask(n) for n in range(3)))  # type: ignore[misc]
    assert "replayed" in str(look)


def test_captures_at_once_do_not_mix(default_device: str) -> None:
    """While one thread records a call, others make graphs, upload arrays and draw numbers."""

    def build(number: int) -> None:
        weight = tg.full((4,), float(number))

        def function(x: Any) -> Any:
            return (x * weight + number).cumsum(0)

        for _ in range(6):  # ever new functions: most calls are recorded
            called = tg.jit(lambda x: function(x))
            for value in range(5):
                x = np.full(4, value, np.float32)
                wanted = np.cumsum(x * number + number)
                np.testing.assert_array_equal(called(tg.tensor(x)).numpy(), wanted)

    together(*(lambda n=n: build(n) for n in range(1, 4)))  # type: ignore[misc]


def test_one_thread_reads_while_another_builds(default_device: str) -> None:
    """A chain of values that one thread extends; the other one looks at each as it comes."""
    made = [tg.zeros(16)]
    done = threading.Event()

    def extend() -> None:
        for _ in range(300):
            made.append(made[-1] * 0.5 + 1)
        done.set()

    def read() -> None:
        while not done.is_set():
            at = len(made) - 1
            np.testing.assert_array_equal(made[at].numpy(), np.full(16, 2 - 2.0 ** (1 - at)))

    together(extend, read)
    assert made[-1].tolist() == [2.0] * 16


def test_no_two_threads_draw_the_same_numbers(default_device: str) -> None:
    tg.manual_seed(0)
    drawn = together(*(lambda: [tg.rand(2).tolist() for _ in range(150)] for _ in range(3)))
    assert len({tuple(pair) for thread in drawn for pair in thread}) == 450
