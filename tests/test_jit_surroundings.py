"""What a captured function sees besides its arguments: no replay may use what is no longer so.

Each case makes a function and a change to what it reads. Captured calls before and after changes
are compared with calls of the function itself.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import random
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn

Made = tuple[Callable[[Any], Any], Callable[[float], Any]]


class Bag:
    """An object with any attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class OfClass:
    factor = 1.0


@dataclasses.dataclass
class Slotted:
    __slots__ = ("factor",)
    factor: float


class Worker:
    """A class of a user: attributes, a property, helpers, objects in a list."""

    offset = 1.0

    def __init__(self) -> None:
        self.options = {"a": Bag(factor=1.0)}
        self.parts = [Bag(factor=1.0)]
        self.own = 1.0

    @property
    def shown(self) -> float:
        return self.own

    def helper(self, x: Any) -> Any:
        return x * self.shown * self.options["a"].factor + self.offset

    def run(self, x: Any) -> Any:
        for part in self.parts:
            x = x * part.factor
        return self.helper(x)

    def __call__(self, x: Any) -> Any:
        return self.run(x)


class Net(nn.Module):
    """A module with settings of all kinds."""

    kind = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.table = {"a": 1.0}
        self.factors = [1.0]
        self.more = Bag(factor=1.0)
        self.function: Any = tg.tanh

    def forward(self, x: Any) -> Any:
        return self.function(x * self.table["a"] * self.factors[0] * self.more.factor * self.kind)


def nested_object() -> Made:
    bag = Bag(inner=Bag(factor=1.0))
    return lambda x: x * bag.inner.factor, lambda k: setattr(bag.inner, "factor", k)


def class_attribute() -> Made:
    return lambda x: x * OfClass.factor, lambda k: setattr(OfClass, "factor", k)


def slots() -> Made:
    held = Slotted(1.0)
    return lambda x: x * held.factor, lambda k: setattr(held, "factor", k)


def namespace() -> Made:
    held = types.SimpleNamespace(inner=types.SimpleNamespace(factor=1.0))
    return lambda x: x * held.inner.factor, lambda k: setattr(held.inner, "factor", k)


def keyword_of_a_partial() -> Made:
    held = {"factor": 1.0}
    made = functools.partial(lambda x, held: x * held["factor"], held=held)
    return made, lambda k: held.update(factor=k)


def object_in_a_partial() -> Made:
    held = Bag(factor=1.0)
    return functools.partial(lambda b, x: x * b.factor, held), lambda k: setattr(held, "factor", k)


def queue() -> Made:
    held = collections.deque([1.0])
    return lambda x: x * held[0], lambda k: held.__setitem__(0, k)


def default() -> Made:
    held = [1.0]

    def function(x: Any, factors: list[float] = held) -> Any:
        return x * factors[0]

    return function, lambda k: held.__setitem__(0, k)


def function_attribute() -> Made:
    def function(x: Any) -> Any:
        return x * function.factor  # type: ignore[attr-defined]

    function.factor = 1.0  # type: ignore[attr-defined]
    return function, lambda k: setattr(function, "factor", k)


def function_of_a_module() -> Made:
    module = types.ModuleType("users")
    exec("held = {'factor': 1.0}\ndef run(x): return x * held['factor']", module.__dict__)
    return lambda x: module.run(x), lambda k: module.held.update(factor=k)


def replaced_function() -> Made:
    held: list[Any] = [lambda x: x * 1.0]

    def replace(k: float) -> None:
        held.clear()  # so that the new one may get the old one's place in memory
        held.append(lambda x: x * k)

    return lambda x: held[0](x), replace


def array() -> Made:
    held = np.ones(3, np.float32)
    return lambda x: x * tg.tensor(held, device=x.device), lambda k: held.fill(k)


def part_of_an_array() -> Made:
    held = np.ones((2, 3), np.float32)
    return lambda x: x * tg.tensor(held[1], device=x.device), lambda k: held.fill(k)


def number_in_an_array() -> Made:
    held = np.ones(3, np.float32)
    return lambda x: x * float(held[1]), lambda k: held.fill(k)


def array_in_a_list() -> Made:
    held = [np.ones(1)]
    return lambda x: x * held[0].sum(), lambda k: held[0].fill(k)


def read_only_dict() -> Made:
    held = {"factor": 1.0}
    shown = types.MappingProxyType(held)
    return lambda x: x * shown["factor"], lambda k: held.update(factor=k)


def one_of_some_closures() -> Made:
    """Functions of one name, each with a variable of its own."""

    def scaled(factors: list[float]) -> Callable[[Any], Any]:
        return lambda x: x * factors[0]

    held = [[1.0], [2.0], [3.0]]
    functions = [scaled(factors) for factors in held]

    def run(x: Any) -> Any:
        for function in functions:
            x = function(x)
        return x

    return run, lambda k: held[2].__setitem__(0, k)


def functions_calling_functions() -> Made:
    held = [1.0]

    def wrapped(inner: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: inner(x)

    function: Callable[[Any], Any] = lambda x: x * held[0]  # noqa: E731
    for _ in range(12):
        function = wrapped(function)
    return function, lambda k: held.__setitem__(0, k)


def gradient_of_a_function() -> Made:
    held = [1.0]
    made = tg.func.grad(lambda x: (x * x * held[0]).sum())
    return lambda x: made(x), lambda k: held.__setitem__(0, k)


def gradient_of_a_bystander() -> Made:
    """Whether a tensor that the function does not compute with has a gradient."""
    other = tg.ones(1, requires_grad=True)

    def change(k: float) -> None:
        other.grad = tg.ones(1) if other.grad is None else None

    return lambda x: x * (2.0 if other.grad is None else 3.0), change


class Operators:
    """Methods that no code calls by name."""

    def __init__(self) -> None:
        self.held = [1.0]

    def __getitem__(self, at: int) -> float:
        return self.held[at]

    def __len__(self) -> int:
        return int(self.held[0])

    def __iter__(self) -> Any:
        return iter(self.held)


def operator(function: Callable[[Any, Any], Any]) -> Callable[[], Made]:
    def make() -> Made:
        owner = Operators()
        return lambda x: function(x, owner), lambda k: owner.held.__setitem__(0, k)

    return make


def hooked(register: Callable[[Any, Any, list[float]], Any]) -> Callable[[], Made]:
    """Two steps of a net, with a hook that reads a list of which the step knows nothing."""

    def make() -> Made:
        held = [1.0]
        tg.manual_seed(0)
        layer = nn.Linear(3, 3)
        optimizer = tg.optim.SGD(layer.parameters(), lr=0.0)
        register(layer, optimizer, held)

        def step(x: Any) -> Any:
            layer.to(x.device)
            optimizer.zero_grad()
            y = layer(x)
            y.square().sum().backward()
            optimizer.step()
            return tg.cat([y.detach(), layer.weight.grad.detach().sum(0)])

        return step, lambda k: held.__setitem__(0, k)

    return make


def halve_gradients(layer: Any, optimizer: Any, held: list[float]) -> None:
    def hook(*arguments: Any) -> None:
        for p in layer.parameters():
            p.grad.mul_(held[0])

    optimizer.register_step_pre_hook(hook)


def scaled_backward(layer: Any, optimizer: Any, held: list[float]) -> None:
    layer.register_full_backward_pre_hook(lambda module, grads: (grads[0] * held[0],))


def method(attribute: Callable[[Worker, float], Any]) -> Callable[[], Made]:
    def make() -> Made:
        worker = Worker()
        return worker.run, lambda k: attribute(worker, k)

    return make


def called_object() -> Made:
    worker = Worker()
    return worker, lambda k: setattr(worker.parts[0], "factor", k)


def net(change: Callable[[Net, float], Any]) -> Callable[[], Made]:
    def make() -> Made:
        module = Net()
        return module, lambda k: change(module, k)

    return make


CASES: dict[str, Callable[[], Made]] = {
    f.__name__: f
    for f in (
        *(nested_object, class_attribute, slots, namespace, keyword_of_a_partial, queue, default),
        *(object_in_a_partial, function_attribute, function_of_a_module, replaced_function),
        *(array, part_of_an_array, called_object, number_in_an_array, array_in_a_list),
        *(read_only_dict, one_of_some_closures, functions_calling_functions),
        *(gradient_of_a_function, gradient_of_a_bystander),
    )
} | {
    "item of an object": operator(lambda x, owner: x * owner[0]),
    "length of an object": operator(lambda x, owner: x * len(owner)),
    "parts of an object": operator(lambda x, owner: sum(x * k for k in owner)),
    "attribute by a string": operator(lambda x, owner: x * getattr(owner, "held")[0]),  # noqa: B009
    "hook of a forward pass": hooked(
        lambda layer, _, held: layer.register_forward_hook(lambda m, a, y: y * held[0])
    ),
    "hook before a forward pass": hooked(
        lambda layer, _, held: layer.register_forward_pre_hook(lambda m, a: (a[0] * held[0],))
    ),
    "hook of a backward pass": hooked(scaled_backward),
    "hook of a parameter": hooked(
        lambda layer, _, held: layer.weight.register_hook(lambda g: g * held[0])
    ),
    "hook of an optimizer": hooked(halve_gradients),
    "property of a method's object": method(lambda w, k: setattr(w, "own", k)),
    "object in a dict of a method's object": method(
        lambda w, k: setattr(w.options["a"], "factor", k)
    ),
    "class attribute of a method's object": method(lambda w, k: setattr(Worker, "offset", k)),
    "dict of a net": net(lambda n, k: n.table.update(a=k)),
    "list of a net": net(lambda n, k: n.factors.__setitem__(0, k)),
    "object of a net": net(lambda n, k: setattr(n.more, "factor", k)),
    "class attribute of a net": net(lambda n, k: setattr(type(n), "kind", k)),
    "function of a net": net(lambda n, k: setattr(n, "function", tg.sin if k > 2 else tg.cos)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_seen(device: str, name: str) -> None:
    function, change = CASES[name]()
    captured = tg.jit(function)
    replays = 0
    for call in range(12):
        if call in (5, 9):
            change(float(call))
            replays = sum(variant.replays for variant in captured._variants.values())
        x = tg.tensor([1.0, 2.0, 3.0], device=device)
        assert captured(x).tolist() == function(x).tolist()
    assert replays > 0


def drawn_by_numpy() -> Callable[[Any], Any]:
    return lambda x: x * 2 if np.random.rand() < 0.7 else x


def drawn_by_python() -> Callable[[Any], Any]:
    return lambda x: x * 2 if random.random() < 0.7 else x


def drawn_by_an_own_generator() -> Callable[[Any], Any]:
    rng = np.random.default_rng(0)
    return lambda x: x * 2 if rng.random() < 0.7 else x


def drawn_by_an_own_random() -> Callable[[Any], Any]:
    rng = random.Random(0)
    return lambda x: x * 2 if rng.random() < 0.7 else x


def from_an_iterator() -> Callable[[Any], Any]:
    factors = iter([1.0] * 6 + [2.0] * 6)
    return lambda x: x * next(factors)


def from_a_generator() -> Callable[[Any], Any]:
    factors = (1.0 if i < 6 else 2.0 for i in range(12))
    return lambda x: x * next(factors)


def deep_down() -> Callable[[Any], Any]:
    """A list that is too deep in lists to be compared."""
    calls = [0]
    held: Any = [1.0]
    inner = held
    for _ in range(9):
        held = [held]

    def change() -> None:
        calls[0] += 1
        inner[0] = 1.0 if calls[0] <= 6 else 2.0

    def read(x: Any) -> Any:
        found = held
        while isinstance(found, list):
            found = found[0]
        return x * found

    read.change = change  # type: ignore[attr-defined]
    return read


UNSTEADY = [
    *(drawn_by_numpy, drawn_by_python, drawn_by_an_own_generator, drawn_by_an_own_random),
    *(from_an_iterator, from_a_generator, deep_down),
]


@pytest.mark.parametrize("make", UNSTEADY)
def test_what_may_change_with_every_call_runs_define_by_run(
    device: str, make: Callable[[], Callable[[Any], Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """Even if some calls in a row are alike by chance."""
    seen = []
    for wrap in (lambda f: f, tg.jit):
        np.random.seed(1)
        random.seed(1)
        function = make()
        called = wrap(function)
        change = getattr(function, "change", lambda: None)
        rows = []
        for _ in range(12):
            change()
            rows.append(called(tg.ones(2, device=device)).tolist())
        seen.append(rows)
    assert seen[0] == seen[1]
    assert len({tuple(row) for row in seen[0]}) == 2
    assert "runs define-by-run" in caplog.text


@pytest.mark.parametrize("to_none", [True, False])
def test_gradients_that_others_make_are_dropped(device: str, to_none: bool) -> None:
    """An optimizer drops the gradients of parameters, too, that the step does not use."""
    seen = []
    for wrap in (lambda f: f, tg.jit):
        used, idle = (tg.ones(2, device=device, requires_grad=True) for _ in range(2))
        optimizer = tg.optim.SGD([used, idle], lr=0.5)

        def step(x: Any, used: Any = used, optimizer: Any = optimizer) -> None:
            optimizer.zero_grad(set_to_none=to_none)
            (used * x).sum().backward()
            optimizer.step()

        called = wrap(step)
        for call in range(14):
            if call in (5, 6, 10):
                idle.grad = tg.full((2,), float(call), device=device)
            called(tg.ones(2, device=device))
            grad = None if idle.grad is None else idle.grad.tolist()
            seen.append([used.tolist(), idle.tolist(), grad])
    assert seen[:14] == seen[14:]
    assert seen[-1][0] == [-6.0, -6.0]


def test_a_gradient_from_outside_moves_a_parameter_once(device: str) -> None:
    """A step that uses and drops what its caller has added up runs define-by-run."""
    weight = tg.zeros(1, device=device, requires_grad=True)
    optimizer = tg.optim.SGD([weight], lr=1.0)

    def step() -> None:
        optimizer.step()
        optimizer.zero_grad()

    captured = tg.jit(step)
    for call in range(8):
        weight.grad = tg.full((1,), float(call), device=device)
        captured()
        assert weight.grad is None
        captured()
    assert weight.item() == -28


def test_a_captured_net_says_what_it_is(device: str) -> None:
    """A net has no `__name__`."""
    module = Net()
    captured = tg.jit(module)
    for call in range(8):
        module.factors[0] = float(call // 4)
        captured(tg.ones(3, device=device))
    assert str(captured).startswith("jit of Net: 1 kinds of calls")
    assert repr(captured) == "<jit Net>"


def test_a_counter_that_no_code_names_is_not_looked_at(device: str) -> None:
    """An object may count what it likes, as long as the captured code does not ask for it."""
    worker = Worker()
    captured = tg.jit(worker.run)
    for call in range(8):
        worker.__dict__["calls_so_far"] = call
        captured(tg.ones(3, device=device))
    assert sum(variant.replays for variant in captured._variants.values()) == 5


def test_a_step_without_leaves_is_replayed(device: str) -> None:
    """A plan of numbers alone runs on the device of what it is written to."""
    held = tg.ones(3, device=device)

    def step(x: tg.Tensor) -> tg.Tensor:
        held[:] = 0.25
        return x * 2

    captured = tg.jit(step)
    for call in range(6):
        assert captured(tg.full((3,), call, device=device)).tolist() == [2.0 * call] * 3
        assert held.tolist() == [0.25] * 3
        assert held.device.name == device
