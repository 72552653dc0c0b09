"""Attention and transformers against formulas in NumPy, on every device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
import tinygrad_cl.nn.functional as F
from tinygrad_cl import nn
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_cl.testing import gradcheck

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device

Array = np.ndarray


def draw(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def meant(layer: nn.MultiheadAttention, q: Array, k: Array, v: Array, mask: Array) -> Any:
    """Outputs (L, N, E) and weights (N, heads, L, S), head by head."""
    assert layer.in_proj_weight is not None
    assert layer.in_proj_bias is not None
    weight, bias = layer.in_proj_weight.detach().numpy(), layer.in_proj_bias.detach().numpy()
    size, heads = layer.embed_dim, layer.num_heads
    width = size // heads
    out, weights = np.zeros(q.shape), np.zeros((q.shape[1], heads, len(q), len(k)))
    for n in range(q.shape[1]):
        for h in range(heads):
            rows = [slice(i * size + h * width, i * size + (h + 1) * width) for i in range(3)]
            a, b, c = (
                x[:, n] @ weight[r].T + bias[r] for x, r in zip((q, k, v), rows, strict=True)
            )
            weights[n, h] = softmax(a @ b.T / np.sqrt(width) + mask)
            out[:, n, h * width : (h + 1) * width] = weights[n, h] @ c
    projection = layer.out_proj.weight.detach().numpy(), layer.out_proj.bias.detach().numpy()
    return out @ projection[0].T + projection[1], weights


@pytest.mark.parametrize("wanted", [True, False])
def test_attention_is_the_formula(wanted: bool) -> None:
    layer = nn.MultiheadAttention(6, 2)
    q, k, v = draw(4, 3, 6), draw(5, 3, 6, seed=1), draw(5, 3, 6, seed=2)
    mask = np.where(np.random.default_rng(0).random((4, 5)) < 0.3, -np.inf, 0.0)
    mask[:, 0] = 0
    y, weights = meant(layer, q, k, v, mask)
    arguments = [tg.tensor(x) for x in (q, k, v)]
    got, found = layer(*arguments, attn_mask=tg.tensor(mask < 0), need_weights=wanted)
    np.testing.assert_allclose(got.detach().numpy(), y, rtol=1e-4, atol=1e-5)
    if not wanted:
        assert found is None
        return
    np.testing.assert_allclose(found.detach().numpy(), weights.mean(1), rtol=1e-4, atol=1e-5)
    _, each = layer(*arguments, attn_mask=tg.tensor(mask < 0), average_attn_weights=False)
    np.testing.assert_allclose(each.detach().numpy(), weights, rtol=1e-4, atol=1e-5)


def test_a_query_that_sees_nothing_gets_zeros() -> None:
    layer, x = nn.MultiheadAttention(4, 2, bias=False), tg.tensor(draw(3, 1, 4))
    everything = tg.tensor(np.ones((3, 3), bool))
    for wanted in (True, False):
        y, _ = layer(x, x, x, attn_mask=everything, need_weights=wanted)
        assert not y.detach().numpy().any()


def test_padding_hides_keys() -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    x = draw(2, 5, 4)
    short = layer(*[tg.tensor(x[:1, :3])] * 3)[0].detach().numpy()
    padding = np.array([[False] * 3 + [True] * 2, [False] * 5])
    for wanted in (True, False):
        whole = tg.tensor(x)
        y, _ = layer(whole, whole, whole, tg.tensor(padding), wanted)
        np.testing.assert_allclose(y[0, :3].detach().numpy(), short[0], rtol=1e-4, atol=1e-6)


def test_attention_refuses_what_does_not_fit() -> None:
    with pytest.raises(ArgumentError, match="must divide"):
        nn.MultiheadAttention(6, 4)
    layer, x = nn.MultiheadAttention(4, 2), tg.zeros(3, 1, 4)
    for keywords, error, words in (
        ({"attn_mask": tg.zeros(3, 4)}, ShapeError, "attn_mask must be"),
        ({"key_padding_mask": tg.zeros(2, 3)}, ShapeError, "key_padding_mask must be"),
        ({"attn_mask": tg.zeros(3, 3, dtype=tg.int64)}, DTypeError, "must be bool or float"),
        ({"is_causal": True}, ArgumentError, "give the mask, too"),
    ):
        with pytest.raises(error, match=words):
            layer(x, x, x, **keywords)
    with pytest.raises(ShapeError, match="3 dims, or 2"):
        layer(tg.zeros(4), x, x)
    with pytest.raises(ShapeError, match="heads that divide"):
        layer(tg.zeros(3, 1, 5), x, x)
    arguments = (x, x, x, 4, 2, None, None, None, None, False, 0.0, tg.eye(4), None)
    with pytest.raises(ArgumentError, match="in_proj_weight is missing"):
        F.multi_head_attention_forward(*arguments)


def test_static_keys_are_used_as_they_are() -> None:
    one = tg.eye(4)
    x, keys = tg.tensor(draw(3, 2, 4)), tg.tensor(draw(4, 5, 2))
    arguments = (x, x, x, 4, 2, tg.cat([one, one, one]), None, None, None, False, 0.0, one, None)
    y, weights = F.multi_head_attention_forward(*arguments, static_k=keys, static_v=keys)
    q = x.numpy().reshape(3, 2, 2, 2).transpose(1, 2, 0, 3)
    k = keys.numpy().reshape(2, 2, 5, 2)
    wanted = softmax(q @ np.swapaxes(k, -1, -2) / np.sqrt(2))
    assert weights is not None
    np.testing.assert_allclose(weights.numpy(), wanted.mean(1), rtol=1e-4, atol=1e-5)
    out = (wanted @ k).transpose(2, 0, 1, 3).reshape(3, 2, 4)
    np.testing.assert_allclose(y.numpy(), out, rtol=1e-4, atol=1e-5)


def test_attention_passes_gradcheck() -> None:
    layer = nn.MultiheadAttention(4, 2, add_bias_kv=True).double()
    x = tg.tensor(draw(3, 1, 4).astype(np.float64), requires_grad=True)
    gradcheck(lambda a, *p: layer(a, a, a, need_weights=False)[0], (x, *layer.parameters()))


@pytest.mark.parametrize("norm_first", [True, False])
def test_an_encoder_layer_is_its_parts(norm_first: bool) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", norm_first=norm_first)
    x = tg.tensor(draw(5, 2, 8))

    def attend(a: Any) -> Any:
        return layer.self_attn(a, a, a)[0]

    def feed(a: Any) -> Any:
        return layer.linear2(F.gelu(layer.linear1(a)))

    if norm_first:
        y = x + attend(layer.norm1(x))
        y = y + feed(layer.norm2(y))
    else:
        y = layer.norm1(x + attend(x))
        y = layer.norm2(y + feed(y))
    got = layer(x).detach().numpy()
    np.testing.assert_allclose(got, y.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("hint", [True, None])
def test_a_causal_encoder_does_not_look_ahead(hint: bool | None) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8))
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    x = draw(1, 5, 8)
    changed = x.copy()
    changed[0, 3] += 1
    a, b = (encoder(tg.tensor(v), mask=mask, is_causal=hint).detach().numpy() for v in (x, changed))
    np.testing.assert_allclose(a[0, :3], b[0, :3], rtol=1e-5, atol=1e-6)
    assert np.abs(a[0, 3:] - b[0, 3:]).min() > 0


def test_a_transformer_trains_and_its_dropout_stops() -> None:
    net = nn.Transformer(8, 2, 1, 1, 16)
    src, tgt = tg.tensor(draw(4, 2, 8)), tg.tensor(draw(3, 2, 8, seed=1))
    net(src, tgt).square().sum().backward()
    assert all(param.grad is not None for param in net.parameters())
    once, again = (net(src, tgt).detach().numpy() for _ in range(2))
    assert not np.array_equal(once, again)
    net.eval()
    once, again = (net(src, tgt).detach().numpy() for _ in range(2))
    np.testing.assert_array_equal(once, again)


def test_stacks_copy_their_layer() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2)
    first, second = encoder.layers
    assert first is not second
    assert (first.linear1.weight == second.linear1.weight).all().item()
    names = [name for name, _ in encoder.named_parameters()]
    assert "layers.1.self_attn.in_proj_weight" in names
    assert len(names) == 2 * 12


def test_transformers_refuse_what_does_not_fit() -> None:
    net = nn.Transformer(8, 2, 1, 1, 16)
    with pytest.raises(ShapeError, match="batches differ"):
        net(tg.zeros(4, 2, 8), tg.zeros(3, 1, 8))
    with pytest.raises(ShapeError, match="need 8 features"):
        net(tg.zeros(4, 2, 6), tg.zeros(3, 2, 8))
    with pytest.raises(ArgumentError, match="activation must be"):
        nn.TransformerEncoderLayer(8, 2, activation="swish")
    with pytest.raises(ArgumentError, match="num_layers"):
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), -1)
