"""Kernels glued into one: slices of the batch, runs of small kernels, and the order of the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import CASES
from cases.core import as_tensor
from structures import CPU, GPU, kernels, leaf, plan, structure

import tinygrad_cl as tg
from tinygrad_cl import engine, nn
from tinygrad_cl.compiler.execute import HOT
from tinygrad_cl.compiler.joining import Unit
from tinygrad_cl.compiler.memory import Interval
from tinygrad_cl.compiler.plan import Plan
from tinygrad_cl.compiler.simplify import living, simplified
from tinygrad_cl.compiler.sliceplan import CACHE, FEW
from tinygrad_cl.compiler.slicing import find_region
from tinygrad_cl.compiler.storage import store
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import reduce
from tinygrad_cl.primitives.conv import conv2d
from tinygrad_cl.primitives.elementwise import exp, relu, tanh
from tinygrad_cl.primitives.matmul import matmul
from tinygrad_cl.primitives.movement import permute, reshape
from tinygrad_cl.runtime.device import get_device

F = nn.functional


def convolved(x: Node, w: Node) -> Node:
    return conv2d(x, w, stride=(1, 1), padding=(1, 1), dilation=(1, 1), groups=1)


def small_net(n: int = 8) -> tuple[Node, Node, Node]:
    """Two convolutions and a product: the images, the features, and the result."""
    x = leaf(n, 2, 6, 6)
    h = relu(convolved(relu(convolved(x, leaf(3, 2, 3, 3))), leaf(3, 3, 3, 3)))
    flat = reshape(h, shape=(n, 108))
    return x, h, matmul(flat, permute(leaf(5, 108), dims=(1, 0)))


def sliced(made: Plan) -> list[Any]:
    return [group.slices for group in made.groups if group.slices is not None]


# ---- what is sliced


def test_what_follows_a_convolution_is_one_kernel() -> None:
    _, _, y = small_net()
    made = plan(tanh(y), glued=True)
    assert len(kernels(made)) == 1
    (found,) = sliced(made)
    assert (found.region.items, found.slices * found.size) == (8, 8)
    assert found.slices >= CPU.units
    labels = [phase.label for phase in kernels(made)[0].phases]
    assert any(label.startswith("conv") for label in labels)


def test_sums_over_the_batch_are_added_up_by_a_second_kernel() -> None:
    _, _, y = small_net()
    made = plan(reduce.sum(y, dim=(0,), keepdim=False), glued=True)
    assert [kernel.label for kernel in kernels(made)][1:] == ["sum_partials"]


def test_a_gpu_runs_kernel_by_kernel() -> None:
    _, _, y = small_net()
    assert not sliced(plan(y, traits=GPU, glued=True))


def test_large_batches_run_kernel_by_kernel() -> None:
    _, _, y = small_net(4096)
    assert not sliced(plan(y, glued=True))


def test_batches_that_no_cache_holds_are_sliced_again() -> None:
    _, _, y = small_net(1 << 15)
    (found,) = sliced(plan(y, glued=True))
    assert found.size >= FEW
    assert found.plan.arena <= CACHE
    _, _, y = small_net((1 << 15) + 3)  # a prime number, so that a slice would be one item
    assert not sliced(plan(y, glued=True))


def test_statistics_of_the_batch_end_a_region() -> None:
    x = leaf(8, 2, 6, 6)
    h = convolved(x, leaf(3, 2, 3, 3))
    mean = reduce.sum(h, dim=(0, 2, 3), keepdim=True)
    centered = h - mean
    nodes = structure([centered], (), ())
    region = find_region(nodes)
    assert region is None, "one convolution and one sum are not worth it"
    deep = relu(convolved(relu(convolved(x, leaf(2, 2, 3, 3))), leaf(2, 2, 3, 3)))
    total = reduce.sum(deep, dim=(0, 2, 3), keepdim=True)
    after = deep - total
    nodes = structure([after], (), ())
    region = find_region(nodes)
    assert region is not None
    names = {nodes[at].signature.primitive.name for at in region.values}
    assert "sub" not in names
    assert [nodes[at].signature.primitive.name for at in region.sums] == ["sum"]


def test_a_gradient_of_weights_is_no_slice() -> None:
    """The batch is summed away inside a product: its rows are no parts of the result."""
    x, _, y = small_net()
    flat = reshape(x, shape=(8, 72))
    nodes = structure([y, matmul(permute(y, dims=(1, 0)), flat)], (), ())
    region = find_region(nodes)
    assert region is not None
    products = [at for at, v in enumerate(nodes) if v.signature.primitive.name == "matmul"]
    assert products[0] in region.values
    assert products[1] not in region.values | region.sums


def test_what_a_later_backward_pass_reads_is_kept() -> None:
    _, h, y = small_net()
    made = plan(y, kept=[h], glued=True)
    assert not sliced(made)


def test_one_slice_per_unit_at_least() -> None:
    _, _, y = small_net(6)
    for units in (2, 3, 6):
        (found,) = sliced(plan(y, traits=replace(CPU, units=units), glued=True))
        assert found.slices >= units


# ---- values


def conv_net() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 4, 3, groups=2), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(4 * 4, 16), nn.GELU(), nn.Linear(16, 5)),
    )


def same_conv_net() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(2, 5, 3, stride=2, padding=1), nn.Sigmoid()),
        *(nn.Conv2d(5, 3, 1), nn.Flatten(), nn.LayerNorm(3 * 36), nn.Linear(108, 5)),
    )


def deep_net() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(2, 4, 5), nn.ELU(), nn.Conv2d(4, 4, 3, padding=1), nn.GroupNorm(2, 4)),
        *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5)),
    )


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "cross_entropy": lambda y, t: F.cross_entropy(y, t),
    "weighted": lambda y, t: F.cross_entropy(y, t, label_smoothing=0.1, ignore_index=2),
    "squares": lambda y, t: F.mse_loss(y, F.one_hot(t, 5).to(tg.float32)),
}


@pytest.mark.parametrize("batch", [1, 7, 8, 12, 32])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("make", [conv_net, same_conv_net, deep_net])
def test_steps_agree_with_numpy(
    make: Callable[[], Any], loss: str, batch: int, opencl_device: str
) -> None:
    rng = np.random.default_rng(batch)
    images = rng.standard_normal((batch, 2, 12, 12), dtype=np.float32)
    labels = rng.integers(0, 5, batch)
    seen = []
    for device in ("numpy", opencl_device):
        tg.manual_seed(0)
        net = make().to(device)
        optimizer = tg.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        losses = []
        for _ in range(2):
            optimizer.zero_grad()
            x, t = tg.tensor(images, device=device), tg.tensor(labels, device=device)
            value = LOSSES[loss](net(x), t)
            value.backward()
            optimizer.step()
            losses.append(value.item())
        arrays = [p.grad.numpy().copy() for p in net.parameters()]
        seen.append((losses, arrays + [p.detach().numpy().copy() for p in net.parameters()]))
    np.testing.assert_allclose(seen[0][0], seen[1][0], rtol=2e-5)
    for a, b in zip(seen[0][1], seen[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)


def test_a_step_of_the_net_is_sliced() -> None:
    """The test above means something only if slices are what it runs."""
    net = conv_net().to("numpy")
    x = tg.zeros(8, 2, 12, 12, device="numpy").numpy()
    loss = F.cross_entropy(net(tg.tensor(x, device="numpy")), tg.zeros(8, device="numpy").long())
    loss.backward()
    made = engine.explain([loss.node, *[p.grad.node for p in net.parameters()]])
    (found,) = sliced(made)
    assert len(found.plan.steps) > 10


def test_a_bad_label_is_found_inside_a_slice(opencl_device: str) -> None:
    net = conv_net().to(opencl_device)
    x = tg.zeros(8, 2, 12, 12, device=opencl_device)
    loss = F.cross_entropy(net(x), tg.full((8,), 9, device=opencl_device).long())
    loss.backward()
    with pytest.raises(IndexError, match="cross_entropy"):
        loss.item()


# ---- runs


def test_small_kernels_in_a_row_are_one_launch() -> None:
    x = leaf(16, 10)
    e = exp(x - reduce.max(x, dim=(1,), keepdim=True))
    made = plan(e / reduce.sum(e, dim=(1,), keepdim=True), glued=True)
    (kernel,) = kernels(made)
    assert [phase.label for phase in kernel.phases] == ["max", "sub_exp_sum", "sub_exp_div"]


def test_large_kernels_stay_alone() -> None:
    x = leaf(2048, 100)
    e = exp(x - reduce.max(x, dim=(0,), keepdim=True))
    made = plan(e / reduce.sum(e, dim=(0,), keepdim=True), glued=True)
    assert len(kernels(made)) >= 3
    assert not any(kernel.label.count("_to_") for kernel in kernels(made) if kernel.phases)


def test_many_scratch_buffers_of_a_run_do_not_overlap() -> None:
    sizes = tuple(512 * (k + 1) for k in range(20))
    units = [Unit([], [], sizes, set(), set()) for _ in range(3)]
    _, places, arena = store((), (), units, {}, set())
    for number in range(len(units)):
        ends = 0
        for begin, size in sorted(places[number, k] for k in range(20)):
            assert begin >= ends
            ends = begin + size
        assert ends <= arena


# ---- equal values, and the order of the kernels


def test_equal_values_are_computed_once() -> None:
    x = leaf(300, 300)
    total = reduce.sum(tanh(x), dim=(1,), keepdim=False)
    again = reduce.sum(tanh(x), dim=(1,), keepdim=False)
    made = plan(total, again, total * again)
    assert sum("sum" in kernel.label for kernel in kernels(made)) == 1
    assert {made.storage[made.home(at)].kind for at in made.attached} == {"fresh"}


def test_what_nobody_needs_any_more_is_not_alive() -> None:
    x = leaf(30)
    nodes = structure([tanh(x) * 2 + tanh(x)], (), ())
    made = simplified(nodes)
    assert len(made) == len(nodes)
    assert len(living(made)) == len(nodes) - 1


def test_gradients_of_weights_come_while_their_gradient_is_there() -> None:
    """Not at the end of the plan, where all gradients between layers would have to be kept."""
    tg.manual_seed(0)
    net = nn.Sequential(*[nn.Linear(64, 64, bias=False) for _ in range(12)]).to("numpy")
    x = tg.zeros(2048, 64, device="numpy").numpy()
    net(tg.tensor(x, device="numpy")).sum().backward()
    made = engine.explain([p.grad.node for p in net.parameters()])
    one = Interval(2048 * 64 * 4, 0, 0).size
    assert made.arena < 15 * one, "twelve activations, and few gradients at a time"


def test_a_plan_that_comes_often_is_glued_and_changes_no_bit(opencl_device: str) -> None:
    x = tg.randn(16, 10, device=opencl_device)
    plans = get_device(opencl_device).plans
    seen, launches = [], []
    for _ in range(HOT + 1):
        seen.append(x.softmax(1).numpy().tobytes())
        launches.append(len(list(plans.values())[-1].plan.steps))
    assert len(set(seen)) == 1
    assert launches[0] > launches[-1] == 1


def test_empty_values_inside_a_slice_are_no_memory(opencl_device: str) -> None:
    case = next(case for case in CASES if case.name == "matmul")

    def computed(device: str) -> list[tg.Tensor]:
        def fresh(value: Any) -> tg.Tensor:
            return as_tensor(value, device).double().float()

        return [sample.call(case.function, fresh) for sample in case.draws("float32")]

    products, expected = computed(opencl_device), computed("numpy")
    engine.realize([product.node for product in products])
    for product, right in zip(products, expected, strict=True):
        np.testing.assert_allclose(product.numpy(), right.numpy(), rtol=1e-5, atol=1e-5)
