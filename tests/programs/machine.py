"""Running programs: on each device, define-by-run and captured, and in PyTorch.

`Machine` runs a program again and again, with other inputs each time and with parameters that live
on, and returns all that can be seen of it: what it returns, its parameters and their gradients.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import tinygrad_cl as tg
from programs.program import Program, source

Array = np.ndarray[Any, Any]


class Machine:
    """A program on a device, with its parameters.

    Args:
        program: what to run.
        device: of tinygrad_cl.
        captured: by `jit`.
        looks: with the lines that read values on the host.
    """

    def __init__(
        self, program: Program, device: str, captured: bool = False, looks: bool = False
    ) -> None:
        self.program = program
        self.device = device
        self.held: list[tuple[Array, Array]] = []
        self.run_number = 0
        rng = np.random.default_rng(7)
        self.parameters = [
            tg.tensor(values(rng, s), device=device, requires_grad=True) for s in program.parameters
        ]
        self.names: dict[str, Any] = {
            "m": tg,
            "F": tg.nn.functional,
            "c": 0.5,
            "p": self.parameters,
            "__name__": "p",
            "look": look,
            "hold": self.hold,
            "show": repr,
            "look_at_grad": look_at_grad,
            "grads": grads,
            "descend": descend,
            "zero_grad": self.zero_grad,
            "clear_grad": self.clear_grad,
            "differentiate": partial(differentiate, tg),
        }
        exec(source(program, looks), self.names)
        self.function = self.names["program"]
        if captured:
            self.function = tg.jit(self.function)
            self.function._level = 0

    def run(self) -> list[Array]:
        """Runs the program once."""
        rng = np.random.default_rng(100 + self.run_number)
        self.names["c"] = number(self.run_number)
        self.run_number += 1
        before = tg.get_default_device()
        tg.set_default_device(self.device)
        try:
            given = [tg.tensor(values(rng, s), device=self.device) for s in self.program.inputs]
            made = [x.numpy() for x in self.function(*given)]
            made += [x.numpy() for x in given]
        finally:
            tg.set_default_device(before)
        made += [x.detach().numpy() for x in self.parameters]
        made += [_or_zero(x.grad, x.shape) for x in self.parameters]
        self.held += [(array, array.copy()) for array in made]
        for array, copy in self.held:
            assert np.array_equal(array, copy, equal_nan=True), "a value that is held has changed"
        return made

    def hold(self, x: Any) -> None:
        array = x.detach().numpy()
        self.held.append((array, array.copy()))

    def zero_grad(self, i: int) -> None:
        if self.parameters[i].grad is not None:
            self.parameters[i].grad.zero_()

    def clear_grad(self, i: int) -> None:
        self.parameters[i].grad = None


def values(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers with few digits, so that sums in another order differ little."""
    return np.asarray(np.round(rng.uniform(-1.5, 1.5, shape) * 64) / 64, np.float32)


def number(run: int) -> float:
    """The Python number that a program reads: it changes while the program is captured."""
    return 0.5 if run < 6 else 0.25 if run < 9 else -0.75


def look(x: Any) -> None:
    """Realizes a value in one of the ways in which users do."""
    if x.ndim == 0:
        x.item()
    elif x.ndim == 1:
        x.detach().sum().item()
    elif x.ndim == 2:
        x.detach().numpy()
    else:
        x.realize()


def look_at_grad(x: Any) -> None:
    if x.grad is not None:
        x.grad.detach().numpy()


def differentiate(m: Any, y: Any, x: Any) -> Any:
    """A gradient through which gradients flow."""
    options = {"create_graph": True, "allow_unused": True, "materialize_grads": True}
    return m.autograd.grad(y.tanh().sum(), x, **options)[0]


def grads(*tensors: Any) -> list[Any]:
    """The gradients of those that have one."""
    return [x.grad.detach() for x in tensors if x.grad is not None]


def descend(i: int, x: Any) -> Any:
    """Takes a small step down."""
    if x.grad is not None:
        with tg.no_grad():
            x -= x.grad.clamp(-2, 2) * 0.1
    return x


def _or_zero(x: Any, shape: Any) -> Array:
    found: Array = np.zeros(tuple(shape)) if x is None else x.detach().numpy()
    return found


class TorchMachine:
    """A program in PyTorch. What it writes to is a copy: values are immutable here.

    A parameter that was written to is another leaf from then on, and its gradient is that of both.
    """

    def __init__(self, program: Program, torch: Any) -> None:
        self.program = program
        self.torch = torch
        self.run_number = 0
        rng = np.random.default_rng(7)
        self.parameters = [
            torch.tensor(values(rng, s)).requires_grad_() for s in program.parameters
        ]
        self.older: list[list[Any]] = [[] for _ in self.parameters]
        self.names: dict[str, Any] = {
            "m": torch,
            "F": torch.nn.functional,
            "c": 0.5,
            "p": self.parameters,
            "grads": grads,
            "descend": self.descend,
            "renew": self.renew,
            "zero_grad": self.zero_grad,
            "clear_grad": self.clear_grad,
            "differentiate": partial(differentiate, torch),
        }
        exec(source(program, looks=False, copies=True), self.names)

    def run(self) -> list[Array]:
        """Runs the program once."""
        rng = np.random.default_rng(100 + self.run_number)
        self.names["c"] = number(self.run_number)
        self.run_number += 1
        given = [self.torch.tensor(values(rng, s)) for s in self.program.inputs]
        made = [x.numpy() for x in self.names["program"](*given)]
        for i, x in enumerate(self.parameters):
            x.grad = self.grad(i)
        self.older = [[] for _ in self.parameters]
        made += [x.detach().numpy().copy() for x in self.parameters]
        return made + [_or_zero(x.grad, x.shape).copy() for x in self.parameters]

    def grad(self, i: int) -> Any:
        found = [x.grad for x in (*self.older[i], self.parameters[i]) if x.grad is not None]
        return sum(found[1:], found[0]).clone() if found else None

    def renew(self, i: int, x: Any) -> Any:
        self.older[i].append(x)
        self.parameters[i] = x.detach().clone().requires_grad_()
        return self.parameters[i]

    def descend(self, i: int, x: Any) -> Any:
        grad = self.grad(i)
        if grad is None:
            return x
        x = self.renew(i, x)
        with self.torch.no_grad():
            x -= grad.clamp(-2, 2) * 0.1
        return x

    def zero_grad(self, i: int) -> None:
        for x in (*self.older[i], self.parameters[i]):
            if x.grad is not None:
                x.grad.zero_()

    def clear_grad(self, i: int) -> None:
        for x in (*self.older[i], self.parameters[i]):
            x.grad = None


def agree(mine: list[Array], others: list[Array], where: str, tolerance: float = 2e-4) -> bool:
    """Compares what two machines have made; tells whether there is sense in going on.

    Raises:
        AssertionError: if they differ by more than rounding.
    """
    assert len(mine) == len(others), f"{where}: {len(mine)} results, and {len(others)}"
    usable = True
    for at, (a, b) in enumerate(zip(mine, others, strict=True)):
        assert a.shape == b.shape, f"{where}: result {at} has shape {a.shape}, not {b.shape}"
        if not np.all(np.isfinite(b)) or (b.size and np.abs(b).max() > 1e4):
            usable = False
            continue
        limit = tolerance * (1 + (np.abs(b).max() if b.size else 0))
        off = np.abs(a - b).max() if b.size else 0
        assert off <= limit, f"{where}: result {at} is off by {off}\n{a}\n{b}"
    return usable
