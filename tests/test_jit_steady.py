"""Replays that leave as it is what has not changed: whatever does change between them is seen.

Each case does something to a net or its optimizer between two captured steps, and is compared with
the same steps without `jit`, bit by bit.
"""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.jit import Jit
from tinygrad_cl.nn import functional as F

Change = Callable[["World"], Any]
STEPS = 4  # before the change and after it: some of them are replayed


@pytest.fixture(autouse=True)
def on_device(device: str) -> Any:
    before = tg.get_default_device()
    tg.set_default_device(device)
    yield
    tg.set_default_device(before)


class World:
    """A net, its optimizer and a step over both, with things that the step looks at."""

    def __init__(self, captured: bool, dropout: float = 0.25) -> None:
        tg.manual_seed(0)
        self.net = nn.Sequential(
            nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(dropout), nn.Linear(6, 3)
        )
        self.optimizer = tg.optim.Adam(self.net.parameters(), lr=0.01)
        self.schedule = tg.optim.lr_scheduler.ExponentialLR(self.optimizer, 0.5)
        self.factors = [1.0]
        self.kept: list[Any] = []
        self.saved: Any = None
        factors, net, optimizer = self.factors, self.net, self.optimizer

        def step(x: tg.Tensor, y: tg.Tensor) -> tg.Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            for factor in factors:
                loss = loss * factor
            loss.backward()
            optimizer.step()
            return loss.detach()

        self.plain = step
        self.step: Any = tg.jit(step) if captured else step

    @property
    def weight(self) -> Any:
        return self.net[0].weight

    def values(self) -> list[np.ndarray[Any, Any]]:
        tensors = [*self.net.parameters(), *self.net.buffers()]
        tensors += [p.grad for p in self.net.parameters() if p.grad is not None]
        tensors += [
            value
            for state in self.optimizer.state.values()
            for value in state.values()
            if isinstance(value, tg.Tensor)
        ]
        return [tensor.detach().numpy().copy() for tensor in tensors]


def replays(captured: Jit) -> int:
    return sum(variant.replays for variant in captured._variants.values())


def batches(count: int) -> list[tuple[tg.Tensor, tg.Tensor]]:
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        x = rng.standard_normal((5, 4), dtype=np.float32)
        made.append((tg.tensor(x), tg.tensor(rng.integers(0, 3, 5))))
    return made


def add_hook(world: World) -> None:
    world.kept.append(world.weight.register_hook(lambda g: g * 2))


def remove_hook(world: World) -> None:
    world.kept[-1].remove()


def freeze(world: World) -> None:
    world.weight.requires_grad_(False)


def no_gradients(world: World) -> None:
    for p in world.net.parameters():
        p.grad = None


def other_gradient(world: World) -> None:
    world.weight.grad = tg.ones(6, 4)


def keep_gradient(world: World) -> None:
    world.kept.append((world.weight.grad, world.weight.grad.numpy().copy()))


def keep_view(world: World) -> None:
    view = world.weight.detach().numpy()
    world.kept.append((view, view.copy()))


def keep_lazy(world: World) -> None:
    """A value that is not computed yet still needs the weight of this moment."""
    with tg.no_grad():
        world.kept.append((world.weight * 2, world.weight.detach().numpy() * 2))


def share_with_array(world: World) -> None:
    array = np.full((6, 4), 0.25, np.float32)
    world.kept.append((array, array.copy()))
    with tg.no_grad():
        world.weight.copy_(tg.from_numpy(array))


def write_in_place(world: World) -> None:
    with tg.no_grad():
        world.weight.mul_(0.5)


def replace_parameter(world: World) -> None:
    world.net[4].bias = nn.Parameter(tg.full((3,), 2.0))


def load_net(world: World) -> None:
    world.net.load_state_dict({k: v * 0.5 for k, v in world.net.state_dict().items()})


def save_optimizer(world: World) -> None:
    world.saved = copy.deepcopy(world.optimizer.state_dict())


def load_optimizer(world: World) -> None:
    world.optimizer.load_state_dict(world.saved or world.optimizer.state_dict())


def clear_states(world: World) -> None:
    world.optimizer.state.clear()


def other_moment(world: World) -> None:
    world.optimizer.state[world.weight]["exp_avg"] = tg.ones(6, 4)


def lost_moment(world: World) -> None:
    last = list(world.net.parameters())[-1]
    del world.optimizer.state[last]["exp_avg_sq"]


def other_step(world: World) -> None:
    for state in world.optimizer.state.values():
        state["step"] = 1


def one_step_behind(world: World) -> None:
    world.optimizer.state[world.weight]["step"] -= 1


def plain_states(world: World) -> None:
    for p, state in list(world.optimizer.state.items()):
        world.optimizer.state[p] = dict(state)


def states_in_a_plain_dict(world: World) -> None:
    world.optimizer.state = dict(world.optimizer.state)  # type: ignore[assignment]


def forget_a_state(world: World) -> None:
    world.optimizer.state.pop(world.weight)


def merge_moments(world: World) -> None:
    state = world.optimizer.state[world.weight]
    state |= {"exp_avg": tg.full((6, 4), 0.5)}
    state.update(exp_avg_sq=tg.full((6, 4), 0.25))


def lower_rate(world: World) -> None:
    world.schedule.step()


def decay(world: World) -> None:
    world.optimizer.param_groups[0]["weight_decay"] = 0.1


def evaluate(world: World) -> None:
    world.net.eval()


def train(world: World) -> None:
    world.net.train()


def append_factor(world: World) -> None:
    world.factors.append(0.5)


def plain_step(world: World) -> None:
    world.plain(*batches(1)[0])


def drop_bias(world: World) -> None:
    world.net[4].bias = None


def to_double_and_back(world: World) -> None:
    world.net.double()
    world.net.float()


def other_tensors(world: World) -> None:
    """Tensors of somebody else change: that must not matter."""
    world.kept.append(tg.ones(3, requires_grad=True))
    with tg.no_grad():
        world.kept[-1].add_(1)


CHANGES: dict[str, list[Change]] = {
    "nothing": [],
    "a hook": [add_hook, remove_hook],
    "requires_grad": [freeze, lambda w: w.weight.requires_grad_()],
    "no gradients": [no_gradients],
    "another gradient": [other_gradient],
    "a gradient that is kept": [keep_gradient],
    "a view that is kept": [keep_view],
    "a value to come": [keep_lazy],
    "memory of an array": [share_with_array],
    "in place": [write_in_place],
    "another parameter": [replace_parameter],
    "a loaded net": [load_net],
    "a loaded optimizer": [save_optimizer, load_optimizer],
    "no states": [clear_states],
    "another moment": [other_moment],
    "a lost moment": [lost_moment],
    "another step count": [other_step, one_step_behind],
    "plain states": [plain_states, other_step],
    "a plain state": [plain_states, one_step_behind],
    "a plain dict of states": [states_in_a_plain_dict, forget_a_state],
    "no states in a plain dict": [states_in_a_plain_dict, clear_states],
    "a forgotten state": [forget_a_state, forget_a_state],
    "merged moments": [merge_moments, merge_moments],
    "a rate": [lower_rate, lower_rate],
    "decay": [decay],
    "eval": [evaluate, train],
    "a list": [append_factor, append_factor],
    "a plain step": [plain_step],
    "no bias": [drop_bias],
    "dtypes": [to_double_and_back],
    "others": [other_tensors, other_tensors],
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_between_replays_is_seen(name: str) -> None:
    seen: list[list[Any]] = []
    for captured in (False, True):
        world = World(captured)
        data = iter(batches(STEPS * 4))
        losses = [world.step(*next(data)).item() for _ in range(STEPS)]
        for change in CHANGES[name] or [lambda world: None]:
            if captured and name != "a hook":
                assert replays(world.step) > 0
            change(world)
            losses += [world.step(*next(data)).item() for _ in range(STEPS)]
        for held in world.kept:
            if isinstance(held, tuple):
                value = held[0].numpy() if isinstance(held[0], tg.Tensor) else held[0]
                np.testing.assert_array_equal(value, held[1])
        seen.append([losses, *world.values()])
    assert seen[0][0] == seen[1][0]
    for plain, replayed in zip(seen[0][1:], seen[1][1:], strict=True):
        np.testing.assert_array_equal(plain, replayed)


def test_what_does_not_matter_captures_nothing_anew() -> None:
    world = World(captured=True)
    for change in (None, other_tensors, lower_rate, plain_step, keep_view):
        if change is not None:
            change(world)
        for x, y in batches(5):
            world.step(x, y)
    (variant,) = world.step._variants.values()
    assert variant.calls == 3, str(world.step)
    assert variant.replays >= 25 - 3 - 1, "one call, while a view is held, may not be replayed"


def test_two_captured_steps_over_one_plan(opencl_device: str) -> None:
    """Nets of one form share their plans; each replay must find its own buffers in them."""
    tg.set_default_device(opencl_device)
    data = batches(9)
    worlds = [World(captured=True, dropout=0) for _ in range(2)]
    world, plain = (World(captured=False, dropout=0) for _ in range(2))
    for x, y in data:
        losses = [w.step(x, y * i).item() for i, w in enumerate(worlds)]
        assert losses == [world.step(x, y * 0).item(), plain.step(x, y).item()]
    assert all(replays(w.step) == 6 for w in worlds)


def test_states_stay_where_they_are(opencl_device: str) -> None:
    """Parameters, moments, running statistics and gradients are renewed in their own memory."""
    tg.set_default_device(opencl_device)
    world = World(captured=True)
    data = batches(9)
    for x, y in data[:5]:
        world.step(x, y)
    norm = world.net[1]
    tensors = [p for p in world.net.parameters() if p is not norm.weight]  # which is read later on
    states = [s for p, s in world.optimizer.state.items() if p is not norm.weight]
    tensors += [value for state in states for value in state.values() if hasattr(value, "node")]
    tensors += [norm.running_mean, norm.running_var]
    tensors += [p.grad for p in world.net.parameters()]
    before = [tensor.node.buffer.block for tensor in tensors]
    for x, y in data[5:]:
        world.step(x, y)
    assert before == [tensor.node.buffer.block for tensor in tensors]


def test_tensors_that_are_one_are_another_kind_of_call() -> None:
    captured = tg.jit(lambda a, b: a - 2 * b)
    x, y = tg.tensor([1.0]), tg.tensor([5.0])
    for a, b in [(x, x)] * 5 + [(x, y)] * 5 + [(y, x), (x, x), (y, y)]:
        assert captured(a, b).item() == a.item() - 2 * b.item()


def test_an_argument_that_is_used_otherwise_runs_define_by_run() -> None:
    w, x = tg.tensor([3.0]), tg.tensor([5.0])
    captured = tg.jit(lambda a: a * w)
    for _ in range(5):
        assert captured(w).item() == 9
    assert captured(x).item() == 15


def test_results_that_are_views_of_what_is_read() -> None:
    w = tg.tensor([[1.0, 2.0]])
    captured = tg.jit(lambda x: (w.reshape(2, 1), x.reshape(1, 2), x + w))
    for i in range(7):
        x = tg.full((2,), float(i))
        turned, moved, added = captured(x)
        assert (turned.tolist(), moved.tolist()) == ([[1], [2]], [[i, i]])
        assert added.tolist() == [[i + 1, i + 2]]
    w.add_(1)
    assert captured(x)[0].tolist() == [[2], [3]]


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam", "ASGD", "RMSprop"])
def test_updates_of_gradients_that_are_there_are_replayed(name: str) -> None:
    """`optimizer.step()` by itself: its values are those of a net's user who does it by hand."""
    seen = []
    for alone in (False, True):
        ps = [tg.tensor([1.0, 2.0], requires_grad=True), tg.tensor([3.0], requires_grad=True)]
        optimizer = getattr(tg.optim, name)(ps, lr=0.1)
        if not alone:
            optimizer._captured = optimizer._update
        for i in range(9):
            for p in ps:
                p.grad = tg.full(p.shape, float(i + 1)).realize()
            if i == 5:
                ps[1].grad = ps[0].grad[:1].contiguous().realize()
            if i == 6:
                ps[1].grad = None
            optimizer.param_groups[0]["lr"] *= 0.9
            optimizer.step()
        seen.append([p.tolist() for p in ps] + [s["step"] for s in optimizer.state.values()])
        if alone:
            assert replays(optimizer._captured) > 2
    assert seen[0] == seen[1]


def test_a_gradient_that_two_parameters_share() -> None:
    a, b = (tg.tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer = tg.optim.SGD([a, b], lr=1.0)
    for i in range(8):
        a.grad = tg.tensor([1.0])
        b.grad = a.grad if i < 5 else tg.tensor([2.0])
        optimizer.step()
    assert (a.item(), b.item()) == (-7, 1 - 5 - 6)


@pytest.mark.parametrize("captured", [False, True], ids=["define-by-run", "captured"])
def test_nets_and_optimizers_are_freed_without_a_collection(captured: bool) -> None:
    world: Any = World(captured)
    for x, y in batches(5):
        world.step(x, y)
    for _ in range(5):  # and by itself
        world.optimizer.step()
    assert replays(world.optimizer._captured) > 0
    references = [weakref.ref(world.optimizer), *map(weakref.ref, world.net.parameters())]
    references += [weakref.ref(s["exp_avg"]) for s in world.optimizer.state.values()]
    gc.collect()
    gc.disable()
    try:
        del world
        assert [reference() for reference in references] == [None] * len(references)
    finally:
        gc.enable()


def test_optimizers_are_copied_and_pickled_without_what_is_captured() -> None:
    p = tg.tensor([1.0], requires_grad=True)
    optimizer = tg.optim.Adam([p], lr=0.5)
    p.grad = tg.tensor([1.0])
    for _ in range(5):
        optimizer.step()
    twin = copy.deepcopy(optimizer)
    (q,) = twin.param_groups[0]["params"]
    assert q is not p
    for made in (optimizer, twin):
        made.step()
    assert p.item() == q.item()
    assert twin.state[q]["step"] == optimizer.state[p]["step"] == 6
