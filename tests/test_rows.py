"""Row regions: kernels that take some rows of large tensors at a time through several passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from structures import CPU, GPU, kernels, leaf, plan, structure

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.compiler import rowing
from tinygrad_cl.compiler.plan import Plan, make_plan
from tinygrad_cl.compiler.rowing import find_rows
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import reduce
from tinygrad_cl.primitives.elementwise import exp, mul, relu
from tinygrad_cl.primitives.matmul import matmul
from tinygrad_cl.tensor import Tensor

F = nn.functional


def softmax(x: Node) -> Node:
    e = exp(x - reduce.max(x, dim=(1,), keepdim=True))
    return e / reduce.sum(e, dim=(1,), keepdim=True)


def centered(x: Node) -> Node:
    return x - reduce.sum(x, dim=(1,), keepdim=True)


def regions(made: Plan) -> list[Any]:
    return [group.slices for group in made.groups if group.slices is not None]


# ---- what is sliced


def test_a_softmax_of_large_rows_is_one_kernel() -> None:
    made = plan(softmax(leaf(1024, 100)), glued=True)
    (found,) = regions(made)
    assert found.region.rows
    assert len(kernels(made)) == (1 if found.rest is None else 2)
    # what costs much is computed once, where it stays near
    assert [phase.label for phase in kernels(made)[0].phases] == ["max", "sub_exp_sum", "div"]


def test_a_reduction_of_a_slice_stores_what_it_folds() -> None:
    """The exponentials, which the quotient reads; not what their own maximum waits for."""
    (found,) = regions(plan(softmax(leaf(1024, 100)), glued=True))
    assert [len(group.stored) for group in found.plan.groups if group.kind == "reduce"] == [0, 1]
    e = exp(centered(leaf(1024, 100)))
    most = reduce.max(e, dim=(1,), keepdim=True)
    (found,) = regions(plan(e, reduce.sum(e * most, dim=(1,), keepdim=True), glued=True))
    stored = [group for group in found.plan.groups if group.stored]
    assert [found.plan.structure[group.anchor].lowering.kind for group in stored] == ["max"]


def test_rows_that_are_left_have_a_launch_of_their_own() -> None:
    made = plan(softmax(leaf(1021, 1000)), glued=True)
    (found,) = regions(made)
    assert found.rest is not None
    assert found.slices * found.size + found.rest.size == 1021
    first, rest = kernels(made)
    assert (first.grid.size, rest.grid.size) == ((4,), (1,))


def test_small_tensors_and_single_reductions_have_no_region() -> None:
    assert not regions(plan(softmax(leaf(100, 100)), glued=True))
    assert not regions(plan(exp(reduce.sum(leaf(4096, 100), dim=(1,), keepdim=False)), glued=True))
    assert not regions(plan(softmax(leaf(1024, 100)), traits=GPU, glued=True))
    assert not regions(plan(softmax(leaf(1024, 100))))


def test_rows_too_long_for_a_cache_are_left_alone() -> None:
    assert not regions(plan(softmax(leaf(8, 1 << 20)), glued=True))


def test_sums_over_the_rows_join() -> None:
    """The sum of what the region reads anyway is among them."""
    x, g = leaf(1024, 100), leaf(1024, 100)
    y = softmax(x) * g
    nodes = structure([y, reduce.sum(y * g, dim=(0,), keepdim=False)])
    beside = structure([y, reduce.sum(g, dim=(0,), keepdim=False)])
    for made in (nodes, beside):
        (region,) = find_rows(made)
        assert len(region.sums) == 1
    made = make_plan(nodes, CPU)
    assert [kernel.label for kernel in kernels(made)][-1] == "sum_partials"


def test_wide_sums_over_the_rows_have_kernels_of_their_own() -> None:
    x, g = leaf(1024, 1000), leaf(1024, 1000)
    nodes = structure([softmax(x) * g, reduce.sum(g, dim=(0,), keepdim=False)])
    (region,) = find_rows(nodes)
    assert not region.sums


def test_a_sum_that_the_rows_wait_for_stays_outside() -> None:
    x = leaf(1024, 100)
    nodes = structure([softmax(x - reduce.sum(x, dim=(0,), keepdim=True))])
    (region,) = find_rows(nodes)
    assert not region.sums


def test_what_a_product_lies_between_is_two_regions() -> None:
    x, w = leaf(1024, 100), leaf(100, 100)
    made = plan(centered(matmul(centered(x), w)), glued=True)
    assert [found.region.rows for found in regions(made)] == [True, True]
    labels = [kernel.label for kernel in kernels(made) if "slices" not in kernel.label]
    assert labels == ["matmul"]


def test_regions_do_not_wait_for_each_other() -> None:
    """Two branches, each with a product of the other's rows: one of four passes is left alone."""
    a, b, w = leaf(1024, 100), leaf(1024, 100), leaf(100, 100)
    one, two = centered(a), centered(b)
    made = plan(centered(one + matmul(two, w)), centered(two + matmul(one, w)), glued=True)
    assert regions(made)
    done: set[int] = set()
    for group in made.groups:
        inner = {at for at in group.reads if not made.structure[at].is_data}
        assert inner <= done
        done |= set(group.outputs)


def test_what_a_later_backward_pass_reads_is_kept() -> None:
    x = leaf(1024, 100)
    e = exp(x - reduce.max(x, dim=(1,), keepdim=True))
    made = plan(e / reduce.sum(e, dim=(1,), keepdim=True), kept=[e], glued=True)
    assert not regions(made)


def test_what_readers_can_compute_themselves_is_not_stored() -> None:
    x, g = leaf(1024, 100), leaf(1024, 100)
    mean = reduce.sum(x, dim=(1,), keepdim=True)
    nodes = structure([relu(x - mean), reduce.max(mul(x - mean, g), dim=(0,), keepdim=False)])
    made = make_plan(nodes, CPU)
    (found,) = regions(made)
    stored = [made.structure[at] for at in found.cut.outputs.values()]
    assert sorted(value.numel for value in stored) == [1024, 1024 * 100]


# ---- values

OPS: dict[str, Callable[..., Tensor]] = {
    "softmax": lambda x, w, b, t: F.softmax(x * 1.5, dim=-1),
    "log_softmax": lambda x, w, b, t: F.log_softmax(x, dim=-1),
    "layer_norm": lambda x, w, b, t: F.layer_norm(x, (x.shape[-1],), w, b),
    "cross_entropy": lambda x, w, b, t: F.cross_entropy(x + b, t, label_smoothing=0.1),
    "normalize": lambda x, w, b, t: F.normalize(x, dim=-1) * w,
    "variance": lambda x, w, b, t: (x - x.mean(-1, keepdim=True)) / x.var(-1, keepdim=True),
    "twice": lambda x, w, b, t: F.softmax(F.layer_norm(x, (x.shape[-1],)) @ w.diag(), dim=-1),
    "largest": lambda x, w, b, t: x - x.amax(-1, keepdim=True) + x.argmax(-1, keepdim=True),
    "half": lambda x, w, b, t: F.softmax(x.half(), dim=-1).float() * w,
}


def results(
    op: str, shape: tuple[int, int], device: str, renewed: bool
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The value and the gradients of an op, twice; `renewed`: from a step that updates weights."""
    rng = np.random.default_rng(0)
    given = [rng.standard_normal(s).astype(np.float32) for s in (shape, shape[1:], shape[1:])]
    labels = tg.tensor(rng.integers(0, shape[1], shape[0]), device=device)
    scale = tg.tensor(rng.standard_normal(shape).astype(np.float32), device=device)
    both = []
    x, w, b = (tg.tensor(a, device=device).requires_grad_() for a in given)
    optimizer = tg.optim.SGD([x, w, b], lr=1e-3)
    for _ in range(2):
        y = OPS[op](x, w, b, labels)
        loss = (y * scale).sum() if y.ndim else y
        optimizer.zero_grad()
        loss.backward()
        if renewed:
            optimizer.step()
        grads = [t.grad for t in (x, w, b) if t.grad is not None]
        both.append([y.detach().numpy().copy(), *(g.numpy().copy() for g in grads)])
    return both[0], both[1]


@pytest.mark.parametrize("renewed", [False, True], ids=["kept", "renewed"])
@pytest.mark.parametrize("shape", [(7, 333), (64, 65), (130, 5), (2, 100)])
@pytest.mark.parametrize("op", OPS)
def test_rows_agree_with_numpy(
    op: str,
    shape: tuple[int, int],
    renewed: bool,
    opencl_device: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rowing, "LARGE", 1)
    there, expected = (results(op, shape, name, renewed) for name in (opencl_device, "numpy"))
    rtol, atol = (1e-2, 1e-3) if op == "half" else (2e-4, 2e-5)
    for actual, wanted in zip(there[0] + there[1], expected[0] + expected[1], strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=rtol, atol=atol * max(1, shape[0] / 10))


@pytest.mark.parametrize("shape", [(1021, 130), (300, 1000)])
def test_a_plan_that_comes_again_gives_the_same_bits(
    shape: tuple[int, int], opencl_device: str
) -> None:
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    seen = []
    for _ in range(3):
        x = tg.tensor(values, device=opencl_device).requires_grad_()
        y = F.log_softmax(F.layer_norm(x, shape[1:]), dim=-1)
        (g,) = tg.autograd.grad(y, x, tg.tensor(values[::-1].copy(), device=opencl_device))
        seen.append((y.detach().numpy().copy(), g.numpy().copy()))
    for y, g in seen[1:]:
        np.testing.assert_array_equal(y, seen[0][0])
        np.testing.assert_array_equal(g, seen[0][1])


def test_bad_labels_are_found_inside_rows(opencl_device: str) -> None:
    x = tg.randn(1024, 100, device=opencl_device).requires_grad_()
    labels = tg.full((1024,), 100, device=opencl_device).long()
    for _ in range(3):
        loss = F.cross_entropy(x, labels)
        loss.backward()
        with pytest.raises(IndexError, match="cross_entropy"):
            loss.item()
