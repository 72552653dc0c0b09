"""Fused attention: that it is used where it applies, its memory, and its second derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
import tinygrad_cl.nn.functional as F
from tinygrad_cl.testing import assert_close, gradcheck, gradgradcheck


def draw(*shape: int, seed: int = 0, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def kernels(*tensors: tg.Tensor) -> list[str]:
    return [kernel.label for kernel in tg.explain(*tensors).kernels]


def attend(*shapes: tuple[int, ...], device: str, dtype: str = "float32", **options: Any) -> Any:
    inputs = [
        tg.tensor(draw(*shape, seed=i, dtype=dtype), device=device, requires_grad=True)
        for i, shape in enumerate(shapes)
    ]
    return inputs, F.scaled_dot_product_attention(*inputs, **options)


SHAPES = ((2, 2, 5, 4), (2, 2, 6, 4), (2, 2, 6, 3))


def test_one_kernel_forward_and_one_backward(opencl_device: str) -> None:
    inputs, y = attend(*SHAPES, device=opencl_device)
    assert [name for name in kernels(y) if name != "copy"] == ["attention"]
    grads = tg.autograd.grad(y, inputs, tg.ones(*y.shape, device=opencl_device))
    assert kernels(*grads).count("attention_grad") == 1
    assert not any("matmul" in name for name in kernels(*grads))


def test_the_result_is_not_copied_out(opencl_device: str) -> None:
    shape = (2, 2, 5, 8)
    _, y = attend(shape, shape, shape, device=opencl_device)
    assert len(tg.explain(y).kernels) <= 2  # the scale's, and its own


@pytest.mark.parametrize(
    ("options", "dtype"),
    [({"dropout_p": 0.5}, "float32"), ({}, "float16"), ({"attn_mask": True}, "float32")],
)
def test_the_composition_stays_for_the_rest(
    opencl_device: str, options: dict[str, Any], dtype: str
) -> None:
    if "attn_mask" in options:  # a mask that wants a gradient
        mask = tg.tensor(draw(5, 6), device=opencl_device, requires_grad=True)
        options = {"attn_mask": mask}
    _, y = attend(*SHAPES, device=opencl_device, dtype=dtype, **options)
    assert "attention" not in kernels(y)


def test_wide_heads_are_composed(opencl_device: str) -> None:
    _, y = attend((1, 2, 300), (1, 2, 300), (1, 2, 4), device=opencl_device)
    assert "attention" not in kernels(y)


@pytest.mark.parametrize("causal", [False, True])
def test_memory_grows_with_the_tokens(opencl_device: str, causal: bool) -> None:
    """Four thousand tokens: the scores alone would be 64 MiB."""
    inputs, y = attend(*[(1, 1, 4096, 16)] * 3, device=opencl_device, is_causal=causal)
    grads = tg.autograd.grad(y, inputs, tg.ones(*y.shape, device=opencl_device))
    plan = tg.explain(y, *grads)
    assert plan.arena < 8 << 20
    few = slice(4000, 4004)
    q, k, v = (x.detach().numpy()[0, 0].astype(np.float64) for x in inputs)
    scores = q[few] @ k.T / 4
    if causal:
        scores[np.arange(4000, 4004)[:, None] < np.arange(4096)] = -np.inf
    weights = np.exp(scores - scores.max(1, keepdims=True))
    expected = (weights / weights.sum(1, keepdims=True) @ v).astype("float32")
    assert_close(y.detach()[0, 0, few].numpy(), expected, rtol=1e-5, atol=1e-5)
    assert all(np.isfinite(g.numpy()).all() for g in grads)


@pytest.mark.parametrize("causal", [False, True])
def test_few_heads_share_the_work(opencl_device: str, causal: bool) -> None:
    """Chunks of queries have sums of their own, which are added in order."""
    found = []
    for device in ("numpy", opencl_device):
        inputs, y = attend(*[(1, 1, 300, 8)] * 3, device=device, is_causal=causal)
        cotangent = tg.tensor(draw(1, 1, 300, 8, seed=5), device=device)
        found.append([g.numpy() for g in tg.autograd.grad(y, inputs, cotangent)])
    for expected, actual in zip(*found, strict=True):
        assert_close(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 2.0}], ids=str)
def test_derivatives(device: str, options: dict[str, Any]) -> None:
    inputs, _ = attend((2, 3, 4), (2, 5, 4), (2, 5, 3), device=device, dtype="float64")

    def function(*tensors: tg.Tensor) -> tg.Tensor:
        return F.scaled_dot_product_attention(*tensors, **options)

    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


def test_third_derivative_and_masks(device: str) -> None:
    q = tg.tensor(draw(1, 3, 2, dtype="float64"), device=device, requires_grad=True)
    k, v = (tg.tensor(draw(1, 4, 2, seed=s, dtype="float64"), device=device) for s in (1, 2))
    seen = tg.tensor([[True, True, False, True]] * 2 + [[False] * 4], device=device)
    plain = tg.tensor(np.where(seen.numpy(), 0, -1e9), device=device)

    def third(mask: tg.Tensor) -> list[float]:
        y = F.scaled_dot_product_attention(q, k, v, mask)[:, :2].square().sum()
        for _ in range(3):
            (y,) = (g.square().sum() for g in tg.autograd.grad(y, [q], create_graph=True))
        return [y.item()]

    assert_close(third(seen), third(plain), rtol=1e-9)


def test_one_node_serves_three_rules(device: str) -> None:
    inputs, y = attend(*SHAPES, device=device)
    grads = tg.autograd.grad(y.sum(), inputs)
    packed = {id(g.node.inputs[0].inputs[0]) for g in grads}
    assert len(packed) == 1
