"""Twins: two values of the same inputs that one kernel writes, as maxima and their places are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pool_index_rows import window
from structures import GPU, kernels, leaf, plan

import tinygrad_cl as tg
from tinygrad_cl import dtypes, engine
from tinygrad_cl.graph import PRIMITIVES, Node
from tinygrad_cl.lowering import DeviceTraits
from tinygrad_cl.primitives.elementwise import cast, relu
from tinygrad_cl.primitives.pool import max_pool2d
from tinygrad_cl.primitives.pool_offset import max_pool2d_offset, max_pool2d_spread
from tinygrad_cl.testing import gradgradcheck

WINDOW = window(3, 2, 1)


def pair(*shape: int) -> tuple[Node, Node, Node]:
    x = leaf(*shape)
    return x, max_pool2d(x, **WINDOW), max_pool2d_offset(x, **WINDOW)


@pytest.mark.parametrize("traits", [DeviceTraits(), GPU], ids=["cpu", "gpu"])
def test_both_are_one_launch_in_whatever_order_they_are_asked_for(traits: DeviceTraits) -> None:
    for swapped in (False, True):
        _, y, places = pair(2, 3, 9, 9)
        made = plan(*((places, y) if swapped else (y, places)), traits=traits)
        (kernel,) = kernels(made)
        assert kernel.label == "max_pool2d_and_offset"
        assert sum(kind == "value" for kind, _ in kernel.arguments) == 3
        assert len(made.attached) == 2
        assert str(made).count("stores") == 2


def test_one_alone_has_a_kernel_of_its_own() -> None:
    _, y, places = pair(2, 3, 9, 9)
    assert [k.label for k in kernels(plan(y))] == ["max_pool2d"]
    assert [k.label for k in kernels(plan(places))] == ["max_pool2d_offset"]


def test_other_inputs_or_attrs_are_no_twins() -> None:
    x, y, _ = pair(2, 3, 9, 9)
    for other in (max_pool2d_offset(leaf(2, 3, 9, 9), **WINDOW), max_pool2d_offset(x, **window(3))):
        assert len(kernels(plan(y, other))) == 2


def test_an_epilogue_follows_the_first_and_reads_nothing_of_the_second() -> None:
    _, y, places = pair(2, 3, 9, 9)
    (kernel,) = kernels(plan(relu(y), places))
    assert kernel.label == "max_pool2d_and_offset_relu"
    made = plan(relu(y) * cast(places, dtype=dtypes.float32))
    assert len(kernels(made)) == 2
    assert any(border.reason.startswith("TWIN") for border in made.borders)


def test_nothing_is_computed_for_a_twin_that_dies() -> None:
    x, y, _ = pair(2, 3, 9, 9)
    assert [k.label for k in kernels(plan(y + max_pool2d(x, **WINDOW)))] == ["max_pool2d_add"]


def test_slices_hold_both() -> None:
    _, y, places = pair(8, 3, 33, 33)
    d = max_pool2d_spread(y * y, places, input_size=(33, 33), **WINDOW)
    made = plan(y, d, traits=DeviceTraits(units=2), glued=True)
    (group,) = made.groups
    assert group.slices is not None
    labels = [kernel.label for kernel in kernels(group.slices.plan)]
    assert labels[0].startswith("max_pool2d_and_offset")


def images(*shape: int) -> np.ndarray:
    """Full of ties, with NaN and infinities."""
    rng = np.random.default_rng(0)
    x = np.round(rng.standard_normal(shape))
    x[rng.random(shape) < 0.05] = np.nan
    x[rng.random(shape) < 0.05] = -np.inf
    return x.astype(np.float32)


WINDOWS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((4, 3, 33, 31), window(3, 2)),
    ((4, 3, 33, 31), window(3, 2, 1, ceil_mode=True)),
    ((2, 5, 7, 7), window((2, 3), (1, 2), (1, 0), (2, 1))),
    ((2, 5, 20, 20), window(3, 1, 1)),
]


@pytest.mark.parametrize(("shape", "attrs"), WINDOWS, ids=str)
def test_together_and_apart_give_the_same_bits(
    device: str, shape: tuple[int, ...], attrs: dict[str, Any]
) -> None:
    x = tg.tensor(images(*shape), device=device).realize()
    made = [max_pool2d(x.node, **attrs), max_pool2d_offset(x.node, **attrs)]
    engine.realize(made)
    alone = [max_pool2d(x.node, **attrs), max_pool2d_offset(x.node, **attrs)]
    for node in alone:
        engine.realize([node])
    for node, other in zip(made, alone, strict=True):
        assert engine.numpy(node).tobytes() == engine.numpy(other).tobytes()
    reference = PRIMITIVES["max_pool2d_offset"].reference(images(*shape), **attrs)
    np.testing.assert_array_equal(engine.numpy(made[1]), reference)


def test_a_backward_pass_may_come_after_the_values(device: str) -> None:
    found = []
    for early in (False, True):
        x = tg.tensor(images(4, 3, 15, 15), device=device, requires_grad=True)
        y = tg.nn.functional.max_pool2d(x, 3, 2)
        if early:
            y.realize()
        (y * 2).sum().backward()
        assert x.grad is not None
        found.append(x.grad.numpy())
    np.testing.assert_array_equal(*found)


def test_second_derivatives_of_overlapping_windows(device: str) -> None:
    rng = np.random.default_rng(1)
    x = tg.tensor(rng.permutation(96).reshape(1, 2, 6, 8) / 8.0, device=device, requires_grad=True)
    assert gradgradcheck(lambda a: tg.nn.functional.max_pool2d(a, 3, 2, 1).square(), (x,))


def test_replays_give_the_same_bits(device: str) -> None:
    x = tg.tensor(images(4, 3, 21, 21), device=device, requires_grad=True)

    def step(scale: tg.Tensor) -> Any:
        y = tg.nn.functional.max_pool2d(x * scale, 3, 2, 1)
        (grad,) = tg.autograd.grad([(y * 2).sum()], [x])
        return y.detach(), grad

    replayed = tg.jit(step)
    for number in range(4):
        scale = tg.tensor([1.0 + number], device=device)
        pairs = zip(step(scale), replayed(scale), strict=True)
        assert all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in pairs)
