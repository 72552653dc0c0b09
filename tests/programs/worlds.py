"""Trainings: a net with its optimizer, and steps of it. What happens in between is in events.py.

The same code runs with tinygrad_cl, define-by-run and captured, and with PyTorch; `m` is the
library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Plan(NamedTuple):
    """What a training is made of. `events`: between the steps; each with a number to choose by."""

    net: str
    optimizer: str
    step: str
    events: list[list[tuple[str, int]]]


class World:
    """A net in training.

    Args:
        m: `tinygrad_cl`, or `torch`.
        plan: what to train and how.
        wrap: what is done to the steps: `m.jit`, or nothing.
        states: whether the optimizer's state is to be seen; libraries differ in what it holds.
    """

    def __init__(
        self, m: Any, plan: Plan, wrap: Callable[[Any], Any] = lambda f: f, states: bool = True
    ) -> None:
        self.m = m
        self.states = states
        self.wrap = wrap
        self.rng = np.random.default_rng(3)
        m.manual_seed(0)
        self.net = NETS[plan.net](m)
        for p in self.net.parameters():
            fill(m, p, self.rng)
        self.optimizer = OPTIMIZERS[plan.optimizer](m, self.net)
        self.schedule = m.optim.lr_scheduler.StepLR(self.optimizer, 2, 0.5)
        self.others: list[Any] = []
        self.kept: list[Any] = []
        self.held: list[tuple[Array, Array]] = []
        self.saved: Any = None
        self.count = 0
        self.size = 6
        self.scale = [1.0]
        self.average = self.parameter(0).detach().clone()
        self.plain = STEPS[plan.step](self)
        self.step = wrap(self.plain)
        self.second = wrap(usual(self))
        self.look = wrap(watched(self))

    def parameter(self, number: int) -> Any:
        found = list(self.net.parameters())
        return found[number % len(found)]

    @property
    def dtype(self) -> Any:
        return self.parameter(0).dtype

    def tensor(self, array: Any) -> Any:
        return self.m.tensor(np.asarray(array))

    def batch(self) -> tuple[Any, Any]:
        x = np.round(self.rng.uniform(-1, 1, (self.size, 4)) * 32) / 32
        x = self.tensor(x.astype(np.float32)).to(self.dtype)
        return x, self.tensor(self.rng.integers(0, 3, self.size))

    def values(self) -> list[Array]:
        """All that can be seen of it."""
        tensors = [*self.net.parameters(), *self.net.buffers(), self.average]
        tensors += [p.grad for p in self.net.parameters() if p.grad is not None]
        found = self.optimizer.state_dict()["state"] if self.states else {}
        for _, state in sorted(found.items()):
            held = [state[key] for key in sorted(state) if key != "step"]
            tensors += [value for value in held if hasattr(value, "detach")]
        return [np.array(t.detach().float().numpy()) for t in tensors]

    def check_held(self) -> None:
        for array, copied in self.held:
            assert np.array_equal(array, copied, equal_nan=True), "a value that is held has changed"


def fill(m: Any, p: Any, rng: np.random.Generator) -> None:
    """Gives a parameter values that are the same in each library."""
    with m.no_grad():
        array = np.round(rng.uniform(-0.5, 0.5, tuple(p.shape)) * 64) / 64
        p.copy_(m.tensor(np.asarray(array, np.float32)))


# ---- nets


def shared(m: Any) -> Any:
    """A layer that is used twice, and a weight that two layers share."""
    nn = m.nn
    inner = nn.Linear(6, 6)
    tied = nn.Linear(6, 6)
    tied.weight = inner.weight
    return nn.Sequential(nn.Linear(4, 6), inner, nn.Tanh(), inner, tied, nn.Linear(6, 3))


def normed(m: Any) -> Any:
    nn = m.nn
    # Without biases: their gradients would be rounding errors.
    first = (nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8))
    return nn.Sequential(*first, nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 3))


def images(m: Any) -> Any:
    nn = m.nn
    first = nn.Conv2d(1, 4, 3, padding=1, bias=False)
    conv = (nn.Unflatten(1, (1, 2, 2)), first, nn.BatchNorm2d(4))
    return nn.Sequential(*conv, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4, 3))


def dropping(m: Any) -> Any:
    nn = m.nn
    layers = (nn.Linear(4, 8), nn.Dropout(0.25), nn.GELU(), nn.Dropout(0.5), nn.Linear(8, 3))
    return nn.Sequential(*layers)


def plain(m: Any) -> Any:
    nn = m.nn
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))


def checkpointed(m: Any) -> Any:
    """Inner values, random ones among them, are computed again for the backward pass."""
    return recomputing(m, m.nn.Dropout(0.25))


def recomputed(m: Any) -> Any:
    return recomputing(m, m.nn.ReLU())


def recomputing(m: Any, layer: Any) -> Any:
    nn = m.nn
    checkpoint = m.checkpoint if hasattr(m, "checkpoint") else m.utils.checkpoint.checkpoint

    class Again(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), layer, nn.Linear(8, 6))

        def forward(self, x: Any) -> Any:
            return checkpoint(self.inner, x, use_reentrant=False)

    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), Again(), nn.Linear(6, 3))


def half(m: Any) -> Any:
    return plain(m).half()


def brain(m: Any) -> Any:
    return plain(m).bfloat16()


def double(m: Any) -> Any:
    return normed(m).double()


NETS = {
    f.__name__: f
    for f in (
        *(plain, shared, normed, images, dropping),
        *(checkpointed, recomputed, half, brain, double),
    )
}
# Those with random numbers that are not PyTorch's, and those with rounding that is not.
OWN_NETS = ("dropping", "checkpointed", "half", "brain", "double")

# Their eps is large: where a gradient is nothing but rounding, its sign must not move a weight.
OPTIMIZERS: dict[str, Callable[[Any, Any], Any]] = {
    "sgd": lambda m, net: m.optim.SGD(net.parameters(), lr=0.05),
    "momentum": lambda m, net: m.optim.SGD(
        net.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.01
    ),
    "adam": lambda m, net: m.optim.Adam(net.parameters(), lr=0.01, eps=1e-3),
    "adamw": lambda m, net: m.optim.AdamW(net.parameters(), lr=0.01, eps=1e-3, amsgrad=True),
    "rmsprop": lambda m, net: m.optim.RMSprop(net.parameters(), lr=0.01, eps=1e-2),
    "adagrad": lambda m, net: m.optim.Adagrad(net.parameters(), lr=0.02, eps=1e-2),
    "groups": lambda m, net: m.optim.Adam(
        [
            {"params": list(net.parameters())[:1], "lr": 0.02},
            {"params": list(net.parameters())[1:], "weight_decay": 0.1},
        ],
        lr=0.01,
        eps=1e-3,
    ),
}

# ---- steps

Step = Callable[[Any, Any], Any]


def usual(world: World) -> Step:
    net, optimizer, scale, F = world.net, world.optimizer, world.scale, world.m.nn.functional

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y) * scale[0]
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def clipped(world: World) -> Step:
    net, optimizer, m = world.net, world.optimizer, world.m

    def step(x: Any, y: Any) -> Any:
        out = net(x)
        loss = m.nn.functional.cross_entropy(out, y)
        loss.backward()
        norm = m.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        return loss.detach(), [out.detach(), norm]

    return step


def accumulating(world: World) -> Step:
    net, optimizer, m = world.net, world.optimizer, world.m

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        half = x.shape[0] // 2
        losses = []
        for part in (slice(None, half), slice(half, None)):
            loss = m.nn.functional.cross_entropy(net(x[part]), y[part])
            loss.backward()
            losses.append(loss.detach())
        optimizer.step()
        return {"losses": m.stack(losses), "last": losses[-1]}

    return step


def never_zeroed(world: World) -> Step:
    net, optimizer, m = world.net, world.optimizer, world.m

    def step(x: Any, y: Any) -> Any:
        loss = m.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach(), net[0].parameters

    return lambda x, y: step(x, y)[0]


def averaged(world: World) -> Step:
    m = world.m

    def step(x: Any, y: Any) -> Any:
        world.optimizer.zero_grad()
        loss = m.nn.functional.cross_entropy(world.net(x), y, label_smoothing=0.1)
        penalty = sum((p * p).sum() for p in world.net.parameters())
        (loss + penalty * 0.01).backward()
        world.optimizer.step()
        with m.no_grad():
            world.average.mul_(0.75).add_(world.parameter(0), alpha=0.25)
        return loss.detach()

    return step


def second_order(world: World) -> Step:
    """A loss that contains a gradient."""
    net, optimizer, m = world.net, world.optimizer, world.m

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = m.nn.functional.cross_entropy(net(x), y)
        first = next(p for p in net.parameters() if p.requires_grad)
        (g,) = m.autograd.grad(loss, first, create_graph=True)
        total = loss + (g * g).sum()
        total.backward()
        optimizer.step()
        return total.detach(), g.detach()

    return step


def by_hand(world: World) -> Step:
    net, m = world.net, world.m

    def step(x: Any, y: Any) -> Any:
        parameters = [p for p in net.parameters() if p.requires_grad]
        if not parameters:
            return x
        loss = m.nn.functional.cross_entropy(net(x), y)
        grads = m.autograd.grad(loss, parameters)
        with m.no_grad():
            for p, g in zip(parameters, grads, strict=True):
                p -= 0.05 * g
        return loss.detach()

    return step


def nested(world: World) -> Step:
    """A captured function that calls captured functions."""
    net, optimizer, m, wrap = world.net, world.optimizer, world.m, world.wrap
    forward = wrap(lambda x: net(x) * world.scale[0])
    penalty = wrap(lambda: sum((p * p).sum() for p in net.parameters()) * 0.01)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = m.nn.functional.cross_entropy(forward(x), y) + penalty()
        loss.backward()
        optimizer.step()
        with m.no_grad():
            return loss.detach(), forward(x).argmax(1)

    return step


def retained(world: World) -> Step:
    """Two backward passes through one graph."""
    net, optimizer, m = world.net, world.optimizer, world.m

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad(set_to_none=False)
        out = net(x)
        loss = m.nn.functional.cross_entropy(out, y)
        loss.backward(retain_graph=True)
        (out * out).mean().backward()
        optimizer.step()
        return loss.detach()

    return step


def cast(world: World) -> Step:
    """Products in bfloat16."""
    net, optimizer, m = world.net, world.optimizer, world.m

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        with m.autocast("cpu", dtype=m.bfloat16):
            out = net(x)
        loss = m.nn.functional.cross_entropy(out.float(), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


STEPS = {
    f.__name__: f
    for f in (
        *(usual, clipped, accumulating, averaged, second_order, by_hand),
        *(nested, retained, cast),
    )
}
OWN_STEPS = ("cast",)  # with rounding that is not PyTorch's
STEPS["never_zeroed"] = never_zeroed


def watched(world: World) -> Callable[[Any], Any]:
    """A second function over the same parameters."""
    net, scale, m = world.net, world.scale, world.m

    def look(x: Any) -> Any:
        with m.no_grad():
            return net(x).softmax(1) * scale[0]

    return look
