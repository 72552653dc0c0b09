"""What users do between the steps of a training, and trainings in which some of it happens.

Each event gets a number, by which it chooses a parameter, a rate, ...
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from programs.worlds import NETS, OPTIMIZERS, OWN_NETS, OWN_STEPS, STEPS, Array, Plan, World

Event = Callable[[World, int], Any]


def rate(w: World, k: int) -> None:
    w.optimizer.param_groups[k % len(w.optimizer.param_groups)]["lr"] = (0.01, 0.02, 0.0)[k % 3]


def decay(w: World, k: int) -> None:
    w.optimizer.param_groups[0]["weight_decay"] = (0.0, 0.1)[k % 2]


def schedule(w: World, k: int) -> None:
    w.schedule.step()


def write(w: World, k: int) -> None:
    with w.m.no_grad():
        w.parameter(k).mul_(0.5)


def write_row(w: World, k: int) -> None:
    with w.m.no_grad():
        w.parameter(k)[0] = 0.125


def assign_data(w: World, k: int) -> None:
    p = w.parameter(k)
    p.data = w.tensor(np.full(tuple(p.shape), 0.25, np.float32)).to(p.dtype)


def freeze(w: World, k: int) -> None:
    p = w.parameter(k)
    p.requires_grad_(not p.requires_grad)


def training(w: World, k: int) -> None:
    w.net.train(k % 2 == 0)


def no_grad_of_one(w: World, k: int) -> None:
    w.parameter(k).grad = None


def own_grad(w: World, k: int) -> None:
    p = w.parameter(k)
    if p.requires_grad:
        p.grad = w.tensor(np.full(tuple(p.shape), 0.5, np.float32)).to(p.dtype)


def zero_grads(w: World, k: int) -> None:
    w.optimizer.zero_grad(set_to_none=k % 2 == 0)


def write_grad(w: World, k: int) -> None:
    if w.parameter(k).grad is not None:
        w.parameter(k).grad.mul_(0.5)


def keep_grad(w: World, k: int) -> None:
    w.kept.append(w.parameter(k).grad)


def keep_view(w: World, k: int) -> None:
    view = w.parameter(k).detach().numpy()
    w.held.append((view, view.copy()))


def keep_lazy(w: World, k: int) -> None:
    w.kept.append(w.parameter(k) * 2)


def keep_detached(w: World, k: int) -> None:
    w.kept.append(w.parameter(k).detach().clone())  # in PyTorch it would show what is written


def forget(w: World, k: int) -> None:
    w.kept.clear()


def save(w: World, k: int) -> None:
    w.saved = copy.deepcopy((w.net.state_dict(), w.optimizer.state_dict()))


def load(w: World, k: int) -> None:
    if w.saved is not None:
        w.net.load_state_dict(w.saved[0])


def load_optimizer(w: World, k: int) -> None:
    if w.saved is not None:
        with contextlib.suppress(ValueError, RuntimeError):  # of other groups by now
            w.optimizer.load_state_dict(w.saved[1])


def clear_state(w: World, k: int) -> None:
    w.optimizer.state.clear()


def write_state(w: World, k: int) -> None:
    for state in w.optimizer.state.values():
        for key in sorted(state):
            if key != "step" and hasattr(state[key], "mul_"):
                state[key].mul_(0.5)
                return


def swap_state(w: World, k: int) -> None:
    for state in w.optimizer.state.values():
        for key in sorted(state):
            if key != "step" and hasattr(state[key], "detach"):
                state[key] = state[key].detach() * 0.5
                return


def hook(w: World, k: int) -> None:
    p = w.parameter(k)
    if p.requires_grad:
        w.others.append(p.register_hook(lambda g: g * 0.5))


def module_hook(w: World, k: int) -> None:
    layer = w.net[k % len(w.net)]
    w.others.append(layer.register_forward_hook(lambda module, args, out: out * 0.5))


def unhook(w: World, k: int) -> None:
    if w.others:
        w.others.pop(k % len(w.others)).remove()


def other_size(w: World, k: int) -> None:
    w.size = (6, 4, 5)[k % 3]


def other_scale(w: World, k: int) -> None:
    w.scale[0] = (1.0, 0.5, -0.25)[k % 3]


def new_parameter(w: World, k: int) -> None:
    layer = next(part for part in w.net if hasattr(part, "weight"))
    new = w.m.nn.Parameter(
        w.tensor(np.full(tuple(layer.weight.shape), 0.125, np.float32)).to(w.dtype)
    )
    layer.weight = new
    w.optimizer.add_param_group({"params": [new], "lr": 0.01})


def new_layer(w: World, k: int) -> None:
    for at, layer in enumerate(w.net):
        if not list(layer.parameters()) and type(layer).__name__ in ("Tanh", "ReLU", "GELU"):
            w.net[at] = (w.m.nn.Tanh(), w.m.nn.ReLU(), w.m.nn.Sigmoid())[k % 3]


def setting(w: World, k: int) -> None:
    for layer in w.net:
        if hasattr(layer, "eps"):
            layer.eps = (1e-5, 1e-2)[k % 2]
        if hasattr(layer, "momentum"):
            layer.momentum = (0.1, 0.5)[k % 2]


def buffers(w: World, k: int) -> None:
    for b in w.net.buffers():
        if b.ndim:
            b.mul_(0.5)


def plain_step(w: World, k: int) -> None:
    if any(p.requires_grad for p in w.net.parameters()):
        w.plain(*w.batch())


def second_step(w: World, k: int) -> None:
    """A step of another function with the same parameters and optimizer."""
    if any(p.requires_grad for p in w.net.parameters()):
        w.kept.append(w.second(*w.batch()))


def grads_outside(w: World, k: int) -> None:
    """A backward pass between the steps."""
    x, y = w.batch()
    if any(p.requires_grad for p in w.net.parameters()):
        w.m.nn.functional.cross_entropy(w.net(x), y).backward()


def pending(w: World, k: int) -> None:
    """A backward pass that could come after the next step."""
    x, y = w.batch()
    w.kept.append(w.m.nn.functional.cross_entropy(w.net(x), y))


def fail(w: World, k: int) -> None:
    """A call that cannot be."""
    x, y = w.batch()
    with contextlib.suppress(ValueError, RuntimeError, IndexError):
        w.step(x[:, :3], y)


def fail_midway(w: World, k: int) -> None:
    """A step that ends between its forward and its backward pass, or in the middle of one."""
    layer = w.net[k % len(w.net)]

    def raising(*values: Any) -> None:
        raise KeyboardInterrupt

    if k % 2:
        handle = layer.register_forward_hook(raising)
    else:
        p = w.parameter(k)
        if not p.requires_grad:
            return
        handle = p.register_hook(raising)
    with contextlib.suppress(KeyboardInterrupt):
        w.step(*w.batch())
    handle.remove()
    w.optimizer.zero_grad()  # some have got theirs


def fail_late(w: World, k: int) -> None:
    """Targets out of range: an error that is seen when somebody looks."""
    x, y = w.batch()
    y[0] = 99
    with contextlib.suppress(IndexError), w.m.no_grad():
        w.m.nn.functional.cross_entropy(w.look(x), y).item()


def backward_hook(w: World, k: int) -> None:
    layer = w.net[k % len(w.net)]
    halved = lambda module, given, wanted: tuple(  # noqa: E731
        None if g is None else g * 0.5 for g in given
    )
    w.others.append(layer.register_full_backward_hook(halved))


def optimizer_hook(w: World, k: int) -> None:
    def halve(optimizer: Any, *rest: Any) -> None:
        for p in optimizer.param_groups[0]["params"]:
            if p.grad is not None:
                p.grad = p.grad * 0.5

    w.others.append(w.optimizer.register_step_pre_hook(halve))


def freeze_all(w: World, k: int) -> None:
    w.net[k % len(w.net)].requires_grad_(k % 3 == 0)


def copies(w: World, k: int) -> None:
    """A copy of all, which then goes its own way."""
    net, optimizer = copy.deepcopy((w.net, w.optimizer))
    x, y = w.batch()
    if any(p.requires_grad for p in net.parameters()):
        w.m.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    w.kept.append([p.detach().clone() for p in net.parameters()])


def swap(w: World, k: int) -> None:
    """A copy takes the place of all."""
    w.net, w.optimizer = copy.deepcopy((w.net, w.optimizer))
    w.others.clear()


def look_at_nothing(w: World, k: int) -> None:
    with contextlib.suppress(ValueError):  # batch norm in training wants more
        w.kept.append(w.look(w.batch()[0][:0]))


def look_at_other_dtype(w: World, k: int) -> None:
    x = w.batch()[0]
    kinds = (w.m.float64, w.m.float16, w.m.int32, w.m.bool)
    with contextlib.suppress(TypeError):
        w.kept.append(w.look(x.to(kinds[k % 4])))


def reseed_and_draw(w: World, k: int) -> None:
    w.m.manual_seed(k)
    w.kept.append(w.m.rand(3))


def look(w: World, k: int) -> None:
    w.kept.append(w.look(w.batch()[0]))


def look_without(w: World, k: int) -> None:
    with w.m.no_grad():
        w.kept.append(w.look(w.batch()[0]))


def in_thread(w: World, k: int) -> None:
    batch = w.batch()
    thread = threading.Thread(target=lambda: w.kept.append(w.step(*batch)))
    thread.start()
    thread.join()


def reseed(w: World, k: int) -> None:
    w.m.manual_seed(k)


def new_average(w: World, k: int) -> None:
    w.average = w.average * 0.5


EVENTS: dict[str, Event] = {
    f.__name__: f
    for f in (
        *(rate, decay, schedule, write, write_row, assign_data, freeze, training, no_grad_of_one),
        *(own_grad, zero_grads, write_grad, keep_grad, keep_view, keep_lazy, keep_detached, forget),
        *(save, load, load_optimizer, clear_state, write_state, swap_state, hook, module_hook),
        *(
            unhook,
            other_size,
            other_scale,
            new_parameter,
            new_layer,
            setting,
            buffers,
            plain_step,
            second_step,
        ),
        *(grads_outside, pending, fail, look, look_without, in_thread, reseed, new_average),
        *(fail_midway, fail_late, backward_hook, optimizer_hook, freeze_all, copies, swap),
        *(look_at_nothing, look_at_other_dtype, reseed_and_draw),
    )
}

# In PyTorch old values show what is written later, states are called otherwise, and a backward pass
# that ends in the middle leaves some gradients.
# Products of two dtypes, random numbers and refused empty batches are ours; targets out of range
# PyTorch sees at once.
OWN_EVENTS = (
    *("pending", "keep_view", "write_state", "swap_state", "clear_state"),
    *("look_at_other_dtype", "reseed_and_draw", "fail_late", "look_at_nothing"),
    "fail_midway",
)


@st.composite
def plans(draw: Any, comparable: bool = False, longest: int = 16) -> Plan:
    """Draws trainings; with `comparable` those of which PyTorch makes the same."""
    nets = [name for name in NETS if not comparable or name not in OWN_NETS]
    steps = sorted(name for name in STEPS if not comparable or name not in OWN_STEPS)
    choose = st.sampled_from
    names = sorted(name for name in EVENTS if not comparable or name not in OWN_EVENTS)
    event = st.tuples(choose(names), st.integers(0, 5))
    quiet = st.just([])
    # Steps between which nothing happens are what gets a step captured.
    between = st.one_of(quiet, quiet, quiet, st.lists(event, max_size=2))
    events = draw(st.lists(between, min_size=6, max_size=longest))
    return Plan(draw(choose(nets)), draw(choose(sorted(OPTIMIZERS))), draw(choose(steps)), events)


def flat(value: Any) -> list[Any]:
    """The tensors of nested containers."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in flat(item)]
    return [value]


def advance(world: World, events: list[tuple[str, int]]) -> list[Array]:
    """Lets events happen, takes a step, and returns all that can be seen."""
    for name, number in events:
        EVENTS[name](world, number)
    seen: list[Array] = []
    if any(p.requires_grad for p in world.net.parameters()):
        seen = [np.array(x.detach().float().numpy()) for x in flat(world.step(*world.batch()))]
    world.check_held()
    kept = [
        np.array(x.detach().float().numpy()) for v in world.kept for x in flat(v) if x is not None
    ]
    return seen + kept + world.values()
