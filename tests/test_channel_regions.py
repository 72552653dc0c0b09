"""Channel regions: kernels that take some channels of all images through several passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from structures import GPU, kernels, leaf, plan, structure

import tinygrad_cl as tg
from tinygrad_cl import dtypes, engine, nn
from tinygrad_cl.compiler import rowing
from tinygrad_cl.compiler.cutting import cut
from tinygrad_cl.compiler.plan import Plan
from tinygrad_cl.compiler.rowing import find_rows
from tinygrad_cl.compiler.slicing import input_modes
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import movement, reduce
from tinygrad_cl.primitives.conv import conv2d
from tinygrad_cl.primitives.elementwise import exp, relu, rsqrt
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.tensor import Tensor

F = nn.functional


def dims(x: Node) -> tuple[int, ...]:
    return tuple(d for d in range(len(x.shape)) if d != 1)


def centered(x: Node) -> Node:
    return x - reduce.sum(x, dim=dims(x), keepdim=True)


def normalized(x: Node) -> Node:
    c = centered(x)
    return relu(c * rsqrt(reduce.sum(c * c, dim=dims(x), keepdim=True)))


def regions(made: Plan) -> list[Any]:
    return [group.slices for group in made.groups if group.slices is not None]


# ---- what is sliced


def test_a_batch_norm_of_large_channels_is_one_kernel() -> None:
    made = plan(normalized(leaf(128, 64, 16, 16)), glued=True)
    (found,) = regions(made)
    assert (found.region.dim, found.size, found.slices, found.rest) == (1, 1, 64, None)
    (kernel,) = kernels(made)
    labels = ["sum", "sub_mul_sum_rsqrt", "sub_mul_relu"]
    assert [phase.label for phase in kernel.phases] == labels


def test_a_slice_reads_and_writes_parts_of_every_image() -> None:
    x = leaf(8, 16, 32, 32)
    nodes = structure([normalized(x)])
    (region,) = find_rows(nodes)
    made = cut(nodes, region, [len(nodes) - 1], {0}, 2)
    (place,) = made.leaves
    for at in (place, *made.outputs):
        value = made.structure[at]
        assert value.shape == (8, 2, 32, 32)
        assert value.pitch == 16 * 1024
        assert value.layout.strides == (16 * 1024, 1024, 32, 1)
    between = [v for at, v in enumerate(made.structure) if at != place and at not in made.outputs]
    assert not any(value.pitch for value in between)


def test_statistics_and_what_follows_from_them_belong_to_it() -> None:
    """Weights (C), and running statistics (C) that are made of those of the batch."""
    x, held, weight = leaf(64, 32, 16, 16), leaf(32), leaf(32)
    mean = reduce.sum(x, dim=(0, 2, 3), keepdim=True)
    y = (x - mean) * movement.reshape(weight, shape=(1, 32, 1, 1))
    moved = held + movement.reshape(mean, shape=(32,))
    made = plan(y, moved, glued=True)
    assert len(kernels(made)) == 1
    (found,) = regions(made)
    assert {made.structure[at].shape for at in found.cut.outputs.values()} == {(32,), x.shape}


def test_small_channels_share_a_slice_and_leave_a_rest() -> None:
    made = plan(normalized(leaf(64, 37, 8, 8)), glued=True)
    (found,) = regions(made)
    assert found.size > 1
    assert found.rest is not None
    assert found.slices * found.size + found.rest.size == 37
    assert len(kernels(made)) == 2


def test_channels_between_convolutions_leave_these_alone() -> None:
    x, w = leaf(16, 16, 32, 32), leaf(16, 16, 3, 3)
    both = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    made = plan(conv2d(normalized(conv2d(x, w, **both)), w, **both), glued=True)
    labels = [kernel.label for kernel in kernels(made)]
    assert [label for label in labels if "slices" in label] == ["slices_sum_to_sub_mul_relu"]
    assert sum(label.startswith("conv") for label in labels) == len(labels) - 1


@pytest.mark.parametrize(
    "shape",
    [(4, 16, 16, 16), (1024, 128), (128, 3, 64, 64), (128, 64, 2, 3), (2048, 8, 64, 64)],
    ids=["small", "columns", "few", "narrow", "long"],
)
def test_what_gains_nothing_is_left_alone(shape: tuple[int, ...]) -> None:
    assert not regions(plan(normalized(leaf(*shape)), glued=True))


def test_gpus_and_what_a_later_backward_pass_reads_are_left_alone() -> None:
    x = leaf(128, 64, 16, 16)
    c = centered(x)
    y = relu(c * rsqrt(reduce.sum(c * c, dim=(0, 2, 3), keepdim=True)))
    assert not regions(plan(y, traits=GPU, glued=True))
    assert not regions(plan(y, kept=[c], glued=True))


def test_a_sum_over_channels_ends_a_region() -> None:
    x = leaf(64, 32, 16, 16)
    y = exp(normalized(x))
    made = plan(y / reduce.sum(y, dim=(1,), keepdim=True), glued=True)
    (found,) = [found for found in regions(made) if found.region.dim]
    inside = {made.structure[at].signature.primitive.name for at in found.region.values}
    assert {"sum", "rsqrt"} <= inside
    assert "div" not in inside


VIEWS: dict[str, tuple[Callable[[Node], Node], tuple[bool, ...] | None]] = {
    "flat": (lambda x: movement.reshape(x, shape=(8, 8 * 36)), (True,)),
    "transposed places": (lambda x: movement.permute(x, dims=(0, 1, 3, 2)), (True,)),
    "transposed channels": (lambda x: movement.permute(x, dims=(1, 0, 2, 3)), None),
    "turned images": (lambda x: movement.flip(x, (-1, 1, 1, 1)), None),
    "padded": (lambda x: movement.pad(x, before=(0, 0, 1, 1), after=(0, 0, 1, 1)), None),
    "some places": (
        lambda x: movement.slice(x, starts=(0, 0, 1, 2), steps=(1, 1, 2, 1), shape=(8, 8, 2, 3)),
        (True,),
    ),
    "some images": (
        lambda x: movement.slice(x, starts=(3, 0, 0, 0), steps=(2, 1, 1, 1), shape=(2, 8, 6, 6)),
        (True,),
    ),
    "moved channels": (
        lambda x: movement.slice(x, starts=(0, 1, 0, 0), steps=(1, 1, 1, 1), shape=(8, 7, 6, 6)),
        None,
    ),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_of_channels(name: str) -> None:
    """As many images as channels, so that no size tells them apart."""
    view, expected = VIEWS[name]
    nodes = structure([view(leaf(8, 8, 6, 6))])
    assert input_modes(nodes, len(nodes) - 1, 8, 1) == expected


# ---- values


def batch_norm(x: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, ...]:
    mean, var = tg.zeros(len(w), device=x.device), tg.ones(len(w), device=x.device)
    y = F.relu(F.batch_norm(x, mean, var, w, b, training=True))
    return y, mean, var


def places(x: Tensor) -> tuple[int, ...]:
    return tuple(d for d in range(x.ndim) if d != 1)


OPS: dict[str, Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]]] = {
    "batch_norm": batch_norm,
    "plain": lambda x, w, b: (F.batch_norm(x, None, None, training=True),),
    "half": lambda x, w, b: (F.batch_norm(x.half(), None, None, training=True).float(),),
    "variance": lambda x, w, b: (x / x.var(places(x), keepdim=True),),
    "batch only": lambda x, w, b: (x - x.amax(0, keepdim=True),),
    "flat": lambda x, w, b: ((x - x.mean(places(x), keepdim=True)).flatten(1) * 2,),
    "turned": lambda x, w, b: ((x - x.mean(places(x), keepdim=True)).transpose(0, 1) * 2,),
    "pooled": lambda x, w, b: (
        F.batch_norm(x, None, None, w, b, True)[..., None].flatten(2).mean(2),
    ),
}


def results(op: str, shape: tuple[int, ...], device: str) -> list[np.ndarray]:
    """Values, gradients, and gradients of gradients, of two steps."""
    rng = np.random.default_rng(0)
    given = [rng.standard_normal(s).astype(np.float32) for s in (shape, shape[1:2], shape[1:2])]
    x, w, b = (tg.tensor(a, device=device).requires_grad_() for a in given)
    found = []
    for _ in range(2):
        y, *others = OPS[op](x, w, b)
        scale = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
        loss = (y * y * tg.tensor(scale, device=device)).sum()
        used = [x, w, b] if op in ("batch_norm", "pooled") else [x]
        grads = tg.autograd.grad(loss, used, create_graph=op != "half")
        found += [y, *others, *grads]
        if op != "half":
            found += tg.autograd.grad((grads[0] * grads[0]).sum(), used[:2], allow_unused=True)
    return [t.detach().numpy().copy() for t in found if t is not None]


SHAPES = [(5, 9, 7, 7), (3, 11, 40), (2, 8, 3, 4, 5), (6, 40), (1, 8, 5, 5)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", OPS)
def test_channels_agree_with_numpy(
    op: str, shape: tuple[int, ...], opencl_device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rowing, "LARGE", 1)
    there, expected = (results(op, shape, name) for name in (opencl_device, "numpy"))
    tolerance = 1e-2 if op == "half" else 3e-4
    for actual, wanted in zip(there, expected, strict=True):
        size = max(float(np.abs(wanted).max(initial=0)), 1)
        np.testing.assert_allclose(actual, wanted, rtol=tolerance, atol=tolerance * size)


@pytest.mark.parametrize("shape", [(16, 37, 16, 16), (3, 17, 99, 41), (33, 40, 9, 5, 3)], ids=str)
@pytest.mark.parametrize("sliced", [False, True], ids=["held", "together"])
def test_slices_change_no_bit(
    shape: tuple[int, ...], sliced: bool, opencl_device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of values and gradients made together, nor of those made one after the other."""

    def trained() -> list[bytes]:
        rng = np.random.default_rng(0)
        x, g = (
            tg.tensor(rng.standard_normal(shape).astype(np.float32), device=opencl_device)
            for _ in range(2)
        )
        w, b = tg.ones(shape[1], device=opencl_device), tg.zeros(shape[1], device=opencl_device)
        for t in (x, w, b):
            t.requires_grad_()
        y, mean, var = batch_norm(x, w, b)
        if not sliced:
            y.realize()
        grads = tg.autograd.grad(y, [x, w, b], g)
        engine.realize([t.node for t in (y, mean, var, *grads)])
        return [t.detach().numpy().tobytes() for t in (y, mean, var, *grads)]

    first = trained()
    monkeypatch.setattr(rowing, "LARGE", 1 << 60)
    get_device(opencl_device).plans.clear()
    assert trained() == first
    get_device(opencl_device).plans.clear()


def test_other_dtypes_have_channels(opencl_device: str) -> None:
    x = np.random.default_rng(0).integers(-9, 9, (64, 16, 16, 16)).astype(np.int32)
    y = tg.tensor(x, device=opencl_device)
    made = y - y.amax((0, 2, 3), keepdim=True)
    assert made.dtype is dtypes.int32
    np.testing.assert_array_equal(made.numpy(), x - x.max((0, 2, 3), keepdims=True))
