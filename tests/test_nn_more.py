"""Further layers: each gives what its function gives, prints its settings, and keeps its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
import tinygrad_cl.nn.functional as F
from tinygrad_cl import Tensor, nn
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.testing import assert_close, gradcheck

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device


def x(*shape: int, seed: int = 0) -> Tensor:
    return tg.tensor(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


IMAGE, VOLUME = (2, 4, 6, 6), (1, 2, 4, 4, 4)

# A layer, its text, the shapes of its inputs, and the same by function.
Row = tuple[nn.Module, str, list[tuple[int, ...]], Callable[..., Any]]
ROWS: list[Row] = [
    (nn.CELU(0.5), "CELU(alpha=0.5)", [(3, 4)], lambda a: F.celu(a, 0.5)),
    (nn.GLU(0), "GLU(dim=0)", [(4, 3)], lambda a: F.glu(a, 0)),
    (nn.Hardshrink(0.3), "Hardshrink(lambd=0.3)", [(3, 4)], lambda a: F.hardshrink(a, 0.3)),
    (nn.Hardsigmoid(), "Hardsigmoid()", [(3, 4)], F.hardsigmoid),
    (nn.Hardswish(), "Hardswish()", [(3, 4)], F.hardswish),
    (nn.RReLU().eval(), "RReLU(lower=0.125, upper=0.3333333333333333)", [(3, 4)], F.rrelu),
    (nn.Softmin(1), "Softmin(dim=1)", [(3, 4)], lambda a: F.softmin(a, 1)),
    (nn.Softshrink(0.3), "Softshrink(lambd=0.3)", [(3, 4)], lambda a: F.softshrink(a, 0.3)),
    (nn.Tanhshrink(), "Tanhshrink()", [(3, 4)], F.tanhshrink),
    (
        nn.Threshold(0.1, 20),
        "Threshold(threshold=0.1, value=20)",
        [(3, 4)],
        lambda a: F.threshold(a, 0.1, 20),
    ),
    (nn.AlphaDropout(0.3).eval(), "AlphaDropout(p=0.3, inplace=False)", [(3, 4)], lambda a: a),
    (
        nn.PixelShuffle(2),
        "PixelShuffle(upscale_factor=2)",
        [IMAGE],
        lambda a: F.pixel_shuffle(a, 2),
    ),
    (
        nn.PixelUnshuffle(3),
        "PixelUnshuffle(downscale_factor=3)",
        [IMAGE],
        lambda a: F.pixel_unshuffle(a, 3),
    ),
    (nn.ChannelShuffle(2), "ChannelShuffle(groups=2)", [IMAGE], lambda a: F.channel_shuffle(a, 2)),
    (
        nn.Unfold(2, stride=2),
        "Unfold(kernel_size=2, dilation=1, padding=0, stride=2)",
        [IMAGE],
        lambda a: F.unfold(a, 2, stride=2),
    ),
    (
        nn.Fold((3, 3), 2),
        "Fold(output_size=(3, 3), kernel_size=2, dilation=1, padding=0, stride=1)",
        [(2, 8, 4)],
        lambda a: F.fold(a, (3, 3), 2),
    ),
    (
        nn.Upsample(scale_factor=1.5, mode="bilinear"),
        "Upsample(size=None, scale_factor=1.5, mode='bilinear', align_corners=None, "
        "recompute_scale_factor=None)",
        [IMAGE],
        lambda a: F.interpolate(a, scale_factor=1.5, mode="bilinear"),
    ),
    (
        nn.MaxPool3d(2, 1),
        "MaxPool3d(kernel_size=2, stride=1, padding=0, dilation=1, return_indices=False, "
        "ceil_mode=False)",
        [VOLUME],
        lambda a: F.max_pool3d(a, 2, 1),
    ),
    (
        nn.AvgPool3d(2, padding=1),
        "AvgPool3d(kernel_size=2, stride=None, padding=1, ceil_mode=False, count_include_pad=True, "
        "divisor_override=None)",
        [VOLUME],
        lambda a: F.avg_pool3d(a, 2, padding=1),
    ),
    (
        nn.AdaptiveAvgPool1d(3),
        "AdaptiveAvgPool1d(output_size=3)",
        [(2, 3, 7)],
        lambda a: F.adaptive_avg_pool1d(a, 3),
    ),
    (
        nn.AdaptiveAvgPool3d((1, 2, None)),
        "AdaptiveAvgPool3d(output_size=(1, 2, None))",
        [VOLUME],
        lambda a: F.adaptive_avg_pool3d(a, (1, 2, None)),
    ),
    *(
        (
            getattr(nn, f"AdaptiveMaxPool{d}d")(3),
            f"AdaptiveMaxPool{d}d(output_size=3, return_indices=False)",
            [(1, 2, *(4,) * d)],
            lambda a, d=d: getattr(F, f"adaptive_max_pool{d}d")(a, 3),
        )
        for d in (1, 2, 3)
    ),
    (
        nn.LocalResponseNorm(3),
        "LocalResponseNorm(size=3, alpha=0.0001, beta=0.75, k=1.0)",
        [IMAGE],
        lambda a: F.local_response_norm(a, 3),
    ),
    (
        nn.PairwiseDistance(1.0),
        "PairwiseDistance(p=1.0, eps=1e-06, keepdim=False)",
        [(3, 4), (3, 4)],
        lambda a, b: F.pairwise_distance(a, b, 1.0),
    ),
    (
        nn.CosineSimilarity(0),
        "CosineSimilarity(dim=0, eps=1e-08)",
        [(3, 4), (3, 4)],
        lambda a, b: F.cosine_similarity(a, b, 0),
    ),
    (
        nn.PoissonNLLLoss(reduction="sum"),
        "PoissonNLLLoss(log_input=True, full=False, eps=1e-08, reduction='sum')",
        [(3, 4), (3, 4)],
        lambda a, b: F.poisson_nll_loss(a, b, reduction="sum"),
    ),
    (
        nn.TripletMarginLoss(swap=True),
        "TripletMarginLoss(margin=1.0, p=2.0, eps=1e-06, swap=True, reduction='mean')",
        [(3, 4), (3, 4), (3, 4)],
        lambda a, b, c: F.triplet_margin_loss(a, b, c, swap=True),
    ),
    (
        nn.TripletMarginWithDistanceLoss(margin=2.0),
        "TripletMarginWithDistanceLoss(distance_function=None, margin=2.0, swap=False, "
        "reduction='mean')",
        [(3, 4), (3, 4), (3, 4)],
        lambda a, b, c: F.triplet_margin_with_distance_loss(a, b, c, margin=2.0),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row[0]).__name__)
def test_layers_without_parameters(row: Row) -> None:
    layer, text, shapes, function = row
    inputs = [x(*shape, seed=i) for i, shape in enumerate(shapes)]
    assert repr(layer) == text
    assert layer.state_dict() == {}
    assert_close(layer(*inputs), function(*inputs), rtol=0, atol=0)


def test_losses_of_targets() -> None:
    scores, classes = x(3, 4), tg.tensor([0, 3, 1])
    labels, shares = tg.tensor([[0, 2, -1, 1]] * 3), x(3, 4).sigmoid()
    weight = tg.tensor([1.0, 2.0, 3.0, 4.0])
    for got, wanted in (
        (nn.MultiMarginLoss(2)(scores, classes), F.multi_margin_loss(scores, classes, 2)),
        (
            nn.MultiMarginLoss(weight=weight)(scores, classes),
            F.multi_margin_loss(scores, classes, weight=weight),
        ),
        (nn.MultiLabelMarginLoss()(scores, labels), F.multilabel_margin_loss(scores, labels)),
        (
            nn.MultiLabelSoftMarginLoss(weight)(scores, shares),
            F.multilabel_soft_margin_loss(scores, shares, weight),
        ),
        (
            nn.GaussianNLLLoss(full=True)(scores, shares, 0.5),
            F.gaussian_nll_loss(scores, shares, 0.5, full=True),
        ),
    ):
        assert_close(got, wanted, rtol=0, atol=0)


def test_losses_of_signs() -> None:
    a, b, line = x(3, 4), x(3, 4, seed=1), x(3)
    signs = tg.tensor([1, -1, 1])
    for got, wanted in (
        (nn.SoftMarginLoss()(line, signs), F.soft_margin_loss(line, signs)),
        (nn.HingeEmbeddingLoss(0.5)(line, signs), F.hinge_embedding_loss(line, signs, 0.5)),
        (
            nn.MarginRankingLoss(0.5)(line, -line, signs),
            F.margin_ranking_loss(line, -line, signs, 0.5),
        ),
        (nn.CosineEmbeddingLoss(0.1)(a, b, signs), F.cosine_embedding_loss(a, b, signs, 0.1)),
    ):
        assert_close(got, wanted, rtol=0, atol=0)


def test_a_loss_keeps_its_weight_in_its_state() -> None:
    assert list(nn.MultiMarginLoss(weight=x(4)).state_dict()) == ["weight"]
    assert list(nn.MultiLabelSoftMarginLoss(x(4)).state_dict()) == ["weight"]


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: nn.Conv3d(2, 4, (1, 2, 3), padding="same", groups=2), (1, 2, 2, 3, 3)),
        (lambda: nn.ConvTranspose1d(2, 3, 3, 2, 1, 1), (2, 2, 4)),
        (lambda: nn.ConvTranspose3d(2, 2, 2, (1, 2, 2)), (1, 2, 2, 2, 2)),
        (lambda: nn.BatchNorm3d(2), (2, 2, 2, 2, 2)),
        (lambda: nn.InstanceNorm1d(3, affine=True), (2, 3, 4)),
        (lambda: nn.InstanceNorm2d(3), (3, 4, 2)),
        (lambda: nn.InstanceNorm3d(2), (1, 2, 2, 2, 2)),
        (lambda: nn.RMSNorm((3, 2)), (2, 3, 2)),
    ],
)
def test_layers_with_parameters_pass_gradcheck(make: Any, shape: tuple[int, ...]) -> None:
    layer = make().double()
    values = np.random.default_rng(0).normal(size=shape)
    given = tg.tensor(values, requires_grad=True)
    gradcheck(lambda a, *parameters: layer(a), (given, *layer.parameters()), order=2)


def test_instance_norm_uses_its_statistics_in_evaluation_mode() -> None:
    layer = nn.InstanceNorm1d(3, track_running_stats=True, momentum=1.0)
    assert list(layer.state_dict()) == ["running_mean", "running_var", "num_batches_tracked"]
    values = x(1, 3, 50)
    first = layer(values).numpy()
    layer.eval()
    np.testing.assert_allclose(layer(values).numpy(), first, rtol=0.05, atol=1e-3)
    with pytest.raises(ShapeError, match="with 3 channels"):
        layer(x(1, 2, 5))
