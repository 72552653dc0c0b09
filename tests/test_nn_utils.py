"""Norms of weights, parametrizations, clipping, folding: on every device."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.errors import ArgumentError, GradientError, ModuleError, ShapeError
from tinygrad_cl.nn.utils import parametrizations, parametrize

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def values(tensor: Any) -> np.ndarray:
    return tensor.detach().numpy()


# ------------------------------------------------------------------------------ norms of weights


def test_weight_norm_splits_trains_and_goes() -> None:
    layer = nn.Linear(4, 3)
    before = values(layer.weight).copy()
    assert nn.utils.weight_norm(layer) is layer
    assert sorted(layer.state_dict()) == ["bias", "weight_g", "weight_v"]
    np.testing.assert_allclose(values(layer.weight_g)[:, 0], np.linalg.norm(before, axis=1), 1e-5)
    np.testing.assert_allclose(values(layer.weight), before, rtol=1e-5)
    layer(tg.ones(2, 4)).sum().backward()
    assert layer.weight_g.grad is not None
    tg.optim.SGD(layer.parameters(), lr=0.1).step()
    after = values(layer.weight).copy()
    assert np.abs(after - before).max() > 1e-3
    twin = copy.deepcopy(layer)
    nn.utils.remove_weight_norm(layer)
    assert type(layer) is nn.Linear
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_allclose(values(layer.weight), after, rtol=1e-6)
    np.testing.assert_allclose(values(twin.weight), after, rtol=1e-6)
    with pytest.raises(ModuleError, match="has no weight norm"):
        nn.utils.remove_weight_norm(layer)


def test_a_computed_weight_cannot_be_assigned_or_split_twice() -> None:
    layer = nn.utils.weight_norm(nn.Linear(4, 3))
    with pytest.raises(ModuleError, match="computed from other parameters"):
        layer.weight = nn.Parameter(tg.zeros(3, 4))
    with pytest.raises(ModuleError, match="computed already"):
        nn.utils.weight_norm(layer)
    with pytest.raises(ModuleError, match="is no parameter"):
        nn.utils.spectral_norm(nn.ReLU())


@pytest.mark.parametrize("old", [True, False])
def test_spectral_norm_brings_the_largest_singular_value_to_one(old: bool) -> None:
    layer = nn.Conv2d(3, 4, 2)
    whole = values(layer.weight).reshape(4, -1).copy()
    make = nn.utils.spectral_norm if old else parametrizations.spectral_norm
    make(layer)
    for _ in range(30):
        layer(tg.ones(1, 3, 3, 3))
    assert np.linalg.norm(values(layer.eval().weight).reshape(4, -1), 2) == pytest.approx(1, 1e-3)
    largest = np.linalg.svd(whole)[1][0]
    np.testing.assert_allclose(values(layer.weight).reshape(4, -1), whole / largest, 1e-2, 1e-4)
    layer(tg.ones(1, 3, 3, 3)).sum().backward()
    assert all(param.grad is not None for param in layer.parameters())
    kept = values(layer.weight).copy()
    if old:
        nn.utils.remove_spectral_norm(layer)
    else:
        parametrize.remove_parametrizations(layer, "weight")
    np.testing.assert_allclose(values(layer.weight), kept, rtol=1e-6)
    assert type(layer) is nn.Conv2d
    assert sorted(layer.state_dict()) == ["bias", "weight"]


def test_evaluation_leaves_the_estimates_alone() -> None:
    for layer in (
        nn.utils.spectral_norm(nn.Linear(3, 4)),
        parametrizations.spectral_norm(nn.Linear(3, 4)),
    ):
        layer.eval()
        before = {name: values(value).copy() for name, value in layer.state_dict().items()}
        layer(tg.ones(1, 3))
        for name, value in layer.state_dict().items():
            np.testing.assert_array_equal(values(value), before[name])


@pytest.mark.parametrize(
    "kind",
    ["matrix_exp", pytest.param("cayley", marks=pytest.mark.host_fallback), "householder"],
)
@pytest.mark.parametrize("shape", [(3, 3), (3, 5)])
def test_orthogonal_weights_stay_orthogonal(kind: str, shape: tuple[int, int]) -> None:
    layer = parametrizations.orthogonal(nn.Linear(shape[1], shape[0]), "weight", kind)
    for _ in range(2):
        (layer(tg.tensor(draw(2, shape[1]))) ** 2).sum().backward()
        tg.optim.SGD(layer.parameters(), lr=0.5).step()
        w = values(layer.weight)
        gram = w.T @ w if shape[0] >= shape[1] else w @ w.T
        np.testing.assert_allclose(gram, np.eye(3), atol=1e-5)


def test_orthogonal_weights_can_be_assigned() -> None:
    layer = parametrizations.orthogonal(nn.Linear(3, 3))
    q = np.linalg.qr(draw(3, 3))[0]
    layer.weight = tg.tensor(q)
    np.testing.assert_allclose(values(layer.weight), q, atol=1e-6)
    with pytest.raises(ArgumentError, match="orthogonal_map"):
        parametrizations.orthogonal(nn.Linear(3, 3), "weight", "qr")
    with pytest.raises(ArgumentError, match="at least 2 dims"):
        parametrizations.orthogonal(nn.Linear(3, 3), "bias")
    with pytest.raises(ArgumentError, match="use_trivialization"):
        parametrizations.orthogonal(nn.Linear(3, 3), "weight", "cayley", use_trivialization=False)


# ------------------------------------------------------------------------------ parametrizations


class Symmetric(nn.Module):
    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return x.triu() + x.triu(1).mT

    def right_inverse(self, x: tg.Tensor) -> tg.Tensor:
        return x.triu()


class Doubled(nn.Module):
    calls = 0

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        Doubled.calls += 1
        return x * 2.0

    def right_inverse(self, x: tg.Tensor) -> tg.Tensor:
        return x / 2.0


class Cut(nn.Module):
    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return x[:1]


def test_parametrizations_follow_each_other() -> None:
    layer = nn.Linear(3, 3)
    before = values(layer.weight).copy()
    parametrize.register_parametrization(layer, "weight", Symmetric())
    wanted = np.triu(before) + np.triu(before, 1).T
    np.testing.assert_allclose(values(layer.weight), wanted, rtol=1e-6)
    parametrize.register_parametrization(layer, "weight", Doubled())
    np.testing.assert_allclose(values(layer.weight), wanted, rtol=1e-5)
    layer.weight = tg.eye(3)
    np.testing.assert_allclose(values(layer.weight), np.eye(3))
    assert type(layer).__name__ == "ParametrizedLinear"
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    assert [name for name, _ in layer.named_parameters()] == [
        "bias",
        "parametrizations.weight.original",
    ]
    original = layer.parametrizations.weight.original
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    assert layer.weight is original
    np.testing.assert_allclose(values(layer.weight), np.eye(3) / 2)


def test_cached_computes_once() -> None:
    layer = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Doubled())
    Doubled.calls = 0
    with parametrize.cached():
        assert layer.weight is layer.weight
    assert Doubled.calls == 1
    assert layer.weight is not layer.weight


def test_a_parametrization_keeps_the_shape_unless_told() -> None:
    layer = nn.Linear(3, 3)
    with pytest.raises(ShapeError, match="unsafe=True"):
        parametrize.register_parametrization(layer, "weight", Cut())
    assert not parametrize.is_parametrized(layer)
    assert type(layer) is nn.Linear
    parametrize.register_parametrization(layer, "weight", Cut(), unsafe=True)
    assert layer.weight.shape == (1, 3)
    with pytest.raises(ModuleError, match="no right_inverse"):
        layer.weight = tg.zeros(1, 3)
    with pytest.raises(ModuleError, match="no parameter or buffer"):
        parametrize.register_parametrization(layer, "nothing", Cut())
    with pytest.raises(ModuleError, match="not parametrized"):
        parametrize.remove_parametrizations(layer, "bias")
    weight_norm = parametrizations.weight_norm(nn.Linear(3, 3))
    with pytest.raises(ArgumentError, match="single original"):
        parametrize.remove_parametrizations(weight_norm, "weight", leave_parametrized=False)


def test_buffers_copies_and_transfers() -> None:
    norm = nn.BatchNorm1d(3)
    parametrize.register_parametrization(norm, "running_mean", Doubled())
    assert [name for name, _ in norm.named_parameters()] == ["weight", "bias"]
    layer = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    twin = copy.deepcopy(layer)
    np.testing.assert_array_equal(values(twin.weight), values(layer.weight))
    assert twin.parametrizations.weight.original is not layer.parametrizations.weight.original
    other = parametrize.transfer_parametrizations_and_params(layer, nn.Linear(3, 3))
    np.testing.assert_array_equal(values(other.weight), values(layer.weight))
    with pytest.raises(ModuleError, match="nothing is parametrized"):
        parametrize.transfer_parametrizations_and_params(nn.Linear(3, 3), layer)


# --------------------------------------------------------------------------------------- clipping


def test_clipping_is_global() -> None:
    """One factor for all: clipping tensor by tensor would change the direction."""
    params = [tg.zeros(2, requires_grad=True), tg.zeros(1, requires_grad=True)]
    (params[0] * tg.tensor([3.0, 0.0]) + params[1] * tg.tensor([4.0, 0.0])).sum().backward()
    unused = tg.zeros(1, requires_grad=True)
    norm = nn.utils.get_total_norm([p.grad for p in params if p.grad is not None])
    assert norm.item() == pytest.approx(5.0)
    assert nn.utils.clip_grad_norm_([*params, unused], 1.0).item() == pytest.approx(5.0)
    np.testing.assert_allclose(values(params[0].grad), [0.6, 0.0], rtol=1e-5)
    np.testing.assert_allclose(values(params[1].grad), [0.8], rtol=1e-5)
    nn.utils.clip_grad_norm_(params, 10.0)  # below the limit nothing changes
    np.testing.assert_allclose(values(params[1].grad), [0.8], rtol=1e-5)
    nn.utils.clip_grads_with_norm_(params, 1.0, tg.tensor(4.0))
    np.testing.assert_allclose(values(params[1].grad), [0.2], rtol=1e-5)
    assert nn.utils.get_total_norm(tg.tensor([3.0, -4.0]), math.inf).item() == 4.0
    assert nn.utils.get_total_norm([]).item() == 0.0
    with pytest.raises(GradientError, match="is inf"):
        nn.utils.get_total_norm(tg.tensor([math.inf]), error_if_nonfinite=True)
    with pytest.raises(ArgumentError, match="norm_type"):
        nn.utils.get_total_norm(tg.ones(1), 0.0)
    with pytest.raises(ArgumentError, match="max_norm"):
        nn.utils.clip_grads_with_norm_(params, -1.0, norm)


# ---------------------------------------------------------------------------------------- folding


@pytest.mark.parametrize("transposed", [False, True])
def test_batch_norm_is_folded_into_the_convolution(transposed: bool) -> None:
    conv = (nn.ConvTranspose2d if transposed else nn.Conv2d)(3, 4, 2, bias=transposed)
    norm = nn.BatchNorm2d(4)
    for i in range(3):
        norm(tg.tensor(draw(2, 4, 3, 3, seed=i) * 2 + 1))
    with pytest.raises(ArgumentError, match="evaluation mode"):
        nn.utils.fuse_conv_bn_eval(conv, norm)
    conv.eval(), norm.eval()
    x = tg.tensor(draw(2, 3, 4, 4))
    fused = nn.utils.fuse_conv_bn_eval(conv, norm, transposed)
    np.testing.assert_allclose(values(fused(x)), values(norm(conv(x))), rtol=1e-4, atol=1e-5)


def test_batch_norm_is_folded_into_the_dense_layer() -> None:
    linear, norm = nn.Linear(3, 4).eval(), nn.BatchNorm1d(4)
    norm(tg.tensor(draw(5, 4)))
    norm.eval()
    x = tg.tensor(draw(2, 3))
    fused = nn.utils.fuse_linear_bn_eval(linear, norm)
    np.testing.assert_allclose(values(fused(x)), values(norm(linear(x))), rtol=1e-4, atol=1e-5)
    with pytest.raises(ArgumentError, match="do not fit"):
        nn.utils.fuse_linear_bn_eval(nn.Linear(3, 5).eval(), norm)
    assert nn.utils.skip_init(nn.Linear, 2, 3).weight.shape == (3, 2)
